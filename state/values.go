package state

import (
	"slices"
	"strings"

	"quoin.dev/quoin"
)

// values is a bounded cache of certified values and of absences, in two generations: what is read
// or committed goes into the young one; when that is full it becomes the old one, and what was old
// and not used since is gone. Like the writes that they are made of, generations have nothing for
// the garbage collector to follow, and slices of their values stay as they are.
type values struct {
	young, old *writes
	limit      int        // bytes of one generation, which the last value may exceed
	seed       quoin.Hash // of the next generation: the newest root, unknown when keys were chosen
}

// entryBytes is about what an entry takes besides its value.
const entryBytes = 64

func newValues(bytes int64) values {
	v := values{young: new(writes), old: new(writes), limit: int(min(bytes/2, 1<<30))}
	v.young.reset(v.seed, 0)
	return v
}

// get returns the certified value of a key, and whether the cache knows it.
func (v *values) get(name string, hash *quoin.Hash) (value []byte, ok, known bool) {
	if e := v.young.find(name, hash); e != nil {
		return v.young.valueOf(e), !e.deleted, true
	}
	e := v.old.find(name, hash)
	if e == nil {
		return nil, false, false
	}
	value, ok = v.old.valueOf(e), !e.deleted
	v.set(name, hash, value, ok)
	return value, ok, true
}

// set makes value, or with !ok its absence, what the cache knows of a key.
func (v *values) set(name string, hash *quoin.Hash, value []byte, ok bool) {
	w := v.young
	at := slices.Index(w.names, name)
	if at < 0 || len(w.data)+entryBytes*len(w.entries) >= v.limit {
		w, at = v.turn(name)
	}
	w.put(at, hash, nil, value, !ok)
	w.journal = w.journal[:0]
}

// turn begins a new generation if the young one is full or has too many names, and returns the
// young one with the place of the name.
func (v *values) turn(name string) (w *writes, at int) {
	w = v.young
	if len(w.data)+entryBytes*len(w.entries) >= v.limit || len(w.names) >= 2*NamespacesMax {
		v.young, v.old = v.old, w
		w = v.young
		w.reset(v.seed, v.limit+v.limit/8)
	}
	if at = slices.Index(w.names, name); at < 0 {
		at = len(w.names)
		w.names = append(w.names, strings.Clone(name))
	}
	return w, at
}
