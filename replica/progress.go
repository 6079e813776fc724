package replica

import (
	"cmp"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/execution"
)

// ProgressKind is a stable name.
type ProgressKind string

const (
	// ProgressHeard: a validator proposed or voted. Its message came over its own link; its signature was
	// not necessarily checked, for a vote that changes nothing any more is not.
	ProgressHeard ProgressKind = "heard"
	// ProgressExecuted: this replica has executed a block.
	ProgressExecuted ProgressKind = "executed"
	// ProgressCertified: a certificate makes a block final. It is durable when it is Finished.
	ProgressCertified ProgressKind = "certified"
)

// Progress tells how a block or a view gets on, for metrics, traces and people. Nothing depends on it.
type Progress struct {
	Kind         ProgressKind
	Epoch        quoin.Epoch
	View         quoin.View
	Height       quoin.Height // 0: unknown here
	Block        quoin.Hash   // zero: of a view alone
	Validator    int          // that was heard, by index in the epoch's set
	Message      string       // heard: propose, notarize, nullify or finalize
	Transactions int          // of an executed or certified block
	Proposer     int          // of an executed or certified block, by index
	Gaps         uint64       // views without a block before a certified one
	Rescue       bool         // a certified block's view is a rescue view
	WaitMS       uint32       // from when this replica waited for a certified block to its certificate, as its health words have it; 0: it did not wait
	Verdict      consensus.Verdict
	Faults       []execution.SlotFault  // of a certified block
	Comparisons  []execution.Comparison // of a certified block: what runs beside what serves
}

// heard notes a proposal or a vote of a validator.
func (r *Replica) heard(from int, m consensus.Message, out *Output) {
	p := Progress{Kind: ProgressHeard, Epoch: r.epoch, Validator: from, Message: m.Kind()}
	switch m := m.(type) {
	case *simplex.Proposal:
		h := m.Block.Header()
		p.View, p.Height, p.Block, p.Transactions = h.View, h.Height, m.Block.ID(), len(m.Block.Transactions())
	case *simplex.Notarize:
		p.View, p.Block = m.View, m.Block
	case *simplex.Nullify:
		p.View = m.View
	case *simplex.Finalize:
		p.View, p.Height, p.Block = m.Checkpoint.View, m.Checkpoint.Height, m.Checkpoint.Block
		r.heardFinal(from, m)
	default:
		return
	}
	h := &r.heardOf[from]
	h.view = max(h.view, p.View)
	out.Progress = append(out.Progress, p)
}

// laterMax is the longest message of a later epoch that is looked at: a vote is shorter, a proposal is not.
const laterMax = 1 << 10

// heardLater notes how far a validator is that is in a later epoch, so that this replica knows what it lacks.
func (r *Replica) heardLater(from quoin.PublicKey, message []byte) {
	i, ok := r.set.Index(from)
	if !ok || len(message) > laterMax {
		return
	}
	m, err := r.machine.Decode(message)
	if f, vote := m.(*simplex.Finalize); err == nil && vote {
		r.heardFinal(i, f)
	}
}

// heardFinal notes how far a validator says that it is.
func (r *Replica) heardFinal(from int, f *simplex.Finalize) {
	h := &r.heardOf[from]
	h.height = max(h.height, f.Checkpoint.Height)
}

// hearing is the newest that was heard of a validator.
type hearing struct {
	view   quoin.View
	height quoin.Height // of what it finalized
}

// newest returns the greatest height that validators of more than f of weight say they have made final: one
// of them is honest.
func (r *Replica) newest() quoin.Height {
	order := make([]int, r.set.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(r.heardOf[b].height, r.heardOf[a].height) })
	weight := uint64(0)
	for _, i := range order {
		if weight += r.set.At(i).Weight; weight > r.set.FaultBound() {
			return max(r.heardOf[i].height, r.exec.Tip().Height)
		}
	}
	return r.exec.Tip().Height
}

// progress tells of a certified block, and counts what its header shows.
func (r *Replica) progress(o *execution.Outcome, waitMS uint32, out *Output) {
	h := o.Block.Header()
	r.stats.Gaps += h.Gap()
	if o.Leader.Rescue {
		r.stats.Rescues++
	}
	out.Progress = append(out.Progress, Progress{Kind: ProgressCertified, Epoch: h.Epoch, View: h.View, Height: h.Height, Block: o.Block.ID(),
		Transactions: len(o.IDs), Proposer: int(h.Proposer), Gaps: h.Gap(), Rescue: o.Leader.Rescue, WaitMS: waitMS, Faults: o.Faults, Comparisons: o.Comparisons})
}
