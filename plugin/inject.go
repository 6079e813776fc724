package plugin

// The instrumented form of a function is
//
//	fuel := global fuel
//	global stack -= frame; if it is negative, trap                 (functions that call)
//	block $body (results)
//	  the original instructions, each stretch of straight code after
//	    fuel -= its cost                                            and at the entry and at loops
//	    if fuel < 0 { global fuel := fuel; trap }
//	end
//	global stack += frame
//	global fuel := fuel
//
// where fuel is a local. It is stored to the global before every call and read again after it.
// Calls of host functions are followed by a check, so that a host function stops the guest
// by making the fuel negative. Labels keep their numbers, since $body lies outside; return
// becomes a branch to it. The traps stand in blocks of their own, which nothing leaves: the
// compiler then keeps what it knows of globals and memory across the check.
//
// Beside the fuel, every store notes the region that it writes to in the global dirty, so that
// the host restores only what a call has touched, however the call ends. The global region is
// the one that was noted last: most stores find it there and are done.
type injector struct {
	m            *module
	extra        []functionType // types for bodies with several results
	fuelGlobal   uint32
	stackGlobal  uint32
	dirtyGlobal  uint32
	regionGlobal uint32
	memory       memoryCharges

	out     []byte // finished code of this function
	stretch []byte // the current stretch of straight code
	units   int    // its cost
	check   bool   // it starts at the entry or a loop

	// Locals, in the order of injectedGroups.
	fuel, long, long2     uint32 // i64
	short, short2, short3 uint32 // i32
	single                uint32 // f32
	double                uint32 // f64
}

const injectedLocals = 8

// injectedGroups declares the new locals.
var injectedGroups = []byte{3, byte(typeI64), 3, byte(typeI32), 1, byte(typeF32), 1, byte(typeF64)}

// noRegion is none that an address lies in.
const noRegion = 1 << 31

func (j *injector) begin(m *module, locals int) {
	j.m, j.out, j.stretch = m, j.out[:0], j.stretch[:0]
	n := uint32(locals)
	j.fuel, j.long, j.long2, j.short, j.short2, j.short3, j.single, j.double = n, n+1, n+2, n+3, n+4, n+5, n+6, n+7
	j.units, j.check = costEntry+locals/4, true
}

// cost adds to the price of the current stretch; code that never runs is free.
func (j *injector) cost(units int, dead bool) {
	if !dead {
		j.units += units
	}
}

// priceOf is what an instruction of the table costs.
func (j *injector) priceOf(o *operation) int {
	if o.align > 0 && !o.store {
		return j.memory.load
	}
	return int(o.cost)
}

func (j *injector) copy(b []byte) { j.stretch = append(j.stretch, b...) }

func (j *injector) op(b ...byte) { j.stretch = append(j.stretch, b...) }

func (j *injector) index(op byte, i uint32) { j.stretch = appendU32(append(j.stretch, op), i) }

func (j *injector) const32(v int32) { j.stretch = appendS64(append(j.stretch, opI32Const), int64(v)) }

func (j *injector) const64(v int64) { j.stretch = appendS64(append(j.stretch, opI64Const), v) }

// branch writes a branch out of all blocks of the original function.
func (j *injector) branch(depth int) { j.index(opBr, uint32(depth)) }

// flush writes the current stretch behind its charge and begins the next one, which is
// checked if it is a loop's.
func (j *injector) flush(check bool) {
	if j.units > 0 || j.check {
		o := appendU32(append(j.out, opLocalGet), j.fuel)
		o = appendS64(append(o, opI64Const), int64(j.units))
		o = append(o, opI64Sub)
		if j.check {
			o = j.stopIfNegative(appendU32(append(o, opLocalTee), j.fuel))
		} else {
			o = appendU32(append(o, opLocalSet), j.fuel)
		}
		j.out = o
	}
	j.out = append(j.out, j.stretch...)
	j.stretch, j.units, j.check = j.stretch[:0], 0, check
}

// stopIfNegative appends the end of the call when the fuel, on the stack, is below zero.
func (j *injector) stopIfNegative(b []byte) []byte {
	b = append(b, opI64Const, 0, opI64LtS, opIf, noResult)
	b = appendU32(append(b, opLocalGet), j.fuel)
	b = appendU32(append(b, opGlobalSet), j.fuelGlobal)
	return append(b, opUnreachable, opEnd)
}

// spill stores the fuel for a callee.
func (j *injector) spill() {
	j.index(opLocalGet, j.fuel)
	j.index(opGlobalSet, j.fuelGlobal)
}

// reload reads the fuel that a callee left; a host function may have ended the call.
func (j *injector) reload(check bool) {
	j.index(opGlobalGet, j.fuelGlobal)
	if !check {
		j.index(opLocalSet, j.fuel)
		return
	}
	j.index(opLocalTee, j.fuel)
	j.stretch = j.stopIfNegative(j.stretch)
}

// chargeBySize takes each·(n >> shift) units for the i32 n on the stack and leaves n there.
func (j *injector) chargeBySize(each int64, shift int64) {
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
	j.stretch = j.stopIfNegative(j.stretch)
	j.index(opLocalGet, j.short)
}

// noteStore notes the region of the address that lies under a value of the type on the stack,
// plus an offset. A store that begins in one region may end in the next: restore knows.
func (j *injector) noteStore(t valueType, offset uint32) {
	value := map[valueType]uint32{typeI32: j.short, typeI64: j.long, typeF32: j.single, typeF64: j.double}[t]
	j.index(opLocalSet, value)
	j.index(opLocalTee, j.short2)
	j.index(opLocalGet, j.short2)
	if offset != 0 {
		j.const32(int32(offset))
		j.op(opI32Add)
	}
	j.note()
	j.index(opLocalGet, value)
}

// note takes an address from the stack, and notes and charges for its region:
//
//	if region != last {
//	  last = region
//	  fuel -= (dirty >> region & 1 ^ 1) << charge
//	  dirty |= 1 << region
//	}
func (j *injector) note() {
	j.const32(int32(j.memory.regionShift))
	j.op(opI32ShrU)
	j.index(opLocalTee, j.short3)
	j.index(opGlobalGet, j.regionGlobal)
	j.op(opI32Ne, opIf, noResult)
	j.index(opLocalGet, j.short3)
	j.index(opGlobalSet, j.regionGlobal)
	j.index(opLocalGet, j.fuel)
	j.index(opGlobalGet, j.dirtyGlobal)
	j.index(opLocalGet, j.short3)
	j.op(opI64ExtendU)
	j.index(opLocalTee, j.long2)
	j.op(opI64ShrU)
	j.const64(1)
	j.op(opI64And)
	j.const64(1)
	j.op(opI64Xor)
	j.const64(int64(j.memory.regionCharge))
	j.op(opI64Shl, opI64Sub)
	j.index(opLocalSet, j.fuel)
	j.index(opGlobalGet, j.dirtyGlobal)
	j.const64(1)
	j.index(opLocalGet, j.long2)
	j.op(opI64Shl, opI64Or)
	j.index(opGlobalSet, j.dirtyGlobal)
	j.op(opEnd)
}

// noteBulk notes and charges for all regions from the first byte to the one after the last of
// memory.copy and memory.fill:
//
//	new = rotl((2 << regions between) - 1, first), or all if there are 63 between or more, &^ dirty
//	fuel -= popcnt(new) << charge
//	dirty |= new
func (j *injector) noteBulk() {
	j.index(opLocalSet, j.short)  // bytes
	j.index(opLocalSet, j.short3) // source or value
	j.index(opLocalTee, j.short2) // destination
	region := func() { j.const32(int32(j.memory.regionShift)); j.op(opI32ShrU, opI64ExtendU) }
	j.const64(2)
	j.index(opLocalGet, j.short2)
	j.index(opLocalGet, j.short)
	j.op(opI32Add)
	region()
	j.index(opLocalGet, j.short2)
	region()
	j.index(opLocalTee, j.long)
	j.op(opI64Sub)
	j.index(opLocalTee, j.long2)
	j.op(opI64Shl)
	j.const64(1)
	j.op(opI64Sub)
	j.index(opLocalGet, j.long)
	j.op(opI64Rotl)
	j.const64(-1)
	j.index(opLocalGet, j.long2)
	j.const64(63)
	j.op(opI64LtU, opSelect)
	j.index(opGlobalGet, j.dirtyGlobal)
	j.const64(-1)
	j.op(opI64Xor, opI64And)
	j.index(opLocalSet, j.long)
	j.index(opLocalGet, j.fuel)
	j.index(opLocalGet, j.long)
	j.op(opI64Popcnt)
	j.const64(int64(j.memory.regionCharge))
	j.op(opI64Shl, opI64Sub)
	j.index(opLocalSet, j.fuel)
	j.index(opGlobalGet, j.dirtyGlobal)
	j.index(opLocalGet, j.long)
	j.op(opI64Or)
	j.index(opGlobalSet, j.dirtyGlobal)
	j.index(opLocalGet, j.short3)
	j.index(opLocalGet, j.short)
}

// canonicalNaN replaces a NaN on the stack by the one with only the quiet bit set. A number
// is at least itself; a NaN is not. The branch is predicted well and, unlike a select, does
// not lengthen the chain of operations that wait for one another.
func (j *injector) canonicalNaN(q quirk) {
	local, compare, nan := j.single, byte(opF32Ge), nan32
	if q == makesNaN64 {
		local, compare, nan = j.double, opF64Ge, nan64
	}
	j.index(opLocalSet, local)
	j.index(opLocalGet, local)
	j.index(opLocalGet, local)
	j.op(compare, opIf, noResult, opElse)
	j.op(nan...)
	j.index(opLocalSet, local)
	j.op(opEnd)
	j.index(opLocalGet, local)
}

var (
	nan32 = []byte{opF32Const, 0, 0, 0xc0, 0x7f}
	nan64 = []byte{opF64Const, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f}
)

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
	b = appendU32(append(b, opGlobalGet), j.fuelGlobal)
	b = appendU32(append(b, opLocalSet), j.fuel)
	frame = max(frame, frameLeast)
	if calls {
		b = appendU32(append(b, opGlobalGet), j.stackGlobal)
		b = appendS64(append(b, opI32Const), int64(frame))
		b = appendU32(append(b, opI32Sub, opLocalTee), j.short)
		b = appendU32(append(b, opGlobalSet), j.stackGlobal)
		b = appendU32(append(b, opLocalGet), j.short)
		b = append(b, opI32Const, 0, opI32LtS, opIf, noResult, opUnreachable, opEnd)
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
	b = appendU32(append(b, opLocalGet), j.fuel)
	b = appendU32(append(b, opGlobalSet), j.fuelGlobal)
	b = append(b, opEnd)
	j.stretch = b
	section = appendU32(section, uint32(len(b)))
	return append(section, b...)
}

// bodyType is the type of a block without parameters and with the function's results.
func (j *injector) bodyType(results []valueType) []byte {
	switch len(results) {
	case 0:
		return []byte{noResult}
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
