package dashboard

import (
	"testing"
	"time"
)

// However many poll, they ask so often together and no more, and each often enough not to miss frames.
func TestPollersTakeTurns(t *testing.T) {
	for _, x := range []struct {
		pollers int
		most    int // polls in a second, once all have come
		longest time.Duration
	}{{1, 1, pollEvery}, {100, 101, 4 * time.Second}, {900, 101, pollLast}, {3000, 450, pollLast}} {
		b := &broadcaster{}
		began := time.Now()
		next := make([]time.Time, x.pollers)
		for i := range next {
			next[i] = began
		}
		polls := map[int]int{}
		for ms := range 60_000 {
			now := began.Add(time.Duration(ms) * time.Millisecond)
			for i := range next {
				if next[i].After(now) {
					continue
				}
				wait := b.again(now)
				if wait < pollEvery || wait > x.longest {
					t.Fatalf("%d poll, and one waits %s", x.pollers, wait)
				}
				next[i] = now.Add(wait)
				polls[ms/1000]++
			}
		}
		for second, n := range polls {
			if second > 12 && n > x.most { // all came at once
				t.Errorf("%d poll %d times in second %d, want at most %d", x.pollers, n, second, x.most)
			}
		}
	}
}
