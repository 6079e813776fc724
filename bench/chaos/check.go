package chaos

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin"
)

// register is the model of a key: what the key-value machine promises for values of eight bytes.
type register struct {
	present bool
	value   int64 // 0 if absent
}

// apply returns what an operation does to a register, and its result.
func (r register) apply(o *Operation) (next register, code uint32, value int64) {
	switch o.Action {
	case Write:
		return register{true, o.A}, plugin.KVDone, 0
	case Read, Add:
		sum := r.value
		if o.Action == Add {
			if o.A > 0 && sum > math.MaxInt64-o.A || o.A < 0 && sum < math.MinInt64-o.A {
				return r, plugin.KVOverflow, 0
			}
			sum += o.A
		}
		return register{true, sum}, plugin.KVDone, sum
	case Swap:
		if !r.present || r.value != o.A {
			return r, plugin.KVMismatch, 0
		}
		return register{true, o.B}, plugin.KVDone, 0
	case Create:
		if r.present {
			return r, plugin.KVMismatch, 0
		}
		return register{true, o.A}, plugin.KVDone, 0
	}
	return register{}, plugin.KVDone, 0 // Delete
}

// model is the register for Porcupine. Its inputs are *Operation; the results are in them.
var model = porcupine.Model{
	Init: func() any { return register{} },
	Step: func(state, input, _ any) (bool, any) {
		o := input.(*Operation)
		next, code, value := state.(register).apply(o)
		return !o.Known() || code == o.Code && value == o.Value, next
	},
	DescribeOperation: func(input, _ any) string { return input.(*Operation).String() },
	DescribeState:     func(state any) string { return fmt.Sprint(state) },
}

// findingsMax bounds the findings of one check: a broken run has thousands of the same.
const findingsMax = 20

type findings []string

func (f *findings) add(format string, a ...any) {
	if len(*f) < findingsMax {
		*f = append(*f, fmt.Sprintf(format, a...))
	}
}

// HistoryCheck is what Porcupine says of a history.
type HistoryCheck struct {
	Keys       int      `json:"keys"`
	Operations int      `json:"operations"`
	Pending    int      `json:"pending"` // of them, with an unknown outcome
	Findings   []string `json:"findings,omitempty"`
}

// CheckHistory has Porcupine look for a linearization of each key's operations, for so long in all. A
// key for which the time did not suffice is a finding, too: what was not shown is not a pass.
func CheckHistory(operations []Operation, limit time.Duration) HistoryCheck {
	keys := map[string][]porcupine.Operation{}
	x := HistoryCheck{Operations: len(operations)}
	end := time.Duration(0)
	for i := range operations {
		end = max(end, operations[i].Call, operations[i].Return)
	}
	for i := range operations {
		o := &operations[i]
		p := porcupine.Operation{ClientId: o.Client, Input: o, Call: int64(o.Call), Return: int64(o.Return)}
		if !o.Known() {
			x.Pending++
			p.Return = int64(end) + 1
		}
		keys[o.Key] = append(keys[o.Key], p)
	}
	x.Keys = len(keys)
	var f findings
	deadline := time.Now().Add(limit)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		left := max(time.Until(deadline), time.Millisecond)
		switch porcupine.CheckOperationsTimeout(model, keys[key], left) {
		case porcupine.Illegal:
			f.add("the %d operations on %s are not linearizable", len(keys[key]), key)
		case porcupine.Unknown:
			f.add("whether the %d operations on %s are linearizable was not decided in time", len(keys[key]), key)
		}
	}
	x.Findings = f
	return x
}

// LedgerEntry is an entry of the final ledger.
type LedgerEntry struct {
	ID     quoin.Hash
	Height quoin.Height
	Result quoin.Result
}

// Ledger is the clients' namespace of the final ledger, by entry number.
type Ledger map[uint64]LedgerEntry

// Check compares the ledger with what clients did and saw, and returns what does not fit, at most
// some of each.
func (l Ledger) Check(h *History) []string {
	var f findings
	places := l.once(&f)
	byID := make(map[quoin.Hash]*Operation, len(h.Operations))
	var moved []*Operation
	for i := range h.Operations {
		o := &h.Operations[i]
		byID[o.ID] = o
		place, there := places[o.ID]
		switch {
		case !o.Known() || there && place == o.Entry:
		case there:
			moved = append(moved, o)
		default:
			f.add("acknowledged and lost: %s", o)
		}
	}
	for _, o := range moved {
		f.add("the ledger has it at entry %d: %s", places[o.ID], o)
	}
	l.replay(byID, h.Reads, &f)
	monotonic(h.Reads, &f)
	return f
}

// once finds ids that occur twice, and returns where each is.
func (l Ledger) once(f *findings) map[quoin.Hash]uint64 {
	places := make(map[quoin.Hash]uint64, len(l))
	for _, entry := range slices.Sorted(maps.Keys(l)) {
		id := l[entry].ID
		if first, there := places[id]; there {
			f.add("transaction %s is in the ledger twice: entries %d and %d", id, first, entry)
			continue
		}
		places[id] = entry
	}
	return places
}

// replay runs the ledger through the model: every result must be the model's, nothing may be there
// that nobody submitted, and no operation may stand before one that had ended when it began.
func (l Ledger) replay(byID map[quoin.Hash]*Operation, reads []StateRead, f *findings) {
	registers := map[string]register{}
	versions := map[string][]version{}
	var latest *Operation // the latest beginning of those so far
	for _, entry := range slices.Sorted(maps.Keys(l)) {
		e := l[entry]
		o := byID[e.ID]
		if o == nil {
			f.add("entry %d is a transaction that nobody submitted: %s", entry, e.ID)
			continue
		}
		next, code, value := registers[o.Key].apply(o)
		registers[o.Key] = next
		versions[o.Key] = append(versions[o.Key], version{e.Height, next})
		got := *o
		if err := got.take(&e.Result); err != nil {
			f.add("entry %d: %v", entry, err)
		} else if got.Code != code || got.Value != value {
			f.add("entry %d has code %d and value %d, the model %d and %d: %s", entry, got.Code, got.Value, code, value, o)
		}
		if o.Known() && (got.Code != o.Code || got.Value != o.Value || e.Height != o.Height) {
			f.add("entry %d is not what the client was told: %s", entry, o)
		}
		if o.Known() && latest != nil && o.Return < latest.Call {
			f.add("the ledger contradicts the clock: %s stands behind %s", o, latest)
		}
		if latest == nil || o.Call > latest.Call {
			latest = o
		}
	}
	for i := range reads {
		if x := &reads[i]; (register{x.Present, x.Value}) != at(versions[x.Key], x.Height) {
			f.add("client %d read %s of height %d as %d (present: %v), the ledger says %v", x.Client, x.Key, x.Height, x.Value, x.Present, at(versions[x.Key], x.Height))
		}
	}
}

// version is a register from a height on.
type version struct {
	height quoin.Height
	register
}

// at returns a register as it was after a height.
func at(versions []version, h quoin.Height) register {
	i, _ := slices.BinarySearchFunc(versions, h, func(v version, h quoin.Height) int {
		if v.height <= h {
			return -1
		}
		return 1
	})
	if i == 0 {
		return register{}
	}
	return versions[i-1].register
}

// monotonic checks that no client reads a state older than what it has seen.
func monotonic(reads []StateRead, f *findings) {
	sorted := slices.Clone(reads)
	slices.SortStableFunc(sorted, func(a, b StateRead) int {
		return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Return, b.Return))
	})
	for i := range sorted {
		x := &sorted[i]
		if x.Height < x.Least || i > 0 && sorted[i-1].Client == x.Client && x.Height < sorted[i-1].Height {
			f.add("client %d read %s of height %d, and had seen a later one", x.Client, x.Key, x.Height)
		}
	}
}
