package main

import (
	"bytes"
	"flag"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugins/bank/smallbank"
	"quoin.dev/quoin/sdk/machine"
	"quoin.dev/quoin/sdk/sandboxtest"
)

var seed = flag.Uint64("seed", 0, "of the random operations; 0: another one each time")

// modules are the projects that hold this machine, each in its language.
var modules = []struct{ language, dir string }{
	{"go", "."},
	{"assemblyscript", "../bank-assemblyscript"},
}

// TestSandboxEqualsNative lets each module and the native code keep a bank.
func TestSandboxEqualsNative(t *testing.T) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("replay: go test -run TestSandboxEqualsNative ./plugins/bank -seed %d", s)
	for _, m := range modules {
		t.Run(m.language, func(t *testing.T) { compare(t, m.dir, rand.New(rand.NewPCG(s, 5))) })
	}
}

func compare(t *testing.T, dir string, rng *rand.Rand) {
	table, guest, native := sandboxtest.Open(t, dir, plugin.Builtin{Name: "native", Machine: machine.Served()})
	ours, theirs := sandboxtest.NewState(), sandboxtest.NewState()
	var most uint64
	for i := range 2000 {
		r := hook.ApplyRequest{Height: 1, Time: 1, Index: uint32(i), Sender: [32]byte{byte(rng.IntN(2))}, Payload: randomPayload(rng)}
		guest.Parameters = nil
		if rng.IntN(4) == 0 {
			guest.Parameters = make([]byte, 32)
		}
		native.Parameters = guest.Parameters
		guestState, nativeState := theirs.Clone(), ours.Clone()
		got, err := table.Apply(guest, &r, guestState)
		if err != nil || got.Fault != hook.FaultNone {
			t.Fatalf("operation %d %x, sandbox: %v, %v, %s", i, r.Payload, got.Fault, err, got.Log)
		}
		want, err := table.Apply(native, &r, nativeState)
		if err != nil || want.Fault != hook.FaultNone {
			t.Fatalf("operation %d %x, native: %v, %v", i, r.Payload, want.Fault, err)
		}
		if got.Code != want.Code || !bytes.Equal(got.Output, want.Output) || !slices.EqualFunc(got.Events, want.Events, bytes.Equal) {
			t.Fatalf("operation %d %x: sandbox %d %x %x, native %d %x %x", i, r.Payload, got.Code, got.Output, got.Events, want.Code, want.Output, want.Events)
		}
		if !maps.EqualFunc(guestState.Values, nativeState.Values, bytes.Equal) {
			t.Fatalf("operation %d %x: the states differ", i, r.Payload)
		}
		if got.Code == smallbank.Done {
			ours, theirs = nativeState, guestState
		}
		most = max(most, got.Fuel)
	}
	t.Logf("most fuel of one operation: %d", most)

	for _, payload := range [][]byte{smallbank.BalanceQuery(1), smallbank.BalanceQuery(1 << 60), smallbank.AccountsQuery(0, math.MaxUint16), smallbank.AccountsQuery(3, 2), nil} {
		q := &hook.QueryRequest{Height: 1, Payload: payload}
		got, err := table.Query(guest, q, theirs)
		if err != nil {
			t.Fatal(err)
		}
		want, err := table.Query(native, q, ours)
		if err != nil || got.Fault != hook.FaultNone || got.Code != want.Code || !bytes.Equal(got.Output, want.Output) {
			t.Errorf("query %x: %v, sandbox %v %d %x, native %d %x", payload, err, got.Fault, got.Code, got.Output, want.Code, want.Output)
		}
	}
	if len(ours.Values) < 20 {
		t.Errorf("only %d accounts were made", len(ours.Values))
	}
}

// TestBatchesEqualCalls applies the same transactions in batches and one by one.
func TestBatchesEqualCalls(t *testing.T) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("replay: go test -run TestBatchesEqualCalls ./plugins/bank -seed %d", s)
	for _, m := range modules {
		t.Run(m.language, func(t *testing.T) {
			table, guest, native := sandboxtest.Open(t, m.dir, plugin.Builtin{Name: "native", Machine: machine.Served()})
			if !table.Batches(guest) {
				t.Fatal("the module has no batch operation")
			}
			compareBatches(t, table, guest, native, rand.New(rand.NewPCG(s, 7)))
		})
	}
}

func compareBatches(t *testing.T, table *plugin.Table, guest, native *quoin.Binding, rng *rand.Rand) {
	batched, single := sandboxtest.NewState(), sandboxtest.NewState()
	for range 8 {
		requests := make([]hook.ApplyRequest, 1+rng.IntN(300))
		for i := range requests {
			requests[i] = hook.ApplyRequest{Height: 1, Time: 1, Index: uint32(i), Sender: [32]byte{byte(rng.IntN(2))}, Payload: randomPayload(rng)}
		}
		var results []plugin.ApplyResult
		before := batched.Clone()
		fault, err := table.ApplyBatch(guest, len(requests), func(i int) *hook.ApplyRequest { return &requests[i] }, batched, func(i int, r plugin.ApplyResult) error {
			if i != len(results) {
				t.Fatalf("result %d came after %d others", i, len(results))
			}
			r.Output = bytes.Clone(r.Output)
			results = append(results, r)
			if r.Code != smallbank.Done {
				batched.Values = before.Values
			}
			before = batched.Clone()
			return nil
		})
		if err != nil || fault != hook.FaultNone || len(results) != len(requests) {
			t.Fatalf("%d of %d results: %v, %v", len(results), len(requests), fault, err)
		}
		for i := range requests {
			trial := single.Clone()
			want, err := table.Apply(native, &requests[i], trial)
			if err != nil {
				t.Fatal(err)
			}
			if got := results[i]; got.Code != want.Code || !bytes.Equal(got.Output, want.Output) || !slices.EqualFunc(got.Events, want.Events, bytes.Equal) {
				t.Fatalf("operation %d %x: batch %d %x %x, native %d %x %x", i, requests[i].Payload, got.Code, got.Output, got.Events, want.Code, want.Output, want.Events)
			}
			if want.Code == smallbank.Done {
				single = trial
			}
		}
		if !maps.EqualFunc(batched.Values, single.Values, bytes.Equal) {
			t.Fatal("the states differ")
		}
	}
}

func randomPayload(rng *rand.Rand) []byte {
	a, b := rng.Uint64N(40), rng.Uint64N(40)
	amount := rng.Int64N(1000) - 200
	if rng.IntN(8) == 0 {
		amount = []int64{math.MaxInt64, math.MinInt64, math.MaxInt64 / 2}[rng.IntN(3)]
	}
	switch rng.IntN(7) {
	case 0:
		return smallbank.CreateAccount(a, amount, 500)
	case 1:
		return smallbank.DepositChecking(a, amount)
	case 2:
		return smallbank.TransactSavings(a, amount)
	case 3:
		return smallbank.Amalgamate(a, b)
	case 4:
		return smallbank.WriteCheck(a, amount)
	case 5:
		return smallbank.SendPayment(a, b, amount)
	}
	garbage := make([]byte, rng.IntN(30))
	for i := range garbage {
		garbage[i] = byte(rng.IntN(8))
	}
	return garbage
}

// BenchmarkApply is one payment between two accounts, called one by one.
func BenchmarkApply(b *testing.B) {
	for i, m := range modules {
		table, guest, native := sandboxtest.Open(b, m.dir, plugin.Builtin{Name: "native", Machine: machine.Served()})
		if i == 0 {
			b.Run("native", func(b *testing.B) { apply(b, table, native) })
		}
		b.Run(m.language, func(b *testing.B) { apply(b, table, guest) })
	}
}

func apply(b *testing.B, table *plugin.Table, binding *quoin.Binding) {
	state := sandboxtest.NewState()
	for i := range uint64(2) {
		r := &hook.ApplyRequest{Height: 1, Payload: smallbank.CreateAccount(i, 0, math.MaxInt64/2)}
		if result, err := table.Apply(binding, r, state); err != nil || result.Code != smallbank.Done {
			b.Fatal(result, err)
		}
	}
	r := &hook.ApplyRequest{Height: 1, Payload: smallbank.SendPayment(0, 1, 1)}
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
}

// BenchmarkApplyBatch is a payment, one of 1,000 in a call.
func BenchmarkApplyBatch(b *testing.B) {
	for _, m := range modules {
		table, guest, native := sandboxtest.Open(b, m.dir, plugin.Builtin{Name: "native", Machine: machine.Served()})
		state := sandboxtest.NewState()
		for i := range uint64(2) {
			r := &hook.ApplyRequest{Height: 1, Payload: smallbank.CreateAccount(i, 0, math.MaxInt64/2)}
			if result, err := table.Apply(native, r, state); err != nil || result.Code != smallbank.Done {
				b.Fatal(result, err)
			}
		}
		r := &hook.ApplyRequest{Height: 1, Payload: smallbank.SendPayment(0, 1, 1)}
		b.Run(m.language, func(b *testing.B) {
			b.ReportAllocs()
			const each = 1000
			for done := 0; done < b.N; done += each {
				fault, err := table.ApplyBatch(guest, min(each, b.N-done), func(int) *hook.ApplyRequest { return r }, state, func(_ int, r plugin.ApplyResult) error {
					if r.Code != smallbank.Done {
						b.Fatal(r)
					}
					return nil
				})
				if err != nil || fault != hook.FaultNone {
					b.Fatal(fault, err)
				}
			}
		})
	}
}
