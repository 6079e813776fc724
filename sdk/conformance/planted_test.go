package conformance

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	. "quoin.dev/quoin/plugin/wasmtest"
	"quoin.dev/quoin/sdk/conformance/trial"
	"quoin.dev/quoin/sdk/plugintest"
)

var batchNext = Imported{Module: "quoin.v1", Name: "batch_next", Results: Types(I32)}

// The functions that planted modules import, in this order, and where they keep things.
const (
	fnInput = iota
	fnOutput
	fnLog
	fnPut

	answerAt = 100_000 // behind the longest request
)

// planted returns a release whose operations are the bodies, each with one i64 local and the request
// at 0. Capabilities are state, if the module wants it.
func planted(t *testing.T, hookName string, capabilities []string, bodies map[string][]byte) []byte {
	t.Helper()
	imports := []Imported{Input, Output, Log}
	if slices.Contains(capabilities, hook.CapabilityState) {
		imports = append(imports, StatePut)
	}
	batch := false
	for name := range bodies {
		o, _ := hook.FindOperation(name)
		batch = batch || o.Batch
	}
	if batch {
		imports = append(imports, batchNext)
	}
	m := Guest(4, imports...)
	names := make([]string, 0, len(bodies))
	for name := range bodies {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		results := Types(I32)
		if name == "_initialize" {
			results = nil
		}
		m.Func(name, nil, results, Types(I64), bodies[name])
	}
	file, err := plugin.Embed(m.Bytes(), &plugin.Manifest{Name: "planted", Version: "1", Sequence: 1, Hooks: []string{hookName},
		Capabilities: capabilities, FuelMax: 1_000_000, PagesMax: 8})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func code(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// read reads the request to 0.
func read() []byte { return code(I32Const(0), I32Const(answerAt), Call(fnInput), Op(0x1a)) }

// answer32 and answer64 answer with what the instructions push, and return 0.
func answer32(push []byte) []byte {
	return code(I32Const(answerAt), push, I32Store(0), I32Const(answerAt), I32Const(4), Call(fnOutput), I32Const(0))
}

func answer64(push []byte) []byte {
	return code(I32Const(answerAt), push, I64Store(0), I32Const(answerAt), I32Const(8), Call(fnOutput), I32Const(0))
}

// turn is the view modulo the number of validators.
func turn() []byte {
	return code(I32Const(0), I64Load(56), I32Const(0), Op(0x35, 0, 0), Op(0x82), Op(0xa7))
}

// burn loops so many times.
func burn(times int64) []byte {
	return code(I64Const(times), LocalSet(0), Loop(0x40, LocalGet(0), I64Const(1), Op(0x7d), LocalTee(0), I64Const(0), Op(0x52), BrIf(0)))
}

// accept answers a transaction with the code 0 and no output.
var accept = answer32(I32Const(0))

// put writes the request's first 8 bytes under themselves.
func put() []byte {
	return code(I32Const(0), I32Const(8), I32Const(0), I32Const(8), Call(fnPut))
}

// good returns a module for each hook that behaves.
func good(t *testing.T) map[string][]byte {
	state := []string{hook.CapabilityState}
	return map[string][]byte{
		"leader.v1":     planted(t, "leader.v1", nil, map[string][]byte{"leader.v1": code(read(), answer32(turn()))}),
		"machine.v1":    planted(t, "machine.v1", state, map[string][]byte{"machine.v1.apply": code(read(), put(), accept), "machine.v1.query": accept}),
		"validation.v1": planted(t, "validation.v1", nil, map[string][]byte{"validation.v1.validate": accept, "validation.v1.validate_batch": askAll(0)}),
		"finality.v1":   planted(t, "finality.v1", nil, map[string][]byte{"finality.v1": answer64(I64Const(3))}),
		"pacemaker.v1":  planted(t, "pacemaker.v1", nil, map[string][]byte{"pacemaker.v1": code(read(), answer64(code(I32Const(0), I64Load(48))))}),
		"priority.v1":   planted(t, "priority.v1", nil, map[string][]byte{"priority.v1": code(read(), answer64(code(I32Const(0), I64Load(40))))}),
	}
}

// A module that behaves passes every check of its hook.
func TestGoodModulesPass(t *testing.T) {
	for hookName, file := range good(t) {
		r := run(t, file, Options{Seed: 3})
		for _, c := range r.Checks {
			if c.Verdict != Pass {
				t.Errorf("%s: %s: %s: %s %v", hookName, c.Name, c.Verdict, c.Detail, c.Cases)
			}
		}
		if again := run(t, file, Options{Seed: 3}); !slices.EqualFunc(r.Checks, again.Checks, func(a, b Check) bool {
			return a.Name == b.Name && a.Verdict == b.Verdict && a.Figure == b.Figure && a.Detail == b.Detail
		}) {
			t.Errorf("%s: two runs of one seed differ:\n%v\n%v", hookName, r.Checks, again.Checks)
		}
	}
}

// The page for authors and the package's documentation name every check.
func TestEveryCheckIsDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "plugin-tools.md"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("conformance.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range good(t) {
		for _, c := range run(t, file, Options{Calls: 5, Records: []*plugintest.Record{{}}}).Checks {
			name := c.Name
			operation, what, _ := strings.Cut(name, "/")
			if slices.Contains([]string{"answers", "repeatable", "fresh", "request-only", "engines", "fuel", "log", "parameters"}, what) && operation != "record" {
				name = "OPERATION/" + what
			}
			if !strings.Contains(string(page), "`"+name+"`") || !strings.Contains(string(source), name+" ") {
				t.Errorf("%s is not documented", name)
			}
			seen++
		}
	}
	if seen < 60 {
		t.Errorf("only %d checks", seen)
	}
}

// Every check has a module, or a bug in what answers, that it must find, and that the others that are
// named leave to it.
func TestBadModulesFailTheRightCheck(t *testing.T) {
	const leader, apply, query, validate = "leader.v1", "machine.v1.apply", "machine.v1.query", "validation.v1.validate"
	state := []string{hook.CapabilityState}
	paramLength := code(I32Const(0), I32Load(8)) // of leader.v1
	for _, c := range []struct {
		name    string
		file    []byte
		check   string
		verdict Verdict
		passes  []string // that must not blame it too
	}{
		{"endless loop", corpus(t, "leader-endless-loop"), "leader.v1/answers", Fail, []string{"leader.v1/repeatable", "leader.v1/engines"}},
		{"out of range", corpus(t, "leader-one-beyond"), "leader.v1/answers", Fail, []string{"leader.v1/repeatable", "leader.v1/engines"}},
		{"trap", corpus(t, "machine-trap-after-writes"), "machine.v1.apply/answers", Fail, []string{"machine.v1.apply/refusal", "machine.v1.query/answers"}},
		{"log flood", corpus(t, "machine-log-flood"), "machine.v1.apply/answers", Fail, []string{"machine.v1.apply/engines"}},
		{"state bloat", corpus(t, "machine-state-bloat"), "machine.v1.apply/answers", Fail, []string{"machine.v1.apply/refusal"}},
		{"a leader who is down", corpus(t, "leader-always-zero"), "leader.v1/liveness", Fail, []string{"leader.v1/answers"}},
		{"one rules", corpus(t, "leader-always-zero"), "leader.v1/fairness", Fail, nil},
		{"every other view", planted(t, leader, nil, map[string][]byte{leader: code(read(), answer32(code(turn(), turn(), I32Const(1), Op(0x71), Op(0x6c))))}), "leader.v1/fairness", Warn, []string{"leader.v1/answers"}},
		// The module's author is the zero key, which no other validator of a simulated chain has.
		{"elects its author", planted(t, leader, nil, map[string][]byte{leader: code(read(), I32Const(0), I64Load(80+40+8), Op(0x50), If(0x40, answer32(I32Const(1)), Op(0x0f)), answer32(turn()))}), "leader.v1/fairness", Fail, []string{"leader.v1/liveness"}},
		{"query writes", planted(t, "machine.v1", state, map[string][]byte{apply: accept, query: code(read(), put(), accept)}), "machine.v1.query/read-only", Fail, []string{"machine.v1.query/answers"}},
		{"log beyond the budget", planted(t, "validation.v1", nil, map[string][]byte{validate: code(I32Const(0), I32Const(5000), Call(fnLog), accept)}), "validation.v1.validate/log", Warn, []string{"validation.v1.validate/answers"}},
		{"dear", planted(t, leader, nil, map[string][]byte{leader: code(burn(60_000), answer32(I32Const(0)))}), "leader.v1/fuel", Warn, []string{"leader.v1/answers"}},
		{"parameters trap", planted(t, leader, nil, map[string][]byte{leader: code(read(), paramLength, If(0x40, Op(0)), answer32(turn()))}), "leader.v1/parameters", Warn, []string{"leader.v1/answers", "leader.v1/liveness"}},
		{"refuses all", planted(t, "validation.v1", nil, map[string][]byte{validate: answer32(I32Const(7))}), "validation.v1.validate/accepted", Warn, []string{"validation.v1.validate/answers"}},
		{"unused capability", planted(t, "machine.v1", []string{hook.CapabilityBeacon, hook.CapabilityState}, map[string][]byte{apply: code(read(), put(), accept), query: accept}), "release/least-privilege", Warn, nil},
		{"endless delay", planted(t, "finality.v1", nil, map[string][]byte{"finality.v1": answer64(I64Const(-1))}), "finality.v1/bounds", Fail, []string{"finality.v1/answers"}},
		{"no time-out", planted(t, "pacemaker.v1", nil, map[string][]byte{"pacemaker.v1": answer64(I64Const(0))}), "pacemaker.v1/bounds", Fail, []string{"pacemaker.v1/answers", "pacemaker.v1/growth"}},
		{"falling time-out", planted(t, "pacemaker.v1", nil, map[string][]byte{"pacemaker.v1": code(read(), answer64(code(I32Const(0), I64Load(16), I64Const(63), Op(0x86))))}), "pacemaker.v1/growth", Warn, []string{"pacemaker.v1/answers"}},
		{"order by the pool", planted(t, "priority.v1", nil, map[string][]byte{"priority.v1": code(read(), answer64(code(I32Const(0), I64Load(40), I32Const(0), I64Load(16), Op(0x7e))))}), "priority.v1/order", Warn, []string{"priority.v1/answers"}},
		{"initialisation traps", planted(t, leader, nil, map[string][]byte{leader: code(read(), answer32(turn())), "_initialize": Op(0)}), "release/initialisation", Fail, nil},
		{"batch of its own mind", planted(t, "validation.v1", nil, map[string][]byte{validate: accept, "validation.v1.validate_batch": askAll(3)}), "validation.v1/batch", Fail, []string{"validation.v1.validate/answers"}},
		{"batch that faults", planted(t, "validation.v1", nil, map[string][]byte{validate: accept, "validation.v1.validate_batch": I32Const(0)}), "validation.v1/batch", Fail, nil},
	} {
		r := run(t, c.file, Options{Seed: 1, Calls: 60})
		got := r.Find(c.check)
		if got == nil || got.Verdict != c.verdict {
			t.Errorf("%s: %s is %+v, want %s", c.name, c.check, got, c.verdict)
			continue
		}
		if got.Verdict == Fail && r.Verdict != Fail || r.Verdict == Pass {
			t.Errorf("%s: the report is %s", c.name, r.Verdict)
		}
		for _, name := range c.passes {
			if other := r.Find(name); other == nil || other.Verdict != Pass {
				t.Errorf("%s: %s is %+v, want pass", c.name, name, other)
			}
		}
	}
}

// askAll answers every request of a batch with a code.
func askAll(answer int32) []byte {
	const next = fnLog + 1
	return code(Block(0x40, Loop(0x40, Call(next), Op(0x45), BrIf(1), answer32(I32Const(answer)), Op(0x1a), Br(0))), I32Const(0))
}

// wrong answers as another does, but for a planted bug.
type wrong struct {
	answerer
	asked int
	fresh bool
	bug   func(w *wrong, a *trial.Answer)
}

func (w *wrong) Ask(q *trial.Question, s *trial.State) (trial.Answer, error) {
	a, err := w.answerer.Ask(q, s)
	w.bug(w, &a)
	w.asked++
	w.fresh = false
	return a, err
}

func (w *wrong) Renew() {
	w.answerer.Renew()
	w.fresh = true
}

// The sandbox itself sees to determinism; a bug in it must show.
func TestBugsOfTheHostFailTheRightCheck(t *testing.T) {
	file := planted(t, "leader.v1", nil, map[string][]byte{"leader.v1": code(read(), answer32(turn()))})
	calls := len(trial.Edges("leader.v1", nil)) + 20
	for check, c := range map[string]struct {
		interpreted bool
		bug         func(w *wrong, a *trial.Answer)
	}{
		"leader.v1/repeatable":   {false, func(w *wrong, a *trial.Answer) { a.Fuel += uint64(w.asked % 2) }},
		"leader.v1/fresh":        {false, func(w *wrong, a *trial.Answer) { a.Fuel += map[bool]uint64{true: 1}[w.fresh] }},
		"leader.v1/request-only": {false, func(w *wrong, a *trial.Answer) { a.Fuel += map[bool]uint64{true: 1}[!w.fresh && w.asked > 3*calls] }},
		"leader.v1/engines":      {true, func(w *wrong, a *trial.Answer) { a.Response[0] ^= 1 }},
	} {
		guests, err := open(file)
		if err != nil {
			t.Fatal(err)
		}
		s := &suite{ctx: context.Background(), o: Options{Calls: 20}, report: &Report{}, guest: guests[0], compiled: guests[0], interpreted: guests[1]}
		if c.interpreted {
			s.interpreted = &wrong{answerer: guests[1], bug: c.bug}
		} else {
			s.compiled = &wrong{answerer: guests[0], bug: c.bug}
		}
		if err := s.run(); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"leader.v1/repeatable", "leader.v1/fresh", "leader.v1/request-only", "leader.v1/engines"} {
			// A bug that shows at once shows in later comparisons with the first answers as well.
			if got := s.report.Find(name); name == check && (got.Verdict != Fail || len(got.Cases) == 0) {
				t.Errorf("%s: %+v", check, got)
			} else if name != check && check != "leader.v1/repeatable" && got.Verdict != Pass {
				t.Errorf("the bug for %s also fails %s: %s", check, name, got.Detail)
			}
		}
		guests[0].Close()
		guests[1].Close()
	}
}

// A host that kept what a refused transaction emitted must show as well.
func TestARefusalThatLeavesSomethingFails(t *testing.T) {
	file := planted(t, "machine.v1", nil, map[string][]byte{"machine.v1.apply": answer32(I32Const(7)), "machine.v1.query": accept})
	for _, leaves := range []bool{false, true} {
		guests, err := open(file)
		if err != nil {
			t.Fatal(err)
		}
		bug := func(_ *wrong, a *trial.Answer) {
			if leaves && a.Code() == 7 {
				a.Events = [][]byte{{1}}
			}
		}
		s := &suite{ctx: context.Background(), o: Options{Calls: 20}, report: &Report{}, guest: guests[0],
			compiled: &wrong{answerer: guests[0], bug: bug}, interpreted: guests[1]}
		if err := s.run(); err != nil {
			t.Fatal(err)
		}
		if got := s.report.Find("machine.v1.apply/refusal"); (got.Verdict == Fail) != leaves {
			t.Errorf("it leaves something: %t; %+v", leaves, got)
		}
		guests[0].Close()
		guests[1].Close()
	}
}

func run(t *testing.T, file []byte, o Options) *Report {
	t.Helper()
	r, err := Run(context.Background(), file, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func corpus(t *testing.T, name string) []byte {
	t.Helper()
	f, ok := hostile.Find(name)
	if !ok {
		t.Fatalf("there is no fixture %q", name)
	}
	m := f.Manifest([32]byte{})
	file, err := plugin.Embed(f.Module, m)
	if err != nil {
		t.Fatal(err)
	}
	return file
}
