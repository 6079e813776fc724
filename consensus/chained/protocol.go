package chained

import (
	"crypto/sha256"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
)

// Protocol returns the protocol, or with rules switched off what becomes of it then.
func Protocol(name string, rules Rules) consensus.Protocol {
	return consensus.Protocol{
		Name:   name,
		New:    func(m consensus.Member) consensus.Machine { return New(Config{Member: m, Rules: rules}) },
		Claims: claims,
		Final:  [][2]string{{"timeout", "vote"}},
	}
}

// claims reads the vote discipline (KERNEL I8) from messages: one vote and one timeout a view, and
// one cosignature of a view's result; at most one QC and one certificate of a view by all.
func claims(message consensus.Message) []consensus.Claim {
	var all []consensus.Claim
	carried := func(m consensus.Message) { all = append(all, claims(m)...) }
	switch x := message.(type) {
	case *Proposal:
		all = []consensus.Claim{{Kind: "propose", View: x.Block.Header().View, Content: x.Block.ID()}}
		carried(x.Justify)
		if x.Opened != nil {
			carried(x.Opened)
		}
	case *Vote:
		all = []consensus.Claim{{Kind: "vote", View: x.View, Content: x.proves().content()}}
		if x.Parent != nil {
			all = append(all, consensus.Claim{Kind: "cosign", View: x.Parent.View, Content: x.Parent.Digest()})
		}
	case *Timeout:
		all = []consensus.Claim{{Kind: "timeout", View: x.View, Content: sha256.Sum256(canonical.AppendUint64(nil, x.High))}}
		carried(x.Proof)
	case *QC:
		all = []consensus.Claim{{Kind: "qc", View: x.View, Content: x.proves().content(), All: true}}
	case *TC:
		carried(x.Proof)
	case *Certificate:
		all = []consensus.Claim{{Kind: "certificate", View: x.Checkpoint.View, Content: x.Checkpoint.Digest(), All: true}}
	}
	return all
}

// content is a hash of what stands for the block and its result in a claim.
func (p proven) content() quoin.Hash {
	return sha256.Sum256(append(p.block[:], p.checkpoint[:]...))
}
