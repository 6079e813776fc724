package plugin

import (
	"testing"
	"time"
)

// TestCheckIsFast: to read and validate a module of 2 MB takes some ten times as long as to look at its
// bytes one by one, and not a hundred times. Of both the best of several runs counts.
func TestCheckIsFast(t *testing.T) {
	file := goGuest(t)
	sum := byte(0)
	look := best(func() {
		for _, b := range file {
			sum = sum*31 + b
		}
	})
	check := best(func() {
		if _, err := Check(file, DefaultLimits()); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("%d bytes (%d): checked in %v, looked at in %v", len(file), sum, check, look)
	if check > 25*look {
		t.Errorf("checking %d bytes takes %d times as long as looking at them", len(file), check/look)
	}
}

func best(work func()) time.Duration {
	least := time.Duration(1<<63 - 1)
	for range 20 {
		start := time.Now()
		work()
		least = min(least, time.Since(start))
	}
	return least
}
