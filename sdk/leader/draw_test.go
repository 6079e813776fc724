package leader

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/big"
	"testing"

	"quoin.dev/quoin/hook"
)

// TestDraw computes the definition with numbers of any size.
func TestDraw(t *testing.T) {
	for view := range uint64(200) {
		for _, bound := range []uint64{1, 2, 3, 10, 1 << 62, math.MaxUint64} {
			r := &hook.LeaderRequest{Seed: [32]byte{1, 31: byte(view)}, Epoch: 3, View: view + 1}
			text := append([]byte("label\n"), r.Seed[:]...)
			text = binary.BigEndian.AppendUint64(text, r.Epoch)
			text = binary.BigEndian.AppendUint64(text, r.View)
			sum := sha256.Sum256(text)
			want := new(big.Int).SetBytes(sum[:16])
			want.Rsh(want.Mul(want, new(big.Int).SetUint64(bound)), 128)
			if got := Draw(r, "label", bound); got != want.Uint64() || got >= bound {
				t.Fatalf("view %d, bound %d: %d, want %v", r.View, bound, got, want)
			}
		}
	}
}

func TestTurn(t *testing.T) {
	next := uint64(0)
	for view := uint64(1); view < 1000; view++ {
		if view%4 == 0 {
			continue // a rescue view
		}
		if got := Turn(&hook.LeaderRequest{View: view}); got != next {
			t.Fatalf("view %d is turn %d, want %d", view, got, next)
		}
		next++
	}
}

func TestChoose(t *testing.T) {
	r := &hook.LeaderRequest{Validators: []hook.Validator{{Weight: 10}, {Weight: 1000}, {Weight: 20}, {Weight: 30}}}
	drawn := make([]int, 4)
	const views = 6000
	for r.View = 1; r.View <= views; r.View++ {
		p, ok := Choose(r, "test", func(i int) bool { return i != 1 })
		if !ok {
			t.Fatal("nobody was chosen")
		}
		drawn[p]++
	}
	for i, want := range []int{views / 6, 0, views / 3, views / 2} {
		if drawn[i] < want*9/10 || drawn[i] > want*11/10 {
			t.Errorf("validator %d was drawn %d times, its share is %d", i, drawn[i], want)
		}
	}
	if _, ok := Choose(r, "test", func(int) bool { return false }); ok {
		t.Error("one of nobody was chosen")
	}
	r.Validators = []hook.Validator{{Weight: hook.TotalWeightMax - 1}, {Weight: 1}}
	if _, ok := Choose(r, "test", func(int) bool { return true }); !ok {
		t.Error("nobody of the greatest weight was chosen")
	}
}

func TestWeight(t *testing.T) {
	for _, c := range []struct {
		weights       []uint64
		total, faulty uint64
	}{
		{nil, 0, 0}, {[]uint64{1}, 1, 0}, {[]uint64{1, 1, 1}, 3, 0}, {[]uint64{1, 1, 1, 1}, 4, 1}, {[]uint64{50, 50}, 100, 33},
	} {
		r := &hook.LeaderRequest{}
		for _, w := range c.weights {
			r.Validators = append(r.Validators, hook.Validator{Weight: w})
		}
		if total, faulty := Weight(r); total != c.total || faulty != c.faulty {
			t.Errorf("weights %v: %d and %d, want %d and %d", c.weights, total, faulty, c.total, c.faulty)
		}
	}
}

func TestServed(t *testing.T) {
	if Served() != nil {
		t.Fatal("something is served before Serve")
	}
	Serve(func(*hook.LeaderRequest) hook.LeaderResponse { return hook.LeaderResponse{Proposer: 3} })
	if got := Served().Lead(&hook.LeaderRequest{}).Proposer; got != 3 {
		t.Errorf("Served answers %d", got)
	}
	served = nil
}
