package transport

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"quoin.dev/quoin/transport/internal/wire"
)

// TestQueueAgainstModel compares the ring with a plain slice over random operations.
func TestQueueAgainstModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d (set it in the source to replay)", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	limits := ClassLimits{MessageBytesMax: 100, QueueMessages: 37, QueueBytes: 900}
	for _, class := range Classes() {
		q := newQueue(class, limits)
		var model [][]byte
		var dropped [DropCount]uint64
		size := func() (n int) {
			for _, m := range model {
				n += len(m)
			}
			return n
		}
		for step := range 20000 {
			if random.IntN(60) == 0 {
				batch := q.take(nil)
				if !slices.EqualFunc(batch, model, slices.Equal) {
					t.Fatalf("%v, step %d: took %d messages, want %d", class, step, len(batch), len(model))
				}
				model = nil
				continue
			}
			message := make([]byte, random.IntN(104))
			if len(message) > 0 {
				message[0] = byte(step)
			}
			want := true
			if len(message) == 0 || len(message) > limits.MessageBytesMax {
				want = false
				dropped[DroppedUnfit]++
			} else {
				for len(model) == limits.QueueMessages || size()+len(message) > limits.QueueBytes {
					if class != Consensus {
						want = false
						dropped[DroppedFull]++
						break
					}
					model = model[1:]
					dropped[DroppedOldest]++
				}
			}
			if want {
				model = append(model, message)
			}
			if got := q.put(message); got != want {
				t.Fatalf("%v, step %d: put of %d bytes gave %v, want %v", class, step, len(message), got, want)
			}
			stats := q.stats()
			if stats.QueuedMessages != len(model) || stats.QueuedBytes != size() || stats.Dropped != dropped {
				t.Fatalf("%v, step %d: %+v, want %d messages, %d bytes, dropped %v", class, step, stats, len(model), size(), dropped)
			}
		}
		if class == Consensus && dropped[DroppedOldest] == 0 || class != Consensus && dropped[DroppedFull] == 0 {
			t.Errorf("%v: never full, so nothing was tested: %v", class, dropped)
		}
	}
}

// What take returns is a frame that a receiver accepts.
func TestQueueTakesFrames(t *testing.T) {
	limits := ClassLimits{MessageBytesMax: 100 << 10, QueueMessages: 10000, QueueBytes: 1 << 30}
	seed := rand.Uint64()
	t.Logf("seed %d (set it in the source to replay)", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	q := newQueue(Bulk, limits)
	var want, got [][]byte
	for i := range 5000 {
		size := 1 + random.IntN(20)
		switch random.IntN(20) {
		case 0:
			size = 1 + random.IntN(limits.MessageBytesMax)
		case 1:
			size = wire.BatchBytesMax - wire.PrefixBytes - random.IntN(10)
		}
		message := make([]byte, size)
		copy(message, fmt.Sprint(i))
		want = append(want, message)
		if !q.put(message) {
			t.Fatal("not taken")
		}
	}
	for {
		batch := q.take(nil)
		if len(batch) == 0 {
			break
		}
		messages, err := wire.Decode(nil, wire.Encode(batch), limits.MessageBytesMax)
		if err != nil {
			t.Fatalf("a frame of %d messages: %v", len(batch), err)
		}
		got = append(got, messages...)
	}
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%d messages came out as %d", len(want), len(got))
	}
}

func BenchmarkQueue(b *testing.B) {
	q := newQueue(Consensus, defaultLimits[Consensus])
	message := make([]byte, 128)
	var batch [][]byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		q.put(message)
		if i%256 == 255 {
			batch = q.take(batch[:0])
		}
	}
}

// How long messages waited is counted when they are taken.
func TestQueueCountsWaits(t *testing.T) {
	q := newQueue(Consensus, defaultLimits[Consensus])
	for range 5 {
		q.put([]byte("x"))
	}
	q.ring[q.head].since = q.ring[q.head].since.Add(-2 * time.Second)
	q.take(nil)
	w := q.stats().Waited
	total := uint64(0)
	for _, n := range w.Buckets {
		total += n
	}
	if total != 5 || w.Buckets[len(WaitBounds)-1] != 1 || w.Sum < 2*time.Second {
		t.Errorf("%+v", w)
	}
}
