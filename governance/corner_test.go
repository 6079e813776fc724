package governance

import (
	"fmt"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance/policy"
)

// on begins a script on another genesis.
func on(t *testing.T, change func(*quoin.Configuration)) *script {
	genesis := testGenesis(t)
	change(genesis)
	quoin.SortPolicies(genesis.Policies)
	if err := genesis.Check(); err != nil {
		t.Fatal(err)
	}
	s := &script{t: t, env: testEnvironment(), state: memory{}}
	Init(s.state, genesis)
	return s
}

// TestReturnVoidsWhatIsDueWithIt: a return that comes first in ledger order changes what a proposal of the
// slot was judged against, at the very height at which that would take effect.
func TestReturnVoidsWhatIsDueWithIt(t *testing.T) {
	s := on(t, func(c *quoin.Configuration) { c.Parameters.NoticeHeights = 1 })
	s.play(`at 1
		ann propose fast 1.0.0 1
		adopt 1 5
		at 6
		ann propose fast 1.1.0 2
		consent 2
		rex rollback leader.v1 from 2
		ann schedule 2 at 7
		v1 ready 2
		v2 ready 2
		v3 ready 2
		at 8`)
	p, _ := ReadProposal(s.state, 2)
	if line, _ := ReadServed(s.state, "leader.v1", 3); p.Status != StatusProposed || p.Round != 2 || p.Due != 0 || line.Cause != CauseRollback {
		t.Errorf("the proposal is %s in round %d; the slot's line 3 is by %s: %q", p.Status, p.Round, line.Cause, s.answers)
	}
	if _, more := ReadServed(s.state, "leader.v1", 4); more {
		t.Error("what was judged beside the former release serves")
	}
}

// TestReturnOfWhatIsReplaced: what had to go at the height at which something else took its place has gone, and
// no return brings it back.
func TestReturnOfWhatIsReplaced(t *testing.T) {
	s := newScript(t)
	s.play(`at 1
		ann propose fast 1.0.0 1
		adopt 1 5
		at 6
		ann propose fast 1.1.0 2
		adopt 2 10
		at 9
		fault leader.v1
		fault leader.v1
		fault leader.v1
		at 11
		rex rollback leader.v1 from 3
		at 12`)
	bad, _ := ReadProposal(s.state, 1)
	c := CurrentConfiguration(s.state)
	serving, _ := c.Binding("leader.v1")
	if bad.Status != StatusQuarantined || bad.Ending.Why != WhyFaults || serving.Builtin != "weighted" {
		t.Errorf("what faulted is %s, %+v; %+v serves: %q", bad.Status, bad.Ending, serving, s.answers)
	}
}

// TestManyReturnsAtOneHeight: as many as the commands of a block can ask for.
func TestManyReturnsAtOneHeight(t *testing.T) {
	s := memory{}
	for i := range 400 {
		enter(s, 9, item{slot: fmt.Sprint("machine.v1/n", i)})
	}
	if n := len(loadItems(s, 9)); n != 400 {
		t.Errorf("%d of 400 are due", n)
	}
}

// TestLabelsHaveNoFallback: the fallback under a label would serve nobody, for it names no nodes.
func TestLabelsHaveNoFallback(t *testing.T) {
	s := on(t, func(c *quoin.Configuration) {
		*c = c.WithBinding(quoin.Binding{Hook: "pacemaker.v1", Namespace: "canary", Builtin: "steady", FuelMax: 9, Nodes: []quoin.PublicKey{key("v1")}})
	})
	if got := s.play("at 1\n rex rollback pacemaker.v1/canary from 1"); got != "nothing-before" {
		t.Error(got)
	}
}

// TestEmergencyPolicy: a network may ask more of a responder's emergency; validators have theirs all the
// same, also one that is a responder.
func TestEmergencyPolicy(t *testing.T) {
	s := on(t, func(c *quoin.Configuration) {
		c.Policies = append(c.Policies, quoin.Policy{Class: 'L', Step: policy.StepEmergency, Expression: "false"})
		c.Members = append(c.Members, quoin.Member{Name: "v1", Key: key("v1"), Organisation: "v1.example", Roles: quoin.RoleResponder})
		quoin.SortMembers(c.Members)
	})
	s.play("at 1\n ann propose fast 1.0.0 1\n adopt 1 5\n at 6")
	for _, c := range []struct{ line, want string }{
		{"rex rollback leader.v1 from 2", "policy-refuses"},
		{"rex pause 1", "policy-refuses"},
		{"v1 rollback leader.v1 from 2", "ok"},
		{"v1 rollback leader.v1 from 2", "already-counted"},
		{"v2 rollback leader.v1 from 2", "ok 7"},
	} {
		if got := s.play(c.line); got != c.want {
			t.Errorf("%s: %s, want %s", c.line, got, c.want)
		}
	}
}

// TestSpoofedManifest: a proposal that says other things of a module than the module says of itself ends
// with that reason, whatever its approvers want.
func TestSpoofedManifest(t *testing.T) {
	s := newScript(t)
	s.play("at 1\n ann propose fast 1.0.0 1\n v1 precheck 1 found manifest\n v2 precheck 1 found manifest")
	if p, _ := ReadProposal(s.state, 1); p.Status != StatusRejected || p.Ending.Why != WhyPrecheck || PrecheckCode(p.Ending.Code) != PrecheckManifest {
		t.Errorf("%s, %+v", p.Status, p.Ending)
	}
	if got := s.play("bea approve 1"); got != "proposal-closed" {
		t.Error(got)
	}
}

// TestFalseClaims: what a proposer claims of an author's release, and validators do not find in it, keeps
// nobody from proposing it as it is.
func TestFalseClaims(t *testing.T) {
	for claim, end := range map[string]string{
		"pat propose fast 9.9.9 1 digest fast/1.0.0":   "v1 precheck 1 found manifest\n v2 precheck 1 found manifest",
		"pat propose fast 1.0.0 999 digest fast/1.0.0": "v1 precheck 1 found manifest\n v2 precheck 1 found manifest",
		"pat propose slow 1.0.0 1 digest fast/1.0.0":   "pat cancel 1",
	} {
		s := newScript(t)
		s.play("at 1\n" + claim + "\n" + end)
		if p, _ := ReadProposal(s.state, 1); p.Status.Open() {
			t.Fatalf("%s: %s", claim, p.Status)
		}
		if got := s.play("ann propose fast 1.0.0 1"); got != "ok 2" {
			t.Errorf("after %s: %s", claim, got)
		}
	}
}

// TestLongNotice: however long the notice is, something can be scheduled.
func TestLongNotice(t *testing.T) {
	s := on(t, func(c *quoin.Configuration) { c.Parameters.NoticeHeights = 1 << 20 })
	s.play("at 1\n ann propose fast 1.0.0 1\n consent 1")
	for _, c := range []struct {
		height quoin.Height
		want   string
	}{{1 << 20, "notice-too-short"}, {1<<20 + 2 + AheadHeightsMax, "too-far-ahead"}, {1<<20 + 1, "ok 1048577"}} {
		if got := s.play(fmt.Sprintf("ann schedule 1 at %d", c.height)); got != c.want {
			t.Errorf("at %d: %s, want %s", c.height, got, c.want)
		}
	}
}

// TestDisagreeingShadows: when honest validators' shadows differ, what is shadowed is not deterministic.
func TestDisagreeingShadows(t *testing.T) {
	s := newScript(t)
	s.play("at 1\n" + shadowed + "at 12\n v1 report 1 through 8 digest a\n v2 report 1 through 8 digest b")
	if p, _ := ReadProposal(s.state, 1); p.Status != StatusShadow {
		t.Errorf("two differ, f is 1: %s", p.Status)
	}
	s.play("v3 report 1 through 8 digest c")
	if p, _ := ReadProposal(s.state, 1); p.Status != StatusRejected || p.Ending.Why != WhyDisagreement {
		t.Errorf("three differ: %s, %+v", p.Status, p.Ending)
	}
}
