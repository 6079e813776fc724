package disk

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// situation is a log directory whose process is gone, and how much of it must be
// found again.
type situation struct {
	name   string
	fs     *Memory
	synced uint64 // known from the mark
	last   uint64
}

// situations returns one log of 30 synced records, closed, killed, and killed with
// a tail of three records that were never synced.
func situations(t *testing.T) []situation {
	build := func(end func(fs *Memory, l *Log)) *Memory {
		fs := NewMemory(nil)
		l := mustOpen(t, fs, small)
		for range 10 {
			appendN(t, l, 3)
			if err := l.Sync(); err != nil {
				t.Fatal(err)
			}
		}
		end(fs, l)
		fs.Kill()
		return fs
	}
	return []situation{
		{"closed", build(func(_ *Memory, l *Log) {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}), 30, 30},
		{"killed", build(func(*Memory, *Log) {}), 30, 30},
		{"unsynced tail", build(func(_ *Memory, l *Log) {
			appendN(t, l, 3)
			if err := l.flush(); err != nil {
				t.Fatal(err)
			}
		}), 30, 33},
	}
}

func (s situation) segments() (names []string) {
	list, _ := s.fs.List("log")
	for _, name := range list {
		if strings.HasSuffix(name, segmentSuffix) {
			names = append(names, "log/"+name)
		}
	}
	return names
}

// openDamaged opens a damaged log. It fails unless that is refused as corrupt, or
// every synced record is there and every record is right.
func (s situation) openDamaged(t *testing.T, fs *Memory, what string) (refused bool, next uint64) {
	t.Helper()
	l, err := OpenLog(fs, "log", small)
	var corrupt *CorruptError
	if errors.As(err, &corrupt) {
		if corrupt.File == "" || corrupt.Reason == "" || corrupt.Offset < 0 {
			t.Fatalf("%s, %s: %+v does not name the damage", s.name, what, corrupt)
		}
		return true, 0
	}
	if err != nil {
		t.Fatalf("%s, %s: %v", s.name, what, err)
	}
	if l.Next() <= s.synced || l.Next() > s.last+1 {
		t.Fatalf("%s, %s: the log was accepted and ends before %d; %d was synced, %d appended", s.name, what, l.Next(), s.synced, s.last)
	}
	if err := readBack(l); err != nil {
		t.Fatalf("%s, %s: %v", s.name, what, err)
	}
	return false, l.Next()
}

// lastRecords is the length of the newest n records, which all are in the newest
// file or the ones before it, oldest first.
func lastRecords(n int, last uint64) (bytes int) {
	for seq := last; seq > last-uint64(n); seq-- {
		bytes += recordHeaderBytes + len(payload(seq))
	}
	return bytes
}

// TestLogTruncatedAtEveryByte cuts every byte of the last three records and more.
func TestLogTruncatedAtEveryByte(t *testing.T) {
	for _, s := range situations(t) {
		cut, refusals := 0, 0
		fs := s.fs.Clone(nil)
		for cut < lastRecords(3, s.last)+headerBytes {
			names := situation{fs: fs}.segments()
			newest := names[len(names)-1]
			content := fs.Content(newest)
			if len(content) == 0 {
				if err := fs.Remove(newest); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if err := fs.Overwrite(newest, content[:len(content)-1]); err != nil {
				t.Fatal(err)
			}
			cut++
			refused, _ := s.openDamaged(t, fs.Clone(nil), fmt.Sprintf("%d bytes cut", cut))
			if refused {
				refusals++
			}
		}
		if s.last == s.synced && refusals != cut {
			t.Errorf("%s: %d of %d truncations of synced records were not noticed", s.name, cut-refusals, cut)
		}
	}
}

// TestLogLaggingMark: after a power cut that took the hints, truncation takes at
// most what MarkEverySyncs allows.
func TestLogLaggingMark(t *testing.T) {
	s := situations(t)[1]
	mark := s.fs.Content("log/mark")
	b, err := decodeMark(mark[:baseBytes])
	if err != nil || s.synced-b.synced >= uint64(3*small.MarkEverySyncs) {
		t.Fatalf("mark's base at %d of %d: %v", b.synced, s.synced, err)
	}
	if err := s.fs.Overwrite("log/mark", mark[:baseBytes]); err != nil {
		t.Fatal(err)
	}
	s.synced = b.synced
	names := s.segments()
	for cut := range 200 {
		newest := names[len(names)-1]
		content := s.fs.Content(newest)
		fs := s.fs.Clone(nil)
		if err := fs.Overwrite(newest, content[:max(len(content)-cut, 0)]); err != nil {
			t.Fatal(err)
		}
		s.openDamaged(t, fs, fmt.Sprintf("%d bytes cut", cut))
	}
}

// TestLogEveryBitFlipped: no flipped bit, in any file, ever gives a wrong record
// or takes a synced one.
func TestLogEveryBitFlipped(t *testing.T) {
	for _, s := range situations(t) {
		for _, name := range append(s.segments(), "log/mark") {
			size := len(s.fs.Content(name))
			for bit := range int64(size) * 8 {
				fs := s.fs.Clone(nil)
				if err := fs.FlipBit(name, bit); err != nil {
					t.Fatal(err)
				}
				what := fmt.Sprintf("bit %d of %s flipped", bit, name)
				refused, _ := s.openDamaged(t, fs, what)
				hint := name == "log/mark" && bit/8 >= baseBytes
				tail := s.last > s.synced && name == s.segments()[len(s.segments())-1]
				if !refused && !hint && !tail {
					t.Fatalf("%s: %s was not noticed", s.name, what)
				}
			}
		}
	}
}

// TestLogSegmentsMoved deletes, swaps, duplicates and replaces whole files.
func TestLogSegmentsMoved(t *testing.T) {
	for _, s := range situations(t) {
		names := append(s.segments(), "log/mark")
		if len(names) < 6 {
			t.Fatalf("only %d files", len(names))
		}
		expect := func(what string, change func(fs *Memory) error) {
			t.Helper()
			fs := s.fs.Clone(nil)
			if err := change(fs); err != nil {
				t.Fatal(err)
			}
			if refused, next := s.openDamaged(t, fs, what); !refused && next <= s.synced {
				t.Errorf("%s: %s was not noticed", s.name, what)
			} else if !refused && s.last == s.synced {
				t.Errorf("%s: %s was accepted", s.name, what)
			}
		}
		for i, a := range names {
			expect(a+" deleted", func(fs *Memory) error { return fs.Remove(a) })
			expect(a+" emptied", func(fs *Memory) error { return fs.Overwrite(a, nil) })
			expect(a+" zeroed", func(fs *Memory) error { return fs.Overwrite(a, make([]byte, len(fs.Content(a)))) })
			for _, b := range names[i+1:] {
				expect(a+" and "+b+" swapped", func(fs *Memory) error {
					x, y := fs.Content(a), fs.Content(b)
					return errors.Join(fs.Overwrite(a, y), fs.Overwrite(b, x))
				})
				expect(b+" over "+a, func(fs *Memory) error { return fs.Overwrite(a, fs.Content(b)) })
				expect(a+" over "+b, func(fs *Memory) error { return fs.Overwrite(b, fs.Content(a)) })
			}
		}
		expect("a segment again behind the last", func(fs *Memory) error {
			return fs.Overwrite("log/"+segmentName(s.last+1), fs.Content(names[1]))
		})
		for _, name := range names[:len(names)-2] {
			expect("bytes behind "+name, func(fs *Memory) error { return fs.Overwrite(name, append(fs.Content(name), 0)) })
		}
	}
}

// TestLogStaleSegment restores an intact but older copy of each segment, and one
// that holds other records under the same numbers.
func TestLogStaleSegment(t *testing.T) {
	fs := NewMemory(nil)
	l := mustOpen(t, fs, small)
	older := map[string][]byte{}
	for range 10 {
		appendN(t, l, 2)
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		name := l.active().name
		if older[name] == nil {
			older[name] = fs.Content(name)
		}
	}
	other := NewMemory(nil)
	k := mustOpen(t, other, small)
	for range 20 {
		if _, err := k.Append(append([]byte{9}, payload(k.Next())...)[:len(payload(k.Next()))]); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Sync(); err != nil {
		t.Fatal(err)
	}
	fs.Kill()
	for i, s := range l.segments {
		if len(older[s.name]) < len(fs.Content(s.name)) {
			stale := fs.Clone(nil)
			if err := stale.Overwrite(s.name, older[s.name]); err != nil {
				t.Fatal(err)
			}
			expectCorrupt(t, stale, small)
		}
		if i < len(l.segments)-1 {
			foreign := fs.Clone(nil)
			if err := foreign.Overwrite(s.name, other.Content(s.name)); err != nil {
				t.Fatal(err)
			}
			expectCorrupt(t, foreign, small)
		}
	}
}

// TestLogTailThatWasSynced: damage that looks like a torn tail, but a record behind
// it knows better, even when the mark is at its oldest (D3).
func TestLogTailThatWasSynced(t *testing.T) {
	o := Options{}
	fs := NewMemory(nil)
	l := mustOpen(t, fs, o)
	for range 3 {
		appendN(t, l, 3)
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	fs.Kill()
	if err := fs.Overwrite("log/mark", fs.Content("log/mark")[:baseBytes]); err != nil {
		t.Fatal(err)
	}
	name := "log/" + segmentName(1)
	offset := headerBytes
	for seq := uint64(1); seq <= 9; seq++ {
		for i := range recordHeaderBytes + len(payload(seq)) {
			damaged := fs.Clone(nil)
			if err := damaged.FlipBit(name, int64(offset+i)*8); err != nil {
				t.Fatal(err)
			}
			got, err := OpenLog(damaged, "log", o)
			var corrupt *CorruptError
			if seq <= 6 {
				// Records 7 to 9 say that 6 was synced.
				if !errors.As(err, &corrupt) || corrupt.Offset != int64(offset) {
					t.Fatalf("record %d, byte %d: %v", seq, i, err)
				}
				continue
			}
			if err != nil || got.Next() != seq || got.Torn() == 0 {
				t.Fatalf("record %d, byte %d: %v", seq, i, err)
			}
		}
		offset += recordHeaderBytes + len(payload(seq))
	}
}

func TestLogNoticesRotWhenReading(t *testing.T) {
	fs := NewMemory(nil)
	l := mustOpen(t, fs, small)
	appendN(t, l, 30)
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := fs.FlipBit(l.segments[2].name, 8*(headerBytes+recordHeaderBytes)+3); err != nil {
		t.Fatal(err)
	}
	var corrupt *CorruptError
	if err := readBack(l); !errors.As(err, &corrupt) || corrupt.File != l.segments[2].name {
		t.Fatalf("reading a rotten record: %v", err)
	}
}

// TestLogHostilePayload: records inside records, as a stranger may send them, do
// not confuse recovery, nor slow it down much.
func TestLogHostilePayload(t *testing.T) {
	var trap []byte
	for seq := uint64(2); len(trap) < 1<<20; seq++ {
		trap = binary.BigEndian.AppendUint32(trap, 0)
		trap = binary.BigEndian.AppendUint32(trap, 1<<19)
		trap = binary.BigEndian.AppendUint64(trap, 3+seq%1000)
		trap = binary.BigEndian.AppendUint64(trap, 2)
	}
	fs := NewMemory(nil)
	l := mustOpen(t, fs, Options{})
	for range 2 {
		if _, err := l.Append(trap); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.flush(); err != nil {
		t.Fatal(err)
	}
	fs.Kill()
	if err := fs.FlipBit("log/"+segmentName(1), 8*(headerBytes+recordHeaderBytes)); err != nil {
		t.Fatal(err)
	}
	if l = mustOpen(t, fs, Options{}); l.Next() != 1 || l.Torn() == 0 {
		t.Fatalf("next %d, torn %d", l.Next(), l.Torn())
	}
}

// TestLogFormatIsPinned: changing these bytes is changing the format's version.
func TestLogFormatIsPinned(t *testing.T) {
	fs := NewMemory(nil)
	l := mustOpen(t, fs, small)
	for _, record := range []string{"one", "", "three"} {
		if _, err := l.Append([]byte(record)); err != nil {
			t.Fatal(err)
		}
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	appendN(t, l, 9)
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	const (
		segment = "71756f696e6c6f670000000100000000000000010100000000000000000000000000000000000000" +
			"000000000000000000000000396629b1ffd140262c84aeafa7e8885913efb9d12921177177406ade" +
			"e37e17c420880cca6627699600000003000000000000000100000000000000006f6e650d0ff2c300" +
			"00000000000000000000020000000000000001b02c92e30000000500000000000000030000000000" +
			"0000027468726565"
		mark = "71756f696e6d726b0000000100000001010000000000000000000000000000000000000000000000" +
			"00000000000000000000000000000001396629b1ffd140262c84aeafa7e8885913efb9d129211771" +
			"77406adee37e17c4000000000000000a284c5b15000000000000000c7b2cab0c"
		second = "6c7312084c270ef0a9cd71dc3b4b276d25aa55364d1dabf693a5902c7a3bc061"
	)
	first := fs.Content("log/" + segmentName(1))
	records := first[headerBytes : headerBytes+3*recordHeaderBytes+8]
	if got := hex.EncodeToString(append(slices.Clone(first[:headerBytes]), records...)); got != segment {
		t.Errorf("segment: %s", got)
	}
	if got := hex.EncodeToString(fs.Content("log/mark")); got != mark {
		t.Errorf("mark: %s", got)
	}
	if got := sha256.Sum256(fs.Content(l.segments[1].name)); hex.EncodeToString(got[:]) != second {
		t.Errorf("second segment: %x", got)
	}
}

// FuzzLogSegment: any bytes as the records of the newest segment, or as the whole
// segment, are refused or recovered to a prefix of them, and stay as recovered.
func FuzzLogSegment(f *testing.F) {
	fs := NewMemory(nil)
	l, err := OpenLog(fs, "log", Options{})
	if err != nil {
		f.Fatal(err)
	}
	name := l.active().name
	head := fs.Content(name)
	for seq := uint64(1); seq <= 5; seq++ {
		if _, err := l.Append(payload(seq)); err != nil {
			f.Fatal(err)
		}
	}
	if err := l.Sync(); err != nil {
		f.Fatal(err)
	}
	whole := fs.Content(name)
	mark := encodeBase(base{state: running, first: 1, chain: originChain([32]byte{})})
	f.Add(whole[headerBytes:], false)
	f.Add(whole, true)
	f.Add(whole[headerBytes:len(whole)-3], false)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, content []byte, raw bool) {
		if !raw {
			content = append(slices.Clone(head), content...)
		}
		fs := NewMemory(nil)
		if err := errors.Join(fs.MkdirAll("log"), fs.Overwrite("log/mark", mark), fs.Overwrite(name, content)); err != nil {
			t.Fatal(err)
		}
		l, err := OpenLog(fs, "log", Options{})
		if err != nil {
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) {
				t.Fatal(err)
			}
			return
		}
		again := slices.Clone(head)
		if err := l.Read(1, func(seq uint64, record []byte) bool {
			synced := binary.BigEndian.Uint64(content[len(again)+16:])
			again, _ = appendRecord(again, l.active().salt, seq, synced, record)
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(content, again) || int64(len(again)) != l.active().size || int64(len(content)-len(again)) != l.Torn() {
			t.Fatalf("recovered %d of %d bytes, torn %d", len(again), len(content), l.Torn())
		}
		next := l.Next()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if l, err = OpenLog(fs, "log", Options{}); err != nil || l.Next() != next || l.Torn() != 0 {
			t.Fatalf("opened again: %v", err)
		}
	})
}

// FuzzLogMark: any bytes are refused or decode to a base that encodes back.
func FuzzLogMark(f *testing.F) {
	whole := encodeBase(base{state: running, first: 3, synced: 7})
	f.Add(whole)
	f.Add(appendHint(whole, checksum(0, whole), 9))
	f.Add(encodeBase(base{state: closed, first: 1}))
	f.Fuzz(func(t *testing.T, content []byte) {
		b, err := decodeMark(content)
		if err != nil {
			if !errors.Is(err, errDamaged) {
				t.Fatal(err)
			}
			return
		}
		if _, err := decodeMark(encodeBase(b)); err != nil {
			t.Fatal(err)
		}
		b.synced = binary.BigEndian.Uint64(content[88:])
		if !bytes.Equal(encodeBase(b), content[:baseBytes]) {
			t.Fatal("two encodings of one base")
		}
	})
}
