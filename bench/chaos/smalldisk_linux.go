package chaos

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// SmallDisk is a file system in memory, mounted for one node, that can be made full.
type SmallDisk struct {
	dir   string
	bytes int64
}

// MountSmallDisk mounts a file system of so many bytes on a folder. It needs the privilege to mount.
func MountSmallDisk(dir string, bytes int64) (*SmallDisk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := syscall.Mount("quoin-lab", dir, "tmpfs", 0, size(bytes)); err != nil {
		return nil, fmt.Errorf("chaos: mounting a small disk on %s: %w", dir, err)
	}
	return &SmallDisk{dir, bytes}, nil
}

func size(bytes int64) string { return fmt.Sprintf("size=%d,mode=0700", bytes) }

// Fill leaves no space: the file system shrinks to what is in use.
func (d *SmallDisk) Fill() error {
	var s syscall.Statfs_t
	for range 10 {
		if err := syscall.Statfs(d.dir, &s); err != nil {
			return err
		}
		used := int64(s.Blocks-s.Bfree) * s.Bsize
		err := d.resize(used)
		if !errors.Is(err, syscall.EINVAL) { // the node has written meanwhile
			return err
		}
	}
	return fmt.Errorf("chaos: the small disk on %s grows faster than it can be filled", d.dir)
}

// Free gives the space back.
func (d *SmallDisk) Free() error { return d.resize(d.bytes) }

func (d *SmallDisk) resize(bytes int64) error {
	return syscall.Mount("quoin-lab", d.dir, "tmpfs", syscall.MS_REMOUNT, size(bytes))
}

// Close unmounts the disk, and all that is on it is gone.
func (d *SmallDisk) Close() error { return syscall.Unmount(d.dir, 0) }
