package disk

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// Errors that only a Memory returns.
var (
	// ErrPowerCut is returned by everything between a planned power cut and Crash.
	ErrPowerCut = errors.New("disk: power cut")
	// ErrIO is a planned failure of one operation.
	ErrIO = errors.New("disk: input/output error")
)

// Op is a kind of operation of an FS or a File.
type Op uint8

// The operations that Memory counts and can make fail, in the order of FS and File.
const (
	OpMkdir Op = iota
	OpCreate
	OpRename
	OpRemove
	OpSyncDir
	OpAppend
	OpTruncate
	OpSync
	opKinds
)

// Memory is an FS in memory that can lose power, tear writes, fail, fill up and
// rot. It is deterministic: what a crash leaves is decided by the function given
// to NewMemory and by nothing else. For one goroutine.
//
// Its model of a crash, per file: bytes that were synced stay. Of the bytes
// appended since, a prefix of any length stays, in which 512-byte sectors may be
// zeroed or hold garbage. A truncation since may be undone, with what was appended
// after it. Per directory: of the names created, renamed and removed since the
// last SyncDir, the first k changes stay. After a Sync that failed, the bytes it
// was to write are never written by a later one, although reads show them until
// the crash; that is how Linux behaves.
type Memory struct {
	choose  func(n uint64) uint64
	dirs    map[string]bool
	live    map[string]*inode
	durable map[string]*inode
	pending []nameChange // not yet in durable, oldest first

	generation int // handles of an earlier one are dead
	counts     [opKinds]int
	operations int

	cut      int // operations until the power cut; negative: none
	off      bool
	failing  [opKinds]int // operations of the kind until one fails; negative: none
	capacity int64        // bytes; negative: no limit
	used     int64
}

var (
	_ FS   = (*Memory)(nil)
	_ File = (*memoryFile)(nil)
)

// nameChange sets or, with a nil inode, removes a name; a rename is both at once.
type nameChange struct {
	dir     string
	removes string // "" for none
	sets    string // "" for none
	inode   *inode
}

// inode is the content of a file.
type inode struct {
	data   []byte
	synced int    // data[:synced] survives a crash, but for the holes
	before []byte // what was synced, if an unsynced truncation cut into it
	undone bool   // before is valid
	holes  []hole
}

// hole is a part of a file that a failed sync was to write.
type hole struct{ from, to int }

// NewMemory returns an empty disk. choose(n) returns a number below n, n ≥ 1, and
// decides what survives a crash: always 0 loses all that may be lost, always n−1
// keeps it. A nil choose is always 0.
func NewMemory(choose func(n uint64) uint64) *Memory {
	if choose == nil {
		choose = func(uint64) uint64 { return 0 }
	}
	m := &Memory{
		choose:  choose,
		dirs:    map[string]bool{"": true},
		live:    map[string]*inode{},
		durable: map[string]*inode{},
	}
	m.clearFaults()
	return m
}

// Choices returns a deterministic choose function for NewMemory (SplitMix64;
// Steele, Lea and Flood, 2014).
func Choices(seed uint64) func(n uint64) uint64 {
	return func(n uint64) uint64 {
		seed += 0x9e3779b97f4a7c15
		z := seed
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		return (z ^ z>>31) % n
	}
}

// MkdirAll implements FS.
func (m *Memory) MkdirAll(dir string) error {
	if err := CheckName(dir); err != nil {
		return err
	}
	if m.off || m.dirs[dir] {
		return m.powered()
	}
	if err := m.begin(OpMkdir); err != nil {
		return err
	}
	for ; !m.dirs[dir]; dir = directory(dir) {
		m.dirs[dir] = true
	}
	return nil
}

// Create implements FS.
func (m *Memory) Create(name string) (File, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if err := m.powered(); err != nil {
		return nil, err
	}
	if !m.dirs[directory(name)] {
		return nil, &fs.PathError{Op: "create", Path: name, Err: ErrNotExist}
	}
	if m.live[name] != nil || m.dirs[name] {
		return nil, &fs.PathError{Op: "create", Path: name, Err: ErrExist}
	}
	node := &inode{}
	if err := m.changeName(OpCreate, nameChange{dir: directory(name), sets: name, inode: node}); err != nil {
		return nil, err
	}
	return &memoryFile{m: m, node: node, generation: m.generation}, nil
}

// Open implements FS.
func (m *Memory) Open(name string) (File, error) {
	node, err := m.find("open", name)
	if err != nil {
		return nil, err
	}
	return &memoryFile{m: m, node: node, generation: m.generation}, nil
}

// Rename implements FS.
func (m *Memory) Rename(from, to string) error {
	node, err := m.find("rename", from)
	if err != nil {
		return err
	}
	if err := CheckName(to); err != nil {
		return err
	}
	if directory(from) != directory(to) || m.dirs[to] {
		return &fs.PathError{Op: "rename", Path: to, Err: ErrName}
	}
	if from == to {
		return nil
	}
	return m.changeName(OpRename, nameChange{dir: directory(to), removes: from, sets: to, inode: node})
}

// Remove implements FS.
func (m *Memory) Remove(name string) error {
	if _, err := m.find("remove", name); err != nil {
		return err
	}
	return m.changeName(OpRemove, nameChange{dir: directory(name), removes: name})
}

// List implements FS.
func (m *Memory) List(dir string) ([]string, error) {
	if err := m.checkDir("list", dir); err != nil {
		return nil, err
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(m.live)) {
		if directory(name) == dir {
			names = append(names, name[strings.LastIndexByte(name, '/')+1:])
		}
	}
	return names, nil
}

// SyncDir implements FS.
func (m *Memory) SyncDir(dir string) error {
	if err := m.checkDir("sync", dir); err != nil {
		return err
	}
	if err := m.begin(OpSyncDir); err != nil {
		return err
	}
	m.pending = slices.DeleteFunc(m.pending, func(c nameChange) bool {
		if c.dir == dir {
			c.apply(m.durable)
		}
		return c.dir == dir
	})
	return nil
}

func (m *Memory) powered() error {
	if m.off {
		return ErrPowerCut
	}
	return nil
}

func (m *Memory) find(op, name string) (*inode, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	if err := m.powered(); err != nil {
		return nil, err
	}
	node := m.live[name]
	if node == nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: ErrNotExist}
	}
	return node, nil
}

func (m *Memory) checkDir(op, dir string) error {
	if err := m.powered(); err != nil {
		return err
	}
	if !m.dirs[dir] {
		return &fs.PathError{Op: op, Path: dir, Err: ErrNotExist}
	}
	return nil
}

// begin counts an operation and returns the error that was planned for it. After
// a power cut, m.off is set and the operation may still have been half done.
func (m *Memory) begin(op Op) error {
	m.operations++
	m.counts[op]++
	if m.cut == 0 {
		m.off = true
		return ErrPowerCut
	}
	m.cut = max(m.cut-1, -1)
	if m.failing[op] == 0 {
		m.failing[op] = -1
		return ErrIO
	}
	m.failing[op] = max(m.failing[op]-1, -1)
	return nil
}

// changeName makes a change that a crash may take back. The power cut leaves it
// pending, so that the crash decides whether it was still made.
func (m *Memory) changeName(op Op, c nameChange) error {
	err := m.begin(op)
	if err != nil && !m.off {
		return err
	}
	m.pending = append(m.pending, c)
	for _, name := range []string{c.removes, c.sets} {
		if old := m.live[name]; old != nil && old != c.inode {
			m.used -= int64(len(old.data))
		}
	}
	c.apply(m.live)
	return err
}

func (c nameChange) apply(names map[string]*inode) {
	delete(names, c.removes)
	if c.sets != "" {
		names[c.sets] = c.inode
	}
}

// memoryFile is a handle.
type memoryFile struct {
	m          *Memory
	node       *inode
	generation int
	closed     bool
}

func (f *memoryFile) usable() error {
	if err := f.m.powered(); err != nil {
		return err
	}
	if f.closed || f.generation != f.m.generation {
		return ErrFileClosed
	}
	return nil
}

func (f *memoryFile) ReadAt(p []byte, offset int64) (int, error) {
	if err := f.usable(); err != nil {
		return 0, err
	}
	if offset < 0 {
		return 0, ErrIO
	}
	if offset >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memoryFile) Append(p []byte) error {
	if err := f.usable(); err != nil {
		return err
	}
	err := f.m.begin(OpAppend)
	if err != nil && !f.m.off {
		p = p[:len(p)/2]
	}
	if room := f.m.capacity - f.m.used; f.m.capacity >= 0 && int64(len(p)) > room {
		p = p[:max(room, 0)]
		err = errors.Join(err, ErrNoSpace)
	}
	f.node.data = append(f.node.data, p...)
	f.m.used += int64(len(p))
	return err
}

func (f *memoryFile) Truncate(size int64) error {
	if err := f.usable(); err != nil {
		return err
	}
	n := f.node
	if size < 0 || size > int64(len(n.data)) {
		return ErrIO
	}
	err := f.m.begin(OpTruncate)
	if err != nil && !f.m.off {
		return err
	}
	f.m.used -= int64(len(n.data)) - size
	if int(size) < n.synced {
		if !n.undone {
			n.before, n.undone = slices.Clone(n.data[:n.synced]), true
			n.punch(n.before)
		}
		n.synced = int(size)
	}
	n.data = n.data[:size:size]
	n.holes = slices.DeleteFunc(n.holes, func(h hole) bool { return h.from >= int(size) })
	for i := range n.holes {
		n.holes[i].to = min(n.holes[i].to, int(size))
	}
	return err
}

func (f *memoryFile) Size() (int64, error) {
	if err := f.usable(); err != nil {
		return 0, err
	}
	return int64(len(f.node.data)), nil
}

func (f *memoryFile) Sync() error {
	if err := f.usable(); err != nil {
		return err
	}
	n := f.node
	if err := f.m.begin(OpSync); err != nil {
		if !f.m.off && n.synced < len(n.data) {
			n.holes = append(n.holes, hole{n.synced, len(n.data)})
		}
		return err
	}
	n.synced, n.before, n.undone = len(n.data), nil, false
	return nil
}

func (f *memoryFile) Close() error {
	if f.closed {
		return ErrFileClosed
	}
	f.closed = true
	return nil
}
