package plugin

// controlInstruction reads the instructions from unreachable to call_indirect.
func (p *bodyPass) controlInstruction(op byte, at int, dead bool) {
	switch op {
	case opUnreachable:
		p.unreachable()
		p.branchOff(at, dead, 0)
	case opNop:
		p.keep(at, dead, 0)
	case opBlock, opLoop, opIf:
		p.openBlock(op, at, dead)
	case opElse:
		b := p.blocks[len(p.blocks)-1]
		if b.op != opIf {
			p.invalid("else without if")
			return
		}
		p.closeBlock()
		p.blocks = append(p.blocks, block{op: opElse, params: b.params, results: b.results, height: len(p.stack)})
		p.pushAll(b.params)
		p.control++
		p.meet(at)
	case opEnd:
		p.end(at)
	case opBr:
		p.popAll(p.label(p.r.u32()))
		p.unreachable()
		p.branchOff(at, dead, costJump)
	case opBrIf:
		p.pop(typeI32)
		ts := p.label(p.r.u32())
		p.popAll(ts)
		p.pushAll(ts)
		p.control++
		p.branchOff(at, dead, costBranch)
	case opBrTable:
		p.branchTable()
		p.unreachable()
		p.branchOff(at, dead, costBranchTable)
	case opReturn:
		p.popAll(p.blocks[0].results)
		p.unreachable()
		if p.inject != nil {
			p.inject.cost(costJump, dead)
			p.inject.branch(p.depth())
			p.inject.flush(false)
		}
	case opCall, opCallIndirect:
		p.call(op, at, dead)
	default:
		p.r.fail(CodeFeature, "instruction 0x%02x is not accepted", op)
	}
}

func (p *bodyPass) openBlock(op byte, at int, dead bool) {
	t := p.blockType()
	cost := 0
	if op == opIf {
		p.pop(typeI32)
		cost = costBranch
	}
	p.popAll(t.params)
	p.open(op, t)
	p.keep(at, dead, cost)
	if p.inject == nil || op == opBlock {
		return
	}
	p.inject.flush(op == opLoop && !dead)
	if op == opLoop {
		p.inject.cost(costLoop, dead)
	}
}

// meet copies an else or end, at which another stretch of code begins.
func (p *bodyPass) meet(at int) {
	if p.inject != nil && !p.r.failed() {
		p.inject.copy(p.m.file[at:p.r.at])
		p.inject.flush(false)
	}
}

func (p *bodyPass) end(at int) {
	b := p.closeBlock()
	if b.op == opIf && !sameTypes(b.params, b.results) {
		p.invalid("if without else must leave what it takes")
	}
	if len(p.blocks) == 0 {
		if p.inject != nil {
			p.inject.flush(false)
		}
		return
	}
	p.pushAll(b.results)
	p.meet(at)
}

// branchOff copies a branch, after which another stretch of code begins.
func (p *bodyPass) branchOff(at int, dead bool, cost int) {
	p.keep(at, dead, cost)
	if p.inject != nil {
		p.inject.flush(false)
	}
}

func (p *bodyPass) branchTable() {
	p.pop(typeI32)
	n := p.r.u32()
	if uint64(n) > uint64(p.l.BranchTargets) {
		p.r.fail(CodeBranches, "a br_table with %d targets, at most %d are allowed", n, p.l.BranchTargets)
		return
	}
	if p.branches += int(n); p.branches > p.l.BranchesAll {
		p.r.fail(CodeBranches, "the br_tables have more than %d targets", p.l.BranchesAll)
		return
	}
	p.control += 1 + int(n)/16
	arity := 0
	for i := uint32(0); i <= n && !p.r.failed(); i++ {
		ts := p.label(p.r.u32())
		if i == 0 {
			arity = len(ts)
		} else if len(ts) != arity {
			p.invalid("the targets of a br_table take different numbers of values")
		}
		p.peekAll(ts)
	}
	p.report.BranchesAll = p.branches
}

// peekAll checks that the stack ends in values of the types, and leaves them there.
func (p *bodyPass) peekAll(ts []valueType) {
	top := &p.blocks[len(p.blocks)-1]
	for k := range ts {
		at, want := len(p.stack)-1-k, ts[len(ts)-1-k]
		if at < top.height {
			if !top.unreachable {
				p.invalid("the stack is empty where %v is needed", want)
			}
			return
		}
		if got := p.stack[at]; got != want && got != 0 {
			p.invalid("%v on the stack where %v is needed", got, want)
		}
	}
}

func (p *bodyPass) call(op byte, at int, dead bool) {
	i := p.r.u32()
	var t functionType
	cost, imported := costCall, false
	if op == opCall {
		var ok bool
		if t, ok = p.m.function(i); !ok {
			p.invalid("there is no function %d", i)
			return
		}
		imported = uint64(i) < uint64(len(p.m.imports))
	} else {
		cost = costIndirect
		if table := p.r.byte(); table != 0 && !p.r.failed() {
			p.r.fail(CodeFeature, "table %d; there is only one", table)
		}
		if uint64(i) >= uint64(len(p.m.types)) {
			p.invalid("there is no type %d", i)
			return
		}
		if !p.m.hasTable {
			p.invalid("call_indirect without a table")
		}
		t = p.m.types[i]
		p.pop(typeI32)
	}
	p.popAll(t.params)
	p.pushAll(t.results)
	p.calls = true
	if p.inject == nil || p.r.failed() {
		return
	}
	p.inject.cost(cost, dead)
	if dead {
		p.inject.copy(p.m.file[at:p.r.at])
		return
	}
	p.inject.spill()
	p.inject.copy(p.m.file[at:p.r.at])
	p.inject.reload(imported)
}

func sameTypes(a, b []valueType) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
