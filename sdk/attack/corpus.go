package attack

import (
	"errors"
	"fmt"

	"quoin.dev/quoin/bench/resident"
)

// GrowthMax is by how many bytes a case may grow resident memory.
const GrowthMax = 64 << 20

// Result is what became of a case.
type Result struct {
	Row      int    `json:"row"`
	Fixture  string `json:"fixture"`
	Want     string `json:"want"`
	Observed string `json:"observed"`
	Fuel     uint64 `json:"fuel"`    // of the most expensive call
	Growth   uint64 `json:"growth"`  // of resident memory, in bytes; 0 where it cannot be measured
	Note     string `json:"note"`    // figures, for people
	Problem  string `json:"problem"` // why it is a miss; empty: it is none
}

// Passed reports whether the attack was contained.
func (r *Result) Passed() bool { return r.Problem == "" }

// play plays one case on the stage.
func (s *stage) play(c *Case) (r Result) {
	r = Result{Row: c.Row, Fixture: c.Fixture, Want: c.Want}
	s.peaks, s.note = 0, ""
	err := func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("a panic: %v", p)
			}
		}()
		before, err := s.bystander()
		if err != nil {
			return err
		}
		s.peaks = 0
		meter, measured := resident.Start()
		if measured != nil && !errors.Is(measured, resident.ErrUnsupported) {
			return measured
		}
		s.hole.suffer()
		if r.Observed, err = c.play(s); err != nil {
			return err
		}
		r.Fuel, r.Note = s.peaks, s.note
		if r.Observed != c.Want {
			return fmt.Errorf("observed: %s; want: %s", r.Observed, c.Want)
		}
		if measured == nil {
			if r.Growth, err = meter.Growth(); err != nil {
				return err
			}
			if r.Growth > GrowthMax {
				return fmt.Errorf("resident memory grew by %d KiB, at most %d may be", r.Growth>>10, GrowthMax>>10)
			}
		}
		after, err := s.bystander()
		if err == nil && after != before {
			err = fmt.Errorf("the bystander answers %s, fuel %d; before the attack %s, fuel %d", after, after.fuel, before, before.fuel)
		}
		return err
	}()
	if err != nil {
		r.Problem = err.Error()
	}
	return r
}
