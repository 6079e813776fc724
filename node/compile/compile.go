// Package compile turns release files into releases that can be called, and keeps the machine code
// on disk between starts.
//
// # Where it happens
//
// The engine cannot be stopped while it compiles, and a small file can make it work for seconds.
// So a release is compiled in a process of its own: this program, run again, which reads a job from
// its standard input (Child). The kernel holds that process to the budget of processor time and of
// memory, gives it the processor only when others leave it some, and ends it with its parent. It
// writes the machine code to disk, from where this process takes it in some 20 ms. Without a
// command for such a process (tests, programs that embed a node) the same steps happen here, where
// nothing can stop them: the static check bounds them, to some ten seconds.
//
// # What is on disk
//
//	<folder>/<release>/seal                 what follows, and what it is for
//	<folder>/<release>/wazero-.../<key>     machine code
//
// A release's folder belongs to one release, engine version, schedule version, version of wazero
// and kind of processor; under any other of these it is made anew. The seal names all of them, and
// the SHA-256 of every file. wazero trusts most of what stands in its files (its checksum covers
// the instructions but not where functions begin), so nothing is given to it before the seal has
// been compared: what does not match is deleted and compiled again. The seal protects from errors
// of disks, not from somebody who may write to the folder; its mode is 0700.
//
// A release that no node can accept has a seal that says so: it is refused again without work.
// A limit of this machine's is never such a verdict: it wraps plugin.ErrLocal.
package compile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin"
)

// The limits of compiling one release, unless Options say otherwise. A plugin of the Go toolchain
// takes 1 s and 300 MiB, the worst module known to pass the static check some 10 s.
const (
	TimeDefault   = 30 * time.Second
	MemoryDefault = 1 << 30

	wallFactor  = 10        // of the time, where others keep the processor busy
	filesMax    = 256 << 20 // bytes of each file of machine code
	niceness    = 10        // a tenth of the processor when others want it too
	messagesMax = 4 << 10   // bytes that a child may say
)

// ErrBudget is wrapped, beside plugin.ErrLocal, by the error of a release that was not compiled
// within the limits of this machine.
var ErrBudget = errors.New("beyond the budget for compiling")

// ErrRefused is wrapped by the error of a release that no node can accept, as a seal or another
// process tells.
var ErrRefused = errors.New("refused")

// Options configure a Cache.
type Options struct {
	Dir string // the folder; made if it is not there
	// Command starts a process that calls Child; nil compiles in this process.
	Command []string
	Time    time.Duration // of the processor, for one release; the time that passes may be ten times that
	Memory  int64         // bytes, for one release
}

// Cache prepares releases. Its methods may be called by several goroutines; Prepare compiles one
// release at a time.
type Cache struct {
	o     Options
	key   key
	turn  chan struct{} // holds the right to compile
	mu    sync.Mutex
	loads []loaded
}

// loaded is what a release needs as long as it may be called.
type loaded struct {
	host  *plugin.Host
	cache wazero.CompilationCache
}

func (l loaded) close() error {
	return errors.Join(l.host.Close(), l.cache.Close(context.Background()))
}

// Open returns a cache in a folder.
func Open(o Options) (*Cache, error) {
	if o.Time == 0 {
		o.Time = TimeDefault
	}
	if o.Memory == 0 {
		o.Memory = MemoryDefault
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("compile: the folder of compiled releases: %w", err)
	}
	if err := os.Chmod(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("compile: the folder of compiled releases: %w", err)
	}
	return &Cache{o: o, key: keyHere(), turn: make(chan struct{}, 1)}, nil
}

// Close frees the code of all releases that the cache has returned: nobody may call them any more.
func (c *Cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, l := range c.loads {
		errs = append(errs, l.close())
	}
	c.loads = nil
	return errors.Join(errs...)
}

// Keep deletes what is in the folder but belongs to no release that is wanted.
func (c *Cache) Keep(wanted func(quoin.Hash) bool) error {
	entries, err := os.ReadDir(c.o.Dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if digest, err := quoin.ParseHash(e.Name()); err != nil || !wanted(digest) {
			errs = append(errs, os.RemoveAll(filepath.Join(c.o.Dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

func (c *Cache) dir(digest quoin.Hash) string { return filepath.Join(c.o.Dir, digest.String()) }

// Load returns a release whose machine code is on disk, and nil without an error if it is not: then
// Prepare makes it. The error is Prepare's.
func (c *Cache) Load(digest quoin.Hash, file []byte) (*plugin.Release, error) {
	s, ok := readSeal(c.dir(digest), digest, c.key)
	switch {
	case !ok:
		return nil, nil
	case s.Refused != "":
		return nil, fmt.Errorf("compile: %w: %s", ErrRefused, s.Refused)
	}
	return c.load(c.dir(digest), file)
}

// Prepare returns a release that can be called, and compiles it if need be. The error is a
// *plugin.Refusal or wraps plugin.ErrInit or ErrRefused if no node can accept the file; else it wraps
// plugin.ErrLocal, and another time it may go well.
func (c *Cache) Prepare(ctx context.Context, digest quoin.Hash, file []byte) (*plugin.Release, error) {
	if r, err := c.Load(digest, file); r != nil || err != nil {
		return r, err
	}
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, local("%w", ctx.Err())
	}
	defer func() { <-c.turn }()
	dir := c.dir(digest)
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		return nil, local("%w", err)
	}
	if err := c.compile(ctx, dir, file); err != nil {
		if Final(err) {
			// Without a seal it is only refused at the same price next time.
			_ = errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700), writeSeal(dir, digest, c.key, err.Error()))
			return nil, err
		}
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := writeSeal(dir, digest, c.key, ""); err != nil {
		return nil, local("the compiled release cannot be kept: %w", err)
	}
	return c.load(dir, file)
}

// compile fills a folder with a release's machine code.
func (c *Cache) compile(ctx context.Context, dir string, file []byte) error {
	if len(c.o.Command) > 0 {
		return c.inChild(ctx, dir, file)
	}
	l, _, err := open(dir, file)
	if err != nil {
		return err
	}
	return l.close()
}

// load takes machine code whose seal matches.
func (c *Cache) load(dir string, file []byte) (*plugin.Release, error) {
	l, r, err := open(dir, file)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loads = append(c.loads, l)
	return r, nil
}

// open compiles a file, unless its machine code is in the folder, where it is afterwards.
func open(dir string, file []byte) (l loaded, r *plugin.Release, err error) {
	if l.cache, err = wazero.NewCompilationCacheWithDir(dir); err != nil {
		return l, nil, local("%w", err)
	}
	if l.host, err = plugin.NewHost(plugin.Options{Cache: l.cache}); err != nil {
		return l, nil, errors.Join(local("%w", err), l.cache.Close(context.Background()))
	}
	if r, err = l.host.Compile(file); err != nil {
		return l, nil, errors.Join(err, l.close())
	}
	return l, r, nil
}

// Final reports whether an error of Prepare or Load says that no node can accept the release, now or
// later.
func Final(err error) bool {
	var refusal *plugin.Refusal
	return errors.As(err, &refusal) || errors.Is(err, plugin.ErrInit) || errors.Is(err, ErrRefused)
}

func local(format string, args ...any) error {
	return fmt.Errorf("compile: %w: %w", plugin.ErrLocal, fmt.Errorf(format, args...))
}
