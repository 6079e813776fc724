package transport

import "time"

// Allowance is a token bucket: so much a second, of which a burst can be saved up. Whoever uses one guards it against
// concurrent use.
type Allowance struct {
	perSecond, burst float64
	left             float64
	last             time.Time
}

// NewAllowance returns one that is full.
func NewAllowance(perSecond, burst float64) Allowance {
	return Allowance{perSecond: perSecond, burst: burst, left: burst}
}

// Take reports whether one more is allowed at the given time, and counts it if so. A time before the last one
// gives nothing.
func (a *Allowance) Take(now time.Time) bool {
	a.fill(now)
	if a.left < 1 {
		return false
	}
	a.left--
	return true
}

// Full reports whether all that can be saved up is there: one that is full says nothing of its user.
func (a *Allowance) Full(now time.Time) bool {
	a.fill(now)
	return a.left >= a.burst
}

func (a *Allowance) fill(now time.Time) {
	if !a.last.IsZero() {
		a.left = min(a.burst, a.left+max(0, now.Sub(a.last).Seconds())*a.perSecond)
	}
	a.last = now
}
