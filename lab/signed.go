package lab

import "quoin.dev/quoin/consensus/simplex"

// signed checks KERNEL K1: what honest replicas send is signed for this chain, epoch and view, and for
// nothing else that is signed here.
type signed struct {
	blind
	w       *world
	members func(n *node, m *message) *members
}

func (s *signed) sent(n *node, m *message) {
	if m.consensus == nil {
		return
	}
	set := s.members(n, m)
	if set == nil {
		return
	}
	i, ok := set.set.Index(n.key)
	if !ok {
		return
	}
	origin, good := s.w.origin.ID(), true
	switch x := m.consensus.(type) {
	case *simplex.Proposal:
		good = set.keys.Verify(i, simplex.ProposeBytes(origin, m.epoch, x.Block.Header().View, x.Block.ID()), x.Signature)
	case *simplex.Notarize:
		good = set.keys.Verify(i, simplex.NotarizeBytes(origin, m.epoch, x.View, x.Block, x.Checkpoint), x.Signature)
	case *simplex.Nullify:
		good = set.keys.Verify(i, simplex.NullifyBytes(origin, m.epoch, x.View), x.Signature)
	case *simplex.Finalize:
		good = x.Checkpoint.Origin == s.w.origin && x.Checkpoint.Epoch == m.epoch && set.keys.Verify(i, x.Checkpoint.CosignedBytes(), x.Signature)
	}
	if !good {
		s.w.broken("K1/signed", "%s sends a %s of epoch %d that is not signed for this chain, epoch and view", n.name, m.consensus.Kind(), m.epoch)
	}
}
