package lab

import (
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
