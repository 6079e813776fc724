package attack

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// slowCases are attacks on time that the limits allow.
func slowCases() []Case {
	return []Case{
		{14, "compile-slow", "is as hard to compile as the check lets pass, in part", contained, compileSlow},
		{53, hostile.ProbeSlow, "waits for memory, and for the host, as long as its fuel lasts", contained, slowWithinFuel},
	}
}

// compileSlow compiles a module of the greatest complexity that one function may have, some of them: as
// many as take a part of the time, for the check's limit of the whole module is many times that.
func compileSlow(s *stage) (string, error) {
	const functions = 4
	limit := plugin.DefaultLimits().Complexity
	m := Guest(1)
	for range functions {
		const locals = 500
		m.Func("", nil, nil, bytes.Repeat(Types(I32), locals), bytes.Repeat([]byte{0x02, 0x40, 0x0b}, limit/(8+locals)-2))
	}
	m.Func("machine.v1.apply", nil, Types(I32), nil, I32Const(0))
	m.Func("machine.v1.query", nil, Types(I32), nil, I32Const(0))
	f := hostile.Fixture{Name: "compile-slow", Hook: "machine.v1", Module: m.Bytes()}
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
	s.note = fmt.Sprintf("complexity %d in %d ms", report.ComplexityAll, time.Since(start).Milliseconds())
	return contained, r.Close()
}

// slowMost is how many times the median of nanoseconds per fuel the worst may be.
const slowMost = 3

// slowWithinFuel measures the nanoseconds of a unit of fuel of fixtures that burn all they have, each in
// another way. The full table is that of the schedule's benchmark.
func slowWithinFuel(s *stage) (string, error) {
	var all []float64
	worst, name := 0.0, ""
	for _, n := range []string{"machine-endless-loop", "machine-host-flood", "machine-scan-flood", "machine-log-flood", "machine-memory-bomb", "machine-state-bloat",
		"machine-recursion", hostile.ProbeHostCalls, hostile.ProbeCopy, hostile.ProbeFill, hostile.ProbeSlow} {
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
	s.note = fmt.Sprintf("%.2f ns a unit, the worst %.2f (%s): %.1f times", median, worst, name, worst/median)
	if worst > slowMost*median {
		return "answered", errors.New(s.note)
	}
	return contained, nil
}

// nanosecondsPerFuel returns the least of some runs. The fuel is what was used: a recursion is charged
// the limit and stops before.
func (s *stage) nanosecondsPerFuel(name string) (float64, error) {
	f, b, err := s.fixture(name)
	if err != nil {
		return 0, err
	}
	defer s.drop(b.Release)
	table, sp := s.replicas[0].table, newSpace(nil)
	least := time.Duration(1 << 62)
	for range 7 {
		sp = newSpace(nil)
		start := time.Now()
		if _, err := table.Apply(b, transaction([]byte("x")), sp); err != nil {
			return 0, err
		}
		least = min(least, time.Since(start))
	}
	return float64(least.Nanoseconds()) / float64(f.Manifest(author.public).FuelMax), nil
}
