// Package resident measures how much physical memory a piece of work takes, as the kernel sees it:
// the heap, what is mapped outside of it, such as machine code and the memories of guests, and
// stacks alike.
//
// The kernel keeps a high-water mark of a process's resident memory (VmHWM of /proc/self/status,
// see proc_pid_status(5)), and moves it down to the present when 5 is written to
// /proc/self/clear_refs. So nothing is missed between two looks, as it would be by polling. The mark
// is the whole process's: measure in one that does nothing else (package residenttest).
package resident

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
)

// ErrUnsupported is returned where the system keeps no such mark: it is Linux's.
var ErrUnsupported = errors.New("resident: this system does not tell the most memory that a process has used")

// Meter knows how much memory was resident when it started.
type Meter struct{ before uint64 }

// Start gives free memory back to the system and starts a measurement. A process has one mark, so
// the meter that was started last is the only one that is right.
func Start() (Meter, error) {
	debug.FreeOSMemory() // what setting up has left behind is not the work's
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		return Meter{}, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	before, err := status("VmRSS:")
	return Meter{before}, err
}

// Growth returns by how many bytes resident memory has grown since the start, at its highest.
func (m Meter) Growth() (uint64, error) {
	most, err := status("VmHWM:")
	return most - min(most, m.before), err
}

// status returns a figure of /proc/self/status in bytes.
func status(name string) (uint64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	for line := range bytes.Lines(text) {
		if f := bytes.Fields(line); len(f) == 3 && string(f[0]) == name && string(f[2]) == "kB" {
			n, err := strconv.ParseUint(string(f[1]), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("%w: no %s in /proc/self/status", ErrUnsupported, name)
}
