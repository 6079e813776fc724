package hook

// Fault says why a call gave no result. Numbers and names are stable: they are written to
// the ledger and compared between replicas. Zero is no fault.
//
// A fault is deterministic: every replica gets the same one for the same call. What befalls
// one host alone (no memory, no compiled code) is an error of that host and never a Fault.
type Fault uint32

// The faults. New ones are added at the end.
const (
	FaultNone      Fault = iota
	FaultFuel            // the call used up its fuel
	FaultDepth           // calls nested too deeply
	FaultMemory          // more memory than allowed, where the guest is not told by memory.grow; no engine gives it yet
	FaultTrap            // unreachable, division by zero, access out of bounds, bad indirect call
	FaultBounds          // a host function was given a range outside the memory
	FaultAbort           // env.abort: a failed assertion of the guest's language
	FaultExit            // proc_exit: the guest's runtime gave up
	FaultOutput          // no output, two outputs, or bytes that are no response
	FaultImport          // a host function that this operation must not call
	FaultReentrant       // a call into a guest that is already being called
	FaultHostCount       // more host calls than allowed
	FaultMissing         // the plugin does not serve the operation
	FaultStatus          // the guest's function returned another status than 0
	FaultHost            // a host function failed from within; a defect of the host
	FaultLimit           // a key, value or event beyond its limits
	FaultInput           // the request itself is beyond the hook's limits
	faultCount
)

var faultNames = [faultCount]string{
	"none", "fuel", "depth", "memory", "trap", "bounds", "abort", "exit", "output", "import",
	"reentrant", "host-count", "missing", "status", "host", "limit", "input",
}

// String returns the stable name.
func (f Fault) String() string {
	if f < faultCount {
		return faultNames[f]
	}
	return "unknown"
}

// Defect reports whether the fault can only be a mistake in the plugin. Using up a limit may be the
// doing of whoever made the request.
func (f Fault) Defect() bool {
	switch f {
	case FaultTrap, FaultBounds, FaultAbort, FaultExit, FaultOutput, FaultImport, FaultReentrant, FaultMissing, FaultStatus:
		return true
	}
	return false
}

// Valid reports whether the number is one of the faults, or none.
func (f Fault) Valid() bool { return f < faultCount }
