package main

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugins/fee-priority/fee"
	"quoin.dev/quoin/sdk/priority"
	"quoin.dev/quoin/sdk/sandboxtest"
)

var seed = flag.Uint64("seed", 0, "of the generated requests; 0: another one each time")

// TestSandboxEqualsNative asks the module and the native code the same questions.
func TestSandboxEqualsNative(t *testing.T) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("replay: go test -run TestSandboxEqualsNative ./plugins/fee-priority -seed %d", s)
	rng := rand.New(rand.NewPCG(s, 8))
	table, guest, native := sandboxtest.Open(t, ".", plugin.Builtin{Name: "native", Priority: priority.Served()})
	ranked, most := 0, uint64(0)
	for i := range 1000 {
		guest.Parameters = nil
		if rng.IntN(2) == 0 {
			guest.Parameters = fee.Params(rng.Uint32N(40), []string{"", "bank", "shop"}[rng.IntN(3)])
		}
		native.Parameters = guest.Parameters
		r := &hook.PriorityRequest{Pending: 7, Capacity: 100, Height: 1, Expiry: 9, Namespace: []byte("bank"), Payload: make([]byte, rng.IntN(1<<rng.IntN(12)))}
		for k := range r.Payload {
			r.Payload[k] = byte(rng.Uint32()) >> rng.IntN(8)
		}
		got, err := table.Priority(guest, r)
		if err != nil || got.Fault != hook.FaultNone {
			t.Fatalf("request %d: %+v, %v", i, got, err)
		}
		want, err := table.Priority(native, r)
		if err != nil || got.Priority != want.Priority {
			t.Fatalf("request %d, %d bytes, parameters %x: sandbox %d, native %d, %v", i, len(r.Payload), guest.Parameters, got.Priority, want.Priority, err)
		}
		if most = max(most, got.Fuel); got.Priority > 0 {
			ranked++
		}
	}
	if ranked < 150 {
		t.Errorf("only %d requests have a priority: the generator is of little use", ranked)
	}
	t.Logf("most fuel of one call: %d", most)
}

// BenchmarkPriority is one call for a payload of 200 bytes.
func BenchmarkPriority(b *testing.B) {
	table, guest, native := sandboxtest.Open(b, ".", plugin.Builtin{Name: "native", Priority: priority.Served()})
	r := &hook.PriorityRequest{Namespace: []byte("bank"), Payload: binary.LittleEndian.AppendUint64(make([]byte, 0, 200), 1000)[:200]}
	for _, c := range []struct {
		name    string
		binding *quoin.Binding
	}{{"native", native}, {"sandbox", guest}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var fuel uint64
			for b.Loop() {
				result, err := table.Priority(c.binding, r)
				if err != nil || result.Fault != hook.FaultNone {
					b.Fatal(result.Fault, err)
				}
				fuel = result.Fuel
			}
			b.ReportMetric(float64(fuel), "fuel/op")
		})
	}
}
