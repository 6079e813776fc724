package state

import (
	"bytes"
	"slices"
)

// keyOrder is the writes of one namespace in the order of their keys. A scan makes a run of those
// that came since the last one, and joins runs so that each is more than twice as long as the next:
// there are few of them, and a write is moved a few times only, however scans and writes alternate.
type keyOrder struct {
	runs []run
	seen int // entries[:seen] are in the runs
}

// run is indexes of entries, keys ascending. The entries of a run are newer than those of the run
// before.
type run struct {
	order  []uint32
	newest uint32
}

// byKey returns the writes of a namespace as runs, each key in one of them.
func (w *writes) byKey(name string) []run {
	at := slices.Index(w.names, name)
	if at < 0 {
		return nil
	}
	for len(w.keyed) <= at {
		w.keyed = append(w.keyed, keyOrder{})
	}
	k := &w.keyed[at]
	var fresh run
	for i := k.seen; i < len(w.entries); i++ {
		if w.entries[i].name == uint32(at) {
			fresh.order, fresh.newest = append(fresh.order, uint32(i)), uint32(i)
		}
	}
	k.seen = len(w.entries)
	if len(fresh.order) == 0 {
		return k.runs
	}
	slices.SortFunc(fresh.order, w.compareKeys)
	for n := len(k.runs) - 1; n >= 0 && len(k.runs[n].order) <= 2*len(fresh.order); n-- {
		fresh.order = w.joined(k.runs[n].order, fresh.order)
		k.runs = k.runs[:n]
	}
	k.runs = append(k.runs, fresh)
	return k.runs
}

func (w *writes) compareKeys(a, b uint32) int {
	return bytes.Compare(w.keyOf(&w.entries[a]), w.keyOf(&w.entries[b]))
}

// joined merges two orders into a new one.
func (w *writes) joined(a, b []uint32) []uint32 {
	all := make([]uint32, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if w.compareKeys(a[0], b[0]) < 0 {
			all, a = append(all, a[0]), a[1:]
		} else {
			all, b = append(all, b[0]), b[1:]
		}
	}
	return append(append(all, a...), b...)
}

// between returns the part of an order from start on and before end, nil being after the last.
func (w *writes) between(order []uint32, start, end []byte) []uint32 {
	search := func(key []byte) int {
		at, _ := slices.BinarySearchFunc(order, key, func(i uint32, key []byte) int {
			return bytes.Compare(w.keyOf(&w.entries[i]), key)
		})
		return at
	}
	if end != nil {
		order = order[:search(end)]
	}
	return order[search(start):]
}

// revert forgets all but the first entries. What is newer is in the last runs.
func (k *keyOrder) revert(entries int) {
	if k.seen <= entries {
		return
	}
	k.seen = entries
	for n := len(k.runs) - 1; n >= 0 && int(k.runs[n].newest) >= entries; n-- {
		left := slices.DeleteFunc(k.runs[n].order, func(i uint32) bool { return int(i) >= entries })
		if len(left) > 0 {
			k.runs[n] = run{left, slices.Max(left)}
			break
		}
		k.runs = k.runs[:n]
	}
}
