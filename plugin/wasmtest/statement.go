package wasmtest

import "slices"

func (g *generator) statements(n int) {
	for ; n > 0; n-- {
		g.statement()
	}
}

func (g *generator) statement() {
	g.budget--
	g.depth++
	defer func() { g.depth-- }()
	kind := g.r.Intn(18)
	if g.depth > 5 || g.budget < 0 {
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
		g.open(0x04, none)
		g.statements(1 + g.r.Intn(2))
		if g.chance(2) {
			g.emit(Op(0x05))
			g.statements(1 + g.r.Intn(2))
		}
		g.close()
	case 7, 8:
		g.countedLoop()
	case 9:
		v := g.globals[g.r.Intn(len(g.globals))]
		g.reach[ReachGlobal]++
		g.value(v.typ)
		g.emit(GlobalSet(v.index))
	case 10:
		if n, ok := g.target(); ok {
			g.value(I32)
			g.emit(BrIf(n))
		}
	case 11:
		g.branchTable()
	case 12:
		g.bulk()
	case 13:
		g.leave()
	case 14:
		if g.chance(3) {
			g.nest()
		}
	case 15, 16:
		g.weakStore()
	case 17:
		if g.chance(2) {
			g.grow()
		}
	}
}

func (g *generator) store() {
	t := g.anyType()
	g.address()
	g.value(t)
	g.storeInstruction(t)
}

func (g *generator) storeInstruction(t byte) {
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
	g.reach[ReachLoop]++
	counter := g.newLocal()
	g.emit(I32Const(int32(1+g.r.Intn(8))), LocalSet(counter))
	g.open(0x02, none)
	g.open(0x03, none)
	g.statements(1 + g.r.Intn(3))
	g.emit(LocalGet(counter), I32Const(1), Op(0x6b), LocalTee(counter), BrIf(0))
	g.close()
	g.close()
}

// leave branches or returns under a condition, with code behind that never runs.
func (g *generator) leave() {
	g.value(I32)
	g.open(0x04, none)
	g.statements(g.r.Intn(2))
	switch n, ok := g.target(); {
	case g.shape.Traps && g.chance(10):
		g.emit(Op(0x00))
	case ok && g.chance(2):
		g.emit(Br(n))
	default:
		g.reach[ReachReturn]++
		for _, t := range g.self.Results {
			g.value(t)
		}
		g.emit(Op(0x0f))
	}
	if g.chance(2) {
		g.reach[ReachDead]++
		g.statements(1)
	}
	g.close()
}

// branchTable is a switch of two to six arms, some of which fall through.
func (g *generator) branchTable() {
	g.reach[ReachBranchTable]++
	arms := 2 + g.r.Intn(5)
	end := g.chance(2) // arms leave the switch
	if end {
		g.open(0x02, none)
	}
	for range arms {
		g.open(0x02, none)
	}
	g.value(I32)
	if g.r.Intn(4) > 0 {
		g.emit(I32Const(7), Op(0x71))
	}
	targets := make([]byte, 1+g.r.Intn(2*arms))
	for i := range targets {
		targets[i] = byte(g.r.Intn(arms))
	}
	g.emit(Op(0x0e), U32(uint32(len(targets))), targets, Op(byte(g.r.Intn(arms))))
	for i := range arms {
		g.close()
		g.statements(1)
		if end && g.chance(2) {
			g.emit(Br(uint32(arms - 1 - i)))
		}
	}
	if end {
		g.close()
	}
}

// nest wraps a statement and a branch in many blocks.
func (g *generator) nest() {
	n := 20 + g.r.Intn(60)
	g.reach[ReachNesting]++
	for range n {
		g.open(0x02, none)
	}
	g.statements(1)
	g.value(I32)
	g.emit(BrIf(uint32(g.r.Intn(n))))
	for i := range n {
		if i%16 == 8 {
			g.statements(1)
		}
		g.close()
	}
}

func (g *generator) grow() {
	g.reach[ReachGrow]++
	if g.chance(4) {
		g.value(I32)
		g.emit(I32Const(3), Op(0x71))
	} else {
		g.emit(I32Const(int32(g.r.Intn(2))))
	}
	g.emit(Op(0x40, 0))
	g.keepOrDrop([]byte{I32})
}

func (g *generator) bulk() {
	g.reach[ReachBulk]++
	g.address()
	fill := g.chance(2)
	if fill {
		g.value(I32)
	} else {
		g.address()
	}
	switch {
	case g.shape.Far && g.chance(4): // over more than a page, within three
		g.emit(I32Const(int32(65_000 + g.r.Intn(600))))
	case g.shape.Traps && g.chance(20):
		g.value(I32)
	default:
		g.emit(I32Const(int32(g.r.Intn(300))))
	}
	if fill {
		g.emit(Op(0xfc, 11, 0))
	} else {
		g.emit(Op(0xfc, 10, 0, 0))
	}
}

// sameTyped returns up to n locals of the type, some perhaps twice.
func (g *generator) sameTyped(t byte, n int) (list []uint32) {
	for range n {
		if l, ok := g.local(t); ok {
			list = append(list, l)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
