package plugin

import (
	"context"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"quoin.dev/quoin/hook"
)

// hostFunction is a function that a guest may import. run gets the arguments in stack and
// leaves the result in stack[0].
type hostFunction struct {
	module, name string
	params       []valueType
	results      []valueType
	// capability is what the manifest must name for a module to import the function, and the binding
	// must grant for a call to use it. hook.CapabilityForeign stands for any of its kind.
	capability string
	run        func(c *call, stack []uint64)
}

func (f *hostFunction) functionType() functionType { return functionType{f.params, f.results} }

const hostModule = "quoin.v1"

var (
	noTypes = []valueType{}
	i32x1   = []valueType{typeI32}
	i32x2   = []valueType{typeI32, typeI32}
	i32x3   = []valueType{typeI32, typeI32, typeI32}
	i32x4   = []valueType{typeI32, typeI32, typeI32, typeI32}
	i32x6   = []valueType{typeI32, typeI32, typeI32, typeI32, typeI32, typeI32}
	i32x7   = []valueType{typeI32, typeI32, typeI32, typeI32, typeI32, typeI32, typeI32}
)

// hostFunctions is the allow-list: a module that imports anything else is refused.
var hostFunctions = append([]hostFunction{
	{hostModule, "input", i32x2, i32x1, "", hostInput},
	{hostModule, "output", i32x2, noTypes, "", hostOutput},
	{hostModule, "state_get", i32x4, i32x1, hook.CapabilityState, hostStateGet},
	{hostModule, "state_put", i32x4, noTypes, hook.CapabilityState, hostStatePut},
	{hostModule, "state_delete", i32x2, noTypes, hook.CapabilityState, hostStateDelete},
	{hostModule, "state_scan", i32x7, i32x1, hook.CapabilityState, hostStateScan},
	{hostModule, "emit", i32x2, noTypes, hook.CapabilityEvents, hostEmit},
	{hostModule, "log", i32x2, noTypes, "", hostLog},
	{hostModule, "granted", i32x2, i32x1, "", hostGranted},
	{hostModule, "foreign_get", i32x6, i32x1, hook.CapabilityForeign, hostForeignGet},
	{hostModule, "history_get", []valueType{typeI64, typeI32, typeI32}, i32x1, hook.CapabilityHistory, hostHistoryGet},
	{hostModule, "proof_get", i32x4, i32x1, hook.CapabilityProof, hostProofGet},
	{hostModule, "beacon", i32x1, noTypes, hook.CapabilityBeacon, hostBeacon},
	{hostModule, "batch_next", noTypes, i32x1, "", hostBatchNext},
	{"env", "abort", i32x4, noTypes, "", func(c *call, _ []uint64) { c.stop(hook.FaultAbort) }},
}, wasiFunctions...)

func findHostFunction(module, name string) *hostFunction {
	for i := range hostFunctions {
		if f := &hostFunctions[i]; f.name == name && f.module == module {
			return f
		}
	}
	return nil
}

// installHostFunctions instantiates the host modules in the runtime.
func installHostFunctions(ctx context.Context, r wazero.Runtime) error {
	for _, module := range []string{hostModule, "env", wasiModule} {
		b := r.NewHostModuleBuilder(module)
		for i := range hostFunctions {
			f := &hostFunctions[i]
			if f.module != module {
				continue
			}
			b = b.NewFunctionBuilder().WithGoModuleFunction(f.goFunction(), apiTypes(f.params), apiTypes(f.results)).Export(f.name)
		}
		if _, err := b.Instantiate(ctx); err != nil {
			return err
		}
	}
	return nil
}

func apiTypes(types []valueType) []api.ValueType {
	list := make([]api.ValueType, len(types))
	for i, t := range types {
		list[i] = api.ValueType(t)
	}
	return list
}

// goFunction wraps run: it counts, charges, and turns a panic, which would be a defect of
// the host or of the state, into the fault host.
func (f *hostFunction) goFunction() api.GoModuleFunc {
	hasResult := len(f.results) > 0
	needed := capability(f.capability)
	return func(ctx context.Context, _ api.Module, stack []uint64) {
		c, ok := ctx.(*call)
		if !ok {
			return // guests are only ever called with a *call
		}
		defer func() {
			if recover() != nil {
				c.stop(hook.FaultHost)
			}
			if hasResult && c.stopped() {
				stack[0] = 0
			}
			c.exit()
		}()
		if c.enter() {
			if c.rights.set&needed != needed {
				c.stop(hook.FaultImport)
				return
			}
			f.run(c, stack)
		}
	}
}

// input(pointer, capacity) -> length
func hostInput(c *call, s []uint64) { s[0] = c.deliver(c.request, s[0], s[1]) }

// output(pointer, length)
func hostOutput(c *call, s []uint64) {
	if b, ok := c.view(s[0], s[1], c.operation.Response.Max, hook.FaultOutput); ok {
		c.answer(b)
	}
}

const notFound = 0xffffffff // -1

// state_get(key, keyLength, value, capacity) -> length or -1
func hostStateGet(c *call, s []uint64) {
	if !c.readable() {
		return
	}
	k, ok := c.key(s[0], s[1])
	if !ok || !c.charge(chargeGet) {
		return
	}
	v, found, err := c.scene.reader.Get(k)
	if c.failed(err) {
		return
	}
	s[0] = c.value(v, found, s[2], s[3])
}

// value delivers a value of a state, if there is one.
func (c *call) value(v []byte, found bool, pointer, capacity uint64) uint64 {
	if !found {
		return notFound
	}
	if !c.charge(chargeValueRead * chargeBytes(len(v))) {
		return 0
	}
	return c.deliver(v, pointer, capacity)
}

// state_put(key, keyLength, value, valueLength)
func hostStatePut(c *call, s []uint64) {
	if !c.writable() {
		return
	}
	k, ok := c.key(s[0], s[1])
	if !ok {
		return
	}
	v, ok := c.view(s[2], s[3], hook.ValueMax, hook.FaultLimit)
	if ok && c.charge(chargePut+chargeValuePut*chargeBytes(len(v))) {
		c.failed(c.scene.state.Put(k, v))
	}
}

// state_delete(key, keyLength)
func hostStateDelete(c *call, s []uint64) {
	if !c.writable() {
		return
	}
	if k, ok := c.key(s[0], s[1]); ok && c.charge(chargeDelete) {
		c.failed(c.scene.state.Delete(k))
	}
}

// emit(pointer, length)
func hostEmit(c *call, s []uint64) {
	if !c.writable() || !c.charge(chargeEmit) {
		return
	}
	if b, ok := c.view(s[0], s[1], hook.EventMax, hook.FaultLimit); ok {
		c.emit(b)
	}
}

// log(pointer, length)
func hostLog(c *call, s []uint64) {
	if b, ok := c.view(s[0], s[1], 1<<20, hook.FaultLimit); ok {
		c.log.write(b)
	}
}

// granted(name, length) -> 1 or 0
func hostGranted(c *call, s []uint64) {
	name, ok := c.view(s[0], s[1], 64, hook.FaultLimit)
	if !ok {
		return
	}
	s[0] = 0
	if c.rights.has(string(name)) {
		s[0] = 1
	}
}

// foreign_get(namespace, namespaceLength, key, keyLength, value, capacity) -> length or -1
func hostForeignGet(c *call, s []uint64) {
	w, ok := c.outer()
	if !ok {
		return
	}
	namespace, ok := c.view(s[0], s[1], hook.NamespaceMax, hook.FaultLimit)
	if !ok {
		return
	}
	if !c.rights.mayRead(namespace) {
		c.stop(hook.FaultImport)
		return
	}
	k, ok := c.key(s[2], s[3])
	if !ok || !c.charge(chargeGet) {
		return
	}
	v, found, err := w.Foreign(string(namespace), k)
	if c.failed(err) {
		return
	}
	s[0] = c.value(v, found, s[4], s[5])
}

// history_get(height, ancestor, capacity) -> length or -1
func hostHistoryGet(c *call, s []uint64) {
	w, ok := c.outer()
	if !ok || !c.charge(chargeHistory) {
		return
	}
	a, found, err := w.History(s[0])
	if c.failed(err) {
		return
	}
	if !found {
		s[0] = notFound
		return
	}
	s[0] = c.deliver(a.Append(make([]byte, 0, hook.AncestorBytes)), s[1], s[2])
}

// proof_get(key, keyLength, proof, capacity) -> length
func hostProofGet(c *call, s []uint64) {
	w, ok := c.outer()
	if !ok {
		return
	}
	k, ok := c.key(s[0], s[1])
	if !ok || !c.charge(chargeProof) {
		return
	}
	proof, err := w.Proof(k)
	if c.failed(err) {
		return
	}
	s[0] = c.deliver(proof, s[2], s[3])
}

// beacon(pointer): 32 bytes
func hostBeacon(c *call, s []uint64) {
	w, ok := c.outer()
	if !ok || !c.charge(chargeBeacon) {
		return
	}
	random := w.Beacon()
	c.deliver(random[:], s[0], uint64(len(random)))
}
