package plugin

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// engines are the two hosts that every call must agree on.
type engines struct {
	t           testing.TB
	compiler    *Host
	interpreter *Host
	table       [2]*Table
}

func newEngines(t testing.TB) *engines {
	e := &engines{t: t, compiler: newHost(t, Options{}), interpreter: newHost(t, Options{Interpreter: true})}
	return e
}

func newHost(t testing.TB, o Options) *Host {
	t.Helper()
	h, err := NewHost(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func newTable(t testing.TB) *Table {
	t.Helper()
	table, err := NewTable(Builtins())
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func testManifest(hooks ...string) *Manifest {
	return &Manifest{Name: "test", Version: "1.0.0", Sequence: 1, Hooks: hooks, Capabilities: []string{"events", "state"},
		FuelMax: 1_000_000, PagesMax: 64}
}

func release(t testing.TB, module []byte, m *Manifest) []byte {
	t.Helper()
	file, err := Embed(module, m)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// load compiles the file with both engines and returns a binding to it.
func (e *engines) load(file []byte) *quoin.Binding {
	e.t.Helper()
	for i, h := range []*Host{e.compiler, e.interpreter} {
		r, err := h.Compile(file)
		if err != nil {
			e.t.Fatal(err)
		}
		e.table[i] = newTable(e.t)
		e.table[i].Add(r)
		if i == 1 {
			e.table[0].Observe(newReplays(e.t, r))
		}
	}
	r, _ := e.table[0].Release(Digest(file))
	return r.Binding("machine.v1")
}

// apply runs a transaction twice on each engine; all four must agree on everything.
func (e *engines) apply(b *quoin.Binding, payload []byte, state *mapState) ApplyResult {
	e.t.Helper()
	if state == nil {
		state = newState()
	}
	var first ApplyResult
	var after *mapState
	for i := range 4 {
		s := state.clone()
		q := &hook.ApplyRequest{Height: 7, Time: 1_700_000_000_000, Index: 1, Payload: payload}
		got, err := e.table[i%2].Apply(b, q, s)
		if err != nil {
			e.t.Fatal(err)
		}
		if i == 0 {
			first, after = got, s
			continue
		}
		if got.Fault != first.Fault || got.Fuel != first.Fuel || got.Code != first.Code || !bytes.Equal(got.Output, first.Output) ||
			!slices.EqualFunc(got.Events, first.Events, bytes.Equal) || !maps.Equal(s.values, after.values) || !bytes.Equal(got.Log, first.Log) {
			e.t.Fatalf("call %d differs:\n%+v\n%+v", i, got, first)
		}
	}
	*state = *after
	return first
}

// mapState is a namespace in memory.
type mapState struct {
	values map[string]string
	err    error
}

func newState() *mapState { return &mapState{values: map[string]string{}} }

func (s *mapState) clone() *mapState { return &mapState{values: maps.Clone(s.values), err: s.err} }

func (s *mapState) Get(key []byte) ([]byte, bool, error) {
	v, ok := s.values[string(key)]
	return []byte(v), ok, s.err
}

func (s *mapState) Put(key, value []byte) error {
	s.values[string(key)] = string(value)
	return s.err
}

func (s *mapState) Delete(key []byte) error {
	delete(s.values, string(key))
	return s.err
}

func (s *mapState) Scan(start, end []byte, visit func(key, value []byte) bool) error {
	for _, k := range slices.Sorted(maps.Keys(s.values)) {
		if k >= string(start) && (end == nil || k < string(end)) && !visit([]byte(k), []byte(s.values[k])) {
			break
		}
	}
	return s.err
}

var status = Types(I32)

// respond writes code 0 and length bytes of output that lie at 4 after the address.
func respond(output uint32, address, length int32) []byte {
	return slices.Concat(I32Const(address), I32Const(0), I32Store(0), I32Const(address), I32Const(4+length), Call(output), I32Const(0))
}

// machine completes a guest with a query that answers nothing.
func machine(m *Module) []byte {
	m.Func("machine.v1.query", nil, status, nil, I32Const(0))
	return m.Bytes()
}

// echo answers with the first 64 bytes of the request.
func echo() []byte {
	m := Guest(1, Input, Output)
	m.Func("machine.v1.apply", nil, status, nil,
		I32Const(4), I32Const(60000), Call(0), Op(0x1a), respond(1, 0, 64))
	return machine(m)
}

func TestEcho(t *testing.T) {
	e := newEngines(t)
	b := e.load(release(t, echo(), testManifest("machine.v1")))
	r := e.apply(b, []byte("hello"), nil)
	if r.Fault != hook.FaultNone || len(r.Output) != 64 || binary.LittleEndian.Uint32(r.Output) != 5 || binary.LittleEndian.Uint64(r.Output[16:]) != 7 {
		t.Fatalf("%+v", r)
	}
	if r.Fuel == 0 || r.Fuel > 5000 { // most of it for a region of 64 KiB to restore
		t.Errorf("fuel %d", r.Fuel)
	}
}

// A machine with one function, by name of what it does wrong.
func TestFaults(t *testing.T) {
	spin := Loop(0x40, Br(0))
	for _, c := range []struct {
		name    string
		imports []Imported
		more    func(*Module)
		body    [][]byte
		want    hook.Fault
	}{
		{"endless loop", nil, nil, [][]byte{spin, Op(0x00)}, hook.FaultFuel},
		{"unreachable", nil, nil, [][]byte{Op(0x00)}, hook.FaultTrap},
		{"division by zero", nil, nil, [][]byte{I32Const(1), I32Const(0), Op(0x6d)}, hook.FaultTrap},
		{"load out of bounds", nil, nil, [][]byte{I32Const(-1), I32Load(100)}, hook.FaultTrap},
		{"truncation of NaN", nil, nil, [][]byte{F64Bits(0x7ff8000000000000), Op(0xaa)}, hook.FaultTrap},
		{"no output", nil, nil, [][]byte{I32Const(0)}, hook.FaultOutput},
		{"status", nil, nil, [][]byte{I32Const(3)}, hook.FaultStatus},
		{"two outputs", []Imported{Output}, nil, [][]byte{respond(0, 0, 0), Op(0x1a), respond(0, 0, 0)}, hook.FaultOutput},
		{"short output", []Imported{Output}, nil, [][]byte{I32Const(0), I32Const(3), Call(0), I32Const(0)}, hook.FaultOutput},
		{"output bomb", []Imported{Output}, nil, [][]byte{I32Const(0), I32Const(-1), Call(0), I32Const(0)}, hook.FaultOutput},
		{"output out of bounds", []Imported{Output}, nil, [][]byte{I32Const(-1), I32Const(4), Call(0), I32Const(0)}, hook.FaultBounds},
		{"input out of bounds", []Imported{Input}, nil, [][]byte{I32Const(65530), I32Const(1000), Call(0), Op(0x1a), I32Const(0)}, hook.FaultBounds},
		{"abort", []Imported{Abort}, nil, [][]byte{I32Const(0), I32Const(0), I32Const(0), I32Const(0), Call(0), spin, I32Const(0)}, hook.FaultAbort},
		{"exit", []Imported{ProcExit}, nil, [][]byte{I32Const(0), Call(0), spin, I32Const(0)}, hook.FaultExit},
		{"empty key", []Imported{StatePut}, nil, [][]byte{I32Const(0), I32Const(0), I32Const(0), I32Const(0), Call(0), spin, I32Const(0)}, hook.FaultLimit},
		{"long key", []Imported{StatePut}, nil, [][]byte{I32Const(0), I32Const(257), I32Const(0), I32Const(0), Call(0), I32Const(0)}, hook.FaultLimit},
		{"long value", []Imported{StatePut}, func(m *Module) { m.Memory(2, -1) }, [][]byte{I32Const(0), I32Const(1), I32Const(0), I32Const(65537), Call(0), I32Const(0)}, hook.FaultLimit},
		{"long event", []Imported{Emit}, nil, [][]byte{I32Const(0), I32Const(4097), Call(0), I32Const(0)}, hook.FaultLimit},
		{"host calls", []Imported{Granted}, nil, [][]byte{Loop(0x40, I32Const(0), I32Const(0), Call(0), Op(0x1a), Br(0)), Op(0x00)}, hook.FaultHostCount},
		{"big bulk", nil, nil, [][]byte{Loop(0x40, I32Const(0), I32Const(0), I32Const(60000), Op(0xfc, 11, 0), Br(0)), Op(0x00)}, hook.FaultFuel},
		{"huge fill", nil, nil, [][]byte{I32Const(0), I32Const(0), I32Const(-1), Op(0xfc, 11, 0), I32Const(0)}, hook.FaultFuel},
		{"recursion", nil, func(m *Module) { m.Func("", nil, nil, nil, Call(1)) }, [][]byte{Call(1), I32Const(0)}, hook.FaultDepth},
		{"indirect null", nil, func(m *Module) { m.Table(2, 2); m.Type(nil, nil) }, [][]byte{I32Const(1), Op(0x11, 0, 0), I32Const(0)}, hook.FaultTrap},
		{"indirect out of the table", nil, func(m *Module) { m.Table(2, 2) }, [][]byte{I32Const(5), Op(0x11, 0, 0), I32Const(0)}, hook.FaultTrap},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := Guest(1, c.imports...)
			if c.more != nil {
				c.more(m)
			}
			m.Func("machine.v1.apply", nil, status, nil, c.body...)
			manifest := testManifest("machine.v1")
			manifest.FuelMax = FuelMax
			e := newEngines(t)
			b := e.load(release(t, machine(m), manifest))
			if c.want == hook.FaultFuel {
				b.FuelMax = 100_000
			}
			r := e.apply(b, nil, nil)
			if r.Fault != c.want {
				t.Fatalf("fault %v, want %v", r.Fault, c.want)
			}
			if r.Fuel != fuelLimit(&hook.Machine, b, manifest) || r.Output != nil || r.Events != nil || r.Code != 0 {
				t.Errorf("a fault must charge the whole limit and give nothing: %+v", r)
			}
			if again := e.apply(b, nil, nil); again.Fault != c.want {
				t.Errorf("the second time: %v", again.Fault)
			}
		})
	}
}

func TestStateFunctions(t *testing.T) {
	m := Guest(1, StateGet, StatePut, StateDelete, StateScan, Emit, Output, Log, Granted)
	m.Data(0, []byte("abcstate"))
	// Put a -> "bc", b -> "c"; delete b; get a at 100; scan from "" at 200; emit "abc"; log.
	m.Func("machine.v1.apply", nil, status, nil,
		I32Const(0), I32Const(1), I32Const(1), I32Const(2), Call(1),
		I32Const(1), I32Const(1), I32Const(2), I32Const(1), Call(1),
		I32Const(0x1000), I32Const(0), I32Const(1), I32Const(100), I32Const(50), Call(0), I32Store(0), // 2
		I32Const(0x1004), I32Const(2), I32Const(1), I32Const(100), I32Const(50), Call(0), I32Store(0), // -1
		I32Const(0x1008), I32Const(0), I32Const(1), I32Const(-1), I32Const(1), Call(0), I32Store(0), // too small: 2, nothing written
		I32Const(0x100c), I32Const(0), I32Const(0), I32Const(0), I32Const(0), I32Const(10), I32Const(0x1020), I32Const(100), Call(3), I32Store(0), // 11 + 10
		I32Const(0x1010), I32Const(0), I32Const(0), I32Const(0), I32Const(0), I32Const(10), I32Const(0x1100), I32Const(3), Call(3), I32Store(0), // -11
		I32Const(0x1014), I32Const(3), I32Const(5), Call(7), I32Store(0), // granted("state")
		I32Const(1), I32Const(1), Call(2),
		I32Const(0), I32Const(3), Call(4),
		I32Const(0), I32Const(3), Call(6),
		respond(5, 0x0ffc, 0x50))
	e := newEngines(t)
	b := e.load(release(t, machine(m), testManifest("machine.v1")))
	s := newState()
	r := e.apply(b, nil, s)
	if r.Fault != hook.FaultNone {
		t.Fatal(r.Fault)
	}
	word := func(i int) int32 { return int32(binary.LittleEndian.Uint32(r.Output[4*i:])) }
	for i, want := range []int32{2, -1, 2, 21, -11, 1} {
		if word(i) != want {
			t.Errorf("answer %d is %d, want %d", i, word(i), want)
		}
	}
	if got := string(r.Output[0x20 : 0x20+21]); got != "\x01\x00\x00\x00\x02\x00\x00\x00abc\x01\x00\x00\x00\x01\x00\x00\x00bc" {
		t.Errorf("scan gave %q", got)
	}
	if !maps.Equal(s.values, map[string]string{"a": "bc"}) || len(r.Events) != 1 || string(r.Events[0]) != "abc" || string(r.Log) != "abc" {
		t.Errorf("%v %q %q", s.values, r.Events, r.Log)
	}
}

// Operations get only what they may use.
func TestOperationRights(t *testing.T) {
	e := newEngines(t)
	m := Guest(1, StatePut, StateGet)
	put := slices.Concat(I32Const(0), I32Const(1), I32Const(0), I32Const(1), Call(0), I32Const(0))
	m.Func("machine.v1.apply", nil, status, nil, put)
	m.Func("machine.v1.query", nil, status, nil, put)
	m.Func("leader.v1", nil, status, nil, I32Const(0), I32Const(1), I32Const(0), I32Const(1), Call(1))
	b := e.load(release(t, m.Bytes(), testManifest("leader.v1", "machine.v1")))
	for i := range 2 {
		if r, err := e.table[i].Query(b, &hook.QueryRequest{}, newState()); err != nil || r.Fault != hook.FaultImport {
			t.Errorf("query that writes: %v %v", r.Fault, err)
		}
		if r, err := e.table[i].Lead(b, leaderRequest(4, 1)); err != nil || r.Fault != hook.FaultImport {
			t.Errorf("leader that reads: %v %v", r.Fault, err)
		}
	}
}

func leaderRequest(n int, view uint64) *hook.LeaderRequest {
	q := &hook.LeaderRequest{Epoch: 1, View: view}
	for i := range n {
		q.Validators = append(q.Validators, hook.Validator{Weight: uint64(1 + i)})
	}
	return q
}

// What a guest hides in memory, globals or grown pages is gone at the next call.
func TestNothingSurvives(t *testing.T) {
	m := Guest(1, Output)
	g := m.Global(I64, true, I64Const(5))
	f := m.Global(F64, true, F64Const(1.5))
	m.Func("machine.v1.apply", nil, status, nil,
		// 4: a counter in memory; 8: in a global; 16: pages; 20: what lies in the last page
		I32Const(4), I32Const(4), I32Load(0), I32Const(1), Op(0x6a), I32Store(0),
		GlobalGet(g), I64Const(1), Op(0x7c), GlobalSet(g),
		GlobalGet(f), F64Const(2), Op(0xa2), GlobalSet(f),
		I32Const(8), GlobalGet(g), I64Store(0),
		I32Const(16), I32Const(3), Op(0x40, 0), I32Store(0),
		I32Const(20), I32Const(3*65536), I32Load(8), I32Store(0),
		I32Const(3*65536), I32Const(77), I32Store(8),
		I32Const(24), GlobalGet(f), Op(0x39, 0, 0),
		respond(0, 0, 28))
	e := newEngines(t)
	b := e.load(release(t, machine(m), testManifest("machine.v1")))
	first := e.apply(b, nil, nil)
	if first.Fault != hook.FaultNone {
		t.Fatal(first.Fault)
	}
	want := "\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"
	if string(first.Output[:20]) != want {
		t.Fatalf("%x", first.Output)
	}
	for range 5 {
		if r := e.apply(b, nil, nil); !bytes.Equal(r.Output, first.Output) || r.Fuel != first.Fuel {
			t.Fatalf("a later call differs: %x", r.Output)
		}
	}
}

// Growing beyond the maximum fails the same way everywhere, and never by the host's memory.
func TestMemoryGrowth(t *testing.T) {
	m := Guest(1, Output)
	m.Func("machine.v1.apply", nil, status, Types(I32),
		Loop(0x40, I32Const(4), I32Const(1), Op(0x40, 0), LocalTee(0), I32Store(0), LocalGet(0), I32Const(-1), Op(0x47), BrIf(0)),
		I32Const(8), Op(0x3f, 0), I32Store(0),
		I32Const(12), I32Const(20), Op(0x40, 0), I32Store(0),
		respond(0, 0, 12))
	e := newEngines(t)
	b := e.load(release(t, machine(m), testManifest("machine.v1")))
	r := e.apply(b, nil, nil)
	if r.Fault != hook.FaultNone || string(r.Output) != "\xff\xff\xff\xff\x40\x00\x00\x00\xff\xff\xff\xff" {
		t.Fatalf("%v %x", r.Fault, r.Output)
	}
}

func TestInitialisation(t *testing.T) {
	m := Guest(1, Output)
	g := m.Global(I32, true, I32Const(1))
	m.Func("_initialize", nil, nil, nil, I32Const(42), GlobalSet(g), I32Const(1), Op(0x40, 0), Op(0x1a), I32Const(70000), I32Const(9), I32Store(0))
	m.Func("machine.v1.apply", nil, status, nil,
		I32Const(4), GlobalGet(g), I32Store(0), I32Const(8), I32Const(70000), I32Load(0), I32Store(0), I32Const(12), Op(0x3f, 0), I32Store(0),
		respond(0, 0, 12))
	e := newEngines(t)
	b := e.load(release(t, machine(m), testManifest("machine.v1")))
	if r := e.apply(b, nil, nil); string(r.Output) != "\x2a\x00\x00\x00\x09\x00\x00\x00\x02\x00\x00\x00" {
		t.Fatalf("%v %x", r.Fault, r.Output)
	}
	for name, body := range map[string][]byte{"trap": Op(0x00), "fuel": Loop(0x40, Br(0))} {
		m := Guest(1)
		m.Func("_initialize", nil, nil, nil, body)
		m.Func("machine.v1.apply", nil, status, nil, I32Const(0))
		file := release(t, machine(m), testManifest("machine.v1"))
		for _, h := range []*Host{e.compiler, e.interpreter} {
			if h == e.interpreter && name == "fuel" {
				continue // a hundred million units take the interpreter seconds
			}
			if _, err := h.Compile(file); !errors.Is(err, ErrInit) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// Local errors are errors, never faults.
func TestLocalErrors(t *testing.T) {
	e := newEngines(t)
	m := Guest(1, StateGet)
	m.Func("machine.v1.apply", nil, status, nil, I32Const(0), I32Const(1), I32Const(0), I32Const(0), Call(0), Op(0x1a), Op(0x00))
	b := e.load(release(t, machine(m), testManifest("machine.v1")))
	broken := newState()
	broken.err = errors.New("disk on fire")
	for i := range 2 {
		if r, err := e.table[i].Apply(b, &hook.ApplyRequest{}, broken); !errors.Is(err, ErrLocal) || !errors.Is(err, broken.err) || r.Fault != hook.FaultNone {
			t.Errorf("%+v %v", r, err)
		}
	}
	unknown := &quoin.Binding{Hook: "machine.v1", Release: quoin.Hash{1}}
	for _, b := range []*quoin.Binding{unknown, {Hook: "machine.v1", Builtin: "no-such"}} {
		if _, err := e.table[0].Apply(b, &hook.ApplyRequest{}, newState()); !errors.Is(err, ErrLocal) {
			t.Errorf("%v", err)
		}
		if err := e.table[0].Ready(b); !errors.Is(err, ErrLocal) {
			t.Errorf("Ready: %v", err)
		}
	}
}

// reentrantState calls the table from within a call.
type reentrantState struct {
	*mapState
	inner func()
}

func (s *reentrantState) Get(key []byte) ([]byte, bool, error) {
	s.inner()
	return s.mapState.Get(key)
}

func TestReentrancy(t *testing.T) {
	e := newEngines(t)
	m := Guest(1, StateGet, Output)
	m.Func("machine.v1.apply", nil, status, nil, I32Const(0), I32Const(1), I32Const(0), I32Const(0), Call(0), Op(0x1a), respond(1, 0, 0))
	guest := e.load(release(t, machine(m), testManifest("machine.v1")))
	var batch KVBatch
	batch.Add([]byte("k"), 1)
	for _, b := range []*quoin.Binding{guest, {Hook: "machine.v1", Builtin: "kv"}} {
		for _, table := range e.table {
			var inner ApplyResult
			s := &reentrantState{mapState: newState()}
			s.inner = func() { inner, _ = table.Apply(b, &hook.ApplyRequest{Payload: batch.Payload()}, newState()) }
			r, err := table.Apply(b, &hook.ApplyRequest{Payload: batch.Payload()}, s)
			if err != nil || r.Fault != hook.FaultNone || inner.Fault != hook.FaultReentrant {
				t.Errorf("%+v %v, inner %v", r, err, inner.Fault)
			}
		}
	}
}

// panickingState is a host with a defect.
type panickingState struct{ *mapState }

func (panickingState) Get([]byte) ([]byte, bool, error) { panic("defect") }

func TestHostPanic(t *testing.T) {
	e := newEngines(t)
	m := Guest(1, StateGet, Output)
	m.Func("machine.v1.apply", nil, status, nil, I32Const(0), I32Const(1), I32Const(0), I32Const(0), Call(0), Op(0x1a), respond(1, 0, 0))
	b := e.load(release(t, machine(m), testManifest("machine.v1")))
	for _, table := range e.table {
		r, err := table.Apply(b, &hook.ApplyRequest{}, panickingState{newState()})
		if err != nil || r.Fault != hook.FaultHost || r.Fuel != 1_000_000 {
			t.Errorf("%+v %v", r, err)
		}
		if r, err := table.Apply(b, &hook.ApplyRequest{}, newState()); err != nil || r.Fault != hook.FaultNone {
			t.Errorf("afterwards: %+v %v", r, err)
		}
	}
}

func TestWASI(t *testing.T) {
	m := Guest(1, Output, ClockTime, RandomGet, FdWrite)
	m.Data(512, []byte("out\n"))
	m.Func("machine.v1.apply", nil, status, nil,
		I32Const(0), I64Const(1), I32Const(4), Call(1), Op(0x1a),
		I32Const(12), I32Const(40), Call(2), Op(0x1a),
		I32Const(600), I32Const(512), I32Store(0), I32Const(604), I32Const(4), I32Store(0),
		I32Const(1), I32Const(600), I32Const(1), I32Const(52), Call(3), Op(0x1a),
		respond(0, 0, 52))
	e := newEngines(t)
	b := e.load(release(t, machine(m), testManifest("machine.v1")))
	first := e.apply(b, nil, nil)
	if first.Fault != hook.FaultNone || binary.LittleEndian.Uint64(first.Output) != 1_700_000_000_000_000_000 || first.Output[48] != 4 || string(first.Log) != "out\n" {
		t.Fatalf("%+v", first)
	}
	if bytes.Equal(first.Output[8:28], first.Output[28:48]) || bytes.Count(first.Output[8:48], []byte{0}) > 10 {
		t.Errorf("random bytes %x", first.Output[8:48])
	}
}

func TestLogFlood(t *testing.T) {
	m := Guest(1, Output, Log)
	m.Func("machine.v1.apply", nil, status, Types(I32),
		Loop(0x40, I32Const(0), I32Const(1000), Call(1), LocalGet(0), I32Const(1), Op(0x6a), LocalTee(0), I32Const(10), Op(0x49), BrIf(0)),
		respond(0, 0, 0))
	e := newEngines(t)
	r := e.apply(e.load(release(t, machine(m), testManifest("machine.v1"))), nil, nil)
	if r.Fault != hook.FaultNone || len(r.Log) != hook.LogMax || r.LogDropped != 10_000-hook.LogMax {
		t.Errorf("%v %d %d", r.Fault, len(r.Log), r.LogDropped)
	}
}

func BenchmarkGuest(b *testing.B) {
	compile := func(module []byte) (*Table, *quoin.Binding) {
		r, err := newHost(b, Options{}).Compile(release(b, module, testManifest("machine.v1")))
		if err != nil {
			b.Fatal(err)
		}
		table := newTable(b)
		table.Add(r)
		return table, r.Binding("machine.v1")
	}
	run := func(name string, module []byte) {
		table, binding := compile(module)
		q := &hook.ApplyRequest{Payload: make([]byte, 128)}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r, err := table.Apply(binding, q, nullState{}); err != nil || r.Fault != 0 {
					b.Fatal(r, err)
				}
			}
		})
	}
	run("echo", echo())
	m := Guest(1, StateGet, StatePut, Output)
	m.Func("machine.v1.apply", nil, status, nil,
		I32Const(0), I32Const(8), I32Const(16), I32Const(100), Call(0), Op(0x1a),
		I32Const(0), I32Const(8), I32Const(16), I32Const(100), Call(1), respond(2, 200, 0))
	run("get and put", machine(m))
	m = Guest(1, Granted, Output)
	m.Func("machine.v1.apply", nil, status, Types(I32),
		Loop(0x40, I32Const(0), I32Const(0), Call(0), Op(0x1a), LocalGet(0), I32Const(1), Op(0x6a), LocalTee(0), I32Const(1000), Op(0x49), BrIf(0)),
		respond(1, 200, 0))
	run("1000 host calls", machine(m))
}
