package governance

import (
	"fmt"
	"iter"

	"quoin.dev/quoin"
)

// Block is what of a ledger block bears on the configuration.
type Block struct {
	Height  quoin.Height
	Faults  []SlotFault   // as recorded by its execution, in that order
	Entries []quoin.Entry // in the order of the ledger; those that are no commands do not matter
	Defects []SlotFault   // of machines on trial, in the order of the ledger: they are recorded after the entries
}

// SlotFault is a fault that RecordFault counts.
type SlotFault struct {
	Slot string
	Code uint32
}

// Fold recomputes from nothing but the ledger which configurations served: that of the genesis and
// those of every epoch that the blocks up to height last begin, in their order. Blocks come in
// ascending order of heights; those without faults and commands may be left out. It reports an error
// if the blocks are out of order or if a command's recorded result is not what it must have been;
// lifting suspensions aside, whose evidence is not among the commands.
func Fold(env Environment, genesis *quoin.Configuration, blocks iter.Seq[Block], last quoin.Height) ([]quoin.Configuration, error) {
	return fold(env, genesis, blocks, last, Flaws{})
}

func fold(env Environment, genesis *quoin.Configuration, blocks iter.Seq[Block], last quoin.Height, f Flaws) ([]quoin.Configuration, error) {
	s := memory{}
	Init(s, genesis)
	epochs := []quoin.Configuration{*genesis}
	begin := func(h quoin.Height) {
		d := f.Decide(env, s, h)
		Enact(s, d)
		if d.Next != nil {
			epochs = append(epochs, *d.Next)
		}
	}
	h := quoin.Height(0)
	for b := range blocks {
		if b.Height <= h || b.Height > last {
			return epochs, fmt.Errorf("governance: block %d after %d in a fold up to %d: want ascending heights", b.Height, h, last)
		}
		for h < b.Height {
			h++
			begin(h)
		}
		for _, x := range b.Faults {
			RecordFault(env, s, x.Slot, x.Code, h)
		}
		for i := range b.Entries {
			if err := f.replay(env, s, h, &b.Entries[i]); err != nil {
				return epochs, err
			}
		}
		for _, x := range b.Defects {
			RecordFault(env, s, x.Slot, x.Code, h)
		}
	}
	for h < last {
		h++
		begin(h)
	}
	return epochs, nil
}

func (f Flaws) replay(env Environment, s State, h quoin.Height, e *quoin.Entry) error {
	t := &e.Transaction
	if !t.Kernel() || !IsCommand(t.Payload) || len(t.Payload) > 0 && Kind(t.Payload[0]) == KindLift {
		return nil
	}
	if x := f.Apply(env, s, h, t.Sender, t.Payload); x.Code != e.Result.Code {
		return fmt.Errorf("governance: a command of %s in block %d has result %s on the ledger and %s when replayed",
			t.Sender, h, Code(e.Result.Code), Code(x.Code))
	}
	return nil
}

// memory is a state of its own.
type memory map[string][]byte

var _ State = memory{}

func (m memory) Get(key []byte) ([]byte, bool) {
	v, ok := m[string(key)]
	return v, ok
}

func (m memory) Put(key, value []byte) { m[string(key)] = value }
func (m memory) Delete(key []byte)     { delete(m, string(key)) }
