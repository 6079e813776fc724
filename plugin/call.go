package plugin

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/bits"

	"github.com/tetratelabs/wazero/api"

	"quoin.dev/quoin/hook"
)

// call is one call of a guest, as the host functions see it. It is the context of the call:
// wazero hands it to host functions as it is, so that they need no search.
//
// A host function ends the call by stop: the fuel becomes negative, and the check that the
// instrumentation puts after every call of a host function leaves the guest.
type call struct {
	context.Context
	fuelGlobal  api.MutableGlobal
	dirtyGlobal api.MutableGlobal
	memory      api.Memory
	charges     memoryCharges

	operation hook.Operation
	request   []byte
	response  []byte
	answered  bool
	scene     scene
	rights    rights
	batch     *batch // of a batch operation
	recording *Recording
	timeNS    uint64 // the clock
	random    randomBytes

	scan   scan
	left   int64 // fuel, while a host function runs
	calls  int
	fault  hook.Fault
	err    error // local
	events [][]byte
	log    logBudget
}

// begin clears what the last call left; the caller sets what the call is about.
func (c *call) begin(fuel uint64) {
	c.fault, c.err = hook.FaultNone, nil
	c.renew()
	c.fuelGlobal.Set(fuel)
}

// renew clears what belongs to one request.
func (c *call) renew() {
	c.response, c.answered = c.response[:0], false
	c.calls, c.events = 0, nil
	c.log.reset()
}

func (c *call) stopped() bool { return c.fault != hook.FaultNone || c.err != nil }

// stop ends the call with a fault, unless it has ended already.
func (c *call) stop(f hook.Fault) {
	if !c.stopped() {
		c.fault = f
	}
	c.leave()
}

// leave makes the guest return to the host.
func (c *call) leave() { c.left = -1 << 63 }

// failed ends the call with a local error, if there is one.
func (c *call) failed(err error) bool {
	if err != nil {
		if !c.stopped() {
			c.err = err
		}
		c.leave()
	}
	return err != nil
}

// charge takes fuel and reports whether the call goes on.
func (c *call) charge(units int64) bool {
	if c.stopped() {
		c.leave()
		return false
	}
	if c.left < units {
		c.stop(hook.FaultFuel)
		return false
	}
	c.left -= units
	return true
}

// enter begins a host function: it takes over the fuel, counts and charges.
func (c *call) enter() bool {
	c.left = int64(c.fuelGlobal.Get())
	if c.calls++; c.calls > HostCallsMax {
		c.stop(hook.FaultHostCount)
		return false
	}
	return c.charge(chargeHostCall)
}

// exit ends a host function and hands the fuel back.
func (c *call) exit() { c.fuelGlobal.Set(uint64(c.left)) }

// view returns the guest's bytes at a pointer, charged for; a range outside the memory ends
// the call. The view is the memory itself and is valid until the guest runs on.
func (c *call) view(pointer, length uint64, longest int, beyond hook.Fault) ([]byte, bool) {
	n := uint32(length)
	if uint64(n) > uint64(longest) {
		c.stop(beyond)
		return nil, false
	}
	b, ok := c.memory.Read(uint32(pointer), n)
	if !ok {
		c.stop(hook.FaultBounds)
		return nil, false
	}
	return b, c.charge(chargeBytes(int(n)))
}

// deliver writes b to the guest's buffer, if it fits, and returns b's length: the guest owns
// all buffers, and a too small one gets nothing but the length that is needed.
func (c *call) deliver(b []byte, pointer, capacity uint64) uint64 {
	if !c.charge(chargeBytes(len(b))) {
		return 0
	}
	if uint64(len(b)) > uint64(uint32(capacity)) {
		return uint64(len(b))
	}
	to, ok := c.buffer(pointer, uint64(len(b)))
	if !ok {
		return 0
	}
	return uint64(copy(to, b))
}

// buffer returns the guest's bytes at a pointer to be written. Whoever writes to a guest's
// memory does it through buffer, write32, write64 or deliver.
func (c *call) buffer(pointer, length uint64) ([]byte, bool) {
	if c.stopped() {
		return nil, false // an earlier write of the same function failed
	}
	b, ok := c.memory.Read(uint32(pointer), uint32(length))
	if !ok {
		c.stop(hook.FaultBounds)
		return nil, false
	}
	return b, c.touch(pointer, len(b))
}

// touch notes and charges for n bytes at a pointer that will be written.
func (c *call) touch(pointer uint64, n int) bool {
	dirty := dirtyRegions(c.dirtyGlobal.Get())
	fresh := regionsOf(uint64(uint32(pointer)), uint64(n), c.charges.regionShift) &^ dirty
	c.dirtyGlobal.Set(uint64(dirty | fresh))
	return fresh == 0 || c.charge(int64(bits.OnesCount64(uint64(fresh)))<<c.charges.regionCharge)
}

func (c *call) write32(pointer uint64, v uint32) {
	if b, ok := c.buffer(pointer, 4); ok {
		binary.LittleEndian.PutUint32(b, v)
	}
}

func (c *call) write64(pointer, v uint64) {
	if b, ok := c.buffer(pointer, 8); ok {
		binary.LittleEndian.PutUint64(b, v)
	}
}

// key returns the key at a pointer.
func (c *call) key(pointer, length uint64) ([]byte, bool) {
	k, ok := c.view(pointer, length, hook.KeyMax, hook.FaultLimit)
	if ok && len(k) == 0 {
		c.stop(hook.FaultLimit)
		return nil, false
	}
	return k, ok
}

// readable and writable end the call of an operation that must not use the state so.
func (c *call) readable() bool {
	if c.scene.reader == nil {
		c.stop(hook.FaultImport)
	}
	return c.scene.reader != nil
}

func (c *call) writable() bool {
	if c.scene.state == nil {
		c.stop(hook.FaultImport)
	}
	return c.scene.state != nil
}

// outer returns the world for a host function, or ends the call where there is none.
func (c *call) outer() (World, bool) {
	if c.scene.world == nil {
		c.stop(hook.FaultImport)
	}
	return c.scene.world, c.scene.world != nil
}

// answer keeps the guest's response.
func (c *call) answer(b []byte) {
	if c.answered {
		c.stop(hook.FaultOutput)
		return
	}
	c.answered = true
	c.response = append(c.response[:0], b...)
}

func (c *call) emit(event []byte) {
	if len(c.events) == hook.EventsMax {
		c.stop(hook.FaultLimit)
		return
	}
	c.events = append(c.events, bytes.Clone(event))
}
