package c_test

import (
	"encoding/binary"
	"testing"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/plugintest"
)

// TestTheWorldAgrees: what the host tells of the chain reaches a plugin in C whole, as module and natively;
// what is not granted ends the call; and what a call leaves in memory is not there in the next.
func TestTheWorldAgrees(t *testing.T) {
	sandboxed, process := open(t, "testdata/world")
	ancestor := hook.Ancestor{Height: 7, Time: 8, Epoch: 9, View: 10, Size: 11, Block: [32]byte{12}, State: [32]byte{13}, Ledger: [32]byte{31: 14}}
	state := plugintest.NewState(nil)
	state.World = plugintest.World{
		Grants:     []string{hook.CapabilityBeacon, hook.CapabilityForeign + "bank", hook.CapabilityHistory, hook.CapabilityProof},
		Namespaces: map[string]map[string][]byte{"bank": {"key": []byte("value"), "empty": {}}},
		Ancestors:  []hook.Ancestor{ancestor},
		Proofs:     map[string][]byte{"key": []byte("a proof")},
		Random:     [32]byte{1, 31: 2},
	}
	height := func(h uint64) string { return "h" + string(binary.LittleEndian.AppendUint64(nil, h)) }
	for _, c := range []struct {
		question string
		code     uint32
		output   string
	}{
		{"fkey", 0, "value"},
		{"fempty", 0, ""},
		{"fnone", 9, ""},
		{height(7), 0, string(ancestor.Append(nil))},
		{height(8), 9, ""},
		{"pkey", 0, "a proof"},
		{"b", 0, string(state.Random[:])},
		{"gbeacon", 1, ""},
		{"gforeign.bank", 1, ""},
		{"gforeign.other", 0, ""},
		{"gstate", 0, ""},
		{"c", 41, ""},
		{"c", 41, ""}, // every call begins with the memory after initialisation
	} {
		want := plugintest.Answer{Response: encoded(t, &hook.QueryResponse{Code: c.code, Output: []byte(c.output)})}
		for name, by := range map[string]plugintest.Answerer{"sandbox": sandboxed, "native": process} {
			a, err := by.Answer(hook.Query.Name, encoded(t, &hook.QueryRequest{Payload: []byte(c.question)}), state)
			if err != nil || !a.Equal(&want) {
				t.Errorf("%q, %s: %v, %v; want %v", c.question, name, &a, err, &want)
			}
		}
	}
	state.Grants, sandboxed.Binding.Grants = nil, nil
	for _, question := range []string{"fkey", height(7), "pkey", "b"} {
		for name, by := range map[string]plugintest.Answerer{"sandbox": sandboxed, "native": process} {
			a, err := by.Answer(hook.Query.Name, encoded(t, &hook.QueryRequest{Payload: []byte(question)}), state)
			if err != nil || a.Fault != hook.FaultImport.String() {
				t.Errorf("%q, %s, without a grant: %v, %v", question, name, &a, err)
			}
		}
	}
}
