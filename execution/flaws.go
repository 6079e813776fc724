package execution

import (
	"cmp"
	"crypto/sha256"
	"maps"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/ledger"
)

// Flaws are mistakes that harnesses plant, to show that their observers see what follows. The zero
// value is execution as it is; nothing but NewFlawed takes another.
type Flaws struct {
	StaleWorld         bool // plugins are told of the certified state, not of that after the parent
	SignedIDs          bool // a transaction's id covers its signature
	ShortMemory        bool // ids leave the window long before their transactions expire
	BelieveAccusers    bool // the votes in evidence are not verified
	TailsAsLast        bool // a tail block's checkpoint keeps the view and the id of the last block
	ReversedEntries    bool // a block's entries stand in the ledger from its last to its first
	SiblingWrites      bool // what another block on the same parent wrote is there too
	RefusedWrites      bool // the writes of a transaction that is refused stay
	NamespaceLeak      bool // all machines of a block work in the namespace of the first
	OldWindow          bool // the leader's window keeps the blocks of the epoch before
	Blind              bool // nothing is compared
	ComparisonLeaks    bool // what is written beside a machine is written for good
	UndoForgetsDeletes bool // keys that a trial deletes stay deleted
	HalfMigrations     bool // what a migration wrote before it failed stays
	Ledger             ledger.Flaws
	Governance         governance.Flaws
}

// NewFlawed returns an executor with flaws. It is for harnesses.
func NewFlawed(c Config, tip Tip, f Flaws) *Executor {
	x := New(c, tip)
	x.flaws = f
	return x
}

const shortMemory = 4 // heights

func (f *Flaws) id(t *quoin.Transaction, origin quoin.OriginID) quoin.Hash {
	id := t.ID(origin)
	if f.SignedIDs {
		id = sha256.Sum256(append(id[:], t.Signature[:]...))
	}
	return id
}

// reverse appends a block's entries once more, from the last to the first.
func (o *Outcome) reverse() {
	o.segment.Reset(&o.before)
	for i := range slices.Backward(o.Results) {
		o.segment.Append(&o.Block.Transactions()[i], &o.Results[i])
	}
}

// leak writes to a block's overlay what blocks on the same parent wrote for machines.
func (x *Executor) leak(o *Outcome) error {
	siblings := slices.SortedFunc(maps.Values(x.parents), func(a, b *Outcome) int {
		return cmp.Compare(a.Block.Header().View, b.Block.Header().View)
	})
	for _, s := range siblings {
		if s.Block.Header().Parent != o.Block.Header().Parent || s.Tail() {
			continue
		}
		err := s.overlay.Writes(func(namespace string, key, value []byte, deleted bool) bool {
			return namespace == quoin.KernelNamespace || deleted || o.overlay.Put(namespace, key, value) == nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// firstNamespace is that of the first transaction of a block that is a machine's.
func (o *Outcome) firstNamespace() string {
	transactions := o.Block.Transactions()
	return transactions[slices.IndexFunc(transactions, func(t quoin.Transaction) bool { return !t.Kernel() })].Namespace
}
