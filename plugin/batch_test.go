package plugin

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

var batchNext = Imported{Module: "quoin.v1", Name: "batch_next", Params: nil, Results: Types(I32)}

// Numbers of the functions that a batch guest imports.
const (
	inputFunction = iota
	outputFunction
	nextFunction
)

// eachRequest is a loop around body for each request of a batch, which has been read to address 8.
func eachRequest(body ...[]byte) []byte {
	return Block(0x40, Loop(0x40, Call(nextFunction), Op(0x45), BrIf(1),
		I32Const(8), I32Const(60000), Call(inputFunction), Op(0x1a), slices.Concat(body...), Br(0)))
}

// answer gives as the code the first byte of the payload, and as the output the request's first 16 bytes.
func answer() []byte {
	return slices.Concat(I32Const(4), I32Const(8), []byte{0x2d, 0, 96}, I32Store(0), I32Const(4), I32Const(20), Call(outputFunction))
}

// batchMachine is a machine whose batch is the given body, and whose apply answers.
func batchMachine(batch ...[]byte) []byte {
	m := Guest(2, Input, Output, batchNext)
	m.Func("machine.v1.apply", nil, status, nil, I32Const(8), I32Const(60000), Call(inputFunction), Op(0x1a), answer(), I32Const(0))
	m.Func("machine.v1.apply_batch", nil, status, nil, append(batch, I32Const(0))...)
	return machine(m)
}

// batch applies payloads on both engines, which must agree, and returns the results.
func (e *engines) batch(b *quoin.Binding, payloads []string) ([]ApplyResult, hook.Fault) {
	e.t.Helper()
	var results [2][]ApplyResult
	var faults [2]hook.Fault
	for i, table := range e.table {
		var q hook.ApplyRequest
		var err error
		faults[i], err = table.ApplyBatch(b, len(payloads), func(i int) *hook.ApplyRequest {
			q = hook.ApplyRequest{Height: 7, Time: 1_700_000_000_000, Index: uint32(i), Payload: []byte(payloads[i])}
			return &q
		}, newState(), func(k int, r ApplyResult) error {
			if k != len(results[i]) {
				e.t.Fatalf("transaction %d after %d", k, len(results[i]))
			}
			results[i] = append(results[i], r)
			return nil
		})
		if err != nil {
			e.t.Fatal(err)
		}
	}
	if faults[0] != faults[1] || fmt.Sprint(results[0]) != fmt.Sprint(results[1]) {
		e.t.Fatalf("the engines differ:\n%v %+v\n%v %+v", faults[0], results[0], faults[1], results[1])
	}
	return results[0], faults[0]
}

func TestBatch(t *testing.T) {
	e := newEngines(t)
	b := e.load(release(t, batchMachine(eachRequest(answer())), testManifest("machine.v1")))
	payloads := []string{"\x00one", "\x07two", "\x00three", "\x00"}
	got, fault := e.batch(b, payloads)
	if fault != hook.FaultNone || len(got) != len(payloads) {
		t.Fatalf("%v, %d results", fault, len(got))
	}
	for i, r := range got {
		one := e.apply(b, []byte(payloads[i]), nil)
		// The requests differ in their index alone.
		if r.Code != one.Code || !bytes.Equal(r.Output[:8], one.Output[:8]) || r.Output[8] != byte(i) || r.Fault != one.Fault {
			t.Errorf("transaction %d: %+v in a batch, %+v alone", i, r, one)
		}
		if i > 1 && r.Fuel != got[i-1].Fuel-chargeDifference(payloads[i-1], payloads[i]) {
			t.Errorf("transaction %d costs %d, the one before %d", i, r.Fuel, got[i-1].Fuel)
		}
	}
	if !e.table[0].Batches(b) || e.table[0].Batches(&quoin.Binding{Hook: "machine.v1", Builtin: "kv"}) {
		t.Error("Batches is wrong")
	}
}

// chargeDifference is what the request of a costs more than that of b.
func chargeDifference(a, b string) uint64 {
	return uint64(chargeBytes(96+len(a)) - chargeBytes(96+len(b)))
}

func TestBatchMisuse(t *testing.T) {
	for name, c := range map[string]struct {
		batch [][]byte
		want  hook.Fault
	}{
		"never asks":             {nil, hook.FaultOutput},
		"stops asking":           {[][]byte{Call(nextFunction), Op(0x1a)}, hook.FaultOutput},
		"no answer":              {[][]byte{Loop(0x40, Call(nextFunction), BrIf(0))}, hook.FaultOutput},
		"two answers":            {[][]byte{eachRequest(answer(), answer())}, hook.FaultOutput},
		"asks after the end":     {[][]byte{eachRequest(answer()), Call(nextFunction), Op(0x1a)}, hook.FaultImport},
		"answers after the end":  {[][]byte{eachRequest(answer()), answer(), answer()}, hook.FaultOutput},
		"works after the end":    {[][]byte{eachRequest(answer()), Loop(0x40, Br(0))}, hook.FaultFuel},
		"works before the first": {[][]byte{Loop(0x40, Br(0))}, hook.FaultFuel},
		"traps in the middle":    {[][]byte{eachRequest(answer(), Op(0x00))}, hook.FaultTrap},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngines(t)
			b := e.load(release(t, batchMachine(c.batch...), testManifest("machine.v1")))
			if _, fault := e.batch(b, []string{"\x00", "\x01"}); fault != c.want {
				t.Errorf("fault %v, want %v", fault, c.want)
			}
			if r := e.apply(b, []byte("\x05"), nil); r.Fault != hook.FaultNone || r.Code != 5 {
				t.Errorf("the next call: %+v", r)
			}
		})
	}
}

// batch_next is not for single calls.
func TestBatchNextAlone(t *testing.T) {
	e := newEngines(t)
	m := Guest(1, Input, Output, batchNext)
	m.Func("machine.v1.apply", nil, status, nil, Call(nextFunction), Op(0x1a), answer(), I32Const(0))
	if r := e.apply(e.load(release(t, machine(m), testManifest("machine.v1"))), nil, nil); r.Fault != hook.FaultImport {
		t.Errorf("%+v", r)
	}
}

// A long batch is cut into several calls, each from a clean memory: what a transaction leaves in the
// memory is gone for some later one, at the same place on both engines.
func TestLongBatch(t *testing.T) {
	e := newEngines(t)
	// The code of a transaction is how many came before it in the same call.
	count := slices.Concat(I32Const(0), I32Const(0), []byte{0x28, 2, 0}, I32Const(1), Op(0x6a), I32Store(0))
	work := slices.Concat(I32Const(60000), I32Const(0), I32Const(30000), []byte{0xfc, 11, 0}) // a fill that costs some fuel
	code := slices.Concat(I32Const(4), I32Const(0), []byte{0x28, 2, 0}, I32Store(0), I32Const(4), I32Const(4), Call(outputFunction))
	b := e.load(release(t, batchMachine(eachRequest(bytes.Repeat(work, 100), count, code)), testManifest("machine.v1")))
	got, fault := e.batch(b, make([]string, 200))
	if fault != hook.FaultNone || len(got) != 200 {
		t.Fatalf("%v, %d results", fault, len(got))
	}
	calls, spent := 0, uint64(0)
	for i, r := range got {
		if r.Code == 1 {
			calls++
			spent = 0
		}
		if spent += r.Fuel; spent >= batchFuelMax+r.Fuel {
			t.Fatalf("transaction %d: one call spent %d", i, spent)
		}
	}
	if calls < 2 || calls > 100 {
		t.Errorf("%d calls", calls)
	}
}

func TestBatchDoneFails(t *testing.T) {
	e := newEngines(t)
	b := e.load(release(t, batchMachine(eachRequest(answer())), testManifest("machine.v1")))
	broken := errors.New("broken")
	_, err := e.table[0].ApplyBatch(b, 2, func(int) *hook.ApplyRequest { return &hook.ApplyRequest{Payload: []byte{0}} }, newState(),
		func(int, ApplyResult) error { return broken })
	if !errors.Is(err, broken) || !errors.Is(err, ErrLocal) {
		t.Errorf("%v", err)
	}
}
