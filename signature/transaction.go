package signature

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"quoin.dev/quoin"
)

// zip215 is the rule set of ZIP-215.
var zip215 = &voi.Options{Verify: voi.VerifyOptionsZIP_215}

// batchMax bounds the memory of one batch (about 1 KiB a signature), and what one false signature
// costs: the single verification of its batch.
const batchMax = 256

// batchMin is the number of signatures from which a batch is faster than single verification.
const batchMin = 4

// VerifyTransaction reports whether t's signature over id is its sender's. An unsigned transaction
// claims nothing and passes: whether a chain takes it is its configuration's matter.
func VerifyTransaction(id quoin.Hash, t *quoin.Transaction) bool {
	if !t.Signed() {
		return true
	}
	var buf [signingBytes]byte
	return voi.VerifyWithOptions(t.Sender[:], appendSigningBytes(buf[:0], id), t.Signature[:], zip215)
}

// VerifyTransactions returns VerifyTransaction's verdict on each transaction, ids[i] being the id of
// transactions[i]; it panics if there are more transactions than ids. Batches make it about
// twice as fast when all signatures are true; a batch with a false one is verified one by one.
//
// # Why the batch needs no randomness
//
// A batch adds up its equations, each multiplied by a coefficient of 128 bits, and accepts if the
// sum vanishes. If an equation is false, at most one in 2^128 choices of its coefficient makes the
// sum vanish, whatever the others are. Whoever could know the coefficients before choosing the
// signatures could make errors cancel out; so they are derived from SHA-256 over every key, id and
// signature of the batch (the Fiat-Shamir transform). To change a signature is to draw all
// coefficients anew, and somebody who tries 2^60 batches fools us with probability 2^-68.
func VerifyTransactions(ids []quoin.Hash, transactions []quoin.Transaction) []bool {
	valid := make([]bool, len(transactions))
	signed := make([]int, 0, min(len(transactions), batchMax))
	for i := range transactions {
		if !transactions[i].Signed() {
			valid[i] = true
			continue
		}
		if signed = append(signed, i); len(signed) == batchMax {
			verifyBatch(ids, transactions, signed, valid)
			signed = signed[:0]
		}
	}
	verifyBatch(ids, transactions, signed, valid)
	return valid
}

// verifyBatch sets valid[i] for every i in signed.
func verifyBatch(ids []quoin.Hash, transactions []quoin.Transaction, signed []int, valid []bool) {
	if len(signed) < batchMin {
		for _, i := range signed {
			valid[i] = VerifyTransaction(ids[i], &transactions[i])
		}
		return
	}
	batch := voi.NewBatchVerifierWithCapacity(len(signed)).ForceNoPublicKeyExpansion()
	digest := sha256.New()
	buf := make([]byte, 0, signingBytes)
	buf = append(buf, "quoin/batch/v1\n"...)
	digest.Write(binary.BigEndian.AppendUint32(buf, uint32(len(signed))))
	for _, i := range signed {
		t := &transactions[i]
		buf = appendSigningBytes(buf[:0], ids[i])
		batch.AddWithOptions(t.Sender[:], buf, t.Signature[:], zip215)
		digest.Write(t.Sender[:])
		digest.Write(ids[i][:])
		digest.Write(t.Signature[:])
	}
	_, verdicts := batch.Verify(bytes.NewReader(digest.Sum(nil)))
	for k, i := range signed {
		valid[i] = verdicts[k]
	}
}

// signingBytes is the length of what a sender signs.
const signingBytes = 17 + 32

// appendSigningBytes appends quoin.TransactionSigningBytes without allocating.
func appendSigningBytes(b []byte, id quoin.Hash) []byte {
	return append(append(b, "quoin/account/v1\n"...), id[:]...)
}
