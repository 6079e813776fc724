package disk

import (
	"slices"

	"quoin.dev/quoin/mark"
)

// Marks returns the coverage marks of this package.
func Marks() []mark.Mark { return slices.Clone(marks[:]) }

const (
	markTorn = iota
	markNotTheNewest
	markRotClosed
	markRotSynced
	markRotBehind
	markOlder
	markRolled
	markPruned
	markReopened
)

var marks = [...]mark.Mark{
	markTorn:         {Name: "disk/torn", Kind: mark.Sometimes, Says: "opening cut a torn tail off"},
	markNotTheNewest: {Name: "disk/not-the-newest", Kind: mark.Reachable, Says: "damage before the newest segment is refused: package disk"},
	markRotClosed:    {Name: "disk/rot-closed", Kind: mark.Reachable, Says: "damage to a log that was closed cleanly is refused: in no world of the lab"},
	markRotSynced:    {Name: "disk/rot-synced", Kind: mark.Reachable, Says: "damage to a record that is known to have been synced is refused: in no world of the lab"},
	markRotBehind:    {Name: "disk/rot-behind", Kind: mark.Reachable, Says: "damage is refused, as a record behind it says it was synced: in no world of the lab"},
	markOlder:        {Name: "disk/older", Kind: mark.Reachable, Says: "a log that is older than its last run is refused: in no world of the lab"},
	markRolled:       {Name: "disk/rolled", Kind: mark.Sometimes, Says: "a new segment is begun"},
	markPruned:       {Name: "disk/pruned", Kind: mark.Sometimes, Says: "segments are dropped"},
	markReopened:     {Name: "disk/reopened", Kind: mark.Sometimes, Says: "a log that was not closed is opened again"},
}
