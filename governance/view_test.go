package governance

import "testing"

// TestMeanings wants every name to have a meaning of its own.
func TestMeanings(t *testing.T) {
	seen := map[string]bool{}
	check := func(name, meaning string) {
		if name == "unknown" || meaning == "" || seen[meaning] {
			t.Errorf("%q means %q", name, meaning)
		}
		seen[meaning] = true
	}
	for w := WhyPrecheck; w < whyEnd; w++ {
		check(w.String(), w.Meaning())
	}
	for c := PrecheckPassed; c < precheckEnd; c++ {
		check(c.String(), c.Meaning())
	}
	for r := HealthGood; r < healthEnd; r++ {
		check(r.String(), r.Meaning())
	}
}
