package node

import (
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// calls tells the node's observer of each question to a binding. Without an observer it costs nothing.
//
// The table tells it, on the loop's goroutine, that a call of a guest begins and ends, and what each of its
// questions cost, before or after the end. A call is complete when the next one begins, or the step ends.
type calls struct {
	observer Observer
	call     Call
	open     bool // call is one of a guest that has not been told of
	kept     []Call
}

func (k *calls) begin(operation string) {
	if k.observer == nil {
		return
	}
	k.settle()
	k.open = true
	k.call = Call{Operation: operation, Began: time.Now()}
}

func (k *calls) end(memory uint64) {
	if k.open {
		k.call.Took, k.call.Memory = time.Since(k.call.Began), memory
	}
}

// metered is a plugin.Meter.
func (k *calls) metered(b quoin.Binding, o plugin.Outcome) {
	if k.observer == nil {
		return
	}
	if b.Release.IsZero() || !k.open { // a built-in, or a guest that was not called after all
		k.observer.Called(Call{Binding: b, Requests: 1, Fuel: o.Fuel, Fault: o.Fault})
		return
	}
	c := &k.call
	c.Binding = b
	c.Requests++
	c.Fuel += o.Fuel
	if o.Fault != hook.FaultNone {
		c.Fault = o.Fault
	}
}

// settle tells of the call that ended.
func (k *calls) settle() {
	if !k.open {
		return
	}
	k.open = false
	if k.call.Requests == 0 {
		return // it failed on this host alone
	}
	k.observer.Called(k.call)
	if len(k.kept) < callsKept {
		k.kept = append(k.kept, k.call)
	}
}

// take returns the first calls since it was asked last.
func (k *calls) take() []Call {
	k.settle()
	kept := k.kept
	k.kept = nil
	return kept
}
