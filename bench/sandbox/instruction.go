package sandbox

import (
	"bytes"
	"fmt"
	"math/bits"

	"quoin.dev/quoin/plugin"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// Locals of the probes of instructions.
const (
	x32 = 1 + iota
	y32
	x64
	y64
	xf32
	yf32
	xf64
	yf64
)

var operandLocals = Types(I32, I32, I64, I64, F32, F32, F64, F64)

func operand(typ byte, second bool) uint32 {
	n := map[byte]uint32{I32: x32, I64: x64, F32: xf32, F64: xf64}[typ]
	if second {
		n++
	}
	return n
}

// operands are what a probe starts from: a value that its instruction keeps, as far as it can.
type operands struct {
	name       string
	x32, y32   int32
	x64, y64   int64
	xf32, yf32 uint32
	xf64, yf64 uint64
}

var (
	usual = operands{"", 1<<31 - 2, 1, 1<<62 - 3, 1, 0x3fa00000, 0x3f800000, 0x3ff4000000000000, 0x3ff0000000000000}
	// The least numbers take some processors a hundred cycles to multiply.
	tiny  = operands{"of subnormal numbers", 1, 1, 1, 1, 1 << 20, 0x3f7fffff, 1 << 50, 0x3fefffffffffffff}
	large = operands{"of large numbers", -1 << 31, 1<<31 - 1, -1 << 63, 1<<62 + 12345, 0x4effffff, 0x3f800001, 0x41dfffff00000000, 0x3ff0000000000001}
)

func (o *operands) setup() []byte {
	return code(I32Const(o.x32), LocalSet(x32), I32Const(o.y32), LocalSet(y32), I64Const(o.x64), LocalSet(x64), I64Const(o.y64), LocalSet(y64),
		F32Bits(o.xf32), LocalSet(xf32), F32Bits(o.yf32), LocalSet(yf32), F64Bits(o.xf64), LocalSet(xf64), F64Bits(o.yf64), LocalSet(yf64))
}

// numericProbes measure an instruction on values. Where the result is of the operands' type
// each one waits for the one before it; else all results go into a sum.
func numericProbes(c *plugin.Charge) []probe {
	var list []probe
	for _, o := range []operands{usual, large, tiny} {
		if o.name == tiny.name && c.Params[0] != F32 && c.Params[0] != F64 {
			continue
		}
		p := probe{name: c.Name, of: c.Name, locals: operandLocals, setup: o.setup()}
		if o.name != "" {
			p.name += " " + o.name
		}
		in, out := c.Params[0], c.Results[0]
		get, second := LocalGet(operand(in, false)), []byte(nil)
		if len(c.Params) == 2 {
			second = LocalGet(operand(in, true))
		}
		if in == out {
			p.head, p.tail = get, LocalSet(operand(in, false))
			p.unit, p.baseline = code(second, c.Code), second
			if second != nil {
				p.baseline = code(second, Op(0x1a))
			}
		} else {
			sum, add := fold(out)
			p.head, p.tail = LocalGet(sum), LocalSet(sum)
			p.unit = code(get, second, c.Code, add)
			p.baseline = code(get, second, bytes.Repeat(Op(0x1a), len(c.Params)), constant(out), add)
			p.fuel = c.Units // the baseline has a constant in its place
		}
		list = append(list, p)
	}
	return list
}

// chainProbes measure conversions that wait for one another, there and back.
func chainProbes() []probe {
	pair := func(name string, local uint32, there, back byte) probe {
		return probe{name: name, of: name, locals: operandLocals, setup: tiny.setup(), head: LocalGet(local), tail: LocalSet(local), unit: Op(there, back)}
	}
	return []probe{
		pair("f64.convert_i32_s, i32.trunc_f64_s", x32, 0xb7, 0xaa), pair("f64.convert_i64_s, i64.trunc_f64_s", x64, 0xb9, 0xb0),
		pair("f64.convert_i64_u, i64.trunc_f64_u", x64, 0xba, 0xb1), pair("f32.convert_i32_s, i32.trunc_f32_s", x32, 0xb2, 0xa8),
		pair("f64.promote_f32, f32.demote_f64", xf32, 0xbb, 0xb6), pair("f64.reinterpret_i64, i64.reinterpret_f64", x64, 0xbf, 0xbd),
		pair("i64.extend_i32_s, i32.wrap_i64", x32, 0xac, 0xa7), pair("i64.eqz, i64.extend_i32_u", x64, 0x50, 0xad),
	}
}

// fold returns a local and the code that adds a value of the type to it.
func fold(typ byte) (local uint32, add []byte) {
	switch typ {
	case I32:
		return y32, i32Xor
	case I64:
		return y64, Op(0x85)
	case F32:
		return y32, code(Op(0xbc), i32Xor)
	}
	return y64, code(f64Bits, Op(0x85))
}

func constant(typ byte) []byte {
	switch typ {
	case I32:
		return I32Const(5)
	case I64:
		return I64Const(5)
	case F32:
		return F32Bits(5)
	}
	return F64Bits(5)
}

// loadProbes measure a load whose address is what the load before it gave.
func loadProbes(c *plugin.Charge) []probe {
	var convert []byte
	switch c.Results[0] {
	case I64:
		convert = i64Wrap
	case F32:
		convert = Op(0xbc)
	case F64:
		convert = code(f64Bits, i64Wrap)
	}
	p := probe{name: c.Name, of: c.Name, locals: operandLocals, setup: code(I32Const(spareEnd), LocalSet(x32)),
		head: LocalGet(x32), tail: LocalSet(x32), unit: code(c.Code, Op(0), U32(spareEnd), convert)}
	if convert != nil {
		p.baseline = code(constant(c.Results[0]), convert, Op(0x1a))
		p.fuel = c.Units
	}
	return []probe{p}
}

// storeProbes measure stores of one value to places side by side.
func storeProbes(c *plugin.Charge) []probe {
	value := LocalGet(operand(c.Params[1], false))
	p := probe{name: c.Name, of: c.Name, locals: operandLocals, setup: usual.setup(),
		unit:     code(LocalGet(y32), value, c.Code, Op(0), U32(spareEnd)),
		baseline: code(LocalGet(y32), value, Op(0x1a, 0x1a))}
	q := p // from one region to another and back
	q.name += " in two regions by turns"
	q.copies = 32
	q.unit = code(p.unit, LocalGet(y32), value, c.Code, Op(0), U32(20_000))
	q.baseline = code(p.baseline, p.baseline)
	return []probe{p, q}
}

const line = 64 // bytes

// chase is a path through all lines of a memory of so many pages, in no order that a processor
// would guess: every load tells the address of the next. It is laid when the guest is
// initialised; the lines that the request overwrites are mended before the loop. Number i of
// the path is scatter(i), where i goes through a linear congruential generator.
func chase(pages uint32) (lay func(m *Module), mend []byte) {
	const a, c, odd = 1_664_525, 1_013_904_223, 0x2c1b3c6d
	lines := uint32(pages) * 65536 / line
	half := uint32(bits.Len32(lines)) / 2
	scatter := func(i uint32) uint32 { return (i ^ i>>half) * odd & (lines - 1) }
	next := func(i uint32) uint32 { return (i*a + c) & (lines - 1) }
	address := func(local uint32) []byte {
		return code(LocalGet(local), LocalGet(local), I32Const(int32(half)), i32ShrU, i32Xor, I32Const(odd), i32Mul,
			I32Const(int32(lines-1)), i32And, I32Const(6), i32Shl)
	}
	lay = func(m *Module) {
		m.Func("_initialize", nil, nil, Types(I32, I32), count(0, int32(lines), address(1),
			LocalGet(1), I32Const(a), i32Mul, I32Const(c), i32Add, I32Const(int32(lines-1)), i32And, LocalSet(1), address(1), I32Store(0)))
	}
	for i := range lines {
		if at := scatter(i); at >= spare/line && at < spareEnd/line {
			mend = append(mend, code(I32Const(int32(at*line)), I32Const(int32(scatter(next(i))*line)), I32Store(0))...)
		}
	}
	return lay, mend
}

// start sets x32 to a line of the path, another one in each call.
func start(pages uint32) []byte {
	return code(I32Const(moment), I32Load(0), I32Const(0x2c1b3c6d), i32Mul, I32Const(int32(pages*65536/line-1)), i32And, I32Const(6), i32Shl, LocalSet(x32))
}

// memoryProbes measure a memory of so many pages: loads that wait for one another, and loads
// and stores all over it and at strides.
func memoryProbes(pages uint32) []probe {
	size := int32(pages) * 65536
	name := fmt.Sprintf(", memory of %d pages", pages)
	load := func(how string, address []byte) probe {
		return probe{name: "i32.load " + how + name, of: "i32.load", pages: pages, locals: operandLocals,
			unit:     code(LocalGet(y32), address, I32Load(0), i32Xor, LocalSet(y32)),
			baseline: code(LocalGet(y32), address, i32Xor, LocalSet(y32))}
	}
	store := func(how string, address []byte) probe {
		return probe{name: "i64.store " + how + name, of: "i64.store", pages: pages, locals: operandLocals, unit: code(address, LocalGet(y64), I64Store(0)),
			baseline: code(address, LocalGet(y64), Op(0x1a, 0x1a))}
	}
	random := code(LocalGet(x32), I32Const(1_664_525), i32Mul, I32Const(1_013_904_223), i32Add, LocalTee(x32), I32Const(7), i32ShrU, I32Const(size-8), i32And)
	lay, mend := chase(pages)
	list := []probe{
		{name: "i32.load one after another" + name, of: "i32.load", pages: pages, more: lay, locals: operandLocals,
			setup: code(mend, start(pages)), head: LocalGet(x32), tail: LocalSet(x32), unit: I32Load(0), whole: int(pages) * 65536 / line},
		load("anywhere", random), store("anywhere", random),
	}
	for _, n := range []int32{64, 4096} {
		stride := code(LocalGet(x32), I32Const(n), i32Add, LocalTee(x32), I32Const(size-8), i32And)
		list = append(list, load(fmt.Sprintf("every %d bytes", n), stride), store(fmt.Sprintf("every %d bytes", n), stride))
	}
	return list
}
