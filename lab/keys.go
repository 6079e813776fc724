package lab

import (
	"crypto/sha256"

	"quoin.dev/quoin"
	"quoin.dev/quoin/signature"
)

// verified remembers signatures that verified, for all replicas of a world: each is verified for
// real once.
type verified map[quoin.Hash]bool

// keys verifies for one replica.
type keys struct {
	verified verified
	keys     *signature.Keys
	buffer   []byte
}

func (k *keys) Verify(i int, message []byte, s quoin.Signature) bool {
	if i < 0 || i >= k.keys.Len() {
		return false
	}
	key := k.keys.Key(i)
	b := append(k.buffer[:0], key[:]...)
	b = append(b, s[:]...)
	b = append(b, message...)
	k.buffer = b
	id := sha256.Sum256(b)
	if k.verified[id] {
		return true
	}
	ok := k.keys.Verify(i, message, s)
	if ok {
		k.verified[id] = true
	}
	return ok
}

// transactions verifies the signatures of transactions, each for real once.
func (v verified) transactions(ids []quoin.Hash, transactions []quoin.Transaction) []bool {
	ok := make([]bool, len(ids))
	var where []int
	var marks, asked []quoin.Hash
	var unknown []quoin.Transaction
	for i := range ids {
		mark := sha256.Sum256(append(append([]byte("transaction"), ids[i][:]...), transactions[i].Signature[:]...))
		if ok[i] = v[mark]; !ok[i] {
			where, marks, asked, unknown = append(where, i), append(marks, mark), append(asked, ids[i]), append(unknown, transactions[i])
		}
	}
	for k, valid := range signature.VerifyTransactions(asked, unknown) {
		ok[where[k]] = valid
		if valid {
			v[marks[k]] = true
		}
	}
	return ok
}
