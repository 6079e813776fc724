package replica

import (
	"maps"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/governance"
)

// report turns the machine's reports into events, and acts on splits.
func (r *Replica) report(x consensus.Report, out *Output) {
	e := Event{Epoch: r.epoch, View: x.View, Block: x.Block}
	if x.Peer >= 0 {
		e.Peer = r.set.At(x.Peer).Key
	}
	switch x.Kind {
	case consensus.EnteredView:
		r.view = x.View
		e.Kind = EnteredView
	case consensus.TimedOutView:
		r.stats.Timeouts++
		r.pulse.overdue = x.View
		e.Kind = ViewTimedOut
	case consensus.Nullified:
		r.stats.Nullified++
		e.Kind = ViewNullified
	case consensus.Notarized:
		e.Kind = BlockNotarized
	case consensus.Equivocation:
		e.Kind = Equivocated
	case consensus.RefusedBlock:
		e.Kind = BlockRefused
	case consensus.Diverged:
		r.stats.Diverged++
		e.Kind = HasDiverged
		r.diverge(x.Block, out)
	case consensus.Conflict:
		e.Kind = Halted
		e.Reason = "a certificate contradicts certified blocks: more than f of weight are faulty"
	case consensus.Split:
		r.split(x, out)
		return
	default:
		return
	}
	out.Events = append(out.Events, e)
}

// Stats returns what the replica has counted.
func (r *Replica) Stats() Stats { return r.stats }

// Overview describes the replica for people.
type Overview struct {
	Origin        quoin.Origin
	Consensus     consensus.Status
	Tip           quoin.Checkpoint
	Configuration quoin.Configuration
	Certificate   *quoin.Certificate
	Pending       int
	Seen          int
	PoolBytes     int64        // of the pending transactions, without the kernel's
	Self          int          // index; -1 if this node does not vote
	Heard         []quoin.View // newest view that each validator was heard of, by index
	Newest        quoin.Height // that this node has heard of: what it lacks of that it has to catch up
	// Open are the open proposals and those on trial, the oldest first, and Serving is what serves: both as
	// of the newest change, or at most 64 blocks ago. They are shared: do not modify them.
	Open    []governance.Proposal
	Serving []Standing
	// Deprecations are of what this node uses, in the order of the slots.
	Deprecations []governance.Deprecation
}

// Overview returns the replica's present state. The configuration's slices are shared: do not
// modify them.
func (r *Replica) Overview() Overview {
	heard := make([]quoin.View, len(r.heardOf))
	for i := range heard {
		heard[i] = r.heardOf[i].view
	}
	return Overview{PoolBytes: r.pool.bytes, Heard: heard, Newest: r.newest(), Origin: r.origin, Consensus: r.machine.Status(), Tip: *r.exec.Tip(), Configuration: *r.exec.Configuration(),
		Certificate: r.chain.certificate, Pending: r.pool.len(), Seen: r.exec.Seen().Len(), Self: r.index, Open: r.kernelView.open, Serving: r.kernelView.serving, Deprecations: r.kernelView.deprecated}
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
