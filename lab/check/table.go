package check

// table is a set of global states in the order in which they were added, each with the state that it
// was found from. It takes 12 bytes a state, and 4 to 16 for its place in an open-addressed index.
type table struct {
	states []global
	from   []uint32
	index  []uint32 // the number of a state plus one; 0 is empty
}

func newTable() *table { return &table{index: make([]uint32, 1<<16)} }

// add adds a state unless it is there.
func (t *table) add(g global, from uint32) {
	if 2*len(t.states) >= len(t.index) {
		t.index = make([]uint32, 2*len(t.index))
		for i, g := range t.states {
			t.index[t.slot(g)] = uint32(i) + 1
		}
	}
	if i := t.slot(g); t.index[i] == 0 {
		t.states, t.from = append(t.states, g), append(t.from, from)
		t.index[i] = uint32(len(t.states))
	}
}

// slot returns where a state is, or should be.
func (t *table) slot(g global) uint64 {
	h := uint64(g) * 0x9e3779b97f4a7c15 // Fibonacci hashing, Knuth, TAOCP 3, 6.4
	mask := uint64(len(t.index) - 1)
	for i := (h ^ h>>32) & mask; ; i = (i + 1) & mask {
		if n := t.index[i]; n == 0 || t.states[n-1] == g {
			return i
		}
	}
}

// path returns the states from the first to the n-th.
func (t *table) path(n int) []global {
	if n == 0 {
		return []global{t.states[0]}
	}
	return append(t.path(int(t.from[n])), t.states[n])
}
