package chained_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/chained"
)

var rewrite = flag.Bool("rewrite", false, "write the observed bytes into testdata")

// samples makes one message of each kind, and each with and without its optional parts.
func samples(t testing.TB) []consensus.Message {
	w := newLone(t, chained.Rules{})
	b1 := w.block(1, w.root(), nil, 1)
	b2 := w.block(2, b1, w.qc(b1), 2)
	b4 := w.block(4, b1, w.qc(b1), 4)
	proposal := func(_ int, m consensus.Message) consensus.Message { return m }
	return []consensus.Message{
		proposal(w.propose(b1, nil, nil)),
		proposal(w.propose(b2, w.qc(b1), nil)),
		proposal(w.propose(b4, w.qc(b1), w.tc(3, w.qc(b1)))),
		w.vote(2, b1),
		w.vote(3, b2),
		w.timeout(1, 3, nil),
		w.timeout(1, 3, w.qc(b1)),
		w.timeout(1, 3, w.certificate(b1)),
		w.qc(b2),
		w.tc(7, nil),
		w.tc(7, w.qc(b2)),
		w.certificate(b2),
		&chained.Ask{Certified: 3, View: 66},
	}
}

// TestGoldenBytes pins the wire format of every kind. A change of a line breaks running networks and
// existing vote logs.
func TestGoldenBytes(t *testing.T) {
	const file = "testdata/messages.golden"
	var b bytes.Buffer
	for _, m := range samples(t) {
		fmt.Fprintf(&b, "%s %s\n", m.Kind(), hex.EncodeToString(m.AppendBinary(nil)))
	}
	if *rewrite {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got := bytes.Split(b.Bytes(), []byte("\n"))
	for i, line := range bytes.Split(want, []byte("\n")) {
		if i >= len(got) || !bytes.Equal(got[i], line) {
			t.Fatalf("line %d differs from %s", i+1, file)
		}
	}
}

func TestDecodeReturnsWhatWasEncoded(t *testing.T) {
	for _, m := range samples(t) {
		b := m.AppendBinary(nil)
		got, err := chained.Decode(b)
		if err != nil {
			t.Fatalf("%s: %v", m.Kind(), err)
		}
		if got.Kind() != m.Kind() || !bytes.Equal(got.AppendBinary(nil), b) {
			t.Errorf("%s does not survive encoding", m.Kind())
		}
		for n := range b {
			if _, err := chained.Decode(b[:n]); !errors.Is(err, consensus.ErrRefused) {
				t.Fatalf("%s cut to %d bytes: error %v, want one that wraps ErrRefused", m.Kind(), n, err)
			}
		}
		if _, err := chained.Decode(append(b, 0)); err == nil {
			t.Errorf("%s with a byte left over is accepted", m.Kind())
		}
	}
}

// FuzzDecode: what is accepted re-encodes to the same bytes, and neither checking nor stepping it
// panics.
func FuzzDecode(f *testing.F) {
	for _, m := range samples(f) {
		f.Add(m.AppendBinary(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := chained.Decode(b)
		if err != nil {
			if !errors.Is(err, consensus.ErrRefused) {
				t.Fatalf("error %v does not wrap ErrRefused", err)
			}
			return
		}
		if !bytes.Equal(m.AppendBinary(nil), b) {
			t.Fatalf("%s re-encodes differently", m.Kind())
		}
		w := newLone(t, chained.Rules{})
		for from := range 4 {
			w.receive(from, m)
		}
	})
}

// TestForgeriesAreRefused: every message is bound to its sender, and what it carries to what it says.
func TestForgeriesAreRefused(t *testing.T) {
	w := newLone(t, chained.Rules{})
	b1 := w.block(1, w.root(), nil, 1)
	b2 := w.block(2, b1, w.qc(b1), 2)
	b4 := w.block(4, b1, w.qc(b1), 4)
	tampered := func(f func(*chained.Proposal)) *chained.Proposal {
		_, m := w.propose(b4, w.qc(b1), w.tc(3, w.qc(b1)))
		f(m.(*chained.Proposal))
		return m.(*chained.Proposal)
	}
	few := w.qc(b1)
	few.Signers, few.Signatures = quoin.Bitmap{2 | 4}, few.Signatures[:2]
	stranger := w.qc(b1)
	stranger.Signers = quoin.Bitmap{2 | 4 | 128}
	lying := w.tc(3, w.qc(b1))
	lying.Highs[0] = 0
	unproven := w.timeout(1, 3, w.qc(b1))
	unproven.Proof = nil
	skipping := w.vote(1, b2)
	skipping.View = 3
	skipping.Signature = w.sign(1, chained.VoteBytes(w.member.Origin.ID(), 1, 3, skipping.Block, skipping.Checkpoint))
	for _, x := range []struct {
		name string
		from int
		m    consensus.Message
	}{
		{"a vote of another", 2, w.vote(1, b1)},
		{"a vote that cosigns what is not of the view before", 1, skipping},
		{"a timeout of another", 2, w.timeout(1, 3, nil)},
		{"a timeout without the proof that it names", 1, unproven},
		{"a timeout with a proof of its own view", 1, w.timeout(1, 1, w.qc(b1))},
		{"a QC of too few", 1, few},
		{"a QC of a stranger", 1, stranger},
		{"a TC that names other views than were signed", 1, lying},
		{"a proposal of another", 2, tampered(func(*chained.Proposal) {})},
		{"a proposal in a view that is not open", 1, tampered(func(p *chained.Proposal) { p.Opened = nil })},
		{"a proposal with the TC of another view", 1, tampered(func(p *chained.Proposal) { p.Opened = w.tc(2, w.qc(b1)) })},
		{"a proposal with the proof of another parent", 1, tampered(func(p *chained.Proposal) { p.Justify = w.qc(b2) })},
		{"a proposal with other signers of the proof", 1, tampered(func(p *chained.Proposal) { p.Justify = w.certificate(b2) })},
	} {
		if _, err := w.machine.Verify(x.from, x.m); !errors.Is(err, consensus.ErrRefused) {
			t.Errorf("%s: error %v, want one that wraps ErrRefused", x.name, err)
		}
	}
	if _, err := w.machine.Verify(1, tampered(func(*chained.Proposal) {})); err != nil {
		t.Errorf("an untampered proposal: %v", err)
	}
}
