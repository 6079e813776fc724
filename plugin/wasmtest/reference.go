package wasmtest

import "slices"

// Prices are what a module is charged: the same schedule as the sandbox's, asked for one
// instruction at a time.
type Prices interface {
	// Instruction returns the price of an instruction; sub is what follows the prefix 0xfc. A
	// loop's is paid each time round.
	Instruction(op byte, sub uint32) int64
	// BySize returns the price of memory.grow, memory.copy and memory.fill beside that:
	// each·(n >> shift) for the i32 n on top of the stack.
	BySize(op byte, sub uint32) (each, shift int64)
	// Entry returns the price of entering a function with so many locals, parameters included.
	Entry(locals int) int64
}

// Names of the globals that Reference exports.
const (
	ReferenceFuel = "reference.fuel" // i64: units used
	ReferenceNaNs = "reference.nans" // i32: NaNs that were not canonical and have been made so
)

// Reference returns the module rewritten by the simplest rules that can be: each instruction is
// charged for itself, and each result that the specification lets be any NaN is compared
// with itself and replaced. Nothing is merged, moved or bounded, so that it can serve as the
// definition that a cleverer instrumentation is compared with. Neither fuel nor depth ends it.
func (m *Module) Reference(prices Prices) []byte {
	c := *m
	c.globals, c.exports = slices.Clone(m.globals), slices.Clone(m.exports)
	fuel, nans := c.Global(I64, true, I64Const(0)), c.Global(I32, true, I32Const(0))
	c.Export(ReferenceFuel, KindGlobal, fuel)
	c.Export(ReferenceNaNs, KindGlobal, nans)
	c.codes = nil
	for i, code := range m.codes {
		w := &rewriter{prices: prices, in: code, fuel: fuel, nans: nans}
		c.codes = append(c.codes, w.function(int(m.paramCount(m.funcs[i]))))
	}
	return c.Bytes()
}

// paramCount returns the number of parameters of a function type, at most 127.
func (m *Module) paramCount(t uint32) byte { return m.types[t][1] }

// rewriter rewrites one function's locals and code.
type rewriter struct {
	prices     Prices
	in         []byte
	at         int
	out        []byte
	fuel, nans uint32
	// Locals of the types i32, f32 and f64.
	size, single, double uint32
}

func (w *rewriter) function(params int) []byte {
	groups, locals := w.u32(), params
	start := w.at
	for range groups {
		locals += int(w.u32())
		w.at++
	}
	w.size, w.single, w.double = uint32(locals), uint32(locals)+1, uint32(locals)+2
	w.out = append(U32(groups+3), w.in[start:w.at]...)
	w.out = append(w.out, 1, I32, 1, F32, 1, F64)
	w.charge(w.prices.Entry(locals))
	for w.at < len(w.in) {
		w.instruction()
	}
	return w.out
}

func (w *rewriter) instruction() {
	start := w.at
	op := w.in[w.at]
	w.at++
	sub := w.immediates(op)
	price := w.prices.Instruction(op, sub)
	if op != 0x03 {
		w.charge(price)
	}
	if op == 0x40 || op == 0xfc && sub >= 10 {
		w.chargeBySize(w.prices.BySize(op, sub))
	}
	w.emit(w.in[start:w.at])
	if op == 0x03 {
		w.charge(price)
	}
	switch {
	case op >= 0x8d && op <= 0x97 || op == 0xb6: // ceil to max, but for copysign; demote
		w.canonical(F32, 0x5c, w.single, F32Bits(0x7fc00000), slices.Concat(Op(0xbc), I32Const(0x7fc00000), Op(0x47)))
	case op >= 0x9b && op <= 0xa5 || op == 0xbb:
		w.canonical(F64, 0x62, w.double, F64Bits(0x7ff8000000000000), slices.Concat(Op(0xbd), I64Const(0x7ff8000000000000), Op(0x52)))
	}
}

// immediates skips what follows an opcode and returns the number after the prefix 0xfc.
func (w *rewriter) immediates(op byte) (sub uint32) {
	switch {
	case op >= 0x02 && op <= 0x04, op == 0x0c, op == 0x0d, op == 0x10, op >= 0x20 && op <= 0x24, op == 0x41, op == 0x42:
		w.leb()
	case op == 0x0e, op == 0x1c:
		n := w.u32()
		if op == 0x0e {
			n++
		}
		for range n {
			w.leb()
		}
	case op == 0x11, op >= 0x28 && op <= 0x3e:
		w.leb()
		w.leb()
	case op == 0x3f, op == 0x40:
		w.at++
	case op == 0x43:
		w.at += 4
	case op == 0x44:
		w.at += 8
	case op == 0xfc:
		sub = w.u32()
		w.at += map[uint32]int{10: 2, 11: 1}[sub]
	}
	return sub
}

// leb skips a LEB128 number.
func (w *rewriter) leb() {
	for w.in[w.at] >= 0x80 {
		w.at++
	}
	w.at++
}

func (w *rewriter) u32() (v uint32) {
	for shift := 0; ; shift += 7 {
		c := w.in[w.at]
		w.at++
		v |= uint32(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
}

func (w *rewriter) emit(parts ...[]byte) {
	for _, p := range parts {
		w.out = append(w.out, p...)
	}
}

func (w *rewriter) charge(units int64) {
	if units != 0 {
		w.emit(GlobalGet(w.fuel), I64Const(units), Op(0x7c), GlobalSet(w.fuel))
	}
}

func (w *rewriter) chargeBySize(each, shift int64) {
	w.emit(LocalTee(w.size), GlobalGet(w.fuel), LocalGet(w.size), Op(0xad), I64Const(shift), Op(0x88), I64Const(each), Op(0x7e),
		Op(0x7c), GlobalSet(w.fuel))
}

// canonical replaces the value on the stack, of the type, if it differs from itself; differs
// tells whether its bits are not yet those of the constant.
func (w *rewriter) canonical(t, ne byte, local uint32, constant, differs []byte) {
	count := slices.Concat(LocalGet(local), differs, GlobalGet(w.nans), Op(0x6a), GlobalSet(w.nans))
	w.emit(LocalTee(local), LocalGet(local), Op(ne), If(t, count, constant, Op(0x05), LocalGet(local)))
}
