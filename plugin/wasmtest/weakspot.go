package wasmtest

import "slices"

// What compilers have got wrong before, and random code seldom contains: the reproducers of
// wazero's known errors with their constants and surroundings varied.

// weakSpot pushes a value of the type.
func (g *generator) weakSpot(t byte) {
	switch {
	case t == I32:
		g.zeroAnd()
	case t == I64:
		g.zeroAnd()
		g.emit(Op(0xad))
	case g.chance(6):
		g.makeNaN(t)
	default:
		g.pressure(t)
	}
}

// zeroAnd compares the constant 0 with an and, in a form that is used as a value or a condition.
func (g *generator) zeroAnd() {
	g.reach[ReachZeroAnd]++
	t := []byte{I32, I64}[g.r.Intn(2)]
	zero, and, compare := I32Const(0), byte(0x71), span(0x48, 0x4f)
	if t == I64 {
		zero, and, compare = I64Const(0), 0x83, span(0x53, 0x5a)
	}
	a, aOK := g.local(t)
	b, bOK := g.local(t)
	if aOK && bOK && g.chance(2) { // through locals
		g.value(t)
		g.value(t)
		g.emit(Op(and), LocalSet(a), zero)
		if a != b && g.chance(2) {
			g.emit(LocalTee(b))
		}
		g.emit(LocalGet(a))
	} else {
		g.emit(zero)
		g.value(t)
		g.value(t)
		g.emit(Op(and))
	}
	g.pick(compare...)
	if g.chance(2) {
		g.open(0x04, I32)
		g.value(I32)
		g.emit(Op(0x05))
		g.value(I32)
		g.close()
	}
}

// pressure keeps many floats of both types on the stack, or none, while one is selected or
// given a sign, and then folds them into one.
func (g *generator) pressure(t byte) {
	var singles, doubles []uint32
	if g.chance(2) {
		singles, doubles = g.sameTyped(F32, g.r.Intn(12)), g.sameTyped(F64, g.r.Intn(12))
	}
	for _, l := range slices.Concat(singles, doubles) {
		g.emit(LocalGet(l))
	}
	if g.chance(2) {
		g.selectFloat(t)
	} else {
		g.signFloat(t)
	}
	if len(singles)+len(doubles) == 0 {
		return
	}
	if t == F32 {
		g.emit(Op(0xbb))
	}
	for range doubles {
		g.pick(0xa0, 0xa1, 0xa2, 0xa4, 0xa5, 0xa6)
	}
	if t == F32 || len(singles) > 0 {
		g.emit(Op(0xb6))
	}
	for range singles {
		g.pick(0x92, 0x93, 0x94, 0x96, 0x97, 0x98)
	}
	if t == F64 && len(singles) > 0 {
		g.emit(Op(0xbb))
	}
}

// selectFloat selects between a local and what replaces it.
func (g *generator) selectFloat(t byte) {
	g.reach[ReachSelect]++
	l, ok := g.local(t)
	if !ok {
		g.value(t)
		g.value(t)
	} else {
		g.emit(LocalGet(l))
		if g.chance(2) {
			g.emit(Constant(g.r, t))
		} else {
			g.value(t)
		}
		g.emit(LocalTee(l))
	}
	if g.chance(2) {
		g.emit(I32Const(int32(g.r.Intn(2))))
	} else {
		g.value(I32)
	}
	g.emit(Op(0x1b))
}

// signFloat gives a local, which lives on, the sign of a selected NaN or zero.
func (g *generator) signFloat(t byte) {
	g.reach[ReachCopysign]++
	g.leaf(t)
	if l, ok := g.local(t); ok && g.chance(2) {
		g.emit(LocalTee(l))
	}
	switch g.r.Intn(4) {
	case 0:
		g.value(t)
	case 1:
		g.emit(Constant(g.r, t), Constant(g.r, t))
		g.emit(I32Const(int32(g.r.Intn(2))), Op(0x1b))
	default:
		g.leaf(t)
	}
	g.emit(copysign(t))
}

func copysign(t byte) []byte { return Op(map[byte]byte{F32: 0x98, F64: 0xa6}[t]) }

// weakArms selects floats, or gives them signs, at the end of both arms of an if, into locals, and
// uses the operands behind it. Where the arm that is compiled first ends with an operand in a
// register, and the other has it on the stack, wazero's allocator brings it back into that very
// register, whatever is there: a mask of copysign's, or the other operand of select.
func (g *generator) weakArms() {
	t := []byte{F32, F64}[g.r.Intn(2)]
	operands, results := g.sameTyped(t, 2), g.sameTyped(t, 4)
	if len(operands) == 0 {
		return
	}
	g.reach[ReachArms]++
	g.value(I32)
	g.open(0x04, none)
	g.weakArm(t, operands, results)
	g.emit(Op(0x05))
	g.weakArm(t, operands, results)
	g.close()
	for i, l := range slices.Concat(operands, results) {
		g.emit(I32Const(int32(512+8*i)), LocalGet(l))
		g.storeInstruction(t)
	}
}

// weakArm mostly begins with a bulk instruction, a call to the compiler, before which it moves
// floats onto the stack, and ends without a store, whose instrumentation branches.
func (g *generator) weakArm(t byte, operands, results []uint32) {
	one := func(list []uint32) uint32 { return list[g.r.Intn(len(list))] }
	if !g.chance(4) {
		g.reach[ReachBulk]++
		g.emit(I32Const(int32(g.r.Intn(4096))), I32Const(int32(g.r.Intn(256))), I32Const(int32(g.r.Intn(64))), Op(0xfc, 11, 0))
	}
	if g.chance(2) {
		g.emit(I32Const(int32(g.r.Intn(512))), LocalGet(one(operands)))
		g.storeInstruction(t)
	}
	for n := 1 + g.r.Intn(3); n > 0; n-- {
		g.emit(LocalGet(one(operands)))
		if g.chance(2) {
			g.reach[ReachSelect]++
			g.emit(Constant(g.r, t), I32Const(int32(g.r.Intn(2))), Op(0x1b))
		} else {
			g.reach[ReachCopysign]++
			g.leaf(t)
			g.emit(copysign(t))
		}
		g.emit(LocalSet(one(results)))
	}
}

// weakStore stores what a weak spot gives, beside what makes the compiler move registers: a
// call that never happens, a bulk instruction.
func (g *generator) weakStore() {
	if g.shape.Floats && g.chance(2) {
		g.weakArms()
		return
	}
	if g.chance(2) && len(g.callees) > 0 {
		f := g.callees[g.r.Intn(len(g.callees))]
		g.emit(I32Const(0))
		g.open(0x04, none)
		g.arguments(f)
		g.emit(Call(f.Index))
		g.keepOrDrop(f.Results)
		g.close()
	}
	if g.chance(4) {
		g.bulk()
	}
	t := g.anyType()
	g.emit(I32Const(int32(g.r.Intn(4096))))
	g.weakSpot(t)
	g.storeInstruction(t)
}

// makeNaN computes a NaN whose bits the specification leaves open, for the memory to show.
func (g *generator) makeNaN(t byte) {
	g.reach[ReachNaN]++
	zero, root, divide, add := F32Bits(0), byte(0x91), byte(0x95), byte(0x92)
	nan := F32Bits(0x7fc00000 | g.r.Uint32()&0x803fffff)
	if t == F64 {
		zero, root, divide, add = F64Bits(0), 0x9f, 0xa3, 0xa0
		nan = F64Bits(0x7ff8000000000000 | g.r.Uint64()&0x8007ffffffffffff)
	}
	switch g.r.Intn(3) {
	case 0:
		g.emit(slices.Concat(zero, zero, Op(divide)))
	case 1:
		g.emit(map[byte][]byte{F32: F32Bits(0xbf800000), F64: F64Const(-1)}[t], Op(root))
	default:
		g.emit(nan)
		g.leaf(t)
		g.emit(Op(add))
	}
}
