package chained_test

import (
	"flag"
	"testing"

	"quoin.dev/quoin/consensus/chained"
	"quoin.dev/quoin/consensus/consensustest"
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

func suite(rules chained.Rules, weights ...uint64) consensustest.Suite {
	return consensustest.Suite{Protocol: chained.Protocol("chained", rules), Weights: weights, Package: "./consensus/chained", First: *first}
}

var worlds = []struct {
	name    string
	weights []uint64
	seeds   uint64
}{
	{"four", []uint64{1, 1, 1, 1}, 60},
	{"seven", []uint64{1, 1, 1, 1, 1, 1, 1}, 20},
	{"weighted", []uint64{1, 2, 3, 4, 5}, 30},
	{"alone", []uint64{1}, 10},
}

func TestConformance(t *testing.T) {
	for _, w := range worlds {
		t.Run(w.name, func(t *testing.T) {
			s := suite(chained.Rules{}, w.weights...)
			s.Seeds = seedsOr(w.seeds)
			consensustest.Run(t, s)
		})
	}
}
