package simplex

import "quoin.dev/quoin"

// Agreed returns the digest of the result that a quorum has voted for. See consensus.Machine.
func (m *Simplex) Agreed(block quoin.Hash) (quoin.Hash, bool) {
	for _, c := range []*quoin.Certificate{m.cert, m.step} {
		if c != nil && c.Checkpoint.Block == block {
			return c.Checkpoint.Digest(), true
		}
	}
	l := m.links[block]
	if l == nil {
		return quoin.Hash{}, false
	}
	if r := m.rounds[l.view]; r != nil && r.notarization != nil && r.notarization.Block == block {
		return r.notarization.Checkpoint, true
	}
	// A block that others built upon was notarized; its child's header says with which result.
	for _, child := range m.order {
		if h := child.block.Header(); h.Parent == block && child.needed {
			m.c.Marks.Reach(&marks[markAgreedByChild])
			return h.ParentCheckpoint, true
		}
	}
	return quoin.Hash{}, false
}
