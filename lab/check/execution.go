package check

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus/model"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/state"
	"quoin.dev/quoin/store"
)

// execution is what an engine made of a block, after all that it had executed before, in that order.
type execution struct {
	before  *execution // nil for the one of nothing
	block   *quoin.Block
	overlay *state.Overlay
	results []applied
	digest  quoin.Hash // of the results and the state after them
	next    map[quoin.Hash]*execution
}

// applied is what came of a transaction.
type applied struct {
	code          uint32
	fault         hook.Fault
	fuel          uint64
	output, wrote []byte
	events        [][]byte
}

func (a *applied) append(b []byte) []byte {
	b = canonical.AppendUint64(canonical.AppendUint32(canonical.AppendUint32(b, a.code), uint32(a.fault)), a.fuel)
	for _, x := range append([][]byte{a.output, a.wrote}, a.events...) {
		digest := sha256.Sum256(x)
		b = append(b, digest[:]...)
	}
	return b
}

func (a *applied) String() string {
	if a.fault != hook.FaultNone {
		return fmt.Sprintf("fault %s, %d fuel", a.fault, a.fuel)
	}
	wrote := sha256.Sum256(a.wrote)
	return fmt.Sprintf("code %d, %d fuel, output 0x%x, %d events, writes of digest %x", a.code, a.fuel, a.output[:min(len(a.output), 32)], len(a.events), wrote[:4])
}

// overlayOf returns the state after a block that was executed, nil for that after nothing.
func (x *execution) overlayOf(block quoin.Hash) *state.Overlay {
	for ; x != nil; x = x.before {
		if x.block != nil && x.block.ID() == block {
			return x.overlay
		}
	}
	return nil
}

// order returns the blocks up to this one as they were executed.
func (x *execution) order() []*execution {
	if x.before == nil {
		return nil
	}
	return append(x.before.order(), x)
}

// runner executes blocks on one engine, in every order that a check brings about, and each order once.
type runner struct {
	origin quoin.OriginID
	engine *Engine
	state  *state.State
	first  *execution
	count  int
}

func newRunner(origin quoin.OriginID, e *Engine) (*runner, error) {
	s, err := state.Open(store.NewMemory(), state.Options{})
	return &runner{origin: origin, engine: e, state: s, first: &execution{next: map[quoin.Hash]*execution{}}}, err
}

// execute executes a block after others: on a table that has served just those, or, if the engine is cold,
// nothing.
func (r *runner) execute(after *execution, b *quoin.Block) (*execution, error) {
	if x := after.next[b.ID()]; x != nil {
		return x, nil
	}
	t, err := r.engine.Table()
	if err != nil {
		return nil, err
	}
	defer t.Remove(r.engine.Binding.Release)
	for _, x := range after.order() {
		if r.engine.Cold {
			break
		}
		again, err := r.apply(t, x.before, x.block)
		if err != nil {
			return nil, err
		}
		again.overlay.Drop()
	}
	x, err := r.apply(t, after, b)
	if err != nil {
		return nil, err
	}
	after.next[b.ID()] = x
	return x, nil
}

// apply applies the transactions of a block as nodes do.
func (r *runner) apply(t *plugin.Table, after *execution, b *quoin.Block) (*execution, error) {
	r.count++
	h := b.Header()
	o, err := r.state.NewOverlay(after.overlayOf(h.Parent))
	if err != nil {
		return nil, err
	}
	x := &execution{before: after, block: b, overlay: o, next: map[quoin.Hash]*execution{}}
	var text []byte
	transactions := b.Transactions()
	for i := range transactions {
		tx := &transactions[i]
		mark, s := o.Mark(), &space{Overlay: o}
		q := hook.ApplyRequest{Height: uint64(h.Height), Time: uint64(h.Time), Index: uint32(i), Transaction: tx.ID(r.origin), Sender: tx.Sender, Payload: tx.Payload}
		answer, err := t.Apply(r.engine.Binding, &q, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.engine.Name, err)
		}
		a := applied{code: answer.Code, fault: answer.Fault, fuel: answer.Fuel, output: bytes.Clone(answer.Output), wrote: s.wrote, events: answer.Events}
		if a.code != 0 || a.fault != hook.FaultNone {
			a.wrote = nil
			if err := o.Revert(mark); err != nil {
				return nil, err
			}
		}
		x.results, text = append(x.results, a), a.append(text)
	}
	root, err := o.Seal()
	x.digest = sha256.Sum256(append(text, root[:]...))
	return x, err
}

// space is a machine's namespace, which remembers what it wrote.
type space struct {
	*state.Overlay
	wrote []byte
}

var _ plugin.State = (*space)(nil)

func (s *space) Get(key []byte) ([]byte, bool, error) { return s.Overlay.Get(namespace, key) }

func (s *space) Scan(start, end []byte, visit func(key, value []byte) bool) error {
	return s.ScanKeys(namespace, start, end, visit)
}

func (s *space) Put(key, value []byte) error {
	s.wrote = canonical.AppendBytes32(canonical.AppendBytes32(append(s.wrote, 1), key), value)
	return s.Overlay.Put(namespace, key, value)
}

func (s *space) Delete(key []byte) error {
	s.wrote = canonical.AppendBytes32(append(s.wrote, 0), key)
	return s.Overlay.Delete(namespace, key)
}

// fleet are the members' engines, and one more, the first again, that executes each block after its
// ancestors and nothing else: with it all others must agree.
type fleet struct {
	machine   *Machine
	runners   []*runner // of the engines
	reference *runner
	chains    map[quoin.Hash]*execution // by the reference
	trouble   error
}

func newFleet(origin quoin.OriginID, m *Machine) (*fleet, error) {
	f := &fleet{machine: m, chains: map[quoin.Hash]*execution{}}
	for i := range m.Engines {
		r, err := newRunner(origin, &m.Engines[i])
		if err != nil {
			return nil, err
		}
		f.runners = append(f.runners, r)
	}
	var err error
	f.reference, err = newRunner(origin, &m.Engines[0])
	return f, err
}

// of returns the engine of a member.
func (f *fleet) of(member int) *runner { return f.runners[member%len(f.runners)] }

// executions counts blocks that were executed, again ones too.
func (f *fleet) executions() int {
	n := f.reference.count
	for _, r := range f.runners {
		n += r.count
	}
	return n
}

// refer executes a block after its ancestors.
func (f *fleet) refer(o *model.Outcome) *execution {
	after := f.reference.first
	if o.Parent.Block != nil {
		after = f.chains[o.Parent.Checkpoint.Block]
	}
	return f.settle(f.reference, after, o)
}

// settle executes a block after others, and puts what came of it into its checkpoint; nil if this host fails.
func (f *fleet) settle(r *runner, after *execution, o *model.Outcome) *execution {
	x, err := r.execute(after, o.Block)
	if err != nil {
		if f.trouble == nil {
			f.trouble = err
		}
		return nil
	}
	o.Checkpoint.State = sha256.Sum256(append(o.Checkpoint.State[:], x.digest[:]...))
	if r == f.reference {
		f.chains[o.Block.ID()] = x
	}
	return x
}

// split says in what an execution differs from the reference, nothing if in nothing.
func (f *fleet) split(member int, x *execution, name func(quoin.Hash) string) string {
	want := f.chains[x.block.ID()]
	if want == nil || want.digest == x.digest {
		return ""
	}
	var order []string
	for _, b := range x.order() {
		order = append(order, name(b.block.ID()))
	}
	text := fmt.Sprintf("member %d (%s), which has executed %v, and one that has executed the ancestors of %s alone (%s) come to two results of it",
		member, f.of(member).engine.Name, order, name(x.block.ID()), f.reference.engine.Name)
	for i := range x.results {
		if a, b := &x.results[i], &want.results[i]; !slices.Equal(a.append(nil), b.append(nil)) {
			tx := &x.block.Transactions()[i]
			return fmt.Sprintf("%s: transaction %d (payload 0x%x) gives %s; and %s", text, i, tx.Payload[:min(len(tx.Payload), 64)], a, b)
		}
	}
	return text
}
