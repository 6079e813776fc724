package signature

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"quoin.dev/quoin"
)

// batch is transactions with their ids, as VerifyTransactions takes them.
type batch struct {
	ids          []quoin.Hash
	transactions []quoin.Transaction
}

func (b *batch) add(t quoin.Transaction, sign func(message []byte) quoin.Signature) {
	id := t.ID(quoin.OriginID{1})
	t.Signature = sign(quoin.TransactionSigningBytes(id))
	b.ids, b.transactions = append(b.ids, id), append(b.transactions, t)
}

func (b *batch) singles() []bool {
	valid := make([]bool, len(b.ids))
	for i := range b.ids {
		valid[i] = VerifyTransaction(b.ids[i], &b.transactions[i])
	}
	return valid
}

func honest(t testing.TB, rng *rand.ChaCha8, n int) *batch {
	b := new(batch)
	for i := range n {
		key := newKey(t, rng)
		b.add(quoin.Transaction{Sender: PublicOf(key), Salt: uint64(i), Namespace: "kv", Payload: []byte("p")},
			func(m []byte) quoin.Signature { return Sign(key, m) })
	}
	return b
}

// TestTorsionHasOneVerdict signs 400 messages with a key that has a torsion component: rule sets
// without a cofactor accept about one in eight, depending on the message.
func TestTorsionHasOneVerdict(t *testing.T) {
	rng := random(t)
	crook := newCrook(t, rng, 1)
	b := new(batch)
	standard, strict := 0, 0
	for i := range 400 {
		b.add(quoin.Transaction{Sender: quoin.PublicKey(crook.A), Salt: uint64(i), Namespace: "kv"},
			func(m []byte) quoin.Signature {
				sig := crook.sign(t, rng, m, 0)
				if ed25519.Verify(crook.A, m, sig[:]) {
					standard++
				}
				if voi.Verify(crook.A, m, sig[:]) {
					strict++
				}
				return sig
			})
	}
	if standard < 20 || standard > 90 {
		t.Errorf("crypto/ed25519 accepts %d of 400, so the torsion is not what this test needs", standard)
	}
	t.Logf("of 400, crypto/ed25519 accepts %d and the library's default %d", standard, strict)
	for _, size := range []int{1, 2, 3, 4, 5, 50, 93, 94, 95, 255, 256, 257, 400} {
		for from := 0; from < 400; from += size {
			to := min(from+size, 400)
			verdicts := VerifyTransactions(b.ids[from:to], b.transactions[from:to])
			if slices.Contains(verdicts, false) {
				t.Fatalf("a batch of %d from %d refuses what ZIP-215 accepts", size, from)
			}
		}
	}
	if slices.Contains(b.singles(), false) {
		t.Error("single verification refuses what ZIP-215 accepts")
	}
}

// TestBatchAgreesWithSingles mixes honest signatures, every combination of small-order encodings, torsion
// and noise.
func TestBatchAgreesWithSingles(t *testing.T) {
	rng := random(t)
	r := rand.New(rng)
	points := append(smallOrderEncodings(), nonCanonicalPoints()...)
	accepted, refused := 0, 0
	for round := range 40 {
		b := new(batch)
		dirty := round%4 != 0
		for i := range r.IntN(300) {
			tx := quoin.Transaction{Salt: uint64(i), Namespace: "kv", Payload: fmt.Append(nil, round)}
			switch kind := r.IntN(6); {
			case kind == 0: // unsigned
				b.ids, b.transactions = append(b.ids, tx.ID(quoin.OriginID{1})), append(b.transactions, tx)
			case kind == 1:
				c := newCrook(t, rng, r.IntN(8))
				tx.Sender = quoin.PublicKey(c.A)
				b.add(tx, func(m []byte) quoin.Signature { return c.sign(t, rng, m, r.IntN(8)) })
			case kind == 2: // key and R of small order, S zero: true under ZIP-215 if both are points
				A, R := points[r.IntN(14)], points[r.IntN(14)]
				tx.Sender = quoin.PublicKey(A)
				if tx.Sender.IsZero() {
					continue
				}
				b.add(tx, func([]byte) (s quoin.Signature) { copy(s[:], R); return s })
			case kind == 3 && dirty && r.IntN(8) == 0:
				copy(tx.Sender[:], points[r.IntN(len(points))])
				if tx.Sender.IsZero() {
					continue
				}
				b.add(tx, func([]byte) (s quoin.Signature) {
					copy(s[:], points[r.IntN(len(points))])
					s[40] = byte(r.IntN(2))
					return s
				})
			case kind == 4 && dirty && r.IntN(8) == 0:
				key := newKey(t, rng)
				tx.Sender = PublicOf(key)
				b.add(tx, func(m []byte) quoin.Signature {
					sig := Sign(key, m)
					sig[r.IntN(64)] ^= 1 << r.IntN(8)
					return sig
				})
			default:
				key := newKey(t, rng)
				tx.Sender = PublicOf(key)
				b.add(tx, func(m []byte) quoin.Signature { return Sign(key, m) })
			}
		}
		want, got := b.singles(), VerifyTransactions(b.ids, b.transactions)
		if !slices.Equal(got, want) {
			t.Fatalf("round %d: batch and singles differ: %v, %v", round, got, want)
		}
		for i := range want {
			if want[i] {
				accepted++
			} else {
				refused++
			}
		}
	}
	if accepted == 0 || refused == 0 {
		t.Errorf("%d accepted and %d refused: want both kinds", accepted, refused)
	}
}

// TestSmallOrderIsValid pins the verdict that ZIP-215 gives on its own test vectors: with S = 0, every
// encoding of a point of small order is a valid key and a valid R, for any message.
func TestSmallOrderIsValid(t *testing.T) {
	b := new(batch)
	for i, A := range smallOrderEncodings() {
		for j, R := range smallOrderEncodings() {
			if key := quoin.PublicKey(A); !key.IsZero() {
				b.add(quoin.Transaction{Sender: key, Salt: uint64(i*100 + j), Namespace: "kv"},
					func([]byte) (sig quoin.Signature) { copy(sig[:], R); return sig })
			}
		}
	}
	if len(b.ids) != 13*14 {
		t.Fatalf("%d vectors", len(b.ids))
	}
	if slices.Contains(b.singles(), false) || slices.Contains(VerifyTransactions(b.ids, b.transactions), false) {
		t.Error("a vector is refused")
	}
	// The standard library's rules refuse some of them: the two rule sets are two.
	refused := 0
	for i := range b.ids {
		if !Verify(b.transactions[i].Sender, quoin.TransactionSigningBytes(b.ids[i]), b.transactions[i].Signature) {
			refused++
		}
	}
	if refused == 0 {
		t.Error("the rules for votes accept all vectors too")
	}
}

// FuzzVerdicts changes keys, messages and signatures: votes are judged as crypto/ed25519 judges
// them, and a transaction alone as in a batch of five with honest ones.
func FuzzVerdicts(f *testing.F) {
	rng := random(f)
	others := honest(f, rng, 4)
	for i := range 8 {
		c := newCrook(f, rng, i)
		id := quoin.Hash{byte(i)}
		sig := c.sign(f, rng, quoin.TransactionSigningBytes(id), 7-i)
		f.Add(c.A, id[:], sig[:])
		f.Add(smallOrderEncodings()[i], id[:], append(smallOrderEncodings()[13-i][:32:32], scalarEncodings()[i]...))
	}
	f.Fuzz(func(t *testing.T, key, id, sig []byte) {
		if len(key) != 32 || len(id) != 32 || len(sig) != 64 || quoin.PublicKey(key).IsZero() {
			return
		}
		tx := quoin.Transaction{Sender: quoin.PublicKey(key), Signature: quoin.Signature(sig)}
		message := quoin.TransactionSigningBytes(quoin.Hash(id))
		if got, want := Verify(tx.Sender, message, tx.Signature), ed25519.Verify(key, message, sig); got != want {
			t.Errorf("vote: %v, crypto/ed25519 says %v", got, want)
		} else if NewKeys([]quoin.PublicKey{tx.Sender}).Verify(0, message, tx.Signature) != want {
			t.Errorf("vote: prepared keys say otherwise than %v", want)
		}
		single := VerifyTransaction(quoin.Hash(id), &tx)
		batch := VerifyTransactions(append(others.ids[:4:4], quoin.Hash(id)), append(others.transactions[:4:4], tx))
		if want := []bool{true, true, true, true, single}; !slices.Equal(batch, want) {
			t.Errorf("alone %v, in a batch %v", single, batch)
		}
	})
}

// TestCulpritsAreNamed puts one false signature at each place of a batch.
func TestCulpritsAreNamed(t *testing.T) {
	rng := random(t)
	b := honest(t, rng, batchMax+40)
	for at := 0; at < len(b.ids); at += 37 {
		b.transactions[at].Signature[3] ^= 4
		for i, ok := range VerifyTransactions(b.ids, b.transactions) {
			if ok != (i != at) {
				t.Fatalf("culprit %d: verdict on %d is %v", at, i, ok)
			}
		}
		b.transactions[at].Signature[3] ^= 4
	}
	// Two errors that cancel out in a sum without coefficients.
	b = honest(t, rng, 8)
	b.transactions[0].Signature[32]++
	b.transactions[1].Signature[32]--
	if v := VerifyTransactions(b.ids, b.transactions); v[0] || v[1] || !v[2] {
		t.Errorf("errors that cancel out: %v", v)
	}
}

func TestSigningBytesAreTheRootPackages(t *testing.T) {
	id := quoin.Hash{1, 2, 3}
	if got := appendSigningBytes(nil, id); !slices.Equal(got, quoin.TransactionSigningBytes(id)) || len(got) != signingBytes {
		t.Errorf("%q", got)
	}
	if VerifyTransactions(nil, nil) == nil {
		t.Error("no verdicts of no transactions, want an empty list")
	}
}

func BenchmarkVerifyTransactions(b *testing.B) {
	for _, n := range []int{16, 64, 256, 1024} {
		batch := honest(b, random(b), n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				VerifyTransactions(batch.ids, batch.transactions)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/signature")
		})
	}
	one := honest(b, random(b), 1)
	b.Run("single", func(b *testing.B) {
		for b.Loop() {
			VerifyTransaction(one.ids[0], &one.transactions[0])
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	key := newKey(b, random(b))
	message := make([]byte, 500)
	sig := Sign(key, message)
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			Verify(PublicOf(key), message, sig)
		}
	})
	b.Run("keys", func(b *testing.B) {
		k := NewKeys([]quoin.PublicKey{PublicOf(key)})
		b.ReportAllocs()
		for b.Loop() {
			k.Verify(0, message, sig)
		}
	})
	b.Run("standard library", func(b *testing.B) {
		public := key.Public().(ed25519.PublicKey)
		for b.Loop() {
			ed25519.Verify(public, message, sig[:])
		}
	})
	b.Run("sign", func(b *testing.B) {
		for b.Loop() {
			Sign(key, message)
		}
	})
}
