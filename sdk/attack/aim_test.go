package attack

import (
	"context"
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"testing"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	. "quoin.dev/quoin/plugin/wasmtest"
)

func target(t *testing.T, fixture string) Target {
	t.Helper()
	f, ok := hostile.Find(fixture)
	if !ok {
		t.Fatal("no such fixture")
	}
	return Target{File: f.Release(author.public), Seed: 1, Runs: 3}
}

// aimAt returns what came of the attacks on one operation.
func aimAt(t *testing.T, x Target, operation string) Aimed {
	t.Helper()
	all, err := Aim(context.Background(), x)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(a Aimed) bool { return a.Operation == operation })
	if i < 0 {
		t.Fatalf("%s was not asked", operation)
	}
	return all[i]
}

// Each weakness is found in a fixture that has it.
func TestAimFinds(t *testing.T) {
	self := target(t, hostile.LeaderParameter)
	self.Params = binary.LittleEndian.AppendUint32(nil, 0)
	for _, c := range []struct {
		target          Target
		operation, kind string
		weak            bool
	}{
		{target(t, "leader-endless-loop"), hook.Lead.Name, "fault-fuel", true},
		{target(t, "leader-one-beyond"), hook.Lead.Name, "fault-output", true},
		{self, hook.Lead.Name, "elects", true},
		{target(t, hostile.PacemakerNever), hook.Timeout.Name, "clamped", false},
		{target(t, hostile.FinalityNever), hook.Delay.Name, "clamped", false},
		{target(t, "priority-endless-loop"), hook.Prioritize.Name, "fault-fuel", true},
		{target(t, "validation-endless-loop"), hook.Validate.Name, "fault-fuel", false},
		{target(t, "machine-trap"), hook.Apply.Name, "fault-trap", false},
		{target(t, "machine-refuse-after-writes"), hook.Apply.Name, "fault-import", false}, // without its grants
	} {
		got := aimAt(t, c.target, c.operation)
		if !slices.ContainsFunc(got.Findings, func(f Finding) bool { return f.Kind == c.kind && f.Weak == c.weak && f.Count > 0 }) {
			t.Errorf("%s: no %s among %+v", c.operation, c.kind, got)
		}
	}
}

// A plugin that is sound has no findings, and its peak is that of the case that is named.
func TestAimPassesWhatIsSound(t *testing.T) {
	m := Guest(1, Input, Output)
	m.Func("leader.v1", nil, Types(I32), nil, // view modulo validators; the request lies at 0
		I32Const(0), I32Const(60_000), Call(0), Op(0x1a),
		I32Const(60_000), I32Const(0), I64Load(56), I32Const(0), Op(0x35, 0), U32(0), Op(0x82), Op(0xa7), I32Store(0),
		I32Const(60_000), I32Const(4), Call(1), I32Const(0))
	f := hostile.Fixture{Name: "sound", Hook: hook.Leader.Name, Module: m.Bytes()}
	x := Target{File: f.Release(author.public), Seed: 7, Runs: 50}
	got := aimAt(t, x, hook.Lead.Name)
	if len(got.Findings) != 0 || Weak([]Aimed{got}) || got.FuelPeak == 0 || got.FuelPeak > got.FuelLimit {
		t.Errorf("%+v", got)
	}
	if !reflect.DeepEqual(got, aimAt(t, x, hook.Lead.Name)) {
		t.Error("the same seed gives another report")
	}
	x.Replay = got.PeakCase
	if one := aimAt(t, x, hook.Lead.Name); one.Calls != 1 || one.FuelPeak != got.FuelPeak {
		t.Errorf("%s: replayed, %d calls take %d at most, want 1 and %d", got.PeakCase, one.Calls, one.FuelPeak, got.FuelPeak)
	}
}

// A host whose engines differ is found out.
func TestAimSeesEnginesDiffer(t *testing.T) {
	few := plugin.DefaultLimits()
	few.PagesMax = 16
	all, err := aimWith(context.Background(), target(t, hostile.ProbeGrow), plugin.DefaultLimits(), few)
	if err != nil {
		t.Fatal(err)
	}
	if !Weak(all) || !slices.ContainsFunc(all[0].Findings, func(f Finding) bool { return f.Kind == "differs" && f.Weak }) {
		t.Errorf("%+v", all)
	}
}

func TestAimRefusesWhatNodesRefuse(t *testing.T) {
	var r *plugin.Refusal
	if _, err := Aim(context.Background(), target(t, "locals-bomb")); !errors.As(err, &r) {
		t.Error(err)
	}
	if _, err := Aim(context.Background(), target(t, "init-trap")); !errors.Is(err, plugin.ErrInit) {
		t.Error(err)
	}
}
