package plugin

// Versions that decide what a call costs and gives. They are part of a chain's configuration
// (sandbox_engine and fuel_schedule) and of every cache's key. Whoever changes a charge, the
// instrumentation or a host function's rule changes the number.
const (
	// EngineVersion names the rules of check and instrumentation and the host functions.
	EngineVersion = 1
	// ScheduleVersion names the table of charges.
	ScheduleVersion = 1
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
	chargeNative    = 500 // a call of native code, beside one unit for each begun 4 bytes of request and response
)

// chargeBytes is what n bytes cost.
func chargeBytes(n int) int64 { return int64(n+1<<chargeByteShift-1) >> chargeByteShift }
