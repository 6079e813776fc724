package plugin

// Versions that decide what a call costs and gives. They are part of a chain's configuration
// (sandbox_engine and fuel_schedule) and of every cache's key. Whoever changes a charge, the
// instrumentation or a host function's rule changes the number.
const (
	// EngineVersion names the rules of check and instrumentation and the host functions.
	EngineVersion = 2
	// ScheduleVersion names the table of charges.
	ScheduleVersion = 2
)

// FuelMax is the most fuel that any call gets, whatever a binding or manifest says: a
// running guest cannot be preempted, and this is some milliseconds.
const FuelMax = 10_000_000

// HostCallsMax is how many host functions one call may call.
const HostCallsMax = 65_536

// Charges of the host functions, the same for guests and for native code. Bytes are those
// that the function reads or writes: keys, values, messages.
const (
	chargeHostCall  = 100 // every host function
	chargeByteShift = 2   // one unit for each begun 4 bytes that are copied
	chargeGet       = 8_000
	chargePut       = 30_000
	chargeDelete    = 30_000
	chargeScan      = 20_000
	chargeScanEntry = 4_500
	chargeEmit      = 200
	chargeHistory   = 8_000
	chargeProof     = 60_000
	chargeBeacon    = 150
	chargeRandom    = 128 // for each begun 32 random bytes
	chargeNative    = 500 // a call of native code, beside one unit for each begun 4 bytes of request and response
)

// chargeBytes is what n bytes cost.
func chargeBytes(n int) int64 { return int64(n+1<<chargeByteShift-1) >> chargeByteShift }

// Charges of instructions, in units of about one simple instruction. block, loop, else, end,
// nop and drop are free. A block of straight code is paid when it is entered.
const (
	costSimple       = 1
	costMultiply     = 2
	costCount        = 2
	costDivide       = 10
	costGlobal       = 1
	costJump         = 1 // br and return
	costBranch       = 5 // if and br_if, which nobody may be able to predict
	costBranchTable  = 24
	costCall         = 16 // beside the callee's entry
	costIndirect     = 24
	costEntry        = 4 // of a function, beside one for each 4 locals
	costLoop         = 3 // each time round
	costSelect       = 1
	costCompare      = 2
	costConvertMost  = 4  // from u64
	costFloat        = 1  // with the check for NaN
	costFloatMost    = 3  // min and max
	costFloatSign    = 4  // copysign
	costFloatProduct = 42 // of subnormal numbers, which take many processors a hundred cycles
	costFloatCompare = 1
	costFloatRound   = 6
	costFloatDivide  = 46
	costFloatRoot    = 14
	costConvert      = 2
	costTruncate     = 3
	costBulk         = 20    // memory.copy and memory.fill, beside two loads and what memoryCharges says
	costGrow         = 1_000 // memory.grow, beside what memoryCharges says
)

// memoryCharges are the charges that depend on how many pages of memory a call may have: the
// further the memory reaches beyond the processor's caches, the longer an access may take.
type memoryCharges struct {
	pages        uint32 // the most pages that they are for
	load, store  int
	bulkShift    int64 // memory.copy and memory.fill: log2 of the bytes for one unit
	page         int64 // memory.grow, for each page asked for
	restoreShift uint8 // log2 of the bytes for one unit of putting a region back before the next call

	regionShift  uint8 // log2 of a region's bytes
	regionCharge uint8 // log2 of the units of the first write into a region
}

var memorySchedule = []memoryCharges{
	{pages: 8, load: 6, store: 6, bulkShift: 3, page: 4_096, restoreShift: 4},
	{pages: 16, load: 8, store: 6, bulkShift: 3, page: 4_096, restoreShift: 4},
	{pages: 32, load: 22, store: 6, bulkShift: 3, page: 4_096, restoreShift: 4},
	{pages: 64, load: 48, store: 6, bulkShift: 3, page: 4_096, restoreShift: 4},
	{pages: 128, load: 96, store: 6, bulkShift: 3, page: 4_096, restoreShift: 3},
	{pages: 1 << 16, load: 280, store: 6, bulkShift: 3, page: 4_096, restoreShift: 3},
}

// memoryChargesFor returns the charges of a module that may have so many pages. A region has
// a 64th of the memory, but from 1 to 64 KiB; beyond 64 pages, regions share the 64 bits of a
// set, and who writes into one pays for all that share its bit.
func memoryChargesFor(pages uint32) memoryCharges {
	var c memoryCharges
	for _, c = range memorySchedule {
		if pages <= c.pages {
			break
		}
	}
	c.regionShift = 10
	for c.regionShift < pageShift && 64<<c.regionShift < uint64(pages)<<pageShift {
		c.regionShift++
	}
	c.regionCharge = c.regionShift - c.restoreShift
	for share := uint32(64); share < pages; share *= 2 {
		c.regionCharge++
	}
	return c
}

// Stack of one call. A frame costs at least frameLeast, so that FramesMax also bounds the
// number of frames, which the interpreter needs.
const (
	StackBytesMax = 16 << 20
	FramesMax     = 1_500
	frameLeast    = StackBytesMax / FramesMax
)
