package signature

import (
	"crypto/sha512"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/curve/scalar"

	"quoin.dev/quoin"
)

// crook is a signer who knows a private scalar and adds points of small order wherever it likes.
type crook struct {
	a scalar.Scalar
	A []byte // the encoded public key, with torsion
}

func newScalar(t testing.TB, rng *rand.ChaCha8) scalar.Scalar {
	t.Helper()
	var wide [64]byte
	rng.Read(wide[:])
	var s scalar.Scalar
	if _, err := s.SetBytesModOrderWide(wide[:]); err != nil {
		t.Fatal(err)
	}
	return s
}

func encode(p *curve.EdwardsPoint) []byte {
	var c curve.CompressedEdwardsY
	c.SetEdwardsPoint(p)
	return slices.Clone(c[:])
}

// plusTorsion returns the encoding of s·B + the i-th point of order dividing eight.
func plusTorsion(s *scalar.Scalar, i int) []byte {
	var p curve.EdwardsPoint
	p.MulBasepoint(curve.ED25519_BASEPOINT_TABLE, s)
	return encode(p.Add(&p, curve.EIGHT_TORSION[i]))
}

func newCrook(t testing.TB, rng *rand.ChaCha8, torsion int) *crook {
	c := &crook{a: newScalar(t, rng)}
	c.A = plusTorsion(&c.a, torsion)
	return c
}

// sign returns (r·B + torsion, r + k·a), which satisfies the equation up to torsion.
func (c *crook) sign(t testing.TB, rng *rand.ChaCha8, message []byte, torsion int) quoin.Signature {
	r := newScalar(t, rng)
	return finish(t, &c.a, &r, plusTorsion(&r, torsion), c.A, message)
}

func finish(t testing.TB, a, r *scalar.Scalar, R, A, message []byte) quoin.Signature {
	t.Helper()
	h := sha512.New()
	h.Write(R)
	h.Write(A)
	h.Write(message)
	var k, s scalar.Scalar
	if _, err := k.SetBytesModOrderWide(h.Sum(nil)); err != nil {
		t.Fatal(err)
	}
	s.Mul(&k, a)
	s.Add(&s, r)
	var sig quoin.Signature
	copy(sig[:32], R)
	if err := s.ToBytes(sig[32:]); err != nil {
		t.Fatal(err)
	}
	return sig
}

var (
	fieldPrime, _ = new(big.Int).SetString("7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed", 16)
	groupOrder, _ = new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
)

// littleEndian returns v in 32 bytes.
func littleEndian(v *big.Int) []byte {
	b := v.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

func fromLittleEndian(b []byte) *big.Int {
	c := slices.Clone(b)
	slices.Reverse(c)
	return new(big.Int).SetBytes(c)
}

// smallOrderEncodings returns every encoding, canonical or not, of the eight points of small order:
// those of eightTorsion, with the sign bit of points whose x is zero, and with p added to y where
// that fits into 255 bits.
func smallOrderEncodings() [][]byte {
	var all [][]byte
	add := func(b []byte) {
		if !slices.ContainsFunc(all, func(x []byte) bool { return slices.Equal(x, b) }) {
			all = append(all, b)
		}
	}
	for _, p := range curve.EIGHT_TORSION {
		b := encode(p)
		add(b)
		sign := b[31] & 0x80
		y := slices.Clone(b)
		y[31] &= 0x7f
		v := fromLittleEndian(y)
		xIsZero := v.Cmp(big.NewInt(1)) == 0 || new(big.Int).Add(v, big.NewInt(1)).Cmp(fieldPrime) == 0
		encodings := [][]byte{b}
		if w := new(big.Int).Add(v, fieldPrime); w.BitLen() <= 255 {
			n := littleEndian(w)
			n[31] |= sign
			add(n)
			encodings = append(encodings, n)
		}
		if xIsZero {
			for _, e := range encodings {
				n := slices.Clone(e)
				n[31] ^= 0x80
				add(n)
			}
		}
	}
	return all
}

// nonCanonicalPoints returns the encodings with y from p to 2^255-1, with both signs, whether they
// are points or not.
func nonCanonicalPoints() [][]byte {
	var all [][]byte
	for i := range int64(19) {
		b := littleEndian(new(big.Int).Add(fieldPrime, big.NewInt(i)))
		n := slices.Clone(b)
		n[31] |= 0x80
		all = append(all, b, n)
	}
	return all
}

// scalarEncodings returns values of S at and beyond the edges of its range.
func scalarEncodings() [][]byte {
	one := big.NewInt(1)
	limit := new(big.Int).Lsh(one, 256)
	limit.Sub(limit, one)
	top := new(big.Int).Lsh(one, 252)
	var all [][]byte
	for _, v := range []*big.Int{
		new(big.Int), one, big.NewInt(8), new(big.Int).Sub(groupOrder, one), groupOrder,
		new(big.Int).Add(groupOrder, one), new(big.Int).Lsh(groupOrder, 1), new(big.Int).Lsh(groupOrder, 3),
		top, new(big.Int).Lsh(one, 253), new(big.Int).Lsh(one, 255), limit,
	} {
		all = append(all, littleEndian(v))
	}
	return all
}
