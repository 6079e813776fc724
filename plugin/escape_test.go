package plugin

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// Attempts of a guest to reach what is not its own, as fuzz targets. Each checks that the host
// lives, that nothing is written but what the contract allows, that compiler and interpreter
// agree, and that the next call and other instances see nothing of it.
//
//	go test ./plugin -run '^$' -fuzz '^FuzzEscapeHostFunctions$' -fuzztime 10m
//
// FuzzCheck, FuzzBody and FuzzDifferential try the same with whole modules.

// FuzzEscapeHostFunctions gives host functions and memory instructions arguments of any kind:
// pointers around the memory's end, buffers that overlap, memory that grows in between.
func FuzzEscapeHostFunctions(f *testing.F) {
	c := newCage(f, driverGuest())
	state := map[string]string{"a": "zz", "bb": "a value", "c": string(make([]byte, 300))}
	for _, commands := range [][][]byte{
		{command("input", 0, 100), command("output", 0, 40)},
		{command("input", 0x1fff0, 100), command("state_put", 0, 1, 4, 300)},
		{command("state_scan", 0, 0, 0, 0, 100, 0x7ff0, 0x3000)},
		{command("store", 0x2100, 'a'), command("store", 0x2009, 'b'), command("state_scan", 0x2100, 1, 0x2009, 1, 9, 0x2000, 64)},
		{command("state_get", 0x7ff0, 1, 0x7ff0, 500), command("memory.copy", 3, 0, 5000)},
		{command("memory.grow", 2), command("memory.fill", 0x2fff0, 7, 16), command("random_get", 0x3fff0, 16), command("memory.grow", 9)},
		{command("store", 0x300, 0x6b6e6162), command("foreign_get", 0x300, 4, 0, 3, 0x1fffe, 9), command("beacon", 0x1fff0)},
		{command("store", 0x300, 0x7ff0), command("store", 0x304, 16), command("fd_write", 1, 0x300, 2, 0x300), command("poll_oneoff", 0, 16, 3, 20)},
		{command("history_get", 5, 0, 0x1ffff, 200), command("clock_time_get", 0, 0, 0, 0xfffffffc)},
		{command("emit", 0, 4096), command("log", 0x10000, 0xffff), command("granted", 0, 64), command("proof_get", 0, 9, 5, 99)},
		{command("input", 0x18000, 100)}, {command("environ_sizes_get", 0xffffffff, commandsAt+4)},
		{command("store far", 16, 1)}, {command("load", 0xffffffff)}, {command("memory.grow", 0xffffffff)},
	} {
		f.Add(slices.Concat(commands...))
	}
	request, err := hook.Apply.EncodeRequest(nil, &hook.ApplyRequest{Height: 7, Time: 1_700_000_000_000, Index: 1, Payload: []byte("payload")})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, commands []byte) {
		commands = commands[:min(len(commands), commandsMax)/commandBytes*commandBytes]
		// Numbers of commands come evenly, whatever the fuzzer writes.
		for i := 0; i < len(commands); i += commandBytes {
			commands[i], commands[i+1], commands[i+2], commands[i+3] = commands[i]%byte(len(hostFunctions)+len(driverInstructions)), 0, 0, 0
		}
		values := maps.Clone(state)
		values["\x00"] = string(commands)
		newWorld := func() State { return &worldState{mapState: &mapState{values: maps.Clone(values)}} }
		got, after, memory, err := c.run(newWorld, func(s State) *mapState { return s.(*worldState).mapState })
		if err != nil {
			t.Fatal(err)
		}
		if got.Fault == hook.FaultFuel {
			return // which the model does not count
		}
		m := newDriverModel(c.release[0].image.bytes, values, request, c.release[0].Digest())
		m.run()
		if err := m.compare(&got, after, memory); err != nil {
			t.Fatal(err)
		}
	})
}

// compare says how a call differs from the model.
func (m *driverModel) compare(got *ApplyResult, after *mapState, memory []byte) error {
	switch {
	case got.Fault != m.fault:
		return fmt.Errorf("fault %v, the model says %v", got.Fault, m.fault)
	case len(memory) != len(m.memory):
		return fmt.Errorf("a memory of %d bytes, the model says %d", len(memory), len(m.memory))
	case !bytes.Equal(memory, m.memory):
		at := 0
		for memory[at] == m.memory[at] {
			at++
		}
		return fmt.Errorf("the memory at %#x is %#x, the model says %#x", at, memory[at], m.memory[at])
	case !maps.Equal(after.values, m.state):
		return fmt.Errorf("the state is %q, the model says %q", after.values, m.state)
	case string(got.Log) != string(m.log) || got.LogDropped != m.dropped:
		return fmt.Errorf("the log is %q, the model says %q", got.Log, m.log)
	case m.fault == hook.FaultNone && string(got.Output) != string(m.response[4:]):
		return fmt.Errorf("the output is %x, the model says %x", got.Output, m.response[4:])
	case m.fault == hook.FaultNone && got.Code == 0 && !slices.EqualFunc(got.Events, m.events, bytes.Equal):
		return fmt.Errorf("the events are %x, the model says %x", got.Events, m.events)
	}
	return nil
}

// FuzzEscapeAccess loads, stores, copies and fills with any address, offset and length, after
// growing. An access within the memory does what it says, any other one traps.
func FuzzEscapeAccess(f *testing.F) {
	compiler, interpreter := newHost(f, Options{}), newHost(f, Options{Interpreter: true})
	for _, op := range []byte{0x28, 0x2a, 0x2d, 0x33, 0x36, 0x37, 0x39, 0x3c, 0xfa, 0xfb} {
		f.Add(op, uint32(0xffff), uint32(0), uint32(1), byte(0))
		f.Add(op, uint32(0xfffffff0), uint32(0x20), uint32(0x20), byte(1))
		f.Add(op, uint32(0x1fffc), uint32(0xfffffffd), uint32(8), byte(1))
		f.Add(op, uint32(0x80000000), uint32(0x80000000), uint32(0), byte(2))
	}
	f.Fuzz(func(t *testing.T, op byte, address, offset, length uint32, grow byte) {
		const start, most = 1, 4
		pages := start
		if start+int(grow%8) <= most {
			pages += int(grow % 8)
		}
		size := uint64(pages) * pageBytes
		op = 0x28 + op%(0x3f-0x28+2) // the loads and stores, copy and fill
		var code []byte
		inside := false
		switch {
		case op < 0x36: // loads, and back
			width := uint64(operations[op].align - 1)
			inside = uint64(address)+uint64(offset)+1<<width <= size
			code = slices.Concat(I32Const(int32(address)), Op(op, 0), U32(offset), Op(0x1a))
		case op < 0x3f:
			value := map[valueType][]byte{typeI32: I32Const(-1), typeI64: I64Const(-1), typeF32: F32Bits(0xffffffff), typeF64: F64Bits(1<<64 - 1)}
			width := uint64(operations[op].align - 1)
			inside = uint64(address)+uint64(offset)+1<<width <= size
			code = slices.Concat(I32Const(int32(address)), value[operations[op].second], Op(op, 0), U32(offset))
		default: // memory.copy to the address from the offset, or memory.fill
			inside = uint64(address)+uint64(length) <= size && uint64(offset)+uint64(length) <= size
			code = slices.Concat(I32Const(int32(address)), I32Const(int32(offset)), I32Const(int32(length)), Op(0xfc, 10, 0, 0))
			if op != 0x3f {
				inside = uint64(address)+uint64(length) <= size
				code = slices.Concat(I32Const(int32(address)), I32Const(-1), I32Const(int32(length)), Op(0xfc, 11, 0))
			}
		}
		m := Guest(start, Output)
		m.Memory(start, most)
		m.Data(0, []byte("some bytes to be copied"))
		m.Func("machine.v1.apply", nil, status, nil, I32Const(int32(grow%8)), Op(0x40, 0, 0x1a), code, I32Const(8), I32Const(4), Call(0), I32Const(0))
		manifest := testManifest("machine.v1")
		manifest.FuelMax = FuelMax
		file := release(t, machine(m), manifest)
		var memories [2][]byte
		for n, h := range []*Host{compiler, interpreter} {
			r, err := h.Compile(file)
			if err != nil {
				t.Fatal(err)
			}
			table := newTable(t)
			table.Add(r)
			got, err := table.Apply(r.Binding("machine.v1"), &hook.ApplyRequest{}, newState())
			if err != nil {
				t.Fatal(err)
			}
			memory := liveInstance(table, r).paged.bytes
			memories[n] = bytes.Clone(memory)
			switch {
			case got.Fault == hook.FaultFuel && op >= 0x3f: // a long bulk instruction
			case (got.Fault == hook.FaultTrap) == inside:
				t.Fatalf("engine %d: fault %v, and the access is inside: %v", n, got.Fault, inside)
			case uint64(len(memory)) != size:
				t.Fatalf("engine %d: a memory of %d bytes, not %d", n, len(memory), size)
			case !allZero(memory[len(memory):cap(memory)]):
				t.Fatalf("engine %d: bytes behind the memory are written", n)
			}
			table.Remove(r.Digest())
			_ = r.Close()
		}
		if !bytes.Equal(memories[0], memories[1]) {
			t.Fatal("the engines leave different memories")
		}
	})
}

// FuzzEscapeIndirect calls through a table of functions of many types, with any entry and any
// expected type: only a function of exactly that type may be entered.
func FuzzEscapeIndirect(f *testing.F) {
	compiler, interpreter := newHost(f, Options{}), newHost(f, Options{Interpreter: true})
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7}, byte(0), byte(0), uint32(3))
	f.Add([]byte{0, 0, 200, 1}, byte(5), byte(1), uint32(0x80000000))
	f.Add([]byte{}, byte(9), byte(2), uint32(0xffffffff))
	f.Fuzz(func(t *testing.T, entries []byte, offset, want byte, index uint32) {
		const size = 16
		kinds := [][2][]byte{{nil, {I32}}, {{I32}, {I32}}, {{I64}, {I32}}, {{F64, I32}, {I32}}, {nil, {I32, I64}}, {{I32, I32}, nil}, {{F32}, {F32}}, {{I32}, {I32}}}
		m := Guest(1, Output, Emit)
		m.Table(size, size)
		var functions []uint32
		for i, k := range kinds { // each says who it is and gives zeros
			code := slices.Concat(I32Const(4), I32Const(int32(1+i)), I32Store(0))
			for _, r := range k[1] {
				code = append(code, map[byte][]byte{I32: I32Const(0), I64: I64Const(0), F32: F32Bits(0)}[r]...)
			}
			functions = append(functions, m.Func("", k[0], k[1], nil, code))
		}
		functions = append(functions, 0, 1) // the host functions output(i32, i32) and emit(i32, i32)
		at := int(offset) % size
		var list []uint32
		table := make([]int, size) // 1 + function
		for i, e := range entries {
			if at+i == size {
				break
			}
			n := int(e) % len(functions)
			list, table[at+i] = append(list, functions[n]), 1+n
		}
		m.Element(int32(at), list...)
		kind := int(want) % len(kinds)
		var code []byte
		for _, p := range kinds[kind][0] {
			code = append(code, map[byte][]byte{I32: I32Const(0), I64: I64Const(0), F32: F32Bits(0), F64: F64Bits(0)}[p]...)
		}
		code = slices.Concat(code, I32Const(int32(index)), Op(0x11), U32(m.Type(kinds[kind][0], kinds[kind][1])), Op(0))
		for range kinds[kind][1] {
			code = append(code, 0x1a)
		}
		m.Func("machine.v1.apply", nil, status, nil, code, I32Const(0), I32Const(8), Call(0), I32Const(0))

		entered, allowed := 0, false
		if index < size && table[index] > 0 {
			entered = table[index]
			types := append(slices.Clone(kinds), [2][]byte{{I32, I32}, nil}, [2][]byte{{I32, I32}, nil})
			allowed = bytes.Equal(types[entered-1][0], kinds[kind][0]) && bytes.Equal(types[entered-1][1], kinds[kind][1])
		}
		file := release(t, machine(m), testManifest("machine.v1"))
		var results []ApplyResult
		for _, h := range []*Host{compiler, interpreter} {
			r, err := h.Compile(file)
			if err != nil {
				t.Fatal(err)
			}
			table := newTable(t)
			table.Add(r)
			got, err := table.Apply(r.Binding("machine.v1"), &hook.ApplyRequest{}, newState())
			if err != nil {
				t.Fatal(err)
			}
			got.Output = bytes.Clone(got.Output)
			results = append(results, got)
			table.Remove(r.Digest())
			_ = r.Close()
		}
		got := results[0]
		if d := differsFrom(&got, &results[1], newState(), newState()); d != "" {
			t.Fatal(d)
		}
		switch {
		case !allowed && got.Fault != hook.FaultTrap:
			t.Fatalf("entry %d, of kind %d, is entered as one of kind %d: %v", index, entered-1, kind, got.Fault)
		case allowed && entered <= len(kinds) && (got.Fault != hook.FaultNone || got.Output[0] != byte(entered)):
			t.Fatalf("entry %d: %v, %x", index, got.Fault, got.Output)
		case allowed && got.Fault == hook.FaultTrap:
			t.Fatalf("the host function at entry %d is not entered", index)
		}
	})
}

// reenteringState calls a guest from within the state's functions, which is a call into one
// that is being called, or, in another table, one that must go its own way.
type reenteringState struct {
	worldState
	same, other func()
	left        int
}

func (s *reenteringState) enter() {
	if s.left--; s.left >= 0 {
		s.same()
		s.other()
	}
}

func (s *reenteringState) Get(key []byte) ([]byte, bool, error) {
	if string(key) != "\x00" { // the driver's own commands
		s.enter()
	}
	return s.mapState.Get(key)
}

func (s *reenteringState) Put(key, value []byte) error {
	s.enter()
	return s.mapState.Put(key, value)
}

func (s *reenteringState) Delete(key []byte) error {
	s.enter()
	return s.mapState.Delete(key)
}

func (s *reenteringState) Scan(start, end []byte, visit func(key, value []byte) bool) error {
	return s.mapState.Scan(start, end, func(key, value []byte) bool { s.enter(); return visit(key, value) })
}

// FuzzEscapeReentry calls the table from within the functions of the state: a call into the same
// guest is refused, one into another instance runs, and the outer call does not notice.
func FuzzEscapeReentry(f *testing.F) {
	c := newCage(f, driverGuest())
	f.Add(slices.Concat(command("state_get", 0, 1, 0, 9), command("state_put", 0, 3, 0, 100), command("state_scan", 0, 0, 0, 0, 9, 0x8000, 999)), command("state_delete", 0, 1))
	f.Add(command("state_get", 0, 1, 0, 9), slices.Concat(command("memory.grow", 3), command("random_get", 0, 4096), command("output", 0, 3)))
	f.Fuzz(func(t *testing.T, outer, inner []byte) {
		for _, b := range []*[]byte{&outer, &inner} {
			*b = (*b)[:min(len(*b), commandsMax)/commandBytes*commandBytes]
			for i := 0; i < len(*b); i += commandBytes {
				(*b)[i], (*b)[i+1], (*b)[i+2], (*b)[i+3] = (*b)[i]%byte(len(hostFunctions)+len(driverInstructions)), 0, 0, 0
			}
		}
		values := func(commands []byte) *mapState {
			return &mapState{values: map[string]string{"a": "1", "bb": "2", "\x00": string(commands)}}
		}
		alone := func(commands []byte) ApplyResult {
			s := &worldState{mapState: values(commands)}
			return c.apply(c.table[0], s)
		}
		wantInner, wantOuter := alone(inner), alone(outer)
		for n, table := range c.table {
			s := &reenteringState{worldState: worldState{mapState: values(outer)}, left: 5}
			s.same = func() {
				if r := c.apply(table, &worldState{mapState: values(inner)}); r.Fault != hook.FaultReentrant || r.Output != nil || r.Events != nil {
					t.Fatalf("engine %d: a call into the guest that is being called: %+v", n, r)
				}
			}
			s.other = func() {
				got := c.apply(c.neighbour[n], &worldState{mapState: values(inner)})
				if d := differsFrom(&wantInner, &got, newState(), newState()); d != "" {
					t.Fatalf("engine %d, the inner call: %s", n, d)
				}
			}
			got := c.apply(table, s)
			if d := differsFrom(&wantOuter, &got, newState(), newState()); d != "" {
				t.Fatalf("engine %d, the outer call: %s", n, d)
			}
		}
	})
}
