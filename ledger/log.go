package ledger

import (
	"encoding/binary"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/store"
)

// chunkBytes is the size above which a record of entries is closed, so that reading one entry of a
// large block does not read the block.
const chunkBytes = 32 << 10

// Log is the certified log's writing end: one per chain and node. It holds nothing but the edge;
// everything else is in the store.
type Log struct {
	edge Edge
}

// Open reads the edge of the log in the store; a store without one holds the empty log.
func Open(r store.Reader) (*Log, error) {
	e, err := readEdgeAt(r, edgeKey)
	if err != nil {
		return nil, err
	}
	return &Log{edge: e}, nil
}

// Edge returns a copy of the edge.
func (l *Log) Edge() Edge { return l.edge }

// Size returns the number of entries.
func (l *Log) Size() uint64 { return l.edge.size }

// Root returns the root of the tree.
func (l *Log) Root() quoin.Hash { return l.edge.Root() }

// Append adds the records of a certified block's segment to the batch, and advances the log. The
// segment must have been made on top of the log's edge, else ErrRange. After Append the batch must be
// applied, in order: if that fails, the log is as unusable as the store.
func (l *Log) Append(b *store.Batch, s *Segment) error {
	if s.parent != l.edge {
		return fmt.Errorf("%w: a segment on top of %d entries with root %s, the log has %d with root %s",
			ErrRange, s.parent.size, s.parent.Root(), l.edge.size, l.edge.Root())
	}
	if s.Len() == 0 {
		return nil
	}
	writeEntries(b, s)
	writeHashes(b, s)
	l.edge = s.edge
	b.Set([]byte(edgeKey), l.edge.AppendBinary(make([]byte, 0, EdgeBytesMax)))
	return nil
}

// Restart makes the log begin at edge, whose size and root the caller has compared with those of a
// certificate: together they leave no choice of peaks. The records before it are deleted, and what they held is answered with ErrPruned. A node that synchronises state
// without history calls it.
func (l *Log) Restart(b *store.Batch, edge Edge) {
	for _, prefix := range []string{hashPrefix, entryPrefix} {
		b.DeleteRange([]byte(prefix), store.PrefixEnd([]byte(prefix)))
	}
	bytes := edge.AppendBinary(nil)
	b.Set([]byte(baseKey), bytes)
	b.Set([]byte(edgeKey), bytes)
	l.edge = edge
}

// Keys of the records; ledger.go has their layout.
const (
	hashPrefix  = KeyPrefix + "h/"
	entryPrefix = KeyPrefix + "e/"
	edgeKey     = KeyPrefix + "edge"
	baseKey     = KeyPrefix + "base"
)

func appendHashKey(b []byte, level uint8, end uint64) []byte {
	return binary.BigEndian.AppendUint64(append(append(b, hashPrefix...), level), end)
}

func appendEntryKey(b []byte, end uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, entryPrefix...), end)
}

func writeEntries(b *store.Batch, s *Segment) {
	var key [16]byte
	start := uint32(0)
	for i, end := range s.ends {
		if end-start >= chunkBytes || i == len(s.ends)-1 {
			b.Set(appendEntryKey(key[:0], s.First()+uint64(i)+1), s.framed[start:end])
			start = end
		}
	}
}

func writeHashes(b *store.Batch, s *Segment) {
	var key [16]byte
	flat := make([]byte, 0, max(len(s.hashes), len(s.risen))*32)
	for i := range s.hashes {
		flat = append(flat, s.hashes[i][:]...)
	}
	b.Set(appendHashKey(key[:0], 0, s.edge.size), flat)
	for level := uint8(1); ; level++ {
		flat = flat[:0]
		for i := range s.risen {
			if s.risen[i].level == level {
				flat = append(flat, s.risen[i].hash[:]...)
			}
		}
		if len(flat) == 0 {
			return
		}
		b.Set(appendHashKey(key[:0], level, s.edge.size>>(tileHeight*level)), flat)
	}
}

// readEdgeAt returns the edge under key, or the empty one if there is none.
func readEdgeAt(r store.Reader, key string) (Edge, error) {
	value, ok, err := r.Get([]byte(key))
	if err != nil || !ok {
		return Edge{}, err
	}
	e, err := DecodeEdge(value)
	if err != nil {
		return Edge{}, fmt.Errorf("%w: key %q: %w", ErrCorrupt, key, err)
	}
	return e, nil
}

// WriteCertificate makes c the newest certificate: it goes into the batch of the block that it is
// for. The caller has verified it.
func WriteCertificate(b *store.Batch, c *quoin.Certificate) {
	b.Set([]byte(noteKey), c.AppendBinary(nil))
}

// ReadCertificate returns the newest certificate and whether there is one.
func ReadCertificate(r store.Reader) (quoin.Certificate, bool, error) {
	value, ok, err := r.Get([]byte(noteKey))
	if err != nil || !ok {
		return quoin.Certificate{}, false, err
	}
	c, err := quoin.DecodeCertificate(value)
	if err != nil {
		return quoin.Certificate{}, false, fmt.Errorf("%w: newest certificate: %w", ErrCorrupt, err)
	}
	return c, true, nil
}

// WriteValidators keeps the validators of an epoch, so that its certificates can be rendered as
// notes. It goes into the batch that begins the epoch.
func WriteValidators(b *store.Batch, epoch quoin.Epoch, set quoin.ValidatorSet) {
	b.Set(setKey(epoch), set.AppendBinary(nil))
}

// ReadValidators returns the validators of an epoch and whether they are known.
func ReadValidators(r store.Reader, epoch quoin.Epoch) (quoin.ValidatorSet, bool, error) {
	value, ok, err := r.Get(setKey(epoch))
	if err != nil || !ok {
		return quoin.ValidatorSet{}, false, err
	}
	c := canonical.NewReader(value)
	set := quoin.ReadValidatorSet(c)
	if err := c.Done(); err != nil {
		return quoin.ValidatorSet{}, false, fmt.Errorf("%w: validators of epoch %d: %w", ErrCorrupt, epoch, err)
	}
	return set, true, nil
}

const noteKey = KeyPrefix + "note"

func setKey(epoch quoin.Epoch) []byte {
	return canonical.AppendUint64([]byte(KeyPrefix+"set/"), epoch)
}
