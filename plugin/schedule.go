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
	chargeGet       = 1_000
	chargePut       = 2_000
	chargeDelete    = 2_000
	chargeScan      = 2_000
	chargeScanEntry = 300
	chargeEmit      = 200
	chargeHistory   = 2_000
	chargeProof     = 20_000
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
	costLoad         = 3
	costStore        = 4
	costGlobal       = 2
	costBranch       = 2
	costBranchTable  = 6
	costCall         = 8 // beside the callee's entry
	costIndirect     = 12
	costEntry        = 4 // of a function, beside one for each 4 locals
	costLoop         = 3 // each time round
	costSelect       = 2
	costFloat        = 6 // with the check for NaN
	costFloatCompare = 3
	costFloatRound   = 8
	costFloatDivide  = 14
	costFloatRoot    = 20
	costConvert      = 4
	costTruncate     = 8
	costBulk         = 30    // memory.copy and memory.fill, beside one for each 8 bytes
	costBulkShift    = 3     //
	costGrow         = 1_000 // memory.grow, beside costPage for each page asked for
	costPage         = 1_024
)

// Stack of one call. A frame costs at least frameLeast, so that FramesMax also bounds the
// number of frames, which the interpreter needs.
const (
	StackBytesMax = 16 << 20
	FramesMax     = 1_500
	frameLeast    = StackBytesMax / FramesMax
)
