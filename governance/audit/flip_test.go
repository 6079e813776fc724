package audit_test

import (
	"bytes"
	"errors"
	"flag"
	"math/rand/v2"
	"slices"
	"testing"

	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance/audit"
	"quoin.dev/quoin/governance/audit/audittest"
	"quoin.dev/quoin/signature"
)

var (
	flips = flag.Int("flips", 250, "how many files with flipped bits are verified")
	seed  = flag.Uint64("seed", 1, "of the flipped bits")
)

// Whatever bit of a file is flipped, its line is refused, and so the event is known by its number.
func TestNoBitOfAFileMayBeFlipped(t *testing.T) {
	c, file := history(t, "acme", 20, 40, 60)
	b := read(t, file)
	rng := rand.New(rand.NewPCG(*seed, 0))
	o := options(c)
	for range *flips {
		at, bit := rng.IntN(len(file)), rng.IntN(8)
		if rng.IntN(4) == 0 { // most of a file is proofs, and what people read is short
			at = indexOfWords(rng, b)
		}
		tampered := slices.Clone(file)
		tampered[at] ^= 1 << bit
		_, err := audit.Verify(bytes.NewReader(tampered), o, nil)
		line := 1 + bytes.Count(file[:at], []byte("\n"))
		event := uint64(1 + slices.Index(b.events, line-1)) // 0 if the line is none
		var f *audit.Fault
		switch {
		case !errors.As(err, &f):
			t.Errorf("bit %d of byte %d (line %d): %v", bit, at, line, err)
		case f.Line != uint64(line) && at != len(file)-1, event != 0 && f.Event != event:
			t.Errorf("bit %d of byte %d is in line %d, event %d: %v", bit, at, line, event, err)
		default:
			continue
		}
		t.Fatalf("replay: go test ./governance/audit -run TestNoBitOfAFileMayBeFlipped -seed %d -flips %d", *seed, *flips)
	}
}

// indexOfWords returns a place in what an event's line says for people.
func indexOfWords(rng *rand.Rand, b *book) int {
	place := b.events[rng.IntN(len(b.events))]
	at := 0
	for _, line := range b.lines[:place] {
		at += len(line) + 1
	}
	return at + rng.IntN(bytes.Index(b.lines[place], []byte(`"bytes"`)))
}

func TestTenThousandEvents(t *testing.T) {
	c, file := history(t, "acme", 4_000, 8_000, 10_000)
	visited := uint64(0)
	s, err := audit.Verify(bytes.NewReader(file), options(c), func(*audit.Entry) error {
		visited++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Events < 10_000 || visited != s.Events || s.Epochs < 500 {
		t.Errorf("%d events, %d of them visited, %d epochs", s.Events, visited, s.Epochs)
	}
}

// endless is a line that never ends.
type endless struct{ read int }

// Read implements io.Reader.
func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'a'
	}
	e.read += len(b)
	return len(b), nil
}

func TestALineHasALimit(t *testing.T) {
	c := audittest.New(t, "acme", execution.Environment())
	var r endless
	_, err := audit.Verify(&r, options(c), nil)
	var f *audit.Fault
	if !errors.As(err, &f) || f.Code != audit.Format || f.Line != 1 || r.read > audit.LineMax+1<<17 {
		t.Errorf("after %d bytes: %v", r.read, err)
	}
}

// FuzzBundle wants that whatever a bundle holds, only what was signed is taken.
func FuzzBundle(f *testing.F) {
	_, _, bundle, count := attested(f)
	f.Add(bundle)
	f.Add([]byte(`{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":""}]}` + "\n"))
	f.Add([]byte("\n{}\nnull\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		b, err := audit.ReadBundle(bytes.NewReader(file), signature.PublicOf(attestor))
		if err == nil && (b.Len() > count || b.Len()+b.Ignored > bytes.Count(file, []byte("\n"))) {
			t.Fatalf("%d statements, %d were signed; %d lines left out", b.Len(), count, b.Ignored)
		}
	})
}

// FuzzLine wants that in any place of a history only lines are accepted that somebody wrote for it, an
// event only where it belongs, and that the history does not verify with another line in the place of one
// of its own, unless both are checkpoints: the one of a later place does for the events of an earlier one.
func FuzzLine(f *testing.F) {
	c := audittest.New(f, "acme", execution.Environment())
	o := options(c)
	var file bytes.Buffer
	c.Write(&file, o, 8, 16)
	b := read(f, file.Bytes())
	for place, line := range b.lines {
		f.Add(uint8(place), line)
		f.Add(uint8(place+1), line)
	}
	for _, place := range slices.Concat(b.kind("handover"), b.kind("checkpoint")) {
		f.Add(uint8(2), b.lines[place]) // long before it is needed
	}
	f.Add(uint8(3), []byte(`{"line":"event",`))
	f.Fuzz(func(t *testing.T, place uint8, line []byte) {
		n := int(place) % len(b.lines)
		v := audit.NewVerifier(o)
		for _, before := range b.lines[:n] {
			if _, err := v.Line(before); err != nil {
				t.Fatal(err)
			}
		}
		entry, err := v.Line(line)
		var fault *audit.Fault
		switch {
		case err != nil && !errors.As(err, &fault):
			t.Fatal(err)
		case err != nil && (fault.Line != uint64(n+1) || fault.Why == "" || !slices.Contains(audit.Codes(), fault.Code)):
			t.Fatalf("line %d: %+v", n+1, fault)
		case err != nil || bytes.Equal(line, b.lines[n]):
			return
		case !slices.ContainsFunc(b.lines, func(x []byte) bool { return bytes.Equal(x, line) }):
			t.Fatalf("accepted in line %d, and nobody wrote it: %q", n+1, line)
		case entry != nil:
			t.Fatalf("event %d was accepted in line %d: %q", entry.Number, n+1, line)
		}
		for _, after := range b.lines[n+1:] {
			if _, err := v.Line(after); err != nil {
				return
			}
		}
		checkpoint := []byte(`{"line":"checkpoint"`)
		if _, err := v.End(); err == nil && !(bytes.HasPrefix(line, checkpoint) && bytes.HasPrefix(b.lines[n], checkpoint)) {
			t.Fatalf("the history verifies with line %d replaced by %q", n+1, line)
		}
	})
}
