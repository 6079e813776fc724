package attack

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/plugintest"
)

// questions draws requests that are valid and as bad as the hooks' limits allow. Equal generators draw
// equal requests.
type questions struct {
	rng      *rand.Rand
	params   []byte   // of the binding; nil: drawn
	payloads [][]byte // examples
	learned  [][]byte // requests that the plugin does something with
}

// known makes m a learned request, one time in two, if there are any.
func known[Q, S any](q *questions, d *hook.Definition[Q, S], m *Q) *Q {
	if len(q.learned) == 0 || q.rng.IntN(2) == 0 {
		return m
	}
	if d.DecodeRequest(q.learned[q.rng.IntN(len(q.learned))], m) != nil {
		panic("attack: a learned request is none") // a mistake in this package
	}
	return m
}

// number draws a number that is often at the end of a range.
func (q *questions) number() uint64 {
	switch q.rng.IntN(4) {
	case 0:
		return []uint64{0, 1, 2, math.MaxUint32, math.MaxUint32 + 1, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64 - 1, math.MaxUint64}[q.rng.IntN(9)]
	case 1:
		return q.rng.Uint64() >> q.rng.IntN(64)
	}
	return q.rng.Uint64N(1_000)
}

// bytes draws bytes of an edge's length: empty, short, the longest; of one value, or any.
func (q *questions) bytes(longest int) []byte {
	n := 0
	switch q.rng.IntN(6) {
	case 0:
	case 1:
		n = longest
	case 2:
		n = q.rng.IntN(longest + 1)
	default:
		n = q.rng.IntN(min(longest, 64) + 1)
	}
	b := make([]byte, n)
	switch fill := q.rng.IntN(4); fill {
	case 0: // zeros
	case 1:
		for i := range b {
			b[i] = 0xff
		}
	default:
		for i := range b {
			b[i] = byte(q.rng.Uint32())
		}
		if fill == 2 && n >= 4 { // a length that lies
			binary.LittleEndian.PutUint32(b, uint32(q.number()))
		}
	}
	return b
}

func (q *questions) hash() (h [32]byte) {
	switch q.rng.IntN(3) {
	case 0:
	case 1:
		for i := range h {
			h[i] = 0xff
		}
	default:
		for i := range h {
			h[i] = byte(q.rng.Uint32())
		}
	}
	return h
}

func (q *questions) parameters() []byte {
	if q.params != nil {
		return q.params
	}
	if q.rng.IntN(2) == 0 { // as most bindings have it; others may stop a plugin at once
		return nil
	}
	return q.bytes(hook.ParamsMax)
}

// leader draws, beside requests of chains at random, one validator and the most, weights that add up to
// the most there may be, views and heights at the end of their range, windows with the widest gaps, of
// voters all, none and one.
func (q *questions) leader() *hook.LeaderRequest {
	if q.rng.IntN(2) == 0 {
		r := plugintest.RandomRequest(q.rng, []int{1, 4, 70, hook.ValidatorsMax}[q.rng.IntN(4)])
		r.Params = q.parameters()
		return r
	}
	n := []int{1, 2, 63, 64, 65, hook.ValidatorsMax}[q.rng.IntN(6)]
	r := &hook.LeaderRequest{Seed: q.hash(), Epoch: q.number(), Validators: validators(n), Params: q.parameters()}
	switch q.rng.IntN(3) {
	case 0:
		r.Validators[q.rng.IntN(n)].Weight = hook.TotalWeightMax - uint64(n-1)
	case 1:
		for i := range r.Validators {
			r.Validators[i].Weight = hook.TotalWeightMax / uint64(n)
		}
	}
	r.View = max(1, q.number())
	view := r.View
	r.ParentHeight = q.number()
	if q.rng.IntN(2) == 0 {
		r.ParentHeight = math.MaxUint64 // heights may repeat, but not rise
	}
	for range q.rng.IntN(hook.WindowMax + 1) {
		if view <= 1 {
			break
		}
		gap := min(view-2, []uint64{0, 0, q.number()}[q.rng.IntN(3)])
		if len(r.Window) == 0 {
			view -= 1 + gap
			r.ParentView = view
		} else {
			r.Window[len(r.Window)-1].ViewGap = gap
			view -= 1 + gap
		}
		b := hook.WindowBlock{Height: r.ParentHeight, View: view, Proposer: uint32(q.rng.IntN(n)), Voters: hook.NewBitmap(n)}
		switch q.rng.IntN(3) {
		case 0:
			b.Voters.Set(n - 1)
		case 1:
			for i := range n {
				b.Voters.Set(i)
			}
		}
		r.Window = append(r.Window, b)
	}
	if m := len(r.Window); m > 0 { // the oldest's gap may reach back to the epoch's start
		r.Window[m-1].ViewGap = min(q.number(), r.Window[m-1].View-1)
	}
	return r
}

// payload draws a payload: bytes at random, an example, or a changed example.
func (q *questions) payload() []byte {
	if len(q.payloads) == 0 || q.rng.IntN(3) == 0 {
		return q.bytes(hook.PayloadMax)
	}
	example := q.payloads[q.rng.IntN(len(q.payloads))]
	if q.rng.IntN(2) == 0 {
		example = mutate(q.rng, example)
	}
	return example[:min(len(example), hook.PayloadMax)]
}

func (q *questions) apply() *hook.ApplyRequest {
	return &hook.ApplyRequest{Height: q.number(), Time: q.number(), Index: uint32(q.number()), Transaction: q.hash(), Sender: q.hash(),
		Payload: q.payload(), Params: q.parameters()}
}

func (q *questions) query() *hook.QueryRequest {
	return &hook.QueryRequest{Height: q.number(), Time: q.number(), Payload: q.payload(), Params: q.parameters()}
}

func (q *questions) validation() *hook.ValidationRequest {
	return &hook.ValidationRequest{Height: q.number(), Time: q.number(), Transaction: q.hash(), Sender: q.hash(),
		Payload: q.payload(), Params: q.parameters()}
}

func (q *questions) finality() *hook.FinalityRequest {
	n := 1 + q.rng.IntN(hook.ValidatorsMax)
	r := &hook.FinalityRequest{Transactions: uint32(q.number()), Bytes: uint32(q.number()), Proposer: uint32(q.rng.IntN(n)), Validators: uint32(n),
		Height: max(1, q.number()), Time: q.number(), Epoch: q.number(), View: max(1, q.number()), Params: q.parameters()}
	r.ParentTime, r.ViewGap = min(q.number(), r.Time), min(q.number(), r.View-1)
	return r
}

// pacemaker draws requests of chains whose time-outs are at the ends of what a configuration may say.
func (q *questions) pacemaker() *hook.PacemakerRequest {
	n := 1 + q.rng.IntN(hook.ValidatorsMax)
	r := &hook.PacemakerRequest{Validators: uint32(n), Self: []uint32{0, uint32(n - 1), hook.PacemakerObserver}[q.rng.IntN(3)], View: max(1, q.number()),
		BaseMS: []uint64{10, 500, 60_000}[q.rng.IntN(3)], Params: q.parameters()}
	r.MaxMS = max(r.BaseMS, []uint64{10, 20_000, 600_000}[q.rng.IntN(3)])
	r.CertifiedView = min(q.number(), r.View-1)
	r.BuiltinMS = min(r.MaxMS, r.BaseMS<<min(r.View-r.CertifiedView-1, 16))
	view := r.View
	for range q.rng.IntN(hook.PacemakerWindowMax + 1) {
		if view == 0 {
			break
		}
		view -= 1 + min(view-1, []uint64{0, q.number()}[q.rng.IntN(2)])
		r.Window = append(r.Window, hook.PacemakerView{View: view, MS: uint32(q.number()), Notarized: q.rng.IntN(2) == 0})
	}
	return r
}

func (q *questions) priority() *hook.PriorityRequest {
	return &hook.PriorityRequest{Pending: uint32(q.number()), Capacity: uint32(q.number()), Local: q.rng.IntN(2) == 0, Height: q.number(), Expiry: q.number(),
		Transaction: q.hash(), Sender: q.hash(), Namespace: q.bytes(hook.NamespaceMax), Payload: q.payload(), Params: q.parameters()}
}

// space draws a namespace full of values that nobody meant: of every length and form, under keys at the
// ends of their order, and under the keys that the plugin has used itself.
func (q *questions) space(used []string) *space {
	sp := newSpace(nil)
	keys := []string{"\x00", "\xff", string(make([]byte, hook.KeyMax))}
	for range q.rng.IntN(40) {
		key := q.bytes(hook.KeyMax)
		keys = append(keys, string(append(key, byte(q.rng.Uint32()))[:min(len(key)+1, hook.KeyMax)]))
	}
	for _, k := range append(keys, used...) {
		if q.rng.IntN(3) > 0 {
			sp.values[k] = string(q.bytes(hook.ValueMax))
		}
	}
	sp.beacon = q.hash()
	sp.ancestors = map[uint64]hook.Ancestor{}
	for range 4 {
		h := q.number()
		sp.ancestors[h] = hook.Ancestor{Height: h, Time: q.number(), Epoch: q.number(), View: q.number(), Size: q.number(), Block: q.hash()}
	}
	return sp
}
