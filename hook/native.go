package hook

// LeaderPlugin serves leader.v1. It is called for one request at a time and must depend on
// nothing but the request. The request and its slices are lent for the call.
type LeaderPlugin interface {
	Lead(r *LeaderRequest) LeaderResponse
}

// LeaderFunc is a LeaderPlugin without state of its own.
type LeaderFunc func(r *LeaderRequest) LeaderResponse

// Lead calls the function.
func (f LeaderFunc) Lead(r *LeaderRequest) LeaderResponse { return f(r) }

// MachinePlugin serves machine.v1. It is called for one request at a time and must depend on
// nothing but the request and the state it is given. Requests are lent for the call; a
// response may alias the request.
type MachinePlugin interface {
	// Apply applies one transaction. When the code is not 0, or the call faults, the caller
	// drops what was written and emitted.
	Apply(r *ApplyRequest, state Access) ApplyResponse
	// Query answers from the state.
	Query(r *QueryRequest, state Reader) QueryResponse
}

// Migrator is a MachinePlugin that can bring over what another one left: machine.v1.migrate.
type Migrator interface {
	// Migrate brings the whole namespace over, or gives a code other than 0. What it emits is lost.
	Migrate(r *MigrateRequest, state Access) MigrateResponse
}

// ValidationPlugin serves validation.v1. It is called for one request at a time and must depend on
// nothing but the request and the state it is given, which is that after the block before.
type ValidationPlugin interface {
	Validate(r *ValidationRequest, state Reader) ValidationResponse
}

// ValidationFunc is a ValidationPlugin without state of its own.
type ValidationFunc func(r *ValidationRequest, state Reader) ValidationResponse

// Validate calls the function.
func (f ValidationFunc) Validate(r *ValidationRequest, state Reader) ValidationResponse {
	return f(r, state)
}

// FinalityPlugin serves finality.v1. It must depend on nothing but the request.
type FinalityPlugin interface {
	Delay(r *FinalityRequest) FinalityResponse
}

// FinalityFunc is a FinalityPlugin without state of its own.
type FinalityFunc func(r *FinalityRequest) FinalityResponse

// Delay calls the function.
func (f FinalityFunc) Delay(r *FinalityRequest) FinalityResponse { return f(r) }

// PacemakerPlugin serves pacemaker.v1. It must depend on nothing but the request.
type PacemakerPlugin interface {
	Timeout(r *PacemakerRequest) PacemakerResponse
}

// PacemakerFunc is a PacemakerPlugin without state of its own.
type PacemakerFunc func(r *PacemakerRequest) PacemakerResponse

// Timeout calls the function.
func (f PacemakerFunc) Timeout(r *PacemakerRequest) PacemakerResponse { return f(r) }

// PriorityPlugin serves priority.v1. It must depend on nothing but the request.
type PriorityPlugin interface {
	Priority(r *PriorityRequest) PriorityResponse
}

// PriorityFunc is a PriorityPlugin without state of its own.
type PriorityFunc func(r *PriorityRequest) PriorityResponse

// Priority calls the function.
func (f PriorityFunc) Priority(r *PriorityRequest) PriorityResponse { return f(r) }

// Reader reads a machine's namespace. Keys have 1 to KeyMax bytes, values at most ValueMax.
// Whatever breaks a limit, or is met after the fuel ran out, ends the call in a fault: a
// guest stops there, native code goes on with "not found" until it returns, and its result
// is dropped.
type Reader interface {
	World
	// Get returns the value of a key, or false. The value is lent until the next call.
	Get(key []byte) (value []byte, ok bool)
	// Scan visits the keys from start (inclusive) to end (exclusive; nil: to the last key)
	// in ascending order of their bytes, until visit returns false. Key and value are lent
	// until visit returns; visit must not use the state.
	Scan(start, end []byte, visit func(key, value []byte) bool)
	// Log writes to the log budget of the call. It is never part of a result.
	Log(message []byte)
}

// Access is what Apply works on. Writes are seen by later reads of the same call.
type Access interface {
	Reader
	// Put sets a key's value; the arguments are lent.
	Put(key, value []byte)
	// Delete removes a key, if it is there.
	Delete(key []byte)
	// Emit adds an event to the transaction's result: at most EventsMax of EventMax bytes.
	Emit(event []byte)
}

var _ LeaderPlugin = LeaderFunc(nil)
