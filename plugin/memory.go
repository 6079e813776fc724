package plugin

import "github.com/tetratelabs/wazero/experimental"

const pageBytes = 64 << 10

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
