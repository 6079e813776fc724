package plugin

import (
	"bytes"
	"context"
	"flag"
	"math/rand"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"

	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

var (
	differentialSeed = flag.Int64("differential.seed", 0, "run only this seed of the differential tests")
	differentialRuns = flag.Int("differential.runs", 150, "modules of the differential tests")
)

// seeds calls f for each seed; a failure says how to repeat it alone.
func seeds(t *testing.T, f func(t *testing.T, r *rand.Rand)) {
	first, n := int64(1), int64(*differentialRuns)
	if *differentialSeed != 0 {
		first, n = *differentialSeed, 1
	}
	for seed := first; seed < first+n; seed++ {
		f(t, rand.New(rand.NewSource(seed)))
		if t.Failed() {
			t.Fatalf("replay: go test ./plugin -run '^%s$' -differential.seed=%d", t.Name(), seed)
		}
	}
}

// randomMachine returns a machine whose apply calls random functions, stores their results
// over the end of its memory's first page, and answers with a part of it.
func randomMachine(r *rand.Rand, shape Shape) []byte {
	m := Guest(1, Output)
	functions, params, results := Random(r, m, shape)
	var body []byte
	at := int32(0x7000)
	for i, f := range functions {
		for range 2 {
			body = append(body, I32Const(at)...)
			for _, p := range params[i] {
				body = append(body, Constant(r, p)...)
			}
			body = slices.Concat(body, Call(f), StoreResult(results[i]))
			at += 8
		}
	}
	m.Func("machine.v1.apply", nil, status, nil, body, respond(0, 0x7000-2048, 3072))
	return machine(m)
}

// Compiler and interpreter agree on results, faults and fuel, twice in a row on one instance.
func TestDifferential(t *testing.T) {
	compiler, interpreter := newHost(t, Options{}), newHost(t, Options{Interpreter: true})
	faults := map[hook.Fault]int{}
	seeds(t, func(t *testing.T, r *rand.Rand) {
		shape := Shape{Floats: r.Intn(4) > 0, Traps: r.Intn(2) == 0, Locals: r.Intn(40)}
		f, ok := differential(t, compiler, interpreter, release(t, randomMachine(r, shape), testManifest("machine.v1")))
		if !ok {
			t.Fail()
		}
		faults[f]++
	})
	t.Logf("outcomes: %v", faults)
	if *differentialSeed == 0 && (faults[hook.FaultNone] < *differentialRuns/4 || faults[hook.FaultTrap] == 0) {
		t.Error("the random modules test too little")
	}
}

func differential(t *testing.T, compiler, interpreter *Host, file []byte) (hook.Fault, bool) {
	t.Helper()
	var results []ApplyResult
	for _, h := range []*Host{compiler, interpreter} {
		rel, err := h.Compile(file)
		if err != nil {
			t.Error(err)
			return 0, false
		}
		table := newTable(t)
		table.Add(rel)
		for range 2 {
			r, err := table.Apply(rel.Binding("machine.v1"), &hook.ApplyRequest{}, newState())
			if err != nil {
				t.Error(err)
				return 0, false
			}
			results = append(results, r)
			if i := table.guests[rel.Digest()].instance; !i.restore() || !restored(i) {
				t.Errorf("something of a call is left in the memory (fault %v)", r.Fault)
				return r.Fault, false
			}
		}
		table.Remove(rel.Digest())
		_ = rel.Close()
	}
	for _, r := range results[1:] {
		if r.Fault != results[0].Fault || r.Fuel != results[0].Fuel || string(r.Output) != string(results[0].Output) {
			t.Errorf("results differ: %v %d, %v %d", r.Fault, r.Fuel, results[0].Fault, results[0].Fuel)
			for i := range min(len(r.Output), len(results[0].Output)) {
				if r.Output[i] != results[0].Output[i] {
					t.Errorf("byte %d: %#x and %#x", i, r.Output[i], results[0].Output[i])
					break
				}
			}
			return r.Fault, false
		}
	}
	return results[0].Fault, true
}

// restored compares the whole memory with the image.
func restored(i *instance) bool {
	image := make([]byte, int(i.release.image.pages)*pageBytes)
	copy(image, i.release.image.bytes)
	return bytes.Equal(image, i.paged.bytes)
}

// The instrumentation does not change what a module means: the original in the interpreter
// and the rewritten one give the same results. Without floats, whose NaNs it does change.
func TestInstrumentationKeepsMeaning(t *testing.T) {
	ctx := context.Background()
	raw := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer raw.Close(ctx)
	if err := installHostFunctions(ctx, raw); err != nil {
		t.Fatal(err)
	}
	h := newHost(t, Options{})
	seeds(t, func(t *testing.T, r *rand.Rand) {
		m := Guest(1)
		m.Memory(1, 64)
		functions, params, types := Random(r, m, Shape{Traps: r.Intn(2) == 0, Locals: 20})
		for i, f := range functions {
			m.Export(string(rune('a'+i)), KindFunction, f)
		}
		m.Func("machine.v1.apply", nil, status, nil, I32Const(0))
		module := machine(m)
		original, err := raw.InstantiateWithConfig(ctx, module, wazero.NewModuleConfig().WithName(""))
		if err != nil {
			t.Fatal(err)
		}
		defer original.Close(ctx)
		rel, err := h.Compile(release(t, module, testManifest("machine.v1")))
		if err != nil {
			t.Fatal(err)
		}
		defer rel.Close()
		inst, err := rel.start()
		if err != nil {
			t.Fatal(err)
		}
		defer inst.close()
		for i := range functions {
			for range 3 {
				var args []uint64
				for _, p := range params[i] {
					args = append(args, Bits(Constant(r, p)))
				}
				name := string(rune('a' + i))
				want, wantErr := original.ExportedFunction(name).Call(ctx, args...)
				inst.fuel.Set(1 << 60)
				inst.stack.Set(StackBytesMax)
				got, gotErr := inst.module.ExportedFunction(name).Call(&inst.call, args...)
				if types[i] == I32 && wantErr == nil && gotErr == nil {
					got[0], want[0] = uint64(uint32(got[0])), uint64(uint32(want[0])) // the upper half is undefined
				}
				if (wantErr == nil) != (gotErr == nil) || wantErr == nil && got[0] != want[0] {
					t.Errorf("%s(%x): %x %v, the original gives %x %v", name, args, got, gotErr, want, wantErr)
					return
				}
				a, _ := original.Memory().Read(0, original.Memory().Size())
				if b := inst.paged.bytes; wantErr == nil && string(a) != string(b) {
					t.Errorf("%s(%x): the memories differ, of %d and %d bytes", name, args, len(a), len(b))
					return
				}
				if wantErr != nil {
					return
				}
			}
		}
	})
}

func FuzzDifferential(f *testing.F) {
	compiler, interpreter := newHost(f, Options{}), newHost(f, Options{Interpreter: true})
	for seed := range int64(4) {
		f.Add(seed, true, true, byte(30))
	}
	f.Fuzz(func(t *testing.T, seed int64, floats, traps bool, locals byte) {
		r := rand.New(rand.NewSource(seed))
		file := release(t, randomMachine(r, Shape{Floats: floats, Traps: traps, Locals: int(locals) % 60}), testManifest("machine.v1"))
		differential(t, compiler, interpreter, file)
	})
}
