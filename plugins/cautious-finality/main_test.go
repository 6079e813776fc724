package main

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/finality"
	"quoin.dev/quoin/sdk/sandboxtest"
)

var seed = flag.Uint64("seed", 0, "of the generated requests; 0: another one each time")

// TestSandboxEqualsNative asks the module and the native code the same questions.
func TestSandboxEqualsNative(t *testing.T) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("replay: go test -run TestSandboxEqualsNative ./plugins/cautious-finality -seed %d", s)
	rng := rand.New(rand.NewPCG(s, 6))
	table, guest, native := sandboxtest.Open(t, ".", plugin.Builtin{Name: "native", Finality: finality.Served()})
	waits := 0
	for range 2000 {
		guest.Parameters = nil
		if rng.IntN(2) == 0 {
			guest.Parameters = binary.LittleEndian.AppendUint32(nil, rng.Uint32N(40))
			guest.Parameters = binary.LittleEndian.AppendUint32(guest.Parameters, rng.Uint32N(100_000))
		}
		native.Parameters = guest.Parameters
		r := &hook.FinalityRequest{Height: rng.Uint64(), View: rng.Uint64(), Validators: 4, ViewGap: rng.Uint64N(1 << rng.IntN(64))}
		if rng.IntN(3) == 0 {
			r.ViewGap = 0
		}
		got, err := table.Delay(guest, r)
		if err != nil || got.Fault != hook.FaultNone {
			t.Fatal(got, err)
		}
		want, err := table.Delay(native, r)
		if err != nil || got.FinalityResponse != want.FinalityResponse {
			t.Fatalf("gap %d, parameters %x: sandbox %v, native %v, %v", r.ViewGap, guest.Parameters, got.FinalityResponse, want.FinalityResponse, err)
		}
		if want.Blocks > 0 {
			waits++
		}
	}
	if waits < 200 {
		t.Errorf("only %d requests led to a wait", waits)
	}
}
