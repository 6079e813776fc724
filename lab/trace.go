package lab

import (
	"fmt"
	"hash"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
)

// trace is the running digest of a world, and its last events for people.
type trace struct {
	digest hash.Hash
	log    interface{ Write([]byte) (int, error) }
	ring   []line
	next   int
	buffer []byte
}

type line struct {
	at   uint64
	node int
	verb string
	text string
	args []any
}

const windowLines = 256

// note keeps an event for people. The arguments must not change afterwards.
func (t *trace) note(at uint64, node int, verb, text string, args ...any) {
	l := line{at, node, verb, text, args}
	if t.log != nil {
		_, _ = t.log.Write([]byte(l.String() + "\n"))
	}
	if len(t.ring) < windowLines {
		t.ring = append(t.ring, l)
		return
	}
	t.ring[t.next] = l
	t.next = (t.next + 1) % windowLines
}

func (l *line) String() string {
	who := "world"
	if l.node >= 0 {
		who = fmt.Sprintf("v%d", l.node)
	}
	return fmt.Sprintf("%4d.%06d %-6s %-10s ", l.at/second, l.at%second, who, l.verb) + fmt.Sprintf(l.text, l.args...)
}

func (t *trace) window() []string {
	var lines []string
	for i := range t.ring {
		lines = append(lines, t.ring[(t.next+i)%len(t.ring)].String())
	}
	return lines
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
