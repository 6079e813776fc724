package consensustest

import (
	"crypto/sha256"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// outcome is an executed block of the toy application: a chain of hashes over transactions, each of
// which may come once.
type outcome struct {
	block      *quoin.Block
	parent     *outcome
	checkpoint quoin.Checkpoint
	last       bool
	tail       bool
}

// execute returns the outcome of a block on its parent's, or nil if the block is invalid.
func execute(origin quoin.Origin, parent *outcome, b *quoin.Block, epochHeights quoin.Height) *outcome {
	h := b.Header()
	o := &outcome{block: b, parent: parent}
	c := quoin.Checkpoint{Origin: origin, Size: parent.checkpoint.Size, Ledger: parent.checkpoint.Ledger, State: parent.checkpoint.State,
		Epoch: h.Epoch, Height: h.Height, View: h.View, Block: b.ID(), Time: h.Time}
	if parent.last && parent.checkpoint.Epoch == h.Epoch {
		o.tail, o.last = true, true
		o.checkpoint = c
		return o
	}
	for _, t := range b.Transactions() {
		if parent.has(t.Salt) {
			return nil
		}
		c.Size++
		c.Ledger = sha256.Sum256(t.AppendBinary(c.Ledger[:]))
	}
	c.State = sha256.Sum256(append(c.Ledger[:], byte(h.Height)))
	o.checkpoint, o.last = c, h.Height%epochHeights == 0
	return o
}

// has reports whether a transaction stands in the block or an ancestor.
func (o *outcome) has(salt uint64) bool {
	for ; o != nil; o = o.parent {
		if o.block == nil {
			continue
		}
		for _, t := range o.block.Transactions() {
			if t.Salt == salt {
				return true
			}
		}
	}
	return false
}

func transaction(salt uint64) quoin.Transaction {
	return quoin.Transaction{Salt: salt, Expiry: 1 << 40, Namespace: "kv"}
}

// hashSigner signs by hashing: who knows the index can sign, which is enough among honest machines
// and traitors that forge nothing.
type hashSigner struct{ index int }

func (s hashSigner) Sign(message []byte) quoin.Signature { return hashSign(s.index, message) }

type hashKeys struct{ n int }

func (k hashKeys) Verify(i int, message []byte, signature quoin.Signature) bool {
	return i >= 0 && i < k.n && hashSign(i, message) == signature
}

func hashSign(i int, message []byte) (s quoin.Signature) {
	d := sha256.Sum256(append([]byte{byte(i), byte(i >> 8)}, message...))
	copy(s[:], d[:])
	return s
}

// leaders is the toy leader function: of the view and the parent's height, so that replicas which
// disagree on the parent disagree on the leader.
type leaders struct{ n *node }

func (l leaders) Leader(v quoin.View, parent quoin.Hash) (int, bool) {
	members := uint64(len(l.n.w.nodes))
	switch l.n.w.policy {
	case 0:
		return int(uint64(v) % members), true
	case 1:
		return int(l.n.w.favourite), true
	}
	o := l.n.outcomes[parent]
	if o == nil {
		return 0, false
	}
	return int((uint64(v) + uint64(o.checkpoint.Height) + uint64(o.checkpoint.Block[0])) % members), true
}

var _ consensus.Leaders = leaders{}
