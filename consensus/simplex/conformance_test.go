package simplex_test

import (
	"flag"
	"testing"

	"quoin.dev/quoin/consensus/consensustest"
	"quoin.dev/quoin/consensus/simplex"
)

var (
	first = flag.Uint64("first", 1, "first seed of the conformance suite")
	seeds = flag.Uint64("seeds", 0, "number of seeds of each world of the conformance suite; 0 is the default")
)

func seedsOr(n uint64) uint64 {
	if *seeds > 0 {
		return *seeds
	}
	return n
}

func suite(rules simplex.Rules, weights ...uint64) consensustest.Suite {
	return consensustest.Suite{Protocol: simplex.Protocol("simplex", rules), Weights: weights, Package: "./consensus/simplex", First: *first}
}

var worlds = []struct {
	name    string
	weights []uint64
	seeds   uint64
}{
	{"four", []uint64{1, 1, 1, 1}, 80},
	{"seven", []uint64{1, 1, 1, 1, 1, 1, 1}, 30},
	{"weighted", []uint64{1, 2, 3, 4, 5}, 40},
	{"alone", []uint64{1}, 10},
}

func TestConformance(t *testing.T) {
	for _, w := range worlds {
		t.Run(w.name, func(t *testing.T) {
			s := suite(simplex.Rules{}, w.weights...)
			s.Seeds = seedsOr(w.seeds)
			consensustest.Run(t, s)
		})
	}
}
