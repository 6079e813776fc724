package replica

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/execution"
)

// build answers a Build demand with as many pending transactions as a block may hold.
func (r *Replica) build(b consensus.Build) consensus.Input {
	p := &r.exec.Configuration().Parameters
	parent, _ := r.exec.Outcome(b.Parent)
	height := r.exec.Tip().Height + 1
	if parent != nil {
		height = parent.Checkpoint.Height + 1
	}
	answer := consensus.Built{View: b.View}
	if !b.Tail {
		s := selection{maxBytes: p.BlockMaxBytes, maxTransactions: p.BlockMaxTransactions, maxKernel: p.KernelMaxTransactions, height: height}
		if b.Empty {
			s.maxTransactions = 0
		}
		left := r.leftOut(parent)
		accused := false
		s.skip = func(x *pendingTx) bool {
			if execution.IsSuspension(&x.tx) {
				if accused || r.exec.Has(parent, x.id) || !r.accuses(parent, x) {
					return true
				}
				accused = true // one a block is enough, and two could be of one namespace
				return false
			}
			return r.exec.Has(parent, x.id) || !x.tx.Kernel() && left(x.tx.Namespace)
		}
		s.overdue = func(x *pendingTx) bool { return x.overdue(r.epoch, b.View, p.ForcedInclusionViews) }
		answer.Transactions = r.pool.choose(s)
	}
	answer.Nothing = len(answer.Transactions) == 0 && !b.Must && !r.heartbeat && !r.kernelView.scheduled
	r.c.Marks.Sometimes(&marks[markEmptyBlock], !answer.Nothing && !b.Tail && len(answer.Transactions) == 0)
	if !answer.Nothing {
		r.splits.proposed()
	}
	return answer
}

// omits reports whether a valid block leaves out, without need, what has been pending here for too
// many views. More than f of weight that know a transaction for so long, and think so, keep the
// block from being notarized: nobody can censor for ever.
func (r *Replica) omits(o *execution.Outcome) bool {
	h, p := o.Block.Header(), &r.exec.Configuration().Parameters
	if o.Tail() || r.depth(o) > p.PipelineMaxBlocks {
		return false
	}
	left := r.leftOut(o)
	kernel, others := count(o.Block.Transactions())
	omitted := false
	var waits *quoin.PublicKey // whose older transaction does not fit: the younger ones wait for it
	r.pool.overdue(r.epoch, h.View, p.ForcedInclusionViews, func(x *pendingTx) bool {
		switch {
		case x.tx.Expiry < h.Height || r.exec.Has(o, x.id):
		case execution.IsSuspension(&x.tx): // it is in nobody's interest to wait for a particular one
		case !x.tx.Kernel() && waits != nil && *waits == x.tx.Sender:
		case uint64(o.Block.BodySize()+x.size) > p.BlockMaxBytes:
			if !x.tx.Kernel() {
				waits = &x.tx.Sender
			}
		case x.tx.Kernel() && kernel >= p.KernelMaxTransactions:
		case !x.tx.Kernel() && (others >= p.BlockMaxTransactions || left(x.tx.Namespace)):
		default:
			omitted = true
		}
		return !omitted
	})
	r.c.Marks.Sometimes(&marks[markOmission], omitted)
	return omitted
}

// accuses reports whether pending evidence is good on a parent, and says something new.
func (r *Replica) accuses(parent *execution.Outcome, x *pendingTx) bool {
	namespace, err := r.exec.Judge(x.tx.Payload)
	return err == nil && !r.exec.Suspended(parent, namespace)
}

// leftOut returns whether the transactions of a namespace stay out of a block on this parent: it is
// suspended, or suspected here.
func (r *Replica) leftOut(parent *execution.Outcome) func(namespace string) bool {
	suspects := r.splits.suspects()
	known := map[string]bool{}
	return func(namespace string) bool {
		out, ok := known[namespace]
		if !ok {
			out = suspects[namespace] || r.exec.Suspended(parent, namespace)
			r.c.Marks.Sometimes(&marks[markLeftOut], out)
			known[namespace] = out
		}
		return out
	}
}

func (r *Replica) depth(o *execution.Outcome) uint64 {
	n := uint64(0)
	for ; o != nil; o = o.Parent() {
		n++
	}
	return n
}

func count(txs []quoin.Transaction) (kernel, others uint64) {
	for i := range txs {
		if txs[i].Kernel() {
			kernel++
		} else {
			others++
		}
	}
	return kernel, others
}
