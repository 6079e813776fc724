package wasmtest

import "slices"

// reserved is the type of locals that only the code that made them touches.
const reserved = 0

type global struct {
	index uint32
	typ   byte
}

// generator writes random functions; each method appends code that leaves the stack as its
// name says.
type generator struct {
	r       Source
	m       *Module
	shape   Shape
	reach   Reach
	mask    int32 // of addresses
	callees []Function
	globals []global

	// Of the function at hand.
	self   Function
	out    []byte
	locals []byte // types; reserved for counters
	labels []bool // of the open blocks, innermost last: may be the target of a branch without values
	budget int
	depth  int
}

func (g *generator) types() []byte {
	if g.shape.Floats {
		return []byte{I32, I64, F32, F64}
	}
	return []byte{I32, I64}
}

func (g *generator) anyType() byte {
	if !g.shape.Floats {
		return []byte{I32, I64}[g.r.Intn(2)]
	}
	return []byte{I32, I32, I64, I64, F32, F64}[g.r.Intn(6)]
}

func (g *generator) someTypes(n int) []byte {
	list := make([]byte, n)
	for i := range list {
		list[i] = g.anyType()
	}
	return list
}

func (g *generator) chance(n int) bool { return g.r.Intn(n) == 0 }

func (g *generator) function() Function {
	f := Function{Params: g.someTypes(g.r.Intn(5)), Results: g.someTypes(1), deep: g.shape.Traps}
	if g.chance(4) {
		f.Results = g.someTypes(2 + g.r.Intn(2))
		g.reach[ReachMultiFunction]++
	}
	if f.countdown = g.chance(4); f.countdown {
		f.Params = append([]byte{I32}, f.Params...)
	}
	f.Index = uint32(len(g.m.imports) + len(g.m.funcs))
	g.self, g.out, g.labels, g.locals = f, nil, []bool{false}, slices.Clone(f.Params)
	if f.countdown {
		g.locals[0] = reserved
	}
	g.budget, g.depth = 60+g.r.Intn(160), 0
	manyFloats := g.shape.Floats && g.chance(3)
	for n := g.r.Intn(g.shape.Locals + 1); n > 0; n-- {
		t := g.anyType()
		if manyFloats && g.chance(2) {
			t = []byte{F32, F64}[g.r.Intn(2)]
		}
		g.locals = append(g.locals, t)
	}
	if f.countdown {
		g.recurse()
	}
	g.statements(4 + g.r.Intn(12))
	if g.shape.Floats && g.chance(2) {
		g.weakArms()
	}
	for _, t := range f.Results {
		g.value(t)
	}
	if len(g.locals) >= 40 {
		g.reach[ReachManyLocals]++
	}
	locals := slices.Clone(g.locals[len(f.Params):])
	for i, t := range locals {
		if t == reserved {
			locals[i] = I32
		}
	}
	g.m.Func("", f.Params, f.Results, locals, g.out)
	return f
}

// recurse calls the function itself as often as its first parameter says.
func (g *generator) recurse() {
	g.reach[ReachRecursion]++
	g.emit(LocalGet(0))
	g.open(0x04, none)
	g.emit(LocalGet(0), I32Const(1), Op(0x6b))
	for _, t := range g.self.Params[1:] {
		g.leaf(t)
	}
	g.emit(Call(g.self.Index))
	g.keepOrDrop(g.self.Results)
	g.close()
}

// keepOrDrop takes values from the stack, into locals where there are some.
func (g *generator) keepOrDrop(types []byte) {
	for i := len(types) - 1; i >= 0; i-- {
		if l, ok := g.local(types[i]); ok && g.chance(2) {
			g.emit(LocalSet(l))
		} else {
			g.emit(Op(0x1a))
		}
	}
}

func (g *generator) emit(parts ...[]byte) {
	for _, p := range parts {
		g.out = append(g.out, p...)
	}
}

func (g *generator) pick(ops ...byte) { g.out = append(g.out, ops[g.r.Intn(len(ops))]) }

// local returns a random local of the type.
func (g *generator) local(t byte) (uint32, bool) {
	start := g.r.Intn(len(g.locals) + 1)
	for i := range g.locals {
		if k := (start + i) % len(g.locals); g.locals[k] == t {
			return uint32(k), true
		}
	}
	return 0, false
}

// newLocal adds a local that no other code touches.
func (g *generator) newLocal() uint32 {
	g.locals = append(g.locals, reserved)
	return uint32(len(g.locals) - 1)
}

// none is the block type without parameters and results.
const none = 0x40

// open starts a block; only blocks without a value are targets of random branches.
func (g *generator) open(op, t byte) {
	g.emit(Op(op, t))
	g.labels = append(g.labels, op != 0x03 && t == none)
}

// openMulti starts a block with parameters and results.
func (g *generator) openMulti(op byte, params, results []byte) {
	g.emit(Op(op), S64(int64(g.m.Type(params, results))))
	g.labels = append(g.labels, false)
}

func (g *generator) close() {
	g.emit(Op(0x0b))
	g.labels = g.labels[:len(g.labels)-1]
}

// target returns the number of a random open block without a value, counted from within.
func (g *generator) target() (uint32, bool) {
	start := g.r.Intn(len(g.labels))
	for i := range g.labels {
		if k := (start + i) % len(g.labels); g.labels[k] {
			return uint32(len(g.labels) - 1 - k), true
		}
	}
	return 0, false
}

// address pushes an address within the first pages.
func (g *generator) address() {
	g.value(I32)
	if g.shape.Traps && g.chance(20) {
		g.reach[ReachUnmaskedAccess]++
		return
	}
	g.emit(I32Const(g.mask), Op(0x71))
}

func (g *generator) offset() []byte {
	if g.shape.Traps && g.chance(40) {
		g.reach[ReachUnmaskedAccess]++
		return U32([]uint32{0xffffffff, 0xfffffff8, 0x10000, 0x2fff9, 0x80000000}[g.r.Intn(5)])
	}
	return U32([]uint32{0, 0, 1, 4, 7, 100, 0x7f00}[g.r.Intn(7)])
}
