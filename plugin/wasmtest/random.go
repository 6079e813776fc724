package wasmtest

import (
	"encoding/binary"
	"math"
	"slices"
)

// Source is what *rand.Rand of math/rand provides.
type Source interface {
	Intn(n int) int
	Uint32() uint32
	Uint64() uint64
}

// Shape says what a random module may contain.
type Shape struct {
	Floats bool // floating-point types and instructions
	Traps  bool // instructions that may trap: division, truncation, loads anywhere
	Locals int  // at most, beside parameters; many make the compiler spill registers
}

// Random adds random functions to a module with a memory: they call only earlier ones, their
// loops are counted, and all memory accesses without Traps stay in the first page. It
// returns the numbers of the functions, each of which takes parameters and gives one result
// of the type at the same place in results. The same generator gives the same module.
func Random(r Source, m *Module, shape Shape) (functions []uint32, params [][]byte, results []byte) {
	g := &generator{r: r, m: m, shape: shape}
	g.globals = []uint32{m.Global(I32, true, I32Const(5)), m.Global(I64, true, I64Const(-9))}
	for n := 2 + r.Intn(4); n > 0; n-- {
		p := make([]byte, r.Intn(5))
		for i := range p {
			p[i] = g.anyType()
		}
		result := g.anyType()
		functions = append(functions, g.function(p, result))
		params, results = append(params, p), append(results, result)
		g.callees = append(g.callees, callee{functions[len(functions)-1], p, result})
	}
	return functions, params, results
}

// Constant returns an instruction that pushes an interesting or random number.
func Constant(r Source, t byte) []byte {
	ints := []int64{0, 1, -1, 2, 3, 7, 8, 10, 31, 32, 63, 64, 100, 127, 128, 255, 256, 1000, 0x7fff, 0xffff, 0x10000,
		math.MaxInt32, math.MinInt32, math.MaxUint32, math.MaxInt64, math.MinInt64, 0xcccd, 0x51eb851f}
	floats := []float64{0, math.Copysign(0, -1), 1, -1, 0.5, 3.25, 1e10, -1e300, 1e-300, 2147483648, -9.3e18,
		math.Inf(1), math.Inf(-1), math.NaN(), math.SmallestNonzeroFloat64}
	wild := r.Intn(3) == 0
	switch t {
	case I32:
		if wild {
			return I32Const(int32(r.Uint32()))
		}
		return I32Const(int32(ints[r.Intn(len(ints))]))
	case I64:
		if wild {
			return I64Const(int64(r.Uint64()))
		}
		return I64Const(ints[r.Intn(len(ints))])
	case F32:
		if wild {
			return F32Bits(r.Uint32())
		}
		return F32Bits(math.Float32bits(float32(floats[r.Intn(len(floats))])))
	default:
		if wild {
			return F64Bits(r.Uint64())
		}
		return F64Const(floats[r.Intn(len(floats))])
	}
}

type callee struct {
	index  uint32
	params []byte
	result byte
}

type generator struct {
	r       Source
	m       *Module
	shape   Shape
	callees []callee
	globals []uint32

	out    []byte
	locals []byte // types; 0 for loop counters, which no other code touches
	labels []bool // of the open blocks, innermost last: may be the target of a branch without values
	budget int
	depth  int
}

func (g *generator) anyType() byte {
	if !g.shape.Floats {
		return []byte{I32, I64}[g.r.Intn(2)]
	}
	return []byte{I32, I32, I64, I64, F32, F64}[g.r.Intn(6)]
}

func (g *generator) function(params []byte, result byte) uint32 {
	g.out, g.labels, g.locals = nil, []bool{false}, slices.Clone(params)
	g.budget, g.depth = 100+g.r.Intn(300), 0
	for n := g.r.Intn(g.shape.Locals + 1); n > 0; n-- {
		g.locals = append(g.locals, g.anyType())
	}
	g.statements(2 + g.r.Intn(8))
	g.value(result)
	locals := slices.Clone(g.locals[len(params):])
	for i, t := range locals {
		if t == 0 {
			locals[i] = I32
		}
	}
	return g.m.Func("", params, []byte{result}, locals, g.out)
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

// address pushes an address within the first page.
func (g *generator) address() {
	g.value(I32)
	if !g.shape.Traps || g.r.Intn(20) > 0 {
		g.emit(I32Const(0x7ff8), Op(0x71))
	}
}

func (g *generator) offset() []byte {
	return U32([]uint32{0, 0, 1, 4, 7, 100, 0x7f00}[g.r.Intn(7)])
}

// value pushes a value of the type.
func (g *generator) value(t byte) {
	g.budget--
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > 8 || g.budget < 0 {
		g.leaf(t)
		return
	}
	switch g.r.Intn(14) {
	case 0, 1:
		g.leaf(t)
	case 2:
		g.value(t)
		if l, ok := g.local(t); ok {
			g.emit(LocalTee(l))
		}
	case 3:
		g.load(t)
	case 4:
		g.value(t)
		g.value(t)
		g.value(I32)
		if g.r.Intn(2) == 0 {
			g.emit(Op(0x1b))
		} else {
			g.emit(Op(0x1c, 1, t))
		}
	case 5:
		g.value(I32)
		g.open(0x04, t)
		g.statements(g.r.Intn(2))
		g.value(t)
		g.emit(Op(0x05))
		g.value(t)
		g.close()
	case 6: // a block that a branch leaves with the value
		g.open(0x02, t)
		g.value(t)
		g.value(I32)
		g.emit(BrIf(0))
		g.emit(Op(0x1a))
		g.value(t)
		g.close()
	case 7:
		g.call(t)
	default:
		g.operation(t)
	}
}

func (g *generator) leaf(t byte) {
	switch l, ok := g.local(t); {
	case ok && g.r.Intn(4) > 0:
		g.emit(LocalGet(l))
	case t == I32 && g.r.Intn(4) == 0:
		g.emit(GlobalGet(g.globals[0]))
	case t == I64 && g.r.Intn(4) == 0:
		g.emit(GlobalGet(g.globals[1]))
	default:
		g.emit(Constant(g.r, t))
	}
}

func (g *generator) load(t byte) {
	g.address()
	switch t {
	case I32:
		g.pick(0x28, 0x2c, 0x2d, 0x2e, 0x2f)
	case I64:
		g.pick(0x29, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35)
	case F32:
		g.pick(0x2a)
	case F64:
		g.pick(0x2b)
	}
	g.emit(Op(0), g.offset())
}

func (g *generator) call(t byte) {
	for range 3 {
		if len(g.callees) == 0 {
			break
		}
		c := g.callees[g.r.Intn(len(g.callees))]
		if c.result != t {
			continue
		}
		for _, p := range c.params {
			g.value(p)
		}
		g.emit(Call(c.index))
		return
	}
	g.operation(t)
}

func (g *generator) unary(t byte, ops ...byte) { g.value(t); g.pick(ops...) }

func (g *generator) binary(t byte, ops ...byte) { g.value(t); g.value(t); g.pick(ops...) }

// span returns the opcodes from first to last.
func span(first, last byte) (ops []byte) {
	for op := int(first); op <= int(last); op++ {
		ops = append(ops, byte(op))
	}
	return ops
}

func (g *generator) operation(t byte) {
	kind := g.r.Intn(10)
	if !g.shape.Floats && (kind == 4 || kind == 5) {
		kind = 6
	}
	switch t {
	case I32:
		switch kind {
		case 0:
			g.unary(I32, 0x45, 0x67, 0x68, 0x69, 0xc0, 0xc1)
		case 1:
			g.binary(I32, span(0x46, 0x4f)...)
		case 2:
			g.binary(I64, span(0x51, 0x5a)...)
		case 3:
			g.unary(I64, 0x50, 0xa7)
		case 4:
			if g.r.Intn(2) == 0 {
				g.binary(F32, span(0x5b, 0x60)...)
			} else {
				g.binary(F64, span(0x61, 0x66)...)
			}
		case 5:
			g.truncate([]byte{F32, F64}[g.r.Intn(2)], I32)
		case 6:
			g.divide(I32, span(0x6d, 0x70))
		default:
			g.binary(I32, 0x6a, 0x6b, 0x6c, 0x71, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78)
		}
	case I64:
		switch kind {
		case 0:
			g.unary(I64, 0x79, 0x7a, 0x7b, 0xc2, 0xc3, 0xc4)
		case 1, 2:
			g.unary(I32, 0xac, 0xad)
		case 4, 5:
			g.truncate([]byte{F32, F64}[g.r.Intn(2)], I64)
		case 6:
			g.divide(I64, span(0x7f, 0x82))
		default:
			g.binary(I64, 0x7c, 0x7d, 0x7e, 0x83, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a)
		}
	case F32:
		switch kind {
		case 0, 1:
			g.unary(F32, span(0x8b, 0x91)...)
		case 2:
			g.unary(I32, 0xb2, 0xb3, 0xbe)
		case 3:
			g.unary(I64, 0xb4, 0xb5)
		case 4:
			g.unary(F64, 0xb6)
		default:
			g.binary(F32, span(0x92, 0x98)...)
		}
	case F64:
		switch kind {
		case 0, 1:
			g.unary(F64, span(0x99, 0x9f)...)
		case 2:
			g.unary(I32, 0xb7, 0xb8)
		case 3:
			g.unary(I64, 0xb9, 0xba, 0xbf)
		case 4:
			g.unary(F32, 0xbb)
		default:
			g.binary(F64, span(0xa0, 0xa6)...)
		}
	}
}

// truncate turns a float into an integer, or reinterprets it.
func (g *generator) truncate(from, to byte) {
	g.value(from)
	base := byte(0)
	if from == F64 {
		base = 2
	}
	if to == I64 {
		base += 4
	}
	switch {
	case g.shape.Traps && g.r.Intn(6) == 0:
		g.pick([][]byte{{0xa8, 0xa9}, {0xaa, 0xab}, {0xae, 0xaf}, {0xb0, 0xb1}}[base/2]...)
	case from == F32 && to == I32 && g.r.Intn(2) == 0:
		g.emit(Op(0xbc))
	case from == F64 && to == I64 && g.r.Intn(2) == 0:
		g.emit(Op(0xbd))
	default:
		g.emit(Op(0xfc, base+byte(g.r.Intn(2))))
	}
}

func (g *generator) divide(t byte, ops []byte) {
	g.value(t)
	if g.shape.Traps && g.r.Intn(4) == 0 {
		g.value(t)
	} else {
		d := []int64{10, 100, 3, 7, 255, 1000, 205, 1 << 20}[g.r.Intn(8)]
		if t == I32 {
			g.emit(I32Const(int32(d)))
		} else {
			g.emit(I64Const(d))
		}
	}
	g.pick(ops...)
}

// open starts a block; only blocks without a value are targets of random branches.
func (g *generator) open(op, t byte) {
	g.emit(Op(op, t))
	g.labels = append(g.labels, op != 0x03 && t == 0x40)
}

func (g *generator) close() {
	g.emit(Op(0x0b))
	g.labels = g.labels[:len(g.labels)-1]
}

func (g *generator) statements(n int) {
	for ; n > 0; n-- {
		g.statement()
	}
}

func (g *generator) statement() {
	g.budget--
	g.depth++
	defer func() { g.depth-- }()
	kind := g.r.Intn(13)
	if g.depth > 6 || g.budget < 0 {
		kind = 0
	}
	switch kind {
	case 0, 1, 2:
		t := g.anyType()
		if l, ok := g.local(t); ok {
			g.value(t)
			g.emit(LocalSet(l))
		}
	case 3, 4, 5:
		g.store()
	case 6:
		g.value(I32)
		g.open(0x04, 0x40)
		g.statements(1 + g.r.Intn(2))
		if g.r.Intn(2) == 0 {
			g.emit(Op(0x05))
			g.statements(1 + g.r.Intn(2))
		}
		g.close()
	case 7, 8:
		g.countedLoop()
	case 9:
		k := g.r.Intn(2)
		g.value([]byte{I32, I64}[k])
		g.emit(GlobalSet(g.globals[k]))
	case 10:
		g.branch()
	case 11:
		g.branchTable()
	case 12:
		g.bulk()
	}
}

func (g *generator) store() {
	t := g.anyType()
	g.address()
	g.value(t)
	switch t {
	case I32:
		g.pick(0x36, 0x3a, 0x3b)
	case I64:
		g.pick(0x37, 0x3c, 0x3d, 0x3e)
	case F32:
		g.pick(0x38)
	case F64:
		g.pick(0x39)
	}
	g.emit(Op(0), g.offset())
}

func (g *generator) countedLoop() {
	if len(g.labels) > 6 {
		return
	}
	counter := uint32(len(g.locals))
	g.locals = append(g.locals, 0)
	g.emit(I32Const(int32(1+g.r.Intn(10))), LocalSet(counter))
	g.open(0x02, 0x40)
	g.open(0x03, 0x40)
	g.statements(1 + g.r.Intn(3))
	g.emit(LocalGet(counter), I32Const(1), Op(0x6b), LocalTee(counter), BrIf(0))
	g.close()
	g.close()
}

// branch leaves a block without a value, under a condition.
func (g *generator) branch() {
	start := g.r.Intn(len(g.labels))
	for i := range g.labels {
		if k := (start + i) % len(g.labels); g.labels[k] {
			g.value(I32)
			g.emit(BrIf(uint32(len(g.labels) - 1 - k)))
			return
		}
	}
}

func (g *generator) branchTable() {
	for range 3 {
		g.open(0x02, 0x40)
	}
	g.value(I32)
	g.emit(I32Const(3), Op(0x71), Op(0x0e, 2, 0, 1, 2))
	for range 3 {
		g.close()
		g.statements(1)
	}
}

func (g *generator) bulk() {
	switch g.r.Intn(4) {
	case 0:
		g.emit(Op(0x3f, 0, 0x1a))
	case 1:
		g.emit(I32Const(int32(g.r.Intn(2))), Op(0x40, 0, 0x1a))
	default:
		g.address()
		fill := g.r.Intn(2) == 0
		if fill {
			g.value(I32)
		} else {
			g.address()
		}
		g.emit(I32Const(int32(g.r.Intn(300))))
		if fill {
			g.emit(Op(0xfc, 11, 0))
		} else {
			g.emit(Op(0xfc, 10, 0, 0))
		}
	}
}

// StoreResult returns the code that stores a result of the type at an address on the stack.
func StoreResult(t byte) []byte {
	return append([]byte{map[byte]byte{I32: 0x36, I64: 0x37, F32: 0x38, F64: 0x39}[t], 0}, U32(0)...)
}

// Bits returns the bits of a constant instruction, as an argument of a call from Go.
func Bits(constant []byte) uint64 {
	switch constant[0] {
	case 0x43:
		return uint64(binary.LittleEndian.Uint32(constant[1:]))
	case 0x44:
		return binary.LittleEndian.Uint64(constant[1:])
	}
	var v int64
	var shift uint
	for _, c := range constant[1:] {
		v |= int64(c&0x7f) << shift
		shift += 7
		if c < 0x80 {
			if shift < 64 {
				v = v << (64 - shift) >> (64 - shift)
			}
		}
	}
	if constant[0] == 0x41 {
		return uint64(uint32(v))
	}
	return uint64(v)
}
