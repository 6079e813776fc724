// Package canonical writes and reads canonical bytes: one encoding per value, and nothing that a
// decoder accepts re-encodes differently.
//
// Integers are big-endian and of fixed width. Byte strings and lists carry a length of fixed width
// before them (the width is part of the field's definition), and every length is checked against
// a limit and against the bytes that are left before anything is allocated. There are no optional
// fields, no padding, no floating point and no maps.
//
// A Reader remembers its first error: read all fields, then ask Done once. Slices that a Reader
// returns alias its input.
package canonical

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrMalformed is wrapped by every error that a Reader reports: the bytes are not a canonical
// encoding of what was asked for.
var ErrMalformed = errors.New("malformed bytes")

// AppendBytes8 appends a byte string of at most 255 bytes after its length in one byte.
func AppendBytes8[T ~string | ~[]byte](b []byte, s T) []byte {
	return append(append(b, byte(len(s))), s...)
}

// AppendBytes32 appends a byte string after its length in four bytes.
func AppendBytes32[T ~string | ~[]byte](b []byte, s T) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// AppendUint64 appends v in eight bytes.
func AppendUint64[T ~uint64](b []byte, v T) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(v))
}

// AppendUint32 appends v in four bytes.
func AppendUint32[T ~uint32](b []byte, v T) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(v))
}

// AppendUint16 appends v in two bytes.
func AppendUint16[T ~uint16](b []byte, v T) []byte {
	return binary.BigEndian.AppendUint16(b, uint16(v))
}

// AppendBool appends one byte, 0 or 1.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// Reader reads canonical bytes from front to back. The zero Reader is at the end of nothing.
type Reader struct {
	rest []byte
	err  error
}

// NewReader returns a Reader of b, which it never modifies.
func NewReader(b []byte) *Reader { return &Reader{rest: b} }

// Fail records an error of the caller's, if none came before: a field that is well formed but not
// canonical or not within its limits.
func (r *Reader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
		r.rest = nil
	}
}

// Err returns the first error so far.
func (r *Reader) Err() error { return r.err }

// Len returns how many bytes are left.
func (r *Reader) Len() int { return len(r.rest) }

// Done returns the first error, or an error if bytes are left over.
func (r *Reader) Done() error {
	if r.err == nil && len(r.rest) > 0 {
		r.Fail("%d bytes left over", len(r.rest))
	}
	return r.err
}

// Take returns the next n bytes, or nil and an error if fewer are left.
func (r *Reader) Take(n int) []byte {
	if r.err != nil {
		return nil
	}
	if n < 0 || n > len(r.rest) {
		r.Fail("%d bytes wanted, %d left", n, len(r.rest))
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// Copy fills dst with the next bytes.
func (r *Reader) Copy(dst []byte) { copy(dst, r.Take(len(dst))) }

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if b := r.Take(1); b != nil {
		return b[0]
	}
	return 0
}

// Bool reads one byte that must be 0 or 1.
func (r *Reader) Bool() bool {
	b := r.Byte()
	if b > 1 {
		r.Fail("boolean is %d", b)
	}
	return b == 1
}

// Uint16 reads two bytes.
func (r *Reader) Uint16() uint16 {
	if b := r.Take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// Uint32 reads four bytes.
func (r *Reader) Uint32() uint32 {
	if b := r.Take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// Uint64 reads eight bytes.
func (r *Reader) Uint64() uint64 {
	if b := r.Take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Bytes8 reads a byte string of at most limit bytes after a length of one byte.
func (r *Reader) Bytes8(limit int) []byte { return r.bounded(int(r.Byte()), limit) }

// Bytes32 reads a byte string of at most limit bytes after a length of four bytes.
func (r *Reader) Bytes32(limit int) []byte { return r.bounded(int(r.Uint32()), limit) }

// Count16 reads a list's length of two bytes, at most limit, of items of at least itemBytes each.
func (r *Reader) Count16(limit, itemBytes int) int {
	return r.count(int(r.Uint16()), limit, itemBytes)
}

// Count32 reads a list's length of four bytes, at most limit, of items of at least itemBytes each.
func (r *Reader) Count32(limit, itemBytes int) int {
	return r.count(int(r.Uint32()), limit, itemBytes)
}

func (r *Reader) bounded(n, limit int) []byte {
	if n > limit {
		r.Fail("byte string of %d bytes, limit %d", n, limit)
		return nil
	}
	return r.Take(n)
}

func (r *Reader) count(n, limit, itemBytes int) int {
	if n < 0 || n > limit { // below zero where an int has 32 bits
		r.Fail("list of %d items, limit %d", n, limit)
		return 0
	}
	if n*itemBytes > len(r.rest) {
		r.Fail("list of %d items does not fit into the %d bytes left", n, len(r.rest))
		return 0
	}
	return n
}
