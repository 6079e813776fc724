package disk

import (
	"encoding/binary"
	"io/fs"
	"maps"
	"slices"
)

// sectorBytes is the unit that a disk writes whole or not at all.
const sectorBytes = 512

// Crash cuts the power, if it is still on, and puts it on again: what was not
// durable survives as the choose function decides, every open file is dead, and
// all planned faults but the capacity are taken back.
func (m *Memory) Crash() {
	for _, dir := range slices.Sorted(maps.Keys(m.dirs)) {
		changes := slices.DeleteFunc(slices.Clone(m.pending), func(c nameChange) bool { return c.dir != dir })
		if len(changes) == 0 {
			continue
		}
		for _, c := range changes[:m.choose(uint64(len(changes))+1)] {
			c.apply(m.durable)
		}
	}
	m.used = 0
	for _, name := range slices.Sorted(maps.Keys(m.durable)) {
		node := m.durable[name]
		node.crash(m.choose)
		m.used += int64(len(node.data))
	}
	m.live, m.pending = maps.Clone(m.durable), nil
	m.generation++
	m.clearFaults()
}

// Kill is the end of the process without a power cut: every open file is dead,
// what was written is still there, and what was not synced is still not durable.
func (m *Memory) Kill() {
	m.generation++
	m.clearFaults()
}

// clearFaults takes back every plan but the capacity, which is a property of the
// disk; a new disk has none.
func (m *Memory) clearFaults() {
	if m.generation == 0 {
		m.capacity = -1
	}
	m.cut, m.off = -1, false
	for op := range m.failing {
		m.failing[op] = -1
	}
}

// crash replaces the content by what survives, all of it durable.
func (n *inode) crash(choose func(uint64) uint64) {
	if n.undone && choose(2) == 0 {
		*n = inode{data: n.before, synced: len(n.before)}
		return
	}
	end := n.synced
	if unsynced := len(n.data) - n.synced; unsynced > 0 {
		end += int(choose(uint64(unsynced) + 1))
	}
	data := slices.Clone(n.data[:end])
	if end > n.synced {
		tear(data, n.synced, choose)
	}
	kept := n.holes[:0]
	for _, h := range n.holes {
		if choose(2) == 0 {
			kept = append(kept, h)
		}
	}
	n.holes = kept
	n.punch(data)
	*n = inode{data: data, synced: end}
}

// tear damages some of the sectors that hold bytes from offset from on.
func tear(data []byte, from int, choose func(uint64) uint64) {
	mode := choose(4)
	if mode != 1 && mode != 2 {
		return // a clean prefix, the commonest case
	}
	for at := from; at < len(data); {
		end := min(at-at%sectorBytes+sectorBytes, len(data))
		if choose(3) == 0 {
			for i := at; i < end; i += 8 {
				var garbage [8]byte
				if mode == 2 {
					binary.BigEndian.PutUint64(garbage[:], choose(1<<63))
				}
				copy(data[i:end], garbage[:])
			}
		}
		at = end
	}
}

// punch zeroes the holes.
func (n *inode) punch(data []byte) {
	for _, h := range n.holes {
		clear(data[min(h.from, len(data)):min(h.to, len(data))])
	}
}

// CutPowerAfter plans a power cut: n more operations are done, during the next
// one the power goes, and it and all later ones return ErrPowerCut until Crash.
// Operations are those that Op lists; reading is none. A negative n takes the plan
// back.
func (m *Memory) CutPowerAfter(n int) { m.cut = n }

// FailAfter plans one failure: n more operations of the kind are done and the next
// one returns ErrIO. Half of a failing Append is written. A negative n takes the
// plan back.
func (m *Memory) FailAfter(op Op, n int) { m.failing[op] = n }

// SetCapacity limits the bytes of all files together; a negative one lifts the
// limit. An Append above it writes what fits and returns ErrNoSpace.
func (m *Memory) SetCapacity(bytes int64) { m.capacity = bytes }

// Operations is the number of operations begun so far, and Count that of one kind.
func (m *Memory) Operations() int { return m.operations }

// Count is the number of operations of one kind begun so far.
func (m *Memory) Count(op Op) int { return m.counts[op] }

// Syncs is the number of syncs of files and directories begun so far.
func (m *Memory) Syncs() int { return m.counts[OpSync] + m.counts[OpSyncDir] }

// Content returns a copy of the file's bytes, or nil if there is none.
func (m *Memory) Content(name string) []byte {
	if node := m.live[name]; node != nil {
		return append([]byte{}, node.data...)
	}
	return nil
}

// Overwrite gives the file, created if missing, new content behind everyone's
// back: durable at once, and seen by open files too.
func (m *Memory) Overwrite(name string, content []byte) error {
	if err := CheckName(name); err != nil {
		return err
	}
	node := m.live[name]
	if node == nil {
		if !m.dirs[directory(name)] {
			return &fs.PathError{Op: "overwrite", Path: name, Err: ErrNotExist}
		}
		node = &inode{}
	}
	m.used += int64(len(content)) - int64(len(node.data))
	*node = inode{data: slices.Clone(content), synced: len(content)}
	m.live[name], m.durable[name] = node, node
	return nil
}

// FlipBit is bit rot: it inverts one bit of the file, on the disk and in what is
// read. bit counts from the highest bit of the first byte.
func (m *Memory) FlipBit(name string, bit int64) error {
	node := m.live[name]
	if node == nil || bit < 0 || bit/8 >= int64(len(node.data)) {
		return &fs.PathError{Op: "flip", Path: name, Err: ErrNotExist}
	}
	node.data[bit/8] ^= 0x80 >> (bit % 8)
	return nil
}

// Clone returns an independent copy of the disk, without open files and planned
// faults, with a choose function of its own, as NewMemory takes it.
func (m *Memory) Clone(choose func(n uint64) uint64) *Memory {
	clone := NewMemory(choose)
	copies := map[*inode]*inode{}
	copyOf := func(node *inode) *inode {
		if node == nil {
			return nil
		}
		if copies[node] == nil {
			c := *node
			c.data, c.before, c.holes = slices.Clone(node.data), slices.Clone(node.before), slices.Clone(node.holes)
			copies[node] = &c
		}
		return copies[node]
	}
	clone.dirs = maps.Clone(m.dirs)
	for _, name := range slices.Sorted(maps.Keys(m.live)) {
		clone.live[name] = copyOf(m.live[name])
	}
	for _, name := range slices.Sorted(maps.Keys(m.durable)) {
		clone.durable[name] = copyOf(m.durable[name])
	}
	for _, c := range m.pending {
		c.inode = copyOf(c.inode)
		clone.pending = append(clone.pending, c)
	}
	clone.capacity, clone.used = m.capacity, m.used
	return clone
}
