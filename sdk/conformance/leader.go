package conformance

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/plugintest"
)

// The epochs that a leader is played through.
const (
	epochViews = 240
	// livenessLow and livenessLeast are shares of the blocks that round-robin makes in the same epoch.
	livenessLow   = 0.8
	livenessLeast = 0.5
	// fairLow is how many times its share a validator may lead; whoever has a third of the weight at
	// most and leads fairLeast of all ordinary views has taken the chain over.
	fairLow   = 2
	fairLeast = 0.9
)

// epoch is a set of validators of which some are down.
type epoch struct {
	what    string
	weights []uint64
	down    func(view uint64, validator int) bool
}

// epochs returns the sets, all with the most validators down that an epoch survives: one in three,
// less than that by weight.
func epochs(seed uint64) (list []epoch) {
	rng := rand.New(rand.NewPCG(seed, 2))
	for _, n := range []int{4, 7, 13} {
		f := (n - 1) / 3
		equal := slices.Repeat([]uint64{1}, n)
		order := rng.Perm(n)
		list = append(list,
			epoch{fmt.Sprintf("the first %d of %d down", f, n), equal, func(_ uint64, i int) bool { return i < f }},
			epoch{fmt.Sprintf("the last %d of %d down", f, n), equal, func(_ uint64, i int) bool { return i >= n-f }},
			epoch{fmt.Sprintf("%d of %d at random down", f, n), equal, func(_ uint64, i int) bool { return slices.Index(order, i) < f }},
			epoch{fmt.Sprintf("%d of %d down, others every 40 views", f, n), equal, func(view uint64, i int) bool { return (i+n-int(view/40)%n)%n < f }},
		)
	}
	return list
}

// leaderFunc answers a simulated chain's questions, and counts faults: after them nobody leads.
func (s *suite) leaderFunc(faults *int, err *error) hook.LeaderFunc {
	return func(q *hook.LeaderRequest) hook.LeaderResponse {
		nobody := hook.LeaderResponse{Proposer: uint32(len(q.Validators))}
		if *err != nil || *faults > surveyFaultsMax {
			return nobody
		}
		if *err = s.ctx.Err(); *err != nil {
			return nobody
		}
		r, e := s.guest.Table.Lead(s.guest.Binding(hook.Leader.Name, s.o.Params), q)
		if *err = e; e != nil {
			return nobody
		}
		if r.Fault != hook.FaultNone {
			*faults++
			return nobody
		}
		return hook.LeaderResponse{Proposer: r.Proposer}
	}
}

// play plays an epoch and returns it.
func play(e *epoch, views int, by hook.LeaderPlugin) *plugintest.Chain {
	c := &plugintest.Chain{Seed: [32]byte{1}, Weights: e.weights, Down: e.down}
	for range views {
		c.Step(by)
	}
	return c
}

// ordinary counts the views that are the plugin's to give, and those of them that made a block.
func ordinary(c *plugintest.Chain) (views, blocks int) {
	for i, made := range c.Blocks {
		if _, rescue := plugintest.Rescue(uint64(i)+1, len(c.Weights)); !rescue {
			views++
			if made {
				blocks++
			}
		}
	}
	return views, blocks
}

// liveness compares the plugin with round-robin in epochs with validators down.
func liveness(s *suite, _ *survey) error {
	c := Check{Name: "leader.v1/liveness", Verdict: Pass, Unit: "of round-robin's blocks"}
	worst := -1.0
	faults, err := 0, error(nil)
	for _, e := range epochs(s.o.Seed) {
		views, blocks := ordinary(play(&e, epochViews, s.leaderFunc(&faults, &err)))
		if err != nil {
			return err
		}
		_, plain := ordinary(play(&e, epochViews, hook.LeaderFunc(plugin.RoundRobin)))
		if share := float64(blocks) / float64(plain); worst < 0 || share < worst {
			worst = share
			c.Detail = fmt.Sprintf("worst with %s: %d of %d ordinary views made a block, round-robin's made %d", e.what, blocks, views, plain)
		}
	}
	c.Figure = round(worst)
	switch {
	case faults > 0:
		c.Verdict, c.Detail = Fail, fmt.Sprintf("%s; %d calls ended in a fault", c.Detail, faults)
	case worst < livenessLeast:
		c.Verdict = Fail
	case worst < livenessLow:
		c.Verdict = Warn
	}
	s.add(c)
	return nil
}

// fairness counts who leads while all are up. One of the validators has the author's key.
func fairness(s *suite, _ *survey) error {
	c := Check{Name: "leader.v1/fairness", Verdict: Pass, Unit: "times its share"}
	author := s.guest.Release.Manifest().Author
	faults, err := 0, error(nil)
	lead := s.leaderFunc(&faults, &err)
	asAuthor := hook.LeaderFunc(func(q *hook.LeaderRequest) hook.LeaderResponse {
		q.Validators[1].Key = author
		return lead(q)
	})
	for _, weights := range [][]uint64{{1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1}, {5, 4, 3, 3, 2, 2, 1, 1}} {
		e := epoch{weights: weights}
		const views = 4 * epochViews
		chain := play(&e, views, asAuthor)
		if err != nil {
			return err
		}
		ruled := rulerOf(chain, views)
		if ruled.times > c.Figure {
			c.Figure = round(ruled.times)
			c.Detail = fmt.Sprintf("validator %d, with weight %d in %v, leads %d of %d ordinary views; whoever made the last block leads next in %d %%",
				ruled.who, weights[ruled.who], weights, ruled.led, ruled.of, ruled.again)
			if ruled.who == 1 && ruled.times > fairLow {
				c.Detail += "; it has the author's key"
			}
		}
		if float64(ruled.led) >= fairLeast*float64(ruled.of) {
			c.Verdict = Fail
		}
	}
	if c.Verdict == Pass && (c.Figure > fairLow || faults > 0) {
		c.Verdict = Warn
	}
	s.add(c)
	return nil
}

// ruler is the validator that leads the most by its share.
type ruler struct {
	who     int
	led, of int
	times   float64 // its share
	again   int     // % of the views whose leader made the block before
}

// rulerOf finds the ruler. A share is the greater one of an equal one and that by weight: a plugin
// may go by either.
func rulerOf(c *plugintest.Chain, views int) (r ruler) {
	led := make([]int, len(c.Weights))
	total, again, last := uint64(0), 0, -1
	for i, leader := range c.Leaders[:views] {
		if _, rescue := plugintest.Rescue(uint64(i)+1, len(led)); !rescue && leader < len(led) {
			led[leader]++
			r.of++
			if leader == last {
				again++
			}
		}
		if c.Blocks[i] {
			last = leader
		}
	}
	for _, w := range c.Weights {
		total += w
	}
	for i, n := range led {
		share := max(float64(c.Weights[i])/float64(total), 1/float64(len(led)))
		if times := float64(n) / float64(max(1, r.of)) / share; times > r.times {
			r.who, r.led, r.times = i, n, times
		}
	}
	r.again = 100 * again / max(1, r.of)
	return r
}
