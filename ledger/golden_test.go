package ledger

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/store"
)

var rewrite = flag.Bool("rewrite", false, "write the golden file anew instead of comparing with it")

// TestGolden pins what others read (proofs, notes, keys, policy, edge) and the records in the store.
func TestGolden(t *testing.T) {
	origin, set, p, log := goldenLog(t)
	var b strings.Builder
	dump := func(name string, wire []byte) {
		fmt.Fprintf(&b, "== %s, %d bytes\n", name, len(wire))
		for ; len(wire) > 0; wire = wire[min(32, len(wire)):] {
			fmt.Fprintln(&b, hex.EncodeToString(wire[:min(32, len(wire))]))
		}
		fmt.Fprintln(&b)
	}
	text := func(name string, s any, err error) {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "== %s\n%s\n\n", name, s)
	}
	dump("entry proof", p.AppendBinary(nil))
	proof, err := p.TLogProof(set)
	text("the same as a tlog-proof", proof, err)
	vkey, err := LogVerifierKey(origin)
	text("log verifier key", vkey, err)
	policy, err := WitnessPolicy(origin, set)
	text("witness policy", policy, err)
	note, _, err := ReadPath(log, "checkpoint")
	text("checkpoint", note, err)
	tile, _, err := ReadPath(log, "tile/0/000.p/3")
	text("tile/0/000.p/3", hex.EncodeToString(tile), err)
	bundle, _, err := ReadPath(log, "tile/entries/000.p/3")
	text("tile/entries/000.p/3", hex.EncodeToString(bundle), err)
	if err := log.Scan(nil, nil, func(k, v []byte) bool {
		fmt.Fprintf(&b, "record %q: %x\n", k, v)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	const path = "testdata/ledger.golden"
	if *rewrite {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	g, w := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		if i >= len(g) || i >= len(w) || g[i] != w[i] {
			t.Fatalf("%s:%d differs. If the format is meant to change: go test ./ledger -run Golden -rewrite", path, i+1)
		}
	}
}

// goldenLog returns a log of two blocks with three entries, certified by three of four, and the
// proof of its second entry.
func goldenLog(t *testing.T) (quoin.Origin, quoin.ValidatorSet, *EntryProof, *store.Memory) {
	t.Helper()
	s := store.NewMemory()
	log, err := Open(s)
	if err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	for _, names := range [][]string{{"ann", "bob"}, {"cid"}} {
		edge := log.Edge()
		segment := NewSegment(&edge)
		for i, name := range names {
			segment.Append(&quoin.Transaction{Salt: uint64(i), Expiry: 5, Namespace: "kv", Payload: []byte(name)}, &quoin.Result{Fuel: 7, Output: []byte("ok")})
		}
		if err := log.Append(&b, segment); err != nil {
			t.Fatal(err)
		}
	}
	keys, set := validators(t, 4)
	origin := quoin.NewOrigin("test", "main", quoin.Hash{0xab, 1})
	c := sign(quoin.Certificate{Checkpoint: quoin.Checkpoint{Origin: origin, Size: log.Size(), Ledger: log.Root(),
		Epoch: 1, Height: 2, View: 3, Block: quoin.Hash{1}, State: quoin.Hash{2}, Time: 1_700_000_000_123}}, keys, 0, 1, 3)
	WriteCertificate(&b, &c)
	WriteValidators(&b, 1, set)
	if err := s.Apply(&b, true); err != nil {
		t.Fatal(err)
	}
	p, err := ProveEntry(s, c, 1)
	if err != nil {
		t.Fatal(err)
	}
	return origin, set, p, s
}
