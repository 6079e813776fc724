package plugin_test

import (
	"testing"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// What a call wrote is counted until they are put back, and putting them back changes no answer.
func TestFootprint(t *testing.T) {
	m := Guest(5, Input, Output)
	m.Data(3*65536, []byte{1}) // the image ends in the fourth page
	// Writes a mark into the third page, and answers what was there before.
	m.Func("leader.v1", nil, Types(I32), nil,
		I32Const(100), I32Const(131072), I32Load(0), I32Store(0), I32Const(131072), I32Const(1), I32Store(0),
		I32Const(100), I32Const(4), Call(1), I32Const(0))
	file, err := plugin.Embed(m.Bytes(), &plugin.Manifest{Name: "marks", Version: "1", Sequence: 1, Hooks: []string{hook.Leader.Name}, FuelMax: 1_000_000, PagesMax: 5})
	if err != nil {
		t.Fatal(err)
	}
	host, err := plugin.NewHost(plugin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	release, err := host.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	table, err := plugin.NewTable(nil)
	if err != nil {
		t.Fatal(err)
	}
	digest := release.Digest()
	if f := table.Footprint(digest); f != (plugin.Footprint{}) {
		t.Errorf("of a release that is not here: %+v", f)
	}
	if err := table.Restore(digest); err != nil {
		t.Errorf("of a release that is not here: %v", err)
	}
	table.Add(release)
	want := plugin.Footprint{ImagePages: 5, ImageBytes: 3*65536 + 1}
	if f := table.Footprint(digest); f != want {
		t.Errorf("before the first call: %+v, want %+v", f, want)
	}
	want.Pages = 5
	request := &hook.LeaderRequest{View: 1, Validators: []hook.Validator{{Weight: 1}, {Weight: 1}}}
	for round := range 4 {
		r, err := table.Lead(release.Binding(hook.Leader.Name), request)
		if err != nil || r.Fault != hook.FaultNone || r.Proposer != 0 {
			t.Fatalf("call %d: %+v, %v", round, r, err)
		}
		f := table.Footprint(digest)
		if f.Touched < 8 || f.Touched > 2*65536 {
			t.Errorf("call %d wrote to two places, and %d bytes are to be put back", round, f.Touched)
		}
		if f.Touched = 0; f != want {
			t.Errorf("after call %d: %+v, want %+v", round, f, want)
		}
		if round%2 == 0 {
			if err := table.Restore(digest); err != nil {
				t.Fatal(err)
			}
			if f := table.Footprint(digest); f != want {
				t.Errorf("restored after call %d: %+v, want %+v", round, f, want)
			}
		}
	}
}
