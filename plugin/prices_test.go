package plugin

// schedulePrices are the charges of schedule.go, for wasmtest.Reference.
type schedulePrices struct{ memory memoryCharges }

func (p schedulePrices) Instruction(op byte, sub uint32) int64 {
	switch {
	case op == opIf, op == opBrIf:
		return costBranch
	case op == opBr, op == opReturn:
		return costJump
	case op == opLoop:
		return costLoop
	case op == opBrTable:
		return costBranchTable
	case op < opBrIf, op == opDrop:
		return 0
	case op == opCall:
		return costCall
	case op == opCallIndirect:
		return costIndirect
	case op == opSelect, op == opSelectTyped:
		return costSelect
	case op == opGlobalGet, op == opGlobalSet:
		return costGlobal
	case op == opMemoryGrow:
		return costGrow
	case op == opPrefix && sub < uint32(len(saturating)):
		return int64(saturating[sub].cost)
	case op == opPrefix:
		return int64(costBulk + 2*p.memory.load)
	case op < 0x28, op == opMemorySize, op >= opI32Const && op <= opF64Const:
		return costSimple
	}
	if op <= 0x35 {
		return int64(p.memory.load)
	}
	return int64(operations[op].cost)
}

func (p schedulePrices) BySize(op byte, _ uint32) (each, shift int64) {
	if op == opMemoryGrow {
		return costPage, 0
	}
	return 1, costBulkShift
}

func (schedulePrices) Entry(locals int) int64 { return int64(costEntry + locals/4) }
