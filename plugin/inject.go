package plugin

// The instrumented form of a function is
//
//	block $out
//	  fuel := global fuel
//	  global stack -= frame; if it is negative, branch to $out     (functions that call)
//	  block $body (results)
//	    the original instructions, each stretch of straight code after
//	      fuel -= its cost                                          and at the entry and at loops
//	      if fuel < 0, branch to $out
//	  end
//	  global stack += frame
//	  global fuel := fuel
//	  return
//	end
//	global fuel := fuel
//	unreachable
//
// where fuel is a local. It is stored to the global before every call and read again after it.
// Calls of host functions are followed by a check, so that a host function stops the guest
// by making the fuel negative. Labels keep their numbers, since the new blocks lie outside;
// return becomes a branch to $body.
//
// Beside the fuel, every store notes the 64-KiB page it writes to as a bit (modulo 64) of
// another local, which is added to the global dirty when the function returns, so that the
// host restores only what a call has touched. A call that does not return is restored whole.
type injector struct {
	m           *module
	extra       []functionType // types for bodies with several results
	fuelGlobal  uint32
	stackGlobal uint32
	dirtyGlobal uint32

	out     []byte // finished code of this function
	stretch []byte // the current stretch of straight code
	units   int    // its cost
	check   bool   // it starts at the entry or a loop
	depth   int    // blocks open at its start
	stores  bool   // the function writes to the memory

	// Locals, in the order of injectedGroups.
	fuel, dirty, long     uint32 // i64
	short, short2, short3 uint32 // i32
	single                uint32 // f32
	double                uint32 // f64
}

const injectedLocals = 8

// injectedGroups declares the new locals.
var injectedGroups = []byte{3, byte(typeI64), 3, byte(typeI32), 1, byte(typeF32), 1, byte(typeF64)}

func (j *injector) begin(m *module, locals int) {
	j.m, j.out, j.stretch = m, j.out[:0], j.stretch[:0]
	n := uint32(locals)
	j.fuel, j.dirty, j.long, j.short, j.short2, j.short3, j.single, j.double = n, n+1, n+2, n+3, n+4, n+5, n+6, n+7
	j.units, j.check, j.depth, j.stores = costEntry+locals/4, true, 0, false
}

// cost adds to the price of the current stretch; code that never runs is free.
func (j *injector) cost(units int, dead bool) {
	if !dead {
		j.units += units
	}
}

func (j *injector) copy(b []byte) { j.stretch = append(j.stretch, b...) }

func (j *injector) op(b ...byte) { j.stretch = append(j.stretch, b...) }

func (j *injector) index(op byte, i uint32) { j.stretch = appendU32(append(j.stretch, op), i) }

func (j *injector) const32(v int32) { j.stretch = appendS64(append(j.stretch, opI32Const), int64(v)) }

func (j *injector) const64(v int64) { j.stretch = appendS64(append(j.stretch, opI64Const), v) }

// branch writes a branch out of all blocks of the original function.
func (j *injector) branch(depth int) { j.index(opBr, uint32(depth)) }

// flush writes the current stretch behind its charge and begins the next one, which has
// depth blocks open at its start and is checked if it is a loop's.
func (j *injector) flush(depth int, check bool) {
	if j.units > 0 || j.check {
		o := appendU32(append(j.out, opLocalGet), j.fuel)
		o = appendS64(append(o, opI64Const), int64(j.units))
		o = append(o, opI64Sub)
		if j.check {
			o = appendU32(append(o, opLocalTee), j.fuel)
			o = append(o, opI64Const, 0, opI64LtS)
			o = appendU32(append(o, opBrIf), uint32(j.depth)+1)
		} else {
			o = appendU32(append(o, opLocalSet), j.fuel)
		}
		j.out = o
	}
	j.out = append(j.out, j.stretch...)
	j.stretch, j.units, j.check, j.depth = j.stretch[:0], 0, check, depth
}

// spill stores the fuel for a callee.
func (j *injector) spill() {
	j.index(opLocalGet, j.fuel)
	j.index(opGlobalSet, j.fuelGlobal)
}

// reload reads the fuel that a callee left; a host function may have ended the call.
func (j *injector) reload(check bool, depth int) {
	j.index(opGlobalGet, j.fuelGlobal)
	if !check {
		j.index(opLocalSet, j.fuel)
		return
	}
	j.index(opLocalTee, j.fuel)
	j.leaveIfNegative(depth)
}

// leaveIfNegative branches to $out when the i64 on the stack is below zero.
func (j *injector) leaveIfNegative(depth int) {
	j.const64(0)
	j.op(opI64LtS)
	j.index(opBrIf, uint32(depth)+1)
}

// chargeBySize takes each·(n >> shift) units for the i32 n on the stack and leaves n there.
func (j *injector) chargeBySize(each int64, shift int64, depth int) {
	j.index(opLocalSet, j.short)
	j.index(opLocalGet, j.fuel)
	j.index(opLocalGet, j.short)
	j.op(opI64ExtendU)
	if shift > 0 {
		j.const64(shift)
		j.op(opI64ShrU)
	}
	if each > 1 {
		j.const64(each)
		j.op(opI64Mul)
	}
	j.op(opI64Sub)
	j.index(opLocalTee, j.fuel)
	j.leaveIfNegative(depth)
	j.index(opLocalGet, j.short)
}

// beforeStore notes the page to which the store of a value of the type, at the top of the
// stack, will write. A store that begins in one page may end in the next: restore knows.
func (j *injector) beforeStore(t valueType, offset uint32) {
	j.stores = true
	value := map[valueType]uint32{typeI32: j.short, typeI64: j.long, typeF32: j.single, typeF64: j.double}[t]
	j.index(opLocalSet, value)
	j.index(opLocalTee, j.short2)
	j.note(func() {
		j.index(opLocalGet, j.short2)
		if offset != 0 {
			j.const32(int32(offset))
			j.op(opI32Add)
		}
	})
	j.index(opLocalGet, value)
}

// beforeBulk notes the pages of memory.copy and memory.fill: the first, the last, and all if
// there may be others between.
func (j *injector) beforeBulk() {
	j.stores = true
	j.index(opLocalSet, j.short)  // bytes
	j.index(opLocalSet, j.short3) // source or value
	j.index(opLocalTee, j.short2) // destination
	j.note(func() { j.index(opLocalGet, j.short2) })
	j.note(func() {
		j.index(opLocalGet, j.short2)
		j.index(opLocalGet, j.short)
		j.op(opI32Add)
	})
	j.index(opLocalGet, j.dirty)
	j.const64(-1)
	j.const64(0)
	j.index(opLocalGet, j.short)
	j.const32(pageShift)
	j.op(opI32ShrU, opSelect, opI64Or)
	j.index(opLocalSet, j.dirty)
	j.index(opLocalGet, j.short3)
	j.index(opLocalGet, j.short)
}

// note sets the bit of the page of an address.
func (j *injector) note(address func()) {
	j.index(opLocalGet, j.dirty)
	j.const64(1)
	address()
	j.const32(pageShift)
	j.op(opI32ShrU, opI64ExtendU, opI64Shl, opI64Or)
	j.index(opLocalSet, j.dirty)
}

// canonicalNaN replaces a NaN on the stack by the one with only the quiet bit set. It works
// on the bits, because wazero's select on floating-point values is not reliable.
func (j *injector) canonicalNaN(q quirk) {
	if q == makesNaN32 {
		j.op(opI32FromF32)
		j.index(opLocalTee, j.short)
		j.const32(0x7fc00000)
		j.index(opLocalGet, j.short)
		j.const32(0x7fffffff)
		j.op(opI32And)
		j.const32(0x7f800000)
		j.op(opI32LeU, opSelect, opF32FromI32)
		return
	}
	j.op(opI64FromF64)
	j.index(opLocalTee, j.long)
	j.const64(0x7ff8000000000000)
	j.index(opLocalGet, j.long)
	j.const64(0x7fffffffffffffff)
	j.op(opI64And)
	j.const64(0x7ff0000000000000)
	j.op(opI64LeU, opSelect, opF64FromI64)
}

// barrier goes before every ordered integer compare whose right operand may be an and:
// wazero 1.12 compiles 0 < (a & b), and the like, on amd64 as if the operands were swapped.
// Adding 0 hides the and from it. A constant, a load or a sum on the right needs none.
func (j *injector) barrier(q quirk, last byte) {
	switch {
	case last == opI32Const, last == opI64Const, last >= 0x28 && last <= 0x35,
		last == opI32Add, last == opI32Sub, last == opI64Add, last == opI64Sub:
	case q == ordered32:
		j.const32(0)
		j.op(opI32Add)
	default:
		j.const64(0)
		j.op(opI64Add)
	}
}

// selectFloat is select on the bits: wazero 1.12 on amd64 may give the contents of a stale
// register for floating-point operands.
func (j *injector) selectFloat(t valueType) {
	j.index(opLocalSet, j.short)
	if t == typeF32 {
		j.op(opI32FromF32)
		j.index(opLocalSet, j.short2)
		j.op(opI32FromF32)
		j.index(opLocalGet, j.short2)
		j.index(opLocalGet, j.short)
		j.op(opSelect, opF32FromI32)
		return
	}
	j.op(opI64FromF64)
	j.index(opLocalSet, j.long)
	j.op(opI64FromF64)
	j.index(opLocalGet, j.long)
	j.index(opLocalGet, j.short)
	j.op(opSelect, opF64FromI64)
}

// copysign combines the bits: wazero 1.12 on amd64 may lose the sign.
func (j *injector) copysign(q quirk) {
	if q == signFromF32 {
		j.op(opI32FromF32)
		j.index(opLocalSet, j.short)
		j.op(opI32FromF32)
		j.const32(0x7fffffff)
		j.op(opI32And)
		j.index(opLocalGet, j.short)
		j.const32(-0x80000000)
		j.op(opI32And, opI32Or, opF32FromI32)
		return
	}
	j.op(opI64FromF64)
	j.index(opLocalSet, j.long)
	j.op(opI64FromF64)
	j.const64(0x7fffffffffffffff)
	j.op(opI64And)
	j.index(opLocalGet, j.long)
	j.const64(-0x8000000000000000)
	j.op(opI64And, opI64Or, opF64FromI64)
}

// finish appends the function's body, with its length, to the code section.
func (j *injector) finish(section []byte, groups uint32, locals []byte, results []valueType, frame int, calls bool) []byte {
	b := appendU32(j.stretch[:0], groups+uint32(len(injectedGroups)/2))
	b = append(b, locals...)
	b = append(b, injectedGroups...)
	b = append(b, opBlock, 0x40)
	b = appendU32(append(b, opGlobalGet), j.fuelGlobal)
	b = appendU32(append(b, opLocalSet), j.fuel)
	frame = max(frame, frameLeast)
	if calls {
		b = appendU32(append(b, opGlobalGet), j.stackGlobal)
		b = appendS64(append(b, opI32Const), int64(frame))
		b = appendU32(append(b, opI32Sub, opLocalTee), j.short)
		b = appendU32(append(b, opGlobalSet), j.stackGlobal)
		b = appendU32(append(b, opLocalGet), j.short)
		b = append(b, opI32Const, 0, opI32LtS, opBrIf, 0)
	}
	b = append(b, opBlock)
	b = append(b, j.bodyType(results)...)
	b = append(b, j.out...)
	b = append(b, opEnd)
	if calls {
		b = appendU32(append(b, opGlobalGet), j.stackGlobal)
		b = appendS64(append(b, opI32Const), int64(frame))
		b = appendU32(append(b, opI32Add, opGlobalSet), j.stackGlobal)
	}
	if j.stores {
		b = appendU32(append(b, opGlobalGet), j.dirtyGlobal)
		b = appendU32(append(b, opLocalGet), j.dirty)
		b = appendU32(append(b, opI64Or, opGlobalSet), j.dirtyGlobal)
	}
	b = appendU32(append(b, opLocalGet), j.fuel)
	b = appendU32(append(b, opGlobalSet), j.fuelGlobal)
	b = append(b, opReturn, opEnd)
	b = appendU32(append(b, opLocalGet), j.fuel)
	b = appendU32(append(b, opGlobalSet), j.fuelGlobal)
	b = append(b, opUnreachable, opEnd)
	j.stretch = b
	section = appendU32(section, uint32(len(b)))
	return append(section, b...)
}

// bodyType is the type of a block without parameters and with the function's results.
func (j *injector) bodyType(results []valueType) []byte {
	switch len(results) {
	case 0:
		return []byte{0x40}
	case 1:
		return []byte{byte(results[0])}
	}
	want := functionType{results: results}
	for i, t := range j.m.types {
		if t.equal(want) {
			return appendS64(nil, int64(i))
		}
	}
	for i, t := range j.extra {
		if t.equal(want) {
			return appendS64(nil, int64(len(j.m.types)+i))
		}
	}
	j.extra = append(j.extra, want)
	return appendS64(nil, int64(len(j.m.types)+len(j.extra)-1))
}
