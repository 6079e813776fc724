package execution

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/state"
)

// trace is what one namespace's machine wrote in a block, call by call. A nil trace notes nothing.
type trace struct{ calls []tracedCall }

// tracedCall is one call. What is not a transaction's own has the index beforeAll.
type tracedCall struct {
	index   int
	written int // by all machines of the block before the call
	writes  []tracedWrite
}

// beforeAll is the index of what happens to a namespace before a block's transactions.
const beforeAll = -1

type tracedWrite struct {
	key, value []byte
	deleted    bool
}

// begin begins the call for transaction i, or begins it anew.
func (t *trace) begin(i, written int) {
	if t == nil {
		return
	}
	t.forget(i)
	t.calls = append(t.calls, tracedCall{index: i, written: written})
}

// forget drops the calls for transaction i and those after it.
func (t *trace) forget(i int) {
	if t == nil {
		return
	}
	n := len(t.calls)
	for n > 0 && t.calls[n-1].index >= i {
		n--
	}
	t.calls = t.calls[:n]
}

func (t *trace) note(key, value []byte, deleted bool) {
	if t == nil {
		return
	}
	c := &t.calls[len(t.calls)-1]
	c.writes = append(c.writes, tracedWrite{bytes.Clone(key), bytes.Clone(value), deleted})
}

// digest hashes the last write of each key, in the order of the keys.
func (c *tracedCall) digest() quoin.Hash {
	if len(c.writes) == 0 {
		return quoin.Hash{}
	}
	last := make(map[string]*tracedWrite, len(c.writes))
	var keys []string
	for i := range c.writes {
		key := string(c.writes[i].key)
		if last[key] == nil {
			keys = append(keys, key)
		}
		last[key] = &c.writes[i]
	}
	slices.SortFunc(keys, strings.Compare)
	h := sha256.New()
	var b []byte
	for _, key := range keys {
		w := last[key]
		b = canonical.AppendBytes32(canonical.AppendBool(b[:0], w.deleted), w.key)
		h.Write(canonical.AppendBytes32(b, w.value))
	}
	return quoin.Hash(h.Sum(nil))
}

// replay writes what the call wrote to another overlay.
func (c *tracedCall) replay(o *state.Overlay, namespace string) error {
	for i := range c.writes {
		w := &c.writes[i]
		var err error
		if w.deleted {
			err = o.Delete(namespace, w.key)
		} else {
			err = o.Put(namespace, w.key, w.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
