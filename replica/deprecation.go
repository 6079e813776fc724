package replica

import (
	"fmt"
	"maps"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
)

// warning is the last one about something deprecated.
type warning struct {
	epoch quoin.Epoch
	near  int // how many of nearEnds had been reached
}

// nearEnds are the distances from the end of use at which there is a further warning, in heights.
var nearEnds = []quoin.Height{10_000, 1_000, 100, 0}

// warn tells of what this node uses and should not use much longer: once an epoch, and as the end comes
// near.
func (r *Replica) warn(k governance.State, h quoin.Height, out *Output) {
	v := &r.kernelView
	v.deprecated = slices.DeleteFunc(governance.Deprecations(k), func(d governance.Deprecation) bool {
		b, ok := r.exec.Configuration().Binding(d.Slot)
		return !ok || len(b.Nodes) > 0 && !slices.Contains(b.Nodes, r.self)
	})
	maps.DeleteFunc(v.warned, func(n governance.ProposalNumber, _ warning) bool {
		return !slices.ContainsFunc(v.deprecated, func(d governance.Deprecation) bool { return d.Proposal == n })
	})
	for _, d := range v.deprecated {
		now := warning{epoch: r.exec.Configuration().Epoch}
		for _, distance := range nearEnds {
			if h+distance >= d.EndOfUse {
				now.near++
			}
		}
		if v.warned[d.Proposal] == now {
			continue
		}
		if v.warned == nil {
			v.warned = map[governance.ProposalNumber]warning{}
		}
		v.warned[d.Proposal] = now
		out.Events = append(out.Events, Event{Kind: DeprecatedInUse, Epoch: now.epoch, Height: h,
			Reason: fmt.Sprintf("%s is served by proposal %d, which nobody should use from height %d on", d.Slot, d.Proposal, d.EndOfUse)})
	}
}
