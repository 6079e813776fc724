package audit

import (
	"io"

	"quoin.dev/quoin"
)

// Writer writes a history, and verifies it as a stranger would: nothing is written that does not
// verify. Errors are *Fault, or the writer's.
type Writer struct {
	w io.Writer
	v *Verifier
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer, o Options) *Writer { return &Writer{w, NewVerifier(o)} }

// Header writes the first line.
func (w *Writer) Header(g *quoin.Genesis) error {
	return w.write(w.v.header(g), func() any { return headerOf(g) })
}

// Handover writes how the validators of the next epoch are known. It takes certificates with more
// signatures than needed.
func (w *Writer) Handover(c quoin.Certificate, proof []byte) error {
	c = w.trim(c)
	return w.write(w.v.handover(c, proof), func() any { return w.v.handoverOf(c, proof) })
}

// Checkpoint writes the checkpoint that the next events are proved under: proof is the state proof of
// governance.AuditChainKey.
func (w *Writer) Checkpoint(c quoin.Certificate, proof []byte) error {
	c = w.trim(c)
	return w.write(w.v.checkpoint(c, proof), func() any { return w.v.checkpointOf(c, proof) })
}

// Event writes the next event. path is its state proof without directory and value.
func (w *Writer) Event(b, path []byte) (*Entry, error) {
	entry, f := w.v.event(b, path)
	if f != nil {
		f.Event = w.v.events + 1
	}
	return entry, w.write(f, func() any { return eventLine{lineEvent, *entry, b, path} })
}

// Epoch returns the newest epoch that was handed over.
func (w *Writer) Epoch() quoin.Epoch { return w.v.trust.Epoch() }

// Next returns the number of the next event, and whether the newest checkpoint counts it.
func (w *Writer) Next() (number uint64, more bool) { return w.v.events + 1, w.v.expected() != 0 }

// End says what was written. It fails if events are missing.
func (w *Writer) End() (Summary, error) { return w.v.End() }

func (w *Writer) trim(c quoin.Certificate) quoin.Certificate {
	if now, ok := w.v.trust.Configuration(c.Checkpoint.Epoch); ok {
		return c.Trim(now.Validators)
	}
	return c
}

func (w *Writer) write(f *Fault, line func() any) error {
	w.v.lines++
	if f != nil {
		return w.v.fail(f)
	}
	_, err := w.w.Write(append(encode(line()), '\n'))
	return err
}
