// Package quoin holds the nouns of the backplane: hashes, heights, views, epochs, transactions,
// blocks, validator sets, checkpoints, certificates, configurations and the genesis, with their
// canonical bytes and their limits.
//
// Everything here is a value. Decoders are strict: what they accept re-encodes to the same bytes,
// and every length is checked before anything is allocated. Nothing here verifies a signature; that
// is package signature's. Values that a constructor or decoder returned are safe for use by several
// goroutines as long as none modifies them.
package quoin

import (
	"encoding/hex"
	"fmt"
)

// Hash is a SHA-256 digest.
type Hash [32]byte

// String returns the lower-case hexadecimal form.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero reports whether h is all zeros, which no digest is in practice.
func (h Hash) IsZero() bool { return h == Hash{} }

// ParseHash reads the 64 hexadecimal digits that String writes.
func ParseHash(s string) (h Hash, err error) {
	if len(s) != 2*len(h) {
		return h, fmt.Errorf("quoin: hash %q has %d characters, want %d hexadecimal digits", s, len(s), 2*len(h))
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return h, fmt.Errorf("quoin: hash %q: %w", s, err)
	}
	return h, nil
}

// Height counts ledger blocks; the genesis is height 0.
type Height uint64

// View numbers the attempts to agree, from 1 in each epoch.
type View uint64

// Epoch numbers the runs of heights under one frozen configuration, from 1.
type Epoch uint64

// Time is a block time: milliseconds since 1970-01-01 UTC.
type Time uint64
