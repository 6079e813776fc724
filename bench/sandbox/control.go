package sandbox

import (
	"bytes"
	"fmt"

	"quoin.dev/quoin/plugin"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// chance leaves a number on the stack that no predictor guesses, from 0 to below a power of
// two, by a linear congruential generator.
func chance(log2 int32) []byte {
	return code(next(x64), LocalGet(x64), I64Const(int64(64-log2)), i64ShrU, i64Wrap)
}

// controlProbes measure what is neither arithmetic nor memory.
func controlProbes() []probe {
	drop := Op(0x1a)
	bump := code(LocalGet(y32), I32Const(1), i32Add, LocalSet(y32))
	// branches of a table of 16, each to a place of its own
	arms := Op(0x0e, 16)
	for i := range 17 {
		arms = append(arms, byte(i))
	}
	table := code(chance(4), arms)
	for range 17 {
		table = code(Block(0x40, table), bump)
	}
	list := []probe{
		{name: "if, unpredictable", of: "if", unit: code(chance(1), If(0x40, bump)), baseline: code(chance(1), drop, bump), fuel: units("if")},
		{name: "br_if, unpredictable", of: "br_if", unit: Block(0x40, chance(1), BrIf(0), bump), baseline: Block(0x40, chance(1), drop, bump), fuel: units("br_if")},
		{name: "br", of: "br", unit: Block(0x40, bump, Br(0)), baseline: Block(0x40, bump)},
		{name: "br_table, unpredictable", of: "br_table", unit: table, baseline: code(chance(4), drop, bytes.Repeat(bump, 9)), copies: 16, fuel: units("br_table")},
		{name: "loop", of: "loop", unit: code(I32Const(2), LocalSet(x32), Loop(0x40, LocalGet(x32), I32Const(1), i32Sub, LocalTee(x32), BrIf(0)))},
		{name: "loop of 1,000", of: "loop", unit: code(I32Const(1000), LocalSet(x32), Loop(0x40, LocalGet(x32), I32Const(1), i32Sub, LocalTee(x32), BrIf(0))), copies: 4},
		{name: "select", of: "select", unit: code(LocalGet(y32), I32Const(7), I32Const(9), chance(1), Op(0x1b), i32Xor, LocalSet(y32)),
			baseline: code(LocalGet(y32), I32Const(7), I32Const(9), chance(1), drop, drop, i32Xor, LocalSet(y32))},
		{name: "select of f64", of: "select", unit: code(LocalGet(xf64), LocalGet(yf64), chance(1), Op(0x1b), LocalSet(xf64)),
			baseline: code(LocalGet(xf64), LocalGet(yf64), chance(1), drop, drop, LocalSet(xf64))},
		{name: "local.get, local.set", of: "local.get, local.set", unit: code(LocalGet(x64), LocalGet(y64), LocalSet(x64), LocalSet(y64))},
		{name: "local.tee", of: "local.tee", unit: code(LocalGet(x64), LocalTee(y64), drop)},
		{name: "i32.const", of: "i32.const", unit: code(LocalGet(y32), I32Const(1_234_567), i32Xor, LocalSet(y32)), baseline: code(LocalGet(y32), LocalGet(x32), i32Xor, LocalSet(y32)), fuel: units("i32.const")},
		{name: "i64.const", of: "i64.const", unit: code(LocalGet(y64), I64Const(1<<60+12345), Op(0x85), LocalSet(y64)), baseline: code(LocalGet(y64), LocalGet(x64), Op(0x85), LocalSet(y64)), fuel: units("i64.const")},
		{name: "f32.const", of: "f32.const", unit: code(LocalGet(xf32), F32Bits(0x3f800001), Op(0x92), LocalSet(xf32)), baseline: code(LocalGet(xf32), LocalGet(yf32), Op(0x92), LocalSet(xf32)), fuel: units("f32.const")},
		{name: "f64.const", of: "f64.const", unit: code(LocalGet(xf64), F64Const(1.5), f64Add, LocalSet(xf64)), baseline: code(LocalGet(xf64), LocalGet(yf64), f64Add, LocalSet(xf64)), fuel: units("f64.const")},
		{name: "memory.size", of: "memory.size", unit: code(LocalGet(y32), Op(0x3f, 0), i32Xor, LocalSet(y32)), baseline: code(LocalGet(y32), LocalGet(x32), i32Xor, LocalSet(y32)), fuel: units("memory.size")},
		{name: "global.set", of: "global.set", more: oneGlobal, unit: code(LocalGet(y64), GlobalSet(0)), baseline: code(LocalGet(y64), drop)},
		{name: "global.get, global.set", of: "global.get", more: oneGlobal, unit: code(GlobalGet(0), I64Const(1), i64Add, GlobalSet(0)), baseline: code(I64Const(1), drop)},
		{name: "nop, block, drop", of: "local.get", unit: Block(0x40, Op(0x01), LocalGet(y64), drop)},
	}
	for i := range list {
		list[i].locals, list[i].setup = operandLocals, usual.setup()
	}
	return append(list, callProbes()...)
}

// units is what a line of the schedule says.
func units(name string) int {
	for _, c := range plugin.Schedule() {
		if c.Name == name {
			return c.Units
		}
	}
	return 0
}

func oneGlobal(m *Module) { m.Global(I64, true, I64Const(0)) }

// firstFunction is the number of the first function that more adds: after two imports and the
// marker.
const firstFunction = 3

func callProbes() []probe {
	nothing := func(m *Module) { m.Func("", nil, nil, nil) }
	wide := bytes.Repeat(Types(I64), 32)
	list := []probe{
		{name: "call", of: "call", more: nothing, unit: Call(firstFunction)},
		{name: "return", of: "return", more: func(m *Module) { m.Func("", nil, nil, nil, Op(0x0f)) }, unit: Call(firstFunction)},
		{name: "call, 4,000 functions", of: "call", more: func(m *Module) {
			for i := range 4000 {
				m.Func("", Types(I64), Types(I64), nil, LocalGet(0), I64Const(int64(i)), i64Add)
			}
		}, unit: code(LocalGet(y64), calls(4000), LocalSet(y64)), copies: 1},
		{name: "call, 32 parameters", of: "call", more: func(m *Module) { m.Func("", wide, nil, nil) },
			unit: code(bytes.Repeat(LocalGet(x64), 32), Call(firstFunction))},
		{name: "call, 200 locals", of: "call", more: func(m *Module) {
			var body []byte
			for i := range uint32(200) {
				body = append(body, code(LocalGet(i), I64Const(int64(i)), i64Add, LocalSet((i+1)%200))...)
			}
			m.Func("", nil, nil, bytes.Repeat(Types(I64), 200), body)
		}, unit: Call(firstFunction), copies: 8},
		{name: "recursion of 1,000", of: "call", more: func(m *Module) {
			m.Func("", Types(I32), Types(I32), nil, LocalGet(0), i32Eqz, If(0x40, I32Const(1), Op(0x0f)),
				LocalGet(0), I32Const(1), i32Sub, Call(firstFunction), LocalGet(0), i32Add)
		}, unit: code(I32Const(1000), Call(firstFunction), Op(0x1a)), copies: 1},
	}
	for _, n := range []int32{1, 64, 4096, 16_000} {
		log2 := int32(0)
		for 1<<(log2+1) <= n {
			log2++
		}
		list = append(list, probe{name: fmt.Sprintf("call_indirect, %d functions", n), of: "call_indirect", more: func(m *Module) {
			m.Table(uint32(n), -1)
			var functions []uint32
			for i := range n {
				functions = append(functions, m.Func("", Types(I64), Types(I64), nil, LocalGet(0), I64Const(int64(i)), i64Add))
			}
			m.Element(0, functions...)
		}, unit: code(LocalGet(y64), chanceOrZero(log2), Op(0x11), U32(typeOfSum), Op(0), LocalSet(y64)),
			baseline: code(LocalGet(y64), chanceOrZero(log2), Op(0x1a), LocalSet(y64))})
	}
	for i := range list {
		list[i].locals, list[i].setup = operandLocals, usual.setup()
	}
	return list
}

// calls calls so many functions one after another.
func calls(n uint32) (c []byte) {
	for i := range n {
		c = append(c, Call(firstFunction+i)...)
	}
	return c
}

// typeOfSum is the number of the type i64 to i64: those of the imports and the marker come first.
const typeOfSum = 3

func chanceOrZero(log2 int32) []byte {
	if log2 == 0 {
		return code(chance(1), I32Const(0), i32And)
	}
	return chance(log2)
}

// bulkProbes measure memory.copy, memory.fill and memory.grow by size.
func bulkProbes() []probe {
	var list []probe
	for _, c := range []struct {
		pages  uint32
		bytes  int32
		copies int
	}{{1, 0, 16}, {1, 8, 16}, {1, 64, 16}, {1, 4096, 4}, {16, 100_000, 1}, {64, 1_500_000, 1}, {256, 8_000_000, 1}} {
		places := code(I32Const(spareEnd+c.bytes), I32Const(spareEnd), I32Const(c.bytes))
		name := fmt.Sprintf(", %d bytes of %d pages", c.bytes, c.pages)
		list = append(list,
			probe{name: "memory.copy" + name, of: "memory.copy", pages: c.pages, unit: code(places, Op(0xfc, 10, 0, 0)), baseline: code(places, Op(0x1a, 0x1a, 0x1a)), copies: c.copies},
			probe{name: "memory.fill" + name, of: "memory.fill", pages: c.pages, unit: code(places, Op(0xfc, 11, 0)), baseline: code(places, Op(0x1a, 0x1a, 0x1a)), copies: c.copies})
	}
	for _, pages := range []uint32{16, 64, 256} {
		unit := code(I32Const(int32(pages/2)), Op(0x40, 0), Op(0x1a))
		list = append(list,
			probe{name: fmt.Sprintf("memory.grow by %d pages", pages/2), of: "memory.grow", pages: pages, least: 1, unit: unit, copies: 1, times: 1},
			probe{name: fmt.Sprintf("memory.grow by %d pages, written", pages/2), of: "memory.grow", pages: pages, least: 1, copies: 1, times: 1,
				unit: code(unit, I32Const(65536), I32Const(1), I32Const(int32(pages/2)*65536-1), Op(0xfc, 11, 0))})
	}
	return list
}
