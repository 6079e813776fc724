package lab

import (
	"slices"
	"testing"
)

// TestPlantedBugs shows that the observers see what they are for: each bug, planted in all honest
// replicas, is reported as a broken invariant within a few seeds.
func TestPlantedBugs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		bug       Bug
		behaviour Behaviour
		breaks    []string
	}{
		{VoteTwice, Equivocate, []string{"I8"}},
		{FinalizeAfterNullify, None, []string{"I8"}},
		{ForgetVotes, None, []string{"I8"}},
		{SmallQuorum, None, []string{"I1", "I8"}},
		{StaleParent, Fork, []string{"I1", "I5", "I8"}},
		{SkipWrite, None, []string{"I8"}},
	} {
		t.Run(string(c.bug), func(t *testing.T) {
			for seed := uint64(1); seed <= 20; seed++ {
				r, err := Run(Options{Seed: seed, Plant: c.bug, Byzantine: c.behaviour, Hostile: None})
				if err != nil {
					t.Fatal(err)
				}
				if !r.Failed() {
					continue
				}
				v := r.Violations[0]
				t.Logf("seed %d after %d ms: %s: %s", seed, v.AtUS/1000, v.Invariant, v.Text)
				if !slices.Contains(c.breaks, v.Invariant) {
					t.Errorf("want one of %v", c.breaks)
				}
				return
			}
			t.Errorf("nobody saw %s", c.bug)
		})
	}
}
