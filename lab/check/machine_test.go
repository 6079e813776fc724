package check

import (
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
)

// fixture returns a hostile machine on all engines.
func fixture(t *testing.T, name string, payloads ...[]byte) *Machine {
	t.Helper()
	f, ok := hostile.Find(name)
	if !ok {
		t.Fatalf("no fixture %s", name)
	}
	m, err := PluginMachine(f.Release(quoin.PublicKey{}), nil, payloads)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestHostileMachinesAreDeterministic has faults, floods and refusals between transactions that are kept.
func TestHostileMachinesAreDeterministic(t *testing.T) {
	o := bounds(simplex.Rules{}, 1, 3, 0)
	o.CutOff = 1
	o.Machine = fixture(t, hostile.MachineSelective, []byte{hostile.SelectiveKeep}, []byte{hostile.SelectiveTrap}, []byte{hostile.SelectiveRefuse})
	_, r := explore(t, o)
	if r.Executions < 20 {
		t.Errorf("%d executions", r.Executions)
	}
}

// TestMachineThatRemembersSplits: it takes two blocks of which not all members have executed the first.
func TestMachineThatRemembersSplits(t *testing.T) {
	o := bounds(simplex.Rules{}, 1, 3, 0)
	o.Machine = CountingMachine([][]byte{[]byte("x")})
	r := broken(t, o, "I4")
	for _, part := range []string{"transaction 0 (payload 0x78)", "output 0x01", "output 0x02", "[1a 2a]"} {
		if !strings.Contains(r.Broken.Text, part) {
			t.Errorf("%q is missing in %s", part, r.Broken.Text)
		}
	}
}

// TestEngineThatChargesOtherwiseSplits: the first block is enough.
func TestEngineThatChargesOtherwiseSplits(t *testing.T) {
	o := bounds(simplex.Rules{}, 1, 3)
	o.Machine = fixture(t, hostile.MachineSelective, nil)
	o.Machine.Engines[1].Binding.FuelMax = 100
	if r := broken(t, o, "I4"); len(r.Trace) != 1 || !strings.Contains(r.Broken.Text, "fault fuel, 100 fuel") {
		t.Errorf("%d steps: %s", len(r.Trace), r.Broken.Text)
	}
}

// TestExecutionsAreThoseOfTheOrder: an engine that was warmed up has served what the member executed, in
// that order, and a cold one nothing.
func TestExecutionsAreThoseOfTheOrder(t *testing.T) {
	m := CountingMachine([][]byte{[]byte("x")})
	for _, cold := range []bool{false, true} {
		e := m.Engines[0]
		e.Cold = cold
		r, err := newRunner(quoin.OriginID{}, &e)
		if err != nil {
			t.Fatal(err)
		}
		x := r.first
		for i := range quoin.View(3) {
			if x, err = r.execute(x, quoin.NewBlock(quoin.Header{View: i + 1}, m.transactions(i+1, 0))); err != nil {
				t.Fatal(err)
			}
			want := byte(i + 1)
			if cold {
				want = 1
			}
			if got := x.results[0].output[0]; got != want {
				t.Errorf("cold %v: block %d: call %d, want %d", cold, i+1, got, want)
			}
		}
	}
}

func TestReleaseThatServesNoMachineIsRefused(t *testing.T) {
	f, _ := hostile.Find("leader-always-zero")
	if _, err := PluginMachine(f.Release(quoin.PublicKey{}), nil, nil); err == nil || !strings.Contains(err.Error(), hook.Machine.Name) {
		t.Errorf("error %v", err)
	}
	if _, err := PluginMachine([]byte("no release"), nil, nil); err == nil {
		t.Error("no error")
	}
	o := bounds(simplex.Rules{}, 1, 3)
	o.Machine = &Machine{Engines: []Engine{{Table: func() (*plugin.Table, error) { return plugin.NewTable(nil) }}}}
	if _, err := Check(o); err == nil {
		t.Error("a machine without payloads was taken")
	}
}
