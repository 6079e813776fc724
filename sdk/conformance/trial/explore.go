package trial

import "context"

// Asker is what an exploration asks: a Guest.
type Asker interface {
	Ask(q *Question, s *State) (Answer, error)
}

// novelty is what tells the ways through a guest apart: fuel is a count of the code that ran.
type novelty struct {
	code                     uint32
	fuel                     uint64
	response, writes, events int
}

// Bounds of an exploration, so that a guest that never ends costs little.
const (
	exploreFuelMax   = 100_000_000
	exploreFaultsMax = 20
)

// Explore asks an operation with a payload of the plugin's own format about what comes to mind, calls
// times at most, and teaches the source which payloads had an answer, or used an amount of fuel, that
// no other had. This is what coverage-guided fuzzing does (AFL,
// https://lcamtuf.coredump.cx/afl/technical_details.txt), with fuel for the coverage and codes for
// rare paths. What was written to the namespace is taken back. An operation whose contract says all
// about its requests is not asked.
func (s *Source) Explore(ctx context.Context, by Asker, operation string, state *State, calls int) error {
	defer state.Rollback(state.Mark())
	seen, spent, faults := map[novelty]bool{}, uint64(0), 0
	for n := 0; n < calls && spent < exploreFuelMax && faults < exploreFaultsMax; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		q, err := NewQuestion(operation, s.Request(operation))
		if err != nil {
			return err
		}
		if q.Payload == nil {
			return nil
		}
		a, err := by.Ask(q, state)
		if err != nil {
			return err
		}
		spent += a.Fuel
		if a.Fault != "" {
			faults++
			continue
		}
		what := novelty{a.Code(), a.Fuel, len(a.Response), len(a.Writes), len(a.Events)}
		if !seen[what] {
			seen[what] = true
			s.Teach(operation, a.Code(), q.Payload)
		}
	}
	return nil
}
