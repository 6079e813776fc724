package plugin

import "quoin.dev/quoin/hook"

// World is what a call may learn of the chain beyond its own namespace, see hook.World. A state that
// a caller hands to Apply, Query or Validate may implement it; without it such questions end the call
// in the fault import. An error is local.
type World interface {
	// Foreign returns the value of a key of another namespace, lent until the next use.
	Foreign(namespace string, key []byte) (value []byte, ok bool, err error)
	// History returns the block at a height, if it is among the hook.AncestorsMax before.
	History(height uint64) (a hook.Ancestor, ok bool, err error)
	// Proof returns the proof of a key of the own namespace in the state after the block before.
	Proof(key []byte) ([]byte, error)
	// Beacon returns the block's random bytes.
	Beacon() [32]byte
}

// scene is what a call sees beside its request. The zero scene is that of an operation without
// state.
type scene struct {
	reader StateReader
	state  State // nil: read-only
	world  World // nil: there is none
	timeMS uint64
}

func readScene(r StateReader, timeMS uint64) scene {
	w, _ := r.(World)
	return scene{reader: r, world: w, timeMS: timeMS}
}

func writeScene(s State, timeMS uint64) scene {
	w, _ := s.(World)
	return scene{reader: s, state: s, world: w, timeMS: timeMS}
}

// clock is the clock of a call in nanoseconds; it never stands at 0.
func (s *scene) clock() uint64 {
	const most = (1<<63 - 1) / 1_000_000
	return max(min(s.timeMS, most)*1_000_000, clockStartNS)
}
