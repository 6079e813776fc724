package signature

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"quoin.dev/quoin"
)

var seed = flag.Uint64("seed", 1, "seed of the random tests")

// random returns a source seeded by -seed, and tells how to replay a failure.
func random(t testing.TB) *rand.ChaCha8 {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("replay: go test ./signature -run '^%s$' -seed %d", t.Name(), *seed)
		}
	})
	var s [32]byte
	binary.BigEndian.PutUint64(s[:], *seed)
	return rand.NewChaCha8(s)
}

func newKey(t testing.TB, rng *rand.ChaCha8) ed25519.PrivateKey {
	t.Helper()
	s := make([]byte, ed25519.SeedSize)
	rng.Read(s)
	return ed25519.NewKeyFromSeed(s)
}

// compare checks that Verify, Keys and VerifyEach say what crypto/ed25519 says.
func compare(t *testing.T, what string, A, message []byte, sig quoin.Signature) (accepted bool) {
	t.Helper()
	key := quoin.PublicKey(A)
	want := ed25519.Verify(A, message, sig[:]) && !key.IsZero()
	for name, got := range map[string]bool{
		"Verify":      Verify(key, message, sig),
		"Keys.Verify": NewKeys([]quoin.PublicKey{key}).Verify(0, message, sig),
		"VerifyEach":  VerifyEach([]Statement{{key, message, sig}})[0],
	} {
		if got != want {
			t.Errorf("%s: %s says %v, crypto/ed25519 %v: key %x, message %q, signature %x", what, name, got, want, A, message, sig)
		}
	}
	return want
}

func TestAgreesWithStandardLibraryOnSmallOrder(t *testing.T) {
	points := smallOrderEncodings()
	if len(points) != 14 {
		t.Fatalf("%d encodings of small-order points, the literature knows 14", len(points))
	}
	points = append(points, nonCanonicalPoints()...)
	accepted := 0
	for i, A := range points {
		for j, R := range points {
			for k, S := range scalarEncodings()[:5] {
				message := fmt.Appendf(nil, "%d %d %d", i, j, k)
				if compare(t, "small order", A, message, quoin.Signature(append(R[:32:32], S...))) {
					accepted++
				}
			}
		}
	}
	if accepted == 0 {
		t.Error("no vector was accepted, so the edge was not reached")
	}
	t.Logf("%d vectors accepted by both", accepted)
}

func TestAgreesWithStandardLibraryOnTorsion(t *testing.T) {
	rng := random(t)
	accepted, refused := 0, 0
	for ta := range 8 {
		for tr := range 8 {
			for i := range 24 {
				c := newCrook(t, rng, ta)
				message := fmt.Appendf(nil, "torsion %d %d %d", ta, tr, i)
				sig := c.sign(t, rng, message, tr)
				if compare(t, "torsion", c.A, message, sig) {
					accepted++
				} else {
					refused++
				}
				// The same under a key of small order alone, for which S = r works up to torsion.
				if i >= 4 {
					continue
				}
				r := newScalar(t, rng)
				for _, A := range smallOrderEncodings() {
					zero := newScalar(t, rng)
					zero.Sub(&zero, &zero)
					small := finish(t, &zero, &r, plusTorsion(&r, tr), A, message)
					compare(t, "key of small order", A, message, small)
				}
			}
		}
	}
	if accepted == 0 || refused == 0 {
		t.Errorf("%d accepted and %d refused: want both kinds", accepted, refused)
	}
}

func TestAgreesWithStandardLibraryOnScalars(t *testing.T) {
	rng := random(t)
	key := newKey(t, rng)
	A := key.Public().(ed25519.PublicKey)
	for i := range 200 {
		message := fmt.Appendf(nil, "scalar %d", i)
		sig := Sign(key, message)
		if !compare(t, "honest", A, message, sig) {
			t.Fatal("an honest signature was refused")
		}
		s := fromLittleEndian(sig[32:])
		for range 15 { // S + n·L as long as it fits
			if s.Add(s, groupOrder); s.BitLen() > 256 {
				break
			}
			more := sig
			copy(more[32:], littleEndian(s))
			if compare(t, "S beyond the order", A, message, more) {
				t.Error("a malleable signature was accepted")
			}
		}
	}
	for i, S := range scalarEncodings() {
		sig := Sign(key, []byte("edge"))
		copy(sig[32:], S)
		compare(t, fmt.Sprint("edge ", i), A, []byte("edge"), sig)
	}
}

func TestAgreesWithStandardLibraryOnNoise(t *testing.T) {
	rng := random(t)
	key := newKey(t, rng)
	for range 1500 {
		var A [32]byte
		var sig quoin.Signature
		rng.Read(A[:])
		rng.Read(sig[:])
		sig[63] &= 0x1f
		compare(t, "noise", A[:], []byte("x"), sig)
		honest := Sign(key, []byte("x"))
		honest[rng.Uint64()%64] ^= 1 << (rng.Uint64() % 8)
		if compare(t, "one bit", key.Public().(ed25519.PublicKey), []byte("x"), honest) {
			t.Error("a changed signature was accepted")
		}
	}
}

func TestNobodySignsNothing(t *testing.T) {
	// All zeros encodes a point of order four, for which crypto/ed25519 accepts some signatures.
	// It stands for nobody here, and no validator set or role takes it.
	var sig quoin.Signature
	accepted := false
	for i := range 64 {
		message := []byte{byte(i)}
		for _, R := range smallOrderEncodings() {
			copy(sig[:32], R)
			accepted = accepted || ed25519.Verify(make([]byte, 32), message, sig[:])
			if Verify(quoin.PublicKey{}, message, sig) || NewKeys(make([]quoin.PublicKey, 1)).Verify(0, message, sig) {
				t.Fatal("nobody signed something")
			}
		}
	}
	if !accepted {
		t.Error("crypto/ed25519 refused all of them, so this test shows nothing")
	}
}

func TestKeysOutOfRange(t *testing.T) {
	rng := random(t)
	key := newKey(t, rng)
	k := NewKeys([]quoin.PublicKey{PublicOf(key)})
	sig := Sign(key, []byte("m"))
	if !k.Verify(0, []byte("m"), sig) || k.Verify(1, []byte("m"), sig) || k.Verify(-1, []byte("m"), sig) || k.Verify(0, []byte("n"), sig) {
		t.Error("wrong verdict")
	}
	if k.Len() != 1 || k.Key(0) != PublicOf(key) {
		t.Error("wrong key")
	}
	s := NewSigner(key)
	if s.Public() != PublicOf(key) || s.Sign([]byte("m")) != sig {
		t.Error("the signer signs otherwise")
	}
}

func newSet(t testing.TB, weights ...uint64) ([]ed25519.PrivateKey, quoin.ValidatorSet) {
	t.Helper()
	rng := random(t)
	byKey := make(map[quoin.PublicKey]ed25519.PrivateKey)
	var members []quoin.Validator
	for i, w := range weights {
		key := newKey(t, rng)
		byKey[PublicOf(key)] = key
		members = append(members, quoin.Validator{Name: fmt.Sprint("v", i), Key: PublicOf(key), Weight: w})
	}
	set, err := quoin.NewValidatorSet(members)
	if err != nil {
		t.Fatal(err)
	}
	var keys []ed25519.PrivateKey
	for _, v := range set.All() {
		keys = append(keys, byKey[v.Key])
	}
	return keys, set
}

func TestVerifyCertificate(t *testing.T) {
	keys, set := newSet(t, 1, 1, 1, 1)
	origin := quoin.NewOrigin("test", "main", quoin.Hash{1})
	c := quoin.Certificate{Checkpoint: quoin.Checkpoint{Origin: origin, Size: 3, Epoch: 1, Height: 2, View: 2, Time: 12345}}
	sign := func(signers ...int) quoin.Certificate {
		c := c
		for _, i := range signers {
			c.Signers = c.Signers.With(i)
			c.Signatures = append(c.Signatures, Sign(keys[i], c.Checkpoint.CosignedBytes()))
		}
		return c
	}
	changed := func(f func(c *quoin.Certificate)) quoin.Certificate {
		c := sign(0, 1, 3)
		f(&c)
		return c
	}
	for _, x := range []struct {
		name string
		c    quoin.Certificate
		ok   bool
	}{
		{"three of four", sign(0, 1, 3), true},
		{"all", sign(0, 1, 2, 3), true},
		{"two", sign(0, 3), false},
		{"none", sign(), false},
		{"wrong origin", changed(func(c *quoin.Certificate) { c.Checkpoint.Origin = "other" }), false},
		{"wrong signer", changed(func(c *quoin.Certificate) { c.Signers = quoin.Bitmap{7} }), false},
		{"signer beyond the set", changed(func(c *quoin.Certificate) { c.Signers = quoin.Bitmap{3, 1} }), false},
		{"a signature too few", changed(func(c *quoin.Certificate) { c.Signatures = c.Signatures[1:] }), false},
		{"a signature too many", changed(func(c *quoin.Certificate) { c.Signatures = append(c.Signatures, c.Signatures[0]) }), false},
		{"one false signature of four", func() quoin.Certificate { c := sign(0, 1, 2, 3); c.Signatures[2][5]++; return c }(), false},
		{"other text", changed(func(c *quoin.Certificate) { c.Checkpoint.State[0]++ }), false},
		{"other time, same second", changed(func(c *quoin.Certificate) { c.Checkpoint.Time++ }), false},
	} {
		for _, k := range []*Keys{nil, KeysOf(set)} {
			err := VerifyCertificate(&x.c, origin, set, k)
			if (err == nil) != x.ok || err != nil && !errors.Is(err, ErrCertificate) {
				t.Errorf("%s: %v", x.name, err)
			}
		}
	}
	good := sign(0, 1, 3)
	if VerifyCertificate(&good, origin, set, NewKeys(nil)) == nil {
		t.Error("accepted with the keys of another set")
	}
	if VerifyCertificate(&good, origin, quoin.ValidatorSet{}, nil) == nil {
		t.Error("accepted with the empty set")
	}
}

func TestVerifyCertificateByWeight(t *testing.T) {
	keys, set := newSet(t, 7, 1, 1, 1)
	origin := quoin.NewOrigin("test", "main", quoin.Hash{1})
	c := quoin.Certificate{Checkpoint: quoin.Checkpoint{Origin: origin, Epoch: 1, View: 1, Height: 1}}
	for i, v := range set.All() {
		one := c
		one.Signers = one.Signers.With(i)
		one.Signatures = append(one.Signatures, Sign(keys[i], c.Checkpoint.CosignedBytes()))
		if err := VerifyCertificate(&one, origin, set, nil); (err == nil) != (v.Weight == 7) {
			t.Errorf("signed by weight %d alone: %v", v.Weight, err)
		}
	}
}

// TestRuleSetsOfTheLibrary pins what the two options mean, so that an update of the library that
// changes a preset does not change the rules of a network.
func TestRuleSetsOfTheLibrary(t *testing.T) {
	if *voi.VerifyOptionsStdLib != (voi.VerifyOptions{AllowSmallOrderA: true, AllowSmallOrderR: true, AllowNonCanonicalA: true, CofactorlessVerify: true}) {
		t.Error("the preset for crypto/ed25519 changed")
	}
	if *voi.VerifyOptionsZIP_215 != (voi.VerifyOptions{AllowSmallOrderA: true, AllowSmallOrderR: true, AllowNonCanonicalA: true, AllowNonCanonicalR: true}) {
		t.Error("the preset for ZIP-215 changed")
	}
}
