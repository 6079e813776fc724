package ledger

import (
	"encoding/binary"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/store"
)

// Entry returns the canonical bytes of the entry with this index. They are the caller's.
func Entry(r store.Reader, index uint64) ([]byte, error) {
	var entry []byte
	err := Entries(r, index, index+1, func(_ uint64, e []byte) bool {
		entry = append(make([]byte, 0, len(e)), e...)
		return false
	})
	return entry, err
}

// Entries calls yield with the canonical bytes of each entry from index from up to index to,
// exclusive, until it returns false. The bytes are valid only until yield returns.
func Entries(r store.Reader, from, to uint64, yield func(index uint64, entry []byte) bool) error {
	if from > to || to > SizeMax {
		return fmt.Errorf("%w: entries %d to %d", ErrRange, from, to)
	}
	if from == to {
		return nil
	}
	var low, high [16]byte
	var bad error
	next, stopped := from, false
	err := r.Scan(appendEntryKey(low[:0], from+1), appendEntryKey(high[:0], SizeMax+1), func(key, chunk []byte) bool {
		end := binary.BigEndian.Uint64(key[len(key)-8:])
		count := countFramed(chunk)
		if count == 0 || count > end {
			bad = fmt.Errorf("%w: record of entries up to %d", ErrCorrupt, end)
			return false
		}
		for n := end - count; n < min(end, to); n++ {
			size := frame + int(binary.BigEndian.Uint16(chunk))
			entry := chunk[frame:size]
			chunk = chunk[size:]
			if n < from {
				continue
			}
			if n != next {
				bad = missing(r, next)
				return false
			}
			next++
			if !yield(n, entry) {
				stopped = true
				return false
			}
		}
		return end < to
	})
	switch {
	case err != nil:
		return err
	case bad == nil && next < to && !stopped:
		return missing(r, next)
	}
	return bad
}

// missing says why entry n is not there.
func missing(r store.Reader, n uint64) error {
	edge, err := readEdgeAt(r, edgeKey)
	if err != nil {
		return err
	}
	base, err := readEdgeAt(r, baseKey)
	if err != nil {
		return err
	}
	switch {
	case n >= edge.size:
		return fmt.Errorf("%w: entry %d, the log has %d", ErrRange, n, edge.size)
	case n < base.size:
		return fmt.Errorf("%w: entry %d, it begins at %d", ErrPruned, n, base.size)
	}
	return fmt.Errorf("%w: entry %d is missing", ErrCorrupt, n)
}

// countFramed returns the number of entries in a chunk, 0 if it is not well formed.
func countFramed(chunk []byte) uint64 {
	n := uint64(0)
	for len(chunk) > 0 {
		if len(chunk) < frame {
			return 0
		}
		size := frame + int(binary.BigEndian.Uint16(chunk))
		if size > len(chunk) || chunk[2] != 0 {
			return 0
		}
		chunk = chunk[size:]
		n++
	}
	return n
}

// Block puts a certified block together again from its header and the entries up to end, the size
// of the tree after it: the log holds every transaction once, and blocks are not stored beside it.
// It returns ErrCorrupt if the result is not the block that the header names.
func Block(r store.Reader, header quoin.Header, end uint64) (*quoin.Block, []quoin.Result, error) {
	count := uint64(header.Count)
	if count > end || count > quoin.BlockTransactionsMax {
		return nil, nil, fmt.Errorf("%w: a block of %d transactions that ends at %d", ErrRange, count, end)
	}
	transactions := make([]quoin.Transaction, 0, count)
	results := make([]quoin.Result, 0, count)
	var bad error
	err := Entries(r, end-count, end, func(n uint64, b []byte) bool {
		entry, err := quoin.DecodeEntry(append(make([]byte, 0, len(b)), b...))
		if err != nil {
			bad = fmt.Errorf("%w: entry %d: %w", ErrCorrupt, n, err)
			return false
		}
		transactions = append(transactions, entry.Transaction)
		results = append(results, entry.Result)
		return true
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return nil, nil, err
	}
	id := header.ID()
	block := quoin.NewBlock(header, transactions)
	if block.ID() != id {
		return nil, nil, fmt.Errorf("%w: the entries before %d are not those of block %s", ErrCorrupt, end, id)
	}
	return block, results, nil
}
