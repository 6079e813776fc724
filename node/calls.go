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
// questions cost, before or after the end. A call is complete when the next one begins, or the step ends. What a
// built-in answers in a row is told as one call: it answers thousands a second, for each of which several would
// take a lock.
type calls struct {
	observer Observer
	call     Call
	open     bool // call is one of a guest that has not been told of
	row      Call // of a built-in, if it has requests
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
		k.answered(&b, o)
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

// answered adds an answer without a call to the row. A fault ends it, so that none is lost.
func (k *calls) answered(b *quoin.Binding, o plugin.Outcome) {
	r := &k.row
	if r.Requests > 0 && (o.Fault != hook.FaultNone || r.Binding.Builtin != b.Builtin || r.Binding.Hook != b.Hook ||
		r.Binding.Namespace != b.Namespace || r.Binding.Release != b.Release) {
		k.endRow()
	}
	if r.Requests == 0 {
		r.Binding = *b
	}
	r.Requests++
	r.Fuel += o.Fuel
	if o.Fault != hook.FaultNone {
		r.Fault = o.Fault
		k.endRow()
	}
}

func (k *calls) endRow() {
	if k.row.Requests > 0 {
		k.observer.Called(k.row)
		k.row = Call{}
	}
}

// settle tells of what ended.
func (k *calls) settle() {
	k.endRow()
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
