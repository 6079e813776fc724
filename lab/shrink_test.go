package lab

import (
	"errors"
	"testing"
)

// Planted bugs of several rooms shrink to a few directives, in which the same breaks.
func TestShrink(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bug        Bug
		lines, act int // at most
	}{
		{"vote-twice", 3, 0},
		{"sibling-writes", 4, 0},
		{"lost-bodies", 4, 1},
		{"no-repetition", 3, 1},
		{"short-memory", 3, 0},
		{"tails-as-last", 3, 1},
		{"veto-by-f", 3, 1},
		{"lost-deletes", 3, 0},
	} {
		t.Run(string(c.bug), func(t *testing.T) {
			t.Parallel()
			p, _ := c.bug.find()
			s, err := Shrink(Options{Seed: p.Seed, Plant: c.bug}, 100, nil)
			if err != nil {
				t.Fatal(err)
			}
			v := &s.Report.Violations[0]
			t.Logf("%d runs: %d directives with %d acts are now %d with %d\n%s", s.Runs, len(s.From.Lines()), len(s.From.Acts), len(s.Scenario.Lines()), len(s.Scenario.Acts), s.Scenario)
			if len(s.From.Acts) < 50 || len(s.Scenario.Lines()) > c.lines || len(s.Scenario.Acts) > c.act || s.Removed() < 70 {
				t.Errorf("want at most %d directives, %d acts", c.lines, c.act)
			}
			if !p.found(v) {
				t.Errorf("%s %s breaks, not one of %q", v.Invariant, v.Observer, p.Finds)
			}
			again, err := Parse("again", []byte(s.Scenario.String()))
			if err != nil {
				t.Fatal(err)
			}
			r, err := Run(Options{Seed: p.Seed, Plant: c.bug, Scenario: again})
			if err != nil || !r.Failed() {
				t.Fatalf("it does not fail again: %v", err)
			}
			if x := &r.Violations[0]; r.Digest != s.Report.Digest || !x.same(v) || x.AtUS != v.AtUS { // a panic's text has addresses
				t.Errorf("%s %s at %d µs, digest %v\nnot %s %s at %d µs, digest %v", x.Invariant, x.Observer, x.AtUS, r.Digest, v.Invariant, v.Observer, v.AtUS, s.Report.Digest)
			}
		})
	}
}

// The same options and runs shrink to the same, and every step on the way fails too.
func TestShrinkIsDeterministic(t *testing.T) {
	t.Parallel()
	o := Options{Seed: 1, Plant: "no-repetition"}
	var steps [2][]string
	for i := range steps {
		runs := 1
		s, err := Shrink(o, 15, func(s *Shrunk) bool {
			if runs++; s.Runs != runs || !s.Report.Failed() {
				t.Errorf("run %d of %d, failed: %v", s.Runs, runs, s.Report.Failed())
			}
			steps[i] = append(steps[i], s.Scenario.String())
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		steps[i] = append(steps[i], s.Scenario.String(), s.Report.Digest.String())
	}
	if len(steps[0]) != len(steps[1]) {
		t.Fatalf("%d steps and %d", len(steps[0]), len(steps[1]))
	}
	for i, step := range steps[0] {
		if step != steps[1][i] {
			t.Errorf("step %d:\n%s\n%s", i, step, steps[1][i])
		}
	}
}

// A budget of one run, or somebody who stops at once, leaves what failed first.
func TestShrinkWithinABudget(t *testing.T) {
	t.Parallel()
	o := Options{Seed: 1, Plant: "finalize-after-nullify"}
	first, err := Run(o)
	if err != nil {
		t.Fatal(err)
	}
	for runs := 1; runs <= 5; runs += 2 {
		s, err := Shrink(o, runs, nil)
		if err != nil || s.Runs > runs || !s.Report.Failed() {
			t.Fatalf("%+v, %v", s, err)
		}
		if runs == 1 && (s.Report.Digest != first.Digest || s.Removed() != 0) {
			t.Errorf("without a second run: %d directives removed, digest %v, not %v", s.Removed(), s.Report.Digest, first.Digest)
		}
		r, err := Run(Options{Seed: 1, Plant: o.Plant, Scenario: s.Scenario})
		if err != nil || r.Digest != s.Report.Digest || !r.Failed() {
			t.Errorf("after %d runs the scenario gives digest %v, not %v: %v", runs, r.Digest, s.Report.Digest, err)
		}
	}
	s, err := Shrink(o, 100, func(*Shrunk) bool { return false })
	if err != nil || s.Runs != 2 {
		t.Errorf("stopped after %d runs: %v", s.Runs, err)
	}
}

// A scenario of one's own shrinks as a drawn one does: to fewer nodes, smaller groups and lower numbers.
func TestShrinkAScenario(t *testing.T) {
	t.Parallel()
	scenario, err := Parse("test", []byte(`scenario mine
nodes 7
weights 1 2 1 1 2 1 1
network wan virginia oregon
jitter 20%
link v5,v6 -> v0 delay 90ms
clock v6 +200ms
load 20/s
at 1s slow-disk v1,v2,v6 x50 for 9s
at 2s crash v0,v1,v2,v5 kill after 33 demands for 4s
at 4s one-way v1 -> v6 for 2s
at 400s cut v0 | v1 for 5s
until height 100 transactions 500
`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Shrink(Options{Seed: 3, Plant: "skip-write", Scenario: scenario}, 150, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d runs\n%s", s.Runs, s.Scenario)
	if s.Scenario.Name != "mine-shrunk" || s.Scenario.Nodes != 4 || len(s.Scenario.Lines()) > 4 || s.From != scenario {
		t.Errorf("it is still\n%s", s.Scenario)
	}
}

// What does not fail is not shrunk, nor what a scenario does not tell of.
func TestShrinkRefuses(t *testing.T) {
	t.Parallel()
	if _, err := Shrink(Options{Seed: 1, Blocks: 10, Transactions: 10, Epochs: 1}, 10, nil); !errors.Is(err, ErrSound) {
		t.Errorf("a sound world: %v", err)
	}
	for _, o := range []Options{{Nodes: 3}, {Calm: &Calm{}}} {
		if _, err := Shrink(o, 10, nil); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := Shrink(Options{Seed: 1, Plant: "vote-twice"}, 0, nil); !errors.Is(err, ErrOptions) {
		t.Errorf("no runs: %v", err)
	}
}
