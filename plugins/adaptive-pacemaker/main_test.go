package main

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/pacemaker"
	"quoin.dev/quoin/sdk/sandboxtest"
)

var seed = flag.Uint64("seed", 0, "of the generated requests; 0: another one each time")

// TestSandboxEqualsNative asks the module and the native code the same questions.
func TestSandboxEqualsNative(t *testing.T) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("replay: go test -run TestSandboxEqualsNative ./plugins/adaptive-pacemaker -seed %d", s)
	rng := rand.New(rand.NewPCG(s, 7))
	table, guest, native := sandboxtest.Open(t, ".", plugin.Builtin{Name: "native", Pacemaker: pacemaker.Served()})
	answers, most := map[uint64]bool{}, uint64(0)
	for i := range 1000 {
		guest.Parameters = nil
		if rng.IntN(2) == 0 {
			guest.Parameters = []byte{byte(rng.IntN(256))}
		}
		native.Parameters = guest.Parameters
		r := request(rng)
		got, err := table.Timeout(guest, r)
		if err != nil || got.Fault != hook.FaultNone {
			t.Fatalf("request %d: %+v, %v", i, got, err)
		}
		want, err := table.Timeout(native, r)
		if err != nil || got.MS != want.MS {
			t.Fatalf("request %d, window %v: sandbox %d ms, native %d ms, %v", i, r.Window, got.MS, want.MS, err)
		}
		answers[got.MS], most = true, max(most, got.Fuel)
	}
	if len(answers) < 150 {
		t.Errorf("only %d different answers: the generator is of little use", len(answers))
	}
	t.Logf("most fuel of one call: %d", most)
}

func request(rng *rand.Rand) *hook.PacemakerRequest {
	r := &hook.PacemakerRequest{Validators: 4, Self: rng.Uint32N(4), BaseMS: 500, MaxMS: 20_000, View: 1000 + rng.Uint64N(1000)}
	failed := 1 + rng.Uint64N(1<<rng.IntN(5))
	r.CertifiedView = r.View - failed
	r.BuiltinMS = min(r.BaseMS<<min(failed-1, 20), r.MaxMS)
	usual := 1 + rng.Uint32N(1<<rng.IntN(12))
	for i := range rng.IntN(hook.PacemakerWindowMax + 1) {
		v := hook.PacemakerView{View: r.View - 1 - uint64(i), MS: rng.Uint32N(2 * usual), Notarized: rng.IntN(4) > 0}
		if rng.IntN(40) == 0 {
			v.MS = rng.Uint32()
		}
		r.Window = append(r.Window, v)
	}
	return r
}
