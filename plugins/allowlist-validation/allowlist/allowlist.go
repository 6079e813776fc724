// Package allowlist lets the transactions of named senders through: a namespace for members only,
// whatever machine serves it.
package allowlist

import (
	"bytes"

	"quoin.dev/quoin/hook"
)

// Reasons of refusals, which results carry.
const (
	Nobody   = 1 // the transaction is unsigned
	Stranger = 2 // its sender is not on the list
	BadList  = 3 // the parameters are no list of keys in ascending order
)

const keyBytes = 32

// Validate serves validation.v1. The parameters are the members' public keys, one after the other in
// ascending order, at most 128 of them. A list that is not in order refuses everybody: a mistake in it
// shows at once, and not only to those whom a search happens to miss.
func Validate(r *hook.ValidationRequest, _ hook.Reader) hook.ValidationResponse {
	keys := r.Params
	if !ordered(keys) {
		return hook.ValidationResponse{Code: BadList}
	}
	if r.Sender == [keyBytes]byte{} {
		return hook.ValidationResponse{Code: Nobody}
	}
	low, high := 0, len(keys)/keyBytes
	for low < high {
		middle := (low + high) / 2
		switch bytes.Compare(keys[middle*keyBytes:(middle+1)*keyBytes], r.Sender[:]) {
		case 0:
			return hook.ValidationResponse{}
		case -1:
			low = middle + 1
		default:
			high = middle
		}
	}
	return hook.ValidationResponse{Code: Stranger}
}

func ordered(keys []byte) bool {
	if len(keys)%keyBytes != 0 {
		return false
	}
	for at := keyBytes; at < len(keys); at += keyBytes {
		if bytes.Compare(keys[at-keyBytes:at], keys[at:at+keyBytes]) >= 0 {
			return false
		}
	}
	return true
}

// Params returns the parameters for members, in any order; a key that is there twice counts once.
func Params(members ...[keyBytes]byte) []byte {
	var b []byte
	for _, m := range members {
		at := 0
		for at < len(b) && bytes.Compare(b[at:at+keyBytes], m[:]) < 0 {
			at += keyBytes
		}
		if at < len(b) && bytes.Equal(b[at:at+keyBytes], m[:]) {
			continue
		}
		b = append(b[:at], append(append([]byte{}, m[:]...), b[at:]...)...)
	}
	return b
}
