package c_test

import (
	"math"
	"testing"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugins/bank/smallbank"
	"quoin.dev/quoin/plugins/reputation-leader/reputation"
	"quoin.dev/quoin/sdk/plugintest"
	"quoin.dev/quoin/sdk/sandboxtest"
)

// BenchmarkLead is one call for a network of four with a window of 64 blocks, restored and metered.
func BenchmarkLead(b *testing.B) {
	need(b, "clang", "wasm-ld")
	table, guest, native := sandboxtest.Open(b, "../../plugins/reputation-leader-c", plugin.Builtin{Name: "native", Leader: hook.LeaderFunc(reputation.Lead)})
	chain := plugintest.Chain{Weights: []uint64{1, 1, 1, 1}}
	for range 100 {
		chain.Step(hook.LeaderFunc(reputation.Lead))
	}
	r := chain.Request()
	for _, side := range []string{"c", "native-go"} {
		binding := guest
		if side == "native-go" {
			binding = native
		}
		b.Run(side, func(b *testing.B) {
			b.ReportAllocs()
			var fuel uint64
			for b.Loop() {
				result, err := table.Lead(binding, r)
				if err != nil || result.Fault != hook.FaultNone {
					b.Fatal(result.Fault, err)
				}
				fuel = result.Fuel
			}
			b.ReportMetric(float64(fuel), "fuel/op")
		})
	}
}

// BenchmarkApply is one payment between two accounts: in a call of its own, and one of 100 in a batch.
func BenchmarkApply(b *testing.B) {
	need(b, "clang", "wasm-ld")
	table, guest, native := sandboxtest.Open(b, "../../plugins/bank-c", plugin.Builtin{Name: "native", Machine: smallbank.Machine{}})
	state := sandboxtest.NewState()
	for i := range uint64(2) {
		r := &hook.ApplyRequest{Height: 1, Payload: smallbank.CreateAccount(i, 0, math.MaxInt64/2)}
		if result, err := table.Apply(native, r, state); err != nil || result.Code != smallbank.Done {
			b.Fatal(result, err)
		}
	}
	r := &hook.ApplyRequest{Height: 1, Payload: smallbank.SendPayment(0, 1, 1)}
	for _, side := range []string{"c", "native-go"} {
		binding := guest
		if side == "native-go" {
			binding = native
		}
		b.Run(side, func(b *testing.B) {
			b.ReportAllocs()
			var fuel uint64
			for b.Loop() {
				result, err := table.Apply(binding, r, state)
				if err != nil || result.Fault != hook.FaultNone || result.Code != smallbank.Done {
					b.Fatal(result, err)
				}
				fuel = result.Fuel
			}
			b.ReportMetric(float64(fuel), "fuel/op")
		})
	}
	b.Run("c-batched", func(b *testing.B) {
		const batch = 100
		b.ReportAllocs()
		var fuel uint64
		for range (b.N + batch - 1) / batch {
			fault, err := table.ApplyBatch(guest, batch, func(int) *hook.ApplyRequest { return r }, state, func(_ int, result plugin.ApplyResult) error {
				fuel = result.Fuel
				return nil
			})
			if err != nil || fault != hook.FaultNone {
				b.Fatal(fault, err)
			}
		}
		b.ReportMetric(float64(fuel), "fuel/op")
	})
}
