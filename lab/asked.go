package lab

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// Asked is what became of the questions to a binding of the candidate, over all honest replicas. A question
// that ends in a fault is answered by the hook's fallback in the candidate's place.
type Asked struct {
	Slot   string     `json:"slot"`
	Calls  uint64     `json:"calls"`
	Faults uint64     `json:"faults"`
	First  hook.Fault `json:"first_fault"` // FaultNone if there is none
	Fuel   uint64     `json:"fuel"`
}

// Add adds what another binding, or another world, counted.
func (a *Asked) Add(b Asked) {
	a.Calls, a.Faults, a.Fuel = a.Calls+b.Calls, a.Faults+b.Faults, a.Fuel+b.Fuel
	if a.First == hook.FaultNone {
		a.First = b.First
	}
}

// meter counts the questions of an honest node to the candidate. Whatever governance brings to the same
// slots is not counted.
func (n *node) meter() {
	w := n.w
	bindings := w.o.Candidate.Bindings()
	if len(bindings) == 0 || n.behaviour != None {
		return
	}
	n.table.Meter(func(b quoin.Binding, o plugin.Outcome) {
		for i := range bindings {
			if c := &bindings[i]; b.Slot() == c.Slot() && b.Release == c.Release && b.Builtin == c.Builtin {
				x := Asked{Calls: 1, Fuel: o.Fuel, First: o.Fault}
				if o.Fault != hook.FaultNone {
					x.Faults = 1
				}
				w.result.Asked[i].Add(x)
			}
		}
	})
}
