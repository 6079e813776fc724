package disk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// OpenLog opens the log in the directory, or begins one there if the directory is
// empty or missing. It reads and checks every record.
//
// A torn tail, which only an unsynced append can leave, is dropped: see Log.Torn.
// Everything else that is not as it was written returns a *CorruptError, and
// nothing on the disk is changed. A log that is the owner's own must not be opened
// twice at once; the lock against that is the FS's.
func OpenLog(fs FS, dir string, o Options) (*Log, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &Log{fs: fs, dir: dir, options: o}
	l.mark = &marker{fs: fs, name: l.path(markName)}
	if err := l.open(); err != nil {
		// The first error is the one to report; closing is courtesy.
		if l.file != nil {
			_ = l.file.Close()
		}
		_ = l.mark.close()
		return nil, err
	}
	return l, nil
}

func (l *Log) open() error {
	if l.dir != "" {
		if err := CheckName(l.dir); err != nil {
			return err
		}
		if err := l.fs.MkdirAll(l.dir); err != nil {
			return fmt.Errorf("disk: creating %s: %w", l.dir, err)
		}
	}
	firsts, leftovers, err := l.list()
	if err != nil {
		return err
	}
	b, marked, err := l.mark.read()
	switch {
	case err != nil:
		return err
	case !marked && len(firsts) > 0:
		return corrupt(l.mark.name, 0, damaged("missing, although there are segments"))
	case !marked && l.options.MustExist:
		return fmt.Errorf("%w: there is none in %q", ErrMissing, l.dir)
	case !marked:
		b = base{identity: l.options.Identity, first: 1, chain: originChain(l.options.Identity)}
	case b.identity != l.options.Identity:
		return corrupt(l.mark.name, 16, damaged("the log of another owner"))
	}

	pruned := 0
	for pruned < len(firsts) && firsts[pruned] < b.first {
		pruned++
	}
	for _, first := range firsts[:pruned] {
		leftovers = append(leftovers, l.path(segmentName(first)))
	}
	if err := l.recover(b, firsts[pruned:]); err != nil {
		return err
	}
	// From here on the log is known to be sound, and the disk may be changed.
	for _, name := range leftovers {
		if err := l.fs.Remove(name); err != nil {
			return fmt.Errorf("disk: removing the leftover %s: %w", name, err)
		}
	}
	return l.resume(b, marked)
}

// list returns the first sequence numbers of the segments in ascending order, and
// the temporary files that a crash left behind. Other files are not the log's.
func (l *Log) list() (firsts []uint64, leftovers []string, err error) {
	names, err := l.fs.List(l.dir)
	if err != nil {
		return nil, nil, fmt.Errorf("disk: listing %q: %w", l.dir, err)
	}
	for _, name := range names {
		if first, ok := parseSegmentName(name); ok {
			firsts = append(firsts, first)
			continue
		}
		if final, ok := strings.CutSuffix(name, temporarySuffix); ok {
			if _, ok := parseSegmentName(final); ok || final == markName {
				leftovers = append(leftovers, l.path(name))
			}
		}
	}
	slices.Sort(firsts)
	return firsts, leftovers, nil
}

// recover reads the segments and fills in l.segments, l.next and l.torn. It writes
// nothing.
func (l *Log) recover(b base, firsts []uint64) error {
	l.next = b.first
	chain := b.chain
	for i, first := range firsts {
		newest := i == len(firsts)-1
		s := segment{name: l.path(segmentName(first)), first: first, chain: chain}
		if first != l.next {
			return corrupt(s.name, 0, damaged("begins with record %d where %d should be: a segment is missing or is an older copy", first, l.next))
		}
		if err := l.recoverSegment(&s, b, newest); err != nil {
			return err
		}
		l.segments = append(l.segments, s)
		chain = s.successor(l.next)
	}
	if l.next <= b.synced {
		name, size := l.path(segmentName(l.next)), int64(0)
		if n := len(l.segments); n > 0 {
			name, size = l.segments[n-1].name, l.segments[n-1].size
		}
		l.options.Marks.Reach(&marks[markOlder])
		return corrupt(name, size, damaged("the log ends with record %d, but %d was synced: it is older than its last run", l.next-1, b.synced))
	}
	if len(firsts) == 0 && b.state != creating {
		return corrupt(l.path(segmentName(b.first)), 0, damaged("missing"))
	}
	return nil
}

// recoverSegment reads one segment up to its end, or up to a torn tail if it is
// the newest one.
func (l *Log) recoverSegment(s *segment, b base, newest bool) (err error) {
	file, err := l.fs.Open(s.name)
	if err != nil {
		return fmt.Errorf("disk: opening %s: %w", s.name, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Size()
	if err != nil {
		return fmt.Errorf("disk: size of %s: %w", s.name, err)
	}
	if err := l.checkHeader(s, file, size); err != nil {
		return err
	}
	scan := scanner{file: file, salt: s.salt, size: size, offset: headerBytes, seq: s.first}
	for s.size = headerBytes; !scan.done(); s.size = scan.offset {
		r, err := scan.next()
		if errors.Is(err, errDamaged) {
			if err := l.judgeTail(&scan, b, newest, err); err != nil {
				return scan.corrupt(s.name, err)
			}
			l.options.Marks.Reach(&marks[markTorn])
			l.torn = size - scan.offset
			break
		}
		if err != nil {
			return scan.corrupt(s.name, err)
		}
		s.note(r.seq)
		s.fold = foldIn(s.fold, r.crc)
	}
	l.next = scan.seq
	return nil
}

// checkHeader checks the header, which a crash never tears (D6), and takes the
// salt of the segment's records from it.
func (l *Log) checkHeader(s *segment, file File, size int64) error {
	if size < headerBytes {
		return corrupt(s.name, size, damaged("%d bytes are too short for a header", size))
	}
	if size > segmentBytesLimit {
		return corrupt(s.name, segmentBytesLimit, damaged("%d bytes are longer than any segment", size))
	}
	p := make([]byte, headerBytes)
	if err := readFull(file, p, 0); err != nil {
		return fmt.Errorf("disk: reading %s: %w", s.name, err)
	}
	h, err := decodeHeader(p)
	switch {
	case err != nil:
		return corrupt(s.name, 0, err)
	case h.identity != l.options.Identity:
		return corrupt(s.name, 20, damaged("a segment of the log of another owner"))
	case h.first != s.first:
		return corrupt(s.name, 12, damaged("renamed: its first record is %d", h.first))
	case h.chain != s.chain:
		return corrupt(s.name, 52, damaged("does not follow the segment before it: one of them was replaced"))
	}
	s.salt = checksum(0, p)
	return nil
}

// judgeTail decides about damage at the scanner's position (D2, D3): nil if an
// unsynced append can have left it, else what to report.
func (l *Log) judgeTail(scan *scanner, b base, newest bool, damage error) error {
	switch {
	case !newest:
		l.options.Marks.Reach(&marks[markNotTheNewest])
		return damage
	case b.state == closed:
		l.options.Marks.Reach(&marks[markRotClosed])
		return fmt.Errorf("%w; the log was closed cleanly", damage)
	case scan.seq <= b.synced:
		l.options.Marks.Reach(&marks[markRotSynced])
		return fmt.Errorf("%w; record %d was synced", damage, scan.seq)
	}
	switch synced, err := scan.syncedBehind(); {
	case err != nil:
		return err
	case synced:
		l.options.Marks.Reach(&marks[markRotBehind])
		return fmt.Errorf("%w; a record behind it says that record %d was synced", damage, scan.seq)
	}
	return nil
}

// resume makes durable what was recovered (D4) and opens the log for writing.
func (l *Log) resume(b base, marked bool) error {
	if len(l.segments) == 0 {
		if !marked {
			// The mark comes first, so that segments without one are corruption.
			if err := l.mark.write(b); err != nil {
				return fmt.Errorf("disk: %w", err)
			}
		}
		if err := l.begin(b.chain); err != nil {
			return fmt.Errorf("disk: %w", err)
		}
	} else {
		s := l.active()
		if b.state != closed {
			l.options.Marks.Reach(&marks[markReopened])
			content, err := readPrefix(l.fs, s.name, s.size)
			if err != nil {
				return fmt.Errorf("disk: reading %s: %w", s.name, err)
			}
			if err := WriteFile(l.fs, s.name, content); err != nil {
				return fmt.Errorf("disk: rewriting %s: %w", s.name, err)
			}
		}
		file, err := l.fs.Open(s.name)
		if err != nil {
			return fmt.Errorf("disk: opening %s: %w", s.name, err)
		}
		l.file = file
	}
	l.synced = l.next - 1
	if err := l.writeMark(running); err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	return nil
}

// readPrefix returns the first size bytes of the file.
func readPrefix(fs FS, name string, size int64) (content []byte, err error) {
	file, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	content = make([]byte, size)
	return content, readFull(file, content, 0)
}
