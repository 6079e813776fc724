package sandbox

import (
	"math"
	"slices"

	. "quoin.dev/quoin/plugin/wasmtest"
)

// Kernels are small CPU-bound programs, written by hand so that measuring them needs no
// toolchain. Each is a machine whose apply works for about a millisecond and answers with a
// checksum of 8 bytes.
type kernel struct {
	name  string
	build func(m *Module) // adds machine.v1.apply; memory of 4 pages
}

func kernels() []kernel {
	return []kernel{
		{"sha256", sha256Kernel}, {"matrix", matrixKernel}, {"mandelbrot", mandelbrotKernel}, {"sieve", sieveKernel}, {"sort", sortKernel},
		{"queens", queensKernel}, {"crc32", crcKernel}, {"scanner", scannerKernel}, {"copy", copyKernel},
	}
}

// module returns the kernel's module.
func (k *kernel) module() []byte {
	m := Guest(4, Output)
	k.build(m)
	m.Func("machine.v1.query", nil, Types(I32), nil, I32Const(0))
	return m.Bytes()
}

// Instructions that the kernels use by name.
var (
	i32Eqz, i32Eq, i32LtU                    = Op(0x45), Op(0x46), Op(0x49)
	i32Add, i32Sub, i32Mul                   = Op(0x6a), Op(0x6b), Op(0x6c)
	i32And, i32Or, i32Xor, i32Shl, i32ShrU   = Op(0x71), Op(0x72), Op(0x73), Op(0x74), Op(0x76)
	i32Rotr                                  = Op(0x78)
	i64Add, i64Mul, i64ShrU                  = Op(0x7c), Op(0x7e), Op(0x88)
	f64Add, f64Sub, f64Mul, f64Le            = Op(0xa0), Op(0xa1), Op(0xa2), Op(0x65)
	i64Wrap, i64ExtendU, f64FromI32, f64Bits = []byte{0xa7}, Op(0xad), Op(0xb8), Op(0xbd)
	f64Store                                 = Op(0x39, 3, 0)
)

// code joins pieces of code.
func code(parts ...[]byte) []byte { return slices.Concat(parts...) }

// count runs the body with local i from 0 to n-1.
func count(i uint32, n int32, body ...[]byte) []byte {
	return code(I32Const(0), LocalSet(i), Loop(0x40, code(body...), LocalGet(i), I32Const(1), i32Add, LocalTee(i), I32Const(n), i32LtU, BrIf(0)))
}

// scaled pushes base + local << shift.
func scaled(base int32, local uint32, shift int32) []byte {
	return code(LocalGet(local), I32Const(shift), i32Shl, I32Const(base), i32Add)
}

// answer writes the i64 on the stack, by way of a local, as the output of code 0.
func answer(local uint32) []byte {
	return code(LocalSet(local), I32Const(16), LocalGet(local), I64Store(4), I32Const(16), I32Const(0), I32Store(0),
		I32Const(16), I32Const(12), Call(0), I32Const(0))
}

// next replaces the i64 of a local by the next one of a linear congruential generator.
func next(local uint32) []byte {
	return code(LocalGet(local), I64Const(6364136223846793005), i64Mul, I64Const(1442695040888963407), i64Add, LocalSet(local))
}

func apply(m *Module, locals []byte, body ...[]byte) {
	m.Func("machine.v1.apply", nil, Types(I32), locals, body...)
}

// sha256Kernel compresses 200 blocks; the constants are the fractional parts of cube roots.
func sha256Kernel(m *Module) {
	var k []byte
	prime := func(n int) bool {
		for d := 2; d*d <= n; d++ {
			if n%d == 0 {
				return false
			}
		}
		return true
	}
	for p := 2; len(k) < 256; p++ {
		if prime(p) {
			_, f := math.Modf(math.Cbrt(float64(p)))
			v := uint32(f * (1 << 32))
			k = append(k, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
		}
	}
	m.Data(1024, k)
	const i, block, t1, a, w = 0, 1, 2, 3, 11 // a to h are 3 to 10; w is an address
	rotated := func(x uint32, by ...int32) []byte {
		c := code(LocalGet(x), I32Const(by[0]), i32Rotr, LocalGet(x), I32Const(by[1]), i32Rotr, i32Xor)
		return code(c, LocalGet(x), I32Const(by[2]), i32Rotr, i32Xor)
	}
	sigma := func(offset uint32, x, y, shift int32) []byte {
		return code(LocalGet(w), I32Load(offset), LocalSet(t1), LocalGet(t1), I32Const(x), i32Rotr, LocalGet(t1), I32Const(y), i32Rotr, i32Xor,
			LocalGet(t1), I32Const(shift), i32ShrU, i32Xor)
	}
	schedule := count(i, 48, scaled(2048, i, 2), LocalTee(w),
		LocalGet(w), I32Load(0), sigma(4, 7, 18, 3), i32Add, LocalGet(w), I32Load(36), i32Add, sigma(56, 17, 19, 10), i32Add, I32Store(64))
	round := count(i, 64,
		LocalGet(a+7), rotated(a+4, 6, 11, 25), i32Add,
		LocalGet(a+4), LocalGet(a+5), i32And, LocalGet(a+4), I32Const(-1), i32Xor, LocalGet(a+6), i32And, i32Xor, i32Add,
		scaled(1024, i, 2), I32Load(0), i32Add, scaled(2048, i, 2), I32Load(0), i32Add, LocalSet(t1),
		LocalGet(a+6), LocalSet(a+7), LocalGet(a+5), LocalSet(a+6), LocalGet(a+4), LocalSet(a+5),
		LocalGet(a+3), LocalGet(t1), i32Add, LocalSet(a+4),
		LocalGet(t1), rotated(a, 2, 13, 22), i32Add,
		LocalGet(a), LocalGet(a+1), i32And, LocalGet(a), LocalGet(a+2), i32And, i32Xor, LocalGet(a+1), LocalGet(a+2), i32And, i32Xor, i32Add, LocalSet(t1),
		LocalGet(a+2), LocalSet(a+3), LocalGet(a+1), LocalSet(a+2), LocalGet(a), LocalSet(a+1), LocalGet(t1), LocalSet(a))
	var load, add []byte
	for n := uint32(0); n < 8; n++ {
		load = append(load, code(I32Const(512), I32Load(4*n), LocalSet(a+n))...)
		add = append(add, code(I32Const(512), I32Const(512), I32Load(4*n), LocalGet(a+n), i32Add, I32Store(4*n))...)
	}
	apply(m, Types(I32, I32, I32, I32, I32, I32, I32, I32, I32, I32, I32, I32, I64),
		I32Const(512), I32Const(0), I32Const(32), Op(0xfc, 11, 0),
		count(block, 200, I32Const(2048), LocalGet(block), I32Store(0), schedule, load, round, add),
		I32Const(512), I64Load(0), answer(12))
}

// matrixKernel multiplies two matrices of 44 × 44.
func matrixKernel(m *Module) {
	const n, a, b, c = 44, 4096, 40_000, 80_000
	const i, j, k, sum = 0, 1, 2, 3
	apply(m, Types(I32, I32, I32, F64, I64),
		count(i, n*n, scaled(a, i, 3), LocalGet(i), f64FromI32, f64Store, scaled(b, i, 3), LocalGet(i), I32Const(7), i32Mul, f64FromI32, f64Store),
		count(i, n, count(j, n, F64Const(0), LocalSet(sum),
			count(k, n,
				LocalGet(sum),
				LocalGet(i), I32Const(n), i32Mul, LocalGet(k), i32Add, I32Const(3), i32Shl, Op(0x2b, 3), U32(a),
				LocalGet(k), I32Const(n), i32Mul, LocalGet(j), i32Add, I32Const(3), i32Shl, Op(0x2b, 3), U32(b),
				f64Mul, f64Add, LocalSet(sum)),
			LocalGet(i), I32Const(n), i32Mul, LocalGet(j), i32Add, I32Const(3), i32Shl, LocalGet(sum), Op(0x39, 3), U32(c))),
		I32Const(c), I64Load(8*(n*n-1)), answer(4))
}

// mandelbrotKernel iterates 40 × 40 points at most 40 times each.
func mandelbrotKernel(m *Module) {
	const i, j, n, total = 0, 1, 2, 3
	const x, y, cx, cy, xx, yy = 4, 5, 6, 7, 8, 9
	coordinate := func(local uint32, from float64) []byte {
		return code(LocalGet(local), f64FromI32, F64Const(0.05), f64Mul, F64Const(from), f64Add)
	}
	apply(m, Types(I32, I32, I32, I32, F64, F64, F64, F64, F64, F64, I64),
		count(i, 40, count(j, 40,
			coordinate(i, -1.5), LocalTee(cx), LocalSet(x), coordinate(j, -1), LocalTee(cy), LocalSet(y), I32Const(0), LocalSet(n),
			Loop(0x40,
				LocalGet(x), LocalGet(x), f64Mul, LocalSet(xx), LocalGet(y), LocalGet(y), f64Mul, LocalSet(yy),
				LocalGet(x), LocalGet(y), f64Mul, F64Const(2), f64Mul, LocalGet(cy), f64Add, LocalSet(y),
				LocalGet(xx), LocalGet(yy), f64Sub, LocalGet(cx), f64Add, LocalSet(x),
				LocalGet(n), I32Const(1), i32Add, LocalTee(n), I32Const(40), i32LtU,
				LocalGet(xx), LocalGet(yy), f64Add, F64Const(4), f64Le, i32And, BrIf(0)),
			LocalGet(total), LocalGet(n), i32Add, LocalSet(total))),
		LocalGet(total), i64ExtendU, answer(10))
}

// sieveKernel finds the primes below 100,000.
func sieveKernel(m *Module) {
	const n, base = 100_000, 65536
	const i, j, found = 0, 1, 2
	apply(m, Types(I32, I32, I32, I64),
		I32Const(base), I32Const(0), I32Const(n), Op(0xfc, 11, 0), I32Const(2), LocalSet(i),
		Loop(0x40,
			LocalGet(i), Op(0x2d, 0), U32(base), i32Eqz, If(0x40,
				LocalGet(found), I32Const(1), i32Add, LocalSet(found),
				LocalGet(i), I32Const(317), i32LtU, If(0x40,
					LocalGet(i), LocalGet(i), i32Mul, LocalSet(j),
					Loop(0x40, LocalGet(j), I32Const(1), Op(0x3a, 0), U32(base),
						LocalGet(j), LocalGet(i), i32Add, LocalTee(j), I32Const(n), i32LtU, BrIf(0)))),
			LocalGet(i), I32Const(1), i32Add, LocalTee(i), I32Const(n), i32LtU, BrIf(0)),
		LocalGet(found), i64ExtendU, answer(3))
}

// sortKernel sorts 4,000 numbers by Shell's method.
func sortKernel(m *Module) {
	const n, base = 4_000, 4096
	const i, j, gap, v, r = 0, 1, 2, 3, 4
	at := func(x []byte) []byte { return code(x, I32Const(2), i32Shl) }
	load, store := code(Op(0x28, 2), U32(base)), code(Op(0x36, 2), U32(base))
	apply(m, Types(I32, I32, I32, I32, I64),
		count(i, n, next(r), at(LocalGet(i)), LocalGet(r), I64Const(33), i64ShrU, i64Wrap, store),
		I32Const(n/2), LocalSet(gap),
		Loop(0x40,
			LocalGet(gap), LocalSet(i),
			Loop(0x40,
				at(LocalGet(i)), load, LocalSet(v), LocalGet(i), LocalSet(j),
				Block(0x40, Loop(0x40,
					LocalGet(j), LocalGet(gap), i32LtU, BrIf(1),
					at(code(LocalGet(j), LocalGet(gap), i32Sub)), load, LocalGet(v), Op(0x4d), BrIf(1), // i32.le_u
					at(LocalGet(j)), at(code(LocalGet(j), LocalGet(gap), i32Sub)), load, store,
					LocalGet(j), LocalGet(gap), i32Sub, LocalSet(j), Br(0))),
				at(LocalGet(j)), LocalGet(v), store,
				LocalGet(i), I32Const(1), i32Add, LocalTee(i), I32Const(n), i32LtU, BrIf(0)),
			LocalGet(gap), I32Const(1), i32ShrU, LocalTee(gap), BrIf(0)),
		I32Const(base), I64Load(n*2), answer(4))
}

// queensKernel counts the ways to place eight queens, by recursion.
func queensKernel(m *Module) {
	// place(columns, left, right) -> ways
	const columns, left, right, free, bit, ways = 0, 1, 2, 3, 4, 5
	self := uint32(2) // after output and the marker
	place := m.Func("", Types(I32, I32, I32), Types(I32), Types(I32, I32, I32),
		LocalGet(columns), I32Const(255), i32Eq, If(0x40, I32Const(1), Op(0x0f)),
		LocalGet(columns), LocalGet(left), i32Or, LocalGet(right), i32Or, I32Const(-1), i32Xor, I32Const(255), i32And, LocalSet(free),
		Block(0x40, Loop(0x40,
			LocalGet(free), i32Eqz, BrIf(1),
			LocalGet(free), I32Const(0), LocalGet(free), i32Sub, i32And, LocalTee(bit), LocalGet(free), i32Xor, LocalSet(free),
			LocalGet(ways),
			LocalGet(columns), LocalGet(bit), i32Or, LocalGet(left), LocalGet(bit), i32Or, I32Const(1), i32Shl, LocalGet(right), LocalGet(bit), i32Or, I32Const(1), i32ShrU,
			Call(self), i32Add, LocalSet(ways), Br(0))),
		LocalGet(ways))
	apply(m, Types(I32, I64), count(0, 20, LocalGet(1), I32Const(0), I32Const(0), I32Const(0), Call(place), i64ExtendU, i64Add, LocalSet(1)),
		LocalGet(1), answer(1))
}

// crcKernel makes the table of CRC-32 and sums 200,000 bytes.
func crcKernel(m *Module) {
	const i, j, c = 0, 1, 2
	apply(m, Types(I32, I32, I32, I64),
		count(i, 256, LocalGet(i), LocalSet(c),
			count(j, 8, LocalGet(c), I32Const(1), i32ShrU, I32Const(0), LocalGet(c), I32Const(1), i32And, i32Sub, I32Const(-306674912), i32And, i32Xor, LocalSet(c)),
			scaled(4096, i, 2), LocalGet(c), I32Store(0)),
		I32Const(-1), LocalSet(c),
		count(i, 200_000,
			LocalGet(c), LocalGet(i), Op(0x2d, 0), U32(8192), i32Xor, I32Const(255), i32And, I32Const(2), i32Shl, Op(0x28, 2), U32(4096),
			LocalGet(c), I32Const(8), i32ShrU, i32Xor, LocalSet(c)),
		LocalGet(c), i64ExtendU, answer(3))
}

// scannerKernel counts the tokens of a text of JSON, byte by byte, through a br_table.
func scannerKernel(m *Module) {
	text := []byte(`{"name":"quoin","list":[1,22,333,{"deep":true}],"empty":"","text":"a \"quoted\" word, and some more of it"}`)
	var class [128]byte // 0: other, 1: quote, 2: backslash, 3: bracket, 4: comma or colon
	for _, c := range []struct {
		set  string
		what byte
	}{{`"`, 1}, {`\`, 2}, {`{}[]`, 3}, {`,:`, 4}} {
		for i := range c.set {
			class[c.set[i]] = c.what
		}
	}
	m.Data(4096, class[:])
	m.Data(8192, text)
	const i, turn, inside, depth, tokens = 0, 1, 2, 3, 4
	table := Op(0x0e, 5, 0, 1, 2, 3, 4, 0)
	add := func(local uint32, n int32) []byte { return code(LocalGet(local), I32Const(n), i32Add, LocalSet(local)) }
	apply(m, Types(I32, I32, I32, I32, I32, I64),
		count(turn, 1_500, count(i, int32(len(text)),
			Block(0x40, Block(0x40, Block(0x40, Block(0x40, Block(0x40,
				LocalGet(i), Op(0x2d, 0), U32(8192), Op(0x2d, 0), U32(4096), table), // other
				Br(3)),
				LocalGet(inside), I32Const(1), i32Xor, LocalSet(inside), add(tokens, 1), Br(2)),
				add(i, 1), Br(1)),
				LocalGet(inside), BrIf(0), add(depth, 1)),
			LocalGet(inside), I32Const(1), i32Xor, LocalGet(tokens), i32Add, LocalSet(tokens))),
		LocalGet(tokens), LocalGet(depth), i32Add, i64ExtendU, answer(5))
}

// copyKernel copies 32 KiB word by word and with memory.copy, and fills them.
func copyKernel(m *Module) {
	const i, turn = 0, 1
	apply(m, Types(I32, I32, I64),
		count(turn, 40,
			I32Const(65536), LocalGet(turn), I32Const(32768), Op(0xfc, 11, 0),
			count(i, 4096, scaled(131072, i, 3), scaled(65536, i, 3), I64Load(0), I64Store(0)),
			I32Const(65536), I32Const(131072), I32Const(32768), Op(0xfc, 10, 0, 0)),
		I32Const(65536), I64Load(800), answer(2))
}
