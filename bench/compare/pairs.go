package compare

import (
	"context"
	"fmt"
	"sync"
)

// SimulatedPair is a seed, played by both.
type SimulatedPair struct {
	Seed            uint64
	Base, Candidate *Simulated
}

// SimulatePairs plays count seeds from first on, several at once, and returns them in the order of
// seeds. done is told how many are through, by several goroutines. The first error ends it.
func SimulatePairs(ctx context.Context, w World, base, candidate Side, first uint64, count, parallel int, done func(n int)) ([]SimulatedPair, error) {
	pairs := make([]SimulatedPair, count)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	next, through := 0, 0
	var running sync.WaitGroup
	for range max(1, min(parallel, count)) {
		running.Go(func() {
			for ctx.Err() == nil {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= count {
					return
				}
				p, err := simulatePair(w, base, candidate, first+uint64(i))
				if err != nil {
					cancel(err)
					return
				}
				pairs[i] = p
				mu.Lock()
				through++
				n := through
				mu.Unlock()
				done(n)
			}
		})
	}
	running.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return pairs, nil
}

func simulatePair(w World, base, candidate Side, seed uint64) (p SimulatedPair, err error) {
	p.Seed = seed
	if p.Base, err = Simulate(w, base, seed); err != nil {
		return p, fmt.Errorf("base: %w", err)
	}
	if p.Candidate, err = Simulate(w, candidate, seed); err != nil {
		return p, fmt.Errorf("candidate: %w", err)
	}
	return p, nil
}

// Measurements returns the pairs without the rest.
func Measurements(pairs []SimulatedPair) (all []Pair) {
	for _, p := range pairs {
		all = append(all, Pair{p.Base.Measurement, p.Candidate.Measurement})
	}
	return all
}
