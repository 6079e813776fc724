package plugin

// Instructions that get names in this package.
const (
	opUnreachable  = 0x00
	opNop          = 0x01
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelect       = 0x1b
	opSelectTyped  = 0x1c
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI32Ne        = 0x47
	opI64LtS       = 0x53
	opI64LtU       = 0x54
	opF32Ge        = 0x60
	opF64Ge        = 0x66
	opI32LtS       = 0x48
	opI32Add       = 0x6a
	opI32Sub       = 0x6b
	opI32And       = 0x71
	opI32Or        = 0x72
	opI32ShrU      = 0x76
	opI64Popcnt    = 0x7b
	opI64Add       = 0x7c
	opI64Sub       = 0x7d
	opI64Mul       = 0x7e
	opI64And       = 0x83
	opI64Or        = 0x84
	opI64Xor       = 0x85
	opI64Shl       = 0x86
	opI64ShrU      = 0x88
	opI64Rotl      = 0x89
	opI64ExtendU   = 0xad
	opI32FromF32   = 0xbc // i32.reinterpret_f32
	opI64FromF64   = 0xbd
	opF32FromI32   = 0xbe
	opF64FromI64   = 0xbf
	noResult       = 0x40 // the type of a block without results
	opPrefix       = 0xfc // saturating conversions and bulk memory
)

const (
	bulkCopy = 10
	bulkFill = 11
)

// quirk says what the instrumentation does about an instruction.
type quirk byte

const (
	plain       quirk = iota
	makesNaN32        // may produce an f32 NaN: made canonical
	makesNaN64        // may produce an f64 NaN
	ordered32         // an ordered compare of i32: see barrier
	ordered64         // an ordered compare of i64
	signFromF32       // f32.copysign
	signFromF64       // f64.copysign
)

// operation is an instruction without immediates, or a load or store: what it takes from the
// stack, what it leaves, and what it costs, unless it is a load. A zero type is none.
type operation struct {
	first, second valueType
	result        valueType
	cost          uint8
	quirk         quirk
	align         uint8 // loads and stores: 1 + log2 of the width
	store         bool
	known         bool
}

// operations are the one-byte instructions that are alike; saturating those after 0xfc.
var (
	operations = makeOperations()
	saturating = [8]operation{
		{first: typeF32, result: typeI32, cost: costTruncate, known: true},
		{first: typeF32, result: typeI32, cost: costTruncate, known: true},
		{first: typeF64, result: typeI32, cost: costTruncate, known: true},
		{first: typeF64, result: typeI32, cost: costTruncate, known: true},
		{first: typeF32, result: typeI64, cost: costTruncate, known: true},
		{first: typeF32, result: typeI64, cost: costTruncate, known: true},
		{first: typeF64, result: typeI64, cost: costTruncate, known: true},
		{first: typeF64, result: typeI64, cost: costTruncate, known: true},
	}
)

func makeOperations() (t [256]operation) {
	set := func(from, to int, o operation) {
		o.known = true
		for i := from; i <= to; i++ {
			t[i] = o
		}
	}
	one := func(in, out valueType, cost uint8, q quirk) operation {
		return operation{first: in, result: out, cost: cost, quirk: q}
	}
	two := func(in, out valueType, cost uint8, q quirk) operation {
		return operation{first: in, second: in, result: out, cost: cost, quirk: q}
	}
	memory := func(op int, typ valueType, log2 uint8, store bool) {
		o := operation{known: true, first: typeI32, result: typ, align: 1 + log2}
		if store {
			o = operation{known: true, first: typeI32, second: typ, cost: costStore, align: 1 + log2, store: true}
		}
		t[op] = o
	}
	for i, log2 := range []uint8{2, 3, 2, 3, 0, 0, 1, 1, 0, 0, 1, 1, 2, 2} { // loads 0x28 to 0x35
		typ := []valueType{typeI32, typeI64, typeF32, typeF64, typeI32, typeI32, typeI32, typeI32, typeI64, typeI64, typeI64, typeI64, typeI64, typeI64}[i]
		memory(0x28+i, typ, log2, false)
	}
	for i, log2 := range []uint8{2, 3, 2, 3, 0, 1, 0, 1, 2} { // stores 0x36 to 0x3e
		typ := []valueType{typeI32, typeI64, typeF32, typeF64, typeI32, typeI32, typeI64, typeI64, typeI64}[i]
		memory(0x36+i, typ, log2, true)
	}
	set(0x45, 0x45, one(typeI32, typeI32, costCompare, plain)) // eqz
	set(0x46, 0x47, two(typeI32, typeI32, costCompare, plain)) // eq ne
	set(0x48, 0x4f, two(typeI32, typeI32, costCompare, ordered32))
	set(0x50, 0x50, one(typeI64, typeI32, costSimple, plain))
	set(0x51, 0x52, two(typeI64, typeI32, costSimple, plain))
	set(0x53, 0x5a, two(typeI64, typeI32, costSimple, ordered64))
	set(0x5b, 0x60, two(typeF32, typeI32, costFloatCompare, plain))
	set(0x61, 0x66, two(typeF64, typeI32, costFloatCompare, plain))

	for _, w := range []struct {
		base int
		typ  valueType
	}{{0x67, typeI32}, {0x79, typeI64}} {
		set(w.base, w.base+2, one(w.typ, w.typ, costCount, plain))      // clz ctz popcnt
		set(w.base+3, w.base+4, two(w.typ, w.typ, costSimple, plain))   // add sub
		set(w.base+5, w.base+5, two(w.typ, w.typ, costMultiply, plain)) // mul
		set(w.base+6, w.base+9, two(w.typ, w.typ, costDivide, plain))   // div rem
		set(w.base+10, w.base+17, two(w.typ, w.typ, costSimple, plain)) // and or xor shl shr rotl rotr
	}
	for _, w := range []struct {
		base int
		typ  valueType
		nan  quirk
		sign quirk
	}{{0x8b, typeF32, makesNaN32, signFromF32}, {0x99, typeF64, makesNaN64, signFromF64}} {
		set(w.base, w.base+1, one(w.typ, w.typ, costSimple, plain))          // abs neg
		set(w.base+2, w.base+5, one(w.typ, w.typ, costFloatRound, w.nan))    // ceil floor trunc nearest
		set(w.base+6, w.base+6, one(w.typ, w.typ, costFloatRoot, w.nan))     // sqrt
		set(w.base+7, w.base+8, two(w.typ, w.typ, costFloat, w.nan))         // add sub
		set(w.base+9, w.base+9, two(w.typ, w.typ, costFloatProduct, w.nan))  // mul
		set(w.base+10, w.base+10, two(w.typ, w.typ, costFloatDivide, w.nan)) // div
		set(w.base+11, w.base+12, two(w.typ, w.typ, costFloatMost, w.nan))   // min max
		set(w.base+13, w.base+13, two(w.typ, w.typ, costFloatSign, w.sign))  // copysign
	}
	set(0xa7, 0xa7, one(typeI64, typeI32, costSimple, plain))   // wrap
	set(0xa8, 0xa9, one(typeF32, typeI32, costTruncate, plain)) // trunc
	set(0xaa, 0xab, one(typeF64, typeI32, costTruncate, plain))
	set(0xac, 0xad, one(typeI32, typeI64, costSimple, plain)) // extend
	set(0xae, 0xaf, one(typeF32, typeI64, costTruncate, plain))
	set(0xb0, 0xb1, one(typeF64, typeI64, costTruncate, plain))
	set(0xb2, 0xb3, one(typeI32, typeF32, costConvert, plain))
	set(0xb4, 0xb4, one(typeI64, typeF32, costConvert, plain))
	set(0xb5, 0xb5, one(typeI64, typeF32, costConvertMost, plain))
	set(0xb6, 0xb6, one(typeF64, typeF32, costConvert, makesNaN32)) // demote
	set(0xb7, 0xb8, one(typeI32, typeF64, costConvert, plain))
	set(0xb9, 0xb9, one(typeI64, typeF64, costConvert, plain))
	set(0xba, 0xba, one(typeI64, typeF64, costConvertMost, plain))
	set(0xbb, 0xbb, one(typeF32, typeF64, costConvert, makesNaN64)) // promote
	set(0xbc, 0xbc, one(typeF32, typeI32, costSimple, plain))       // reinterpret
	set(0xbd, 0xbd, one(typeF64, typeI64, costSimple, plain))
	set(0xbe, 0xbe, one(typeI32, typeF32, costSimple, plain))
	set(0xbf, 0xbf, one(typeI64, typeF64, costSimple, plain))
	set(0xc0, 0xc1, one(typeI32, typeI32, costSimple, plain)) // sign extension
	set(0xc2, 0xc4, one(typeI64, typeI64, costSimple, plain))
	return t
}
