package metric

import "syscall"

// freeBytes returns what the file system of a folder has left for others than root, or 0.
func freeBytes(dir string) uint64 {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return 0
	}
	return s.Bavail * uint64(s.Bsize)
}
