package consensus

// Inspected is a machine whose state can be told apart, for checkers that explore all of its states.
type Inspected interface {
	Machine

	// AppendState appends canonical bytes of everything that can change what the machine does: equal
	// bytes, equal behaviour. Left out, besides what only measures, is what no vote and no
	// certificate depends on:
	//
	//   - which signers of a quorum stand in an aggregate, and so in the header of a block on it;
	//   - whom it asks for what it has missed, and how much it answers whom;
	//   - reports, and the numbers of timers.
	AppendState(b []byte) []byte
}
