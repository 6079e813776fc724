package governance

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance/policy"
)

var (
	seedFlag  = flag.Uint64("governance.seed", 0, "the one seed of the property test; 0 for 1, 2, 3, ...")
	stepsFlag = flag.Int("governance.steps", 60_000, "how many steps the property test takes in all; at a million every cell must be met")
)

const (
	stepsPerSeed = 2_500
	cellMin      = 100 // how often each cell of the table must be met in a million steps
)

// swift judges the policies of propertyGenesis, and no others, without compiling anything.
type swift map[string]func(*policy.Facts) bool

func (j swift) Check(expression string) error {
	if j[expression] == nil {
		return errors.New("unknown policy")
	}
	return nil
}

func (j swift) Holds(expression string, f *policy.Facts) bool {
	judge, ok := j[expression]
	return ok && judge(f)
}

var swiftJudge = swift{
	"true":                                 func(*policy.Facts) bool { return true },
	"approvals >= 1":                       func(f *policy.Facts) bool { return f.Approvals >= 1 },
	"approvals >= 2":                       func(f *policy.Facts) bool { return f.Approvals >= 2 },
	"approvals >= 2 && organisations >= 2": func(f *policy.Facts) bool { return f.Approvals >= 2 && f.Organisations >= 2 },
	"patch ? approvals >= 1 : approvals >= 2": func(f *policy.Facts) bool { return f.Approvals >= 2 || f.Patch && f.Approvals >= 1 },
	"rejections >= 2":                         func(f *policy.Facts) bool { return f.Rejections >= 2 },
	"shadow.faults == 0":                      func(f *policy.Facts) bool { return f.Shadow != nil && f.Shadow.Faults == 0 },
	"3 * trial.good > 2 * weight":             func(f *policy.Facts) bool { return f.Trial != nil && 3*f.Trial.Good > 2*f.Weight },
	"shadow_heights == 0 || shadow.heights > 0": func(f *policy.Facts) bool {
		return (f.Security == nil || f.Security.Failed == 0) && (f.ShadowHeights == 0 || f.Shadow != nil && f.Shadow.Heights > 0)
	},
}

// propertyGenesis is a chain on which everything goes fast.
func propertyGenesis(t testing.TB, policies []quoin.Policy) *quoin.Configuration {
	c := testGenesis(t)
	c.Parameters.NoticeHeights, c.Parameters.ActivationDelayHeights, c.Parameters.ActivationRetries = 2, 2, 2
	c.Policies = policies
	return c
}

func swiftPolicies() []quoin.Policy {
	policies := []quoin.Policy{
		{Class: '*', Step: policy.StepApprove, Expression: "approvals >= 2"},
		{Class: '*', Step: policy.StepReject, Expression: "rejections >= 2"},
		{Class: '*', Step: policy.StepShadow, Expression: "shadow.faults == 0"},
		{Class: '*', Step: policy.StepActivate, Expression: "shadow_heights == 0 || shadow.heights > 0"},
		{Class: '*', Step: policy.StepConfirm, Expression: "3 * trial.good > 2 * weight"},
		{Class: '*', Step: policy.StepDeprecate, Expression: "true"},
		{Class: '*', Step: policy.StepRetire, Expression: "true"},
		{Class: 'N', Step: policy.StepEmergency, Expression: "true"},
	}
	quoin.SortPolicies(policies)
	return policies
}

// TestRandomCommands sends random commands. After each an observer, which knows only what was sent and
// what was answered, says where every proposal must stand, and at each height what the configuration must
// be; refused commands change nothing, nothing panics, and the audit's events replayed give the same
// state.
func TestRandomCommands(t *testing.T) {
	cells, seen := map[cell]int{}, map[string]int{}
	first, last := uint64(1), uint64(*stepsFlag/stepsPerSeed)
	if *seedFlag != 0 {
		first, last = *seedFlag, *seedFlag
	}
	for seed := first; seed <= last; seed++ {
		w := newWorld(seed, propertyGenesis(t, swiftPolicies()), swiftJudge, Flaws{})
		if broken := w.run(stepsPerSeed); broken != "" {
			t.Fatalf("seed %d: %s\nreplay: go test ./governance -run TestRandomCommands -governance.seed %d", seed, broken, seed)
		}
		for c, n := range w.cells {
			cells[c] += n
		}
		for what, n := range w.seen {
			seen[what] += n
		}
	}
	if *seedFlag == 0 {
		checkCoverage(t, cells, seen)
	}
}

// checkCoverage wants every cell of the table of statuses and commands: taken where the road goes on,
// refused where it does not.
func checkCoverage(t *testing.T, cells map[cell]int, seen map[string]int) {
	t.Helper()
	wanted := 0
	if *stepsFlag >= 1_000_000 {
		wanted = cellMin
	}
	met := map[string]int{}
	for _, status := range Statuses() {
		for kind := KindApprove; kind <= KindRetire; kind++ {
			taken := len(road[status][Event(kind)]) > 0
			switch {
			case kind == KindLift:
				continue
			case kind == KindRollback && !taken:
				continue // it names a slot, which nothing else serves
			}
			n := cells[cell{status, kind, taken}]
			name := fmt.Sprintf("%s, command %d, taken %v", status, kind, taken)
			if met[name] = n; n < wanted {
				t.Errorf("%s: met %d times, want %d", name, n, wanted)
			}
		}
	}
	rarest := slices.SortedFunc(maps.Keys(met), func(a, b string) int { return cmp.Or(met[a]-met[b], strings.Compare(a, b)) })
	for _, name := range rarest[:12] {
		t.Logf("%s: met %d times", name, met[name])
	}
	for status, events := range road { // any order: all are wanted
		for _, following := range events { // any order
			for _, next := range following {
				if what := passage(status, next); status != next && seen[what] < wanted/cellMin {
					t.Errorf("%s: never met", what)
				}
			}
		}
	}
	for _, what := range []string{"moved", "moved too often", "void", "void when due", "void return", "return: pause", "return: rollback", "return: quarantine", "return: unconfirmed", StaleVoice.String()} {
		if seen[what] < wanted/cellMin {
			t.Errorf("%s: never met", what)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%s: %d", what, seen[what])
	}
}

// TestRandomCommandsWithPolicies is the same with the real judge and the policies that networks have.
// Those of a production network want long windows.
func TestRandomCommandsWithPolicies(t *testing.T) {
	for name, policies := range map[string][]quoin.Policy{"light": policy.Light(2), "defaults": policy.Defaults(2)} {
		t.Run(name, func(t *testing.T) {
			seen := map[string]int{}
			for seed := uint64(1); seed <= uint64(max(3, *stepsFlag/20/stepsPerSeed)); seed++ {
				genesis := propertyGenesis(t, policies)
				if name == "defaults" {
					genesis.Parameters.ReportHeights = 16
				}
				w := newWorld(seed, genesis, policy.NewJudge(), Flaws{})
				if name == "defaults" {
					w.pace, w.calm, w.shadows, w.trials = 2, 16, []uint64{0, 100}, []uint64{200}
				}
				if broken := w.run(stepsPerSeed); broken != "" {
					t.Fatalf("seed %d: %s\nreplay: go test ./governance -run TestRandomCommandsWithPolicies/%s", seed, broken, name)
				}
				for what, n := range w.seen {
					seen[what] += n
				}
			}
			if seen[passage(StatusScheduled, StatusTrial)] == 0 || seen[passage(StatusTrial, StatusActive)] == 0 {
				t.Errorf("no trial was confirmed: %v", seen)
			}
		})
	}
}

// TestPlantedFlaws checks that the observer sees what it is there to see.
func TestPlantedFlaws(t *testing.T) {
	for name, f := range map[string]Flaws{
		"AuthorApproves":       {AuthorApproves: true},
		"OldApprovals":         {OldApprovals: true},
		"VetoByF":              {VetoByF: true},
		"ReadyInOldSet":        {ReadyInOldSet: true},
		"EarlyEpoch":           {EarlyEpoch: true},
		"LateActivation":       {LateActivation: true},
		"KeepVotes":            {KeepVotes: true},
		"StaleVoices":          {StaleVoices: true},
		"ActivateUnready":      {ActivateUnready: true},
		"ActivateUnjudged":     {ActivateUnjudged: true},
		"EmergencyActivates":   {EmergencyActivates: true},
		"ConfirmUnjudged":      {ConfirmUnjudged: true},
		"EndlessTrial":         {EndlessTrial: true},
		"ReturnToAndFro":       {ReturnToAndFro: true},
		"RefusedCommandWrites": {RefusedCommandWrites: true},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := uint64(1); seed <= 20; seed++ {
				w := newWorld(seed, propertyGenesis(t, swiftPolicies()), swiftJudge, f)
				if broken := w.run(stepsPerSeed); broken != "" {
					t.Logf("seed %d: %s", seed, fmt.Sprintf("%.200s", broken))
					return
				}
			}
			t.Error("not caught")
		})
	}
}
