package replica

import "quoin.dev/quoin/governance"

// Standing is a line of a slot's history: what serves it now, and since when.
type Standing struct {
	Slot string
	governance.Served
}

// standing returns what serves the slots of the configuration and those of its own parts, in the order of
// the configuration.
func (r *Replica) standing(k governance.State) []Standing {
	slots := []string{governance.ValidatorsSlot, governance.MembersSlot, governance.PoliciesSlot, governance.ParametersSlot}
	for _, b := range r.exec.Configuration().Bindings {
		slots = append(slots, b.Slot())
	}
	var all []Standing
	for _, slot := range slots {
		s, _ := governance.ReadSlot(k, slot)
		if line, ok := governance.ReadServed(k, slot, s.Serving); ok {
			all = append(all, Standing{slot, line})
		}
	}
	return all
}
