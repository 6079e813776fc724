package pebblestore

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"quoin.dev/quoin/store"
)

// guard is the file system that Pebble sees. It passes everything through until
// the first failure of something that Pebble's durability rests on, and then
// freezes: nothing reaches the disk any more.
//
// What Pebble is told afterwards differs. Anything about its log, and any sync of
// a directory, succeeds: a failure there makes Pebble panic, or wake its waiters
// with an error that it then calls fatal. That is no lie to anyone who counts,
// because Store.Apply looks at the guard after Pebble has answered, and because
// Pebble's next steps, such as removing what it believes superseded, are not
// carried out either. All else fails with errFrozen, which flushes and compactions
// survive.
type guard struct {
	vfs.FS
	notify func(error)
	once   sync.Once
	first  error         // set before broken is closed
	broken chan struct{} // closed at the first failure
	// abandoned is closed when the store was closed without Pebble.
	abandoned chan struct{}
	lock      io.Closer     // of the directory
	syncs     atomic.Uint64 // of the log
	sums      sums          // of logs and manifests
}

var (
	_ vfs.FS   = (*guard)(nil)
	_ vfs.File = (*guardedFile)(nil)
)

// errFrozen is what Pebble's background work gets after the first failure.
var errFrozen = errors.New("pebblestore: the disk is frozen after a failure")

// frozenPause slows down the retries of Pebble's flushes, which have no end.
const frozenPause = 20 * time.Millisecond

func newGuard(fs vfs.FS, dir string, notify func(error)) *guard {
	return &guard{
		FS:        fs,
		notify:    notify,
		broken:    make(chan struct{}),
		abandoned: make(chan struct{}),
		sums:      sums{fs: fs, dir: dir, latest: map[string]note{}},
	}
}

// fail freezes the disk.
func (g *guard) fail(err error) {
	g.once.Do(func() {
		g.first = fmt.Errorf("%w: %w; stop, look after the disk, and start again", store.ErrBroken, err)
		close(g.broken)
		if g.notify != nil {
			g.notify(g.first)
		}
	})
}

// failure returns the first failure, wrapped in store.ErrBroken, or nil.
func (g *guard) failure() error {
	select {
	case <-g.broken:
		return g.first
	default:
		return nil
	}
}

// mutate does something to the disk unless it is frozen; if it fails the disk is
// frozen. sheltered operations then seem to have succeeded.
func (g *guard) mutate(sheltered bool, operation, name string, do func() error) error {
	if g.failure() == nil {
		err := do()
		if err == nil {
			return nil
		}
		g.fail(fmt.Errorf("%s %s: %w", operation, name, err))
		if sheltered {
			return nil
		}
		return err
	}
	if sheltered {
		return nil
	}
	select {
	case <-g.abandoned:
		select {} // nobody will ever stop the retries
	case <-time.After(frozenPause):
	}
	return errFrozen
}

// isLog tells the files whose failure Pebble does not survive.
func isLog(name string) bool { return strings.HasSuffix(name, ".log") }

// create makes a file by the given means. A log that cannot be made is replaced by
// a file that nobody will read.
func (g *guard) create(operation, name string, do func() (vfs.File, error)) (vfs.File, error) {
	var file vfs.File
	err := g.mutate(isLog(name), operation, name, func() (err error) {
		file, err = do()
		return err
	})
	if err != nil {
		return nil, err
	}
	if file == nil {
		if file, err = vfs.NewMem().Create("log", vfs.WriteCategoryUnspecified); err != nil {
			return nil, err
		}
	}
	base := g.PathBase(name)
	return &guardedFile{File: file, guard: g, name: name, sheltered: isLog(base), log: isLog(base), summed: isSummed(base)}, nil
}

// Lock implements vfs.FS, and keeps the lock so that unlock can give it back. It is
// the first thing that Pebble does to an existing store, so it is the moment to
// check the files.
func (g *guard) Lock(name string) (io.Closer, error) {
	lock, err := g.FS.Lock(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w; stop the other node or use another directory", ErrLocked, name, err)
	}
	g.lock = &lockOnce{Closer: lock}
	if err := g.sums.start(); err != nil {
		return nil, errors.Join(err, g.unlock())
	}
	return g.lock, nil
}

// unlock is for a store that Pebble cannot close any more.
func (g *guard) unlock() error {
	if g.lock == nil {
		return nil
	}
	return g.lock.Close()
}

// lockOnce gives a lock back once, whoever comes first.
type lockOnce struct {
	io.Closer
	once sync.Once
}

func (l *lockOnce) Close() (err error) {
	l.once.Do(func() { err = l.Closer.Close() })
	return err
}

// Create implements vfs.FS.
func (g *guard) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return g.create("creating", name, func() (vfs.File, error) { return g.FS.Create(name, category) })
}

// OpenReadWrite implements vfs.FS.
func (g *guard) OpenReadWrite(name string, category vfs.DiskWriteCategory, options ...vfs.OpenOption) (vfs.File, error) {
	return g.create("opening", name, func() (vfs.File, error) { return g.FS.OpenReadWrite(name, category, options...) })
}

// ReuseForWrite implements vfs.FS.
func (g *guard) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	g.sums.forget(from)
	return g.create("reusing", to, func() (vfs.File, error) { return g.FS.ReuseForWrite(from, to, category) })
}

// OpenDir implements vfs.FS.
func (g *guard) OpenDir(name string) (vfs.File, error) {
	dir, err := g.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &guardedFile{File: dir, guard: g, name: name, sheltered: true}, nil
}

// Link implements vfs.FS.
func (g *guard) Link(from, to string) error {
	return g.mutate(false, "linking", to, func() error { return g.FS.Link(from, to) })
}

// Rename implements vfs.FS.
func (g *guard) Rename(from, to string) error {
	return g.mutate(false, "renaming", to, func() error { return g.FS.Rename(from, to) })
}

// MkdirAll implements vfs.FS.
func (g *guard) MkdirAll(dir string, mode os.FileMode) error {
	return g.mutate(false, "creating", dir, func() error { return g.FS.MkdirAll(dir, mode&0o700) })
}

// Remove implements vfs.FS. Failing to remove costs space, not data, so it does
// not freeze the disk.
func (g *guard) Remove(name string) error {
	if g.failure() != nil {
		return errFrozen
	}
	g.sums.forget(name)
	return g.FS.Remove(name)
}

// RemoveAll implements vfs.FS.
func (g *guard) RemoveAll(name string) error {
	if g.failure() != nil {
		return errFrozen
	}
	return g.FS.RemoveAll(name)
}

// Unwrap implements vfs.FS.
func (g *guard) Unwrap() vfs.FS { return g.FS }

// guardedFile is a file, or a directory, open for writing.
type guardedFile struct {
	vfs.File
	guard     *guard
	name      string
	sheltered bool
	log       bool
	summed    bool

	mu      sync.Mutex
	written note // of a summed file, which is only written from its beginning on
}

func (f *guardedFile) Write(p []byte) (n int, err error) {
	if f.summed {
		// Before the write, which may change p.
		f.mu.Lock()
		f.written.length += int64(len(p))
		f.written.sum = crc32.Update(f.written.sum, castagnoli, p)
		f.mu.Unlock()
	}
	n = len(p)
	err = f.guard.mutate(f.sheltered, "writing", f.name, func() (err error) {
		n, err = f.File.Write(p)
		return err
	})
	if f.sheltered {
		n = len(p)
	} else if err != nil {
		n = 0
	}
	return n, err
}

func (f *guardedFile) WriteAt(p []byte, offset int64) (n int, err error) {
	n = len(p)
	err = f.guard.mutate(f.sheltered, "writing", f.name, func() (err error) {
		n, err = f.File.WriteAt(p, offset)
		return err
	})
	if f.sheltered {
		n = len(p)
	} else if err != nil {
		n = 0
	}
	return n, err
}

// Preallocate is advice; failing to take it is not a failure.
func (f *guardedFile) Preallocate(offset, length int64) error {
	if f.guard.failure() != nil {
		return nil
	}
	return f.File.Preallocate(offset, length)
}

func (f *guardedFile) Sync() error { return f.sync(f.File.Sync) }

func (f *guardedFile) SyncData() error { return f.sync(f.File.SyncData) }

func (f *guardedFile) SyncTo(length int64) (full bool, err error) {
	err = f.guard.mutate(f.sheltered, "syncing", f.name, func() (err error) {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}

func (f *guardedFile) sync(do func() error) error {
	if f.log {
		f.guard.syncs.Add(1)
	}
	f.mu.Lock()
	written := f.written
	f.mu.Unlock()
	return f.guard.mutate(f.sheltered, "syncing", f.name, func() error {
		if err := do(); err != nil || !f.summed {
			return err
		}
		return f.guard.sums.note(f.name, written)
	})
}

// Close gives the file back even on a frozen disk.
func (f *guardedFile) Close() error {
	err := f.File.Close()
	if err != nil && f.guard.failure() == nil {
		f.guard.fail(fmt.Errorf("closing %s: %w", f.name, err))
	}
	if f.sheltered {
		return nil
	}
	return err
}
