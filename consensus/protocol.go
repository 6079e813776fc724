package consensus

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/mark"
)

// Protocol is a protocol as whoever runs any of them sees it: conformance suites, checkers,
// simulators. A variant, or a deliberately broken one, is a Protocol of another name.
type Protocol struct {
	Name string
	New  func(Member) Machine

	// Claims returns what a message commits its sender to.
	Claims func(Message) []Claim
	// Exclusive lists pairs of kinds of which only one may be claimed in a view.
	Exclusive [][2]string
	// Final lists pairs of kinds of which a member may not first claim the second in a view in which
	// it claimed the first.
	Final [][2]string
}

// Member is what a machine is made of. All of it is fixed for the epoch.
type Member struct {
	Origin     quoin.Origin
	Epoch      quoin.Epoch
	Validators quoin.ValidatorSet
	Parameters quoin.Parameters
	Self       int // index of this replica; -1 observes: it follows and never votes
	Signer     Signer
	Keys       Keys
	Leaders    Leaders
	Root       Root
	Marks      *mark.Set // gets what is reached; nil outside of simulations
}

// Signer signs this replica's votes. It must not keep the message.
type Signer interface {
	Sign(message []byte) quoin.Signature
}

// Keys verifies votes of the epoch's validators, by index. It must not keep the message.
type Keys interface {
	Verify(i int, message []byte, signature quoin.Signature) bool
}

// Root is the last certified block: for the first view of an epoch the last block of the epoch
// before (as view 0) or the genesis.
type Root struct {
	Block       quoin.Hash
	View        quoin.View // 0 at the start of the epoch
	Checkpoint  quoin.Checkpoint
	Certificate *quoin.Certificate // of this epoch, nil if View is 0
}

// Claim is what a message commits its sender to.
type Claim struct {
	Kind    string
	View    quoin.View
	Content quoin.Hash
	// All says that no two honest members may send differing claims of the kind and view, as
	// certificates; else only one member must not.
	All bool
}
