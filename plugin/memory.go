package plugin

import "github.com/tetratelabs/wazero/experimental"

const (
	pageShift = 16
	pageBytes = 1 << pageShift
)

// pagedMemory is the memory of an instance. It refuses to grow beyond the guest's maximum,
// which is one page less than what the module declares: the last page is never there, and
// asking for it is how the host makes the memory small again (wazero itself only grows
// memories, but takes whatever the allocator returns).
type pagedMemory struct {
	bytes    []byte
	most     uint64 // bytes
	shrink   bool
	shrinkTo int
}

var (
	_ experimental.MemoryAllocator = (*pagedMemory)(nil)
	_ experimental.LinearMemory    = (*pagedMemory)(nil)
)

// Allocate implements experimental.MemoryAllocator: an instance has one memory.
func (m *pagedMemory) Allocate(_, _ uint64) experimental.LinearMemory { return m }

// Reallocate implements experimental.LinearMemory.
func (m *pagedMemory) Reallocate(size uint64) []byte {
	switch {
	case m.shrink:
		m.shrink = false
		clear(m.bytes[m.shrinkTo:])
		m.bytes = m.bytes[:m.shrinkTo]
	case size > m.most:
		return nil
	case size <= uint64(cap(m.bytes)):
		m.bytes = m.bytes[:size] // zero: never used, or cleared when it shrank
	default:
		grown := make([]byte, size, max(size, min(m.most, 2*uint64(cap(m.bytes)))))
		copy(grown, m.bytes)
		m.bytes = grown
	}
	return m.bytes
}

// Free implements experimental.LinearMemory.
func (m *pagedMemory) Free() { m.bytes = nil }

// dirtyPages is a set of pages: bit i stands for the pages i, i+64, i+128 and so on.
type dirtyPages uint64

const allPages = ^dirtyPages(0)

// add notes n bytes from an address.
func (d *dirtyPages) add(address, n uint64) {
	if n >= 64*pageBytes {
		*d = allPages
		return
	}
	for p := address >> pageShift; p <= (address+n)>>pageShift; p++ {
		*d |= 1 << (p & 63)
	}
}

// restore puts the pages of the set back to what they are in the image, which ends where
// zeros begin. The last store into a page may have reached up to 7 bytes into the next.
func (d dirtyPages) restore(memory, image []byte) {
	for p := 0; p<<pageShift < len(memory); p++ {
		if d>>(p&63)&1 == 0 {
			continue
		}
		from, to := p<<pageShift, min((p+1)<<pageShift+8, len(memory))
		n := 0
		if from < len(image) {
			n = copy(memory[from:to], image[from:])
		}
		clear(memory[from+n : to])
	}
}
