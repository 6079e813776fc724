package disk

import (
	"errors"
	"io/fs"
	"strings"
)

// Errors that an FS wraps; test with errors.Is.
var (
	// ErrNotExist: no such file or directory.
	ErrNotExist = fs.ErrNotExist
	// ErrExist: Create found a file of that name.
	ErrExist = fs.ErrExist
	// ErrNoSpace: the disk is full. Part of an Append may have been written.
	ErrNoSpace = errors.New("disk: no space left")
	// ErrName: the name is not of the form that CheckName asks for.
	ErrName = errors.New("disk: bad file name")
	// ErrFileClosed: the file, or the whole FS, was closed before.
	ErrFileClosed = fs.ErrClosed
)

// FS is a tree of files that says what is durable and when.
//
// Names are slash-separated, relative to the root of the FS, and pass CheckName.
// Two levels of durability are kept apart, as a POSIX file system keeps them:
// File.Sync makes the bytes of a file durable, SyncDir makes its name durable.
// Whatever was not synced may after a crash be there, be gone, or (bytes of a
// file behind what was last synced) be there in part, zeroed or torn.
//
// An FS is for one goroutine unless an implementation says more.
type FS interface {
	// MkdirAll creates the directory and its parents where missing; on return
	// they are durable.
	MkdirAll(dir string) error
	// Create makes a new empty file, open for reading and appending. It returns
	// an error wrapping ErrExist if the name is taken.
	Create(name string) (File, error)
	// Open opens an existing file for reading and appending, or returns an error
	// wrapping ErrNotExist.
	Open(name string) (File, error)
	// Rename gives the file a new name in one step and replaces a file that had
	// that name. Both names are of one directory.
	Rename(from, to string) error
	// Remove removes the name of a file. Removing a missing one returns an error
	// wrapping ErrNotExist.
	Remove(name string) error
	// List returns the names of the files in the directory, without its path,
	// without subdirectories, in ascending order.
	List(dir string) ([]string, error)
	// SyncDir makes durable which names the directory holds.
	SyncDir(dir string) error
}

// File is an open file: read anywhere, written only at its end.
//
// After Append or Sync has failed nobody knows what is on the disk, and a later
// Sync that succeeds proves nothing about the earlier bytes; give up the file.
type File interface {
	// ReadAt reads as io.ReaderAt does.
	ReadAt(p []byte, offset int64) (n int, err error)
	// Append writes p at the end of the file. It may write a part before it fails.
	Append(p []byte) error
	// Truncate cuts the file to size bytes, which is not above its size.
	Truncate(size int64) error
	// Size is the length in bytes.
	Size() (int64, error)
	// Sync makes every byte, and the size, durable.
	Sync() error
	Close() error
}

// NameBytesMax bounds a file name, all its parts together.
const NameBytesMax = 255

// CheckName returns an error wrapping ErrName unless name is slash-separated
// parts of letters, digits, '.', '_' and '-', none of them empty or starting with
// a dot. Such a name cannot leave the root or be hidden.
func CheckName(name string) error {
	if len(name) > NameBytesMax {
		return &fs.PathError{Op: "name", Path: name[:NameBytesMax], Err: ErrName}
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' {
			return &fs.PathError{Op: "name", Path: name, Err: ErrName}
		}
		for _, c := range []byte(part) {
			switch {
			case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
			default:
				return &fs.PathError{Op: "name", Path: name, Err: ErrName}
			}
		}
	}
	return nil
}

// ReadFile returns the whole file, or an error wrapping ErrTooLong above limit
// bytes.
func ReadFile(fsys FS, name string, limit int64) (content []byte, err error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Size()
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, &fs.PathError{Op: "read", Path: name, Err: ErrTooLong}
	}
	content = make([]byte, size)
	if err := readFull(file, content, 0); err != nil {
		return nil, err
	}
	return content, nil
}

// ErrTooLong refuses a file above a limit.
var ErrTooLong = errors.New("disk: file above the limit")

// readFull fills p from offset on or returns an error; a file that ends before is
// one.
func readFull(file File, p []byte, offset int64) error {
	for len(p) > 0 {
		n, err := file.ReadAt(p, offset)
		p, offset = p[n:], offset+int64(n)
		if len(p) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

const temporarySuffix = ".tmp"

// WriteFile gives the file new content in one durable step: after any crash it
// holds the old content or the new one, and after WriteFile has returned nil the
// new one. It writes to name + ".tmp", syncs, renames, and syncs the directory. A
// leftover of that name from an earlier crash is overwritten.
func WriteFile(fsys FS, name string, content []byte) error {
	temporary := name + temporarySuffix
	if err := fsys.Remove(temporary); err != nil && !errors.Is(err, ErrNotExist) {
		return err
	}
	file, err := fsys.Create(temporary)
	if err != nil {
		return err
	}
	err = file.Append(content)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := fsys.Rename(temporary, name); err != nil {
		return err
	}
	return fsys.SyncDir(directory(name))
}

// directory returns the directory part of a name; "" is the root.
func directory(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i]
	}
	return ""
}
