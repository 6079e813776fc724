// Package execution turns a block, the state after its parent and the bindings of its epoch into
// results, writes and roots. It is deterministic: equal inputs give equal bytes on every replica,
// or no result at all.
//
// An Executor follows one chain. It executes blocks on the certified tip and on one another; each
// execution gives an Outcome with an overlay of the state, a segment of the ledger and the
// checkpoint that results. Advance makes an outcome the certified tip; the outcomes that do not
// descend from it are dead.
//
// # What a block may do
//
// A block is invalid as a whole if it breaks a limit of the chain's parameters, or holds a
// transaction that is expired, beyond the window, badly signed, unsigned where that is not allowed,
// or was seen before (KERNEL K6, at most once). What a machine makes of a valid transaction never
// makes the block invalid: a refusal is a result with the machine's code, a fault a result with
// quoin.ResultFault plus the fault's code, and in both cases the transaction's writes are dropped.
//
// A block whose execution meets a local limit (a release that is not compiled yet, a store that
// fails) has no verdict: the error wraps ErrLocal, and the replica abstains and tries again.
//
// # Kernel state
//
// In the namespace quoin.KernelNamespace stand governance's records, and
//
//	block          height (8), fault of the block's leader call (4), its fuel (8), the same of its
//	               finality call, and the delay that it asked for: blocks (4), milliseconds (4)
//	past/<n>       an ancestor, see hook.Ancestor: the one of height n modulo 64
//	batch/<slot>   epoch (8), faults of whole batches in it (4), release (32)
//	seen/<height>  digest of the block's transaction ids, while they are in the window
//	seed           the leader seed of the epoch (32)
//	undo, undo/…   what trials changed, see undoLog
//
// # Beside
//
// What governance.Watched names runs beside what serves, and an outcome tells how the two compare: see
// Comparison. It is no part of the block or the state.
//
// An Executor is for one goroutine.
package execution

import (
	"errors"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/ledger"
	"quoin.dev/quoin/mark"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/signature"
	"quoin.dev/quoin/state"
)

// ErrInvalid is wrapped by the reasons for which no correct replica accepts a block.
var ErrInvalid = errors.New("invalid block")

// ErrLocal is wrapped by the reasons for which this replica, for now, has no verdict.
var ErrLocal = errors.New("no verdict here")

// ErrNoMachine says that no machine serves a namespace.
var ErrNoMachine = errors.New("no machine serves this namespace")

// Codes of results that the kernel itself gives to a machine's transaction, beside the faults.
const (
	ResultNoMachine = quoin.ResultFault + 1024 // no machine serves the namespace
	ResultSuspended = quoin.ResultFault + 1025 // the namespace is suspended, or waits for its machine to go
	ResultWrites    = quoin.ResultFault + 1026 // the machines of the block have written too much
	// ResultValidation says that the namespace's validation refused the transaction; the output is
	// its code (4 bytes, big-endian).
	ResultValidation = quoin.ResultFault + 1027
	// ResultQuota says that the namespace held as many keys or bytes as it may, or more, after the
	// block before, and that the transaction did not only delete.
	ResultQuota = quoin.ResultFault + 1028
	// ResultValidationFault and a fault say that the validation faulted.
	ResultValidationFault = quoin.ResultFault + 2048
)

// Config is what an executor is made of.
type Config struct {
	Origin      quoin.Origin
	State       *state.State
	Log         *ledger.Log
	Table       *plugin.Table
	Environment governance.Environment
	Marks       *mark.Set // gets what is reached; nil outside of simulations
	// Verified reports whether this very transaction's signature was checked before. It may always
	// return false.
	Verified func(id quoin.Hash, t *quoin.Transaction) bool
	// Verify checks signatures; nil is signature.VerifyTransactions. Simulations bring one that remembers
	// for all replicas.
	Verify Verify
}

// Verify says of each transaction, ids[i] being the id of transactions[i], whether its signature is
// its sender's.
type Verify func(ids []quoin.Hash, transactions []quoin.Transaction) []bool

// Tip is where an executor starts: the certified tip.
type Tip struct {
	Checkpoint    quoin.Checkpoint // of the tip's own block
	Configuration quoin.Configuration
	Seed          quoin.Hash
	Headers       []quoin.Header // of the epoch's certified blocks, oldest first, at most 64 of them
	Seen          *Seen
}

// Executor executes the blocks of one chain.
type Executor struct {
	c        Config
	originID quoin.OriginID
	tip      Tip
	leads    map[leadKey]Lead
	parents  map[quoin.Hash]*Outcome // uncertified outcomes by block id
	requests leaderRequest
	served   served
	request  hook.ApplyRequest // these two serve one transaction after the other
	state    machineState
	doubted  quoin.Hash // the block that was forgotten last
	flaws    Flaws      // none but in harnesses
}

// New returns an executor at the certified tip.
func New(c Config, tip Tip) *Executor {
	if c.Verify == nil {
		c.Verify = signature.VerifyTransactions
	}
	c.Environment.Origin = c.Origin.ID()
	return &Executor{c: c, originID: c.Environment.Origin, tip: tip, leads: map[leadKey]Lead{}, parents: map[quoin.Hash]*Outcome{}}
}

// Configuration returns the configuration of the tip's epoch: that of the next block.
func (x *Executor) Configuration() *quoin.Configuration { return &x.tip.Configuration }

// Tip returns the certified tip's checkpoint.
func (x *Executor) Tip() *quoin.Checkpoint { return &x.tip.Checkpoint }

// Seen returns the transactions of the window.
func (x *Executor) Seen() *Seen { return x.tip.Seen }

// Outcome returns the outcome of an uncertified block.
func (x *Executor) Outcome(id quoin.Hash) (*Outcome, bool) {
	o, ok := x.parents[id]
	return o, ok
}

// parent finds what a block or view stands on: an uncertified outcome, or nil for the tip.
func (x *Executor) parent(id quoin.Hash) (*Outcome, bool) {
	if o, ok := x.parents[id]; ok {
		return o, true
	}
	return nil, id == x.tip.Checkpoint.Block
}

// Execute executes a block whose parent is the tip or was executed. Errors wrap ErrInvalid or
// ErrLocal.
func (x *Executor) Execute(b *quoin.Block) (*Outcome, error) {
	if o, ok := x.parents[b.ID()]; ok {
		return o, nil
	}
	h := b.Header()
	parent, ok := x.parent(h.Parent)
	if !ok {
		x.c.Marks.Reach(&marks[markParentMissing])
		return nil, fmt.Errorf("execution: %w: the parent of block %s is not here", ErrLocal, b.ID())
	}
	if parent != nil && parent.Last {
		return x.tail(b, parent), nil
	}
	x.c.Marks.Sometimes(&marks[markOnUncertified], parent != nil)
	o := &Outcome{Block: b, parent: parent, flaws: &x.flaws}
	if err := x.validate(o); err != nil {
		return nil, err
	}
	var err error
	if o.overlay, err = x.c.State.NewOverlay(parent.state()); err != nil {
		return nil, fmt.Errorf("execution: %w: %w", ErrLocal, err)
	}
	if x.flaws.SiblingWrites {
		if err := x.leak(o); err != nil {
			return nil, fmt.Errorf("execution: %w: %w", ErrLocal, err)
		}
	}
	if x.doubted == b.ID() {
		x.c.Marks.Reach(&marks[markDoubted])
		x.doubted = quoin.Hash{}
		delete(x.leads, leadKey{h.View, h.Parent}) // the leader's answer may be what is wrong
		x.c.Table.Doubt(true)
		defer x.c.Table.Doubt(false)
	}
	if err := x.run(o); err != nil {
		o.overlay.Drop()
		return nil, err
	}
	x.parents[b.ID()] = o
	return o, nil
}

func (o *Outcome) state() *state.Overlay {
	if o == nil {
		return nil
	}
	return o.overlay
}

// tail gives a tail block its parent's results under its own view and id.
func (x *Executor) tail(b *quoin.Block, parent *Outcome) *Outcome {
	x.c.Marks.Reach(&marks[markTail])
	o := &Outcome{Block: b, parent: parent, overlay: parent.overlay, edge: parent.edge, Last: true, Next: parent.Next,
		Checkpoint: parent.Checkpoint}
	if !x.flaws.TailsAsLast {
		o.Checkpoint.View, o.Checkpoint.Block = b.Header().View, b.ID()
	}
	x.parents[b.ID()] = o
	return o
}

// validate checks what makes a block invalid as a whole, and computes the ids.
func (x *Executor) validate(o *Outcome) error {
	h, p := o.Block.Header(), &x.tip.Configuration.Parameters
	transactions := o.Block.Transactions()
	kernel := uint64(0)
	o.IDs = make([]quoin.Hash, len(transactions))
	o.seen = make(map[quoin.Hash]uint32, len(transactions))
	var ids []quoin.Hash
	var unverified []quoin.Transaction
	for i := range transactions {
		o.IDs[i] = x.flaws.id(&transactions[i], x.originID)
	}
	x.tip.Seen.Warm(o.IDs)
	for i := range transactions {
		t := &transactions[i]
		if t.Kernel() {
			kernel++
		}
		id := o.IDs[i]
		if t.Expiry < h.Height || uint64(t.Expiry) > uint64(h.Height)+p.ExpiryWindowHeights {
			x.c.Marks.Reach(&marks[markExpired])
			return invalid("transaction %s with expiry %d at height %d", id, t.Expiry, h.Height)
		}
		if _, ok := o.seen[id]; ok || o.parent.has(id) {
			x.c.Marks.Reach(&marks[markTwicePending])
			return invalid("transaction %s a second time", id)
		}
		if _, ok := x.tip.Seen.Place(id); ok {
			x.c.Marks.Reach(&marks[markTwiceCertified])
			return invalid("transaction %s a second time", id)
		}
		o.seen[id] = uint32(i)
		switch {
		case !t.Signed():
			if !p.UnsignedTransactions() && !IsSuspension(t) {
				return invalid("transaction %s is unsigned", id)
			}
		case x.c.Verified == nil || !x.c.Verified(id, t):
			ids, unverified = append(ids, id), append(unverified, *t)
		}
	}
	if uint64(o.Block.BodySize()) > p.BlockMaxBytes || kernel > p.KernelMaxTransactions || uint64(len(transactions))-kernel > p.BlockMaxTransactions {
		return invalid("%d transactions, %d of them the kernel's, %d bytes", len(transactions), kernel, o.Block.BodySize())
	}
	for i, ok := range x.c.Verify(ids, unverified) {
		if !ok {
			return invalid("the signature of transaction %s does not verify", ids[i])
		}
	}
	return nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("execution: %w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// run executes the transactions in order and seals the outcome.
func (x *Executor) run(o *Outcome) (err error) {
	defer recoverUnreadable(&err)
	h := o.Block.Header()
	kernel := &kernelState{overlay: o.overlay}
	watched := governance.Watched(kernel, h.Height)
	o.undo = x.beginUndo(kernel, watched)
	starting := x.starts(kernel, h.Height)
	o.suspended = map[string]bool{}
	x.watch(o, kernel, watched)
	change := x.flaws.Governance.Decide(x.c.Environment, kernel, h.Height) // on the state after the block before
	x.markDecisions(change.Outcomes)
	governance.Enact(kernel, change)
	if err := x.recordCalls(o, kernel); err != nil {
		return err
	}
	on := o.parent
	if x.flaws.StaleWorld {
		on = nil
	}
	before := x.newWorld(on, func(key []byte) ([]byte, bool, error) { return o.overlay.Get(quoin.KernelNamespace, key) })
	past := ancestorOf(&before.before)
	kernel.Put(pastKey(before.before.Height), past.Append(nil))
	if err := x.migrations(o, kernel, before, starting); err != nil {
		return err
	}
	verdicts, err := x.validations(o, kernel, before)
	if err != nil {
		return err
	}
	o.before = x.edge(o.parent)
	o.segment = ledger.NewSegment(&o.before)
	transactions := o.Block.Transactions()
	o.Results = make([]quoin.Result, len(transactions))
	o.segment.Plant(x.flaws.Ledger)
	o.segment.Grow(len(transactions), o.Block.BodySize()+32*len(transactions)) // a result without much output
	for i := 0; i < len(transactions); {
		end, err := x.apply(o, kernel, before, verdicts, i)
		if err != nil {
			return err
		}
		for ; i < end; i++ {
			o.segment.Append(&transactions[i], &o.Results[i])
		}
	}
	x.recordDefects(o, kernel)
	if err := x.endUndo(o, kernel); err != nil {
		return fmt.Errorf("execution: %w: %w", ErrLocal, err)
	}
	if x.flaws.ReversedEntries {
		o.reverse()
	}
	o.edge = *o.segment.Edge()

	window := quoin.Height(x.tip.Configuration.Parameters.ExpiryWindowHeights)
	if len(transactions) > 0 {
		digest := seenDigest(o.IDs)
		kernel.Put(seenKey(h.Height), digest[:])
	}
	if h.Height > window {
		x.c.Marks.Reach(&marks[markWindowMoves])
		kernel.Delete(seenKey(h.Height - window))
	}
	if change.Next != nil {
		o.Last, o.Next = true, change.Next
		seed := nextSeed(x.tip.Seed, o.Block.ID())
		kernel.Put([]byte("seed"), seed[:])
	}
	if kernel.err != nil {
		return fmt.Errorf("execution: %w: %w", ErrLocal, kernel.err)
	}
	if !x.flaws.Blind {
		x.compare(o, watched, before, verdicts)
	}
	root, err := o.overlay.Seal()
	if err != nil {
		return fmt.Errorf("execution: %w: %w", ErrLocal, err)
	}
	o.Checkpoint = x.checkpoint(o, root)
	return nil
}

func (x *Executor) checkpoint(o *Outcome, state quoin.Hash) quoin.Checkpoint {
	h := o.Block.Header()
	return quoin.Checkpoint{Origin: x.c.Origin, Size: o.edge.Size(), Ledger: o.edge.Root(), Epoch: h.Epoch,
		Height: h.Height, View: h.View, Block: o.Block.ID(), State: state, Time: h.Time}
}

func (x *Executor) edge(parent *Outcome) ledger.Edge {
	if parent == nil {
		return x.c.Log.Edge()
	}
	return parent.edge
}
