package replica

import (
	"cmp"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
)

// The kernel's transactions cost their senders nothing, and a block takes few of them. So that nobody can
// keep governance's from coming in, least of all an emergency's: strangers, whom no rule of governance would
// listen to, share a quarter of the lane and come last in a block; and each of the others has a share of its
// own, however full the lane is, and its turn.

// kernelShare is how many pending transactions of the kernel's a sender that governance listens to may always
// have.
const kernelShare = 32

// hears reports whether governance listens to a sender: a validator, or one that is proposed, or a member.
func (r *Replica) hears(sender quoin.PublicKey) bool {
	c := r.exec.Configuration()
	if _, ok := c.Validators.Index(sender); ok {
		return true
	}
	if _, ok := r.kernelView.proposed.Index(sender); ok {
		return true
	}
	k := kernelReader{r.chain.state}
	if _, named := c.Member(sender); !named {
		if _, rotated := k.Get(governance.RotatedKey(sender)); !rotated {
			return false // without asking for the root of every member's key
		}
	}
	_, ok := governance.MemberIn(k, c, sender)
	return ok
}

// stranger reports whether a transaction of the kernel's is one that governance would not listen to.
func (p *pool) stranger(t *quoin.Transaction) bool {
	return t.Signed() && p.hears != nil && !p.hears(t.Sender)
}

// kernelRoom is room for a transaction of the kernel's.
func (p *pool) kernelRoom(t *quoin.Transaction) AdmissionCode {
	full := p.kernels >= p.limits.Kernel
	if p.stranger(t) {
		full = full || p.strangers >= max(1, p.limits.Kernel/4)
	} else {
		full = full && p.commands[t.Sender] >= kernelShare
	}
	if full {
		return RefusedFull
	}
	return Admitted
}

// addKernel and removeKernel keep the lane's counts.
func (p *pool) addKernel(x *pendingTx) {
	p.kernels++
	p.kernel.txs = append(p.kernel.txs, x)
	if x.stranger = p.stranger(&x.tx); x.stranger {
		p.strangers++
	} else {
		p.commands[x.tx.Sender]++
	}
}

func (p *pool) removeKernel(x *pendingTx) {
	p.kernels--
	p.kernel.trim()
	if x.stranger {
		p.strangers--
	} else if p.commands[x.tx.Sender]--; p.commands[x.tx.Sender] == 0 {
		delete(p.commands, x.tx.Sender)
	}
}

// chooseKernel returns the eligible transactions of the kernel's in the order in which a block takes them: as
// they came, unless there are more than it may hold.
func (p *pool) chooseKernel(s *selection) []*pendingTx {
	var eligible []*pendingTx
	for _, x := range p.kernel.txs {
		if s.eligible(x) {
			eligible = append(eligible, x)
		}
	}
	if uint64(len(eligible)) <= s.maxKernel {
		return eligible
	}
	turns := map[quoin.PublicKey]int{}
	rank := make(map[*pendingTx]int, len(eligible))
	for _, x := range eligible {
		if rank[x] = turns[x.tx.Sender]; x.stranger {
			rank[x] += len(eligible)
		}
		if x.tx.Signed() { // evidence is everybody's
			turns[x.tx.Sender]++
		} else {
			rank[x] = -1
		}
	}
	slices.SortStableFunc(eligible, func(a, b *pendingTx) int { return cmp.Compare(rank[a], rank[b]) })
	return eligible
}
