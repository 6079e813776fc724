package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strings"
	"testing"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/observe/health"
)

func statusOf(t *testing.T, s *quoinv1.Status, h *quoinv1.Health, format string) string {
	t.Helper()
	var out bytes.Buffer
	x := &terminal{out: &out, err: &out, format: format}
	if err := x.data(statusView(s, h), func(w io.Writer) { writeStatus(w, s, h) }); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestStatusBeginsWithTheVerdict(t *testing.T) {
	s := &quoinv1.Status{Serving: []*quoinv1.Serving{{Slot: "leader.v1", Name: "fair", Version: "1.0.0", Release: []byte("0123456789"), Proposal: 7, Status: "trial", Since: 40}},
		SamplesDropped: 3, Peers: []*quoinv1.PeerLink{{Key: []byte("a"), Up: true}, {Key: []byte("b")}}, Validators: []*quoinv1.Validator{{Name: "bob", Key: []byte("b")}}}
	for _, x := range []struct {
		health *quoinv1.Health
		begins string
		has    []string
	}{
		{&quoinv1.Health{Verdict: "healthy"}, "healthy\n\nnetwork", nil},
		{&quoinv1.Health{Verdict: "unknown"}, "unknown: the node has no data yet\n", nil},
		{&quoinv1.Health{Verdict: "degraded", Reasons: []*quoinv1.HealthReason{{Alert: health.PluginFaults, Sentence: "calls fault", Playbook: health.Playbook(health.PluginFaults)}, {Sentence: "and more"}}},
			"degraded: calls fault; and more\nnext: quoin release show 7\nnext: read docs/playbooks.md#quoinpluginfaults\n", nil},
		{&quoinv1.Health{Verdict: "failing", Reasons: []*quoinv1.HealthReason{{Alert: health.DiskSlow, Sentence: "slow", Playbook: "p"}}}, "failing: slow\nnext: quoin doctor\nnext: read p\n", nil},
		{&quoinv1.Health{Verdict: "healthy", WindowMs: 28 * 24 * 3_600_000,
			Objectives: []*quoinv1.Objective{{Name: "availability", Target: 0.999, Good: new(0.9995), Left: new(0.5)}, {Name: "clean", Target: 0.999}},
			Indicators: &quoinv1.HealthIndicators{OverMs: 3_600_000, Certification: &quoinv1.Quantiles{Count: 9, P50Us: 5000, P99Us: 70_123}},
			Said:       []*quoinv1.SignedWord{{Proposal: 7, Slot: "leader.v1", Status: "trial", Sentence: "nothing is wrong", Through: 64}}}, "healthy\n",
			[]string{"99.950% good, target 99.900%; 50.0% of the error budget for 28 days is left", "5 ms (p50), 70.1 ms (p99), 9 blocks in 60 min",
				"it said of leader.v1", "proposal 7 (trial): nothing is wrong, up to height 64", "fair 1.0.0 303132333435, from height 40 on, by proposal 7 (trial)",
				"3 could not be replayed", "1 of 2 are up; not bob"}},
	} {
		text := statusOf(t, s, x.health, formatText)
		if !strings.HasPrefix(text, x.begins) {
			t.Errorf("want first %q:\n%s", x.begins, text)
		}
		for _, want := range x.has {
			if !strings.Contains(text, want) {
				t.Errorf("want %q:\n%s", want, text)
			}
		}
		if strings.Contains(text, "clean ") {
			t.Errorf("of clean blocks there is no data:\n%s", text)
		}
	}
}

func TestStatusAsJSONIsComplete(t *testing.T) {
	h := &quoinv1.Health{Verdict: "degraded", Reasons: []*quoinv1.HealthReason{{Alert: "A", Playbook: "p"}},
		Indicators: &quoinv1.HealthIndicators{Defects: map[string]uint64{"split": 2}, Gaps: new(math.NaN())}}
	var v struct {
		Height *uint64
		Name   *string
		Next   []string
		Health struct {
			Verdict    string
			Indicators struct {
				Defects map[string]uint64
				Gaps    *float64
			}
		}
	}
	if err := json.Unmarshal([]byte(statusOf(t, &quoinv1.Status{Height: 5}, h, formatJSON)), &v); err != nil {
		t.Fatal(err)
	}
	if *v.Height != 5 || v.Name == nil || v.Health.Verdict != "degraded" || v.Health.Indicators.Defects["split"] != 2 || v.Health.Indicators.Gaps != nil || len(v.Next) != 1 {
		t.Errorf("%+v", v)
	}
}

// A node may say anything: what is shown stays short, and moves no cursor.
func TestStatusOfALyingNode(t *testing.T) {
	long := strings.Repeat("x\x1b[31m\u202e", 1<<12)
	h := &quoinv1.Health{Verdict: long, WindowMs: math.MaxUint64, Indicators: &quoinv1.HealthIndicators{OverMs: math.MaxUint64, RecoveryLastUs: math.MaxUint64,
		Certification: &quoinv1.Quantiles{Count: math.MaxUint64, P50Us: math.MaxUint64, P99Us: math.MaxUint64}, Defects: map[string]uint64{"\x1b": 1}}}
	for range 1000 {
		h.Reasons = append(h.Reasons, &quoinv1.HealthReason{Sentence: "\x1b[2J"}, nil)
		h.Objectives = append(h.Objectives, nil, &quoinv1.Objective{Good: new(math.Inf(1)), Burns: []*quoinv1.Burn{nil, {Burning: true}}})
		h.Said = append(h.Said, nil)
	}
	s := &quoinv1.Status{Serving: []*quoinv1.Serving{nil}, Peers: []*quoinv1.PeerLink{nil}, Validators: []*quoinv1.Validator{nil}, Deprecations: []*quoinv1.Deprecation{nil}}
	for _, format := range []string{formatText, formatJSON} {
		text := statusOf(t, s, h, format)
		if strings.ContainsAny(text, "\x1b\u202e") && format == formatText {
			t.Errorf("%s: what a node says moves the cursor", format)
		}
		if format == formatText && len(text) > 100_000 {
			t.Errorf("%d bytes", len(text))
		}
	}
}
