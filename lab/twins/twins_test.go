package twins

import (
	"strings"
	"testing"

	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/lab/protocol"
)

func named(t testing.TB, name string) consensus.Protocol {
	t.Helper()
	l, ok := protocol.Named(name)
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	return l.Protocol
}

func explore(s Space) Explored {
	var sum Explored
	for _, j := range s.Jobs() {
		part := j.Explore(nil)
		sum.Add(&part)
	}
	return sum
}

func refute(t *testing.T, p consensus.Protocol, x *Explored) {
	t.Helper()
	if x.Broken > 0 {
		f := x.Found[0]
		t.Errorf("%s breaks %s\nreplay with: go run ./cmd/quoin lab twins --protocol %s --scenario %s", p.Name, f.Violation, p.Name, f.Scenario)
	}
}

// TestSoundProtocols: all scenarios of two views, and some of eight.
func TestSoundProtocols(t *testing.T) {
	for _, l := range protocol.Protocols() {
		if l.Broken != "" {
			continue
		}
		s := Space{Protocol: l.Protocol, Views: 2, Heal: true}
		x := explore(s)
		refute(t, l.Protocol, &x)
		if x.Covered != s.Size() || x.Runs >= x.Covered || x.Forked == 0 || x.Symmetric != 0 {
			t.Errorf("%s: %+v, want all %d scenarios", l.Name, x, s.Size())
		}
		s.Views, s.Early, s.Uneven = 8, true, true
		x = s.Sample(1, 0, 500, nil)
		refute(t, l.Protocol, &x)
		if x.Covered != 500 || x.Runs != 500 || x.Certified < 100 || x.Forked < 50 {
			t.Errorf("%s: too kind: %+v", l.Name, x)
		}
	}
}

// TestPlantedBugs: what two honest copies of one validator can show is caught; so is a bug whose only
// trace is a vote too many.
func TestPlantedBugs(t *testing.T) {
	for _, l := range protocol.Protocols() {
		if l.Twins == "" || l.Name == "chained-unlocked" { // TestTheLockIsWhatIsMissing
			continue
		}
		p, name, invariant := l.Protocol, l.Name, l.Twins
		x := explore(Space{Protocol: p, Views: 2, Heal: true, Symmetry: true})
		if x.Broken == 0 || x.Found[0].Violation.Invariant != invariant {
			t.Errorf("%s: %+v, want a broken %s", name, x, invariant)
			continue
		}
		f := x.Found[0]
		s := Shrink(p, f.Scenario, true, invariant)
		if r := Run(p, s, true, nil); r.Violation == nil || r.Violation.Invariant != invariant || len(s) > len(f.Scenario) {
			t.Errorf("%s: %v was shrunk to %v, which gives %v", name, f.Scenario, s, r.Violation)
		}
		t.Logf("%s: %s: %v", name, s, f.Violation)
	}
}

// TestTheLockIsWhatIsMissing: a scenario in which a two-chain protocol without its lock certifies two
// blocks at one height, in which nobody votes for the second block with the lock in place. Twin a
// alone learns that view 1 is certified, twin b alone does not know that it is proved, and leads.
func TestTheLockIsWhatIsMissing(t *testing.T) {
	s, err := Parse("0@0a23/b,1@0a23/b=a,1@023b/a")
	if err != nil {
		t.Fatal(err)
	}
	if r := Run(named(t, "chained-unlocked"), s, true, nil); r.Violation == nil || r.Violation.Invariant != "I1" {
		t.Errorf("without the lock: %+v", r)
	}
	if r := Run(named(t, "chained-taciturn"), s, true, nil); r.Violation != nil && r.Violation.Invariant != "I5" {
		t.Errorf("with the lock: %+v", r)
	}
	if r := Run(named(t, "chained"), s, true, nil); r.Violation != nil {
		t.Errorf("the protocol: %+v", r)
	}
}

// TestARunStandsForWhatItNeverAsked: playing every scenario by itself finds exactly what the walk
// finds with fewer runs.
func TestARunStandsForWhatItNeverAsked(t *testing.T) {
	s := Space{Protocol: named(t, "simplex-finalize-after-nullify"), Views: 2, Heal: true}
	x := newRunner(s.Protocol)
	one := uint64(0)
	for n := range s.Size() {
		c := Scenario{{Leader: int(n % 4), Apart: uint8(n/4%16) << 1}, {Leader: int(n / 64 % 4), Apart: uint8(n/256) << 1}}
		if x.run(fixed(c), 2, true, nil).Violation != nil {
			one++
		}
	}
	walked := uint64(0)
	for _, j := range s.Jobs() {
		w := walk{space: &s, script: append([]decision{}, j.prefix...)}
		for more := true; more; {
			w.begin()
			broken := x.run(&w, 2, true, nil).Violation != nil
			if w.script = w.script[:w.next]; broken {
				walked += s.share(w.script)
			}
			more = w.advance(len(j.prefix), &Explored{})
		}
	}
	if one == 0 || one != walked {
		t.Errorf("%d of %d scenarios break an invariant one by one, %d as the walk has it", one, s.Size(), walked)
	}
}

// TestSymmetry: it plays fewer, misses no scenario and finds the same bugs.
func TestSymmetry(t *testing.T) {
	s := Space{Protocol: named(t, "simplex-finalize-after-nullify"), Views: 2, Heal: true}
	all := explore(s)
	s.Symmetry = true
	some := explore(s)
	if some.Covered != s.Size() || some.Runs*6 > all.Runs || (some.Broken > 0) != (all.Broken > 0) || some.Symmetric == 0 {
		all.Found, some.Found = nil, nil
		t.Errorf("without symmetry %+v, with %+v", all, some)
	}
	for _, r := range renamings {
		for g := range uint8(groupings) {
			for a := range places {
				for b := range places {
					before, after := View{Apart: g << 1}, View{Apart: r.groups[g] << 1}
					if before.together(a, b) != after.together(int(r.place[a]), int(r.place[b])) {
						t.Fatalf("grouping %d is not renamed as its processes are by %v", g, r.place)
					}
				}
			}
		}
	}
}

func TestRunsRepeat(t *testing.T) {
	p := named(t, "simplex")
	for i := range uint64(50) {
		s := Sample(3, i, 6, true, true)
		seen := 0
		a, b := Run(p, s, true, nil), Run(p, s, true, func(*events.Event) { seen++ })
		if a != b || seen == 0 {
			t.Fatalf("%v went two ways: %+v and %+v", s, a, b)
		}
	}
}

func TestTextOfScenarios(t *testing.T) {
	for i := range uint64(200) {
		s := Sample(5, i, 1+int(i%ViewsMax), i%2 == 0, i%3 == 0)
		back, err := Parse(s.String())
		if err != nil || back.String() != s.String() {
			t.Fatalf("%q was read as %q: %v", s, back, err)
		}
	}
	if s, err := Parse(" 1@3b/0a2~, 0@0a23b "); err != nil || s.String() != "1@0a2/3b~,0@0a23b" {
		t.Errorf("%q, %v", s, err)
	}
	for _, bad := range []string{"", "1", "4@0a23b", "1@0a23", "1@0a2/3/b", "1@0a23bb", "x@0a23b", "1@0a2c3b", "1@0a23b~~", "1@0a23b=", "1@0a23b=1", "1@0a23b~=a", strings.Repeat("1@0a23b,", ViewsMax+1)} {
		if s, err := Parse(bad); err == nil {
			t.Errorf("%q was read as %v", bad, s)
		}
	}
}
