package state

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/store"
)

// bug is a fault planted into the model, which the comparison must notice.
type bug int

const (
	noBug bug = iota
	bugLostDelete
	bugLostRevert
	bugParentIsCertified
	bugCrashLosesNothing
	bugDropIsIgnored
	bugEndIsInclusive
)

// world plays random operations on the model and on states of several settings at once.
type world struct {
	random   *rand.Rand
	bug      bug
	keys     int // of each namespace
	sides    []*side
	blocks   []*block // live and dead ones
	base     *block   // the last certified one, or nil
	history  []model  // certified states: [0] durable, then one per batch a crash may take
	height   uint64
	counters map[string]int
}

// side is a state with its settings and store.
type side struct {
	options Options
	gapMin  int
	store   *store.Memory
	state   *State
}

// block is an overlay: the model of it, and each side's.
type block struct {
	parent   *block
	content  model
	overlays []*Overlay
	sealed   bool
	dead     bool
	marks    []blockMark
}

type blockMark struct {
	content model
	marks   []Mark
}

func newWorld(seed uint64, keys int, planted bug) *world {
	w := &world{random: rand.New(rand.NewPCG(seed, 0)), bug: planted, keys: keys, history: []model{{}}, counters: map[string]int{}}
	for i, o := range []Options{
		{},
		{CacheBytes: 1, ValueBytes: 1, FlushTouched: 50},
		{CacheBytes: 20_000, ValueBytes: 20_000, FlushTouched: 700},
		{CacheBytes: 1, FlushTouched: 1 << 20},
		{FlushTouched: 1},
	} {
		w.sides = append(w.sides, &side{options: o, gapMin: []int{gapMin, 1, 2, 5, 1}[i], store: store.NewMemory()})
	}
	return w
}

func (w *world) certified() model { return w.history[len(w.history)-1] }

func (w *world) open() error {
	for i, s := range w.sides {
		var err error
		if s.state, err = Open(s.store, s.options); err != nil {
			return fmt.Errorf("side %d: %w", i, err)
		}
		s.state.gapMin = s.gapMin
		if got, want := s.state.Root(), w.certified().root(); got != want {
			return fmt.Errorf("side %d opened with root %v, want %v", i, got, want)
		}
	}
	w.blocks, w.base = nil, nil
	return nil
}

func (w *world) key() string { return fmt.Sprintf("key-%d", w.random.IntN(w.keys)) }

// name returns a namespace; with many keys mostly the same, so that its pages have pages below.
func (w *world) name() string {
	if w.keys > 1000 && w.random.IntN(5) > 0 {
		return "kv"
	}
	return []string{"kv", "bank", "quoin", "a"}[w.random.IntN(4)]
}

// pick returns a random block for which want holds, or nil.
func (w *world) pick(want func(*block) bool) *block {
	var fit []*block
	for _, b := range w.blocks {
		if want(b) {
			fit = append(fit, b)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return fit[w.random.IntN(len(fit))]
}

func isOpen(b *block) bool   { return !b.dead && !b.sealed }
func isSealed(b *block) bool { return !b.dead && b.sealed }

// step makes one random move and compares.
func (w *world) step() error {
	switch n := w.random.IntN(100); {
	case n < 15:
		return w.grow()
	case n < 50:
		return w.write()
	case n < 56:
		return w.mark()
	case n < 63:
		return w.read()
	case n < 65:
		return w.scan()
	case n < 69:
		return w.scanKeys()
	case n < 78:
		return w.seal()
	case n < 83:
		return w.prove()
	case n < 93:
		return w.commit()
	case n < 95:
		return w.drop()
	case n < 97:
		return w.useDead()
	case n < 98:
		return w.crash()
	}
	return w.commit()
}

func (w *world) grow() error {
	parent := w.pick(func(b *block) bool { return isSealed(b) })
	if w.random.IntN(3) == 0 || len(w.blocks) > 40 && parent == nil {
		parent = nil
	}
	b := &block{parent: parent, content: w.certified().clone()}
	if parent != nil && w.bug != bugParentIsCertified {
		b.content = parent.content.clone()
	}
	for i, s := range w.sides {
		var on *Overlay
		if parent != nil {
			on = parent.overlays[i]
		}
		o, err := s.state.NewOverlay(on)
		if err != nil {
			return fmt.Errorf("side %d: new overlay: %w", i, err)
		}
		b.overlays = append(b.overlays, o)
	}
	if parent == nil {
		b.parent = w.base
	}
	w.blocks = append(w.blocks, b)
	return nil
}

func (w *world) write() error {
	b := w.pick(isOpen)
	if b == nil {
		return nil
	}
	name := w.name()
	writes := 1 + w.random.IntN(1+w.random.IntN(1+w.keys/4))
	shrink := w.random.IntN(4) == 0
	for range writes {
		key := w.key()
		if shrink && w.random.IntN(10) > 0 {
			for i, o := range b.overlays {
				if err := o.Delete(name, []byte(key)); err != nil {
					return fmt.Errorf("side %d: delete: %w", i, err)
				}
			}
			if w.bug != bugLostDelete {
				b.content.delete(name, key)
			}
			continue
		}
		value := make([]byte, w.random.IntN(20))
		for i := range value {
			value[i] = byte(w.random.Uint32())
		}
		for i, o := range b.overlays {
			if err := o.Put(name, []byte(key), value); err != nil {
				return fmt.Errorf("side %d: put: %w", i, err)
			}
		}
		b.content.put(name, key, string(value))
	}
	w.counters["writes"] += writes
	return nil
}

// mark takes a mark, or goes back to one.
func (w *world) mark() error {
	b := w.pick(isOpen)
	if b == nil {
		return nil
	}
	if len(b.marks) == 0 || w.random.IntN(2) == 0 {
		m := blockMark{content: b.content.clone()}
		for _, o := range b.overlays {
			m.marks = append(m.marks, o.Mark())
		}
		b.marks = append(b.marks, m)
		return nil
	}
	n := w.random.IntN(len(b.marks))
	for i, o := range b.overlays {
		if err := o.Revert(b.marks[n].marks[i]); err != nil {
			return fmt.Errorf("side %d: revert: %w", i, err)
		}
	}
	if w.bug != bugLostRevert {
		b.content = b.marks[n].content.clone()
	}
	b.marks = b.marks[:n+1]
	w.counters["reverts"]++
	return nil
}

func (w *world) read() error {
	b := w.pick(func(b *block) bool { return !b.dead })
	for range 20 {
		name, key := w.name(), w.key()
		want, there := w.certified()[name][key]
		for i, s := range w.sides {
			got, ok, err := s.state.Get(name, []byte(key))
			if err != nil || ok != there || string(got) != want {
				return fmt.Errorf("side %d: certified %s/%s is %q %v %v, want %q %v", i, name, key, got, ok, err, want, there)
			}
			got, ok, err = Read(s.store, name, []byte(key))
			if err != nil || ok != there || string(got) != want {
				return fmt.Errorf("side %d: stored %s/%s is %q %v %v, want %q %v", i, name, key, got, ok, err, want, there)
			}
		}
		if b == nil {
			continue
		}
		want, there = b.content[name][key]
		for i, o := range b.overlays {
			got, ok, err := o.Get(name, []byte(key))
			if has, err := o.Has(name, []byte(key)); err != nil || has != there {
				return fmt.Errorf("side %d: has %s/%s: %v %v, want %v", i, name, key, has, err, there)
			}
			if err != nil || ok != there || string(got) != want {
				return fmt.Errorf("side %d: %s/%s is %q %v %v, want %q %v", i, name, key, got, ok, err, want, there)
			}
		}
	}
	return nil
}

func (w *world) scan() error {
	b := w.pick(func(b *block) bool { return !b.dead })
	if b == nil {
		return nil
	}
	name := w.name()
	var from quoin.Hash
	if w.random.IntN(2) == 0 {
		from = KeyHash([]byte(w.key()))
	}
	limit := w.random.IntN(2 * w.keys)
	want := slices.DeleteFunc(b.content.leaves(name), func(l modelLeaf) bool { return bytes.Compare(l.hash[:], from[:]) < 0 })
	want = want[:min(limit, len(want))]
	for i, o := range b.overlays {
		var got []modelLeaf
		err := o.Scan(name, from, func(hash quoin.Hash, key, value []byte) bool {
			if len(got) < limit {
				got = append(got, modelLeaf{hash, string(key), string(value)})
			}
			return len(got) < limit
		})
		if err != nil || !slices.Equal(got, want) {
			return fmt.Errorf("side %d: scan of %s gave %d keys and %v, want %d keys", i, name, len(got), err, len(want))
		}
	}
	return nil
}

// scanKeys scans a random range of a block, and of the certified state, up to a random number of
// keys.
func (w *world) scanKeys() error {
	name, limit := w.name(), 1+w.random.IntN(2*w.keys)
	var start, end []byte
	if w.random.IntN(3) > 0 {
		start = w.bound()
	}
	if w.random.IntN(3) > 0 {
		end = w.bound()
	}
	within := func(content model) []modelLeaf {
		keys := slices.DeleteFunc(content.inOrder(name), func(l modelLeaf) bool {
			beyond := end != nil && l.key >= string(end)
			if w.bug == bugEndIsInclusive && l.key == string(end) {
				beyond = false
			}
			return l.key < string(start) || beyond
		})
		return keys[:min(limit, len(keys))]
	}
	b := w.pick(func(b *block) bool { return !b.dead })
	for i, s := range w.sides {
		want, scan := within(w.certified()), s.state.ScanKeys
		if got, err := keysOf(scan, name, start, end, limit); err != nil || !slices.Equal(got, want) {
			return fmt.Errorf("side %d: certified %s from %q to %q gave %d keys and %v, want %d keys", i, name, start, end, len(got), err, len(want))
		}
		if b == nil {
			continue
		}
		want, scan = within(b.content), b.overlays[i].ScanKeys
		if got, err := keysOf(scan, name, start, end, limit); err != nil || !slices.Equal(got, want) {
			return fmt.Errorf("side %d: %s from %q to %q gave %d keys and %v, want %d keys", i, name, start, end, len(got), err, len(want))
		}
		w.counters["keys in order"] += len(want)
	}
	if b != nil && !b.sealed {
		w.counters["scans of open blocks"]++
	}
	return nil
}

// bound returns a key, or something near one.
func (w *world) bound() []byte {
	key := []byte(w.key())
	switch w.random.IntN(8) {
	case 0:
		return append(key, 0)
	case 1:
		return key[:w.random.IntN(len(key))]
	case 2:
		return append(key, bytes.Repeat([]byte{0xff}, KeyBytesMax)...)
	}
	return key
}

type scanFunc func(name string, start, end []byte, yield func(key, value []byte) bool) error

// keysOf returns what a scan gives, up to a number of keys.
func keysOf(scan scanFunc, name string, start, end []byte, limit int) (got []modelLeaf, err error) {
	err = scan(name, start, end, func(key, value []byte) bool {
		got = append(got, modelLeaf{KeyHash(key), string(key), string(value)})
		return len(got) < limit
	})
	return got, err
}

func (w *world) seal() error {
	b := w.pick(isOpen)
	if b == nil {
		return nil
	}
	want := b.content.root()
	for i, o := range b.overlays {
		root, err := o.Seal()
		if err != nil || root != want {
			return fmt.Errorf("side %d: sealed root is %v %v, want %v", i, root, err, want)
		}
		if got := DirectoryRoot(o.Directory()); got != want {
			return fmt.Errorf("side %d: the directory has root %v, want %v", i, got, want)
		}
		if err := o.Put("kv", []byte("late"), nil); !errors.Is(err, ErrSealed) {
			return fmt.Errorf("side %d: a write after Seal: %v", i, err)
		}
		if err := w.checkUsage(o, b.content); err != nil {
			return fmt.Errorf("side %d: %w", i, err)
		}
	}
	b.sealed = true
	w.counters["seals"]++
	return nil
}

func (w *world) checkUsage(o *Overlay, content model) error {
	for _, name := range []string{"kv", "bank", "quoin", "a", "none"} {
		size := uint64(0)
		for key, value := range content[name] {
			size += uint64(len(key) + len(value))
		}
		if keys, bytes := o.Usage(name); keys != uint64(len(content[name])) || bytes != size {
			return fmt.Errorf("usage of %s is %d keys, %d bytes, want %d, %d", name, keys, bytes, len(content[name]), size)
		}
	}
	return nil
}

func (w *world) prove() error {
	b := w.pick(isSealed)
	for range 5 {
		name, key := w.name(), w.key()
		for i, s := range w.sides {
			content, prove := w.certified(), s.state.Prove
			if b != nil && w.random.IntN(2) == 0 {
				content, prove = b.content, b.overlays[i].Prove
			}
			p, err := prove(name, []byte(key))
			if err != nil {
				return fmt.Errorf("side %d: prove %s/%s: %w", i, name, key, err)
			}
			want, there := content[name][key]
			got, ok, err := p.Verify(content.root(), name, []byte(key))
			if err != nil || ok != there || string(got) != want {
				return fmt.Errorf("side %d: the proof of %s/%s gives %q %v %v, want %q %v", i, name, key, got, ok, err, want, there)
			}
		}
	}
	w.counters["proofs"]++
	return nil
}

func (w *world) commit() error {
	b := w.pick(func(b *block) bool { return isSealed(b) && b.parent == w.base && b != w.base })
	if b == nil {
		return nil
	}
	chain := []*block{b}
	for w.random.IntN(2) == 0 {
		next := w.pick(func(x *block) bool { return isSealed(x) && x.parent == b })
		if next == nil {
			break
		}
		chain, b = append(chain, next), next
	}
	w.height += uint64(len(chain))
	durable := w.random.IntN(4) == 0
	name, key, probe := w.name(), w.key(), w.random.IntN(2) == 0
	for i, s := range w.sides {
		if err := w.commitSide(i, s, chain, durable, func() error {
			if !probe {
				return nil
			}
			p, err := s.state.Prove(name, []byte(key))
			if errors.Is(err, ErrNotApplied) {
				w.counters["early reads refused"]++
				return nil
			}
			if err != nil {
				return err
			}
			value, ok, err := p.Verify(b.content.root(), name, []byte(key))
			if want, there := b.content[name][key]; err != nil || ok != there || string(value) != want {
				return fmt.Errorf("before the batch is applied, %s/%s is %q %v %v", name, key, value, ok, err)
			}
			return nil
		}); err != nil {
			return fmt.Errorf("side %d: %w", i, err)
		}
	}
	w.counters["chained commits"] += len(chain) - 1
	w.history = append(w.history, b.content)
	if durable {
		w.history = w.history[len(w.history)-1:]
	}
	for _, x := range w.blocks {
		alive := false
		for y := x; y != nil; y = y.parent {
			alive = alive || y == b
		}
		x.dead = x.dead || !alive
	}
	w.base = b
	w.counters["commits"]++
	return nil
}

// commitSide commits a chain of blocks with one batch.
func (w *world) commitSide(i int, s *side, chain []*block, durable bool, beforeApply func() error) error {
	flushes := s.state.flushes
	var batch store.Batch
	for n, b := range chain {
		if err := s.state.Commit(b.overlays[i], quoin.Height(w.height)-quoin.Height(len(chain)-1-n), &batch); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
	}
	if err := beforeApply(); err != nil {
		return err
	}
	if err := s.store.Apply(&batch, durable); err != nil {
		return err
	}
	content := chain[len(chain)-1].content
	if w.height%8 == 0 {
		if err := checkIndex(s.store, content); err != nil {
			return err
		}
	}
	if s.state.Root() != content.root() || s.state.Height() != quoin.Height(w.height) {
		return fmt.Errorf("certified root %v at height %d, want %v at %d", s.state.Root(), s.state.Height(), content.root(), w.height)
	}
	if s.state.flushes > flushes && s.state.touched == 0 {
		deep, err := checkPages(s.store, content)
		w.counters["deep pages"] += deep
		return err
	}
	return nil
}

// checkIndex makes sure that the store's index has the keys of the certified state and no others.
func checkIndex(m *store.Memory, content model) error {
	var want, got []string
	for _, name := range slices.Sorted(maps.Keys(content)) {
		for _, l := range content.inOrder(name) {
			want = append(want, string(appendSpaceKey(nil, kindKey, name))+l.key)
		}
	}
	slices.Sort(want) // shorter names first
	prefix := []byte{storePrefix, kindKey}
	err := m.Scan(prefix, store.PrefixEnd(prefix), func(key, value []byte) bool {
		got = append(got, string(key)+string(value))
		return true
	})
	if err == nil && !slices.Equal(got, want) {
		err = fmt.Errorf("the index has %d keys, not the %d that are certified", len(got), len(want))
	}
	return err
}

// checkPages makes sure that a flush leaves the pages of the certified tries and no others. It
// returns how many are below another one.
func checkPages(m *store.Memory, content model) (deep int, err error) {
	want := map[string]bool{}
	for name := range content {
		trieRoot(content.leaves(name), 0, func(depth int, path quoin.Hash) {
			p := page{name, depth, path}
			want[string(p.appendKey(nil))] = true
			if depth > 0 {
				deep++
			}
		})
	}
	prefix := []byte{storePrefix, kindPage}
	var bad error
	err = m.Scan(prefix, store.PrefixEnd(prefix), func(key, _ []byte) bool {
		if !want[string(key)] {
			bad = fmt.Errorf("page %x was left behind", key)
		}
		delete(want, string(key))
		return true
	})
	if len(want) > 0 {
		bad = fmt.Errorf("%d pages are missing", len(want))
	}
	return deep, errors.Join(err, bad)
}

func (w *world) drop() error {
	b := w.pick(func(b *block) bool { return !b.dead && b != w.base })
	if b == nil {
		return nil
	}
	for _, o := range b.overlays {
		if w.bug != bugDropIsIgnored {
			o.Drop()
		}
	}
	for _, x := range w.blocks {
		for y := x; y != nil; y = y.parent {
			x.dead = x.dead || y == b
		}
	}
	w.counters["drops"]++
	return nil
}

func (w *world) useDead() error {
	b := w.pick(func(b *block) bool { return b.dead })
	if b == nil {
		return nil
	}
	for i, o := range b.overlays {
		s := w.sides[i].state
		_, _, get := o.Get("kv", []byte("x"))
		_, prove := o.Prove("kv", []byte("x"))
		_, seal := o.Seal()
		_, grow := s.NewOverlay(o)
		scan := o.Scan("kv", quoin.Hash{}, func(quoin.Hash, []byte, []byte) bool { return true })
		keys := o.ScanKeys("kv", nil, nil, func(_, _ []byte) bool { return true })
		errs := []error{get, prove, seal, grow, scan, keys, o.Writes(func(string, []byte, []byte, bool) bool { return true }), o.Put("kv", []byte("x"), nil), o.Delete("kv", []byte("x")),
			o.Revert(o.Mark()), s.Commit(o, 0, new(store.Batch))}
		for n, err := range errs {
			if !errors.Is(err, ErrStale) {
				return fmt.Errorf("side %d: use %d of a dead overlay: %v", i, n, err)
			}
		}
	}
	w.counters["stale uses"]++
	return nil
}

// crash loses a random suffix of the batches that are not durable, and opens again.
func (w *world) crash() error {
	keep := max(0, len(w.history)-1-w.random.IntN(4))
	for _, s := range w.sides {
		s.store.Crash(keep)
	}
	content := w.history[keep]
	if w.bug == bugCrashLosesNothing {
		content = w.certified()
	}
	w.history = []model{content}
	w.counters["crashes"]++
	for i, s := range w.sides {
		if err := checkIndex(s.store, content); err != nil && w.bug == noBug {
			return fmt.Errorf("side %d: after a crash: %w", i, err)
		}
	}
	return w.open()
}

// play runs steps and returns the first difference.
func (w *world) play(steps int) error {
	if err := w.open(); err != nil {
		return err
	}
	for n := range steps {
		if err := w.step(); err != nil {
			return fmt.Errorf("step %d: %w", n, err)
		}
		if n%7 == 0 {
			for i, s := range w.sides {
				if err := checkNodes(s.state); err != nil {
					return fmt.Errorf("step %d: side %d: %w", n, i, err)
				}
			}
		}
	}
	return nil
}
