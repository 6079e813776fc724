package disk

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// small makes many segments and marks out of few records.
var small = Options{SegmentBytes: 400, RecordBytesMax: 1000, MarkEverySyncs: 5, Identity: [32]byte{1}}

func mustOpen(t *testing.T, fs FS, o Options) *Log {
	t.Helper()
	l, err := OpenLog(fs, "log", o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// payload is the content of record seq: of a length and bytes that tell it apart.
func payload(seq uint64) []byte {
	return bytes.Repeat([]byte{byte(seq), byte(seq >> 8), 0x5a}, int(seq*7%40))
}

func appendN(t *testing.T, l *Log, n int) {
	t.Helper()
	for range n {
		next := l.Next()
		if seq, err := l.Append(payload(next)); err != nil || seq != next {
			t.Fatalf("append %d: got %d, %v", next, seq, err)
		}
	}
}

// checkRecords fails unless the log holds exactly payload(seq) for First ≤ seq < Next.
func checkRecords(t *testing.T, l *Log) {
	t.Helper()
	if err := readBack(l); err != nil {
		t.Fatal(err)
	}
}

func readBack(l *Log) error {
	want := l.First()
	err := l.Read(want, func(seq uint64, record []byte) bool {
		if seq != want || !bytes.Equal(record, payload(seq)) {
			return false
		}
		want++
		return true
	})
	if err == nil && want != l.Next() {
		err = fmt.Errorf("record %d of [%d, %d) is wrong or missing", want, l.First(), l.Next())
	}
	return err
}

func TestLogAppendsReadsAndReopens(t *testing.T) {
	fs := NewMemory(nil)
	l := mustOpen(t, fs, small)
	if l.First() != 1 || l.Next() != 1 || l.Synced() != 0 {
		t.Fatalf("new log: first %d, next %d, synced %d", l.First(), l.Next(), l.Synced())
	}
	appendN(t, l, 100)
	checkRecords(t, l)
	if err := l.Sync(); err != nil || l.Synced() != 100 {
		t.Fatalf("sync: %v, synced %d", err, l.Synced())
	}
	if len(l.segments) < 5 {
		t.Fatalf("only %d segments", len(l.segments))
	}
	for _, clean := range []bool{true, false} {
		if clean {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); !errors.Is(err, ErrLogClosed) {
				t.Fatalf("second close: %v", err)
			}
		}
		fs.Kill()
		l = mustOpen(t, fs, small)
		checkRecords(t, l)
		appendN(t, l, 30)
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	if l.Next() != 161 || l.Torn() != 0 {
		t.Fatalf("next %d, torn %d", l.Next(), l.Torn())
	}
	for from := l.First(); from < l.Next(); from++ {
		first := uint64(0)
		if err := l.Read(from, func(seq uint64, _ []byte) bool { first = seq; return false }); err != nil || first != from {
			t.Fatalf("read from %d began with %d: %v", from, first, err)
		}
	}
}

func TestLogSyncsOncePerGroup(t *testing.T) {
	fs := NewMemory(nil)
	l := mustOpen(t, fs, Options{})
	appendN(t, l, 50)
	before := fs.Syncs()
	for range 3 {
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	if got := fs.Syncs() - before; got != 1 {
		t.Fatalf("50 records and 3 calls of Sync cost %d fsyncs, want 1", got)
	}
	before = fs.Syncs()
	for range 10 * MarkEverySyncsDefault {
		appendN(t, l, 1)
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	// Each mark costs one fsync of the file and one of the directory.
	if got, want := fs.Syncs()-before, 10*MarkEverySyncsDefault+2*10; got != want {
		t.Fatalf("%d fsyncs, want %d", got, want)
	}
}

func TestLogPrunesWholeSegments(t *testing.T) {
	fs := NewMemory(nil)
	l := mustOpen(t, fs, small)
	appendN(t, l, 100)
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{0, 1, 40, 40, 77, 1000} {
		if err := l.PruneBefore(seq); err != nil {
			t.Fatal(err)
		}
		if l.First() > max(seq, 1) {
			t.Fatalf("pruned before %d, but the log begins with %d", seq, l.First())
		}
		checkRecords(t, l)
	}
	if l.First() < 80 || l.Next() != 101 {
		t.Fatalf("first %d, next %d", l.First(), l.Next())
	}
	if err := l.Read(1, nil); !errors.Is(err, ErrPruned) {
		t.Fatalf("reading what was pruned: %v", err)
	}
	fs.Kill()
	l = mustOpen(t, fs, small)
	checkRecords(t, l)
	appendN(t, l, 50)
	checkRecords(t, l)
}

func TestLogRefuses(t *testing.T) {
	fs := NewMemory(nil)
	if _, err := OpenLog(fs, "log", Options{MustExist: true}); !errors.Is(err, ErrMissing) {
		t.Fatalf("no log: %v", err)
	}
	for _, o := range []Options{{SegmentBytes: -1}, {SegmentBytes: segmentBytesLimit}, {RecordBytesMax: 1 << 30}, {MarkEverySyncs: hintsMax + 1}, {SegmentBytes: 1<<63 - 1}} {
		if _, err := OpenLog(fs, "log", o); !errors.Is(err, ErrOptions) {
			t.Fatalf("%+v: %v", o, err)
		}
	}
	for _, dir := range []string{"../log", "/log", "a//b", ".log", "a b"} {
		if _, err := OpenLog(fs, dir, Options{}); !errors.Is(err, ErrName) {
			t.Fatalf("%q: %v", dir, err)
		}
	}
	l := mustOpen(t, fs, small)
	if _, err := l.Append(make([]byte, small.RecordBytesMax+1)); !errors.Is(err, ErrRecordSize) {
		t.Fatalf("long record: %v", err)
	}
	if seq, err := l.Append(make([]byte, small.RecordBytesMax)); err != nil || seq != 1 {
		t.Fatalf("longest record: %d, %v", seq, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	other := small
	other.Identity = [32]byte{2}
	expectCorrupt(t, fs, other)
}

// expectCorrupt fails unless opening returns a *CorruptError and changes nothing.
func expectCorrupt(t *testing.T, fs *Memory, o Options) *CorruptError {
	t.Helper()
	before := fs.Operations()
	_, err := OpenLog(fs, "log", o)
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) {
		t.Fatalf("want a CorruptError, got %v", err)
	}
	if fs.Operations() != before {
		t.Fatalf("%v: but the disk was changed", err)
	}
	return corrupt
}

func TestLogAfterAFailureRefusesEverything(t *testing.T) {
	for _, op := range []Op{OpSync, OpAppend} {
		fs := NewMemory(nil)
		l := mustOpen(t, fs, small)
		appendN(t, l, 3)
		fs.FailAfter(op, 0)
		if err := l.Sync(); !errors.Is(err, ErrBroken) || !errors.Is(err, ErrIO) {
			t.Fatalf("sync: %v", err)
		}
		if err := l.Sync(); !errors.Is(err, ErrBroken) {
			t.Fatalf("second sync: %v", err)
		}
		if _, err := l.Append(nil); !errors.Is(err, ErrBroken) {
			t.Fatalf("append: %v", err)
		}
		if err := l.Read(1, nil); !errors.Is(err, ErrBroken) {
			t.Fatalf("read: %v", err)
		}
		if err := l.PruneBefore(9); !errors.Is(err, ErrBroken) {
			t.Fatalf("prune: %v", err)
		}
		if err := l.Close(); !errors.Is(err, ErrBroken) {
			t.Fatalf("close: %v", err)
		}
	}
}

// TestLogFailedSyncThenRestart: after a failed fsync the page cache still shows the
// records, and the next fsync succeeds without writing them. What the reopened
// log calls synced must survive a power cut all the same (D4).
func TestLogFailedSyncThenRestart(t *testing.T) {
	fs := NewMemory(nil)
	l := mustOpen(t, fs, small)
	appendN(t, l, 2)
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	appendN(t, l, 2)
	fs.FailAfter(OpSync, 0)
	if err := l.Sync(); !errors.Is(err, ErrBroken) {
		t.Fatal(err)
	}
	fs.Kill()
	l = mustOpen(t, fs, small)
	synced := l.Synced()
	if synced != 4 {
		t.Fatalf("the restarted process sees %d records, want 4", synced)
	}
	fs.Crash()
	l = mustOpen(t, fs, small)
	if l.Next() != synced+1 {
		t.Fatalf("%d was synced, but after the power cut the log ends before %d", synced, l.Next())
	}
	checkRecords(t, l)
}

func TestLogDiskFull(t *testing.T) {
	for room := int64(0); room < 400; room += 7 {
		fs := NewMemory(Choices(uint64(room)))
		l := mustOpen(t, fs, small)
		appendN(t, l, 5)
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		fs.SetCapacity(fs.used + room)
		var err error
		for err == nil {
			if _, err = l.Append(payload(l.Next())); err == nil {
				err = l.Sync()
			}
		}
		synced := l.Synced()
		if !errors.Is(err, ErrBroken) || !errors.Is(err, ErrNoSpace) {
			t.Fatal(err)
		}
		fs.SetCapacity(-1)
		fs.Crash()
		l = mustOpen(t, fs, small)
		if l.Next() <= synced {
			t.Fatalf("room for %d bytes: %d was synced, the log ends before %d", room, synced, l.Next())
		}
		checkRecords(t, l)
	}
}

func TestLogLongRecordsAndIndex(t *testing.T) {
	fs := NewMemory(nil)
	o := Options{SegmentBytes: 4 << 20, RecordBytesMax: 1 << 20}
	l := mustOpen(t, fs, o)
	var want [][]byte
	for i := range 300 {
		record := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 1+(i*7919)%(1<<14))
		if i%97 == 0 {
			record = bytes.Repeat([]byte{byte(i)}, 1<<20)
		}
		want = append(want, record)
		if _, err := l.Append(record); err != nil {
			t.Fatal(err)
		}
	}
	check := func() {
		t.Helper()
		for _, from := range []uint64{1, 2, 98, 99, 150, 299, 300} {
			var got [][]byte
			if err := l.Read(from, func(_ uint64, r []byte) bool { got = append(got, slices.Clone(r)); return true }); err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(got, want[from-1:], bytes.Equal) {
				t.Fatalf("records from %d on differ", from)
			}
		}
	}
	check()
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	fs.Crash()
	l = mustOpen(t, fs, o)
	check()
}
