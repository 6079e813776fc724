package plugin

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// The driver is a guest that does what a list of commands says: each calls a host function or
// runs an instruction on memory with arguments of the fuzzer's. It reads the commands from
// the state, at the key 0, into its own memory, where they may be overwritten.
//
// A command has 32 bytes: its number, which the result replaces, and seven arguments.
const (
	commandBytes = 32
	commandsAt   = 0x8000
	commandsMax  = 0x1000 // bytes
	driverKeyAt  = 0x7ff0
	driverAnswer = 0x100 // where the response lies, if no command gives one
	driverPages  = 2
	driverMost   = 6
)

// Commands beside the host functions, which come first.
var driverInstructions = []string{"memory.grow", "memory.copy", "memory.fill", "store", "store far", "load"}

const farOffset = 0xfffffff0

// driverGuest returns the module. Locals: 0 the command, 1 the end, 2 its result.
func driverGuest() []byte {
	var imports []Imported
	output, get := uint32(0), uint32(0)
	for i, f := range hostFunctions {
		imports = append(imports, Imported{Module: f.module, Name: f.name, Params: asBytes(f.params), Results: asBytes(f.results)})
		switch f.name {
		case "output":
			output = uint32(i)
		case "state_get":
			get = uint32(i)
		}
	}
	m := Guest(driverPages, imports...)
	m.Data(0, []byte("a guest's own bytes, which nobody else may write"))
	argument := func(n uint32) []byte { return slices.Concat(LocalGet(0), I32Load(4+4*n)) }
	var cases [][]byte
	for i, f := range hostFunctions {
		var code []byte
		n := uint32(0)
		for _, p := range f.params {
			if p == typeI64 {
				code = slices.Concat(code, LocalGet(0), I64Load(4+4*n))
				n += 2
				continue
			}
			code = slices.Concat(code, argument(n))
			n++
		}
		code = slices.Concat(code, Call(uint32(i)))
		if len(f.results) > 0 {
			code = slices.Concat(code, LocalSet(2))
		}
		cases = append(cases, code)
	}
	cases = append(cases,
		slices.Concat(argument(0), Op(0x40, 0), LocalSet(2)),
		slices.Concat(argument(0), argument(1), argument(2), Op(0xfc, 10, 0, 0)),
		slices.Concat(argument(0), argument(1), argument(2), Op(0xfc, 11, 0)),
		slices.Concat(argument(0), argument(1), I32Store(0)),
		slices.Concat(argument(0), argument(1), I32Store(farOffset)),
		slices.Concat(argument(0), I32Load(0), LocalSet(2)))
	// block after { block n-1 { ... block 0 { br_table } case 0; br after } case 1; br after }
	table := []byte{}
	for i := range cases {
		table = append(table, U32(uint32(i))...)
	}
	code := slices.Concat(LocalGet(0), I32Load(0), Op(0x0e), U32(uint32(len(cases))), table, U32(uint32(len(cases))))
	for i, c := range cases {
		code = slices.Concat(Block(none, code), c, Br(uint32(len(cases)-1-i)))
	}
	m.Func("machine.v1.apply", nil, status, Types(I32, I32, I32),
		I32Const(commandsAt), LocalTee(0), I32Const(driverKeyAt), I32Const(1), I32Const(commandsAt), I32Const(commandsMax), Call(get), Op(0x6a), LocalSet(1),
		Block(none, Loop(none,
			LocalGet(0), LocalGet(1), Op(0x4f), BrIf(1),
			I32Const(0), LocalSet(2),
			Block(none, code),
			LocalGet(0), LocalGet(2), I32Store(0),
			LocalGet(0), I32Const(commandBytes), Op(0x6a), LocalSet(0), Br(0))),
		I32Const(driverAnswer), I32Const(4+64), Call(output), I32Const(0))
	return machine(m)
}

// none is the type of a block without parameters and results.
const none = 0x40

// command returns one command.
func command(name string, arguments ...uint32) []byte {
	n := slices.IndexFunc(hostFunctions, func(f hostFunction) bool { return f.name == name })
	if n < 0 {
		n = len(hostFunctions) + slices.Index(driverInstructions, name)
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(n))
	for i := range 7 {
		a := uint32(0)
		if i < len(arguments) {
			a = arguments[i]
		}
		b = binary.LittleEndian.AppendUint32(b, a)
	}
	return b
}

// cage runs guests so that an escape shows: on both engines, twice, beside a neighbour.
type cage struct {
	t         testing.TB
	release   [2]*Release
	table     [2]*Table
	neighbour [2]*Table // other instances of the same releases
	binding   *quoin.Binding
}

var driverGrants = []string{"beacon", "events", "foreign.bank", "history", "proof", "state"}

func newCage(t testing.TB, module []byte) *cage {
	t.Helper()
	manifest := testManifest("machine.v1")
	manifest.FuelMax, manifest.PagesMax, manifest.Capabilities = FuelMax, driverMost, driverGrants
	file := release(t, module, manifest)
	c := &cage{t: t}
	for i, o := range []Options{{}, {Interpreter: true}} {
		r, err := newHost(t, o).Compile(file)
		if err != nil {
			t.Fatal(err)
		}
		c.release[i], c.table[i], c.neighbour[i] = r, newTable(t), newTable(t)
		c.table[i].Add(r)
		c.neighbour[i].Add(r)
		c.binding = r.Binding("machine.v1")
		c.apply(c.neighbour[i], newState()) // makes the instance
		if !liveInstance(c.neighbour[i], r).restore() {
			t.Fatal("the neighbour cannot be restored")
		}
	}
	return c
}

// liveInstance is the instance that a table has of a release.
func liveInstance(t *Table, r *Release) *instance { return t.guests[r.Digest()].instance }

func (c *cage) apply(table *Table, s State) ApplyResult {
	r, err := table.Apply(c.binding, &hook.ApplyRequest{Height: 7, Time: 1_700_000_000_000, Index: 1, Payload: []byte("payload")}, s)
	if err != nil {
		panic(fmt.Sprint("an error of the host: ", err)) // fails the fuzzer, whose t is another one
	}
	r.Output = slices.Clone(r.Output) // lent until the next call
	return r
}

// run calls the guest in all ways, with a state of its own each time, and returns what it gave
// and left in its memory.
func (c *cage) run(state func() State, contents func(State) *mapState) (first ApplyResult, after *mapState, memory []byte, err error) {
	for n := range 4 {
		table, r := c.table[n%2], c.release[n%2]
		s := state()
		got := c.apply(table, s)
		i := liveInstance(table, r)
		if n == 0 {
			first, after, memory = got, contents(s), slices.Clone(i.paged.bytes)
		} else if d := differsFrom(&first, &got, after, contents(s)); d != "" {
			return first, after, memory, fmt.Errorf("call %d: %s", n, d)
		} else if !slices.Equal(i.paged.bytes, memory) {
			return first, after, memory, fmt.Errorf("call %d leaves another memory", n)
		}
		if b := i.paged.bytes; !allZero(b[len(b):cap(b)]) {
			return first, after, memory, fmt.Errorf("call %d wrote behind the end of the memory", n)
		}
		if !i.restore() || !restored(i) {
			return first, after, memory, fmt.Errorf("something of call %d is left in the memory", n)
		}
		if !restored(liveInstance(c.neighbour[n%2], r)) {
			return first, after, memory, fmt.Errorf("call %d wrote into another instance's memory", n)
		}
	}
	return first, after, memory, nil
}

// differsFrom says how two calls differ.
func differsFrom(a, b *ApplyResult, stateA, stateB *mapState) string {
	switch {
	case a.Fault != b.Fault:
		return fmt.Sprintf("fault %v, the first %v", b.Fault, a.Fault)
	case a.Fuel != b.Fuel:
		return fmt.Sprintf("fuel %d, the first %d", b.Fuel, a.Fuel)
	case a.Code != b.Code, string(a.Output) != string(b.Output):
		return fmt.Sprintf("another output: %d %x, %d %x", b.Code, b.Output, a.Code, a.Output)
	case string(a.Log) != string(b.Log), a.LogDropped != b.LogDropped:
		return fmt.Sprintf("another log: %q, %q", b.Log, a.Log)
	case fmt.Sprint(a.Events) != fmt.Sprint(b.Events):
		return fmt.Sprintf("other events: %x, %x", b.Events, a.Events)
	case fmt.Sprint(stateA.values) != fmt.Sprint(stateB.values):
		return fmt.Sprintf("another state: %q, %q", stateB.values, stateA.values)
	}
	return ""
}
