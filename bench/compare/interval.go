package compare

import (
	"math"
	"slices"
)

// PairsMax bounds the pairs of a comparison, and PairsMin is the fewest that can say anything.
const (
	PairsMin = 10
	PairsMax = 1000
)

// Interval is a median with its confidence interval.
type Interval struct{ Median, Low, High float64 }

// interval returns the median of values and the interval between two of their order statistics that
// holds the median of what they were drawn from with at least 95%, whatever the distribution. The
// number of draws below the true median is binomial with one half, so the chance that it lies below
// the k-th smallest value is the chance of fewer than k heads in n tosses; k is the largest for which
// that is at most 2.5%. (Conover, Practical Nonparametric Statistics, 3rd edition, section 3.2.) With ten
// values that is the second: the interval then holds with 97.9%. It reports false for fewer than
// PairsMin values.
func interval(values []float64) (Interval, bool) {
	n := len(values)
	if n < PairsMin || n > PairsMax {
		return Interval{}, false
	}
	sorted := slices.Sorted(slices.Values(values))
	p := math.Pow(0.5, float64(n)) // of exactly k heads
	below, k := p, 0
	for below <= 0.025 {
		k++
		p *= float64(n-k+1) / float64(k)
		below += p
	}
	return Interval{Median: median(sorted), Low: sorted[k-1], High: sorted[n-k]}, true
}

func median(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
