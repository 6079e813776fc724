package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	markName  = "mark"
	markMagic = "quoinmrk"
	baseBytes = 8 + 4 + 4 + 32 + 8 + 32 + 8 + 4
	hintBytes = 8 + 4
	hintsMax  = 1 << 16
)

// base is the durable part of the mark.
type base struct {
	state    state
	identity [32]byte
	first    uint64 // of the lowest segment that was not pruned
	chain    [32]byte
	synced   uint64 // every record up to this one is durable
}

// state says what the directory must hold.
type state uint32

const (
	creating state = iota // perhaps no segment yet
	running               // segments, the newest perhaps with a torn tail
	closed                // cleanly: the log ends exactly at synced
)

// marker writes the mark of one log.
type marker struct {
	fs   FS
	name string
	file File // for hints; nil before the first write
	salt uint32
}

// write replaces the mark, durably.
func (m *marker) write(b base) error {
	if err := m.close(); err != nil {
		return fmt.Errorf("closing %s: %w", m.name, err)
	}
	content := encodeBase(b)
	if err := WriteFile(m.fs, m.name, content); err != nil {
		return fmt.Errorf("writing %s: %w", m.name, err)
	}
	file, err := m.fs.Open(m.name)
	if err != nil {
		return fmt.Errorf("opening %s: %w", m.name, err)
	}
	m.file, m.salt = file, checksum(0, content)
	return nil
}

// hint notes, without making the note durable, that the log is durable up to
// synced.
func (m *marker) hint(synced uint64) error {
	if err := m.file.Append(appendHint(nil, m.salt, synced)); err != nil {
		return fmt.Errorf("appending to %s: %w", m.name, err)
	}
	return nil
}

func (m *marker) close() error {
	if m.file == nil {
		return nil
	}
	file := m.file
	m.file = nil
	return file.Close()
}

// read returns the mark with its hints taken in, and whether there is one.
func (m *marker) read() (b base, ok bool, err error) {
	content, err := ReadFile(m.fs, m.name, baseBytes+hintBytes*hintsMax)
	if errors.Is(err, ErrNotExist) {
		return b, false, nil
	}
	if errors.Is(err, ErrTooLong) {
		return b, false, corrupt(m.name, baseBytes+hintBytes*hintsMax, damaged("longer than any mark"))
	}
	if err != nil {
		return b, false, fmt.Errorf("disk: reading %s: %w", m.name, err)
	}
	b, err = decodeMark(content)
	if err != nil {
		return b, false, corrupt(m.name, 0, err)
	}
	return b, true, nil
}

func encodeBase(b base) []byte {
	p := make([]byte, 0, baseBytes)
	p = append(p, markMagic...)
	p = binary.BigEndian.AppendUint32(p, formatVersion)
	p = binary.BigEndian.AppendUint32(p, uint32(b.state))
	p = append(p, b.identity[:]...)
	p = binary.BigEndian.AppendUint64(p, b.first)
	p = append(p, b.chain[:]...)
	p = binary.BigEndian.AppendUint64(p, b.synced)
	return binary.BigEndian.AppendUint32(p, checksum(0, p))
}

func appendHint(p []byte, salt uint32, synced uint64) []byte {
	start := len(p)
	p = binary.BigEndian.AppendUint64(p, synced)
	return binary.BigEndian.AppendUint32(p, checksum(salt, p[start:]))
}

// decodeMark reads a base, which must be perfect, and the highest of the hints
// behind it that are intact: they were never synced, so a crash may have torn some.
func decodeMark(p []byte) (b base, err error) {
	if len(p) < baseBytes {
		return b, damaged("%d bytes, at least %d expected", len(p), baseBytes)
	}
	head, hints := p[:baseBytes], p[baseBytes:]
	if binary.BigEndian.Uint32(head[baseBytes-4:]) != checksum(0, head[:baseBytes-4]) {
		return b, damaged("the checksum does not match")
	}
	if !bytes.Equal(head[:8], []byte(markMagic)) {
		return b, damaged("not the mark of a log")
	}
	if v := binary.BigEndian.Uint32(head[8:]); v != formatVersion {
		return b, damaged("version %d of the format, this program reads %d", v, formatVersion)
	}
	if b.state = state(binary.BigEndian.Uint32(head[12:])); b.state > closed {
		return b, damaged("unknown state %d", b.state)
	}
	copy(b.identity[:], head[16:])
	b.first = binary.BigEndian.Uint64(head[48:])
	copy(b.chain[:], head[56:])
	b.synced = binary.BigEndian.Uint64(head[88:])
	if b.first == 0 || b.synced < b.first-1 {
		return b, damaged("first record %d, synced up to %d", b.first, b.synced)
	}
	if b.state != running && len(hints) > 0 {
		return b, damaged("%d bytes behind the mark of a log that was not in use", len(hints))
	}
	salt := checksum(0, head)
	for ; len(hints) >= hintBytes; hints = hints[hintBytes:] {
		if binary.BigEndian.Uint32(hints[8:]) == checksum(salt, hints[:8]) {
			b.synced = max(b.synced, binary.BigEndian.Uint64(hints))
		}
	}
	return b, nil
}
