package state

import (
	"encoding/binary"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/store"
)

// Every key of the state in the store begins with storePrefix and one of the kinds below. Other
// rooms that share the store keep clear of the prefix.
const (
	storePrefix = 'S'

	kindRecord  = 'r' // namespace, key hash → key, value
	kindKey     = 'k' // namespace, key → nothing: the keys in order
	kindPage    = 'u' // namespace, depth, path → upper nodes, as of the last flush
	kindMark    = 'm' // → height, directory with sizes: the certified state
	kindFlush   = 'f' // → directory at the last flush
	kindTouched = 't' // commit number → the key hashes' heads of one commit since the flush
)

// KeyRange returns the range [from, to) of store keys that belong to the state.
func KeyRange() (from, to []byte) { return []byte{storePrefix}, []byte{storePrefix + 1} }

func appendSpaceKey(dst []byte, kind byte, name string) []byte {
	return canonical.AppendBytes8(append(dst, storePrefix, kind), name)
}

func appendRecordKey(dst []byte, name string, hash *quoin.Hash) []byte {
	return append(appendSpaceKey(dst, kindRecord, name), hash[:]...)
}

func appendRecord(dst, key, value []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(key)))
	return append(append(dst, key...), value...)
}

func parseRecord(record []byte) (key, value []byte, err error) {
	if len(record) < 2 {
		return nil, nil, fmt.Errorf("%w: a record of %d bytes", ErrCorrupt, len(record))
	}
	n := int(binary.BigEndian.Uint16(record))
	if n == 0 || n > KeyBytesMax || n > len(record)-2 {
		return nil, nil, fmt.Errorf("%w: a record of %d bytes claims a key of %d", ErrCorrupt, len(record), n)
	}
	return record[2 : 2+n : 2+n], record[2+n:], nil
}

// checkIndexed checks one entry of the index of keys: it is a key with nothing beside it.
func checkIndexed(key, record []byte) error {
	if len(key) == 0 || len(key) > KeyBytesMax || len(record) > 0 {
		return fmt.Errorf("%w: an index entry with a key of %d bytes and %d bytes beside it", ErrCorrupt, len(key), len(record))
	}
	return nil
}

// Read returns the value of a key straight from a reader of the store, without a State: for the
// readers of certified values that run beside the replica. The value is the caller's.
func Read(r store.Reader, namespace string, key []byte) (value []byte, ok bool, err error) {
	if err := checkKey(namespace, key); err != nil {
		return nil, false, err
	}
	hash := KeyHash(key)
	return readRecord(r, appendRecordKey(nil, namespace, &hash))
}

func readRecord(r store.Reader, at []byte) ([]byte, bool, error) {
	record, ok, err := r.Get(at)
	if err != nil || !ok {
		return nil, false, err
	}
	_, value, err := parseRecord(record)
	return value, err == nil, err
}

// subtreeRange returns the store range of the records whose key hashes agree with path in their
// first depth bits.
func subtreeRange(name string, path *quoin.Hash, depth int) (from, to []byte) {
	masked := maskPath(path, depth)
	from = appendRecordKey(nil, name, &masked)
	if depth == 0 {
		return from, store.PrefixEnd(appendSpaceKey(nil, kindRecord, name))
	}
	last := (depth - 1) >> 3
	to = append([]byte(nil), from[:len(from)-len(path)+last+1]...)
	step := byte(0x80) >> ((depth - 1) & 7)
	to[len(to)-1] += step
	if to[len(to)-1] == 0 { // the carry runs into the bytes before
		return from, store.PrefixEnd(from[:len(to)-1])
	}
	return from, to
}

// maskPath clears what follows the first depth bits.
func maskPath(path *quoin.Hash, depth int) quoin.Hash {
	masked := *path
	for i := (depth + 7) >> 3; i < len(masked); i++ {
		masked[i] = 0
	}
	if depth&7 != 0 {
		masked[depth>>3] &= 0xff << (8 - depth&7)
	}
	return masked
}

// space is one namespace of a sealed state.
type space struct {
	name  string
	root  child
	bytes uint64 // of keys and values
}

// directoryOf returns what is hashed into the state root.
func directoryOf(spaces []space) []NamespaceRoot {
	directory := make([]NamespaceRoot, len(spaces))
	for i := range spaces {
		directory[i] = NamespaceRoot{spaces[i].name, spaces[i].root.hash}
	}
	return directory
}

// certified is the record of the certified state, or of the last flush.
type certified struct {
	height quoin.Height
	commit uint64 // commits so far
	spaces []space
}

const certifiedVersion = 1

func (c *certified) append(dst []byte) []byte {
	dst = canonical.AppendUint64(append(dst, certifiedVersion), uint64(c.height))
	dst = canonical.AppendUint64(dst, c.commit)
	dst = canonical.AppendUint16(dst, uint16(len(c.spaces)))
	for i := range c.spaces {
		s := &c.spaces[i]
		dst = append(canonical.AppendBytes8(dst, s.name), s.root.hash[:]...)
		dst = canonical.AppendUint64(canonical.AppendUint32(dst, s.root.keys), s.bytes)
	}
	return dst
}

func parseCertified(record []byte) (c certified, err error) {
	r := canonical.NewReader(record)
	if v := r.Byte(); r.Err() == nil && v != certifiedVersion {
		return c, fmt.Errorf("%w: state format %d, this release reads %d", ErrCorrupt, v, certifiedVersion)
	}
	c.height = quoin.Height(r.Uint64())
	c.commit = r.Uint64()
	c.spaces = make([]space, r.Count16(NamespacesMax, 1+1+32+12))
	for i := range c.spaces {
		s := &c.spaces[i]
		s.name = string(r.Bytes8(quoin.NamespaceMax))
		r.Copy(s.root.hash[:])
		s.root.keys, s.bytes = r.Uint32(), r.Uint64()
		if r.Err() == nil && (!quoin.IsName(s.name, quoin.NamespaceMax) || s.root.keys == 0 || i > 0 && c.spaces[i-1].name >= s.name) {
			r.Fail("namespace %q is empty, ill-named or out of order", s.name)
		}
	}
	if err := r.Done(); err != nil {
		return c, fmt.Errorf("%w: directory record: %w", ErrCorrupt, err)
	}
	return c, nil
}
