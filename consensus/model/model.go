// Package model stands in for what a protocol needs around it, cheaply, so that worlds of protocols
// alone run fast: signatures that are not cryptography, and a small application.
//
// A modelled signature is the signer's index and a hash of the message. Whoever knows an index can
// make one, so an adversary of a harness is trusted to sign only with its own. Nothing here may be
// linked to what verifies real peers.
package model

import (
	"crypto/sha256"
	"encoding/binary"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// Signer signs as a validator, by index.
type Signer struct{ Index int }

// Keys verifies the modelled signatures of N validators.
type Keys struct{ N int }

var (
	_ consensus.Signer = Signer{}
	_ consensus.Keys   = Keys{}
)

// Sign returns the validator's modelled signature of a message.
func (s Signer) Sign(message []byte) quoin.Signature { return sign(s.Index, message) }

// Verify reports whether the signature is validator i's of the message.
func (k Keys) Verify(i int, message []byte, signature quoin.Signature) bool {
	return i >= 0 && i < k.N && sign(i, message) == signature
}

// sign hashes eight bytes at a time, by multiplying and folding: collisions by chance are all that
// must not happen.
func sign(i int, message []byte) (s quoin.Signature) {
	h := uint64(0xcbf29ce484222325) ^ uint64(i+1) ^ uint64(len(message))<<32
	for len(message) >= 8 {
		h = (h ^ binary.LittleEndian.Uint64(message)) * 0x9e3779b97f4a7c15
		h ^= h >> 32
		message = message[8:]
	}
	for _, c := range message {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	binary.BigEndian.PutUint64(s[:], uint64(i+1))
	binary.BigEndian.PutUint64(s[8:], h)
	return s
}

// Outcome is an executed block of the model application: a chain of hashes over transactions, each
// of which may come once.
type Outcome struct {
	Block      *quoin.Block // nil for the genesis
	Parent     *Outcome
	Checkpoint quoin.Checkpoint
	Last       bool // of its epoch, or a tail block
	Tail       bool
}

// Genesis returns the outcome that every chain begins with.
func Genesis(origin quoin.Origin, block quoin.Hash, time quoin.Time) *Outcome {
	return &Outcome{Checkpoint: quoin.Checkpoint{Origin: origin, Block: block, Time: time}}
}

// Execute returns the outcome of a block on its parent's, or nil if the block is invalid. Heights that
// are multiples of epochHeights end their epochs.
func Execute(origin quoin.Origin, parent *Outcome, b *quoin.Block, epochHeights quoin.Height) *Outcome {
	h := b.Header()
	o := &Outcome{Block: b, Parent: parent}
	c := quoin.Checkpoint{Origin: origin, Size: parent.Checkpoint.Size, Ledger: parent.Checkpoint.Ledger, State: parent.Checkpoint.State,
		Epoch: h.Epoch, Height: h.Height, View: h.View, Block: b.ID(), Time: h.Time}
	if parent.Last && parent.Checkpoint.Epoch == h.Epoch {
		o.Tail, o.Last = true, true
		o.Checkpoint = c
		return o
	}
	for _, t := range b.Transactions() {
		if parent.Has(t.Salt) {
			return nil
		}
		c.Size++
		c.Ledger = sha256.Sum256(t.AppendBinary(c.Ledger[:]))
	}
	c.State = sha256.Sum256(append(c.Ledger[:], byte(h.Height)))
	o.Checkpoint, o.Last = c, h.Height%epochHeights == 0
	return o
}

// Has reports whether a transaction stands in the block or an ancestor.
func (o *Outcome) Has(salt uint64) bool {
	for ; o != nil; o = o.Parent {
		if o.Block == nil {
			continue
		}
		for _, t := range o.Block.Transactions() {
			if t.Salt == salt {
				return true
			}
		}
	}
	return false
}

// Transaction returns the model application's transaction of this salt.
func Transaction(salt uint64) quoin.Transaction {
	return quoin.Transaction{Salt: salt, Expiry: 1 << 40, Namespace: "kv"}
}
