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
	Traps  bool // what may trap: division, truncation, loads anywhere, wrong indirect calls, deep recursion
	Locals int  // at most, beside parameters; many make the compiler spill registers
	Far    bool // accesses reach into the first three pages, else they stay in the first
}

// Function is a random function.
type Function struct {
	Index           uint32
	Params, Results []byte
	countdown       bool // the first parameter says how often it calls itself
	deep            bool // which may be too often
}

// Reach counts what a module's code contains, by the names of Reaches.
type Reach map[string]int

// Names of what the generator is there to reach; a test asserts that it does.
const (
	ReachZeroAnd        = "ordered compare of constant 0 with an and"
	ReachSelect         = "select of floats under register pressure"
	ReachCopysign       = "copysign under register pressure"
	ReachArms           = "both in the arms of an if"
	ReachNaN            = "NaN made by arithmetic"
	ReachBranchTable    = "br_table"
	ReachTableValues    = "br_table that carries a value"
	ReachIndirect       = "call_indirect"
	ReachWrongIndirect  = "call_indirect of any entry"
	ReachRecursion      = "recursion"
	ReachBulk           = "memory.copy and memory.fill"
	ReachGrow           = "memory.grow"
	ReachMultiBlock     = "block with several values"
	ReachMultiLoop      = "loop with a parameter"
	ReachMultiFunction  = "function with several results"
	ReachNesting        = "nesting of 20 blocks and more"
	ReachLoop           = "loop"
	ReachGlobal         = "global of each type written"
	ReachReturn         = "return from within blocks"
	ReachDead           = "code that never runs"
	ReachManyLocals     = "function with 40 locals and more"
	ReachUnmaskedAccess = "access anywhere in the address space"
)

// Reaches lists all names of what a Reach counts.
func Reaches() []string {
	return []string{ReachZeroAnd, ReachSelect, ReachCopysign, ReachArms, ReachNaN, ReachBranchTable, ReachTableValues, ReachIndirect,
		ReachWrongIndirect, ReachRecursion, ReachBulk, ReachGrow, ReachMultiBlock, ReachMultiLoop, ReachMultiFunction, ReachNesting,
		ReachLoop, ReachGlobal, ReachReturn, ReachDead, ReachManyLocals, ReachUnmaskedAccess}
}

// tableSize is the size of a random module's table; the functions fill its start.
const tableSize = 8

// Random adds random functions, globals and a table to a module that has a memory. The
// functions call only earlier ones and, a counted number of times, themselves; their loops are
// counted; and all memory accesses without Traps stay in the first page, or the first three.
// So without Traps every call ends. The same source gives the same module.
func Random(r Source, m *Module, shape Shape) ([]Function, Reach) {
	g := &generator{r: r, m: m, shape: shape, reach: Reach{}, mask: 0x7ff8}
	if shape.Far {
		g.mask = 0x1fff8
	}
	for _, t := range g.types() {
		g.globals = append(g.globals, global{m.Global(t, true, Constant(r, t)), t})
	}
	m.Table(tableSize, tableSize)
	var entries []uint32
	for n := 2 + r.Intn(3); n > 0; n-- {
		f := g.function()
		g.callees = append(g.callees, f)
		entries = append(entries, f.Index)
	}
	m.Element(0, entries...)
	return g.callees, g.reach
}

// Arguments returns the code that pushes arguments of a function.
func (f Function) Arguments(r Source) (code []byte) {
	for i, t := range f.Params {
		switch {
		case i > 0 || !f.countdown:
			code = append(code, Constant(r, t)...)
		case f.deep && r.Intn(3) == 0:
			code = append(code, I32Const(int32(r.Intn(3_000)))...)
		default:
			code = append(code, I32Const(int32(r.Intn(12)))...)
		}
	}
	return code
}

// StoreResults returns the code that stores the results on the stack at an address, last
// result first, 8 bytes each, through locals of their types that come after the others: first
// is the number of the first of four scratch locals of the types i32, i64, f32 and f64.
func (f Function) StoreResults(at int32, first uint32) (code []byte) {
	for i := len(f.Results) - 1; i >= 0; i-- {
		t := f.Results[i]
		scratch := first + uint32(I32-t)
		code = slices.Concat(code, LocalSet(scratch), I32Const(at), LocalGet(scratch), StoreResult(t))
		at += 8
	}
	return code
}

// StoreResult returns the code that stores a value of the type at the address below it.
func StoreResult(t byte) []byte {
	return Op([]byte{0x36, 0x37, 0x38, 0x39}[I32-t], 0, 0)
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
		if c < 0x80 && shift < 64 {
			v = v << (64 - shift) >> (64 - shift)
		}
	}
	if constant[0] == 0x41 {
		return uint64(uint32(v))
	}
	return uint64(v)
}
