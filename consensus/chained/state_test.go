package chained_test

import (
	"bytes"
	"reflect"
	"slices"
	"testing"

	"quoin.dev/quoin/consensus/chained"
)

// TestStateKnowsEveryField fails when a field is added to the machine: write it in AppendState, or give
// the reason there why it cannot change what the machine does, and list it here.
func TestStateKnowsEveryField(t *testing.T) {
	field := func(of reflect.Type, name string) reflect.Type {
		f, _ := of.FieldByName(name)
		return f.Type
	}
	machine := reflect.TypeFor[chained.Chained]()
	tree := field(machine, "tree")
	for _, x := range []struct {
		of      reflect.Type
		written []string
		leftOut []string
	}{
		{machine, []string{"tree", "view", "high", "tc", "cert", "step", "lock", "voted", "gaveUp", "proposed", "candidates", "building", "nothing",
			"armed", "rounds", "wanted", "started", "ended", "halted", "stirred", "fetching"},
			[]string{"c", "domain", "candidateBytes", "leaders", "timer", "ticks", "peers"}},
		{tree, []string{"root", "order"}, []string{"links"}},
		{field(tree, "root").Elem(), []string{"id", "parent", "stage", "needed", "outdated", "abstained", "adopted", "withheld", "persisted", "digest", "last"},
			[]string{"block", "view", "height", "time", "agreed", "diverged", "checkpoint"}},
		{field(machine, "rounds").Elem().Elem(), []string{"votes", "timeouts"}, []string{"equivocators"}},
		{field(machine, "candidates").Elem().Elem(), []string{"Proposal", "link", "refused"}, nil},
		{reflect.TypeFor[chained.TC](), []string{"View", "Highs", "Proof"}, []string{"Signers", "Signatures"}},
	} {
		var have []string
		for i := range x.of.NumField() {
			have = append(have, x.of.Field(i).Name)
		}
		want := slices.Concat(x.written, x.leftOut)
		slices.Sort(have)
		slices.Sort(want)
		if !slices.Equal(have, want) {
			t.Errorf("%s has the fields\n%v, and AppendState was written for\n%v", x.of, have, want)
		}
	}
}

// Two machines that would send TCs with proofs of different views are in different states.
func TestStateTellsProofsApart(t *testing.T) {
	state := func(second bool) []byte {
		w := newLone(t, chained.Rules{})
		b := w.chain(2)
		tc := w.tc(3, w.qc(b[1]))
		if second {
			tc.Proof = w.qc(b[2])
		}
		w.receive(1, w.qc(b[2]))
		w.receive(1, tc)
		return w.machine.AppendState(nil, nil)
	}
	if bytes.Equal(state(false), state(true)) {
		t.Error("the states are equal")
	}
}
