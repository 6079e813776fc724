package execution

import (
	"errors"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/ledger"
)

// ErrAccount is wrapped by the reasons for which a peer's account of a block is refused.
var ErrAccount = errors.New("account of a block")

// AppendAccount appends what another replica needs to come to the same result without executing:
// the results (count 4, canonical bytes each), then the writes in the order of the state (count 4,
// namespace with length 1, key with length 4, deleted (1), value with length 4).
func (o *Outcome) AppendAccount(b []byte) ([]byte, error) {
	b = canonical.AppendUint32(b, uint32(len(o.Results)))
	for i := range o.Results {
		b = o.Results[i].AppendBinary(b)
	}
	at := len(b)
	b = canonical.AppendUint32(b, uint32(0))
	n := uint32(0)
	err := o.overlay.Writes(func(namespace string, key, value []byte, deleted bool) bool {
		n++
		b = canonical.AppendBytes8(b, namespace)
		b = canonical.AppendBytes32(b, key)
		b = canonical.AppendBool(b, deleted)
		b = canonical.AppendBytes32(b, value)
		return true
	})
	copy(b[at:], canonical.AppendUint32(nil, n))
	return b, err
}

// Forget drops the outcome of an uncertified block and those that stand on it, so that the block
// can be executed again: then in doubt of the engine, see plugin.Table.
func (x *Executor) Forget(id quoin.Hash) bool {
	o, ok := x.parents[id]
	if !ok || o.Tail() {
		return false
	}
	o.overlay.Drop()
	x.drop(o)
	x.doubted = id
	return true
}

// Adopt makes an outcome of a block out of a peer's account, if it gives the agreed result. An
// outcome of its own that differs is dropped.
func (x *Executor) Adopt(b *quoin.Block, account []byte, agreed quoin.Hash) (*Outcome, error) {
	h := b.Header()
	parent, ok := x.parent(h.Parent)
	if !ok || parent != nil && parent.Last {
		return nil, fmt.Errorf("execution: %w: the parent of block %s is not here", ErrAccount, b.ID())
	}
	o := &Outcome{Block: b, parent: parent, flaws: &x.flaws}
	if err := x.validate(o); err != nil {
		return nil, err
	}
	var err error
	if o.overlay, err = x.c.State.NewOverlay(parent.state()); err != nil {
		return nil, fmt.Errorf("execution: %w: %w", ErrLocal, err)
	}
	if err := x.retell(o, canonical.NewReader(account)); err != nil {
		o.overlay.Drop()
		return nil, err
	}
	if got := o.Checkpoint.Digest(); got != agreed {
		x.c.Marks.Reach(&marks[markAccountRefused])
		o.overlay.Drop()
		return nil, fmt.Errorf("execution: %w: it gives %s, a quorum voted for %s", ErrAccount, got, agreed)
	}
	x.c.Marks.Reach(&marks[markAdopted])
	x.Forget(b.ID())
	x.parents[b.ID()] = o
	return o, nil
}

func (x *Executor) retell(o *Outcome, r *canonical.Reader) (err error) {
	defer recoverUnreadable(&err)
	h := o.Block.Header()
	change := x.flaws.Governance.Decide(x.c.Environment, &kernelState{overlay: o.overlay}, h.Height)
	if change.Next != nil {
		o.Last, o.Next = true, change.Next
	}
	o.before = x.edge(o.parent)
	o.segment = ledger.NewSegment(&o.before)
	o.segment.Plant(x.flaws.Ledger)
	transactions := o.Block.Transactions()
	if n := r.Count32(quoin.BlockTransactionsMax, 16); n != len(transactions) {
		return fmt.Errorf("execution: %w: %d results for %d transactions", ErrAccount, n, len(transactions))
	}
	o.Results = make([]quoin.Result, len(transactions))
	for i := range transactions {
		o.Results[i] = quoin.ReadResult(r)
		if r.Err() != nil {
			return fmt.Errorf("execution: %w: %w", ErrAccount, r.Err())
		}
		o.segment.Append(&transactions[i], &o.Results[i])
	}
	o.edge = *o.segment.Edge()
	for range r.Count32(1<<20, 10) {
		namespace, key := string(r.Bytes8(quoin.NamespaceMax)), r.Bytes32(1<<10)
		deleted, value := r.Bool(), r.Bytes32(8<<20)
		switch {
		case r.Err() != nil:
			return fmt.Errorf("execution: %w: %w", ErrAccount, r.Err())
		case deleted:
			err = o.overlay.Delete(namespace, key)
		default:
			err = o.overlay.Put(namespace, key, value)
		}
		if err != nil {
			return fmt.Errorf("execution: %w: %w", ErrAccount, err)
		}
	}
	if err := r.Done(); err != nil {
		return fmt.Errorf("execution: %w: %w", ErrAccount, err)
	}
	root, err := o.overlay.Seal()
	if err != nil {
		return fmt.Errorf("execution: %w: %w", ErrLocal, err)
	}
	record, _, err := o.overlay.Get(quoin.KernelNamespace, []byte("block"))
	if err != nil {
		return fmt.Errorf("execution: %w: %w", ErrLocal, err)
	}
	o.Delay = readDelay(record)
	o.Checkpoint = x.checkpoint(o, root)
	return nil
}
