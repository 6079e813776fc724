package plugin

import (
	"bytes"
	"context"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"quoin.dev/quoin/hook"
)

// instance is one running copy of a release. It serves one call at a time.
type instance struct {
	release   *Release
	module    api.Module
	memory    api.Memory
	paged     *pagedMemory
	fuel      api.MutableGlobal
	stack     api.MutableGlobal
	dirty     api.MutableGlobal
	region    api.MutableGlobal
	touched   dirtyRegions // since the last restore
	globals   []api.MutableGlobal
	functions map[string]api.Function
	call      call
	request   []byte
	results   [1]uint64
	busy      bool
	flaws     Flaws // of its table
}

// image is what every call of a release starts from.
type image struct {
	pages   uint32
	bytes   []byte // of the memory, without the zeros at its end
	globals []uint64
	random  uint64 // place in the stream of random bytes
}

// start makes an instance of the module as it is in the file, uninitialised.
func (r *Release) start() (*instance, error) {
	paged := &pagedMemory{most: uint64(r.report.PagesMax) * pageBytes}
	ctx := experimental.WithMemoryAllocator(context.Background(), paged)
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	module, err := r.host.runtime.InstantiateModule(ctx, r.compiled, config)
	if err != nil {
		return nil, local("instantiating release %v: %w", r.Digest(), err)
	}
	i := &instance{release: r, module: module, memory: module.Memory(), paged: paged, functions: map[string]api.Function{}}
	i.fuel = i.global(fuelExport)
	i.stack = i.global(stackExport)
	i.dirty = i.global(dirtyExport)
	i.region = i.global(regionExport)
	i.touched = allRegions
	for _, g := range r.mutable {
		i.globals = append(i.globals, i.global(globalExport+strconv.Itoa(g)))
	}
	i.call = call{Context: context.Background(), fuelGlobal: i.fuel, dirtyGlobal: i.dirty, memory: i.memory, charges: memoryChargesFor(r.report.PagesMax)}
	i.call.scan.visit = i.call.scanned
	i.call.random.digest = r.Digest()
	return i, nil
}

// global returns a global that the instrumentation has exported.
func (i *instance) global(name string) api.MutableGlobal {
	return i.module.ExportedGlobal(name).(api.MutableGlobal)
}

func (i *instance) close() {
	_ = i.module.Close(context.Background())
}

// snapshot takes the image of an instance.
func (i *instance) snapshot() image {
	m := image{
		pages:  uint32(len(i.paged.bytes) / pageBytes),
		bytes:  bytes.Clone(bytes.TrimRight(i.paged.bytes, "\x00")),
		random: i.call.random.counter,
	}
	for _, g := range i.globals {
		m.globals = append(m.globals, g.Get())
	}
	return m
}

// restore puts the image into the instance, so that nothing of an earlier call is left.
func (i *instance) restore() bool {
	m := &i.release.image
	size := int(m.pages) * pageBytes
	if now := len(i.paged.bytes); now > size {
		i.paged.shrink, i.paged.shrinkTo = true, size
		i.memory.Grow(1)
	} else if now < size {
		i.memory.Grow(uint32((size - now) / pageBytes))
	}
	if len(i.paged.bytes) != size || int(i.memory.Size()) != size {
		return false
	}
	i.touched.restore(i.paged.bytes, m.bytes, i.call.charges.regionShift)
	i.touched = 0
	for k, g := range i.globals {
		if !i.flaws.KeptGlobals {
			g.Set(m.globals[k])
		}
	}
	i.call.random.counter = m.random
	return true
}

// function returns an export; after a failed call it is fetched anew.
func (i *instance) function(name string) api.Function {
	f := i.functions[name]
	if f == nil {
		if f = i.module.ExportedFunction(name); f != nil {
			i.functions[name] = f
		}
	}
	return f
}

// run calls an export with fuel and tells how it ended; i.call says what it is about.
func (i *instance) run(name string, fuel uint64) (Outcome, error) {
	f := i.function(name)
	if f == nil {
		return Outcome{Fault: hook.FaultMissing, Fuel: fuel}, nil
	}
	c := &i.call
	c.begin(fuel)
	i.stack.Set(StackBytesMax)
	i.dirty.Set(0)
	i.region.Set(noRegion)
	i.results[0] = 0
	err := f.CallWithStack(c, i.results[:])
	left := int64(i.fuel.Get())
	i.touched |= dirtyRegions(i.dirty.Get())
	if err != nil {
		delete(i.functions, name)
		if c.fault == hook.FaultNone && c.err == nil {
			switch {
			case left < 0:
				c.fault = hook.FaultFuel
			case int32(i.stack.Get()) < 0:
				c.fault = hook.FaultDepth
			case isTrap(err):
				c.fault = hook.FaultTrap
			default:
				c.err = err
			}
		}
	} else if left < 0 {
		c.stop(hook.FaultFuel)
	}
	if c.err != nil {
		return Outcome{}, local("calling %s of release %v: %w", name, i.release.Digest(), c.err)
	}
	o := Outcome{Fault: c.fault, Fuel: fuel - uint64(left)}
	if c.fault != hook.FaultNone {
		o.Fuel = fuel
	}
	o.Log, o.LogDropped = c.log.take()
	return o, nil
}

// isTrap tells the traps of WebAssembly, which are the guest's, from the engine's own
// failures. The engine's stack is far larger than what the depth limit lets a guest use.
func isTrap(err error) bool {
	s := err.Error()
	return strings.HasPrefix(s, "wasm error: ") && !strings.HasPrefix(s, "wasm error: stack overflow")
}
