package execution

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/state"
)

// trace is what one namespace's machine wrote in a block, call by call. A nil trace notes nothing.
type trace struct {
	calls []tracedCall
	data  []byte // keys and values
}

// tracedCall is one call. What is not a transaction's own has the index beforeAll.
type tracedCall struct {
	of      *trace
	index   int
	written int // by all machines of the block before the call
	start   int // of its data
	writes  []tracedWrite
}

// beforeAll is the index of what happens to a namespace before a block's transactions.
const beforeAll = -1

// tracedWrite is one write: a key in the trace's data, and a value behind it.
type tracedWrite struct {
	at, key, value int
	deleted        bool
}

// begin begins the call for transaction i, or begins it anew.
func (t *trace) begin(i, written int) {
	if t == nil {
		return
	}
	n := len(t.calls)
	for n > 0 && t.calls[n-1].index >= i {
		n--
		t.data = t.data[:t.calls[n].start]
	}
	t.calls = append(t.calls[:n], tracedCall{of: t, index: i, written: written, start: len(t.data)})
}

func (t *trace) note(key, value []byte, deleted bool) {
	if t == nil {
		return
	}
	c := &t.calls[len(t.calls)-1]
	c.writes = append(c.writes, tracedWrite{len(t.data), len(key), len(value), deleted})
	t.data = append(append(t.data, key...), value...)
}

func (c *tracedCall) key(w *tracedWrite) []byte { return c.of.data[w.at : w.at+w.key] }

func (c *tracedCall) value(w *tracedWrite) []byte {
	return c.of.data[w.at+w.key : w.at+w.key+w.value]
}

// digest hashes the last write of each key, in the order of the keys.
func (c *tracedCall) digest() quoin.Hash {
	if len(c.writes) == 0 {
		return quoin.Hash{}
	}
	sorted := slices.Clone(c.writes)
	slices.SortStableFunc(sorted, func(a, b tracedWrite) int { return bytes.Compare(c.key(&a), c.key(&b)) })
	h := sha256.New()
	var b []byte
	for i := range sorted {
		w := &sorted[i]
		if i+1 < len(sorted) && bytes.Equal(c.key(w), c.key(&sorted[i+1])) {
			continue // written once more
		}
		b = canonical.AppendBytes32(canonical.AppendBool(b[:0], w.deleted), c.key(w))
		h.Write(canonical.AppendBytes32(b, c.value(w)))
	}
	return quoin.Hash(h.Sum(nil))
}

// replay writes what the call wrote to another overlay.
func (c *tracedCall) replay(o *state.Overlay, namespace string) error {
	for i := range c.writes {
		w := &c.writes[i]
		var err error
		if w.deleted {
			err = o.Delete(namespace, c.key(w))
		} else {
			err = o.Put(namespace, c.key(w), c.value(w))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
