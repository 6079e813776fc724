package lab

import (
	"errors"
	"slices"
	"testing"

	"quoin.dev/quoin/lab/events"
)

// TestSession: a session that is stepped, sought and taken back is the world that Run plays.
func TestSession(t *testing.T) {
	o := Options{Seed: *first, Blocks: 30, Transactions: 30, Hostile: None}
	want, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	f, err := events.ParseFilter("certifies", "height=5")
	if err != nil {
		t.Fatal(err)
	}
	e, ok := s.Next(f)
	if !ok || e.Height != 5 {
		t.Fatalf("no height 5: %+v", e)
	}
	facts, err := s.Inspect(e.Node)
	if err != nil || !slices.ContainsFunc(facts, func(f Fact) bool { return f.Name == "tip" }) {
		t.Errorf("%v, %v", facts, err)
	}
	there := len(s.Log())
	if err := s.Seek(100); err != nil || len(s.Log()) != 100 {
		t.Fatalf("back to event 100: at %d, %v", len(s.Log()), err)
	}
	if early, err := s.Inspect(e.Node); err != nil || slices.Equal(early, facts) {
		t.Errorf("replica %d at event 100: %v, %v", e.Node, early, err)
	}
	if err := s.Seek(uint64(there)); err != nil {
		t.Fatal(err)
	}
	if again, err := s.Inspect(e.Node); err != nil || !slices.Equal(again, facts) {
		t.Errorf("forth again, and replica %d is not the same: %v, %v, want %v", e.Node, again, err, facts)
	}
	if err := s.Seek(1 << 40); !errors.Is(err, ErrSession) {
		t.Errorf("beyond the end: %v", err)
	}
	if r := s.Report(); r.Digest != want.Digest {
		t.Errorf("a session ends with digest %v, Run with %v", r.Digest, want.Digest)
	}
	if _, err := s.Inspect(9); !errors.Is(err, ErrSession) {
		t.Errorf("replica 9: %v", err)
	}
}

// TestSessionStopsAtWhatIsBroken: the last event is the broken invariant, and looking into it is still possible.
func TestSessionStopsAtWhatIsBroken(t *testing.T) {
	s, err := Open(Options{Seed: 1, Plant: SkipWrite, Hostile: None})
	if err != nil {
		t.Fatal(err)
	}
	f, _ := events.ParseFilter("broken")
	for seed := uint64(1); ; seed++ {
		if _, ok := s.Next(f); ok {
			break
		}
		if seed > 50 {
			t.Fatal("50 seeds do not show the bug")
		}
		if s, err = Open(Options{Seed: seed + 1, Plant: SkipWrite, Hostile: None}); err != nil {
			t.Fatal(err)
		}
	}
	if s.Step() || !s.w.result.Failed() {
		t.Error("it goes on")
	}
	if _, err := s.Inspect(0); err != nil {
		t.Error(err)
	}
}
