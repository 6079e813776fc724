package plugin

import (
	"bytes"

	"quoin.dev/quoin/hook"
)

// nativeCall is one call of native code: its fuel, its view of the state, and the first
// thing that went wrong. It implements hook.Access.
//
// Native code cannot be stopped, so a fault is remembered: from then on reads find nothing,
// writes do nothing, and the result is dropped when the code returns.
type nativeCall struct {
	scene   scene
	fuelMax int64
	fuel    int64 // left
	calls   int
	fault   hook.Fault
	err     error // local
	events  [][]byte
	log     logBudget
	busy    bool // a state that calls the table from within a call
}

var _ hook.Access = (*nativeCall)(nil)

// begin prepares the call and charges for the request.
func (c *nativeCall) begin(fuelMax uint64, requestBytes int, sc scene) {
	*c = nativeCall{scene: sc, fuelMax: int64(fuelMax), fuel: int64(fuelMax), log: c.log}
	c.log.reset()
	c.charge(chargeNative + chargeBytes(requestBytes))
}

// run calls the code, unless the request is beyond the hook's limits or not paid for. A panic
// of the code is what a trap is for a guest.
func (c *nativeCall) run(invalid error, code func()) {
	if invalid != nil {
		c.stop(hook.FaultInput)
	}
	if c.stopped() {
		return
	}
	c.busy = true
	defer func() {
		c.busy = false
		if recover() != nil {
			c.stop(hook.FaultTrap)
		}
	}()
	code()
}

// end charges for the response and returns how the call ended.
func (c *nativeCall) end(responseBytes int) (Outcome, error) {
	c.charge(chargeBytes(responseBytes))
	if c.err != nil {
		return Outcome{}, local("state: %w", c.err)
	}
	o := Outcome{Fault: c.fault, Fuel: uint64(c.fuelMax - c.fuel)}
	if c.fault != hook.FaultNone {
		o.Fuel = uint64(c.fuelMax)
	}
	o.Log, o.LogDropped = c.log.take()
	return o, nil
}

// charge takes fuel and reports whether the call goes on.
func (c *nativeCall) charge(units int64) bool {
	if c.stopped() {
		return false
	}
	if c.fuel < units {
		c.fault = hook.FaultFuel
		return false
	}
	c.fuel -= units
	return true
}

// host charges for a host function and reports whether the call goes on.
func (c *nativeCall) host(units int64, bytes int) bool {
	if c.calls++; c.calls > HostCallsMax {
		c.stop(hook.FaultHostCount)
	}
	return c.charge(chargeHostCall + units + chargeBytes(bytes))
}

func (c *nativeCall) stopped() bool { return c.fault != hook.FaultNone || c.err != nil }

func (c *nativeCall) stop(f hook.Fault) {
	if !c.stopped() {
		c.fault = f
	}
}

func (c *nativeCall) failed(err error) bool {
	if err != nil && !c.stopped() {
		c.err = err
	}
	return err != nil
}

// checkKey refuses a key beyond the limits.
func (c *nativeCall) checkKey(key []byte) bool {
	if len(key) < 1 || len(key) > hook.KeyMax {
		c.stop(hook.FaultLimit)
		return false
	}
	return true
}

// Get implements hook.Reader.
func (c *nativeCall) Get(key []byte) ([]byte, bool) {
	if c.scene.reader == nil {
		c.stop(hook.FaultImport)
	}
	if !c.host(chargeGet, len(key)) || !c.checkKey(key) {
		return nil, false
	}
	value, ok, err := c.scene.reader.Get(key)
	if c.failed(err) || !ok || !c.charge((1+chargeValueRead)*chargeBytes(len(value))) {
		return nil, false
	}
	return value, true
}

// Scan implements hook.Reader.
func (c *nativeCall) Scan(start, end []byte, visit func(key, value []byte) bool) {
	if c.scene.reader == nil {
		c.stop(hook.FaultImport)
	}
	if !c.host(chargeScan, len(start)+len(end)) {
		return
	}
	if len(start) > hook.KeyMax || len(end) > hook.KeyMax {
		c.stop(hook.FaultLimit)
		return
	}
	if end != nil && bytes.Compare(start, end) >= 0 {
		return
	}
	c.failed(c.scene.reader.Scan(start, end, func(key, value []byte) bool {
		if !c.charge(chargeEntry(key, value)) {
			return false
		}
		return visit(key, value)
	}))
}

// Put implements hook.Access.
func (c *nativeCall) Put(key, value []byte) {
	if c.scene.state == nil {
		c.stop(hook.FaultImport)
	}
	if !c.host(chargePut+chargeValuePut*chargeBytes(len(value)), len(key)+len(value)) || !c.checkKey(key) {
		return
	}
	if len(value) > hook.ValueMax {
		c.stop(hook.FaultLimit)
		return
	}
	c.failed(c.scene.state.Put(key, value))
}

// Delete implements hook.Access.
func (c *nativeCall) Delete(key []byte) {
	if c.scene.state == nil {
		c.stop(hook.FaultImport)
	}
	if !c.host(chargeDelete, len(key)) || !c.checkKey(key) {
		return
	}
	c.failed(c.scene.state.Delete(key))
}

// Emit implements hook.Access.
func (c *nativeCall) Emit(event []byte) {
	if c.scene.state == nil {
		c.stop(hook.FaultImport)
	}
	if !c.host(chargeEmit, len(event)) {
		return
	}
	if len(event) > hook.EventMax || len(c.events) == hook.EventsMax {
		c.stop(hook.FaultLimit)
		return
	}
	c.events = append(c.events, bytes.Clone(event))
}

// Log implements hook.Reader.
func (c *nativeCall) Log(message []byte) {
	if c.host(0, len(message)) {
		c.log.write(message)
	}
}

// Granted implements hook.World: a node's own algorithms may use what there is.
func (c *nativeCall) Granted(capability string) bool {
	return c.host(0, len(capability)) && knownCapability(capability)
}

// outer returns the world for a question with a price, or ends the call where there is none.
func (c *nativeCall) outer(units int64, bytes int) (World, bool) {
	if c.scene.world == nil {
		c.stop(hook.FaultImport)
	}
	return c.scene.world, c.host(units, bytes)
}

// Foreign implements hook.World.
func (c *nativeCall) Foreign(namespace string, key []byte) ([]byte, bool) {
	w, ok := c.outer(chargeGet, len(namespace)+len(key))
	if !ok || !c.checkKey(key) {
		return nil, false
	}
	if foreignNamespace(hook.CapabilityForeign+namespace) == "" {
		c.stop(hook.FaultImport)
		return nil, false
	}
	value, ok, err := w.Foreign(namespace, key)
	if c.failed(err) || !ok || !c.charge((1+chargeValueRead)*chargeBytes(len(value))) {
		return nil, false
	}
	return value, true
}

// History implements hook.World.
func (c *nativeCall) History(height uint64) (hook.Ancestor, bool) {
	w, ok := c.outer(chargeHistory, 0)
	if !ok {
		return hook.Ancestor{}, false
	}
	a, ok, err := w.History(height)
	if c.failed(err) || !ok || !c.charge(chargeBytes(hook.AncestorBytes)) {
		return hook.Ancestor{}, false
	}
	return a, true
}

// Proof implements hook.World.
func (c *nativeCall) Proof(key []byte) []byte {
	w, ok := c.outer(chargeProof, len(key))
	if !ok || !c.checkKey(key) {
		return nil
	}
	proof, err := w.Proof(key)
	if c.failed(err) || !c.charge(chargeBytes(len(proof))) {
		return nil
	}
	return proof
}

// Beacon implements hook.World.
func (c *nativeCall) Beacon() [32]byte {
	w, ok := c.outer(0, 32)
	if !ok {
		return [32]byte{}
	}
	return w.Beacon()
}

// logBudget keeps the first hook.LogMax bytes of a call's messages and counts the rest.
type logBudget struct {
	text    []byte
	dropped uint64
}

func (l *logBudget) reset() { l.text, l.dropped = l.text[:0], 0 }

func (l *logBudget) write(b []byte) {
	n := min(len(b), hook.LogMax-len(l.text))
	l.text = append(l.text, b[:n]...)
	l.dropped += uint64(len(b) - n)
}

// take returns a copy, so that the budget's buffer can serve the next call.
func (l *logBudget) take() ([]byte, uint64) {
	if len(l.text) == 0 {
		return nil, l.dropped
	}
	return bytes.Clone(l.text), l.dropped
}
