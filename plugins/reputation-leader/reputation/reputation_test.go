package reputation

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/leader"
	"quoin.dev/quoin/sdk/plugintest"
)

var seed = flag.Uint64("seed", 0, "of the generated requests; 0: another one each time")

// random returns a generator and says how to get it again.
func random(t testing.TB) *rand.Rand {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("replay: go test -run '^%s$' ./plugins/reputation-leader/reputation -seed %d", t.Name(), s)
		}
	})
	return rand.New(rand.NewPCG(s, 1))
}

func equal(n int) []uint64 {
	w := make([]uint64, n)
	for i := range w {
		w[i] = 1
	}
	return w
}

// ordinary counts who led the views that were not rescue views, from the view on.
func ordinary(c *plugintest.Chain, from int) []int {
	led := make([]int, len(c.Weights))
	for i, l := range c.Leaders {
		if _, rescue := plugintest.Rescue(uint64(i)+1, len(c.Weights)); i >= from && !rescue {
			led[l]++
		}
	}
	return led
}

func TestFairAmongEquals(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 7, 10} {
		c := plugintest.Chain{Seed: [32]byte{byte(n)}, Weights: equal(n)}
		const views = 4000
		for range views {
			c.Step(hook.LeaderFunc(Lead))
		}
		share := views * 3 / 4 / n
		for i, led := range ordinary(&c, 0) {
			if led < share*8/10 || led > share*12/10 {
				t.Errorf("%d validators: validator %d led %d ordinary views, its share is %d", n, i, led, share)
			}
		}
	}
}

func TestFollowsWeights(t *testing.T) {
	// f is 33: nobody is ever recent but those of weight 10, and 10+10+10 fit.
	c := plugintest.Chain{Weights: []uint64{40, 30, 10, 10, 10}}
	for range 4000 {
		c.Step(hook.LeaderFunc(Lead))
	}
	led := ordinary(&c, 0)
	if !(led[0] > led[1] && led[1] > led[2]) {
		t.Errorf("ordinary views by validator: %v", led)
	}
}

func TestCrashedLeadNoMore(t *testing.T) {
	const crash = 400
	for _, n := range []int{4, 7, 10} {
		f := (n - 1) / 3
		c := plugintest.Chain{Weights: equal(n), Down: func(view uint64, validator int) bool { return validator < f && view > crash }}
		for range 2000 {
			c.Step(hook.LeaderFunc(Lead))
		}
		// Each block moves the window on; views of the crashed do not, but each of them is
		// drawn anew. 20 windows' worth of views are far more than enough.
		for i, led := range ordinary(&c, crash+20*window(nil, n)) {
			if i < f && led > 0 {
				t.Errorf("%d validators: validator %d is down and led %d views", n, i, led)
			}
		}
		lost := 0
		for view := crash; view < len(c.Blocks); view++ {
			if _, rescue := plugintest.Rescue(uint64(view)+1, n); !rescue && !c.Blocks[view] {
				lost++
			}
		}
		if most := 2 * window(nil, n); lost > most {
			t.Errorf("%d validators: the crash cost %d ordinary views, expected at most %d", n, lost, most)
		}
	}
}

func TestReturnsAfterCrash(t *testing.T) {
	c := plugintest.Chain{Weights: equal(4), Down: func(view uint64, validator int) bool { return validator == 2 && view > 100 && view <= 500 }}
	for range 1500 {
		c.Step(hook.LeaderFunc(Lead))
	}
	if led := ordinary(&c, 600); led[2] < 100 {
		t.Errorf("ordinary views by validator after the return of 2: %v", led)
	}
}

// TestFaultyCannotKeepTheTurn: the seed is a hash, so let the faulty have luck: they are the
// only ones that anybody shows as voters besides a bare quorum.
func TestFaultyCannotKeepTheTurn(t *testing.T) {
	const n, f = 10, 3
	c := plugintest.Chain{Weights: equal(n), Quorums: func(view uint64, validator int) bool {
		return validator < f || (validator+int(view))%n != 0
	}}
	run, longest := 0, 0
	for range 4000 {
		c.Step(hook.LeaderFunc(Lead))
		if c.Leaders[len(c.Leaders)-1] < f {
			run++
		} else {
			run = 0
		}
		longest = max(longest, run)
	}
	// f different ones in a row, and a rescue view of one of them.
	if longest > f+1 {
		t.Errorf("the faulty led %d views in a row", longest)
	}
}

func TestTurnsWhileTheWindowIsShort(t *testing.T) {
	c := plugintest.Chain{Weights: equal(4)}
	turn := 0
	for range 7 { // a window of 8 is never full here
		r := c.Request()
		if got := Lead(r).Proposer; uint64(got) != leader.Turn(r)%4 {
			t.Errorf("view %d: %d, want the one whose turn it is, %d", r.View, got, leader.Turn(r)%4)
		}
		turn++
		c.Step(hook.LeaderFunc(Lead))
	}
	if len(c.Request().Window) != 7 {
		t.Fatalf("the window has %d blocks", len(c.Request().Window))
	}
	c.Step(hook.LeaderFunc(Lead))
	differs := false
	for range 40 {
		r := c.Request()
		differs = differs || uint64(Lead(r).Proposer) != leader.Turn(r)%4
		c.Step(hook.LeaderFunc(Lead))
	}
	if !differs {
		t.Error("with a full window the validators still take turns")
	}
}

func TestParams(t *testing.T) {
	for _, c := range []struct {
		params     []byte
		validators int
		want       int
	}{
		{nil, 1, 8}, {nil, 4, 8}, {nil, 10, 20}, {nil, 1024, 64},
		{Params(1), 4, 1}, {Params(64), 4, 64}, {Params(65), 4, 8}, {Params(0), 4, 8}, {[]byte{9, 9}, 4, 8},
	} {
		if got := window(c.params, c.validators); got != c.want {
			t.Errorf("parameters %v, %d validators: %d, want %d", c.params, c.validators, got, c.want)
		}
	}
}

// reference is the rule once more, as plainly as it can be said, for all but the draw.
func reference(r *hook.LeaderRequest) (candidates map[int]bool) {
	w := window(r.Params, len(r.Validators))
	if len(r.Window) < w {
		return nil
	}
	candidates = map[int]bool{}
	for v := range r.Validators {
		for _, b := range r.Window[:w] {
			if b.Voters.Has(v) {
				candidates[v] = true
			}
		}
	}
	total, sum := uint64(0), uint64(0)
	for _, v := range r.Validators {
		total += v.Weight
	}
	seen := map[uint32]bool{}
	for _, b := range r.Window {
		if seen[b.Proposer] {
			continue
		}
		sum += r.Validators[b.Proposer].Weight
		if 3*sum > total-1 { // sum > f
			break
		}
		seen[b.Proposer] = true
		delete(candidates, int(b.Proposer))
	}
	return candidates
}

func TestChoosesAmongCandidates(t *testing.T) {
	rng := random(t)
	full, drawn := 0, 0
	for range 3000 {
		r := plugintest.RandomRequest(rng, 40)
		// Keep three times the weights within 64 bits for the reference.
		for i := range r.Validators {
			r.Validators[i].Weight = 1 + r.Validators[i].Weight%(1<<40)
		}
		if err := r.Validate(); err != nil {
			t.Fatal(err)
		}
		got := Lead(r)
		if got != Lead(r) {
			t.Fatal("two answers to one question")
		}
		switch candidates := reference(r); {
		case len(candidates) == 0:
			if uint64(got.Proposer) != leader.Turn(r)%uint64(len(r.Validators)) {
				t.Fatalf("%s: %d, want a turn", describe(r), got.Proposer)
			}
		case !candidates[int(got.Proposer)]:
			t.Fatalf("%s: %d is no candidate of %v", describe(r), got.Proposer, candidates)
		default:
			drawn++
		}
		if len(r.Window) >= window(r.Params, len(r.Validators)) {
			full++
		}
	}
	if full < 500 || drawn < 300 {
		t.Errorf("only %d requests had a full window and %d candidates; the generator is of little use", full, drawn)
	}
}

// TestQuorumsLeaveCandidates: when every block shows votes of a quorum, as the kernel
// demands, the candidates hold more than a third of the weight.
func TestQuorumsLeaveCandidates(t *testing.T) {
	rng := random(t)
	for range 1000 {
		r := plugintest.RandomRequest(rng, 20)
		for i := range r.Validators {
			r.Validators[i].Weight = 1 + r.Validators[i].Weight%1000
		}
		total, f := leader.Weight(r)
		for i := range r.Window {
			sum := uint64(0)
			for _, v := range rng.Perm(len(r.Validators)) {
				if 3*sum > 2*total {
					break
				}
				r.Window[i].Voters.Set(v)
				sum += r.Validators[v].Weight
			}
		}
		if len(r.Window) < window(r.Params, len(r.Validators)) {
			continue
		}
		sum := uint64(0)
		for v := range reference(r) {
			sum += r.Validators[v].Weight
		}
		if sum == 0 || sum < f {
			t.Fatalf("%s: candidates of weight %d of %d", describe(r), sum, total)
		}
	}
}

func describe(r *hook.LeaderRequest) string {
	return fmt.Sprintf("view %d, %d validators, %d blocks, parameters %v", r.View, len(r.Validators), len(r.Window), r.Params)
}
