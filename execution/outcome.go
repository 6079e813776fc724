package execution

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/ledger"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/state"
)

// Outcome is what executing a block on its parent gave. It is immutable.
type Outcome struct {
	Block      *quoin.Block
	Checkpoint quoin.Checkpoint
	IDs        []quoin.Hash
	Results    []quoin.Result
	Last       bool                  // the last block of its epoch, or a tail block
	Next       *quoin.Configuration  // of the epoch that begins after a last block, nil otherwise
	Leader     Lead                  // who was asked for the proposer, and what it cost
	Delay      hook.FinalityResponse // before the block is reported as final to those who ask
	Faults     []SlotFault           // of plugins, by no client's input
	Suspended  string                // a namespace that the block suspended
	Logs       []PluginLog           // for people
	// Comparisons has one for each governance.Watch that covers the block and that could be compared
	// here, in the order of governance.Watched. It is in neither block nor state, and nil for a block
	// that was not executed here.
	Comparisons []Comparison

	parent  *Outcome // nil on the certified tip
	overlay *state.Overlay
	segment *ledger.Segment
	before  ledger.Edge // of the ledger before the block
	edge    ledger.Edge // and after
	seen    map[quoin.Hash]uint32
	// suspended keeps which namespaces were suspended before the block: suspension acts from the
	// next block on.
	suspended map[string]bool
	written   int // by machines, see WritesMax
	discarded int // by batches that failed
	delay     plugin.DelayResult
	traces    map[string]*trace // by namespace: of those that something runs beside
	undo      undo
	flaws     *Flaws
}

// PluginLog is what a plugin logged while it applied a transaction.
type PluginLog struct {
	Index   uint32
	Text    []byte
	Dropped uint64
}

// Tail reports whether the outcome is that of a tail block.
func (o *Outcome) Tail() bool { return o.parent != nil && o.segment == nil }

// Segment returns the entries that the block adds to the ledger; nil for a tail block.
func (o *Outcome) Segment() *ledger.Segment { return o.segment }

// Overlay returns the state after the block.
func (o *Outcome) Overlay() *state.Overlay { return o.overlay }

// has looks for a transaction in this block and its uncertified ancestors.
func (o *Outcome) has(id quoin.Hash) bool {
	for ; o != nil; o = o.parent {
		if _, ok := o.seen[id]; ok {
			return true
		}
	}
	return false
}

// Before returns the edge of the ledger before the block.
func (o *Outcome) Before() ledger.Edge { return o.before }

// Parent returns the outcome on which this one stands; nil if that is the certified tip.
func (o *Outcome) Parent() *Outcome { return o.parent }
