package lab

import (
	"errors"
	"testing"

	"quoin.dev/quoin/plugin/hostile"
	"quoin.dev/quoin/signature"
)

// TestCandidateServesFromTheFirstBlock: a release that nobody governed in leads, through adversity and
// epochs, and all replicas agree, a cold one too.
func TestCandidateServesFromTheFirstBlock(t *testing.T) {
	f, _ := hostile.Find("leader-always-zero")
	c, err := NewCandidate(f.Release(signature.PublicOf(key("author", 0))), nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWorld(Options{Seed: *first, Nodes: 4, Candidate: c, Hostile: None, Blocks: 60, Transactions: 100, Epochs: 2})
	if err != nil {
		t.Fatal(err)
	}
	w.play()
	if r := w.report(); r.Failed() || r.Epochs < 2 {
		t.Fatalf("%+v\n%s", r, r.Replay())
	}
	last := w.nodes[0].replica.Overview().Configuration
	if b, ok := last.Binding("leader.v1"); !ok || b.Release != c.release.Digest() {
		t.Errorf("in the end %+v leads", b)
	}
}

func TestUnknownBuiltinsAreNoCandidates(t *testing.T) {
	for _, c := range [][2]string{{"leader.v1", "nobody"}, {"leader.v1", "kv"}, {"ruler.v1", "round-robin"}} {
		if _, err := NewBuiltinCandidate(c[0], c[1], nil); !errors.Is(err, ErrOptions) {
			t.Errorf("%v: %v", c, err)
		}
	}
	if _, err := NewBuiltinCandidate("leader.v1", "weighted-random", nil); err != nil {
		t.Error(err)
	}
}

// TestAValidationMayRefuseProbes: a candidate that refuses what nobody signed does not look like a stall.
func TestAValidationMayRefuseProbes(t *testing.T) {
	c, err := NewBuiltinCandidate("validation.v1", "signed", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(Options{Seed: *first, Candidate: c, Calm: &Calm{}, Blocks: 20, Transactions: 20})
	if err != nil || r.Failed() {
		t.Fatalf("%v %+v", err, r.Violations)
	}
}
