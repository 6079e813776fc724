package simplex

import (
	"crypto/sha256"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// Protocol returns the protocol, or with rules switched off what becomes of it then.
func Protocol(name string, rules Rules) consensus.Protocol {
	return consensus.Protocol{
		Name:      name,
		New:       func(m consensus.Member) consensus.Machine { return New(Config{Member: m, Rules: rules}) },
		Claims:    claims,
		Exclusive: [][2]string{{"nullify", "finalize"}, {"nullification", "certificate"}},
		Final:     [][2]string{{"nullify", "notarize"}},
	}
}

// claims reads the vote discipline of KERNEL I8 from messages.
func claims(m consensus.Message) []consensus.Claim {
	pair := func(a, b quoin.Hash) quoin.Hash { return sha256.Sum256(append(a[:], b[:]...)) }
	switch x := m.(type) {
	case *Proposal:
		all := []consensus.Claim{{Kind: "propose", View: x.Block.Header().View, Content: x.Block.ID()}}
		if x.Parent != nil {
			all = append(all, claims(x.Parent)...)
		}
		if x.Highest != nil {
			all = append(all, claims(&Certificate{Certificate: *x.Highest})...)
		}
		return all
	case *Notarize:
		return []consensus.Claim{{Kind: "notarize", View: x.View, Content: pair(x.Block, x.Checkpoint)}}
	case *Nullify:
		return []consensus.Claim{{Kind: "nullify", View: x.View}}
	case *Finalize:
		return []consensus.Claim{{Kind: "finalize", View: x.Checkpoint.View, Content: x.Checkpoint.Digest()}}
	case *Notarization:
		return []consensus.Claim{{Kind: "notarization", View: x.View, Content: pair(x.Block, x.Checkpoint), All: true}}
	case *Nullification:
		return []consensus.Claim{{Kind: "nullification", View: x.View, All: true}}
	case *Certificate:
		return []consensus.Claim{{Kind: "certificate", View: x.Checkpoint.View, Content: x.Checkpoint.Digest(), All: true}}
	}
	return nil
}
