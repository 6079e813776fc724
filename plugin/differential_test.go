package plugin

import (
	"math/rand"
	"slices"
	"testing"

	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// seeds calls f for each seed; a failure says how to repeat it alone.
func seeds(t *testing.T, n int, f func(t *testing.T, r *rand.Rand)) {
	first := 1
	if *differentialSeed != 0 {
		first, n = int(*differentialSeed), 1
	}
	for seed := first; seed < first+n; seed++ {
		f(t, rand.New(rand.NewSource(int64(seed))))
		if t.Failed() {
			t.Fatalf("replay: go test ./plugin -run '^%s$' -differential.seed %d", t.Name(), seed)
		}
	}
}

// randomMachine returns a machine whose apply calls random functions, stores their results
// over the end of its memory's first page, and answers with a part of it.
func randomMachine(r *rand.Rand, shape Shape) []byte {
	m := Guest(1, Output)
	functions, _ := Random(r, m, shape)
	var body []byte
	at := int32(0x7000)
	for range 2 {
		for _, f := range functions {
			body = slices.Concat(body, f.Arguments(r), Call(f.Index), f.StoreResults(at, 0))
			at += 8 * int32(len(f.Results))
		}
	}
	m.Func("machine.v1.apply", nil, status, Types(I32, I64, F32, F64), body, respond(0, 0x7000-2048, 3072))
	return machine(m)
}

// Compiler and interpreter agree on what a transaction gives, twice in a row in one table.
func TestDifferential(t *testing.T) {
	compiler, interpreter := newHost(t, Options{}), newHost(t, Options{Interpreter: true})
	faults := map[hook.Fault]int{}
	const n = 100
	seeds(t, n, func(t *testing.T, r *rand.Rand) {
		shape := Shape{Floats: r.Intn(4) > 0, Traps: r.Intn(2) == 0, Locals: r.Intn(40)}
		f, ok := differentialApply(t, compiler, interpreter, release(t, randomMachine(r, shape), testManifest("machine.v1")))
		if !ok {
			t.Fail()
		}
		faults[f]++
	})
	t.Logf("outcomes: %v", faults)
	if *differentialSeed == 0 && (faults[hook.FaultNone] < n/4 || faults[hook.FaultTrap] == 0) {
		t.Error("the random modules test too little")
	}
}

func differentialApply(t *testing.T, compiler, interpreter *Host, file []byte) (hook.Fault, bool) {
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

// bytesSource makes a generator's choices out of a fuzzer's bytes, and then the first choice
// every time.
type bytesSource struct{ rest []byte }

func (s *bytesSource) next(n int) (v uint64) {
	for range n {
		v <<= 8
		if len(s.rest) > 0 {
			v |= uint64(s.rest[0])
			s.rest = s.rest[1:]
		}
	}
	return v
}

func (s *bytesSource) Intn(n int) int {
	if n <= 256 {
		return int(s.next(1)) % n
	}
	return int(s.next(4) % uint64(n))
}

func (s *bytesSource) Uint32() uint32 { return uint32(s.next(4)) }
func (s *bytesSource) Uint64() uint64 { return s.next(8) }

// FuzzDifferential lets the fuzzer make the choices of TestRandomModules.
func FuzzDifferential(f *testing.F) {
	for seed := range int64(4) {
		b := make([]byte, 2000)
		rand.New(rand.NewSource(seed)).Read(b)
		f.Add(b)
	}
	d := newDifferential(f)
	f.Fuzz(func(t *testing.T, choices []byte) {
		if _, err := d.module(&bytesSource{choices}); err != nil {
			t.Fatal(err)
		}
	})
}
