package audit

import "io"

// Flaw is a planted bug.
type Flaw int

// The planted bugs.
const (
	NoProofs Flaw = iota
	NoWords
	NoEnd
)

// VerifyWith verifies with a planted bug.
func VerifyWith(x Flaw, r io.Reader, o Options) (Summary, error) {
	v := NewVerifier(o)
	v.flaws = flaws{noProofs: x == NoProofs, noWords: x == NoWords, noEnd: x == NoEnd}
	return v.read(r, nil)
}

// Keys returns how many keys the state of a replay has.
func (r *Replay) Keys() int { return len(r.state.values) }
