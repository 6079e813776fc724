// Package osdisk is the real disk: disk.FS on the operating system's files.
//
// Everything lives under one data directory, which Open locks: the same directory
// opened twice, by this or another process, is refused with ErrLocked. Directories
// are 0700 and files 0600, since keys and votes are nobody else's business. Names
// cannot leave the directory, not even through a symbolic link.
//
// Files are opened for appending (O_APPEND), Sync is fsync, and SyncDir and
// MkdirAll fsync the directory. A failed fsync is reported and never retried; see
// disk.File.
//
// An FS may be used by several goroutines; a File by one at a time.
//
// Source: fsync(2), open(2), flock(2); "Can Applications Recover from fsync
// Failures?" (Rebello et al., USENIX ATC 2020).
package osdisk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"quoin.dev/quoin/disk"
)

// LockName is the file in the data directory that a running node holds locked.
const LockName = "LOCK"

// ErrLocked means that the data directory is in use.
var ErrLocked = errors.New("osdisk: data directory in use")

// FS is a locked data directory.
type FS struct {
	root  *os.Root
	lock  *os.File
	syncs atomic.Uint64
}

var (
	_ disk.FS   = (*FS)(nil)
	_ disk.File = (*file)(nil)
)

// Open locks the directory and creates it first, with its parents, if it is
// missing.
func Open(dir string) (*FS, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("osdisk: creating the data directory: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("osdisk: opening the data directory: %w", err)
	}
	lock, err := acquire(root, dir)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	f := &FS{root: root, lock: lock}
	// The directory's own name must be durable before anything in it counts.
	if err := syncPath(filepath.Dir(dir)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// acquire takes the lock, which the kernel gives back when the process ends,
// however it ends.
func acquire(root *os.Root, dir string) (*os.File, error) {
	lock, err := root.OpenFile(LockName, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("osdisk: opening the lock file: %w", err)
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder, _ := io.ReadAll(io.LimitReader(lock, 32))
		err = fmt.Errorf("%w: %s is held by process %s; one validator must never run twice: stop the other one or use another directory",
			ErrLocked, dir, strings.TrimSpace(string(holder)))
	} else if err != nil {
		err = fmt.Errorf("osdisk: locking %s: %w; is it on a network file system?", dir, err)
	}
	if err == nil {
		// Only a courtesy for the message above; the lock itself counts.
		err = errors.Join(lock.Truncate(0), writeAt(lock, fmt.Sprintln(os.Getpid())))
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

func writeAt(f *os.File, content string) error {
	_, err := f.WriteAt([]byte(content), 0)
	return err
}

// Close gives the directory free. Files that are still open stay usable, so close
// them before.
func (f *FS) Close() error { return errors.Join(f.root.Close(), f.lock.Close()) }

// MkdirAll implements disk.FS.
func (f *FS) MkdirAll(dir string) error {
	if err := disk.CheckName(dir); err != nil {
		return err
	}
	for i := range len(dir) + 1 {
		if i < len(dir) && dir[i] != '/' {
			continue
		}
		err := f.root.Mkdir(dir[:i], 0o700)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		// Also if it existed: the process that created it may have died before.
		if err := f.SyncDir(parent(dir[:i])); err != nil {
			return err
		}
	}
	info, err := f.root.Stat(dir)
	if err == nil && !info.IsDir() {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	return err
}

// Create implements disk.FS.
func (f *FS) Create(name string) (disk.File, error) {
	return f.open(name, os.O_CREATE|os.O_EXCL)
}

// Open implements disk.FS.
func (f *FS) Open(name string) (disk.File, error) { return f.open(name, 0) }

func (f *FS) open(name string, flags int) (disk.File, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	opened, err := f.root.OpenFile(name, os.O_RDWR|os.O_APPEND|flags, 0o600)
	if err != nil {
		return nil, err
	}
	return &file{File: opened, syncs: &f.syncs}, nil
}

// Rename implements disk.FS.
func (f *FS) Rename(from, to string) error {
	if err := errors.Join(checkName(from), checkName(to)); err != nil {
		return err
	}
	if parent(from) != parent(to) {
		return &fs.PathError{Op: "rename", Path: to, Err: disk.ErrName}
	}
	return f.root.Rename(from, to)
}

// Remove implements disk.FS.
func (f *FS) Remove(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return f.root.Remove(name)
}

// List implements disk.FS.
func (f *FS) List(dir string) (names []string, err error) {
	opened, err := f.openDir(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	entries, err := opened.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		// A file with another kind of name, such as .nfs0001, is not ours.
		if entry.Type().IsRegular() && checkName(path.Join(dir, entry.Name())) == nil {
			names = append(names, entry.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// SyncDir implements disk.FS.
func (f *FS) SyncDir(dir string) error {
	opened, err := f.openDir(dir)
	if err != nil {
		return err
	}
	f.syncs.Add(1)
	return errors.Join(opened.Sync(), opened.Close())
}

func (f *FS) openDir(dir string) (*os.File, error) {
	if dir == "" {
		return f.root.Open(".")
	}
	if err := disk.CheckName(dir); err != nil {
		return nil, err
	}
	return f.root.Open(dir)
}

// checkName also keeps the lock file out of reach.
func checkName(name string) error {
	if name == LockName {
		return &fs.PathError{Op: "name", Path: name, Err: disk.ErrName}
	}
	return disk.CheckName(name)
}

// parent is the directory part of a name; "" is the root.
func parent(name string) string {
	return strings.TrimSuffix(path.Dir("/" + name)[1:], "/")
}

func syncPath(dir string) error {
	opened, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(opened.Sync(), opened.Close())
}

// Syncs is the number of fsyncs of files and directories since Open, for
// measurements.
func (f *FS) Syncs() uint64 { return f.syncs.Load() }

// file embeds what is as disk.File wants it: ReadAt and Close.
type file struct {
	*os.File
	syncs *atomic.Uint64
}

// Sync implements disk.File.
func (f *file) Sync() error {
	f.syncs.Add(1)
	return f.File.Sync()
}

// Append implements disk.File.
func (f *file) Append(p []byte) error {
	_, err := f.Write(p)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", disk.ErrNoSpace, err)
	}
	return err
}

// Size implements disk.File.
func (f *file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Truncate implements disk.File, and refuses what os.File allows, growing.
func (f *file) Truncate(size int64) error {
	now, err := f.Size()
	if err != nil {
		return err
	}
	if size < 0 || size > now {
		return &fs.PathError{Op: "truncate", Path: f.Name(), Err: fs.ErrInvalid}
	}
	return f.File.Truncate(size)
}
