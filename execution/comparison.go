package execution

import "quoin.dev/quoin/governance"

// Comparison is what one block's comparisons of a candidate and an incumbent found.
type Comparison struct {
	Proposal governance.ProposalNumber
	Round    uint64
	Trial    bool // the candidate serves, and the incumbent runs beside it
	governance.Comparison
}
