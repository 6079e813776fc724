package chaos

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin"
)

// Action is what an operation does to its register.
type Action uint8

// The actions.
const (
	Read   Action = iota // adds nothing: returns the value, and leaves a register that was absent at 0
	Write                // sets it to A
	Add                  // adds A and returns the sum
	Swap                 // sets it to B if it is A
	Create               // sets it to A if it is absent
	Delete               // makes it absent
	actions
)

var actionNames = [actions]string{"read", "write", "add", "swap", "create", "delete"}

func (a Action) String() string { return actionNames[a] }

// Operation is one operation of a client: one transaction, submitted once or more under one id.
type Operation struct {
	Client int
	Key    string
	Action Action
	A, B   int64
	ID     quoin.Hash
	Call   time.Duration // since the run began
	Return time.Duration // when its receipt was there and verified; 0: its outcome is unknown
	Tries  int           // how often it was submitted

	// What the receipt says.
	Code   uint32
	Value  int64 // of Read and Add that are done
	Entry  uint64
	Height quoin.Height
}

// Known reports whether the client got a receipt.
func (o *Operation) Known() bool { return o.Return != 0 }

func (o *Operation) String() string {
	s := fmt.Sprintf("client %d %s %s", o.Client, o.Action, o.Key)
	switch o.Action {
	case Write, Add, Create:
		s += fmt.Sprintf(" %d", o.A)
	case Swap:
		s += fmt.Sprintf(" %d for %d", o.B, o.A)
	}
	if !o.Known() {
		return s + fmt.Sprintf(" from %v on: unknown", o.Call)
	}
	s += fmt.Sprintf(" from %v to %v: code %d", o.Call, o.Return, o.Code)
	if o.Code == plugin.KVDone && (o.Action == Read || o.Action == Add) {
		s += fmt.Sprintf(", %d", o.Value)
	}
	return s + fmt.Sprintf(", entry %d", o.Entry)
}

// payload is the operation for the key-value machine.
func (o *Operation) payload() []byte {
	var b plugin.KVBatch
	key := []byte(o.Key)
	switch o.Action {
	case Read:
		b.Add(key, 0)
	case Write:
		b.Put(key, number(o.A))
	case Add:
		b.Add(key, o.A)
	case Swap:
		b.CompareAndSet(key, number(o.A), number(o.B))
	case Create:
		b.Create(key, number(o.A))
	case Delete:
		b.Delete(key)
	}
	return b.Payload()
}

func number(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// take reads the result of a transaction.
func (o *Operation) take(r *quoin.Result) error {
	o.Code = r.Code
	want := 0
	if o.Code == plugin.KVDone && (o.Action == Read || o.Action == Add) {
		want = 8
	}
	if len(r.Output) != want {
		return fmt.Errorf("%s %s ended with code %d and %d bytes of output, want %d", o.Action, o.Key, r.Code, len(r.Output), want)
	}
	if want > 0 {
		o.Value = int64(binary.BigEndian.Uint64(r.Output))
	}
	return nil
}

// leaves is the value that the register had after the operation, as far as the client can know.
func (o *Operation) leaves(before int64) int64 {
	switch {
	case o.Code != plugin.KVDone:
		return before
	case o.Action == Write, o.Action == Create:
		return o.A
	case o.Action == Swap:
		return o.B
	}
	return o.Value
}

// StateRead is one verified read of the certified state, which is no transaction.
type StateRead struct {
	Client  int
	Key     string
	Return  time.Duration
	Height  quoin.Height
	Least   quoin.Height // that the client had seen certified when it asked
	Present bool
	Value   int64
}

// History is what the clients did and saw.
type History struct {
	Operations []Operation
	Reads      []StateRead
}

// recorder collects a history from many clients.
type recorder struct {
	mu    sync.Mutex
	began time.Time
	h     History
}

func (r *recorder) now() time.Duration { return time.Since(r.began) }

func (r *recorder) operation(o *Operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Operations = append(r.h.Operations, *o)
}

func (r *recorder) read(x *StateRead) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.Reads = append(r.h.Reads, *x)
}

// silent returns the clients of n of which no operation that began after a time was acknowledged.
func (r *recorder) silent(since time.Duration, n int) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	heard := make([]bool, n)
	for i := len(r.h.Operations) - 1; i >= 0; i-- { // in the order in which they ended
		o := &r.h.Operations[i]
		if o.Known() && o.Return < since-time.Second { // recorded a little later than it was timed
			break
		}
		if o.Known() && o.Call >= since {
			heard[o.Client] = true
		}
	}
	var silent []int
	for i, h := range heard {
		if !h {
			silent = append(silent, i)
		}
	}
	return silent
}
