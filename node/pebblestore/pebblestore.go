// Package pebblestore is store.Store on Pebble, a log-structured merge tree on
// disk: what a node keeps its certified state and ledger in.
//
// # Durability
//
// A batch is one Pebble batch, so it is atomic; batches go through one write-ahead
// log in the order of Apply, so a crash loses a suffix. durable is an fsync of
// that log, shared by concurrent calls; without it the batch is handed to the
// operating system when its 32 KiB block fills up or the next durable batch
// comes, so that even the end of the process may lose it.
//
// # Failures
//
// Pebble v2.1.7 by itself ends the process when the disk fails: a failed write or
// sync of its log makes Apply call Logger.Fatalf, which is os.Exit by default and,
// if it returns, lets Apply report success; a failure while it changes to a new log
// is a panic in which a mutex is unlocked twice, which nothing can recover; and a
// flush that fails is retried for ever while writers wait. So a guard stands
// between Pebble and the disk (guard.go). At the first failure of any write, sync,
// creation or renaming it freezes the disk: nothing is written, renamed or removed
// any more, exactly as if the power had gone at that moment, which is the state
// that Pebble recovers from. The Store reports the failure to Options.Fatal once
// and refuses every call from then on with store.ErrBroken, the one that failed
// first. The same happens when Pebble reports corruption or a broken invariant.
//
// # Rot
//
// Tables carry a checksum per block, so a read of a rotten one returns an error.
// Damage in a log or manifest Pebble takes for a torn tail; sums.go tells the two
// apart, and Open returns ErrCorrupt. What it cannot see: rot in the part of a log
// that was synced within the kernel's write-back time before a power cut, and a log
// that is missing as a whole. Both lose a suffix of batches at most, so whoever
// keeps a certificate elsewhere, such as in the write-ahead log of votes, notices.
//
// # Concurrency
//
// All methods may be called by several goroutines at once, but batches that are
// applied at once have no order among them. Pebble has goroutines of its own; Close
// ends them, except that after a failure a write that is stuck in Pebble, and what
// it waits for, is left behind.
//
// # Limits
//
// Memory: the cache, up to four memtables of MemTableBytes, and the batch being
// applied. When the disk cannot follow, Apply waits.
package pebblestore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"quoin.dev/quoin/store"
)

// Defaults of Options.
const (
	CacheBytesDefault    = 64 << 20
	MemTableBytesDefault = 64 << 20
)

// Errors of Open; test with errors.Is. Damage that Pebble reports by itself, to Open
// or later, has Pebble's own errors.
var (
	// ErrLocked means that the directory is in use.
	ErrLocked = errors.New("pebblestore: store in use")
	// ErrCorrupt means that what is on the disk cannot be opened.
	ErrCorrupt = errors.New("pebblestore: store damaged")
)

// Options of a store. Zero values take the defaults.
type Options struct {
	// CacheBytes is the size of the cache of uncompressed blocks.
	CacheBytes int64
	// MemTableBytes is the size at which a memtable is written out. Its memory is
	// taken as it fills up.
	MemTableBytes uint64
	// Compactions is how many may run at once, 1 by default.
	Compactions int
	// FS replaces the operating system's files, in tests.
	FS vfs.FS
	// Fatal is called at most once, from any goroutine, when the disk has failed or
	// is found corrupt. It must return soon. The process should stop.
	Fatal func(error)
	// Logf receives Pebble's own complaints; nil drops them.
	Logf func(format string, arguments ...any)
}

// Store is a store.Store on Pebble.
type Store struct {
	db    *pebble.DB
	guard *guard

	mu      sync.Mutex
	idle    sync.Cond
	users   int // calls inside, other than Close
	writers int // of these, in Pebble's Apply
	closed  bool
}

var _ store.Store = (*Store)(nil)

// Open opens the store in the directory and creates it if it is missing, mode
// 0700. A directory that is in use returns an error wrapping ErrLocked.
func Open(dir string, o Options) (*Store, error) {
	base := o.FS
	if base == nil {
		base = vfs.Default
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("pebblestore: creating the directory: %w", err)
		}
	}
	g := newGuard(base, dir, o.Fatal)
	options := o.pebble(g)
	cache := pebble.NewCache(options.CacheSize)
	defer cache.Unref()
	options.Cache = cache
	db, err := openPebble(dir, options)
	if failure := g.failure(); failure != nil {
		if err == nil {
			// Half open on a disk that has failed: what Pebble says now is no news.
			_ = db.Close()
		}
		err = failure // the cause; Pebble may have seen only a consequence
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("pebblestore: opening %s: %w", dir, err), g.sums.stop(), g.unlock())
	}
	s := &Store{db: db, guard: g}
	s.idle.L = &s.mu
	return s, nil
}

// openPebble turns a panic into an error: v2.1.7 has at least one that a damaged
// file sets off ("element has outstanding references", while it cleans up after
// having noticed the damage).
func openPebble(dir string, options *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			db, err = nil, fmt.Errorf("%w: Pebble panicked: %v", ErrCorrupt, reason)
		}
	}()
	return pebble.Open(dir, options)
}

// pebble tunes for a block at a time: some hundred to some thousand small pairs,
// synced, with hashed keys that come back at random. BenchmarkApply has figures.
func (o Options) pebble(g *guard) *pebble.Options {
	if o.CacheBytes == 0 {
		o.CacheBytes = CacheBytesDefault
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = MemTableBytesDefault
	}
	compactions := max(o.Compactions, 1)
	p := &pebble.Options{
		FS:                          g,
		CacheSize:                   o.CacheBytes,
		MemTableSize:                o.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		// A table of one flush is merged down before there are many to look through.
		L0CompactionThreshold: 4,
		L0StopWritesThreshold: 24,
		LBaseMaxBytes:         256 << 20,
		// One thread by default: the other cores execute transactions.
		CompactionConcurrencyRange: func() (int, int) { return 1, compactions },
		// Pinned, so that a new Pebble does not change the files unasked. This one
		// has checksums on a log's tail, which tell a torn one from a rotten one.
		FormatMajorVersion: pebble.FormatValueSeparation,
		// Their goroutine, begun while Open runs, survives an Open that then finds
		// damage, and panics on the closed file cache. What they are for, a sooner
		// compaction of deleted ranges, a node can do without.
		DisableTableStats: true,
		Logger:            logger{guard: g, logf: o.Logf},
		EventListener: &pebble.EventListener{
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				g.fail(fmt.Errorf("corrupt data in %s: %w", info.Path, info.Details))
			},
		},
	}
	p.TargetFileSizes[0] = 8 << 20
	p.Experimental.ReadSamplingMultiplier = -1 // reading never starts a compaction
	for i := range p.Levels {
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(10) // misses cost no read
		p.Levels[i].BlockSize = 4 << 10                   // single pairs are read, not runs
	}
	p.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionFastest })
	return p
}

// Get implements store.Reader.
func (s *Store) Get(key []byte) (value []byte, ok bool, err error) {
	if err := s.enter(0); err != nil {
		return nil, false, err
	}
	defer s.leave(0)
	found, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("pebblestore: get: %w", err)
	}
	value = append(make([]byte, 0, len(found)), found...)
	if err := closer.Close(); err != nil {
		return nil, false, fmt.Errorf("pebblestore: get: %w", err)
	}
	return value, true, nil
}

// Scan implements store.Reader. It sees the store as it was when it began.
func (s *Store) Scan(from, to []byte, yield func(key, value []byte) bool) (err error) {
	if err := s.enter(0); err != nil {
		return err
	}
	defer s.leave(0)
	if to != nil && bytes.Compare(from, to) >= 0 {
		return nil // Pebble would take an empty bound for an open one
	}
	if len(from) == 0 {
		from = nil // built with -race, Pebble panics on an empty lower bound
	}
	iterator, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return fmt.Errorf("pebblestore: scan: %w", err)
	}
	defer func() {
		if closing := iterator.Close(); err == nil && closing != nil {
			err = fmt.Errorf("pebblestore: scan: %w", closing)
		}
	}()
	for ok := iterator.First(); ok; ok = iterator.Next() {
		value, err := iterator.ValueAndErr()
		if err != nil {
			return fmt.Errorf("pebblestore: scan: %w", err)
		}
		if !yield(iterator.Key(), value) {
			return nil
		}
	}
	return nil // Close returns what ended the loop
}

// afterAll is above every key.
var afterAll = bytes.Repeat([]byte{0xff}, store.KeyBytesMax+1)

// Apply implements store.Store.
func (s *Store) Apply(b *store.Batch, durable bool) error {
	if err := store.CheckLimits(b); err != nil {
		return errors.Join(s.check(), err)
	}
	if err := s.enter(1); err != nil {
		return err
	}
	batch, err := s.encode(b, durable)
	if err != nil {
		s.leave(1)
		return fmt.Errorf("pebblestore: apply: %w", err)
	}
	options := pebble.NoSync
	if durable {
		options = pebble.Sync
	}
	// On a disk that has failed Pebble may wait for ever for a flush, so the caller
	// must not wait for Pebble.
	done := make(chan error, 1)
	go func() {
		defer s.leave(1)
		done <- errors.Join(s.db.Apply(batch, options), batch.Close())
	}()
	select {
	case err = <-done:
	case <-s.guard.broken:
	}
	// Pebble reports success after a failed sync, if its Fatalf returns.
	if err != nil {
		s.guard.fail(err)
	}
	failure := s.guard.failure()
	if failure != nil {
		s.mu.Lock()
		s.idle.Broadcast() // Close waits for no writer any more
		s.mu.Unlock()
	}
	return failure
}

// encode copies the batch into one of Pebble's.
func (s *Store) encode(b *store.Batch, durable bool) (*pebble.Batch, error) {
	batch := s.db.NewBatchWithSize(b.Size() + 12*b.Len() + 64)
	if b.Len() == 0 && durable {
		// Pebble skips an empty batch, but this one asks for a sync of the log.
		return batch, batch.LogData(nil, nil)
	}
	for op := range b.Ops() {
		var err error
		switch op.Kind {
		case store.Set:
			err = batch.Set(op.Key, op.Value, nil)
		case store.Delete:
			err = batch.Delete(op.Key, nil)
		case store.DeleteRange:
			end := op.End
			if end == nil {
				end = afterAll
			}
			err = batch.DeleteRange(op.Key, end, nil)
		default:
			panic(fmt.Sprintf("pebblestore: batch holds an operation of kind %d, which store.Batch cannot add", op.Kind))
		}
		if err != nil {
			return nil, errors.Join(err, batch.Close())
		}
	}
	return batch, nil
}

// Syncs is the number of fsyncs of Pebble's log since Open, for measurements.
func (s *Store) Syncs() uint64 { return s.guard.syncs.Load() }

// Close implements store.Store. It waits for the calls that are inside. After a
// failure it returns that failure, and the directory may be opened again.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrClosed
	}
	s.closed = true
	failure := s.guard.failure()
	for s.users > s.writers || failure == nil && s.users > 0 {
		s.idle.Wait()
		failure = s.guard.failure()
	}
	stuck := s.writers > 0
	s.mu.Unlock()
	if stuck {
		// Pebble's own Close would wait for the writer that waits for the disk.
		close(s.guard.abandoned)
		return errors.Join(failure, s.guard.sums.stop(), s.guard.unlock())
	}
	err := s.db.Close()
	if failure = s.guard.failure(); failure != nil {
		err = failure
	} else if err != nil {
		err = fmt.Errorf("pebblestore: closing: %w", err)
	}
	return errors.Join(err, s.guard.sums.stop())
}

func (s *Store) check() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	return s.guard.failure()
}

// enter lets a call in, unless the store is closed or broken.
func (s *Store) enter(writers int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	if err := s.guard.failure(); err != nil {
		return err
	}
	s.users++
	s.writers += writers
	return nil
}

func (s *Store) leave(writers int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
	s.writers -= writers
	s.idle.Broadcast()
}

// logger is quiet and turns Pebble's "fatal" into a frozen disk.
type logger struct {
	guard *guard
	logf  func(string, ...any)
}

func (l logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, arguments ...any) {
	if l.logf != nil {
		l.logf(format, arguments...)
	}
}

func (l logger) Fatalf(format string, arguments ...any) {
	l.Errorf(format, arguments...)
	l.guard.fail(fmt.Errorf(format, arguments...))
}
