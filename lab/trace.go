package lab

import (
	"encoding/hex"
	"fmt"
	"hash"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/lab/events"
)

// trace is the running digest of a world, and the log of its events. The last of them are kept for
// people, whoever else wants them.
type trace struct {
	digest  hash.Hash
	sink    func(*events.Event)
	ring    []line
	next    int
	count   uint64
	flights uint64
	over    bool // an invariant is broken: that is the last event
	buffer  []byte
}

// line is an event whose texts are not made yet: most are never asked for.
type line struct {
	events.Event
	block, transaction quoin.Hash
	text               string
	args               []any
}

const windowLines = 512

// note keeps an event that is all text. The arguments must not change afterwards.
func (t *trace) note(at uint64, node int, verb events.Verb, kind, text string, args ...any) {
	t.keep(&line{Event: events.Event{AtUS: at, Node: node, Verb: verb, Kind: kind}, text: text, args: args})
}

// keep keeps an event.
func (t *trace) keep(l *line) {
	if t.over {
		return
	}
	t.over = l.Verb == events.Broken
	l.Index = t.count
	t.count++
	if t.sink != nil {
		t.sink(l.event())
	}
	if len(t.ring) < windowLines {
		t.ring = append(t.ring, *l)
		return
	}
	t.ring[t.next] = *l
	t.next = (t.next + 1) % windowLines
}

// event makes the texts.
func (l *line) event() *events.Event {
	e := l.Event
	e.Block, e.Transaction = digits(&l.block), digits(&l.transaction)
	if l.text != "" {
		e.Text = fmt.Sprintf(l.text, l.args...)
	}
	return &e
}

func digits(h *quoin.Hash) string {
	if h.IsZero() {
		return ""
	}
	return hex.EncodeToString(h[:4])
}

// window returns the last events as text.
func (t *trace) window() []string {
	var lines []string
	for i := range t.ring {
		lines = append(lines, t.ring[(t.next+i)%len(t.ring)].event().String())
	}
	return lines
}

// fly names a message or a fault.
func (t *trace) fly() uint64 {
	t.flights++
	return t.flights
}

// add puts something that a replica took in or asked for into the digest.
func (t *trace) add(at uint64, node int, kind byte, number uint64, bytes []byte) {
	b := canonical.AppendUint64(t.buffer[:0], at)
	b = append(b, byte(node), kind)
	b = canonical.AppendUint64(b, number)
	b = canonical.AppendUint32(b, uint32(len(bytes)))
	t.buffer = b
	t.digest.Write(b)
	t.digest.Write(bytes)
}

func (t *trace) sum() quoin.Hash { return quoin.Hash(t.digest.Sum(nil)) }
