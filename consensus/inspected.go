package consensus

import "quoin.dev/quoin"

// Inspected is a machine whose state can be told apart, for checkers that explore all of its states.
type Inspected interface {
	Machine

	// AppendState appends canonical bytes of everything that can change what the machine does: equal
	// bytes, equal behaviour. Left out, besides what only measures, is what no vote and no
	// certificate depends on:
	//
	//   - which signers of a quorum stand in an aggregate;
	//   - whom it asks for what it has missed, and how much it answers whom;
	//   - reports, and the numbers of timers.
	//
	// name stands in for ids of blocks and digests of results before they are appended, and sorted: a
	// checker calls blocks alike that differ only in whose votes stand in their headers. nil changes
	// nothing.
	AppendState(b []byte, name func(quoin.Hash) quoin.Hash) []byte
}
