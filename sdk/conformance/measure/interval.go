package measure

import "slices"

// Interval is a median with an interval that holds the true one with a confidence of at least 95 %.
type Interval struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// samplesMin is the least number of samples for which such an interval exists: the true median lies
// outside all of n samples with probability 2/2^n.
const samplesMin = 6

// intervalOf returns the median of samples and its interval, without an assumption about their
// distribution: the number of samples below the true median is binomial with p = 1/2, so the l-th
// smallest and the l-th largest sample enclose it but for twice the probability of less than l
// successes (W. J. Conover, Practical Nonparametric Statistics, 3rd ed., 1999, section 3.2). l is the
// largest for which that is at most 5 %. Samples must be independent; there must be samplesMin of them.
func intervalOf(samples []float64) Interval {
	s := slices.Sorted(slices.Values(samples))
	n := len(s)
	// below is the probability of less than l successes in n.
	below, term, l := 0.0, 1.0, 0
	for range n {
		term /= 2
	}
	for below+term <= 0.025 && l < n/2 {
		below += term
		l++
		term *= float64(n-l+1) / float64(l)
	}
	l = max(l, 1)
	return Interval{Median: (s[(n-1)/2] + s[n/2]) / 2, Low: s[l-1], High: s[n-l]}
}

// scaled returns the interval of the samples times a factor.
func (i Interval) scaled(by float64) Interval {
	return Interval{i.Median * by, i.Low * by, i.High * by}
}

// inverse returns the interval of a factor divided by the samples.
func (i Interval) inverse(of float64) Interval {
	return Interval{of / i.Median, of / i.High, of / i.Low}
}
