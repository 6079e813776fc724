package main

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugins/allowlist-validation/allowlist"
	"quoin.dev/quoin/sdk/sandboxtest"
	"quoin.dev/quoin/sdk/validation"
)

var seed = flag.Uint64("seed", 0, "of the generated requests; 0: another one each time")

// TestSandboxEqualsNative asks the module and the native code the same questions, one by one and as a
// batch.
func TestSandboxEqualsNative(t *testing.T) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("replay: go test -run TestSandboxEqualsNative ./plugins/allowlist-validation -seed %d", s)
	rng := rand.New(rand.NewPCG(s, 4))
	table, guest, native := sandboxtest.Open(t, ".", plugin.Builtin{Name: "native", Validation: validation.Served()})
	state := sandboxtest.NewState()
	codes := map[uint32]int{}
	for range 40 {
		var members [][32]byte
		for range rng.IntN(10) {
			members = append(members, [32]byte{byte(rng.IntN(16))})
		}
		guest.Parameters = allowlist.Params(members...)
		if rng.IntN(8) == 0 && len(guest.Parameters) > 0 {
			guest.Parameters = guest.Parameters[1:]
		}
		native.Parameters = guest.Parameters
		requests := make([]hook.ValidationRequest, 1+rng.IntN(40))
		for i := range requests {
			requests[i] = hook.ValidationRequest{Height: 1, Sender: [32]byte{byte(rng.IntN(16))}, Payload: make([]byte, rng.IntN(100))}
		}
		var batch []uint32
		fault, err := table.ValidateBatch(guest, len(requests), func(i int) *hook.ValidationRequest { return &requests[i] }, state,
			func(_ int, r plugin.ValidateResult) error { batch = append(batch, r.Code); return nil })
		if err != nil || fault != hook.FaultNone || len(batch) != len(requests) {
			t.Fatalf("%d of %d answers: %v, %v", len(batch), len(requests), fault, err)
		}
		for i := range requests {
			got, err := table.Validate(guest, &requests[i], state)
			if err != nil || got.Fault != hook.FaultNone {
				t.Fatal(got, err)
			}
			want, err := table.Validate(native, &requests[i], state)
			if err != nil || got.Code != want.Code || batch[i] != want.Code {
				t.Fatalf("%x with %x: sandbox %d, batch %d, native %d, %v", requests[i].Sender, guest.Parameters, got.Code, batch[i], want.Code, err)
			}
			codes[want.Code]++
		}
	}
	for code := range uint32(allowlist.BadList + 1) {
		if codes[code] == 0 {
			t.Errorf("no request was answered with %d", code)
		}
	}
}
