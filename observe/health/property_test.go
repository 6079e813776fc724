package health

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"
)

// moment is what happened at one time, for the reference.
type moment struct {
	at      time.Duration
	blocks  uint64
	slow    uint64
	unclean uint64
	gaps    uint64
}

// reference computes sums from everything that happened: what the rings must agree with.
type reference struct {
	moments []moment
	down    []([2]time.Duration)
}

// window returns the beginning of a window of whole buckets that ends with the present one.
func window(now, length, width time.Duration) time.Duration {
	return max(0, (now/width-(length/width)+1)*width)
}

func (r *reference) sums(now, length, width time.Duration) (s sums) {
	from := window(now, length, width)
	s.observed = now - from
	for _, m := range r.moments {
		if m.at >= from {
			s.blocks, s.slow, s.unclean, s.gaps = s.blocks+m.blocks, s.slow+m.slow, s.unclean+m.unclean, s.gaps+m.gaps
		}
	}
	for _, d := range r.down {
		s.down += max(0, d[1]-max(d[0], from))
	}
	return s
}

// TestSumsAreThoseOfEverything plays random histories, with idle stretches of days, gaps, and clocks that go back, and
// compares every window with sums of everything that happened.
func TestSumsAreThoseOfEverything(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed-", seed), func(t *testing.T) {
			play(t, rand.New(rand.NewPCG(seed, 1)))
		})
	}
}

func play(t *testing.T, random *rand.Rand) {
	minutes := []uint64{windowLeast, 24 * 60, windowDefault}[random.IntN(3)]
	w := newWorld(Targets{WindowMinutes: minutes})
	width := w.fine.width
	ref := &reference{}
	now, certified, pending := time.Duration(0), time.Duration(0), false
	stall := ms(w.goals().StallMS)
	since := time.Duration(0)
	defect := false
	pass := func(d time.Duration) {
		now += d
		w.pass(d)
	}
	close := func() { // the present gap ends
		if pending && now-since > stall {
			ref.down = append(ref.down, [2]time.Duration{since, now})
		}
	}
	for range 400 {
		switch random.IntN(12) {
		case 0:
			pass(time.Duration(random.Int64N(int64(3 * 60 * width))))
		case 1:
			pass(time.Duration(random.Int64N(int64(2 * time.Minute))))
		case 2:
			w.happen(replica.BlockRefused)
			defect = true
		case 3: // somebody sets the clock back: what passes afterwards counts, and nothing else
			w.at = w.at.Add(-time.Duration(1+random.IntN(1000)) * time.Hour)
			w.tell(btoi(pending))
		case 4:
			waits := random.IntN(2) == 0
			if waits != pending {
				close()
				pending, since = waits, now
			}
			w.tell(btoi(waits))
		case 5:
			w.report()
		default:
			pass(time.Duration(random.Int64N(int64(2 * time.Second))))
			wait, gaps := uint32(1+random.IntN(1000)), random.Uint64N(3)
			m := moment{at: now, blocks: 1, gaps: gaps}
			if wait > 500 {
				m.slow = 1
			}
			if defect {
				m.unclean, defect = 1, false
			}
			ref.moments = append(ref.moments, m)
			close()
			since, certified = now, now
			w.certify(wait, gaps)
		}
		compare(t, w, ref, now, since, pending && now-since > stall, width)
	}
	if certified == 0 {
		t.Error("no block was certified: the test is too tame")
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func compare(t *testing.T, w *world, ref *reference, now, since time.Duration, down bool, width time.Duration) {
	t.Helper()
	w.report()
	if down {
		ref.down = append(ref.down, [2]time.Duration{since, now})
		defer func() { ref.down = ref.down[:len(ref.down)-1] }()
	}
	for _, length := range []time.Duration{5, 30, 60, 360, 3 * 24 * 60, fineInWindow} {
		bucket := width
		if length > fineKept {
			bucket *= fineInCoarse
		}
		got, want := w.sumsOver(now, length*width), ref.sums(now, length*width, bucket)
		if got.observed != want.observed || got.down != want.down || got.blocks != want.blocks || got.slow != want.slow || got.unclean != want.unclean || got.gaps != want.gaps {
			t.Fatalf("at %v, over %d buckets:\n got %+v\nwant %+v", now, length, got, want)
		}
	}
}

// TestWindowsEdges: what happens in the last moment of a bucket leaves a window of five exactly when the
// fifth bucket after it begins.
func TestWindowsEdges(t *testing.T) {
	w := newWorld(Targets{})
	w.pass(time.Minute - 1)
	w.certify(1, 0)
	for _, x := range []struct {
		pass time.Duration
		want uint64
	}{{0, 1}, {1, 1}, {4*time.Minute - 1, 1}, {1, 0}} {
		w.pass(x.pass)
		w.report()
		if got := w.sumsOver(w.clock.now, 5*time.Minute); got.blocks != x.want {
			t.Errorf("at %v: %d blocks, want %d", w.clock.now, got.blocks, x.want)
		}
	}
}

func TestAClockThatGoesBackIsCountedAndHarmsNothing(t *testing.T) {
	w := newWorld(Targets{})
	w.pass(time.Minute)
	w.certify(1, 0)
	w.at = w.at.Add(-time.Hour)
	w.certify(1, 0)
	w.pass(time.Minute)
	r := w.report()
	if r.ClockBack != 1 || w.clock.now != 2*time.Minute {
		t.Errorf("after two minutes %v have passed, and the clock went back %d times", w.clock.now, r.ClockBack)
	}
	w.at = w.at.Add(-reorder) // another goroutine
	w.tell(0)
	w.at = w.at.Add(reorder)
	if r := w.report(); r.ClockBack != 1 || w.clock.now != 2*time.Minute {
		t.Errorf("%d, %v", r.ClockBack, w.clock.now)
	}
}

// TestMemoryIsBounded: a model is as large after a million events over a century as before.
func TestMemoryIsBounded(t *testing.T) {
	w := newWorld(Targets{})
	size := func() int {
		return len(w.fine.slots)*int(unsafe.Sizeof(w.fine.slots[0])) + len(w.coarse.slots)*int(unsafe.Sizeof(w.coarse.slots[0]))
	}
	before := size()
	if before > 4<<20 {
		t.Errorf("a model takes %d bytes", before)
	}
	allocated := testing.AllocsPerRun(1000, func() {
		w.pass(50 * time.Minute)
		w.happen(replica.ViewTimedOut)
		w.happen(replica.MachineFaulted)
		w.Called(node.Call{Took: time.Second})
		w.Synced(node.FileStore, time.Second)
		w.certify(1, 1)
	})
	if size() != before || allocated > 4 { // the events themselves
		t.Errorf("%d bytes, before %d; %v allocations for each round", size(), before, allocated)
	}
	w.pass(100 * 365 * 24 * time.Hour)
	if r := w.report(); r.objective("clean").Known {
		t.Error("a century later blocks are remembered")
	}
}

func TestQuantilesAreNear(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 2))
		h := &histogram{}
		var most time.Duration
		for range 1 + random.IntN(300) {
			d := time.Duration(random.Int64N(int64(time.Microsecond) << random.IntN(30)))
			h.add(d)
			most = max(most, d)
		}
		q := h.quantiles()
		if q.P50 > q.P99 || float64(q.P99) > 1.07*float64(most)+float64(time.Microsecond) {
			t.Errorf("seed %d: %+v of at most %v", seed, q, most)
		}
	}
	for d := time.Microsecond; d < 19*time.Hour; d += d/5 + 1 {
		if got := middle(place(d)); float64(got) < 0.9*float64(d)-float64(time.Microsecond) || float64(got) > 1.1*float64(d)+float64(time.Microsecond) {
			t.Errorf("%v is counted as %v", d, got)
		}
	}
	for _, d := range []time.Duration{-1, 0, 1 << 62} {
		h := &histogram{}
		h.add(d) // must not panic
	}
}

func FuzzClock(f *testing.F) {
	f.Add(int64(0), int64(5), int64(-5))
	f.Fuzz(func(t *testing.T, a, b, c int64) {
		m := New(Targets{})
		for _, ns := range []int64{a, b, c, a} {
			m.Described(&node.Status{At: time.Unix(0, ns)})
			m.Report(time.Unix(0, ns))
		}
	})
}

// BenchmarkBlock is what a block costs that the model is told of, with sixteen calls of guests and two fsyncs.
func BenchmarkBlock(b *testing.B) {
	w := newWorld(Targets{})
	for b.Loop() {
		w.pass(10 * time.Millisecond)
		w.tell(1)
		for range 16 {
			w.Called(node.Call{Took: time.Microsecond})
		}
		w.Synced(node.FileVotes, time.Millisecond)
		w.Synced(node.FileStore, time.Millisecond)
		w.certify(20, 0)
	}
}

// BenchmarkReport is what a report costs of a model that remembers all that it can.
func BenchmarkReport(b *testing.B) {
	w := newWorld(Targets{})
	for range fineKept + 1 {
		w.pass(time.Minute)
		w.tell(1)
		w.certify(20, 0)
	}
	for b.Loop() {
		w.report()
	}
}
