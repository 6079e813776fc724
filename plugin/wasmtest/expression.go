package wasmtest

// value pushes a value of the type.
func (g *generator) value(t byte) {
	g.budget--
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > 6 || g.budget < 0 {
		g.leaf(t)
		return
	}
	switch g.r.Intn(32) {
	case 0, 1:
		g.leaf(t)
	case 2:
		g.value(t)
		if l, ok := g.local(t); ok {
			g.emit(LocalTee(l))
		}
	case 3:
		g.load(t)
	case 4:
		g.value(t)
		g.value(t)
		g.value(I32)
		if g.chance(2) {
			g.emit(Op(0x1b))
		} else {
			g.emit(Op(0x1c, 1, t))
		}
	case 5:
		g.value(I32)
		g.open(0x04, t)
		g.statements(g.r.Intn(2))
		g.value(t)
		g.emit(Op(0x05))
		g.value(t)
		g.close()
	case 6: // a block that a branch leaves with the value
		g.open(0x02, t)
		g.value(t)
		g.value(I32)
		g.emit(BrIf(0), Op(0x1a))
		g.value(t)
		g.close()
	case 7:
		g.call(t)
	case 8:
		g.tableWithValue(t)
	case 9:
		g.multiBlock(t)
	case 10:
		g.multiLoop(t)
	case 11, 12:
		g.weakSpot(t)
	case 13:
		g.call(t)
	default:
		g.operation(t)
	}
}

func (g *generator) leaf(t byte) {
	if l, ok := g.local(t); ok && g.r.Intn(4) > 0 {
		g.emit(LocalGet(l))
		return
	}
	if g.chance(4) {
		for _, v := range g.globals {
			if v.typ == t {
				g.emit(GlobalGet(v.index))
				return
			}
		}
	}
	g.emit(Constant(g.r, t))
}

func (g *generator) load(t byte) {
	g.address()
	switch t {
	case I32:
		g.pick(0x28, 0x2c, 0x2d, 0x2e, 0x2f)
	case I64:
		g.pick(0x29, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35)
	case F32:
		g.pick(0x2a)
	case F64:
		g.pick(0x2b)
	}
	g.emit(Op(0), g.offset())
}

// call calls an earlier function whose first result has the type, directly or through the table.
func (g *generator) call(t byte) {
	for range 3 {
		if len(g.callees) == 0 {
			break
		}
		entry := g.r.Intn(len(g.callees))
		f := g.callees[entry]
		if f.Results[0] != t {
			continue
		}
		g.arguments(f)
		if g.chance(2) {
			g.indirect(f, entry)
		} else {
			g.emit(Call(f.Index))
		}
		for range f.Results[1:] {
			g.emit(Op(0x1a))
		}
		return
	}
	g.operation(t)
}

func (g *generator) arguments(f Function) {
	for i, t := range f.Params {
		switch {
		case i > 0 || !f.countdown:
			g.value(t)
		case f.deep && g.chance(10):
			g.emit(I32Const([]int32{1_000, 1_600, 100_000}[g.r.Intn(3)]))
		default:
			g.emit(I32Const(int32(g.r.Intn(4))))
		}
	}
}

func (g *generator) indirect(f Function, entry int) {
	g.reach[ReachIndirect]++
	if g.shape.Traps && g.chance(3) { // any function, none, or beyond the table
		g.reach[ReachWrongIndirect]++
		g.value(I32)
		g.emit(I32Const(2*tableSize-1), Op(0x71))
	} else {
		g.emit(I32Const(int32(entry)))
	}
	g.emit(Op(0x11), U32(g.m.Type(f.Params, f.Results)), Op(0))
}

// tableWithValue leaves one of two blocks with a value.
func (g *generator) tableWithValue(t byte) {
	g.reach[ReachTableValues]++
	g.open(0x02, t)
	g.open(0x02, t)
	g.value(t)
	g.value(I32)
	g.emit(Op(0x0e, 2, 0, 1, byte(g.r.Intn(2))))
	g.close()
	g.emit(Op(0x1a))
	g.value(t)
	g.close()
}

// multiBlock is a block that takes values and leaves several, by its end or by a branch.
func (g *generator) multiBlock(t byte) {
	g.reach[ReachMultiBlock]++
	params, results := g.someTypes(1+g.r.Intn(2)), append([]byte{t}, g.someTypes(1+g.r.Intn(2))...)
	for _, p := range params {
		g.value(p)
	}
	g.openMulti(0x02, params, results)
	g.keepOrDrop(params)
	for _, u := range results {
		g.value(u)
	}
	g.value(I32)
	g.emit(BrIf(0))
	g.close()
	for range results[1:] {
		g.emit(Op(0x1a))
	}
}

// multiLoop is a loop whose counter is its parameter.
func (g *generator) multiLoop(t byte) {
	if len(g.labels) > 6 {
		g.leaf(t)
		return
	}
	g.reach[ReachMultiLoop]++
	counter := g.newLocal()
	g.emit(I32Const(int32(1 + g.r.Intn(6))))
	g.openMulti(0x03, []byte{I32}, []byte{t})
	g.emit(I32Const(1), Op(0x6b), LocalTee(counter))
	g.statements(g.r.Intn(2))
	g.emit(LocalGet(counter), BrIf(0), Op(0x1a))
	g.value(t)
	g.close()
}

func (g *generator) unary(t byte, ops ...byte) { g.value(t); g.pick(ops...) }

func (g *generator) binary(t byte, ops ...byte) { g.value(t); g.value(t); g.pick(ops...) }

// span returns the opcodes from first to last.
func span(first, last byte) (ops []byte) {
	for op := int(first); op <= int(last); op++ {
		ops = append(ops, byte(op))
	}
	return ops
}

func (g *generator) operation(t byte) {
	kind := g.r.Intn(10)
	if !g.shape.Floats && (kind == 4 || kind == 5) {
		kind = 6
	}
	switch t {
	case I32:
		g.operation32(kind)
	case I64:
		switch kind {
		case 0:
			g.unary(I64, 0x79, 0x7a, 0x7b, 0xc2, 0xc3, 0xc4)
		case 1, 2:
			g.unary(I32, 0xac, 0xad)
		case 4, 5:
			g.truncate([]byte{F32, F64}[g.r.Intn(2)], I64)
		case 6:
			g.divide(I64, span(0x7f, 0x82))
		default:
			g.binary(I64, 0x7c, 0x7d, 0x7e, 0x83, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a)
		}
	case F32:
		switch kind {
		case 0, 1:
			g.unary(F32, span(0x8b, 0x91)...)
		case 2:
			g.unary(I32, 0xb2, 0xb3, 0xbe)
		case 3:
			g.unary(I64, 0xb4, 0xb5)
		case 4:
			g.unary(F64, 0xb6)
		default:
			g.binary(F32, span(0x92, 0x98)...)
		}
	case F64:
		switch kind {
		case 0, 1:
			g.unary(F64, span(0x99, 0x9f)...)
		case 2:
			g.unary(I32, 0xb7, 0xb8)
		case 3:
			g.unary(I64, 0xb9, 0xba, 0xbf)
		case 4:
			g.unary(F32, 0xbb)
		default:
			g.binary(F64, span(0xa0, 0xa6)...)
		}
	}
}

func (g *generator) operation32(kind int) {
	switch kind {
	case 0:
		g.unary(I32, 0x45, 0x67, 0x68, 0x69, 0xc0, 0xc1)
	case 1:
		g.binary(I32, span(0x46, 0x4f)...)
	case 2:
		g.binary(I64, span(0x51, 0x5a)...)
	case 3:
		g.unary(I64, 0x50, 0xa7)
	case 4:
		if g.chance(2) {
			g.binary(F32, span(0x5b, 0x60)...)
		} else {
			g.binary(F64, span(0x61, 0x66)...)
		}
	case 5:
		g.truncate([]byte{F32, F64}[g.r.Intn(2)], I32)
	case 6:
		g.divide(I32, span(0x6d, 0x70))
	case 7:
		g.emit(Op(0x3f, 0)) // memory.size
	default:
		g.binary(I32, 0x6a, 0x6b, 0x6c, 0x71, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78)
	}
}

// truncate turns a float into an integer, or reinterprets it.
func (g *generator) truncate(from, to byte) {
	g.value(from)
	base := byte(0)
	if from == F64 {
		base = 2
	}
	if to == I64 {
		base += 4
	}
	switch {
	case g.shape.Traps && g.chance(6):
		g.pick([][]byte{{0xa8, 0xa9}, {0xaa, 0xab}, {0xae, 0xaf}, {0xb0, 0xb1}}[base/2]...)
	case from == F32 && to == I32 && g.chance(2):
		g.emit(Op(0xbc))
	case from == F64 && to == I64 && g.chance(2):
		g.emit(Op(0xbd))
	default:
		g.emit(Op(0xfc, base+byte(g.r.Intn(2))))
	}
}

func (g *generator) divide(t byte, ops []byte) {
	g.value(t)
	if g.shape.Traps && g.chance(4) {
		g.value(t)
	} else {
		d := []int64{10, 100, 3, 7, 255, 1000, 205, 1 << 20}[g.r.Intn(8)]
		if t == I32 {
			g.emit(I32Const(int32(d)))
		} else {
			g.emit(I64Const(d))
		}
	}
	g.pick(ops...)
}
