package replica

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/mark"
	"quoin.dev/quoin/signature"
)

// PoolLimits bound the pending transactions of a node. Zero values mean the defaults.
type PoolLimits struct {
	Transactions int   // default 65536
	Bytes        int64 // default 64 MiB
	PerSender    int   // transactions of one sender; default a quarter of Transactions. Unsigned ones share no sender and have no such limit
	Kernel       int   // transactions of the kernel's, beside the others, see kernelShare; default 1024
}

func (l PoolLimits) withDefaults() PoolLimits {
	if l.Transactions == 0 {
		l.Transactions = 65_536
	}
	if l.Bytes == 0 {
		l.Bytes = 64 << 20
	}
	if l.PerSender == 0 {
		l.PerSender = max(1, l.Transactions/4)
	}
	if l.Kernel == 0 {
		l.Kernel = 1_024
	}
	return l
}

// pool is the pending transactions: those that were admitted and are neither certified nor expired.
// Senders take turns, each with its oldest first; the kernel's transactions have a lane of their
// own.
type pool struct {
	limits    PoolLimits
	origin    quoin.OriginID
	params    quoin.Parameters
	height    quoin.Height // certified
	now       quoin.Time   // of the present step
	seen      *execution.Seen
	pending   map[quoin.Hash]*pendingTx
	bytes     int64
	kernel    lane
	kernels   int
	commands  map[quoin.PublicKey]int // pending transactions of the kernel's by sender, strangers' apart
	strangers int
	hears     func(sender quoin.PublicKey) bool // nil: everybody is heard
	senders   map[quoin.PublicKey]*lane
	turns     []*lane // every lane that is not empty
	turn      int
	expiring  map[quoin.Height][]quoin.Hash
	grown     bool // something was admitted since takeGrown
	verify    execution.Verify
	accepts   accepts // asked last, of what is well signed
	sequence  uint64
	marks     *mark.Set

	ranked  bool         // transactions have priorities
	unasked []*pendingTx // whose priority is still to be asked for, in the order in which to ask
	queue   []place      // for choose; kept for its memory
}

type pendingTx struct {
	tx       quoin.Transaction
	id       quoin.Hash
	size     int
	since    quoin.View // at which it was admitted
	epoch    quoin.Epoch
	sequence uint64
	entered  quoin.Time // by this node's clock
	priority uint64     // 0 until it was asked for
	local    bool       // submitted here
	gone     bool
	stranger bool // of the kernel's lane: governance would not listen to the sender
}

// lane is one sender's pending transactions, oldest first. Those that are gone are skipped, and
// dropped when they come to the front.
type lane struct {
	sender quoin.PublicKey
	txs    []*pendingTx
	live   int
}

// accepts reports whether a transaction's validation would accept it, and the fuel that asking took.
type accepts func(id quoin.Hash, t *quoin.Transaction) (ok bool, fuel uint64)

// acceptFuelMax is the fuel after which the validations are asked no more in one step: the rest is
// taken unasked, and judged when its block is executed. Otherwise a client, or a peer, could keep the
// replica from voting for as long as thousands of questions take.
const acceptFuelMax = 20_000_000

func newPool(limits PoolLimits, origin quoin.OriginID, accepts accepts) *pool {
	return &pool{limits: limits.withDefaults(), origin: origin, verify: signature.VerifyTransactions, accepts: accepts, pending: map[quoin.Hash]*pendingTx{},
		senders: map[quoin.PublicKey]*lane{}, commands: map[quoin.PublicKey]int{}, expiring: map[quoin.Height][]quoin.Hash{}}
}

func (p *pool) configure(params *quoin.Parameters, height quoin.Height, seen *execution.Seen) {
	p.params, p.height, p.seen = *params, height, seen
}

func (p *pool) len() int { return len(p.pending) }

func (p *pool) takeGrown() bool {
	g := p.grown
	p.grown = false
	return g
}

// verified reports whether this very transaction is pending, and so its signature was checked.
func (p *pool) verified(id quoin.Hash, t *quoin.Transaction) bool {
	x := p.pending[id]
	return x != nil && x.tx.Signature == t.Signature
}

// admit takes the transactions that the limits and the chain's rules allow, signatures verified as
// one batch, and returns what became of each.
func (p *pool) admit(txs []quoin.Transaction, local bool, at quoin.View, epoch quoin.Epoch, judge func(*quoin.Transaction) AdmissionCode) []Admission {
	admissions := make([]Admission, len(txs))
	var ids []quoin.Hash
	var signed []quoin.Transaction
	var where []int
	all := make([]quoin.Hash, len(txs))
	for i := range txs {
		all[i] = txs[i].ID(p.origin)
	}
	p.seen.Warm(all)
	for i := range txs {
		a := &admissions[i]
		a.ID = all[i]
		a.Code = p.check(&txs[i], a)
		if a.Code == Admitted {
			a.Code = judge(&txs[i])
		}
		if a.Code == Admitted && txs[i].Signed() {
			ids, signed, where = append(ids, a.ID), append(signed, txs[i]), append(where, i)
		}
	}
	for k, ok := range p.verify(ids, signed) {
		if !ok {
			admissions[where[k]].Code = RefusedSignature
		}
	}
	fuel := uint64(0)
	for i := range txs {
		if a := &admissions[i]; a.Code == Admitted {
			if p.pending[a.ID] != nil {
				a.Code = AlreadyPending // twice in one submission
				continue
			}
			if a.Code = p.room(&txs[i], txs[i].Size()); a.Code != Admitted {
				continue // those before it have taken it
			}
			if fuel < acceptFuelMax {
				ok, took := p.accepts(a.ID, &txs[i])
				fuel += took
				if !ok {
					a.Code = RefusedInvalid
					continue
				}
			}
			p.add(&txs[i], a.ID, local, at, epoch)
		}
	}
	return admissions
}

func (p *pool) check(t *quoin.Transaction, a *Admission) AdmissionCode {
	if p.pending[a.ID] != nil {
		p.marks.Reach(&marks[markPoolAgain])
		return AlreadyPending
	}
	if at, ok := p.seen.Place(a.ID); ok {
		p.marks.Reach(&marks[markPoolCertified])
		a.Height, a.Index = at.Height, at.Index
		return AlreadyCertified
	}
	size := t.Size()
	switch {
	case t.Check() != nil:
		return RefusedMalformed
	case uint64(size) > p.params.BlockMaxBytes:
		return RefusedSize
	case t.Expiry <= p.height:
		p.marks.Reach(&marks[markPoolExpired])
		return RefusedExpired
	case uint64(t.Expiry) > uint64(p.height)+p.params.ExpiryWindowHeights:
		return RefusedExpiry
	case !t.Signed() && !p.params.UnsignedTransactions() && !execution.IsSuspension(t):
		return RefusedUnsigned
	}
	return p.room(t, size)
}

// room reports whether the pool's limits allow one more.
func (p *pool) room(t *quoin.Transaction, size int) AdmissionCode {
	switch {
	case t.Kernel():
		return p.kernelRoom(t)
	case len(p.pending)-p.kernels >= p.limits.Transactions || p.bytes+int64(size) > p.limits.Bytes:
		p.marks.Reach(&marks[markPoolFull])
		return RefusedFull
	case t.Signed():
		if l := p.senders[t.Sender]; l != nil && l.live >= p.limits.PerSender {
			return RefusedSender
		}
	}
	return Admitted
}

func (p *pool) add(t *quoin.Transaction, id quoin.Hash, local bool, at quoin.View, epoch quoin.Epoch) {
	p.sequence++
	x := &pendingTx{tx: *t, id: id, size: t.Size(), since: at, epoch: epoch, sequence: p.sequence, local: local, entered: p.now}
	p.pending[id] = x
	p.grown = true
	p.expiring[t.Expiry] = append(p.expiring[t.Expiry], id)
	if t.Kernel() {
		p.addKernel(x)
		return
	}
	p.bytes += int64(x.size)
	l := p.senders[t.Sender]
	if l == nil {
		l = &lane{sender: t.Sender}
		p.senders[t.Sender] = l
		p.turns = append(p.turns, l)
	}
	l.live++
	l.txs = append(l.txs, x)
	if p.ranked {
		p.unasked = append(p.unasked, x)
	}
}

// remove forgets transactions that are certified or expired.
func (p *pool) remove(ids []quoin.Hash) {
	for _, id := range ids {
		x := p.pending[id]
		if x == nil {
			continue
		}
		delete(p.pending, id)
		x.gone = true
		if x.tx.Kernel() {
			p.removeKernel(x)
			continue
		}
		p.bytes -= int64(x.size)
		l := p.senders[x.tx.Sender]
		l.live--
		l.trim()
	}
	p.tidy()
}

// waited returns for how long transactions have been pending, see Finished.Waited.
func (p *pool) waited(ids []quoin.Hash, now quoin.Time) []uint32 {
	waited := make([]uint32, len(ids))
	for i, id := range ids {
		waited[i] = WaitedUnknown
		if x := p.pending[id]; x != nil {
			waited[i] = uint32(min(max(now, x.entered)-x.entered, quoin.Time(WaitedUnknown-1)))
		}
	}
	return waited
}

// removeSuspensions forgets pending evidence that is of no use any more.
func (p *pool) removeSuspensions(useless func(*quoin.Transaction) bool) {
	var ids []quoin.Hash
	for _, x := range p.kernel.txs {
		if !x.gone && execution.IsSuspension(&x.tx) && useless(&x.tx) {
			ids = append(ids, x.id)
		}
	}
	p.remove(ids)
}

// removeNamespace forgets the pending transactions of a namespace that has been suspended: no block may
// hold them, and they would keep an idle chain awake.
func (p *pool) removeNamespace(namespace string) {
	var ids []quoin.Hash
	for _, l := range p.turns {
		for _, x := range l.txs {
			if !x.gone && x.tx.Namespace == namespace {
				ids = append(ids, x.id)
			}
		}
	}
	p.remove(ids)
}

// trim drops what is gone from the front.
func (l *lane) trim() {
	n := 0
	for n < len(l.txs) && l.txs[n].gone {
		l.txs[n] = nil
		n++
	}
	if l.txs = l.txs[n:]; len(l.txs) == 0 {
		l.txs = nil
	}
}

// tidy forgets senders without pending transactions.
func (p *pool) tidy() {
	kept := p.turns[:0]
	for i, l := range p.turns {
		if l.live > 0 {
			kept = append(kept, l)
			continue
		}
		delete(p.senders, l.sender)
		if i < p.turn {
			p.turn--
		}
	}
	clear(p.turns[len(kept):])
	p.turns = kept
}

// advance drops what has expired at the new certified height.
func (p *pool) advance(h quoin.Height) {
	for p.height < h {
		p.height++
		before := len(p.pending)
		p.remove(p.expiring[p.height])
		p.marks.Sometimes(&marks[markPoolForgets], len(p.pending) < before)
		delete(p.expiring, p.height)
	}
}

// oldest returns up to n pending transactions, the kernel's first, that this node's clients
// submitted.
func (p *pool) oldest(n int) []quoin.Transaction {
	var txs []quoin.Transaction
	add := func(l *lane) {
		for _, x := range l.txs {
			if len(txs) >= n {
				return
			}
			if !x.gone && x.local {
				txs = append(txs, x.tx)
			}
		}
	}
	add(&p.kernel)
	for _, l := range p.turns {
		add(l)
	}
	return txs
}

// overdue yields what has been pending for at least k views of this epoch, until it returns false.
func (p *pool) overdue(epoch quoin.Epoch, at quoin.View, k uint64, yield func(*pendingTx) bool) {
	visit := func(l *lane) bool {
		for _, x := range l.txs {
			if x.gone {
				continue
			}
			if !x.overdue(epoch, at, k) {
				return true // younger ones follow
			}
			p.marks.Reach(&marks[markOverdue])
			if !yield(x) {
				return false
			}
		}
		return true
	}
	if !visit(&p.kernel) {
		return
	}
	for _, l := range p.turns {
		if !visit(l) {
			return
		}
	}
}

// overdue reports whether the transaction has been pending for at least k views of this epoch.
func (x *pendingTx) overdue(epoch quoin.Epoch, at quoin.View, k uint64) bool {
	since := x.since
	if x.epoch != epoch {
		since = 1 // counted anew in each epoch
	}
	return uint64(at) >= uint64(since)+k
}
