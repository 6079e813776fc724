package policy

import (
	"bytes"
	"slices"
	"testing"

	"quoin.dev/quoin"
)

// change makes one fact another.
type change struct {
	name string
	of   func(*Facts)
}

var (
	oneApproval     = change{"one approval", func(f *Facts) { f.Approvals, f.Organisations = 1, 1 }}
	oneOrganisation = change{"one organisation", func(f *Facts) { f.Organisations = 1 }}
	rejected        = change{"a rejection", func(f *Facts) { f.Rejections = 1 }}
	rejectedTwice   = change{"two rejections", func(f *Facts) { f.Rejections = 2 }}
	patch           = change{"a patch", func(f *Facts) { f.Patch = true }}
	patchApproved   = change{"a patch that nobody approves", func(f *Facts) { f.Patch, f.Approvals, f.Organisations = true, 0, 0 }}
	patchOne        = change{"a patch with one approval", func(f *Facts) { f.Patch, f.Approvals, f.Organisations = true, 1, 1 }}
	insecure        = change{"a failed assessment", func(f *Facts) { f.Security.Failed = 1 }}
	unassessed      = change{"no assessment", func(f *Facts) { f.Security = nil }}
	worse           = change{"a worse verdict", func(f *Facts) { f.Benchmark.Worse = 1 }}
	unmeasured      = change{"no verdict", func(f *Facts) { f.Benchmark = nil }}
	untried         = change{"no trial declared", func(f *Facts) { f.TrialHeights = 0 }}
	shortTrial      = change{"a short trial declared", func(f *Facts) { f.TrialHeights = 199 }}
	unbind          = change{"an unbind", func(f *Facts) {
		f.Subject, f.TrialHeights, f.ShadowHeights, f.Incumbent, f.Shadow = "unbind", 0, 0, false, nil
	}}
	shorterShadow   = change{"less shadow than declared", func(f *Facts) { f.Shadow.Heights = 127 }}
	undeclared      = change{"no shadow declared", func(f *Facts) { f.ShadowHeights, f.Shadow = 0, nil }}
	noShadow        = change{"no report of the shadow", func(f *Facts) { f.Shadow = nil }}
	shortShadow     = change{"a short shadow", func(f *Facts) { f.ShadowHeights, f.Shadow.Heights = 99, 99 }}
	patchShadow     = change{"a short shadow of a patch", func(f *Facts) { f.Patch, f.ShadowHeights, f.Shadow.Heights = true, 20, 20 }}
	patchNoShadow   = change{"a shadow too short for a patch", func(f *Facts) { f.Patch, f.ShadowHeights, f.Shadow.Heights = true, 19, 19 }}
	nothingCompared = change{"nothing compared", func(f *Facts) { f.Shadow.Compared, f.Shadow.Skipped = 0, 0 }}
	mostSkipped     = change{"half skipped", func(f *Facts) { f.Shadow.Skipped = f.Shadow.Compared }}
	faulty          = change{"a fault in the shadow", func(f *Facts) { f.Shadow.Faults = 1 }}
	diverged        = change{"a result that differs", func(f *Facts) { f.Shadow.Diverged = 1 }}
	meant           = change{"a result that differs as announced", func(f *Facts) { f.Shadow.Diverged, f.Diverges = 1, true }}
	firstOfSlot     = change{"an empty slot", func(f *Facts) { f.Incumbent, f.ShadowHeights, f.Shadow = false, 0, nil }}
	limits          = change{"parameters", func(f *Facts) { f.Subject, f.ShadowHeights, f.Shadow = "parameters", 0, nil }}
	liveness        = change{"a result of class L that differs", func(f *Facts) { f.Class, f.Shadow.Diverged = "L", 1 }}
	noTrial         = change{"no report of the trial", func(f *Facts) { f.Trial = nil }}
	earlyTrial      = change{"an early trial", func(f *Facts) { f.Trial.Blocks = 99 }}
	twoThirds       = change{"two thirds say good", func(f *Facts) { f.Weight, f.Trial.Good = 6, 4 }}
	bad             = change{"one says bad", func(f *Facts) { f.Weight, f.Trial.Good, f.Trial.Bad = 4, 3, 1 }}
	badOfNode       = change{"one says bad of class N", func(f *Facts) { f.Class, f.Weight, f.Trial.Good, f.Trial.Bad = "N", 4, 3, 1 }}
	bare            = change{"no evidence at all", func(f *Facts) { f.Security, f.Benchmark, f.Shadow, f.Trial = nil, nil, nil, nil }}
)

// Every policy holds of facts as they should be, still holds after harmless changes, and after each of the
// others does not. Every change starts from the same facts.
func TestDefaultPolicies(t *testing.T) {
	tests := []struct {
		name           string
		policies       []quoin.Policy
		class          byte
		step           string
		before         func(*Facts) // makes the facts such that the policy holds
		holds, failing []change
	}{
		{"production", Defaults(2), '*', StepApprove, nil, []change{patch, patchOne, bare}, []change{oneApproval, oneOrganisation, rejected, patchApproved}},
		{"production", Defaults(2), 'G', StepApprove, nil, []change{rejected, bare}, []change{oneApproval, oneOrganisation, patchOne}},
		{"production", Defaults(2), '*', StepReject, rejectedTwice.of, []change{bare}, []change{rejected}},
		{"production", Defaults(2), '*', StepShadow, nil, []change{diverged, meant}, []change{faulty, noShadow, bare}},
		{"production", Defaults(2), 'D', StepShadow, nil, []change{meant}, []change{diverged, faulty, noShadow, bare}},
		{"production", Defaults(2), '*', StepActivate, nil, []change{unassessed, unmeasured, undeclared, unbind, diverged, patch},
			[]change{insecure, worse, untried, shortTrial, shorterShadow, noShadow, bare}},
		{"production", Defaults(2), 'D', StepActivate, nil, []change{unassessed, unmeasured, unbind, meant, patch, patchShadow, firstOfSlot, limits},
			[]change{insecure, worse, untried, shortTrial, shorterShadow, shortShadow, patchNoShadow, noShadow, undeclared, nothingCompared, mostSkipped, faulty, diverged, bare}},
		{"production", Defaults(2), 'G', StepActivate, nil, []change{unassessed, untried, noShadow, bare}, []change{insecure}},
		{"production", Defaults(2), '*', StepConfirm, nil, []change{patch, diverged, bad}, []change{noTrial, earlyTrial, twoThirds, badOfNode, bare}},
		{"light", Light(2), '*', StepApprove, nil, []change{patchOne, oneOrganisation, rejected, bare}, []change{oneApproval, patchApproved}},
		{"light", Light(2), '*', StepReject, rejectedTwice.of, []change{bare}, []change{rejected}},
		{"light", Light(2), '*', StepShadow, nil, []change{meant, liveness}, []change{diverged, faulty, noShadow, bare}},
		{"light", Light(2), '*', StepActivate, nil, []change{unassessed, untried, undeclared, diverged, worse}, []change{insecure, shorterShadow, noShadow, bare}},
		{"light", Light(2), '*', StepConfirm, nil, []change{earlyTrial, faulty, bad}, []change{noTrial, twoThirds, badOfNode, bare}},
	}
	j := NewJudge()
	tested := map[string]bool{}
	for _, test := range tests {
		i := slices.IndexFunc(test.policies, func(p quoin.Policy) bool { return p.Class == test.class && p.Step == test.step })
		if i < 0 {
			t.Errorf("%s: no policy of class %c for %s", test.name, test.class, test.step)
			continue
		}
		expression := test.policies[i].Expression
		tested[expression] = true
		facts := func() *Facts {
			f := sample()
			f.Trial = &Trial{Blocks: 100, Good: 3}
			if test.before != nil {
				test.before(f)
			}
			return f
		}
		if x := j.Explain(expression, facts()); !x.Holds {
			t.Errorf("%s, %c %s does not hold of facts as they should be:\n%s", test.name, test.class, test.step, x)
		}
		for _, want := range []bool{true, false} {
			changes := test.failing
			if want {
				changes = test.holds
			}
			for _, c := range changes {
				f := facts()
				c.of(f)
				if x := j.Explain(expression, f); x.Holds != want {
					t.Errorf("%s, %c %s with %s: want %v\n%s", test.name, test.class, test.step, c.name, want, x)
				}
			}
		}
	}
	for _, p := range append(Defaults(2), Light(2)...) {
		if !tested[p.Expression] && p.Expression != "true" {
			t.Errorf("class %c, %s is not tested: %s", p.Class, p.Step, p.Expression)
		}
	}
}

// Both sets stand in canonical order, pass Check, judge every step of every class, and ask for what a
// network with so few approvers can give.
func TestDefaultPoliciesAreComplete(t *testing.T) {
	j := NewJudge()
	for approvals := range 6 {
		for _, policies := range [][]quoin.Policy{Defaults(approvals), Light(approvals)} {
			steps := map[string]bool{}
			for i, p := range policies {
				if err := j.Check(p.Expression); err != nil {
					t.Errorf("class %c, %s: %v", p.Class, p.Step, err)
				}
				if p.Class == quoin.PolicyEveryClass {
					steps[p.Step] = true
				}
				if i > 0 && bytes.Compare(key(policies[i-1]), key(p)) >= 0 {
					t.Errorf("class %c, %s is out of order", p.Class, p.Step)
				}
			}
			for _, step := range Steps() {
				if !steps[step.Name] {
					t.Errorf("no policy for %s", step.Name)
				}
			}
			c := quoin.Configuration{Policies: policies}
			for _, class := range []byte("NLDG") {
				expression, ok := c.Policy(class, StepApprove)
				n := int64(max(approvals, 1))
				enough := &Facts{Approvals: n, Organisations: min(n, 2)}
				short := &Facts{Approvals: n - 1, Organisations: min(n-1, 2)}
				if !ok || !j.Holds(expression, enough) || j.Holds(expression, short) {
					t.Errorf("class %c, %d approvals: %s", class, n, expression)
				}
			}
		}
	}
}

func key(p quoin.Policy) []byte { return append([]byte{p.Class}, p.Step...) }
