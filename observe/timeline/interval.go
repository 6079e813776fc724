package timeline

import "math"

// Interval is a share with its 95 % confidence interval.
type Interval struct {
	Share float64 `json:"share"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Share returns how large a share hits are of tries, with the Wilson score interval (Wilson, JASA 1927) at
// 95 %: it stays within 0 and 1, and says something useful where nothing was hit, as with few tries. Of no
// tries the share is 0 and the interval is everything.
func Share(hits, tries uint64) Interval {
	if tries == 0 {
		return Interval{High: 1}
	}
	const z = 1.959963984540054 // of 95 %
	n, p := float64(tries), float64(min(hits, tries))/float64(tries)
	middle := p + z*z/(2*n)
	spread := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	scale := 1 + z*z/n
	i := Interval{Share: p, Low: max(0, (middle-spread)/scale), High: min(1, (middle+spread)/scale)}
	if hits == 0 {
		i.Low = 0 // exactly, whatever rounding does
	}
	if hits >= tries {
		i.High = 1
	}
	return i
}
