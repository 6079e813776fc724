package tessera

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	tlogproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"

	"quoin.dev/quoin"
	"quoin.dev/quoin/ledger"
	"quoin.dev/quoin/signature"
	"quoin.dev/quoin/store"
)

// server is a log in memory with the keys of its four validators.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	store   *store.Memory
	log     *ledger.Log
	keys    []ed25519.PrivateKey
	set     quoin.ValidatorSet
	genesis *quoin.Genesis
	origin  quoin.Origin
	entries [][]byte
	damage  func(path string, body []byte) []byte // may lie
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{store: store.NewMemory()}
	byKey := make(map[quoin.PublicKey]ed25519.PrivateKey)
	var members []quoin.Validator
	for i := range 4 {
		key := ed25519.NewKeyFromSeed(append(make([]byte, 31), byte(i+1)))
		byKey[signature.PublicOf(key)] = key
		members = append(members, quoin.Validator{Name: fmt.Sprint("v", i), Key: signature.PublicOf(key), Weight: 1})
	}
	var err error
	if s.set, err = quoin.NewValidatorSet(members); err != nil {
		t.Fatal(err)
	}
	for _, v := range s.set.All() {
		s.keys = append(s.keys, byKey[v.Key])
	}
	s.genesis = &quoin.Genesis{Network: "test", Chain: "main", Configuration: quoin.Configuration{
		Epoch: 1, First: 1, Validators: s.set, Parameters: quoin.DefaultParameters()}}
	s.origin = s.genesis.Origin()
	if s.log, err = ledger.Open(s.store); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, "/")
	body, kind, err := ledger.ReadPath(s.store, path)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	if s.damage != nil {
		body = s.damage(path, bytes.Clone(body))
	}
	w.Header().Set("Content-Type", kind)
	w.Write(body)
}

// certify appends a block of n entries, cosigned by the signers.
func (s *server) certify(t *testing.T, n int, signers ...int) quoin.Certificate {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	edge := s.log.Edge()
	segment := ledger.NewSegment(&edge)
	for i := range n {
		segment.Append(&quoin.Transaction{Salt: uint64(len(s.entries)), Namespace: "kv", Payload: make([]byte, i%50)}, &quoin.Result{})
		s.entries = append(s.entries, bytes.Clone(segment.Entry(i)))
	}
	c := quoin.Certificate{Checkpoint: quoin.Checkpoint{Origin: s.origin, Size: segment.Size(), Ledger: segment.Root(), Epoch: 1, Time: 1_700_000_000_000}}
	for _, i := range signers {
		c.Signers = c.Signers.With(i)
		c.Signatures = append(c.Signatures, signature.Sign(s.keys[i], c.Checkpoint.CosignedBytes()))
	}
	var b store.Batch
	if err := s.log.Append(&b, segment); err != nil {
		t.Fatal(err)
	}
	ledger.WriteCertificate(&b, &c)
	ledger.WriteValidators(&b, 1, s.set)
	if err := s.store.Apply(&b, true); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLog(t *testing.T) {
	ctx := context.Background()
	s := newServer(t)
	s.certify(t, 300, 0, 1, 2)
	a, err := newAuditor(ctx, s.URL, s.origin, s.set)
	if err != nil {
		t.Fatal(err)
	}
	from := uint64(0)
	for _, n := range []int{0, 1, 30, 256, 1, 700, 1} {
		s.certify(t, n, 1, 2, 3)
		if grown, err := a.update(ctx); err != nil || grown != (n > 0) {
			t.Fatalf("after %d entries more: grown %v, %v", n, grown, err)
		}
		size := a.tracker.Latest().Size
		for _, index := range []uint64{0, size / 2, size - 1, rand.Uint64N(size)} {
			if entry, err := a.entry(ctx, index); err != nil || !bytes.Equal(entry, s.entries[index]) {
				t.Fatalf("entry %d of %d: %v", index, size, err)
			}
		}
		if from < size {
			entries, err := a.all(ctx, from)
			if err != nil || len(entries) != int(size-from) {
				t.Fatalf("entries from %d to %d: %v", from, size, err)
			}
		}
		from = size
	}
	if _, err := a.all(ctx, 0); err != nil {
		t.Error(err)
	}
}

func TestPolicyIsQuorum(t *testing.T) {
	ctx := context.Background()
	for _, x := range []struct {
		signers []int
		ok      bool
	}{{[]int{0, 1, 2}, true}, {[]int{0, 1, 2, 3}, true}, {[]int{1, 3}, false}, {[]int{0}, false}, {nil, false}} {
		s := newServer(t)
		s.certify(t, 10, x.signers...)
		_, err := newAuditor(ctx, s.URL, s.origin, s.set)
		if (err == nil) != x.ok || err != nil && !errors.Is(err, errPolicy) {
			t.Errorf("signers %v: %v", x.signers, err)
		}
	}
	// The log's own signature, which anybody can make, does not help a stranger's checkpoint.
	s, other := newServer(t), newServer(t)
	for i := range other.keys {
		other.keys[i] = ed25519.NewKeyFromSeed(append(make([]byte, 31), byte(100+i)))
	}
	other.certify(t, 10, 0, 1, 2, 3)
	if _, err := newAuditor(ctx, other.URL, s.origin, s.set); !errors.Is(err, errPolicy) {
		t.Errorf("cosigned by strangers: %v", err)
	}
	if _, err := newAuditor(ctx, other.URL, s.origin+"0", s.set); err == nil {
		t.Error("a log of another origin is accepted")
	}
}

// TestLiesAreFound lets the server change one kind of answer at a time.
func TestLiesAreFound(t *testing.T) {
	ctx := context.Background()
	for _, prefix := range []string{"tile/0/", "tile/1/", "tile/entries/", "checkpoint"} {
		s := newServer(t)
		s.certify(t, 600, 0, 1, 2)
		a, err := newAuditor(ctx, s.URL, s.origin, s.set)
		if err != nil {
			t.Fatal(err)
		}
		s.certify(t, 600, 0, 1, 2)
		s.mu.Lock()
		s.damage = func(path string, body []byte) []byte {
			if strings.HasPrefix(path, prefix) {
				body[len(body)/2] ^= 1
			}
			return body
		}
		s.mu.Unlock()
		_, err = a.update(ctx)
		if err == nil {
			_, err = a.all(ctx, 0)
		}
		if err == nil {
			_, err = a.entry(ctx, 0)
		}
		if err == nil {
			t.Errorf("%s: a changed byte was not found", prefix)
		}
	}
	// A fork: the same validators certify another history of the same origin.
	s, fork := newServer(t), newServer(t)
	s.certify(t, 100, 0, 1, 2)
	a, err := newAuditor(ctx, s.URL, s.origin, s.set)
	if err != nil {
		t.Fatal(err)
	}
	fork.certify(t, 3, 0, 1, 2)
	fork.entries = fork.entries[:1]
	fork.certify(t, 200, 0, 1, 2)
	s.mu.Lock()
	s.store, s.log = fork.store, fork.log
	s.mu.Unlock()
	var inconsistent client.ErrInconsistency
	if _, err := a.update(ctx); !errors.As(err, &inconsistent) {
		t.Errorf("a fork: %v", err)
	}
}

// TestTLogProof reads our proof of an entry with the format's own parser.
func TestTLogProof(t *testing.T) {
	ctx := context.Background()
	s := newServer(t)
	s.certify(t, 1000, 0, 1, 2)
	a, err := newAuditor(ctx, s.URL, s.origin, s.set)
	if err != nil {
		t.Fatal(err)
	}
	c := s.certify(t, 0, 0, 1, 2)
	p, err := ledger.ProveEntry(s.store, c, 321)
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.TLogProof(s.set)
	if err != nil {
		t.Fatal(err)
	}
	var parsed tlogproof.TLogProof
	if err := parsed.Unmarshal(text); err != nil {
		t.Fatal(err)
	}
	if parsed.Index != 321 || !a.policy.Satisfied(parsed.Checkpoint) || !bytes.Equal(parsed.Marshal(), text) {
		t.Errorf("the proof reads as %+v", parsed)
	}
	var path [][]byte
	for i := range parsed.Hashes {
		path = append(path, parsed.Hashes[i][:])
	}
	cp := a.tracker.Latest()
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, 321, cp.Size, rfc6962.DefaultHasher.HashLeaf(p.Entry), path, cp.Hash); err != nil {
		t.Error(err)
	}
}

// TestLiveLog verifies the log of a running network; the package's comment says how to call it.
func TestLiveLog(t *testing.T) {
	address, path := os.Getenv("QUOIN_LOG_URL"), os.Getenv("QUOIN_GENESIS")
	if address == "" || path == "" {
		t.Skip("QUOIN_LOG_URL and QUOIN_GENESIS are not set: no network to verify")
	}
	verifyLive(t, address, path)
}

// TestLiveVerification runs the same against a log in memory that grows meanwhile.
func TestLiveVerification(t *testing.T) {
	s := newServer(t)
	path := filepath.Join(t.TempDir(), "genesis.json")
	file, err := json.Marshal(s.genesis)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s.certify(t, 500, 0, 1, 2)
	stop := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				s.certify(t, 100, 0, 2, 3)
			}
		}
	})
	defer wait.Wait()
	defer close(stop)
	verifyLive(t, s.URL, path)
}

// verifyLive verifies consistency, inclusion and finality of the log at an address, whose anchor of
// trust is the genesis file at path, while it grows or for five seconds if it does not.
func verifyLive(t *testing.T, address, path string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	g, err := readGenesis(path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := newAuditor(ctx, address, g.Origin(), g.Configuration.Validators)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("log %s has %d entries", a.origin, a.tracker.Latest().Size)
	for tries := 0; ; tries++ {
		grown, err := a.update(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if grown || tries == 20 {
			t.Logf("consistent with the log of %d entries; grown: %v", a.tracker.Latest().Size, grown)
			break
		}
		time.Sleep(250 * time.Millisecond)
	}
	size := a.tracker.Latest().Size
	if size == 0 {
		t.Fatal("the log is empty: send a transaction first")
	}
	for range min(size, 20) {
		index := rand.Uint64N(size)
		entry, err := a.entry(ctx, index)
		if err != nil {
			t.Fatalf("entry %d of %d: %v", index, size, err)
		}
		if _, err := quoin.DecodeEntry(entry); err != nil {
			t.Errorf("entry %d: %v", index, err)
		}
	}
	from := size - min(size, 50_000)
	if _, err := a.all(ctx, from); err != nil {
		t.Errorf("all entries from %d on: %v", from, err)
	}
}
