package plugin

import (
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
)

// TestMeterTellsOfEveryQuestion: of answers with their fuel, and of faults, whoever was asked.
func TestMeterTellsOfEveryQuestion(t *testing.T) {
	table, err := NewTable(Builtins())
	if err != nil {
		t.Fatal(err)
	}
	var told []Outcome
	table.Meter(func(b quoin.Binding, o Outcome) { told = append(told, o) })
	good := &quoin.Binding{Hook: hook.Leader.Name, Builtin: "round-robin"}
	bad := &quoin.Binding{Hook: hook.Leader.Name, Builtin: "immediate"} // serves another hook
	none := &quoin.Binding{Hook: hook.Leader.Name, Builtin: "nobody"}
	q := &hook.LeaderRequest{View: 1, Validators: []hook.Validator{{Weight: 1}}}
	var want []Outcome
	for _, b := range []*quoin.Binding{good, bad} {
		r, err := table.Lead(b, q)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, r.Outcome)
	}
	if _, err := table.Lead(none, q); err == nil {
		t.Error("a built-in that is not there answers")
	}
	if len(told) != 2 || told[0].Fault != hook.FaultNone || told[1].Fault != hook.FaultMissing || told[0].Fuel != want[0].Fuel || told[1].Fuel != want[1].Fuel {
		t.Errorf("%+v", told)
	}
	table.Meter(nil)
	if _, err := table.Lead(good, q); err != nil || len(told) != 2 {
		t.Errorf("%v, %d are told of", err, len(told))
	}
}
