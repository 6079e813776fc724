//go:build !linux

package chaos

import "errors"

// SmallDisk is a file system that can be made full: on Linux.
type SmallDisk struct{}

// MountSmallDisk fails: only Linux has them.
func MountSmallDisk(string, int64) (*SmallDisk, error) {
	return nil, errors.New("chaos: small disks need Linux")
}

// Fill does nothing.
func (*SmallDisk) Fill() error { return nil }

// Free does nothing.
func (*SmallDisk) Free() error { return nil }

// Close does nothing.
func (*SmallDisk) Close() error { return nil }
