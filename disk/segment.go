package disk

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

const (
	segmentMagic      = "quoinlog"
	formatVersion     = 1
	headerBytes       = 8 + 4 + 8 + 32 + 32 + 4
	recordHeaderBytes = 4 + 4 + 8 + 8
	segmentSuffix     = ".log"
	windowBytes       = 256 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(crc uint32, p []byte) uint32 { return crc32.Update(crc, castagnoli, p) }

// foldIn adds a record's checksum to its segment's.
func foldIn(fold, crc uint32) uint32 {
	return checksum(fold, binary.BigEndian.AppendUint32(nil, crc))
}

func compareUint64(a, b uint64) int { return cmp.Compare(a, b) }

func segmentName(first uint64) string { return fmt.Sprintf("%016x%s", first, segmentSuffix) }

// parseSegmentName accepts exactly what segmentName writes.
func parseSegmentName(name string) (first uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	for _, c := range []byte(digits) {
		switch {
		case c >= '0' && c <= '9':
			first = first<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			first = first<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return first, true
}

// header begins a segment.
type header struct {
	first    uint64
	identity [32]byte
	chain    [32]byte
}

func encodeHeader(h header) []byte {
	p := make([]byte, 0, headerBytes)
	p = append(p, segmentMagic...)
	p = binary.BigEndian.AppendUint32(p, formatVersion)
	p = binary.BigEndian.AppendUint64(p, h.first)
	p = append(p, h.identity[:]...)
	p = append(p, h.chain[:]...)
	return binary.BigEndian.AppendUint32(p, checksum(0, p))
}

// errDamaged is the root of every complaint about bytes, as opposed to one about
// reading them.
var errDamaged = errors.New("damaged")

func damaged(format string, arguments ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errDamaged}, arguments...)...)
}

func decodeHeader(p []byte) (h header, err error) {
	if len(p) != headerBytes {
		return h, damaged("the header has %d bytes, not %d", len(p), headerBytes)
	}
	if got := binary.BigEndian.Uint32(p[headerBytes-4:]); got != checksum(0, p[:headerBytes-4]) {
		return h, damaged("the header's checksum does not match")
	}
	if !bytes.Equal(p[:8], []byte(segmentMagic)) {
		return h, damaged("not a segment of a log")
	}
	if v := binary.BigEndian.Uint32(p[8:]); v != formatVersion {
		return h, damaged("version %d of the format, this program reads %d", v, formatVersion)
	}
	h.first = binary.BigEndian.Uint64(p[12:])
	copy(h.identity[:], p[20:])
	copy(h.chain[:], p[52:])
	return h, nil
}

// originChain is the chain value of a log's first segment.
func originChain(identity [32]byte) [32]byte {
	return sha256.Sum256(append([]byte("quoin/log/origin/v1"), identity[:]...))
}

// successor is the chain value of the segment that follows s and begins with next.
func (s *segment) successor(next uint64) [32]byte {
	p := append([]byte("quoin/log/segment/v1"), s.chain[:]...)
	p = binary.BigEndian.AppendUint64(p, s.first)
	p = binary.BigEndian.AppendUint64(p, next)
	p = binary.BigEndian.AppendUint32(p, s.fold)
	return sha256.Sum256(p)
}

// record is one record as read. Its payload is valid until the next read.
type record struct {
	crc     uint32
	seq     uint64
	synced  uint64
	payload []byte
}

// appendRecord encodes a record and returns its checksum too.
func appendRecord(p []byte, salt uint32, seq, synced uint64, payload []byte) ([]byte, uint32) {
	start := len(p)
	p = append(p, 0, 0, 0, 0)
	p = binary.BigEndian.AppendUint32(p, uint32(len(payload)))
	p = binary.BigEndian.AppendUint64(p, seq)
	p = binary.BigEndian.AppendUint64(p, synced)
	p = append(p, payload...)
	crc := checksum(salt, p[start+4:])
	binary.BigEndian.PutUint32(p[start:], crc)
	return p, crc
}

// scanner reads the records of a segment one after another. It believes nothing,
// and reads through a window so that memory is bounded by the longest record.
type scanner struct {
	file   File
	salt   uint32
	size   int64  // of the file
	offset int64  // of the next record
	seq    uint64 // that it must have
	synced uint64 // that the record before it had

	window   []byte
	windowAt int64
}

func (s *scanner) done() bool { return s.offset >= s.size }

// next reads a record. An error that wraps errDamaged is about its bytes, another
// one about reading them; in both cases the scanner has not moved.
func (s *scanner) next() (r record, err error) {
	if s.size-s.offset < recordHeaderBytes {
		return r, damaged("%d bytes at the end are no record", s.size-s.offset)
	}
	p, err := s.at(s.offset, recordHeaderBytes)
	if err != nil {
		return r, err
	}
	length := int64(binary.BigEndian.Uint32(p[4:]))
	r.seq, r.synced = binary.BigEndian.Uint64(p[8:]), binary.BigEndian.Uint64(p[16:])
	switch {
	case r.seq != s.seq:
		return r, damaged("record %d where %d should be", r.seq, s.seq)
	case r.synced >= r.seq || r.synced < s.synced:
		return r, damaged("record %d says that %d was synced before it", r.seq, r.synced)
	case length > s.size-s.offset-recordHeaderBytes:
		return r, damaged("record %d of %d bytes ends behind the file", r.seq, length)
	}
	if p, err = s.at(s.offset, recordHeaderBytes+length); err != nil {
		return r, err
	}
	r.crc = binary.BigEndian.Uint32(p)
	if r.crc != checksum(s.salt, p[4:]) {
		return r, damaged("record %d does not match its checksum", r.seq)
	}
	r.payload = p[recordHeaderBytes:]
	s.offset += recordHeaderBytes + length
	s.seq, s.synced = r.seq+1, r.synced
	return r, nil
}

// at returns length bytes of the file from offset on, which the caller has checked
// to be within it. They are valid until the next call.
func (s *scanner) at(offset, length int64) ([]byte, error) {
	if offset < s.windowAt || offset+length > s.windowAt+int64(len(s.window)) {
		want := min(max(length, windowBytes), s.size-offset)
		if int64(cap(s.window)) < want {
			s.window = make([]byte, want)
		}
		s.window, s.windowAt = s.window[:want], offset
		if err := readFull(s.file, s.window, offset); err != nil {
			s.window = s.window[:0]
			return nil, err
		}
	}
	return s.window[offset-s.windowAt:][:length], nil
}

// syncedBehind reports whether an intact record anywhere behind the scanner's
// position says that the record at that position was synced (D3). Looking at every
// byte, it finds records even behind a damaged length.
func (s *scanner) syncedBehind() (bool, error) {
	// Payloads come from strangers. One made of bytes that look like headers
	// could make this quadratic; so the bytes that are checksummed have a limit.
	// Behind it the tail counts as torn, as if nothing had been found.
	budget := 16*(s.size-s.offset) + windowBytes
	for offset := s.offset + 1; offset+recordHeaderBytes <= s.size; offset++ {
		p, err := s.at(offset, recordHeaderBytes)
		if err != nil {
			return false, err
		}
		length := int64(binary.BigEndian.Uint32(p[4:]))
		seq, synced := binary.BigEndian.Uint64(p[8:]), binary.BigEndian.Uint64(p[16:])
		if seq <= s.seq || seq-s.seq > uint64(s.size-s.offset)/recordHeaderBytes || synced < s.seq || synced >= seq ||
			length > s.size-offset-recordHeaderBytes || length > budget {
			continue
		}
		budget -= length
		// Not through the window: it would be refilled for each candidate.
		whole := make([]byte, recordHeaderBytes+length)
		if err := readFull(s.file, whole, offset); err != nil {
			return false, err
		}
		if binary.BigEndian.Uint32(whole) == checksum(s.salt, whole[4:]) {
			return true, nil
		}
	}
	return false, nil
}

// corrupt names the damage; an error of reading stays what it is.
func (s *scanner) corrupt(name string, err error) error {
	if errors.Is(err, errDamaged) {
		return corrupt(name, s.offset, err)
	}
	return fmt.Errorf("disk: reading %s at byte %d: %w", name, s.offset, err)
}

func corrupt(name string, offset int64, err error) error {
	return &CorruptError{File: name, Offset: offset, Reason: strings.TrimPrefix(err.Error(), errDamaged.Error()+": ")}
}
