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

// dirtyRegions is a set of regions: bit i stands for the regions i, i+64, i+128 and so on.
type dirtyRegions uint64

const allRegions = ^dirtyRegions(0)

// regionsOf returns the regions of 1 << shift bytes that n bytes from an address lie in.
func regionsOf(address, n uint64, shift uint8) (d dirtyRegions) {
	if n >= 63<<shift {
		return allRegions
	}
	for r := address >> shift; r <= (address+n)>>shift; r++ {
		d |= 1 << (r & 63)
	}
	return d
}

// restore puts the regions of the set back to what they are in the image, which ends where
// zeros begin. The last store into a region may have reached up to 7 bytes into the next.
func (d dirtyRegions) restore(memory, image []byte, shift uint8) {
	region, done := 1<<shift, 0
	for at := 0; at < len(memory); at += region {
		if d>>(at>>shift&63)&1 == 0 {
			continue
		}
		from, to := max(at, done), min(at+region+8, len(memory))
		n := 0
		if from < len(image) {
			n = copy(memory[from:to], image[from:])
		}
		clear(memory[from+n : to])
		done = to
	}
}
