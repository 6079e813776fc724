package plugin

import (
	"errors"
	"fmt"

	"quoin.dev/quoin/hook"
)

// ErrLocal is wrapped by every error that concerns this host alone: a release that is not
// compiled here, a state that cannot be read, memory that cannot be had. It is never a
// result: the caller abstains and tries again. What all replicas agree on is a hook.Fault.
var ErrLocal = errors.New("plugin: failed on this host only")

func local(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrLocal, fmt.Errorf(format, args...))
}

// Outcome is how a call ended, equal on every replica but for Log and LogDropped, which are
// for people and enter no result.
type Outcome struct {
	Fault hook.Fault
	Fuel  uint64 // used; after a fault the whole limit of the call

	Log        []byte // what the plugin logged, at most hook.LogMax bytes
	LogDropped uint64 // bytes logged beyond that
}

// LeadResult is the answer to leader.v1. Without a fault Proposer is the index of a validator.
type LeadResult struct {
	Proposer uint32
	Outcome
}

// ApplyResult is the answer to machine.v1.apply. After a fault the code is 0 and there is no
// output and no event; the caller drops the writes after a fault and after a code other than 0.
// Output may alias the request's payload.
type ApplyResult struct {
	Code   uint32
	Output []byte
	Events [][]byte
	Outcome
}

// MigrateResult is the answer to machine.v1.migrate. After a fault the code is 0.
type MigrateResult struct {
	Code uint32
	Outcome
}

// QueryResult is the answer to machine.v1.query.
type QueryResult struct {
	Code   uint32
	Output []byte
	Outcome
}

// ValidateResult is the answer to validation.v1.validate: the code 0 accepts.
type ValidateResult struct {
	Code uint32
	Outcome
}

// DelayResult is the answer to finality.v1, within the host's bounds. After a fault it is 0.
type DelayResult struct {
	hook.FinalityResponse
	Asked hook.FinalityResponse // what the plugin said; for its author's tools
	Outcome
}

// TimeoutResult is the answer to pacemaker.v1, within the host's bounds. After a fault it is 0, and
// the caller takes the built-in rule.
type TimeoutResult struct {
	MS    uint64
	Asked uint64 // what the plugin said; for its author's tools
	Outcome
}

// PriorityResult is the answer to priority.v1. After a fault the priority is 0.
type PriorityResult struct {
	Priority uint64
	Outcome
}

// StateReader is one namespace of the state, as the caller keeps it. Keys have 1 to
// hook.KeyMax bytes and values at most hook.ValueMax; the plugin package checks both. It is
// used by the calling goroutine during one call. An error is local: it ends the call with an
// error that wraps ErrLocal and it.
type StateReader interface {
	// Get returns the value of a key, lent until the next use of the state.
	Get(key []byte) (value []byte, ok bool, err error)
	// Scan visits the keys from start to end (exclusive; nil: to the last) in ascending
	// order until visit returns false. visit must not use the state.
	Scan(start, end []byte, visit func(key, value []byte) bool) error
}

// State is a namespace that a transaction may write. Its arguments are lent for the call:
// they may lie in a guest's memory and must be copied. Writes are seen by later reads; the
// caller drops them when the result says so.
type State interface {
	StateReader
	Put(key, value []byte) error
	Delete(key []byte) error
}
