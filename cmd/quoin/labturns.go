package main

import (
	"context"

	"quoin.dev/quoin/bench"
	"quoin.dev/quoin/bench/compare"
	"quoin.dev/quoin/report"
)

// contender is one of two live networks.
type contender struct {
	name    string
	options bench.Options
}

// inTurns loads one live network after the other, each made for its turn, in the order of bench.Order. Each pair is
// of the base and the candidate.
func inTurns(ctx context.Context, t *terminal, pairs int, base, candidate contender) ([][2]*bench.Result, error) {
	var results [][2]*bench.Result
	for i := range pairs {
		var pair [2]*bench.Result
		for _, k := range bench.Order(i) {
			c := []contender{base, candidate}[k]
			t.note("pair %d of %d: %s", i+1, pairs, c.name)
			var err error
			if pair[k], err = bench.Run(ctx, c.options); err != nil {
				return nil, failure("the network of "+c.name+" was not measured", err, "")
			}
		}
		results = append(results, pair)
	}
	return results, nil
}

func measurements(results [][2]*bench.Result) (pairs []compare.Pair) {
	for _, p := range results {
		pairs = append(pairs, compare.Pair{Base: p[0].Compared(), Candidate: p[1].Compared()})
	}
	return pairs
}

func typicalOf(results [][2]*bench.Result) []report.Line {
	var seen [2][][]bench.Quantile
	for _, p := range results {
		seen[0], seen[1] = append(seen[0], p[0].Distribution), append(seen[1], p[1].Distribution)
	}
	return []report.Line{typical("base", seen[0]), typical("candidate", seen[1])}
}
