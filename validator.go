package quoin

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"quoin.dev/quoin/canonical"
)

// Limits of a validator set.
const (
	ValidatorsMax    = 256
	TotalWeightMax   = 1 << 40 // so that 3·W and any sum of weights stay far from overflow
	ValidatorNameMax = 64
)

// ErrValidatorSet is wrapped by every refusal of a validator set.
var ErrValidatorSet = errors.New("invalid validator set")

// PublicKey is an Ed25519 public key (RFC 8032). All zeros stands for "nobody".
type PublicKey [32]byte

// String returns the lower-case hexadecimal form.
func (k PublicKey) String() string { return hex.EncodeToString(k[:]) }

// IsZero reports whether k stands for nobody.
func (k PublicKey) IsZero() bool { return k == PublicKey{} }

// compare orders keys by their bytes.
func (k PublicKey) compare(other PublicKey) int { return bytes.Compare(k[:], other[:]) }

// SortKeys brings keys into their canonical order.
func SortKeys(keys []PublicKey) { slices.SortFunc(keys, PublicKey.compare) }

// ParsePublicKey reads the 64 hexadecimal digits that String writes.
func ParsePublicKey(s string) (PublicKey, error) {
	h, err := ParseHash(s)
	if err != nil {
		return PublicKey{}, fmt.Errorf("quoin: public key: %w", err)
	}
	return PublicKey(h), nil
}

// Signature is an Ed25519 signature (RFC 8032).
type Signature [64]byte

// Validator is a member that votes.
type Validator struct {
	Name   string // for people and for cosignature lines: 1 to 64 of [a-z0-9.-]
	Key    PublicKey
	Weight uint64 // at least 1
}

// ValidatorSet is the members that vote in one epoch, in canonical order: ascending by key. A
// validator's index is its place in that order. Values come from NewValidatorSet or a decoder and
// are never modified. The zero value is the empty set, in which nothing is a quorum.
type ValidatorSet struct {
	members []Validator
	total   uint64
}

// NewValidatorSet sorts, checks and copies members: 1 to ValidatorsMax of them, weights at least 1
// and at most TotalWeightMax in all, no key and no name twice.
func NewValidatorSet(members []Validator) (ValidatorSet, error) {
	s := ValidatorSet{members: slices.Clone(members)}
	slices.SortFunc(s.members, func(a, b Validator) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	if err := s.check(); err != nil {
		return ValidatorSet{}, err
	}
	return s, nil
}

// Len returns the number of validators.
func (s ValidatorSet) Len() int { return len(s.members) }

// At returns the validator with index i.
func (s ValidatorSet) At(i int) Validator { return s.members[i] }

// All returns the validators in canonical order. The caller must not modify them.
func (s ValidatorSet) All() []Validator { return s.members }

// Total returns W, the sum of the weights.
func (s ValidatorSet) Total() uint64 { return s.total }

// FaultBound returns f = ⌊(W-1)/3⌋, the most weight that may be faulty.
func (s ValidatorSet) FaultBound() uint64 {
	if s.total == 0 {
		return 0
	}
	return (s.total - 1) / 3
}

// IsQuorum reports whether weight is more than two thirds of W.
func (s ValidatorSet) IsQuorum(weight uint64) bool {
	return weight <= s.total && 3*weight > 2*s.total
}

// QuorumCount returns the smallest q such that every q validators together are a quorum: the q of
// the stock witness policy "log key and q of n". It needs no weights to be known.
func (s ValidatorSet) QuorumCount() int {
	weights := make([]uint64, len(s.members))
	for i, m := range s.members {
		weights[i] = m.Weight
	}
	slices.Sort(weights)
	sum := uint64(0)
	for i, w := range weights {
		if sum += w; s.IsQuorum(sum) {
			return i + 1
		}
	}
	return len(weights) + 1
}

// Index returns the index of the validator with the given key.
func (s ValidatorSet) Index(key PublicKey) (int, bool) {
	return slices.BinarySearchFunc(s.members, key, func(m Validator, k PublicKey) int {
		return bytes.Compare(m.Key[:], k[:])
	})
}

// NameOf returns what the validator with the given key is called, or the key's first 12 digits if there is none.
func (s ValidatorSet) NameOf(key PublicKey) string {
	if i, ok := s.Index(key); ok {
		return s.members[i].Name
	}
	return key.String()[:12]
}

// Weight returns the weight of the validators in b, which must belong to this set.
func (s ValidatorSet) Weight(b Bitmap) uint64 {
	sum := uint64(0)
	for i := range b.All() {
		if i < len(s.members) {
			sum += s.members[i].Weight
		}
	}
	return sum
}

// AppendBinary appends the canonical bytes: count (2), then name, key and weight of each member.
func (s ValidatorSet) AppendBinary(b []byte) []byte {
	b = canonical.AppendUint16(b, uint16(len(s.members)))
	for _, m := range s.members {
		b = canonical.AppendBytes8(b, m.Name)
		b = append(b, m.Key[:]...)
		b = canonical.AppendUint64(b, m.Weight)
	}
	return b
}

// ReadValidatorSet reads what AppendBinary writes, and refuses any order but the canonical one.
func ReadValidatorSet(r *canonical.Reader) ValidatorSet {
	n := r.Count16(ValidatorsMax, 41)
	s := ValidatorSet{members: make([]Validator, n)}
	for i := range s.members {
		m := &s.members[i]
		m.Name = string(r.Bytes8(ValidatorNameMax))
		r.Copy(m.Key[:])
		m.Weight = r.Uint64()
	}
	if r.Err() != nil {
		return ValidatorSet{}
	}
	if err := s.check(); err != nil {
		r.Fail("%v", err)
		return ValidatorSet{}
	}
	return s
}

func (s *ValidatorSet) check() error {
	if len(s.members) == 0 || len(s.members) > ValidatorsMax {
		return fmt.Errorf("%w: %d members, want 1 to %d", ErrValidatorSet, len(s.members), ValidatorsMax)
	}
	names := make(map[string]bool, len(s.members))
	s.total = 0
	for i, m := range s.members {
		switch {
		case !IsName(m.Name, ValidatorNameMax):
			return fmt.Errorf("%w: name %q, want 1 to %d of [a-z0-9.-]", ErrValidatorSet, m.Name, ValidatorNameMax)
		case names[m.Name]:
			return fmt.Errorf("%w: name %q twice", ErrValidatorSet, m.Name)
		case m.Key.IsZero():
			return fmt.Errorf("%w: %s has no key", ErrValidatorSet, m.Name)
		case i > 0 && bytes.Compare(s.members[i-1].Key[:], m.Key[:]) >= 0:
			return fmt.Errorf("%w: key %s twice or out of order", ErrValidatorSet, m.Key)
		case m.Weight == 0 || m.Weight > TotalWeightMax:
			return fmt.Errorf("%w: %s has weight %d, want 1 to %d", ErrValidatorSet, m.Name, m.Weight, uint64(TotalWeightMax))
		}
		names[m.Name] = true
		s.total += m.Weight
	}
	if s.total > TotalWeightMax {
		return fmt.Errorf("%w: total weight %d, limit %d", ErrValidatorSet, s.total, uint64(TotalWeightMax))
	}
	return nil
}

// IsName reports whether s is 1 to limit characters of [a-z0-9.-], the alphabet of every name on
// the ledger: plain ASCII, so that no two names look alike in a common font's case or accent.
func IsName(s string, limit int) bool {
	if len(s) == 0 || len(s) > limit {
		return false
	}
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '-') {
			return false
		}
	}
	return true
}

// Bitmap is a set of validator indexes: bit i%8 of byte i/8 stands for index i. Its canonical form
// has no trailing zero byte, so that a set has one encoding whatever the number of validators.
type Bitmap []byte

// Has reports whether i is in the set.
func (b Bitmap) Has(i int) bool { return i >= 0 && i/8 < len(b) && b[i/8]>>(i%8)&1 == 1 }

// With returns a new set that holds also i, in 0 to ValidatorsMax-1.
func (b Bitmap) With(i int) Bitmap {
	n := make(Bitmap, max(len(b), i/8+1))
	copy(n, b)
	n[i/8] |= 1 << (i % 8)
	return n
}

// Count returns the number of indexes in the set.
func (b Bitmap) Count() int {
	n := 0
	for _, c := range b {
		n += bits.OnesCount8(c)
	}
	return n
}

// All yields the indexes in ascending order.
func (b Bitmap) All() func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := range len(b) * 8 {
			if b.Has(i) && !yield(i) {
				return
			}
		}
	}
}

// ReadBitmap reads a bitmap in its canonical form after a length of one byte.
func ReadBitmap(r *canonical.Reader) Bitmap {
	b := Bitmap(r.Bytes8(ValidatorsMax / 8))
	if len(b) > 0 && b[len(b)-1] == 0 {
		r.Fail("bitmap ends in a zero byte")
		return nil
	}
	return b
}
