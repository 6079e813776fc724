package twins

import (
	"slices"

	"quoin.dev/quoin/consensus"
)

// Shrink returns a simpler scenario that still breaks an invariant: with fewer views, fewer groups,
// fewer early timers, while that is so.
func Shrink(p consensus.Protocol, s Scenario, heal bool, invariant string) Scenario {
	x := newRunner(p)
	breaks := func(c Scenario) bool {
		v := x.run(fixed(c), len(c), heal, nil).Violation
		return v != nil && v.Invariant == invariant
	}
	for {
		i := slices.IndexFunc(simpler(s), breaks)
		if i < 0 {
			return s
		}
		s = simpler(s)[i]
	}
}

// simpler returns the scenarios that are one step simpler, the simplest first.
func simpler(s Scenario) (all []Scenario) {
	if len(s) > 1 {
		for i := range slices.Backward(s) {
			all = append(all, slices.Delete(slices.Clone(s), i, i+1))
		}
	}
	for i := range s {
		all = append(all, changed(s, i, func(v *View) { v.Apart = 0 })...)
		all = append(all, changed(s, i, func(v *View) { v.Early = false })...)
		all = append(all, changed(s, i, func(v *View) { v.Only = 0 })...)
		for p := 1; p < places; p++ {
			all = append(all, changed(s, i, func(v *View) { v.Apart &^= 1 << p })...)
		}
	}
	return all
}

// changed returns the scenario with a change to one view, nothing if that changes nothing.
func changed(s Scenario, i int, change func(*View)) []Scenario {
	c := slices.Clone(s)
	if change(&c[i]); c[i] == s[i] {
		return nil
	}
	return []Scenario{c}
}
