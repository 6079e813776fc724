package lab

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/replica"
)

// alike checks that honest replicas come to one result for one block (I4), unless the world's machines
// are made to differ; and that a namespace is suspended only where they came to several (KERNEL K7).
type alike struct {
	blind
	w       *world
	results map[blockVote]quoin.Hash
	split   bool // honest replicas have differed
}

type blockVote struct {
	epoch quoin.Epoch
	block quoin.Hash
}

func (a *alike) sent(n *node, m *message) {
	switch x := m.consensus.(type) {
	case *simplex.Notarize:
		a.result(n, blockVote{m.epoch, x.Block}, x.Checkpoint)
	case *simplex.Finalize:
		a.result(n, blockVote{m.epoch, x.Checkpoint.Block}, x.Checkpoint.Digest())
	}
}

func (a *alike) result(n *node, of blockVote, digest quoin.Hash) {
	before, ok := a.results[of]
	a.results[of] = digest
	if !ok || before == digest {
		return
	}
	a.split = true
	if !a.w.differing() {
		a.w.broken("I4/alike", "%s votes for block %v as %v; another honest replica voted for it as %v", n.name, of.block, digest, before)
	}
}

func (a *alike) event(n *node, e *replica.Event) {
	if e.Kind == replica.Suspended && !a.split {
		a.w.broken("K7/alike", "%s has %s suspended at height %d; no two honest replicas have differed", n.name, e.Reason, e.Height)
	}
}

// differing reports whether the world's machines are made to differ from replica to replica.
func (w *world) differing() bool {
	return w.machines != nil && (w.plant.Bug == "" || w.plant.differing)
}
