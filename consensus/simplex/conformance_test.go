package simplex_test

import (
	"crypto/sha256"
	"flag"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
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

func machine(rules simplex.Rules) func(consensustest.Member) consensustest.Machine {
	return func(m consensustest.Member) consensustest.Machine { return simplex.New(config(m, rules)) }
}

func config(m consensustest.Member, rules simplex.Rules) simplex.Config {
	return simplex.Config{Origin: m.Origin, Epoch: m.Epoch, Validators: m.Validators, Parameters: m.Parameters, Self: m.Self,
		Signer: m.Signer, Keys: m.Keys, Leaders: m.Leaders, Root: simplex.Root(m.Root), Rules: rules}
}

// claims reads the vote discipline of KERNEL I8 from messages.
func claims(m consensus.Message) []consensustest.Claim {
	pair := func(a, b quoin.Hash) quoin.Hash { return sha256.Sum256(append(a[:], b[:]...)) }
	switch x := m.(type) {
	case *simplex.Proposal:
		all := []consensustest.Claim{{Kind: "propose", View: x.Block.Header().View, Content: x.Block.ID()}}
		if x.Parent != nil {
			all = append(all, claims(x.Parent)...)
		}
		if x.Highest != nil {
			all = append(all, claims(&simplex.Certificate{Certificate: *x.Highest})...)
		}
		return all
	case *simplex.Notarize:
		return []consensustest.Claim{{Kind: "notarize", View: x.View, Content: pair(x.Block, x.Checkpoint)}}
	case *simplex.Nullify:
		return []consensustest.Claim{{Kind: "nullify", View: x.View}}
	case *simplex.Finalize:
		return []consensustest.Claim{{Kind: "finalize", View: x.Checkpoint.View, Content: x.Checkpoint.Digest()}}
	case *simplex.Notarization:
		return []consensustest.Claim{{Kind: "notarization", View: x.View, Content: pair(x.Block, x.Checkpoint), All: true}}
	case *simplex.Nullification:
		return []consensustest.Claim{{Kind: "nullification", View: x.View, All: true}}
	case *simplex.Certificate:
		return []consensustest.Claim{{Kind: "certificate", View: x.Checkpoint.View, Content: x.Checkpoint.Digest(), All: true}}
	}
	return nil
}

func suite(rules simplex.Rules, weights ...uint64) consensustest.Suite {
	return consensustest.Suite{New: machine(rules), Weights: weights, Claims: claims, Package: "./consensus/simplex",
		Exclusive: [][2]string{{"nullify", "finalize"}, {"nullification", "certificate"}}, Final: [][2]string{{"nullify", "notarize"}}, First: *first}
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
