package plugin

import "fmt"

// bodyPass reads the functions' bodies one after another: it validates each as the
// specification's appendix does (a stack of types and a stack of blocks), counts what the
// limits bound, and, when it has an injector, writes the instrumented body on the way.
type bodyPass struct {
	m      *module
	l      *Limits
	inject *injector // nil: check only

	report *Report

	// Of the function at hand.
	r       reader
	locals  []valueType
	stack   []valueType
	blocks  []block
	last    byte // the instruction before
	calls   bool
	instrs  int
	control int // places where control flow meets
	weight  int // the same, as they weigh on the compiler

	// Of the module so far.
	branches      int
	complexityAll int
}

// block is an open block; the first one is the function itself.
type block struct {
	op              byte
	params, results []valueType
	height          int // of the stack below its parameters
	unreachable     bool
}

// run reads the body of defined function i, and with an injector appends its new form to out.
func (p *bodyPass) run(i int, out []byte) ([]byte, *Refusal) {
	body := p.m.bodies[i]
	typ := p.m.types[p.m.funcs[i]]
	p.r = reader{b: p.m.file, at: body.start, end: body.end}
	p.stack, p.locals = p.stack[:0], append(p.locals[:0], typ.params...)
	p.calls, p.instrs, p.control, p.weight, p.last = false, 0, 0, 0, opEnd
	groups := p.readLocals()
	localsStart, localsEnd := groups.start, p.r.at
	p.blocks = append(p.blocks[:0], block{op: opBlock, results: typ.results})
	if p.inject != nil {
		p.inject.begin(p.m, len(p.locals))
	}
	for len(p.blocks) > 0 && !p.r.failed() {
		p.instruction()
	}
	if !p.r.failed() && p.r.more() {
		p.r.fail(CodeMalformed, "bytes after the end of a function")
	}
	p.account()
	if p.r.failed() {
		return out, p.r.refuse
	}
	if p.inject != nil {
		out = p.inject.finish(out, groups.count, p.m.file[localsStart:localsEnd], typ.results, p.frameBytes(), p.calls)
	}
	return out, nil
}

type localGroups struct {
	count uint32
	start int // of the first group in the file
}

func (p *bodyPass) readLocals() localGroups {
	g := localGroups{count: p.r.u32()}
	g.start = p.r.at
	for n := g.count; n > 0 && !p.r.failed(); n-- {
		count := p.r.u32()
		t := p.r.valueType()
		if uint64(len(p.locals))+uint64(count) > uint64(p.l.Locals) {
			p.r.fail(CodeLocals, "a function with more than %d locals", p.l.Locals)
			break
		}
		for ; count > 0; count-- {
			p.locals = append(p.locals, t)
		}
	}
	if g.count > uint32(p.l.Locals) { // empty groups
		p.r.fail(CodeLocals, "%d groups of locals", g.count)
	}
	return g
}

// Loops and bulk instructions cost the compiler more than other control flow: a function with
// 1,000 loops takes it 0.1 to 0.2 seconds, one with 6,000 copies a whole one.
const (
	weightLoop = 8
	weightBulk = 4
	// weightBranch is for what the instrumentation makes a branch of: stores, and operations
	// whose result may be a NaN.
	weightBranch = 1
)

// account applies the limits on a whole function.
func (p *bodyPass) account() {
	complexity := (len(p.locals) + injectedLocals) * (1 + p.control + p.weight)
	p.complexityAll += complexity
	if complexity > p.l.Complexity {
		p.r.fail(CodeComplexity, "%d locals times %d control instructions, loops and bulk instructions weighted, are %d; at most %d are allowed; split the function",
			len(p.locals), p.control, complexity, p.l.Complexity)
	}
	if p.complexityAll > p.l.ComplexityAll {
		p.r.fail(CodeComplexity, "locals times control instructions are more than %d in the whole module", p.l.ComplexityAll)
	}
	r := p.report
	r.Instructions += p.instrs
	r.LocalsMost = max(r.LocalsMost, len(p.locals))
	r.ComplexityMost = max(r.ComplexityMost, complexity)
	r.ComplexityAll = p.complexityAll
}

// frameBytes is an over-estimate of the native stack that a call of the function needs: a
// slot for every local, for two values of every instruction, and for every local at every
// place where control flow meets.
func (p *bodyPass) frameBytes() int {
	locals := len(p.locals) + injectedLocals
	return 64 + 8*(locals+2*p.instrs+locals*p.control)
}

func (p *bodyPass) invalid(format string, args ...any) {
	if !p.r.failed() {
		p.r.fail(CodeInvalid, "%s", fmt.Sprintf(format, args...))
	}
}

func (p *bodyPass) needMemory() {
	if !p.m.hasMemory {
		p.invalid("there is no memory")
	}
}

func (p *bodyPass) push(t valueType) { p.stack = append(p.stack, t) }

func (p *bodyPass) pushAll(ts []valueType) { p.stack = append(p.stack, ts...) }

// pop takes a value of the type, or of any type when t is zero.
func (p *bodyPass) pop(t valueType) valueType {
	top, n := &p.blocks[len(p.blocks)-1], len(p.stack)
	if n == top.height {
		if !top.unreachable {
			p.invalid("the stack is empty where %v is needed", t)
		}
		return t
	}
	got := p.stack[n-1]
	p.stack = p.stack[:n-1]
	switch {
	case got == t || t == 0:
		return got
	case got != 0:
		p.invalid("%v on the stack where %v is needed", got, t)
		return got
	}
	return t
}

func (p *bodyPass) popAll(ts []valueType) {
	for i := len(ts) - 1; i >= 0; i-- {
		p.pop(ts[i])
	}
}

// open starts a block whose parameters have been taken from the stack.
func (p *bodyPass) open(op byte, t functionType) {
	if len(p.blocks) > p.l.Nesting {
		p.r.fail(CodeNesting, "blocks are nested more than %d deep", p.l.Nesting)
		return
	}
	p.blocks = append(p.blocks, block{op: op, params: t.params, results: t.results, height: len(p.stack)})
	p.report.NestingMost = max(p.report.NestingMost, len(p.blocks)-1)
	p.pushAll(t.params)
	p.control++
	if op == opLoop {
		p.weight += weightLoop - 1
	}
}

// closeBlock checks the innermost block's results and removes it.
func (p *bodyPass) closeBlock() block {
	b := p.blocks[len(p.blocks)-1]
	p.popAll(b.results)
	if len(p.stack) != b.height {
		p.invalid("%d values are left over at the end of a block", len(p.stack)-b.height)
	}
	p.blocks = p.blocks[:len(p.blocks)-1]
	return b
}

// unreachable marks the rest of the innermost block.
func (p *bodyPass) unreachable() {
	b := &p.blocks[len(p.blocks)-1]
	p.stack = p.stack[:b.height]
	b.unreachable = true
}

// label returns what a branch to the n-th enclosing block must leave on the stack.
func (p *bodyPass) label(n uint32) []valueType {
	if uint64(n) >= uint64(len(p.blocks)) {
		p.invalid("a branch out of %d blocks, only %d are open", n+1, len(p.blocks))
		return nil
	}
	b := &p.blocks[len(p.blocks)-1-int(n)]
	if b.op == opLoop {
		return b.params
	}
	return b.results
}

var oneResult = map[valueType][]valueType{
	typeI32: {typeI32}, typeI64: {typeI64}, typeF32: {typeF32}, typeF64: {typeF64},
}

func (p *bodyPass) blockType() functionType {
	n := p.r.s33()
	switch {
	case n == -0x40:
		return functionType{}
	case n < 0:
		t := valueType(n & 0x7f)
		if n < -0x40 || !isValueType(byte(t)) {
			p.r.fail(CodeFeature, "block type %d is not accepted", n)
			return functionType{}
		}
		return functionType{results: oneResult[t]}
	case n >= int64(len(p.m.types)):
		p.invalid("there is no type %d", n)
		return functionType{}
	}
	return p.m.types[n]
}

// dead reports whether the next instruction can never run.
func (p *bodyPass) dead() bool { return p.blocks[len(p.blocks)-1].unreachable }

// depth is the number of blocks open inside the function.
func (p *bodyPass) depth() int { return len(p.blocks) - 1 }

// instruction reads one instruction.
func (p *bodyPass) instruction() {
	at := p.r.at
	if at == p.r.end {
		p.r.byte() // which is missing
		return
	}
	op := p.r.b[at]
	p.r.at++
	p.instrs++
	dead := p.dead()
	switch {
	case op <= opCallIndirect:
		p.controlInstruction(op, at, dead)
	case op == opDrop || op == opSelect || op == opSelectTyped:
		p.parametric(op, at, dead)
	case op >= opLocalGet && op <= opGlobalSet:
		p.variable(op)
		p.keep(at, dead, costOfVariable(op))
	case op == opMemorySize || op == opMemoryGrow:
		p.memorySize(op, at, dead)
	case op >= opI32Const && op <= opF64Const:
		p.constant(op)
		p.keep(at, dead, costSimple)
	case op == opPrefix:
		p.prefixed(at, dead)
	default:
		p.numeric(op, at, dead)
	}
	p.last = op
}

// keep copies the instruction that started at the offset and charges for it.
func (p *bodyPass) keep(at int, dead bool, cost int) {
	if p.inject != nil && !p.r.failed() {
		p.inject.cost(cost, dead)
		p.inject.copy(p.m.file[at:p.r.at])
	}
}

func costOfVariable(op byte) int {
	if op == opGlobalGet || op == opGlobalSet {
		return costGlobal
	}
	return costSimple
}

func (p *bodyPass) variable(op byte) {
	i := p.r.u32()
	if op >= opGlobalGet {
		if uint64(i) >= uint64(len(p.m.globals)) {
			p.invalid("there is no global %d", i)
			return
		}
		g := p.m.globals[i]
		if op == opGlobalGet {
			p.push(g.typ)
			return
		}
		if !g.mutable {
			p.invalid("global %d is constant", i)
		}
		p.pop(g.typ)
		return
	}
	if uint64(i) >= uint64(len(p.locals)) {
		p.invalid("there is no local %d", i)
		return
	}
	t := p.locals[i]
	if op != opLocalGet {
		p.pop(t)
	}
	if op != opLocalSet {
		p.push(t)
	}
}

func (p *bodyPass) constant(op byte) {
	switch op {
	case opI32Const:
		p.r.s32()
		p.push(typeI32)
	case opI64Const:
		p.r.s64()
		p.push(typeI64)
	case opF32Const:
		p.r.take(4)
		p.push(typeF32)
	case opF64Const:
		p.r.take(8)
		p.push(typeF64)
	}
}

// parametric reads drop and select.
func (p *bodyPass) parametric(op byte, at int, dead bool) {
	if op == opDrop {
		p.pop(0)
		p.keep(at, dead, 0)
		return
	}
	var t valueType
	if op == opSelectTyped {
		if n := p.r.u32(); n != 1 && !p.r.failed() {
			p.r.fail(CodeFeature, "select with %d types", n)
		}
		t = p.r.valueType()
	}
	p.pop(typeI32)
	second := p.pop(t)
	first := p.pop(t)
	if t == 0 {
		if first != second && first != 0 && second != 0 {
			p.invalid("select between %v and %v", first, second)
		}
		t = max(first, second)
	}
	p.push(t)
	if !dead && p.inject != nil && (t == typeF32 || t == typeF64) {
		p.inject.cost(costSelect, dead)
		p.inject.selectFloat(t)
		return
	}
	p.keep(at, dead, costSelect)
}

func (p *bodyPass) memorySize(op byte, at int, dead bool) {
	if b := p.r.byte(); b != 0 && !p.r.failed() {
		p.r.fail(CodeFeature, "memory %d; there is only one", b)
	}
	p.needMemory()
	if op == opMemorySize {
		p.push(typeI32)
		p.keep(at, dead, costSimple)
		return
	}
	p.pop(typeI32)
	p.push(typeI32)
	if p.inject != nil && !dead {
		p.inject.chargeBySize(costPage, 0)
	}
	p.keep(at, dead, costGrow)
}

// prefixed reads saturating conversions and bulk memory.
func (p *bodyPass) prefixed(at int, dead bool) {
	sub := p.r.u32()
	switch {
	case p.r.failed():
	case sub < uint32(len(saturating)):
		o := saturating[sub]
		p.pop(o.first)
		p.push(o.result)
		p.keep(at, dead, int(o.cost))
	case sub == bulkCopy || sub == bulkFill:
		p.needMemory()
		p.weight += weightBulk
		memories := p.r.byte()
		if sub == bulkCopy {
			memories |= p.r.byte()
		}
		if memories != 0 {
			p.r.fail(CodeFeature, "another memory than 0")
		}
		p.pop(typeI32)
		p.pop(typeI32)
		p.pop(typeI32)
		if p.inject != nil && !dead {
			p.inject.chargeBySize(1, costBulkShift)
			p.inject.noteBulk()
		}
		cost := costBulk
		if p.inject != nil {
			cost += 2 * p.inject.memory.load
		}
		p.keep(at, dead, cost)
	default:
		p.r.fail(CodeFeature, "instruction 0xfc %d is not accepted", sub)
	}
}

// numeric reads an instruction of the table.
func (p *bodyPass) numeric(op byte, at int, dead bool) {
	o := &operations[op]
	if !o.known {
		p.r.fail(CodeFeature, "instruction 0x%02x is not accepted", op)
		return
	}
	var offset uint32
	if o.align > 0 {
		if align := p.r.u32(); align >= uint32(o.align) && !p.r.failed() {
			p.invalid("an alignment of 2^%d is more than the access's own", align)
		}
		offset = p.r.u32()
		p.needMemory()
	}
	if o.store || o.quirk == makesNaN32 || o.quirk == makesNaN64 {
		p.weight += weightBranch
	}
	if o.second != 0 {
		p.pop(o.second)
	}
	p.pop(o.first)
	if o.result != 0 {
		p.push(o.result)
	}
	if p.inject == nil || p.r.failed() {
		return
	}
	p.inject.cost(p.inject.priceOf(o), dead)
	if dead {
		p.inject.copy(p.m.file[at:p.r.at])
		return
	}
	switch {
	case o.quirk == signFromF32 || o.quirk == signFromF64:
		p.inject.copysign(o.quirk)
		return
	case o.quirk == ordered32 || o.quirk == ordered64:
		p.inject.barrier(o.quirk, p.last)
	case o.store:
		p.inject.noteStore(o.second, offset)
	}
	p.inject.copy(p.m.file[at:p.r.at])
	if o.quirk == makesNaN32 || o.quirk == makesNaN64 {
		p.inject.canonicalNaN(o.quirk)
	}
}
