package residenttest

import (
	"syscall"
	"testing"
)

var kept []byte

// touch makes n bytes resident.
func touch(b []byte) {
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
}

func TestHeapIsSeen(t *testing.T) {
	if got := Growth(t, nil, func() { kept = make([]byte, 64<<20); touch(kept) }); got < 60<<20 || got > 80<<20 {
		t.Errorf("64 MiB of heap grew resident memory by %d KiB", got>>10)
	}
}

// TestMemoryThatIsGoneIsSeen: mapped outside the heap, and given back before anybody looks.
func TestMemoryThatIsGoneIsSeen(t *testing.T) {
	got := Growth(t, nil, func() {
		b, err := syscall.Mmap(-1, 0, 64<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			t.Fatal(err)
		}
		touch(b)
		if err := syscall.Munmap(b); err != nil {
			t.Fatal(err)
		}
	})
	if got < 60<<20 || got > 80<<20 {
		t.Errorf("64 MiB mapped for a moment grew resident memory by %d KiB", got>>10)
	}
}

func TestSetupIsNotMeasured(t *testing.T) {
	t.Run("in a subtest (of any name)", func(t *testing.T) {
		Limit(t, 16<<20, func() { kept = make([]byte, 64<<20); touch(kept) }, func() {})
	})
}
