package report

import (
	"math"
	"strconv"
	"strings"
)

// scale maps values to places on an axis.
type scale struct {
	low, high float64 // values
	from, to  float64 // places
	log       bool
}

func (s *scale) at(x float64) float64 {
	low, high := s.low, s.high
	x = min(max(x, low), high)
	if s.log {
		low, high, x = math.Log10(low), math.Log10(high), math.Log10(x)
	}
	if high == low {
		return (s.from + s.to) / 2
	}
	return s.from + (x-low)/(high-low)*(s.to-s.from)
}

// linear returns a scale that begins and ends at a tick, with about so many of them.
func linear(low, high float64, count int) (scale, []float64) {
	if high <= low {
		high = low + max(1, math.Abs(low)*0.1)
	}
	step := niceStep((high - low) / float64(max(count, 1)))
	first, last := math.Floor(low/step+1e-9), math.Ceil(high/step-1e-9)
	var ticks []float64
	for k := first; k <= last+0.5; k++ {
		ticks = append(ticks, k*step)
	}
	return scale{low: first * step, high: last * step}, ticks
}

// niceStep returns the least of 1, 2 and 5 times a power of ten that is not below x.
func niceStep(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, k := range []float64{1, 2, 5} {
		if k*power >= x*(1-1e-9) {
			return k * power
		}
	}
	return 10 * power
}

// logarithmic returns a scale of positive values, and ticks at 1, 2 and 5 times powers of ten, or at the
// powers alone where there are many.
func logarithmic(low, high float64) (scale, []float64) {
	low, high = niceBelow(low), niceAbove(high)
	if high <= low {
		high = niceAbove(low * 2)
	}
	multiples, every := []float64{1, 2, 5}, 1.0
	switch decades := math.Log10(high / low); {
	case decades > 12:
		multiples, every = []float64{1}, math.Ceil(decades/6)
	case decades > 4:
		multiples = []float64{1}
	}
	var ticks []float64
	for e := math.Floor(math.Log10(low) + 1e-9); e <= math.Log10(high)+1e-9; e += every {
		for _, k := range multiples {
			if x := k * math.Pow(10, e); x >= low*(1-1e-9) && x <= high*(1+1e-9) {
				ticks = append(ticks, x)
			}
		}
	}
	return scale{low: low, high: high, log: true}, ticks
}

func niceAbove(x float64) float64 { return niceStep(x) }

func niceBelow(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)+1e-9))
	for _, k := range []float64{5, 2} {
		if k*power <= x*(1+1e-9) {
			return k * power
		}
	}
	return power
}

// number formats a value with about three significant digits, and thousands apart.
func number(x float64) string {
	a := math.Abs(x)
	switch {
	case a < 1e-9:
		return "0"
	case a >= 1e9 || a < 1e-4:
		return strings.Replace(strconv.FormatFloat(x, 'g', 3, 64), "-", "−", -1)
	}
	digits := max(0, 2-int(math.Floor(math.Log10(a))))
	text := strconv.FormatFloat(a, 'f', digits, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	whole, fraction, dotted := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "\u2009" + whole[i:] // a thin space
	}
	if dotted {
		whole += "." + fraction
	}
	if x < 0 {
		whole = "−" + whole
	}
	return whole
}

// clock says times of an event log: seconds, or steps where there is no time.
type clock struct{ steps bool }

func (r *Run) clock() clock { return clock{steps: r.Kind == "check" || r.Kind == "twins"} }

// value is a place on an axis.
func (c clock) value(at uint64) float64 {
	if c.steps {
		return float64(at)
	}
	return float64(at) / 1e6
}

func (c clock) unit() string {
	if c.steps {
		return "steps"
	}
	return "seconds"
}

// number is a time of so many digits after the point.
func (c clock) number(at uint64, digits int) string {
	if c.steps {
		digits = 0
	}
	return strconv.FormatFloat(c.value(at), 'f', digits, 64)
}

func (c clock) text(at uint64) string {
	if c.steps {
		return "step " + c.number(at, 0)
	}
	return c.number(at, 3) + " s"
}
