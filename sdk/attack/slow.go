package attack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/node/compile"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	. "quoin.dev/quoin/plugin/wasmtest"
	"quoin.dev/quoin/state"
	"quoin.dev/quoin/store"
)

// slowCases are attacks on time that the limits allow.
func slowCases() []Case {
	return []Case{
		{13, "signature-most", "has half as many functions of the most parameters as the check lets pass", contained, signatureMost},
		{14, "compile-again", "is compiled again and again", contained, compileAgain},
		{14, "compile-slow", "is as hard to compile as the check lets pass, in part", contained, compileSlow},
		{53, hostile.ProbeSlow, "waits for memory, and for the host, as long as its fuel lasts", contained, slowWithinFuel},
	}
}

// compileSlow compiles the worst that is known to pass the check, loops beside loops, in a tenth of the
// functions that would pass. A node compiles in a process of its own, with budgets of time and memory.
func compileSlow(s *stage) (string, error) {
	return s.compiles("compile-slow", func(m *Module) {
		for range 6 {
			m.Func("", nil, nil, nil, bytes.Repeat(Loop(0x40), 900))
		}
	})
}

func signatureMost(s *stage) (string, error) {
	limits := plugin.DefaultLimits()
	return s.compiles("signature-most", func(m *Module) {
		for range limits.Functions / 2 {
			m.RawFunc("", bytes.Repeat(Types(I64), limits.Params), nil, []byte{0, 0x0b})
		}
	})
}

// compiles compiles a module that passes the check; memory is judged by the caller, time is told.
func (s *stage) compiles(name string, bloat func(m *Module)) (string, error) {
	m := Guest(1)
	m.Func("machine.v1.apply", nil, Types(I32), nil, I32Const(0))
	m.Func("machine.v1.query", nil, Types(I32), nil, I32Const(0))
	bloat(m)
	f := hostile.Fixture{Name: name, Hook: hook.Machine.Name, Module: m.Bytes()}
	file := f.Release(author.public)
	report, err := plugin.Check(file, s.hole.limits(0))
	if err != nil {
		return "", err
	}
	start := time.Now()
	r, err := s.hosts[0].Compile(file)
	if err != nil {
		return "", err
	}
	s.note = fmt.Sprintf("%d of a complexity of %d: %d ms", report.ComplexityAll, plugin.DefaultLimits().ComplexityAll, time.Since(start).Milliseconds())
	return contained, r.Close()
}

// compileAgain compiles a release and one that fails, many times, and asks a node's cache twice for the
// one that fails: neither may cost memory for good, and the second time is told from memory.
func compileAgain(s *stage) (string, error) {
	fine, _ := hostile.Find(hostile.ProbeNaN)
	fails, _ := hostile.Find("init-loop")
	for range 50 {
		for _, h := range s.hosts {
			r, err := h.Compile(fine.Release(author.public))
			if err != nil {
				return "", err
			}
			if err := r.Close(); err != nil {
				return "", err
			}
		}
	}
	dir, err := os.MkdirTemp("", "quoin-attack-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	cache, err := compile.Open(compile.Options{Dir: dir})
	if err != nil {
		return "", err
	}
	defer cache.Close()
	file := fails.Release(author.public)
	var took [2]time.Duration
	for i := range took {
		start := time.Now()
		if _, err := cache.Prepare(context.Background(), plugin.Digest(file), file); err == nil || errors.Is(err, plugin.ErrLocal) {
			return "compiled", fmt.Errorf("a release whose initialisation faults: %w", err)
		}
		took[i] = time.Since(start)
	}
	s.note = fmt.Sprintf("refused in %v, then in %v", took[0].Round(time.Millisecond), took[1].Round(time.Microsecond))
	return contained, nil
}

// slowMost is how many times the median of nanoseconds per fuel the worst may be here. The schedule's
// benchmark holds prices to 3 times, over all instructions and host functions, on a quiet machine; this
// case has a few fixtures and whatever machine there is, and looks for a price that is wrong.
const slowMost = 10

// slowWithinFuel measures the nanoseconds of a unit of fuel of fixtures that burn all they have, each in
// another way.
func slowWithinFuel(s *stage) (string, error) {
	var all []float64
	worst, name := 0.0, ""
	for _, n := range []string{"machine-endless-loop", "machine-host-flood", "machine-scan-flood", hostile.ProbeCopy, hostile.ProbeFill, hostile.ProbeSlow} {
		per, err := s.nanosecondsPerFuel(n)
		if err != nil {
			return "", err
		}
		if all = append(all, per); per > worst {
			worst, name = per, n
		}
	}
	slices.Sort(all)
	median := all[len(all)/2]
	// What a write costs hangs on how the system hands out fresh memory; it is told, not judged.
	writes, err := s.nanosecondsPerFuel("machine-state-bloat")
	if err != nil {
		return "", err
	}
	s.note = fmt.Sprintf("%.2f ns a unit, the worst %.1f times (%s); writes of 64 KiB %.1f times", median, worst/median, name, writes/median)
	if worst > slowMost*median {
		return "answered", errors.New(s.note)
	}
	return contained, nil
}

// nanosecondsPerFuel returns the least of some calls.
func (s *stage) nanosecondsPerFuel(name string) (float64, error) {
	_, b, err := s.fixture(name)
	if err != nil {
		return 0, err
	}
	defer s.drop(b.Release)
	st, err := state.Open(store.NewMemory(), state.Options{})
	if err != nil {
		return 0, err
	}
	least := math.Inf(1)
	for range 7 {
		o, err := st.NewOverlay(nil)
		if err != nil {
			return 0, err
		}
		start := time.Now()
		r, err := s.replicas[0].table.Apply(b, transaction([]byte("x")), &overlaid{o})
		least = min(least, float64(time.Since(start).Nanoseconds())/float64(max(1, r.Fuel)))
		o.Drop()
		if err != nil {
			return 0, err
		}
	}
	return least, nil
}

// overlaid is a namespace of a real state, in a block.
type overlaid struct{ overlay *state.Overlay }

func (o *overlaid) Get(key []byte) ([]byte, bool, error) { return o.overlay.Get(hostileNamespace, key) }
func (o *overlaid) Put(key, value []byte) error          { return o.overlay.Put(hostileNamespace, key, value) }
func (o *overlaid) Delete(key []byte) error              { return o.overlay.Delete(hostileNamespace, key) }

func (o *overlaid) Scan(start, end []byte, visit func(key, value []byte) bool) error {
	return o.overlay.ScanKeys(hostileNamespace, start, end, visit)
}
