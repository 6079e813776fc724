package plugin

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// replays is an observer that replays every call on another host at once. The engines of all tests
// have one: every call that they make must replay to itself.
type replays struct {
	t     testing.TB
	table *Table
	open  bool
	last  *Recording
	calls int
	kept  int
}

func newReplays(t testing.TB, r *Release) *replays {
	table := newTable(t)
	table.Add(r)
	return &replays{t: t, table: table}
}

func (p *replays) Begin(quoin.Binding, string) bool {
	if p.open {
		p.t.Error("a call begins within another")
	}
	p.open = true
	p.calls++
	return true
}

func (p *replays) End(r *Recording, _ uint64) {
	if !p.open {
		p.t.Error("a call ends that did not begin")
	}
	p.open, p.last = false, r
	if r == nil {
		return
	}
	p.kept++
	if difference, err := r.Replay(p.table); err != nil || difference != "" {
		p.t.Errorf("%s on %d requests: %q, %v", r.Operation, len(r.Requests), difference, err)
	}
}

// curious is a machine that asks the state in all ways, and answers with what it was told.
func curious() []byte {
	m := Guest(1, StateGet, StatePut, StateDelete, StateScan, Emit, Output, Input)
	m.Data(0, []byte("abcstate"))
	m.Func("machine.v1.apply", nil, status, nil,
		I32Const(0x800), I32Const(0x400), Call(6), Op(0x1a),
		I32Const(0), I32Const(1), I32Const(0x800), I32Const(0x10), Call(1), // put a -> the beginning of the request
		I32Const(1), I32Const(1), Call(2), // delete b
		I32Const(0x1000), I32Const(2), I32Const(1), I32Const(0x1020), I32Const(50), Call(0), I32Store(0), // get c
		I32Const(0x1004), I32Const(0), I32Const(0), I32Const(0), I32Const(0), I32Const(10), I32Const(0x1080), I32Const(100), Call(3), I32Store(0),
		I32Const(0), I32Const(3), Call(4),
		respond(5, 0x0ffc, 0x100))
	return machine(m)
}

func TestReplayGivesTheRecordedCall(t *testing.T) {
	e := newEngines(t)
	b := e.load(release(t, curious(), testManifest("machine.v1")))
	s := newState()
	s.values["c"], s.values["d"] = "see", "dee"
	if r := e.apply(b, []byte("hello"), s); r.Fault != hook.FaultNone {
		t.Fatal(r.Fault)
	}
	p := e.table[0].observer.(*replays)
	if p.calls != 2 || p.kept != 2 || len(p.last.exchanges) != 4 || p.last.bytes == 0 {
		t.Errorf("%d calls, %d kept, the last with %d exchanges", p.calls, p.kept, len(p.last.exchanges))
	}
	e.table[0].Observe(nil)
	if r := e.apply(b, []byte("hello"), s); r.Fault != hook.FaultNone || p.calls != 2 {
		t.Errorf("an observer that was taken away is called: %v", r.Fault)
	}
}

// TestReplayFindsEachDifference is the positive control: whatever of a recording is changed, its replay
// says so.
func TestReplayFindsEachDifference(t *testing.T) {
	e := newEngines(t)
	b := e.load(release(t, curious(), testManifest("machine.v1")))
	s := newState()
	s.values["c"], s.values["d"] = "see", "dee"
	p := e.table[0].observer.(*replays)
	for name, change := range map[string]func(r *Recording){
		"response 0":     func(r *Recording) { r.Responses[0].Bytes[20] ^= 1 },
		"response 0:":    func(r *Recording) { r.Responses[0].None = true },
		"event 0":        func(r *Recording) { r.Responses[0].Events[0][0] ^= 1 },
		"events":         func(r *Recording) { r.Responses[0].Events = nil },
		"fuel left":      func(r *Recording) { r.Fuel++ },
		"fault":          func(r *Recording) { r.Fault = hook.FaultTrap },
		"status":         func(r *Recording) { r.Status = 1 },
		"question 0":     func(r *Recording) { r.Requests[0][0] ^= 1 }, // which it puts
		"question 2":     func(r *Recording) { r.exchanges[2].question[5] ^= 1 },
		"question 3":     func(r *Recording) { r.exchanges = r.exchanges[:3] },
		"questions":      func(r *Recording) { r.exchanges = append(r.exchanges, r.exchanges[0]) },
		"response 0: 26": func(r *Recording) { r.exchanges[2].answer[0] ^= 1 },
		"response 0: 2":  func(r *Recording) { r.exchanges[3].pairs[0][1][0] ^= 1 },
		"answers to 1":   func(r *Recording) { r.Responses = nil },
	} {
		if _, err := e.table[0].Apply(b, &hook.ApplyRequest{Payload: []byte("hello")}, s.clone()); err != nil {
			t.Fatal(err)
		}
		change(p.last)
		difference, err := p.last.Replay(p.table)
		if err != nil || !strings.HasPrefix(difference, name) {
			t.Errorf("%s: %q, %v", name, difference, err)
		}
	}
}

// TestReplayOfAnotherModule: the engine that replays has other code.
func TestReplayOfAnotherModule(t *testing.T) {
	e := newEngines(t)
	work := func(n int32) []byte {
		m := Guest(1, Output)
		m.Func("machine.v1.apply", nil, status, nil, I32Const(4), I32Const(n), I32Const(1), Op(0x6a), I32Store(0), respond(0, 0, 4))
		return release(t, machine(m), testManifest("machine.v1"))
	}
	b := e.load(work(1))
	p := e.table[0].observer.(*replays)
	e.apply(b, nil, nil)
	other, err := e.interpreter.Compile(work(2))
	if err != nil {
		t.Fatal(err)
	}
	table := newTable(t)
	table.guests[b.Release] = &guest{release: other}
	if difference, err := p.last.Replay(table); err != nil || !strings.HasPrefix(difference, "response 0: 8 bytes") {
		t.Errorf("%q, %v", difference, err)
	}
	if _, err := p.last.Replay(newTable(t)); err == nil {
		t.Error("a table without the release replays")
	}
}

func TestReplayOfABatch(t *testing.T) {
	m := Guest(2, Input, Output, Imported{Module: "quoin.v1", Name: "batch_next", Params: nil, Results: Types(I32)})
	m.Func("machine.v1.apply", nil, status, nil, I32Const(0))
	m.Func("machine.v1.apply_batch", nil, status, nil,
		Block(0x40, Loop(0x40, Call(2), Op(0x45), BrIf(1),
			I32Const(8), I32Const(60000), Call(0), Op(0x1a),
			I32Const(4), I32Const(20), Call(1), Br(0))),
		I32Const(0))
	e := newEngines(t)
	b := e.load(release(t, machine(m), testManifest("machine.v1")))
	p := e.table[0].observer.(*replays)
	request := func(i int) *hook.ApplyRequest { return &hook.ApplyRequest{Index: uint32(i), Payload: []byte("x")} }
	fault, err := e.table[0].ApplyBatch(b, 5, request, newState(), func(int, ApplyResult) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	r := p.last
	if r == nil || len(r.Requests) == 0 || len(r.Requests) != len(r.Responses) {
		t.Fatalf("fault %v: %+v", fault, r)
	}
	for i := range r.Responses {
		r.Responses[i].Fuel++
		if d, err := r.Replay(p.table); err != nil || !strings.HasPrefix(d, fmt.Sprintf("fuel left after response %d", i)) {
			t.Errorf("fuel of request %d: %q, %v", i, d, err)
		}
		r.Responses[i].Fuel--
		r.Responses[i].Bytes[0] ^= 1
		if d, err := r.Replay(p.table); err != nil || !strings.HasPrefix(d, fmt.Sprintf("response %d", i)) {
			t.Errorf("response %d: %q, %v", i, d, err)
		}
		r.Responses[i].Bytes[0] ^= 1
	}
	r.Responses = r.Responses[:len(r.Responses)-1]
	if d, err := r.Replay(p.table); err != nil || d == "" {
		t.Errorf("an answer too many: %q, %v", d, err)
	}
}

// TestRecordingsAreBounded: a call that reads too much is not recorded, and not disturbed.
func TestRecordingsAreBounded(t *testing.T) {
	m := Guest(2, StateGet, Output)
	m.Data(0, []byte("k"))
	n := I32Const(0x1f000)
	m.Func("machine.v1.apply", nil, status, nil,
		Loop(0x40, I32Const(0), I32Const(1), I32Const(0x1000), I32Const(0x10000), Call(0), Op(0x1a),
			n, n, I32Load(0), I32Const(1), Op(0x6a), I32Store(0),
			n, I32Load(0), I32Const(RecordingBytesMax/hook.ValueMax+1), Op(0x49), BrIf(0)),
		respond(1, 0, 4))
	e := newEngines(t)
	manifest := testManifest("machine.v1")
	manifest.FuelMax = FuelMax
	b := e.load(release(t, machine(m), manifest))
	s := newState()
	s.values["k"] = string(bytes.Repeat([]byte{1}, hook.ValueMax))
	r := e.apply(b, nil, s)
	p := e.table[0].observer.(*replays)
	if r.Fault != hook.FaultNone || p.calls == 0 || p.last != nil || p.kept != 0 {
		t.Errorf("%v: %d calls, %d kept", r.Fault, p.calls, p.kept)
	}
}

// TestLocalFailureIsNotRecorded: nobody could tell what such a call was given.
func TestLocalFailureIsNotRecorded(t *testing.T) {
	e := newEngines(t)
	b := e.load(release(t, curious(), testManifest("machine.v1")))
	s := newState()
	s.err = errAstray
	if _, err := e.table[0].Apply(b, &hook.ApplyRequest{}, s); err == nil {
		t.Fatal("no error")
	}
	if p := e.table[0].observer.(*replays); p.calls != 1 || p.kept != 0 || p.open {
		t.Errorf("%+v", p)
	}
}

func TestRequestDigest(t *testing.T) {
	seen := map[quoin.Hash]bool{}
	for _, requests := range [][][]byte{nil, {nil}, {nil, nil}, {[]byte("ab")}, {[]byte("a"), []byte("b")}, {binary.LittleEndian.AppendUint32(nil, 0)}} {
		r := Recording{Requests: requests}
		if d := r.RequestDigest(); seen[d] || d != (&Recording{Requests: slices.Clone(requests)}).RequestDigest() {
			t.Errorf("%q: %s", requests, d)
		} else {
			seen[d] = true
		}
	}
}
