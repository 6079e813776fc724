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
	chargePut       = 50_000
	chargeDelete    = 60_000
	chargeScan      = 20_000
	chargeScanEntry = 5_000
	chargeValueRead = 3  // more for each begun 4 bytes of a value that get or scan finds: it comes from the disk
	chargeValuePut  = 15 // more for each begun 4 bytes of a value that is put: it is hashed, and written more than once
	chargeEmit      = 200
	chargeHistory   = 8_000
	chargeProof     = 60_000
	chargeBeacon    = 150
	chargeRandom    = 144 // for each begun 32 random bytes
	chargeNative    = 500 // a call of native code, beside one unit for each begun 4 bytes of request and response
)

// chargeEntry is what an entry costs that a scan visits.
func chargeEntry(key, value []byte) int64 {
	return chargeScanEntry + chargeBytes(len(key)+len(value)) + chargeValueRead*chargeBytes(len(value))
}

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
	costStore        = 6     // beside the region's, see memoryCharges
	costBulk         = 20    // memory.copy and memory.fill, beside two loads, one for each 8 bytes, and the regions
	costBulkShift    = 3     //
	costGrow         = 1_000 // memory.grow, beside costPage for each page asked for
	costPage         = 4_096
)

// memoryCharges are the charges that depend on how many pages of memory a call may have.
type memoryCharges struct {
	load         int   // a load that the caches do not help
	regionShift  uint8 // log2 of a region's bytes
	regionCharge uint8 // log2 of the units of the first write into a region in a call
}

// loadSchedule is what a load costs with at most so many pages: the further a memory reaches
// beyond the processor's caches and its table of pages, the longer a load may take.
var loadSchedule = []struct {
	pages uint32
	cost  int
}{{8, 6}, {16, 8}, {32, 22}, {64, 48}, {128, 96}, {1 << 16, 280}}

// regionByteShift is log2 of the bytes of a region for one unit: what it takes to put it back
// before the next call.
const regionByteShift = 4

// memoryChargesFor returns the charges of a module that may have so many pages. A region has
// a 64th of the memory, but from 1 to 64 KiB; beyond 64 pages, regions share the 64 bits of a
// set, and who writes into one pays for all that share its bit.
func memoryChargesFor(pages uint32) memoryCharges {
	c := memoryCharges{regionShift: 10}
	for _, x := range loadSchedule {
		if c.load = x.cost; pages <= x.pages {
			break
		}
	}
	for c.regionShift < pageShift && 64<<c.regionShift < uint64(pages)<<pageShift {
		c.regionShift++
	}
	c.regionCharge = c.regionShift - regionByteShift
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
