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
