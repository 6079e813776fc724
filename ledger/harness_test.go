package ledger

import (
	"crypto/ed25519"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"

	"quoin.dev/quoin"
	"quoin.dev/quoin/signature"
	"quoin.dev/quoin/store"
)

var seed = flag.Uint64("seed", 1, "seed of the random tests")

// random returns a generator seeded by -seed, and tells how to replay a failure.
func random(t testing.TB) *rand.Rand {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("replay: go test ./ledger -run '^%s$' -seed %d", t.Name(), *seed)
		}
	})
	var s [32]byte
	binary.BigEndian.PutUint64(s[:], *seed)
	return rand.New(rand.NewChaCha8(s))
}

// randomEntry returns a transaction and its result, sometimes large.
func randomEntry(r *rand.Rand) (quoin.Transaction, quoin.Result) {
	payload := r.IntN(40)
	if r.IntN(200) == 0 {
		payload = r.IntN(quoin.PayloadMax + 1)
	}
	tx := quoin.Transaction{Salt: r.Uint64(), Expiry: 9, Namespace: "kv", Payload: make([]byte, payload)}
	if r.IntN(2) == 0 {
		tx.Sender, tx.Signature = quoin.PublicKey{byte(r.Uint32()), 1}, quoin.Signature{byte(r.Uint32())}
	}
	return tx, quoin.Result{Code: r.Uint32N(3), Fuel: r.Uint64(), Output: make([]byte, r.IntN(20))}
}

// world is a log beside the model that it must agree with: the plain list of entries and a Merkle
// tree that we did not write.
type world struct {
	t       testing.TB
	r       *rand.Rand
	store   *store.Memory
	log     *Log
	entries [][]byte
	tree    *testonly.Tree
	blocks  []wblock
}

type wblock struct {
	block   *quoin.Block
	results []quoin.Result
	end     uint64
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, r: random(t), store: store.NewMemory(), tree: testonly.New(rfc6962.DefaultHasher)}
	w.open()
	return w
}

func (w *world) open() {
	w.t.Helper()
	log, err := Open(w.store)
	if err != nil {
		w.t.Fatal(err)
	}
	w.log = log
}

// append certifies a block of n entries.
func (w *world) append(n int, durable bool) {
	w.t.Helper()
	edge := w.log.Edge()
	s := NewSegment(&edge)
	var txs []quoin.Transaction
	var results []quoin.Result
	for range n {
		tx, result := randomEntry(w.r)
		s.Append(&tx, &result)
		txs, results = append(txs, tx), append(results, result)
		entry := quoin.Entry{Transaction: tx, Result: result}
		w.entries = append(w.entries, entry.AppendBinary(nil))
		w.tree.AppendData(w.entries[len(w.entries)-1])
	}
	w.blocks = append(w.blocks, wblock{quoin.NewBlock(quoin.Header{View: quoin.View(len(w.blocks) + 1)}, txs), results, w.tree.Size()})
	var b store.Batch
	if err := w.log.Append(&b, s); err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Apply(&b, durable); err != nil {
		w.t.Fatal(err)
	}
}

// grow appends blocks of random sizes until the log has at least size entries.
func (w *world) grow(size int) {
	for len(w.entries) < size {
		switch w.r.IntN(6) {
		case 0:
			w.append(0, true)
		case 1:
			w.append(1, true)
		case 2:
			w.append(256, true)
		case 3:
			w.append(w.r.IntN(700), true)
		default:
			w.append(w.r.IntN(30), true)
		}
	}
}

func (w *world) root(size uint64) quoin.Hash { return quoin.Hash(w.tree.HashAt(size)) }

// sizes returns tree sizes worth a look: small, around tile borders, random, and the whole.
func (w *world) sizes() []uint64 {
	n := uint64(len(w.entries))
	sizes := []uint64{n}
	for _, s := range []uint64{1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 513, 65535, 65536, 65537, n - 1} {
		if s > 0 && s < n {
			sizes = append(sizes, s)
		}
	}
	for range 10 {
		sizes = append(sizes, 1+w.r.Uint64N(n))
	}
	return sizes
}

// certified returns a set of n validators of weight one with their keys, and a certificate of the
// log by the signers.
func (w *world) certified(n int, signers ...int) (quoin.Origin, quoin.ValidatorSet, quoin.Certificate) {
	w.t.Helper()
	keys, set := validators(w.t, n)
	origin := quoin.NewOrigin("test", "main", quoin.Hash{0xab, 1})
	c := quoin.Certificate{Checkpoint: quoin.Checkpoint{Origin: origin, Size: w.log.Size(), Ledger: w.log.Root(),
		Epoch: 1, Height: quoin.Height(len(w.blocks)), View: 9, Block: quoin.Hash{1}, State: quoin.Hash{2}, Time: 1_700_000_000_123}}
	return origin, set, sign(c, keys, signers...)
}

func sign(c quoin.Certificate, keys []ed25519.PrivateKey, signers ...int) quoin.Certificate {
	c.Signers, c.Signatures = nil, nil
	for _, i := range signers {
		c.Signers = c.Signers.With(i)
		c.Signatures = append(c.Signatures, signature.Sign(keys[i], c.Checkpoint.CosignedBytes()))
	}
	return c
}

// validators returns n keys and the set of them, in the same order. The keys are always the same.
func validators(t testing.TB, n int) ([]ed25519.PrivateKey, quoin.ValidatorSet) {
	t.Helper()
	byKey := make(map[quoin.PublicKey]ed25519.PrivateKey)
	var members []quoin.Validator
	for i := range n {
		key := ed25519.NewKeyFromSeed(append(make([]byte, 31), byte(i+1)))
		byKey[signature.PublicOf(key)] = key
		members = append(members, quoin.Validator{Name: fmt.Sprint("v", i), Key: signature.PublicOf(key), Weight: 1})
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

func hashes(raw [][]byte) []quoin.Hash {
	var out []quoin.Hash
	for _, h := range raw {
		out = append(out, quoin.Hash(h))
	}
	return out
}
