package disk

import (
	"errors"
	"fmt"
	"slices"

	"quoin.dev/quoin/mark"
)

// Errors of the log; test with errors.Is.
var (
	// ErrBroken means that an earlier write or sync failed. The process must stop;
	// opening the log again tells what is there.
	ErrBroken = errors.New("disk: log broken by an earlier failure")
	// ErrRecordSize refuses a record above Options.RecordBytesMax. The log is
	// unchanged.
	ErrRecordSize = errors.New("disk: record above the limit")
	// ErrPruned refuses to read records below First.
	ErrPruned = errors.New("disk: records were pruned")
	// ErrLogClosed means that Close was called before.
	ErrLogClosed = errors.New("disk: log closed")
	// ErrMissing means that there is no log although Options.MustExist is set.
	ErrMissing = errors.New("disk: log missing")
	// ErrOptions refuses the options.
	ErrOptions = errors.New("disk: bad log options")
)

// CorruptError reports damage that no crash can explain. The log must not be used
// further, and nothing was changed.
type CorruptError struct {
	File   string // name within the FS
	Offset int64  // in bytes, where the damage was noticed
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("disk: %s damaged at byte %d: %s; the log cannot be trusted, do not repair it by hand: give the node a new key or a fresh data directory", e.File, e.Offset, e.Reason)
}

// Limits and defaults.
const (
	SegmentBytesDefault   = 16 << 20
	RecordBytesDefault    = 8 << 20
	MarkEverySyncsDefault = 256

	segmentBytesLimit = 1 << 30 // of a whole file, whatever the options say
	bufferBytes       = 256 << 10
	indexEveryBytes   = 64 << 10
)

// Options of a log. Zero values take the defaults.
type Options struct {
	// SegmentBytes is the size from which on a new segment is begun.
	SegmentBytes int64
	// RecordBytesMax is the size of the longest record that Append takes. Longer
	// ones that are already in the log are still read.
	RecordBytesMax int
	// MarkEverySyncs is the number of Syncs after which the mark is made durable,
	// for two fsyncs. It bounds what a lying disk can take unnoticed.
	MarkEverySyncs int
	// Identity says whose log it is, for instance a hash of the chain's genesis and
	// the voter's key. A log with another identity is refused as corrupt.
	Identity [32]byte
	// MustExist refuses to begin a new log, with ErrMissing.
	MustExist bool
	// Marks gets what is reached; nil outside of simulations.
	Marks *mark.Set
}

func (o Options) withDefaults() (Options, error) {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = SegmentBytesDefault
	}
	if o.RecordBytesMax == 0 {
		o.RecordBytesMax = RecordBytesDefault
	}
	if o.MarkEverySyncs == 0 {
		o.MarkEverySyncs = MarkEverySyncsDefault
	}
	if o.SegmentBytes < 0 || o.RecordBytesMax < 0 || o.MarkEverySyncs < 0 || o.MarkEverySyncs > hintsMax {
		return o, fmt.Errorf("%w: sizes must be positive and MarkEverySyncs at most %d", ErrOptions, hintsMax)
	}
	if whole := o.SegmentBytes + headerBytes + recordHeaderBytes + int64(o.RecordBytesMax); o.SegmentBytes > segmentBytesLimit || whole > segmentBytesLimit {
		return o, fmt.Errorf("%w: a segment and a record together have at most %d bytes", ErrOptions, segmentBytesLimit)
	}
	return o, nil
}

// Log is a write-ahead log of records, numbered from 1 without a gap. See the
// package comment for its format and what it guarantees.
type Log struct {
	fs        FS
	dir       string
	options   Options
	segments  []segment // ascending; the last one is the one written to
	file      File      // of the last segment
	next      uint64    // sequence number of the next record
	synced    uint64    // highest sequence number known durable
	buffer    []byte    // encoded records that are not in the file yet
	mark      *marker
	sinceMark int   // Syncs since the mark's base was written
	torn      int64 // bytes dropped on opening
	failure   error
	flaws     Flaws // none but in harnesses
}

// Flaws are mistakes that harnesses plant, to show that their observers see what follows. The zero
// value is the log as it is.
type Flaws struct {
	PrunedFirst bool // pruned segments are removed before the mark says that they are
}

// Plant gives a log flaws. It is for harnesses.
func (l *Log) Plant(f Flaws) { l.flaws = f }

// segment is one file of the log.
type segment struct {
	name  string // within the FS
	first uint64
	chain [32]byte
	salt  uint32 // what its records' checksums start from
	fold  uint32 // checksum of its records' checksums
	size  int64  // in bytes, with what is still buffered
	index []indexPoint
}

// indexPoint says where a record begins, so that Read need not begin at the
// segment's first one.
type indexPoint struct {
	seq    uint64
	offset int64
}

// First is the sequence number of the oldest record that was not pruned; it equals
// Next if there is none.
func (l *Log) First() uint64 { return l.segments[0].first }

// Next is the sequence number that the next Append will return.
func (l *Log) Next() uint64 { return l.next }

// Synced is the highest sequence number known to be durable, 0 if there is none.
func (l *Log) Synced() uint64 { return l.synced }

// Torn is the number of bytes of unsynced, damaged tail that opening dropped.
func (l *Log) Torn() int64 { return l.torn }

// Append adds the record, copying it, and returns its sequence number. It is
// durable only after the next Sync. Once in SegmentBytes Append syncs by itself, to
// begin a new segment.
func (l *Log) Append(record []byte) (seq uint64, err error) {
	if l.failure != nil {
		return 0, l.failure
	}
	if len(record) > l.options.RecordBytesMax {
		return 0, fmt.Errorf("%w: %d bytes, at most %d", ErrRecordSize, len(record), l.options.RecordBytesMax)
	}
	if active := l.active(); active.size > headerBytes && active.size+recordHeaderBytes+int64(len(record)) > l.options.SegmentBytes {
		if err := l.roll(); err != nil {
			return 0, l.broke(err)
		}
	}
	active := l.active()
	seq = l.next
	active.note(seq)
	before := len(l.buffer)
	var crc uint32
	l.buffer, crc = appendRecord(l.buffer, active.salt, seq, l.synced, record)
	active.fold = foldIn(active.fold, crc)
	active.size += int64(len(l.buffer) - before)
	l.next++
	if len(l.buffer) >= bufferBytes {
		if err := l.flush(); err != nil {
			return 0, l.broke(err)
		}
	}
	return seq, nil
}

// Sync makes every record appended so far durable: one fsync for all of them, none
// if there are none.
func (l *Log) Sync() error {
	if l.failure != nil {
		return l.failure
	}
	if l.synced == l.next-1 {
		return nil
	}
	if err := l.sync(); err != nil {
		return l.broke(err)
	}
	l.sinceMark++
	if l.sinceMark < l.options.MarkEverySyncs {
		if err := l.mark.hint(l.synced); err != nil {
			return l.broke(err)
		}
		return nil
	}
	if err := l.writeMark(running); err != nil {
		return l.broke(err)
	}
	return nil
}

// Read yields the records from sequence number from on in order, until yield
// returns false. The record is valid only until yield returns. yield must not call
// the log. Reading below First returns an error wrapping ErrPruned; a record that
// has rotted since returns a *CorruptError.
func (l *Log) Read(from uint64, yield func(seq uint64, record []byte) bool) error {
	if l.failure != nil {
		return l.failure
	}
	if from < l.First() {
		return fmt.Errorf("%w: record %d, the oldest is %d", ErrPruned, from, l.First())
	}
	if from >= l.next {
		return nil
	}
	if err := l.flush(); err != nil {
		return l.broke(err)
	}
	at := len(l.segments) - 1
	for l.segments[at].first > from {
		at--
	}
	for ; at < len(l.segments); at++ {
		again, err := l.readSegment(at, from, yield)
		if err != nil || !again {
			return err
		}
	}
	return nil
}

// PruneBefore drops the segments that hold only records below seq. The newest
// segment always stays.
func (l *Log) PruneBefore(seq uint64) error {
	l.options.Marks.Sometimes(&marks[markPruned], seq > l.First())
	if l.failure != nil {
		return l.failure
	}
	keep := 0
	for keep+1 < len(l.segments) && l.segments[keep+1].first <= seq {
		keep++
	}
	if keep == 0 {
		return nil
	}
	dropped := slices.Clone(l.segments[:keep])
	l.segments = slices.Delete(l.segments, 0, keep)
	if l.flaws.PrunedFirst {
		if err := l.remove(dropped); err != nil {
			return l.broke(err)
		}
		dropped = nil
	}
	if err := l.writeMark(running); err != nil {
		return l.broke(err)
	}
	if err := l.remove(dropped); err != nil {
		return l.broke(err)
	}
	return nil
}

// remove removes pruned segments.
func (l *Log) remove(pruned []segment) error {
	for _, s := range pruned {
		if err := l.fs.Remove(s.name); err != nil {
			return fmt.Errorf("removing the pruned segment %s: %w", s.name, err)
		}
	}
	return nil
}

// Close syncs, marks the log as cleanly closed, and releases it. A broken log is
// released and its failure returned.
func (l *Log) Close() error {
	err := l.Sync()
	if err == nil {
		err = l.writeMark(closed)
	}
	if errors.Is(err, ErrLogClosed) {
		return err
	}
	l.failure = ErrLogClosed
	return errors.Join(err, l.file.Close(), l.mark.close())
}

// broke remembers why the log cannot be used any more.
func (l *Log) broke(err error) error {
	if l.failure == nil {
		l.failure = fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return l.failure
}

func (l *Log) active() *segment { return &l.segments[len(l.segments)-1] }

// flush hands the buffered records to the file, which does not make them durable.
func (l *Log) flush() error {
	if len(l.buffer) == 0 {
		return nil
	}
	if err := l.file.Append(l.buffer); err != nil {
		return fmt.Errorf("appending to %s: %w", l.active().name, err)
	}
	l.buffer = l.buffer[:0]
	if cap(l.buffer) > 4*bufferBytes {
		l.buffer = nil // one long record must not hold its memory for ever
	}
	return nil
}

func (l *Log) sync() error {
	if err := l.flush(); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", l.active().name, err)
	}
	l.synced = l.next - 1
	return nil
}

// roll finishes the newest segment and begins another (D1: in this order).
func (l *Log) roll() error {
	l.options.Marks.Reach(&marks[markRolled])
	if err := l.sync(); err != nil {
		return err
	}
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("closing %s: %w", l.active().name, err)
	}
	if err := l.begin(l.active().successor(l.next)); err != nil {
		return err
	}
	return l.writeMark(running)
}

// begin creates the segment of the given chain value and makes it the newest one.
func (l *Log) begin(chain [32]byte) error {
	s := segment{name: l.path(segmentName(l.next)), first: l.next, chain: chain, size: headerBytes}
	header := encodeHeader(header{first: s.first, identity: l.options.Identity, chain: chain})
	s.salt = checksum(0, header)
	if err := WriteFile(l.fs, s.name, header); err != nil {
		return fmt.Errorf("creating the segment %s: %w", s.name, err)
	}
	file, err := l.fs.Open(s.name)
	if err != nil {
		return fmt.Errorf("opening the segment %s: %w", s.name, err)
	}
	l.segments, l.file = append(l.segments, s), file
	return nil
}

// writeMark makes durable how far the log reaches.
func (l *Log) writeMark(now state) error {
	l.sinceMark = 0
	return l.mark.write(base{
		state:    now,
		identity: l.options.Identity,
		first:    l.segments[0].first,
		chain:    l.segments[0].chain,
		synced:   l.synced,
	})
}

// readSegment yields the records of one segment and reports whether yield wants
// more.
func (l *Log) readSegment(at int, from uint64, yield func(uint64, []byte) bool) (again bool, err error) {
	s := &l.segments[at]
	file := l.file
	if at < len(l.segments)-1 {
		if file, err = l.fs.Open(s.name); err != nil {
			return false, fmt.Errorf("disk: opening %s: %w", s.name, err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
	}
	start := indexPoint{seq: s.first, offset: headerBytes}
	if i, _ := slices.BinarySearchFunc(s.index, from+1, func(p indexPoint, seq uint64) int {
		return compareUint64(p.seq, seq)
	}); i > 0 {
		start = s.index[i-1]
	}
	scan := scanner{file: file, salt: s.salt, size: s.size, offset: start.offset, seq: start.seq}
	for !scan.done() {
		r, err := scan.next()
		if err != nil {
			return false, scan.corrupt(s.name, err)
		}
		if r.seq >= from && !yield(r.seq, r.payload) {
			return false, nil
		}
	}
	return true, nil
}

func (l *Log) path(name string) string {
	if l.dir == "" {
		return name
	}
	return l.dir + "/" + name
}

// note adds the record that is about to be appended to the index, if the last
// point is far enough away.
func (s *segment) note(seq uint64) {
	last := int64(headerBytes)
	if n := len(s.index); n > 0 {
		last = s.index[n-1].offset
	}
	if s.size-last >= indexEveryBytes {
		s.index = append(s.index, indexPoint{seq: seq, offset: s.size})
	}
}
