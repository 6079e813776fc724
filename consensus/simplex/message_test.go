package simplex_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
)

// samples makes one message of each kind, and each with and without its optional parts, signed with
// known keys.
func samples() []consensus.Message {
	set, signers := members([]uint64{1, 1, 1, 1})
	_ = set
	hash := func(s string) quoin.Hash { return sha256.Sum256([]byte(s)) }
	origin := quoin.NewOrigin("test", "main", hash("genesis"))
	c := quoin.Checkpoint{Origin: origin, Size: 7, Ledger: hash("ledger"), Epoch: 1, Height: 3, View: 5, Block: hash("block"), State: hash("state"), Time: scenarioStart}
	certificate := quoin.Certificate{Checkpoint: c}
	notarization := &simplex.Notarization{View: 6, Block: hash("parent"), Checkpoint: hash("result")}
	nullification := &simplex.Nullification{View: 9}
	for _, i := range []int{0, 2, 3} {
		certificate.Signers = certificate.Signers.With(i)
		certificate.Signatures = append(certificate.Signatures, signers[i].Sign(c.CosignedBytes()))
		notarization.Signers = notarization.Signers.With(i)
		text := append(signedText(origin, "notarize", 6), notarization.Block[:]...)
		notarization.Signatures = append(notarization.Signatures, signers[i].Sign(append(text, notarization.Checkpoint[:]...)))
		nullification.Signers = nullification.Signers.With(i)
		nullification.Signatures = append(nullification.Signatures, signers[i].Sign(signedText(origin, "nullify", 9)))
	}
	propose := func(h quoin.Header, n *simplex.Notarization, highest *quoin.Certificate, txs ...quoin.Transaction) *simplex.Proposal {
		b := quoin.NewBlock(h, txs)
		id := b.ID()
		return &simplex.Proposal{Block: b, Parent: n, Highest: highest, Signature: signers[1].Sign(append(signedText(origin, "propose", h.View), id[:]...))}
	}
	head := quoin.Header{Epoch: 1, View: 1, Height: 1, Parent: hash("genesis"), ParentCheckpoint: hash("first"), Time: scenarioStart + 1, Proposer: 1}
	next := quoin.Header{Epoch: 1, View: 8, Height: 4, Parent: notarization.Block, ParentCheckpoint: notarization.Checkpoint, ParentView: 6,
		ParentVoters: notarization.Signers, Time: scenarioStart + 2, Proposer: 1}
	return []consensus.Message{
		propose(head, nil, nil),
		propose(next, notarization, &certificate, transaction(1), transaction(2)),
		&simplex.Notarize{View: 5, Block: hash("block"), Checkpoint: c.Digest(), Signature: signers[2].Sign([]byte("notarize"))},
		&simplex.Nullify{View: 9, Signature: nullification.Signatures[0]},
		&simplex.Finalize{Checkpoint: c, Signature: certificate.Signatures[0]},
		notarization,
		nullification,
		&simplex.Certificate{Certificate: certificate},
		&simplex.Need{From: 3, To: 66},
	}
}

// TestGoldenBytes pins the wire format of every kind. A change of a line breaks running networks and
// existing vote logs.
func TestGoldenBytes(t *testing.T) {
	const file = "testdata/messages.golden"
	var b strings.Builder
	for _, m := range samples() {
		fmt.Fprintf(&b, "%s %s\n", m.Kind(), hex.EncodeToString(m.AppendBinary(nil)))
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the bytes differ from %s: %s", file, firstDifference(string(want), b.String()))
	}
}

func TestDecodeReturnsWhatWasEncoded(t *testing.T) {
	for _, m := range samples() {
		b := m.AppendBinary(nil)
		got, err := simplex.Decode(b)
		if err != nil {
			t.Fatalf("%s: %v", m.Kind(), err)
		}
		if got.Kind() != m.Kind() || !bytes.Equal(got.AppendBinary(nil), b) {
			t.Errorf("%s does not survive encoding", m.Kind())
		}
		for n := range b {
			if _, err := simplex.Decode(b[:n]); !errors.Is(err, consensus.ErrRefused) {
				t.Fatalf("%s cut to %d bytes: error %v, want one that wraps ErrRefused", m.Kind(), n, err)
			}
		}
		if _, err := simplex.Decode(append(b, 0)); err == nil {
			t.Errorf("%s with a byte left over is accepted", m.Kind())
		}
	}
}

// FuzzDecode: what is accepted re-encodes to the same bytes.
func FuzzDecode(f *testing.F) {
	for _, m := range samples() {
		f.Add(m.AppendBinary(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := simplex.Decode(b)
		if err != nil {
			if !errors.Is(err, consensus.ErrRefused) {
				t.Fatalf("error %v does not wrap ErrRefused", err)
			}
			return
		}
		if !bytes.Equal(m.AppendBinary(nil), b) {
			t.Fatalf("%s re-encodes differently", m.Kind())
		}
	})
}
