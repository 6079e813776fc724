package node

import (
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/replica"
)

// Status is a snapshot of a node for people.
type Status struct {
	replica.Overview
	Stats    replica.Stats
	Samples  SampleStats
	Key      quoin.PublicKey
	Observer string // why the node does not vote although it is a validator
	Synced   quoin.Height
	Fsyncs   uint64
	At       time.Time
}

// Status returns the latest snapshot: at most some milliseconds old on a busy node.
func (n *Node) Status() Status { return *n.status.Load() }

func (n *Node) describe(r *replica.Replica, synced quoin.Height) {
	s := &Status{Overview: r.Overview(), Stats: r.Stats(), Samples: n.sampler.stats(), Key: n.key, Observer: n.observer, Synced: synced, At: time.Now()}
	s.Fsyncs = n.fs.Syncs() + n.store.Syncs()
	n.status.Store(s)
	if n.c.Observer != nil {
		n.c.Observer.Described(s)
	}
}
