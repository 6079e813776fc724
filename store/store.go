// Package store is the ordered key-value store that state and ledger sit on:
// the interface, the batch, and an in-memory implementation with the crash
// behaviour of a real one.
//
// # What a store promises
//
//   - S1 Keys are byte strings, ordered as bytes.Compare orders them. The empty
//     key is a key like any other.
//   - S2 Apply is atomic: after it, and after any crash, either every operation
//     of the batch is there or none is.
//   - S3 When Apply with durable = true has returned nil, that batch and every
//     batch applied before it survive any crash.
//   - S4 A crash loses at most a suffix: if a batch survives, every batch
//     applied before it survives (prefix consistency).
//   - S5 After Apply has returned an error other than ErrTooLarge, nobody can
//     know whether the batch is there. The store refuses everything from then on
//     with an error that wraps ErrBroken; open it again to learn the truth.
//   - S6 Reads see every batch that Apply has returned nil for, durable or not.
//
// # Concurrency
//
// The in-memory store is for one goroutine. An implementation may allow more and
// says so. A yield function never writes to the store it is called from; it may
// read.
//
// # Limits
//
// KeyBytesMax, ValueBytesMax and BatchBytesMax bound what Apply takes; a larger
// batch is refused whole with ErrTooLarge, and the store is as before.
package store

import (
	"errors"
	"fmt"
)

// Limits, in bytes, that every implementation enforces.
const (
	KeyBytesMax   = 4 << 10
	ValueBytesMax = 64 << 20
	BatchBytesMax = 256 << 20 // Batch.Size, keys and values together
)

// Errors that an implementation wraps; test with errors.Is.
var (
	// ErrTooLarge refuses a batch above a limit. The store is unchanged.
	ErrTooLarge = errors.New("store: batch above a limit")
	// ErrBroken means that an earlier write failed, so that what is on disk is
	// unknown. Close the store, repair the cause, and open it again.
	ErrBroken = errors.New("store: broken by an earlier failure")
	// ErrClosed means that Close was called before.
	ErrClosed = errors.New("store: closed")
	// ErrScanning refuses a write from inside a Scan's yield function.
	ErrScanning = errors.New("store: write from inside a scan")
)

// Reader reads the newest applied batches.
type Reader interface {
	// Get returns the value of key, and whether the key is there. The value is
	// the caller's to keep and change.
	Get(key []byte) (value []byte, ok bool, err error)
	// Scan calls yield for each pair with from ≤ key < to in ascending order of
	// keys until yield returns false. A nil from starts at the first key, a nil
	// to is open. Both slices are valid only until yield returns and must not be
	// changed.
	Scan(from, to []byte, yield func(key, value []byte) bool) error
}

// Store is a Reader that takes batches.
type Store interface {
	Reader
	// Apply makes the batch visible, atomically, and keeps no reference to it.
	// With durable it returns once the batch and all before it are safe from a
	// crash. An empty batch with durable makes all earlier ones durable.
	Apply(b *Batch, durable bool) error
	// Close releases the store. A second Close returns ErrClosed.
	Close() error
}

// PrefixEnd returns the first key after all keys with the prefix, for use as the
// end of a Scan or DeleteRange, or nil (open) if there is none: for an empty
// prefix and for one of 0xff bytes only.
func PrefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			end := append([]byte(nil), prefix[:i+1]...)
			end[i]++
			return end
		}
	}
	return nil
}

// CheckLimits returns an error wrapping ErrTooLarge if an operation of the batch
// or the batch itself is above a limit. Implementations of Apply call it first.
func CheckLimits(b *Batch) error {
	if b.keyMax > KeyBytesMax {
		return fmt.Errorf("%w: a key of %d bytes, at most %d", ErrTooLarge, b.keyMax, KeyBytesMax)
	}
	if b.valueMax > ValueBytesMax {
		return fmt.Errorf("%w: a value of %d bytes, at most %d", ErrTooLarge, b.valueMax, ValueBytesMax)
	}
	if b.Size() > BatchBytesMax {
		return fmt.Errorf("%w: %d bytes together, at most %d; split the batch", ErrTooLarge, b.Size(), BatchBytesMax)
	}
	return nil
}
