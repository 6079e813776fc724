package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// sums tells a rotten log from a torn one. Pebble v2.1.7 takes any damage in its
// newest log or manifest for an unsynced tail and goes on without the rest: a
// flipped bit loses synced batches, or the tables of a flush, silently. So the
// guard notes after each sync of such a file how long the file is and its CRC-32C,
// and Open compares before Pebble sees the files.
//
// The notes are lines of one file, SUMS, beside Pebble's:
//
//	note = length:u64 sum:u32 nameLength:u8 name crc:u32
//
// big-endian, the crc being the CRC-32C of what precedes it. A note is written
// after the sync it speaks of, so whatever survives of SUMS is true, and what does
// not only makes the check weaker; notes on logs are never synced themselves and
// cost no fsync, notes on manifests, which are rare, are. Files that no longer
// exist are not looked for, because Pebble removes them in its own time. SUMS begins
// anew, durably, when it has grown to sumsBytesMax and at Open, there without the
// files that are gone: Pebble may use a name again after a crash, never before.
type sums struct {
	mu    sync.Mutex
	fs    vfs.FS
	dir   string
	file  vfs.File
	bytes int
	// latest is the newest note on each file, to begin SUMS anew with.
	latest map[string]note
}

type note struct {
	length int64
	sum    uint32
}

const (
	sumsName     = "SUMS"
	sumsBytesMax = 4 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// isSummed tells the files that Pebble checks too little.
func isSummed(base string) bool { return isLog(base) || strings.HasPrefix(base, "MANIFEST-") }

// start checks the files of the last run and begins SUMS with what it knows of
// those that are still there.
func (s *sums) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	content, err := s.read(s.fs.PathJoin(s.dir, sumsName), -1)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for name, n := range parseNotes(content) {
		there, err := s.verify(s.fs.PathJoin(s.dir, name), n)
		if err != nil {
			return err
		}
		if there {
			s.latest[name] = n
		}
	}
	return s.begin()
}

// verify compares a file, if it is there, with the note on it.
func (s *sums) verify(path string, want note) (there bool, err error) {
	content, err := s.read(path, want.length)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return true, fmt.Errorf("%w: %s is shorter than the %d bytes that were synced", ErrCorrupt, path, want.length)
	case err != nil:
		return true, err
	case crc32.Checksum(content, castagnoli) != want.sum:
		return true, fmt.Errorf("%w: the first %d bytes of %s are not those that were synced", ErrCorrupt, want.length, path)
	}
	return true, nil
}

// read returns the first length bytes of a file, all if it is negative.
func (s *sums) read(path string, length int64) (content []byte, err error) {
	file, err := s.fs.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if length < 0 {
		length = info.Size()
	}
	if info.Size() < length {
		return nil, io.ErrUnexpectedEOF
	}
	content = make([]byte, length)
	_, err = io.ReadFull(file, content)
	return content, err
}

// parseNotes returns the longest note on each file. The first damaged note, which a
// crash may have torn, ends the parsing.
func parseNotes(p []byte) map[string]note {
	notes := map[string]note{}
	for len(p) >= 17 {
		size := 17 + int(p[12])
		if len(p) < size || crc32.Checksum(p[:size-4], castagnoli) != binary.BigEndian.Uint32(p[size-4:]) {
			break
		}
		n := note{length: int64(binary.BigEndian.Uint64(p)), sum: binary.BigEndian.Uint32(p[8:])}
		if name := string(p[13 : size-4]); isSummed(name) && !strings.ContainsAny(name, "/\\") && n.length > notes[name].length {
			notes[name] = n
		}
		p = p[size:]
	}
	return notes
}

func appendNote(p []byte, name string, n note) []byte {
	start := len(p)
	p = binary.BigEndian.AppendUint64(p, uint64(n.length))
	p = binary.BigEndian.AppendUint32(p, n.sum)
	p = append(p, byte(len(name)))
	p = append(p, name...)
	return binary.BigEndian.AppendUint32(p, crc32.Checksum(p[start:], castagnoli))
}

// begin replaces SUMS by one with the latest notes.
func (s *sums) begin() error {
	if err := s.close(); err != nil {
		return err
	}
	var p []byte
	for _, name := range slices.Sorted(maps.Keys(s.latest)) {
		p = appendNote(p, name, s.latest[name])
	}
	path := s.fs.PathJoin(s.dir, sumsName)
	file, err := s.fs.Create(path+".tmp", vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	s.file, s.bytes = file, len(p)
	if _, err := file.Write(p); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := s.fs.Rename(path+".tmp", path); err != nil {
		return err
	}
	dir, err := s.fs.OpenDir(s.dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// note records that a file was synced.
func (s *sums) note(path string, n note) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil // the store is being opened or closed
	}
	name := s.fs.PathBase(path)
	s.latest[name] = n
	p := appendNote(nil, name, n)
	if s.bytes += len(p); s.bytes > sumsBytesMax {
		return s.begin()
	}
	if _, err := s.file.Write(p); err != nil {
		return err
	}
	if isLog(name) {
		return nil
	}
	return s.file.Sync()
}

// forget drops a file that is about to be removed or renamed.
func (s *sums) forget(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.latest, s.fs.PathBase(path))
}

// stop releases SUMS; what is there stays true.
func (s *sums) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.close()
}

func (s *sums) close() error {
	if s.file == nil {
		return nil
	}
	file := s.file
	s.file = nil
	return file.Close()
}
