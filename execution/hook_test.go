package execution

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	. "quoin.dev/quoin/plugin/wasmtest"
	"quoin.dev/quoin/state"
	"quoin.dev/quoin/store"
)

// scripted is a machine that does what its payload says: 'p' key value, 'f' fault, 'c' code, 'h' height
// (history), 'b' (beacon), 'o' key (of the namespace kv), 'q' key (proof).
type scripted struct{}

func (scripted) Apply(q *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
	p := q.Payload
	switch p[0] {
	case 'p':
		s.Put(p[1:2], p[2:])
	case 'f':
		panic("fault")
	case 'c':
		s.Put([]byte("lost"), p)
		return hook.ApplyResponse{Code: uint32(p[1])}
	case 'h':
		a, ok := s.History(uint64(p[1]))
		if !ok {
			return hook.ApplyResponse{Code: 1}
		}
		return hook.ApplyResponse{Output: a.Append(nil)}
	case 'b':
		r := s.Beacon()
		return hook.ApplyResponse{Output: r[:]}
	case 'o':
		v, ok := s.Foreign("kv", p[1:])
		return hook.ApplyResponse{Output: fmt.Append(nil, string(v), ok)}
	case 'q':
		return hook.ApplyResponse{Output: bytes.Clone(s.Proof(p[1:]))}
	}
	return hook.ApplyResponse{}
}

func (scripted) Query(*hook.QueryRequest, hook.Reader) hook.QueryResponse {
	return hook.QueryResponse{}
}

func script(salt uint64, payload string) quoin.Transaction {
	return quoin.Transaction{Salt: salt, Expiry: 90, Namespace: "scripted", Payload: []byte(payload)}
}

// bind changes the configuration that is in force.
func (f *fixture) bind(b quoin.Binding) {
	f.x.tip.Configuration = f.x.tip.Configuration.WithBinding(b)
	f.x.served = served{}
}

// certify executes a block on the tip and makes it the tip, and returns it.
func (f *fixture) certify(txs ...quoin.Transaction) *Outcome {
	f.t.Helper()
	o, err := f.execute(txs...)
	if err != nil {
		f.t.Fatal(err)
	}
	var b store.Batch
	if err := f.x.c.State.Commit(o.Overlay(), o.Checkpoint.Height, &b); err != nil {
		f.t.Fatal(err)
	}
	if err := f.x.c.Log.Append(&b, o.Segment()); err != nil {
		f.t.Fatal(err)
	}
	if err := f.store.Apply(&b, true); err != nil {
		f.t.Fatal(err)
	}
	f.x.Advance(o)
	return o
}

func verifyProof(b []byte, root quoin.Hash, namespace string, key []byte) ([]byte, bool, error) {
	var p state.Proof
	if err := p.UnmarshalBinary(b); err != nil {
		return nil, false, err
	}
	return p.Verify(root, namespace, key)
}

func TestHistory(t *testing.T) {
	f := newFixture(t, plugin.Builtin{Name: "scripted", Machine: scripted{}})
	want := map[uint64]hook.Ancestor{0: ancestorOf(f.x.Tip())}
	for h := uint64(1); h <= hook.AncestorsMax+6; h++ {
		var txs []quoin.Transaction
		for past := range uint64(255) {
			txs = append(txs, script(h<<8+past, string([]byte{'h', byte(past)})))
		}
		o := f.certify(txs...)
		for past := range uint64(255) {
			r, a := o.Results[past], want[past]
			reachable := past < h && h-past <= hook.AncestorsMax
			if (r.Code == 0) != reachable || reachable && !bytes.Equal(r.Output, a.Append(nil)) {
				t.Fatalf("at height %d, height %d gives code %d, %x, want %x", h, past, r.Code, r.Output, a.Append(nil))
			}
		}
		want[h] = ancestorOf(&o.Checkpoint)
	}
}

// A plugin sees other namespaces, its own proofs and the beacon as the block before left them,
// whether that block is certified or not.
func TestWorldIsThatOfTheBlockBefore(t *testing.T) {
	for _, certified := range []bool{true, false} {
		f := newFixture(t, plugin.Builtin{Name: "scripted", Machine: scripted{}})
		next := f.certify
		if !certified {
			tip := *f.x.Tip()
			next = func(txs ...quoin.Transaction) *Outcome {
				o, err := f.x.Execute(quoin.NewBlock(quoin.Header{Epoch: 1, View: 2*quoin.View(tip.Height) + 1, ParentView: tip.View, Height: tip.Height + 1, Parent: tip.Block,
					ParentCheckpoint: tip.Digest(), Time: tip.Time + 1}, txs))
				if err != nil {
					t.Fatal(err)
				}
				tip = o.Checkpoint
				return o
			}
		}
		first := next(put(1, "a", "old"), script(1, "pkold"), script(2, "b"))
		second := next(put(2, "a", "new"), script(3, "oa"), script(4, "pknew"), script(5, "qk"), script(6, "b"), script(7, "omissing"))
		if got := string(second.Results[1].Output); got != "oldtrue" {
			t.Errorf("certified %v: the other namespace shows %q", certified, got)
		}
		if got := string(second.Results[5].Output); got != "false" {
			t.Errorf("certified %v: a missing key shows %q", certified, got)
		}
		value, present, err := verifyProof(second.Results[3].Output, first.Checkpoint.State, "scripted", []byte("k"))
		if err != nil || !present || string(value) != "old" {
			t.Errorf("certified %v: the proof shows %q, %v, %v", certified, value, present, err)
		}
		if bytes.Equal(first.Results[2].Output, second.Results[4].Output) || len(first.Results[2].Output) != 32 {
			t.Errorf("certified %v: the beacon does not change", certified)
		}
	}
}

func TestValidation(t *testing.T) {
	f := newFixture(t, plugin.Builtin{Name: "scripted", Machine: scripted{}}, plugin.Builtin{Name: "strict", Validation: hook.ValidationFunc(
		func(q *hook.ValidationRequest, s hook.Reader) hook.ValidationResponse {
			v, _ := s.Get([]byte("k"))
			switch {
			case q.Payload[0] == 'f':
				panic("fault")
			case bytes.Equal(v, q.Payload[2:]):
				return hook.ValidationResponse{Code: 77}
			}
			return hook.ValidationResponse{}
		})})
	f.bind(quoin.Binding{Hook: "validation.v1", Namespace: "scripted", Builtin: "strict"})
	o := f.certify(script(1, "pkv"), script(2, "pkv"), put(1, "k", "v"), script(3, "f."))
	for i, want := range []uint32{0, 0, 0, ResultValidationFault + uint32(hook.FaultTrap)} {
		if o.Results[i].Code != want {
			t.Errorf("result %d is %d, want %d: validation must see the state before the block", i, o.Results[i].Code, want)
		}
	}
	again := script(4, "pkv")
	if ok, fuel := f.x.Accepts(again.ID(f.x.originID), &again); ok || fuel == 0 {
		t.Error("the pool would take what validation refuses")
	}
	other := put(9, "k", "v")
	if ok, _ := f.x.Accepts(other.ID(f.x.originID), &other); !ok {
		t.Error("a namespace without validation refuses")
	}
	o = f.certify(again, script(5, "pkw"))
	if r := o.Results[0]; r.Code != ResultValidation || binary.BigEndian.Uint32(r.Output) != 77 || r.Fuel == 0 {
		t.Errorf("refused: %+v", r)
	}
	if r := o.Results[1]; r.Code != 0 {
		t.Errorf("accepted: %+v", r)
	}
	if len(o.Faults) != 0 {
		t.Errorf("a client's transaction counts as the plugin's fault: %v", o.Faults)
	}
}

func TestFinality(t *testing.T) {
	faulty := hook.FinalityFunc(func(*hook.FinalityRequest) hook.FinalityResponse { panic("fault") })
	f := newFixture(t, plugin.Builtin{Name: "faulty", Finality: faulty})
	if o := f.certify(); o.Delay != (hook.FinalityResponse{}) {
		t.Errorf("without a binding: %v", o.Delay)
	}
	f.bind(quoin.Binding{Hook: "finality.v1", Builtin: "deep", Parameters: []byte{9, 0, 0, 0, 255, 255, 255, 255}})
	o := f.certify()
	if want := (hook.FinalityResponse{Blocks: 9, Milliseconds: hook.FinalityMSMax}); o.Delay != want {
		t.Errorf("%v, want %v", o.Delay, want)
	}
	f.bind(quoin.Binding{Hook: "finality.v1", Builtin: "faulty"})
	for range 3 {
		o = f.certify()
		if o.Delay != (hook.FinalityResponse{}) || len(o.Faults) != 1 || o.Faults[0].Kind != FinalityFault {
			t.Errorf("a faulting plugin: %v, %v", o.Delay, o.Faults)
		}
	}
}

// batchGuest is a machine whose apply writes the payload's second byte under its first, with the
// third as its code, and traps if the fourth is 1; its batch does the same, and traps besides if a
// transaction's fourth byte is 2.
func batchGuest(t testing.TB) *plugin.Release {
	const input, output, put, next = 0, 1, 2, 3
	m := Guest(1, Input, Output, StatePut, Imported{Module: "quoin.v1", Name: "batch_next", Results: Types(I32)})
	byteAt := func(i uint32) []byte { return slices.Concat(I32Const(0), []byte{0x2d, 0}, U32(1000+96+i)) }
	trapIf := func(v int32) []byte {
		return slices.Concat(byteAt(3), I32Const(v), Op(0x46), If(0x40, Op(0x00)))
	}
	one := slices.Concat(I32Const(1000), I32Const(60000), Call(input), Op(0x1a), trapIf(1),
		I32Const(1096), I32Const(1), I32Const(1097), I32Const(1), Call(put),
		I32Const(4), byteAt(2), I32Store(0), I32Const(4), I32Const(4), Call(output))
	status := Types(I32)
	m.Func("machine.v1.apply", nil, status, nil, one, I32Const(0))
	m.Func("machine.v1.apply_batch", nil, status, nil,
		Block(0x40, Loop(0x40, Call(next), Op(0x45), BrIf(1), one, trapIf(2), Br(0))), I32Const(0))
	m.Func("machine.v1.query", nil, status, nil, I32Const(0))
	return compiled(t, m.Bytes(), "batch")
}

// compiled is a machine's module as a release.
func compiled(t testing.TB, module []byte, name string) *plugin.Release {
	t.Helper()
	file, err := plugin.Embed(module, &plugin.Manifest{Name: name, Version: "1", Sequence: 1, Hooks: []string{"machine.v1"},
		Capabilities: []string{"state"}, FuelMax: 1_000_000, PagesMax: 2})
	if err != nil {
		t.Fatal(err)
	}
	host, err := plugin.NewHost(plugin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })
	r, err := host.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBatch(t *testing.T) {
	f := newFixture(t)
	release := batchGuest(t)
	f.x.c.Table.Add(release)
	b := *release.Binding("machine.v1")
	b.Namespace = "batch"
	f.bind(b)
	salt := uint64(0)
	tx := func(payload string) quoin.Transaction {
		salt++
		return quoin.Transaction{Salt: salt, Expiry: 90, Namespace: "batch", Payload: []byte(payload)}
	}
	value := func(o *Outcome, key string) string {
		v, _, err := o.Overlay().Get("batch", []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		return string(v)
	}
	codes := func(o *Outcome) (list []uint32) {
		for _, r := range o.Results {
			list = append(list, r.Code)
		}
		return list
	}
	const ok, refused, trap = 0, 5, quoin.ResultFault + uint32(hook.FaultTrap)

	o := f.certify(tx("ax\x00\x00"), tx("bx\x05\x00"), tx("ay\x00\x00"), put(1, "k", "v"), tx("cx\x00\x00"))
	if got := codes(o); !slices.Equal(got, []uint32{ok, refused, ok, 0, ok}) || value(o, "a") != "y" || value(o, "b") != "" || value(o, "c") != "x" {
		t.Errorf("%v, a %q, b %q, c %q", got, value(o, "a"), value(o, "b"), value(o, "c"))
	}
	alone := o.Results[4].Fuel
	if o.Results[0].Fuel == alone {
		t.Error("the first three were not taken as a batch: their fuel would differ from a single call's")
	}
	// The offender alone pays, and what came before and after it is done.
	o = f.certify(tx("ap\x00\x00"), tx("bp\x00\x01"), tx("cp\x00\x00"))
	if got := codes(o); !slices.Equal(got, []uint32{ok, trap, ok}) || o.Results[0].Fuel != alone || o.Results[1].Fuel != 1_000_000 || o.Results[2].Fuel != alone {
		t.Errorf("%v, %+v", got, o.Results)
	}
	if value(o, "a") != "p" || value(o, "b") != "" || value(o, "c") != "p" || len(o.Faults) != 0 {
		t.Errorf("a %q, b %q, c %q, faults %v", value(o, "a"), value(o, "b"), value(o, "c"), o.Faults)
	}
	// A batch that faults by itself is taken one by one, and after three of them there are none.
	for i := range 5 {
		o = f.certify(tx("aq\x00\x00"), tx("bq\x00\x02"))
		if got := codes(o); !slices.Equal(got, []uint32{ok, ok}) || value(o, "b") != "q" {
			t.Errorf("%v", got)
		}
		if want := i < 3; (len(o.Faults) == 1 && o.Faults[0].Kind == BatchFault) != want {
			t.Errorf("block %d: faults %v", i, o.Faults)
		}
	}
	if o = f.certify(tx("ar\x00\x00"), tx("br\x00\x00")); o.Results[0].Fuel != alone {
		t.Error("there are batches still")
	}
	f.x.tip.Configuration.Epoch++
	if !f.x.batches(&kernelState{overlay: o.overlay}, &b) {
		t.Error("the next epoch has no batches")
	}
}
