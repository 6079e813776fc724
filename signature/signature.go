// Package signature signs and verifies: Ed25519 (RFC 8032) under two rule sets that never mix.
//
// # Two rule sets
//
// RFC 8032 leaves room for verifiers to disagree on signatures that only a dishonest signer makes:
// keys and nonces of small order or with a torsion component, encodings that are not the shortest.
// A network whose members disagree about one signature forks, so each use has one set of rules:
//
//   - Votes, checkpoints and releases: exactly the rules of Go's crypto/ed25519. The equation has no
//     cofactor, R is compared as bytes, S is below the group's order, A may be of small order and
//     encoded in any way. Stock note tools verify with that package, so a certificate that we
//     accept they accept too. One exception: the key of all zeros, a point of small order for which
//     anybody can sign, is nobody's and verifies nothing; no validator set takes it either. Verify,
//     VerifyEach, Keys, VerifyCertificate.
//   - Transactions: ZIP-215. The equation is multiplied by the cofactor, R and A may be encoded in
//     any way, S is below the group's order. These are the only known rules under which a batch and
//     a single verification always agree. VerifyTransaction, VerifyTransactions.
//
// A test compares the first set with crypto/ed25519 over every combination of edge cases, another
// shows that batch and single agree on signatures with torsion.
//
// # Concurrency, limits, errors
//
// All functions are deterministic, read no clock and no randomness, and may be called by several
// goroutines at once; a Keys is immutable. A verdict is a boolean: bytes from outside never cause a
// panic or an error.
package signature

import (
	"crypto/ed25519"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"quoin.dev/quoin"
)

// standard is the rule set of crypto/ed25519.
var standard = &voi.Options{Verify: voi.VerifyOptionsStdLib}

// Signer holds a private key. Implementations answer within microseconds and never fail; one that
// may be called by several goroutines says so.
type Signer interface {
	// Public returns the key with which others verify.
	Public() quoin.PublicKey
	// Sign returns the signature of RFC 8032 over message. It is deterministic.
	Sign(message []byte) quoin.Signature
}

// Sign signs message with a private key of ed25519.PrivateKeySize bytes; it panics on any other.
func Sign(key ed25519.PrivateKey, message []byte) quoin.Signature {
	return quoin.Signature(ed25519.Sign(key, message))
}

// PublicOf returns the public half of a private key.
func PublicOf(key ed25519.PrivateKey) quoin.PublicKey {
	return quoin.PublicKey(key[ed25519.SeedSize:])
}

// NewSigner returns a Signer that keeps key in memory. It may be called by several goroutines.
func NewSigner(key ed25519.PrivateKey) Signer { return memorySigner{key} }

type memorySigner struct{ key ed25519.PrivateKey }

var _ Signer = memorySigner{}

func (s memorySigner) Public() quoin.PublicKey             { return PublicOf(s.key) }
func (s memorySigner) Sign(message []byte) quoin.Signature { return Sign(s.key, message) }

// Verify reports whether sig is key's signature over message by the rules for votes, checkpoints
// and releases. Nobody, the zero key, signs nothing.
func Verify(key quoin.PublicKey, message []byte, sig quoin.Signature) bool {
	return !key.IsZero() && voi.VerifyWithOptions(key[:], message, sig[:], standard)
}

// Statement is a claim that Key signed Message.
type Statement struct {
	Key       quoin.PublicKey
	Message   []byte
	Signature quoin.Signature
}

// VerifyEach returns Verify's verdict on each statement. Equations without a cofactor cannot be
// added up to a batch that always agrees with its parts, so they are verified one by one.
func VerifyEach(statements []Statement) []bool {
	valid := make([]bool, len(statements))
	for i := range statements {
		s := &statements[i]
		valid[i] = Verify(s.Key, s.Message, s.Signature)
	}
	return valid
}

// Keys verifies for a fixed list of keys, usually a validator set, about an eighth faster than Verify
// and without allocating: each key is unpacked and its multiples are computed once (1.5 KiB a key).
type Keys struct {
	keys     []quoin.PublicKey
	expanded []*voi.ExpandedPublicKey // nil for a key that is no point of the curve
}

// NewKeys prepares keys, which it copies.
func NewKeys(keys []quoin.PublicKey) *Keys {
	k := &Keys{keys: append([]quoin.PublicKey(nil), keys...)}
	k.expanded = make([]*voi.ExpandedPublicKey, len(keys))
	for i := range keys {
		if e, err := voi.NewExpandedPublicKey(keys[i][:]); err == nil && !keys[i].IsZero() {
			k.expanded[i] = e
		}
	}
	return k
}

// KeysOf prepares the keys of a validator set, in its order.
func KeysOf(set quoin.ValidatorSet) *Keys {
	keys := make([]quoin.PublicKey, set.Len())
	for i, v := range set.All() {
		keys[i] = v.Key
	}
	return NewKeys(keys)
}

// Len returns the number of keys.
func (k *Keys) Len() int { return len(k.keys) }

// Key returns the key with index i.
func (k *Keys) Key(i int) quoin.PublicKey { return k.keys[i] }

// Verify returns the verdict of the function Verify for the key with index i, and false for an
// index that is out of range.
func (k *Keys) Verify(i int, message []byte, sig quoin.Signature) bool {
	if i < 0 || i >= len(k.expanded) || k.expanded[i] == nil {
		return false
	}
	return voi.VerifyExpandedWithOptions(k.expanded[i], message, sig[:], standard)
}
