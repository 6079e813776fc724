package machine_test

import (
	"bytes"
	"flag"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/internal/probe"
	"quoin.dev/quoin/sdk/sandboxtest"
)

var seed = flag.Uint64("seed", 0, "of the random programs; 0: another one each time")

// side is one of the two that must agree.
type side struct {
	table   *plugin.Table
	binding *quoin.Binding
	state   *sandboxtest.State
}

func (s *side) apply(t *testing.T, program []byte) plugin.ApplyResult {
	t.Helper()
	trial := s.state.Clone()
	result, err := s.table.Apply(s.binding, &hook.ApplyRequest{Height: 1, Time: 1, Payload: program}, trial)
	if err != nil {
		t.Fatal(err)
	}
	if result.Fault == hook.FaultNone && result.Code == 0 {
		s.state = trial
	}
	return result
}

// modules are the probe's projects, each in its language, and what a panic comes to there.
var modules = []struct {
	language, dir string
	panics        hook.Fault
}{
	{"go", "testdata/probe", hook.FaultTrap},
	{"assemblyscript", "../assemblyscript/testdata/probe", hook.FaultAbort},
}

func open(t *testing.T, dir string) (guest, native *side) {
	table, g, n := sandboxtest.Open(t, dir, plugin.Builtin{Name: "native", Machine: probe.Machine{}})
	return &side{table, g, sandboxtest.NewState()}, &side{table, n, sandboxtest.NewState()}
}

// TestSandboxEqualsNative runs random programs on both sides. What is compared is all that the
// ledger sees but the fuel, which native code pays otherwise.
func TestSandboxEqualsNative(t *testing.T) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("replay: go test -run TestSandboxEqualsNative ./sdk/machine -seed %d", s)
	for _, m := range modules {
		t.Run(m.language, func(t *testing.T) { compare(t, m.dir, rand.New(rand.NewPCG(s, 3))) })
	}
}

func compare(t *testing.T, dir string, rng *rand.Rand) {
	guest, native := open(t, dir)
	applied := 0
	for i := range 800 {
		program := probe.Random(rng)
		got, want := guest.apply(t, program), native.apply(t, program)
		if got.Fault != want.Fault || got.Code != want.Code || !bytes.Equal(got.Output, want.Output) ||
			!slices.EqualFunc(got.Events, want.Events, bytes.Equal) {
			t.Fatalf("program %d %x:\nsandbox %v, code %d, output %x, events %x (%s)\nnative  %v, code %d, output %x, events %x", i, program,
				got.Fault, got.Code, got.Output, got.Events, got.Log, want.Fault, want.Code, want.Output, want.Events)
		}
		if !maps.EqualFunc(guest.state.Values, native.state.Values, bytes.Equal) {
			t.Fatalf("program %d %x: the states differ", i, program)
		}
		if want.Fault == hook.FaultNone && !bytes.Equal(got.Log, want.Log) {
			t.Fatalf("program %d %x: logs %q and %q", i, program, got.Log, want.Log)
		}
		if want.Fault == hook.FaultNone && want.Code == 0 {
			applied++
		}
		question := &hook.QueryRequest{Height: 1, Time: 1, Payload: program}
		answer, err := guest.table.Query(guest.binding, question, guest.state)
		if err != nil {
			t.Fatal(err)
		}
		reference, err := native.table.Query(native.binding, question, native.state)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Fault != reference.Fault || answer.Code != reference.Code || !bytes.Equal(answer.Output, reference.Output) {
			t.Fatalf("query %d %x: %v %d %x, native %v %d %x", i, program, answer.Fault, answer.Code, answer.Output, reference.Fault, reference.Code, reference.Output)
		}
	}
	if applied < 400 || len(guest.state.Values) < 10 {
		t.Errorf("only %d programs were applied and %d keys are left; the generator is of little use", applied, len(guest.state.Values))
	}
}

func TestFaults(t *testing.T) {
	for _, m := range modules {
		t.Run(m.language, func(t *testing.T) { faults(t, m.dir, m.panics) })
	}
}

func faults(t *testing.T, dir string, panics hook.Fault) {
	guest, native := open(t, dir)
	key := func(n int) []byte { return bytes.Repeat([]byte{1}, n) }
	put := probe.Number(append(probe.Bytes([]byte{probe.Put}, key(1)), 5), 5)
	var events []byte
	for range hook.EventsMax + 1 {
		events = probe.Bytes(append(events, probe.Emit), nil)
	}
	for _, c := range []struct {
		name          string
		program       []byte
		guest, native hook.Fault
	}{
		{"key too long", probe.Bytes([]byte{probe.Get}, key(hook.KeyMax+1)), hook.FaultLimit, hook.FaultLimit},
		{"empty key", probe.Bytes([]byte{probe.Delete}, nil), hook.FaultLimit, hook.FaultLimit},
		{"event too long", probe.Bytes([]byte{probe.Emit}, key(hook.EventMax+1)), hook.FaultLimit, hook.FaultLimit},
		{"too many events", events, hook.FaultLimit, hook.FaultLimit},
		{"output too long", probe.Number([]byte{probe.Output}, hook.ApplyOutputMax/2+1), hook.FaultOutput, hook.FaultOutput},
		{"panic after a write", append(bytes.Clone(put), probe.Panic), panics, hook.FaultTrap},
	} {
		got, want := guest.apply(t, c.program), native.apply(t, c.program)
		if got.Fault != c.guest || want.Fault != c.native {
			t.Errorf("%s: sandbox %v, want %v; native %v, want %v; %s", c.name, got.Fault, c.guest, want.Fault, c.native, got.Log)
		}
		if got.Fuel != 10_000_000 {
			t.Errorf("%s: the fault costs %d, not the limit", c.name, got.Fuel)
		}
		if c.name == "panic after a write" && !strings.Contains(string(got.Log), "probe") {
			t.Errorf("the panic's text is not in the log: %q", got.Log)
		}
	}
	if got := guest.apply(t, []byte{probe.Loop}); got.Fault != hook.FaultFuel {
		t.Errorf("an endless loop: %v", got.Fault)
	}
	if got := guest.apply(t, put); got.Fault != hook.FaultNone || len(guest.state.Values) != 1 {
		t.Errorf("after the faults: %v, %d keys", got.Fault, len(guest.state.Values))
	}
}
