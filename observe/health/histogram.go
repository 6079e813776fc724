package health

import (
	"math/bits"
	"time"
)

// A histogram's buckets are log-linear, as those of HdrHistogram (Tene, 2012): eight between a power of two
// and the next, in microseconds, so that a quantile is off by at most a sixteenth of itself.
const (
	fractionBits    = 3
	octaves         = 33 // up to 2^36 µs, nineteen hours; what is longer counts as that
	histogramPlaces = (octaves + 1) << fractionBits
)

// histogram counts durations.
type histogram struct {
	count  uint64
	places [histogramPlaces]uint32
}

func (h *histogram) add(d time.Duration) {
	h.count++
	h.places[place(d)]++
}

func (h *histogram) merge(x *histogram) {
	if x.count == 0 {
		return
	}
	h.count += x.count
	for i, n := range x.places {
		h.places[i] += n
	}
}

// place returns the bucket of a duration.
func place(d time.Duration) int {
	us := uint64(max(d, 0) / time.Microsecond)
	if us < 1<<fractionBits {
		return int(us)
	}
	octave := bits.Len64(us) - fractionBits
	return min(octave<<fractionBits+int(us>>(octave-1)&(1<<fractionBits-1)), histogramPlaces-1)
}

// middle returns the middle of a bucket.
func middle(i int) time.Duration {
	if i < 1<<fractionBits {
		return time.Duration(i) * time.Microsecond
	}
	octave := i >> fractionBits
	width := time.Microsecond << (octave - 1)
	return time.Duration(1<<fractionBits+i&(1<<fractionBits-1))*width + width/2
}

// quantile returns the least duration that a share of all do not exceed; false if there are none.
func (h *histogram) quantile(share float64) (time.Duration, bool) {
	if h.count == 0 {
		return 0, false
	}
	rank := min(uint64(share*float64(h.count)), h.count-1) // of the samples in order, from 0
	seen := uint64(0)
	for i, n := range h.places {
		if seen += uint64(n); seen > rank {
			return middle(i), true
		}
	}
	return middle(histogramPlaces - 1), true
}
