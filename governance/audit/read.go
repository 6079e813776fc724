package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
)

// Summary is what a history proves.
type Summary struct {
	Origin     quoin.Origin
	Events     uint64
	Head       quoin.Hash  // over all of them
	Epochs     quoin.Epoch // that began
	Checkpoint quoin.Checkpoint
	Lines      uint64
	Statuses   []StatusCount // of all proposals, in the order of the statuses; those without proposals left out
}

// StatusCount says how many proposals have a status.
type StatusCount struct {
	Status    string `json:"status"`
	Proposals uint64 `json:"proposals"`
}

// Verify verifies a whole file. visit, which may be nil, is told of each event once it is verified;
// what it returns ends the verification. Other errors are *Fault, or the reader's.
func Verify(r io.Reader, o Options, visit func(*Entry) error) (Summary, error) {
	return NewVerifier(o).read(r, visit)
}

func (v *Verifier) read(r io.Reader, visit func(*Entry) error) (Summary, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	for {
		line, err := readLine(b)
		switch {
		case errors.Is(err, io.EOF):
			return v.End()
		case errors.Is(err, io.ErrUnexpectedEOF):
			v.lines++
			return Summary{}, v.fail(fault(Truncated, "%s", v.ending("in the middle of a line")))
		case errors.Is(err, bufio.ErrTooLong):
			v.lines++
			return Summary{}, v.fail(fault(Format, "the line has more than %d bytes", LineMax))
		case err != nil:
			return Summary{}, err
		}
		entry, err := v.Line(line)
		if err != nil {
			return Summary{}, err
		}
		if entry != nil && visit != nil {
			if err := visit(entry); err != nil {
				return Summary{}, err
			}
		}
	}
}

// readLine returns the next line without its end: io.EOF if there is none, io.ErrUnexpectedEOF if it has
// no end, bufio.ErrTooLong.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > LineMax+1 {
			return nil, bufio.ErrTooLong
		}
		if err == nil && line == nil {
			return part[:len(part)-1], nil // valid until the next read
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// End verifies that nothing is missing, and says what was proved. Errors are *Fault.
func (v *Verifier) End() (Summary, error) {
	if v.failed != nil {
		return Summary{}, v.failed
	}
	if v.under.Height == 0 || v.events < v.under.shown.Chain.Count && !v.flaws.noEnd {
		f := fault(Truncated, "%s", v.ending("there"))
		f.Event = v.expected()
		return Summary{}, v.fail(f)
	}
	if now := v.trust.Epoch(); v.under.Epoch != now {
		return Summary{}, v.fail(fault(Truncated, "%s", v.ending(fmt.Sprintf("after the handover to epoch %d, which certifies nothing,", now))))
	}
	s := v.replay.State()
	newest := v.replay.now.Epoch
	switch chain := v.replay.Audit(); {
	case chain != v.under.shown.Chain:
		return Summary{}, v.fail(fault(Unlawful, "the hash over all events is %s, certified is %s", chain.Head, v.under.shown.Chain.Head))
	case newest < v.trust.Epoch():
		return Summary{}, v.fail(fault(Unlawful, "epoch %d began, and no event says why", v.trust.Epoch()))
	}
	if f := asFault(v.replay.Through(v.under.Height)); f != nil {
		return Summary{}, v.fail(f)
	}
	x := Summary{Origin: v.o.Origin, Events: v.events, Head: v.under.shown.Chain.Head, Epochs: newest, Checkpoint: v.under.Checkpoint, Lines: v.lines}
	counts := map[governance.Status]uint64{}
	for p := range governance.Proposals(s) {
		counts[p.Status]++
	}
	for _, status := range governance.Statuses() {
		if n := counts[status]; n > 0 {
			x.Statuses = append(x.Statuses, StatusCount{status.String(), n})
		}
	}
	return x, nil
}

func (v *Verifier) ending(where string) string {
	if v.under.Height == 0 {
		return "the file ends " + where + ", before its first checkpoint"
	}
	return fmt.Sprintf("the file ends %s: at event %d of %d certified", where, v.events, v.under.shown.Chain.Count)
}
