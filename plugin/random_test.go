package plugin

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"hash/crc32"
	"math/bits"
	"math/rand"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"

	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// Random modules, each from a seed, run in five ways that must agree: instrumented by the
// compiler, twice on one instance, and by the interpreter; plain; and rewritten by the simple
// rules of wasmtest.Reference, which say what the fuel must be.
//
//	go test ./plugin                                                     some hundred modules
//	go test ./plugin -run TestRandomModules -differential.runs 20000     what CI runs
//	go test ./plugin -run TestRandomModules -differential.runs 1000000 -timeout 0    the longer run, hours
var (
	differentialSeed = flag.Int64("differential.seed", 0, "run only this seed of the differential tests")
	differentialRuns = flag.Int("differential.runs", 300, "modules of the differential tests")
)

const differentialShards = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func TestRandomModules(t *testing.T) {
	first, n := int64(1), *differentialRuns
	if *differentialSeed != 0 {
		first, n = *differentialSeed, 1
	}
	digests := make([]uint32, n)
	counts := make([]differentialCounts, differentialShards)
	t.Run("seeds", func(all *testing.T) {
		for shard := range differentialShards {
			all.Run("", func(t *testing.T) {
				t.Parallel()
				d := newDifferential(t)
				counts[shard] = d.counts
				for i := shard; i < n && !all.Failed(); i += differentialShards {
					seed := first + int64(i)
					var problem error
					if digests[i], problem = d.module(rand.New(rand.NewSource(seed))); problem != nil {
						t.Fatalf("seed %d: %v\nreplay: go test ./plugin -run TestRandomModules -differential.seed %d", seed, problem, seed)
					}
				}
			})
		}
	})
	if t.Failed() || *differentialSeed != 0 {
		return
	}
	total := newDifferentialCounts()
	for _, c := range counts {
		total.add(c)
	}
	t.Logf("calls: %v", total.calls)
	t.Logf("faults: %v", total.faults)
	total.enough(t, n)
	compareDigests(t, digests)
}

// differential runs random modules in all ways.
type differential struct {
	t           testing.TB
	compiler    *Host
	interpreter *Host
	raw         wazero.Runtime // the engine's interpreter, without instrumentation
	counts      differentialCounts
	memory      []byte // of the first of several calls
	rawMemory   []byte // of modules without instrumentation
}

func newDifferential(t testing.TB) *differential {
	t.Helper()
	ctx := context.Background()
	d := &differential{t: t, compiler: newHost(t, Options{}), interpreter: newHost(t, Options{Interpreter: true}),
		raw: wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter()), counts: newDifferentialCounts(),
		rawMemory: make([]byte, randomMost*pageBytes)}
	t.Cleanup(func() { _ = d.raw.Close(ctx) })
	return d
}

// Pages of a random module's memory, and the fuel of its calls.
const (
	randomPages = 3
	randomMost  = 8
	randomFuel  = 200_000
)

// randomGuest returns a plugin of random functions and the names of the exports that call
// them, each without parameters and with the status 0.
func randomGuest(r Source) (m *Module, calls []string, reach Reach) {
	m = Guest(randomPages)
	m.Memory(randomPages, randomMost)
	shape := Shape{Floats: r.Intn(4) > 0, Traps: r.Intn(2) == 0, Locals: r.Intn(50), Far: r.Intn(2) == 0}
	functions, reach := Random(r, m, shape)
	for i := range m.Globals() {
		m.Export(globalName(i), KindGlobal, uint32(i))
	}
	for range 2 {
		for _, f := range functions {
			name := fmt.Sprintf("call.%d", len(calls))
			m.Func(name, nil, status, Types(I32, I64, F32, F64), f.Arguments(r), Call(f.Index), f.StoreResults(0x2f000, 0), I32Const(0))
			calls = append(calls, name)
		}
	}
	m.Func("machine.v1.apply", nil, status, nil, I32Const(0))
	m.Func("machine.v1.query", nil, status, nil, I32Const(0))
	return m, calls, reach
}

// observed is what a call leaves behind.
type observed struct {
	trapped bool
	fault   hook.Fault // instrumented only
	fuel    uint64     // without a fault
	stack   uint64     // what is left of it, instrumented only
	regions uint64     // of fuel, for those that were written to, instrumented only
	memory  []byte
	globals []uint64 // the module's mutable ones
}

// differs says how two calls differ in what every way of running has in common.
func (o *observed) differs(other *observed) error {
	switch {
	case o.trapped != other.trapped:
		return fmt.Errorf("one traps: %v, %v", o.trapped, other.trapped)
	case !slices.Equal(o.globals, other.globals):
		return fmt.Errorf("globals %x, %x", o.globals, other.globals)
	case len(o.memory) != len(other.memory):
		return fmt.Errorf("memories of %d and %d bytes", len(o.memory), len(other.memory))
	}
	if bytes.Equal(o.memory, other.memory) {
		return nil
	}
	at := 0
	for o.memory[at] == other.memory[at] {
		at++
	}
	at &^= 7
	return fmt.Errorf("memory from %#x: %x, %x", at, o.memory[at:at+8], other.memory[at:at+8])
}

// instrumentedDiffers says how two instrumented calls differ.
func (o *observed) instrumentedDiffers(other *observed) error {
	switch {
	case o.fault != other.fault:
		return fmt.Errorf("faults %v, %v", o.fault, other.fault)
	case o.fuel != other.fuel:
		return fmt.Errorf("fuel %d, %d", o.fuel, other.fuel)
	case o.stack != other.stack:
		return fmt.Errorf("stack left %d, %d", o.stack, other.stack)
	}
	return o.differs(other)
}

// module runs all calls of one random module and returns a digest of what they left.
func (d *differential) module(r Source) (digest uint32, err error) {
	m, calls, reach := randomGuest(r)
	d.counts.reached(reach)
	plain := m.Bytes()
	file, err := Embed(plain, testManifest("machine.v1"))
	if err != nil {
		return 0, err
	}
	var instances [2]*instance
	for k, h := range []*Host{d.compiler, d.interpreter} {
		release, err := h.Compile(file)
		if err != nil {
			return 0, err
		}
		defer release.Close()
		if instances[k], err = release.start(); err != nil {
			return 0, err
		}
		defer instances[k].close()
		instances[k].restore()
	}
	ctx := context.Background()
	original, err := d.raw.CompileModule(ctx, plain)
	if err != nil {
		return 0, err
	}
	defer original.Close(ctx)
	reference, err := d.raw.CompileModule(ctx, m.Reference(schedulePrices{memoryChargesFor(randomMost)}))
	if err != nil {
		return 0, err
	}
	defer reference.Close(ctx)

	hash := crc32.New(castagnoli)
	for _, name := range calls {
		o, err := d.instrumented(instances, name, randomFuel)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		if err := d.uninstrumented(original, reference, name, o); err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		o.digest(hash)
		if o.fault != hook.FaultNone {
			continue
		}
		if o, err = d.lessFuel(instances, name, o.fuel, r); err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		o.digest(hash)
	}
	return hash.Sum32(), nil
}

func (o *observed) digest(w interface{ Write([]byte) (int, error) }) {
	var b []byte
	for _, v := range append([]uint64{uint64(o.fault), o.fuel, o.stack, uint64(len(o.memory))}, o.globals...) {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	_, _ = w.Write(b)
	_, _ = w.Write(o.memory)
}

// instrumented calls with the compiler, twice, and with the interpreter.
func (d *differential) instrumented(instances [2]*instance, name string, fuel uint64) (*observed, error) {
	var first *observed
	for n, i := range []*instance{instances[0], instances[0], instances[1]} {
		o, err := observe(i, name, fuel)
		if err != nil {
			return nil, err
		}
		if o.fault == hook.FaultNone && o.stack != StackBytesMax {
			return nil, fmt.Errorf("with fuel %d: %d bytes of stack are left after the call of %d", fuel, o.stack, StackBytesMax)
		}
		if first == nil {
			first = o
			d.memory = append(d.memory[:0], o.memory...)
			first.memory = d.memory
			d.counts.faults[o.fault]++
		} else if err := first.instrumentedDiffers(o); err != nil {
			return nil, fmt.Errorf("with fuel %d: the compiler and the %s differ: %w", fuel, []string{"", "compiler again", "interpreter"}[n], err)
		}
		if !i.restore() || !restored(i) {
			return nil, fmt.Errorf("with fuel %d: something of the call (fault %v) is left in the memory", fuel, o.fault)
		}
	}
	return first, nil
}

// observe calls a restored instance; the memory is the instance's own.
func observe(i *instance, name string, fuel uint64) (*observed, error) {
	outcome, err := i.run(name, fuel)
	if err != nil {
		return nil, err
	}
	o := &observed{trapped: outcome.Fault != hook.FaultNone, fault: outcome.Fault, fuel: outcome.Fuel, stack: i.stack.Get(), memory: i.paged.bytes}
	o.regions = uint64(bits.OnesCount64(i.dirty.Get())) << i.call.charges.regionCharge
	for _, g := range i.globals {
		o.globals = append(o.globals, g.Get())
	}
	return o, nil
}

// restored compares the whole memory with the image.
func restored(i *instance) bool {
	image, memory := i.release.image, i.paged.bytes
	n := len(image.bytes)
	return len(memory) == int(image.pages)*pageBytes && bytes.Equal(memory[:n], image.bytes) && allZero(memory[n:])
}

var zeroPage [pageBytes]byte

func allZero(b []byte) bool {
	for len(b) > pageBytes {
		if !bytes.Equal(b[:pageBytes], zeroPage[:]) {
			return false
		}
		b = b[pageBytes:]
	}
	return bytes.Equal(b, zeroPage[:len(b)])
}

// uninstrumented calls the reference, and the plain module if no NaN can make a difference.
// Where fuel or depth ended the instrumented call there is nothing to compare.
func (d *differential) uninstrumented(original, reference wazero.CompiledModule, name string, want *observed) error {
	if want.fault == hook.FaultFuel || want.fault == hook.FaultDepth {
		return nil
	}
	got, nans, err := d.rawCall(reference, name, len(want.globals))
	if err != nil {
		return err
	}
	if err := want.differs(got); err != nil {
		return fmt.Errorf("the reference differs: %w", err)
	}
	if !want.trapped && want.fuel != got.fuel+want.regions {
		return fmt.Errorf("the fuel is %d, %d of it for regions, the reference's %d", want.fuel, want.regions, got.fuel)
	}
	d.counts.calls["like the reference"]++
	if nans > 0 {
		d.counts.calls["with NaNs that are not canonical"]++
		return nil
	}
	if got, _, err = d.rawCall(original, name, len(want.globals)); err != nil {
		return err
	}
	if err := want.differs(got); err != nil {
		return fmt.Errorf("the plain module differs: %w", err)
	}
	d.counts.calls["like the plain module"]++
	return nil
}

// rawCall calls a new instance of a module without instrumentation, and returns what the
// reference counts: fuel and NaNs.
func (d *differential) rawCall(c wazero.CompiledModule, name string, globals int) (o *observed, nans uint64, err error) {
	clear(d.rawMemory)
	paged := &pagedMemory{bytes: d.rawMemory[:0], most: uint64(len(d.rawMemory))}
	ctx := experimental.WithMemoryAllocator(context.Background(), paged)
	m, err := d.raw.InstantiateModule(ctx, c, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return nil, 0, err
	}
	defer m.Close(ctx)
	_, trap := m.ExportedFunction(name).Call(ctx)
	o = &observed{trapped: trap != nil}
	for i := range globals {
		o.globals = append(o.globals, m.ExportedGlobal(globalName(i)).Get())
	}
	o.memory = paged.bytes
	if fuel := m.ExportedGlobal(ReferenceFuel); fuel != nil {
		o.fuel, nans = fuel.Get(), m.ExportedGlobal(ReferenceNaNs).Get()
	}
	return o, nans, nil
}

func globalName(i int) string { return fmt.Sprintf("global.%d", i) }

// lessFuel calls again with exactly the fuel that was used, which must do, or with less, which
// must not, wherever it runs out.
func (d *differential) lessFuel(instances [2]*instance, name string, used uint64, r Source) (*observed, error) {
	fuel, want := used, hook.FaultFuel
	switch r.Intn(3) {
	case 0:
		want = hook.FaultNone
	case 1:
		fuel--
	case 2:
		fuel = uint64(r.Intn(int(used)))
	}
	o, err := d.instrumented(instances, name, fuel)
	if err == nil && o.fault != want {
		err = fmt.Errorf("fault %v with fuel %d, though %d are used", o.fault, fuel, used)
	}
	if fuel < used {
		d.counts.calls["out of fuel on the way"]++
	}
	return o, err
}
