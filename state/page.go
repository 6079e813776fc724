package state

import (
	"encoding/binary"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/store"
)

// pageLevels is how many levels of upper nodes one page holds. Pages stand at depths that it
// divides, wherever a subtree has more than bucketMax keys.
const pageLevels = 6

// The tags of a page, which lists the nodes below its root in depth-first order.
const (
	pageEmpty  = iota
	pageLeaf   // key hash, leaf hash, size
	pageBucket // hash, count: at most bucketMax keys, found in the records
	pageBelow  // hash, count: more keys, in the page that begins here
	pageBranch // the left node, then the right node
)

// page names one page.
type page struct {
	name  string
	depth int
	path  quoin.Hash
}

func (p *page) appendKey(dst []byte) []byte {
	masked := maskPath(&p.path, p.depth)
	return append(append(appendSpaceKey(dst, kindPage, p.name), byte(p.depth)), masked[:(p.depth+7)>>3]...)
}

// pageWriter writes the upper nodes that changed since the last flush.
type pageWriter struct {
	s     *State
	batch *store.Batch
	key   []byte
	bytes []byte
	below []pendingPage
}

type pendingPage struct {
	child child
	page  page
}

// unflushed reports whether c is an upper node that the store does not hold as it is.
func (w *pageWriter) unflushed(c child) bool {
	return c.keys > bucketMax && !w.s.nodes.branch(c.ref).is(flagFlushed)
}

// write adds the page of c and all changed pages below it.
func (w *pageWriter) write(c child, p page) {
	from := len(w.below)
	w.bytes = w.bytes[:0]
	w.encode(c, p.depth, p)
	w.key = p.appendKey(w.key[:0])
	w.batch.Set(w.key, w.bytes)
	to := len(w.below)
	for i := from; i < to; i++ {
		w.write(w.below[i].child, w.below[i].page)
	}
	w.below = w.below[:from]
}

// encode appends the node c at depth of the page that begins at p.depth.
func (w *pageWriter) encode(c child, depth int, p page) {
	if c.ref == 0 {
		w.bytes = append(w.bytes, pageEmpty)
		return
	}
	if c.ref.isLeaf() {
		l := w.s.nodes.leaf(c.ref)
		w.bytes = append(append(append(w.bytes, pageLeaf), l.key[:]...), c.hash[:]...)
		w.bytes = binary.BigEndian.AppendUint32(w.bytes, l.size)
		return
	}
	if c.keys <= bucketMax || depth == p.depth+pageLevels {
		tag := byte(pageBucket)
		if c.keys > bucketMax {
			tag = pageBelow
			if w.unflushed(c) {
				w.below = append(w.below, pendingPage{c, page{p.name, depth, p.path}})
			}
		}
		w.bytes = append(append(w.bytes, tag), c.hash[:]...)
		w.bytes = binary.BigEndian.AppendUint32(w.bytes, c.keys)
		return
	}
	b := w.s.nodes.branch(c.ref)
	if b.is(flagStub) {
		panic("state: an upper node was evicted by itself, not with its page")
	}
	b.flags |= flagFlushed
	w.bytes = append(w.bytes, pageBranch)
	w.encode(b.kids[0], depth+1, p)
	p.path[depth>>3] |= 0x80 >> (depth & 7)
	w.encode(b.kids[1], depth+1, p)
}

// loadPage reads the upper nodes of one page. Its caller checks the hash.
func (s *State) loadPage(name string, depth int, path *quoin.Hash) (child, error) {
	s.pageLoads++
	p := page{name, depth, *path}
	record, ok, err := s.store.Get(p.appendKey(nil))
	if err != nil {
		return child{}, err
	}
	if !ok {
		return child{}, fmt.Errorf("%w: the page of its upper nodes is not there", ErrCorrupt)
	}
	return s.parsePage(p, record)
}

// parsePage makes the nodes of a page, of which those that it does not hold itself are stubs.
func (s *State) parsePage(p page, record []byte) (child, error) {
	d := pageReader{s: s, e: editor{s: s}, page: p, r: canonical.NewReader(record)}
	if len(record) > 0 && record[0] != pageBranch {
		d.r.Fail("page begins with a node of kind %d", record[0])
	}
	n := d.decode(0, maskPath(&p.path, p.depth))
	if err := d.r.Done(); err != nil {
		s.nodes.freeAll(n.ref)
		return child{}, fmt.Errorf("%w: its page of upper nodes: %w", ErrCorrupt, err)
	}
	return n, nil
}

type pageReader struct {
	s    *State
	e    editor
	page page
	r    *canonical.Reader
}

// decode reads one node, level levels below the page's root, with all below it in the page.
func (d *pageReader) decode(level int, path quoin.Hash) (c child) {
	switch tag := d.r.Byte(); tag {
	case pageEmpty:
	case pageLeaf:
		var key quoin.Hash
		d.r.Copy(key[:])
		d.r.Copy(c.hash[:])
		size := d.r.Uint32()
		if d.r.Err() == nil && maskPath(&key, d.page.depth+level) != path {
			d.r.Fail("leaf of key hash %v below %v", key, path)
		}
		if d.r.Err() == nil {
			c.ref, c.keys = d.s.nodes.newLeaf(&key, size), 1
		}
	case pageBucket, pageBelow:
		d.r.Copy(c.hash[:])
		c.keys = d.r.Uint32()
		if c.keys < 2 || (tag == pageBucket) != (c.keys <= bucketMax) || tag == pageBelow && level != pageLevels {
			d.r.Fail("node of kind %d with %d keys at level %d", tag, c.keys, level)
		}
		if d.r.Err() == nil {
			flags := uint16(0)
			if tag == pageBelow {
				flags = flagFlushed
			}
			c.ref = d.s.newStub(flags)
		}
	case pageBranch:
		at := d.page.depth + level
		if level >= pageLevels || at >= 8*len(path) {
			d.r.Fail("branch at level %d", level)
			break
		}
		var kids [2]child
		kids[0] = d.decode(level+1, path)
		path[at>>3] |= 0x80 >> (at & 7)
		kids[1] = d.decode(level+1, path)
		keys := uint64(kids[0].keys) + uint64(kids[1].keys)
		if d.r.Err() == nil && (keys <= bucketMax || keys > KeysMax) {
			d.r.Fail("branch over %d keys", keys)
		}
		if d.r.Err() != nil {
			d.s.nodes.freeAll(kids[0].ref)
			d.s.nodes.freeAll(kids[1].ref)
			return child{}
		}
		d.e.join(&c, &kids)
		d.s.nodes.branch(c.ref).flags = flagFlushed
	default:
		d.r.Fail("node of kind %d", tag)
	}
	return c
}

func (s *State) newStub(flags uint16) ref {
	r, b := s.nodes.newBranch()
	*b = branch{flags: flags | flagStub}
	return r
}

// flush adds to the batch all upper nodes that changed since the last flush, and its directory.
func (s *State) flush(batch *store.Batch, c *certified) {
	w := pageWriter{s: s, batch: batch}
	for i := range s.retired { // before the pages, of which one may stand there again
		w.key = s.retired[i].appendKey(w.key[:0])
		batch.Delete(w.key)
	}
	s.retired = s.retired[:0]
	for i := range c.spaces {
		if root := c.spaces[i].root; w.unflushed(root) {
			w.write(root, page{name: c.spaces[i].name})
		}
	}
	batch.Set([]byte{storePrefix, kindFlush}, c.append(nil))
	touched := []byte{storePrefix, kindTouched}
	batch.DeleteRange(touched, store.PrefixEnd(touched))
	s.touched = 0
	s.flushes++
}
