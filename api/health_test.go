package api_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api"
	"quoin.dev/quoin/api/apitest"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/quoin/v1/quoinv1connect"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/observe/health"
	"quoin.dev/quoin/replica"
)

func askHealth(t *testing.T, c api.Config) (*quoinv1.Health, *quoinv1.Status) {
	t.Helper()
	c.Listen, c.Plaintext = "127.0.0.1:0", true
	s, err := api.Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	x := quoinv1connect.NewStatusServiceClient(http.DefaultClient, s.URL())
	h, err := x.GetHealth(context.Background(), connect.NewRequest(&quoinv1.GetHealthRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	status, err := x.GetStatus(context.Background(), connect.NewRequest(&quoinv1.GetStatusRequest{}))
	if err != nil {
		t.Fatal(err)
	}
	return h.Msg, status.Msg
}

func TestHealthWithoutAModelIsUnknown(t *testing.T) {
	w := apitest.Start(t, apitest.Options{})
	h, s := askHealth(t, api.Config{Node: w.Nodes[0]})
	if h.Verdict != "unknown" || h.Indicators != nil || len(h.Objectives) != 0 || h.BeganMs != 0 {
		t.Errorf("%v", h)
	}
	if s.Name != "" || s.Program != "" || s.Dashboard != "" || s.ClockMs == 0 {
		t.Errorf("%v", s)
	}
	if hash := w.Genesis.Hash(); quoin.Hash(s.Genesis) != hash {
		t.Errorf("the genesis is %x, want %s", s.Genesis, hash)
	}
}

func TestHealthIsWhatTheModelSays(t *testing.T) {
	w := apitest.Start(t, apitest.Options{})
	m := health.New(health.Targets{})
	at := time.Now().Add(-time.Minute)
	status := w.Nodes[0].Status()
	status.At, status.Pending = at, 0
	m.Described(&status)
	h, _ := askHealth(t, api.Config{Node: w.Nodes[0], Health: func() health.Report { return m.Report(at.Add(time.Second)) }})
	if h.Verdict != "healthy" || h.Indicators.GetCertification() != nil || h.Indicators.Gaps != nil || h.Objectives[1].Good != nil || h.Objectives[0].GetGood() != 1 {
		t.Errorf("of what there is no data the node says something: %v", h)
	}
	for range 30 {
		at = at.Add(time.Second)
		m.Synced(node.FileVotes, 2*time.Millisecond)
		m.Called(node.Call{Took: time.Millisecond})
		m.Progressed(at, replica.Progress{Kind: replica.ProgressCertified, WaitMS: 20, Gaps: 1})
	}
	m.Happened(at, &replica.Event{Kind: replica.SplitSeen})
	h, s := askHealth(t, api.Config{Node: w.Nodes[0], Name: "alice", Program: "v1.2.3", Dashboard: func() string { return "http://127.0.0.1:1" },
		Health: func() health.Report { return m.Report(at) }})
	i := h.GetIndicators()
	if h.Verdict != "failing" || h.Reasons[0].Alert != health.Split || h.Reasons[0].Code != "split" || h.Reasons[0].Severity != "grave" || h.Reasons[0].Playbook == "" {
		t.Errorf("%v", h)
	}
	if i.GetCertification().GetCount() != 30 || i.GetGaps() != 0.5 || i.GetFsync().GetP50Us() < 1800 || i.GetFsync().GetP50Us() > 2200 || i.GetDefects()["split"] != 1 {
		t.Errorf("%v", i)
	}
	if h.WindowMs != uint64((28*24*time.Hour).Milliseconds()) || len(h.Objectives) != 3 || len(h.Objectives[0].Burns) != 3 {
		t.Errorf("%v", h)
	}
	if s.Name != "alice" || s.Program != "v1.2.3" || s.Dashboard == "" || len(s.Serving) == 0 {
		t.Errorf("%v", s)
	}
}

// TestHealthTellsWhatTheValidatorSaid follows a proposal from its shadow to its trial and beyond.
func TestHealthTellsWhatTheValidatorSaid(t *testing.T) {
	x := newCouncil(t)
	p := governance.NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "weighted-random"})
	p.Plan.Shadow, p.Plan.Trial = 16, 400
	x.must(x.w.Admin, p)
	x.proposal(1, governance.StatusPrechecked)
	x.must(x.w.Second, governance.Approve{Proposal: 1})
	if said := x.said("", 0); len(said) != 0 {
		t.Errorf("of what is only approved it said %v", said)
	}
	x.must(x.w.Admin, governance.Shadow{Proposal: 1})
	if w := x.said("shadow", 1)[0]; w.Proposal != 1 || w.Slot != "leader.v1" || w.Kind != "report" || w.Through%16 != 0 || w.Code != "same" && w.Code != "differs" || w.Bad != (w.Code == "differs") {
		t.Errorf("of a shadow it said %v", w)
	}
	x.must(x.w.Admin, governance.Schedule{Proposal: 1, Height: x.c.Verifier().Newest().Height + 40})
	if w := x.said("trial", 1)[0]; w.Kind != "health" || w.Code == "" || w.Sentence == "" {
		t.Errorf("of a trial it said %v", w)
	}
	x.must(x.w.Admin, governance.Confirm{Proposal: 1})
	if w := x.said("active", 0)[0]; w.Kind != "health" || w.Slot != "leader.v1" || w.Sentence == "" {
		t.Errorf("of what is active it said %v", w)
	}
}

// said returns what the validator said once it is about a proposal of a status, and speaks of a height; an
// empty status is that it says nothing.
func (x *council) said(status string, least uint64) []*quoinv1.SignedWord {
	x.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		h, err := x.c.Health(x.ctx())
		if err != nil {
			x.Fatal(err)
		}
		if status == "" || len(h.Said) == 1 && h.Said[0].Status == status && h.Said[0].Through >= least {
			return h.Said
		}
		if time.Now().After(end) {
			x.Fatalf("want a word of a proposal that is %s: %v", status, h.Said)
		}
	}
}
