package api_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api"
	"quoin.dev/quoin/api/apitest"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/quoin/v1/quoinv1connect"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/signature"
)

// council is a network with a client for governance.
type council struct {
	*testing.T
	w        *apitest.Network
	c        *client.Client
	releases quoinv1connect.ReleaseServiceClient
	warnings []string
	salt     uint64
}

func newCouncil(t *testing.T) *council {
	x := &council{T: t, w: apitest.Start(t, apitest.Options{})}
	x.releases = quoinv1connect.NewReleaseServiceClient(http.DefaultClient, x.w.Servers[0].URL())
	var err error
	x.c, err = client.New(client.Options{Endpoints: []client.Endpoint{{URL: x.w.Servers[0].URL()}}, Trust: client.GenesisAnchor(x.w.Genesis),
		Warn: func(s string) { x.warnings = append(x.warnings, s) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.c.Close)
	return x
}

// send certifies a command, and returns its result.
func (x *council) send(key ed25519.PrivateKey, c governance.Command) governance.Code {
	x.Helper()
	x.salt++
	o, err := x.c.Submit(x.ctx(), []quoin.Transaction{x.w.Kernel(key, governance.Encode(c), x.salt, 2000)}, client.Certified)
	if err != nil || o[0].Stage != client.Certified {
		x.Fatalf("%v %v", o, err)
	}
	return governance.Code(o[0].Receipt.Result.Code)
}

// must certifies a command that is carried out.
func (x *council) must(key ed25519.PrivateKey, c governance.Command) {
	x.Helper()
	if code := x.send(key, c); code != governance.OK {
		x.Fatalf("%T: %v", c, code)
	}
}

func (x *council) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	x.Cleanup(cancel)
	return ctx
}

// proposal returns a proposal once it has a status.
func (x *council) proposal(n uint64, status governance.Status) *quoinv1.Proposal {
	x.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r, err := x.c.Proposal(x.ctx(), n)
		if err != nil {
			x.Fatal(err)
		}
		if r.Proposal.Status == status.String() {
			return r.Proposal
		}
		if time.Now().After(end) {
			x.Fatalf("proposal %d is %s, want %v", n, r.Proposal.Status, status)
		}
	}
}

// adopt takes a proposal from its beginning into effect.
func (x *council) adopt(n governance.ProposalNumber) {
	x.Helper()
	x.proposal(uint64(n), governance.StatusPrechecked)
	x.must(x.w.Second, governance.Approve{Proposal: n})
	x.must(x.w.Admin, governance.Schedule{Proposal: n, Height: x.c.Verifier().Newest().Height + 8})
	x.proposal(uint64(n), governance.StatusActive)
}

// TestProposalSaysAll wants who said what, what is missing and why, while a proposal walks its road.
func TestProposalSaysAll(t *testing.T) {
	x := newCouncil(t)
	p := governance.NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "weighted-random"})
	p.Note, p.Plan.Trial = "by weight", 50
	x.must(x.w.Admin, p)
	m := x.proposal(1, governance.StatusPrechecked)
	if m.Subject != "builtin" || m.Class != "L" || m.Slot != "leader.v1" || m.Note != "by weight" || m.ProposerName != "proposer" || m.ProposerOrganisation != "org-0" ||
		m.Plan.GetTrial() != 50 || m.Plan.GetState() != "keep" || m.Binding.GetBuiltin() != "weighted-random" || m.Round != 1 || m.ProposedHeight == 0 {
		t.Errorf("%v", m)
	}
	if v := m.Validators; len(v) != 1 || v[0].Name != "v0" || v[0].Precheck != "passed" || v[0].ReadyHeight != 0 {
		t.Errorf("validators %v", v)
	}
	if c := m.Tally; c.Weight != 1 || c.Quorum != 1 || c.Stop != 1 || c.Prechecked != 1 || c.Approvals != 0 {
		t.Errorf("tally %v", c)
	}
	e, err := x.c.Explain(x.ctx(), 1, "")
	if err != nil || e.Step != "approve" || e.Class != "*" || e.Holds || len(e.Missing) != 1 || e.Missing[0].Text != "approvals >= 1" || e.Missing[0].Facts[0].Value != "0" {
		t.Errorf("%v %v", e, err)
	}
	if i := slices.IndexFunc(e.AllFacts, func(f *quoinv1.Fact) bool { return f.Name == "trial_heights" && f.Value == "50" }); i < 0 {
		t.Errorf("all facts: %v", e.AllFacts)
	}
	x.must(x.w.Second, governance.Approve{Proposal: 1, Note: "fine"})
	m = x.proposal(1, governance.StatusApproved)
	if r := m.Reviews; len(r) != 1 || r[0].Member != "approver" || r[0].Organisation != "org-1" || !r[0].Approves || !r[0].Counts || r[0].Note != "fine" || r[0].Height == 0 {
		t.Errorf("reviews %v", r)
	}
	x.must(x.w.Keys[0], governance.Veto{Proposal: 1, Note: "no"})
	m = x.proposal(1, governance.StatusVetoed)
	if e := m.Ending; e.GetWhy() != "veto" || e.Meaning == "" || e.Note != "no" || e.Height == 0 || m.ClosedHeight == 0 || m.Validators[0].VetoHeight == 0 {
		t.Errorf("%v", m)
	}
	open, err := x.c.Proposals(x.ctx(), &quoinv1.ListProposalsRequest{Open: true})
	if err != nil || len(open.Proposals) != 0 {
		t.Errorf("%v %v", open, err)
	}
}

// TestProposalLists wants pages, and what each subject says.
func TestProposalLists(t *testing.T) {
	x := newCouncil(t)
	next := x.w.Genesis.Configuration.Parameters
	next.HeartbeatMS = 300
	members := append([]quoin.Member{}, x.w.Genesis.Configuration.Members...)
	members[0].Organisation = "org-9"
	policies := append([]quoin.Policy{}, x.w.Genesis.Configuration.Policies...)
	policies[0].Expression += " && true"
	for _, p := range []governance.Propose{governance.NewParameters(next), governance.NewMembers(members), governance.NewPolicies(policies),
		governance.NewUnbind("machine.v1", "kv"), governance.NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "weighted-random"})} {
		x.must(x.w.Admin, p)
	}
	list, err := x.c.Proposals(x.ctx(), &quoinv1.ListProposalsRequest{Limit: 2, Before: 4})
	if err != nil || len(list.Proposals) != 2 || list.Proposals[0].Number != 3 || list.Proposals[1].Number != 2 || list.Height == 0 || len(list.Proposals[0].Validators) != 0 {
		t.Fatalf("%v %v", list, err)
	}
	if c := x.proposal(1, governance.StatusPrechecked).Parameters; len(c) != 1 || c[0].Name != "heartbeat_ms" || c[0].From != 200 || c[0].To != 300 || c[0].Class != "L" {
		t.Errorf("parameters %v", c)
	}
	if m := x.proposal(2, governance.StatusPrechecked); len(m.Members) != 2 || m.Members[0].Organisation != "org-9" || m.Class != "G" {
		t.Errorf("%v", m)
	}
	if m := x.proposal(3, governance.StatusPrechecked); len(m.Policies) != len(policies) || !strings.HasSuffix(m.Policies[0].Expression, "true") {
		t.Errorf("%v", m)
	}
	if m := x.proposal(4, governance.StatusPrechecked); m.Binding != nil || m.Slot != "machine.v1/kv" || m.Subject != "unbind" {
		t.Errorf("%v", m)
	}
	x.adopt(1)
	h, err := x.releases.ListHistory(x.ctx(), connect.NewRequest(&quoinv1.ListHistoryRequest{Slot: governance.ParametersSlot}))
	if err != nil || len(h.Msg.Served) != 2 || len(h.Msg.Served[0].Parameters) != 1 || h.Msg.Served[0].Parameters[0].To != 300 {
		t.Errorf("%v %v", h, err)
	}
	if m := x.proposal(1, governance.StatusActive); len(m.Parameters) != 1 || m.Parameters[0].From != 200 {
		t.Errorf("what an active proposal changed: %v", m.Parameters)
	}
	for name, ask := range map[string]func() error{
		"no such proposal": func() error { _, err := x.c.Proposal(x.ctx(), 99); return err },
		"nothing to explain": func() error {
			_, err := x.c.Explain(x.ctx(), 99, "")
			return err
		},
	} {
		if err := ask(); connect.CodeOf(err) != connect.CodeNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := x.c.Explain(x.ctx(), 1, "nonsense"); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("a step that is none: %v", err)
	}
}

// TestAdministratorsFollowTheChain wants whoever may propose to be able to upload, from the block on that
// says so, and nobody else but the node's own administrators.
func TestAdministratorsFollowTheChain(t *testing.T) {
	x := newCouncil(t)
	own, successor := apitest.Key("own"), apitest.Key("successor")
	s, err := api.Listen(api.Config{Node: x.w.Nodes[0], Listen: "127.0.0.1:0", Plaintext: true, Admins: []quoin.PublicKey{signature.PublicOf(own)}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	file := []byte("\x00asm\x01\x00\x00\x00")
	upload := func(key ed25519.PrivateKey) api.ErrorCode {
		r := connect.NewRequest(&quoinv1.UploadRequest{File: file})
		quoinv1.SignAdmin(r.Header(), key, x.w.Genesis.Origin(), x.w.Nodes[0].Key(), quoinv1connect.ReleaseServiceUploadProcedure, time.Now(), sha256.Sum256(file))
		_, err := quoinv1connect.NewReleaseServiceClient(http.DefaultClient, s.URL()).Upload(x.ctx(), r)
		return codeOf(err)
	}
	// An empty module is refused, but only after the signature was accepted.
	check := func(who string, key ed25519.PrivateKey, want api.ErrorCode) {
		t.Helper()
		if code := upload(key); code != want {
			t.Errorf("%s: %q, want %q", who, code, want)
		}
	}
	check("a proposer", x.w.Admin, api.CodeRefused)
	check("the node's own administrator", own, api.CodeRefused)
	check("an approver", x.w.Second, api.CodeUnauthorized)
	check("a key of nobody", successor, api.CodeUnauthorized)
	old, next := signature.PublicOf(x.w.Admin), signature.PublicOf(successor)
	x.must(x.w.Admin, governance.Rotate{New: next, Signature: signature.Sign(successor, governance.RotationBytes(x.w.Genesis.Origin().ID(), old, next))})
	check("a key that was rotated away", x.w.Admin, api.CodeUnauthorized)
	check("the key that took over", successor, api.CodeRefused)
	check("the node's own administrator", own, api.CodeRefused)
	m, err := x.c.Members(x.ctx())
	if err != nil || len(m.Members) != 2 {
		t.Fatal(m, err)
	}
	for _, who := range m.Members {
		if want := map[string]string{"proposer": "rotated", "approver": "good"}[who.Name]; who.Standing != want {
			t.Errorf("%s is %s, want %s", who.Name, who.Standing, want)
		}
	}
}

// TestDeprecationsAreTold wants everybody who uses what should not be used any more to be warned, and
// nobody else.
func TestDeprecationsAreTold(t *testing.T) {
	x := newCouncil(t)
	x.must(x.w.Admin, governance.NewBuiltin(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "kv", Parameters: []byte{1}}))
	x.adopt(1)
	x.must(x.w.Admin, governance.Deprecate{Proposal: 1, EndOfLife: 900, Note: "kv-2"})
	if len(x.warnings) != 0 {
		t.Errorf("governance is warned: %q", x.warnings)
	}
	status, err := x.c.Status(x.ctx())
	if d := status.GetDeprecations(); err != nil || len(d) != 1 || d[0].Slot != "machine.v1/kv" || d[0].Proposal != 1 || d[0].EndOfUse != 900 || d[0].Note != "kv-2" {
		t.Errorf("%v %v", d, err)
	}
	b, err := x.releases.ListBindings(x.ctx(), connect.NewRequest(&quoinv1.ListBindingsRequest{}))
	if err != nil || len(b.Msg.Bindings) != 2 || b.Msg.Bindings[0].EndOfUse != 0 || b.Msg.Bindings[1].EndOfUse != 900 {
		t.Errorf("%v %v", b, err)
	}
	for end := time.Now().Add(30 * time.Second); len(x.w.Nodes[0].Status().Deprecations) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) { // the snapshot that submissions are warned from is some milliseconds old
			t.Fatal("the node knows of no deprecation")
		}
	}
	if _, err := x.c.Submit(x.ctx(), []quoin.Transaction{apitest.Put("a", "b", 1, 1500)}, client.Certified); err != nil {
		t.Fatal(err)
	}
	if _, err := x.c.Query(x.ctx(), "kv", nil); err != nil {
		t.Fatal(err)
	}
	if len(x.warnings) != 2 || x.warnings[0] != x.warnings[1] || !strings.Contains(x.warnings[0], "nobody should use it from height 900 on (kv-2)") {
		t.Errorf("%q", x.warnings)
	}
	s := x.c.Stream(x.ctx(), false)
	defer s.Close()
	for i := range 3 {
		if _, err := s.Send([]quoin.Transaction{apitest.Put("a", "c", uint64(2+i), 1500)}); err != nil {
			t.Fatal(err)
		}
	}
	for settled := 0; settled < 3; {
		e, err := s.Receive()
		if err != nil {
			t.Fatal(err)
		}
		settled += len(e.Settled)
	}
	if len(x.warnings) != 3 {
		t.Errorf("a stream is warned once: %q", x.warnings)
	}
}
