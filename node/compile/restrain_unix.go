//go:build linux || darwin

package compile

import (
	"os"
	"runtime"
	"syscall"
)

// restrain bounds this process: when it goes beyond, the kernel ends it.
func restrain(seconds, memory uint64) error {
	// A group of its own, so that the priority is that of all threads, and so that a terminal's
	// interrupt goes to the node alone, which ends this process when it is done.
	if err := syscall.Setpgid(0, 0); err != nil {
		return err
	}
	if err := syscall.Setpriority(syscall.PRIO_PGRP, 0, niceness); err != nil {
		return err
	}
	if err := limit(syscall.RLIMIT_CPU, seconds); err != nil {
		return err
	}
	if err := limit(syscall.RLIMIT_FSIZE, filesMax); err != nil {
		return err
	}
	if runtime.GOOS == "linux" {
		// Should memory run out, this is the process to end. Elsewhere there is no such file.
		_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	}
	// What is written to, not what is reserved: Go reserves a lot.
	return limit(syscall.RLIMIT_DATA, memory)
}

// limit never raises a limit that is lower already.
func limit(resource int, n uint64) error {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(resource, &r); err != nil {
		return err
	}
	r.Cur, r.Max = min(r.Max, n), min(r.Max, n)
	return syscall.Setrlimit(resource, &r)
}
