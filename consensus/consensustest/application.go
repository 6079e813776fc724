package consensustest

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// leaders is the toy leader function: of the view and the parent's height, so that replicas which
// disagree on the parent disagree on the leader.
type leaders struct{ n *node }

func (l leaders) Leader(v quoin.View, parent quoin.Hash) (int, bool) {
	members := uint64(len(l.n.w.nodes))
	switch l.n.w.policy {
	case 0:
		return int(uint64(v) % members), true
	case 1:
		return int(l.n.w.favourite), true
	}
	o := l.n.outcomes[parent]
	if o == nil {
		return 0, false
	}
	return int((uint64(v) + uint64(o.Checkpoint.Height) + uint64(o.Checkpoint.Block[0])) % members), true
}

var _ consensus.Leaders = leaders{}
