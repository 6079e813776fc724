package simplex

import (
	"maps"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// link is a block on its way to being certified.
type link struct {
	block      *quoin.Block // nil for the first root
	id         quoin.Hash
	view       quoin.View
	height     quoin.Height
	time       quoin.Time
	parent     *link // nil until known
	stage      stage
	needed     bool // its result matters: notarized, proposed in the current view, or an ancestor
	outdated   bool // an Execute demand is under way whose answer no longer counts
	abstained  bool
	diverged   bool
	adopted    bool // the result is a quorum\'s, not this replica\'s own
	withheld   bool // not to be voted for
	persisted  bool
	checkpoint quoin.Checkpoint
	digest     quoin.Hash
	last       bool // of the epoch, or a tail block
}

type stage uint8

const (
	waiting stage = iota
	executing
	valid
	invalid
)

// add makes a link of a block, or returns the one that there is.
func (m *Simplex) add(b *quoin.Block) *link {
	if l := m.links[b.ID()]; l != nil {
		return l
	}
	h := b.Header()
	l := &link{block: b, id: b.ID(), view: h.View, height: h.Height, time: h.Time, parent: m.links[h.Parent]}
	m.links[l.id] = l
	m.order = append(m.order, l)
	delete(m.fetching, l.id)
	for _, child := range m.order {
		if child.parent == nil && child.block.Header().Parent == l.id {
			child.parent = l
			if child.needed {
				m.need(l)
			}
		}
	}
	return l
}

// need marks a block and its ancestors for execution.
func (m *Simplex) need(l *link) {
	for ; l != nil && l != m.root && !l.needed; l = l.parent {
		l.needed = true
	}
}

// extends reports whether l is, or descends from, the highest certified block.
func (m *Simplex) extends(l *link) bool {
	for top := m.top(); l != nil; l = l.parent {
		if l.id == top {
			return true
		}
	}
	return false
}

// depth counts the blocks above the highest certified one up to l.
func (m *Simplex) depth(l *link) uint64 {
	n := uint64(0)
	for ; l != nil && l.view > m.certified(); l = l.parent {
		n++
	}
	return n
}

// fits reports whether a header follows from its parent by the rules that need no execution, no
// clock and no leader.
func fits(h *quoin.Header, parent *link) bool {
	if h.Parent != parent.id || h.ParentView != parent.view || h.View <= parent.view {
		return false
	}
	if parent.last {
		return h.Height == parent.height && h.Time == parent.time && h.Count == 0
	}
	return h.Height == parent.height+1 && h.Time > parent.time
}

// pump demands the executions that have become possible.
func (m *Simplex) pump(out *consensus.Output) {
	for again := true; again; {
		again = false
		for _, l := range m.order {
			if l.stage != waiting || !l.needed || l.abstained || l.outdated || l.parent == nil {
				continue
			}
			switch {
			case l.parent.stage == invalid || l.parent.stage == valid && !fits(l.block.Header(), l.parent):
				m.refuse(l, out)
				again = true
			case l.parent.stage == valid && l.block.Header().ParentCheckpoint != l.parent.digest:
				m.diverge(l.parent, out)
			case l.parent.stage == valid:
				l.stage = executing
				out.Execute = append(out.Execute, consensus.Execution{Block: l.block})
			}
		}
	}
}

// executed takes the answer to an Execute demand. A second answer for the same block replaces a
// result that differed from the quorum's; what was executed on the old result is executed again.
func (m *Simplex) executed(in consensus.Executed, out *consensus.Output) {
	l := m.links[in.Block]
	if l == nil || l == m.root || l.parent == nil {
		return
	}
	if l.outdated {
		m.c.Marks.Reach(&marks[markOutdated])
		l.outdated = false
		return
	}
	before, digest := l.stage, l.digest
	switch in.Verdict {
	case consensus.Abstain:
		m.c.Marks.Reach(&marks[markAbstained])
		l.stage, l.abstained = waiting, true
		return
	case consensus.Invalid:
		m.c.Marks.Reach(&marks[markInvalidExecuted])
		m.refuse(l, out)
		if before == valid {
			m.redo(l)
		}
		return
	}
	if c := &in.Checkpoint; c.Origin != m.c.Origin || c.Epoch != m.c.Epoch || c.View != l.view || c.Block != l.id ||
		c.Height != l.height || c.Time != l.time || l.parent.last && !in.Last {
		panic("simplex: a block was executed to the checkpoint of another: " + l.id.String())
	}
	l.stage, l.diverged, l.abstained = valid, false, false
	l.checkpoint, l.last, l.withheld, l.adopted = in.Checkpoint, in.Last, in.Withhold || in.Adopted, in.Adopted
	l.digest = l.checkpoint.Digest()
	if before == invalid || before == valid && l.digest != digest {
		m.redo(l)
	}
	m.finalize(l.view, out)
}

// redo makes the descendants of a block wait for execution again.
func (m *Simplex) redo(top *link) {
	for _, l := range m.order {
		for at := l.parent; at != nil && l != top; at = at.parent {
			if at == top {
				m.c.Marks.Reach(&marks[markRedone])
				l.outdated = l.stage == executing
				l.stage = waiting
				break
			}
		}
	}
}

func (m *Simplex) refuse(l *link, out *consensus.Output) {
	l.stage = invalid
	m.report(out, consensus.RefusedBlock, l.view, l.id)
	if r := m.rounds[l.view]; r != nil && r.notarization != nil && r.notarization.Block == l.id {
		m.diverge(l, out)
	}
}

// diverge reports, once, that a quorum has another result for a block than this replica.
func (m *Simplex) diverge(l *link, out *consensus.Output) {
	if !l.diverged {
		l.diverged = true
		m.report(out, consensus.Diverged, l.view, l.id)
	}
}

// settle commits the highest certificate whose block was executed with the certified result.
func (m *Simplex) settle(out *consensus.Output) {
	for _, c := range []*quoin.Certificate{m.step, m.cert} {
		if c == nil || c.Checkpoint.View <= m.root.view || !m.running() {
			continue
		}
		l := m.links[c.Checkpoint.Block]
		m.c.Marks.Sometimes(&marks[markSettledByStep], c == m.step && l != nil && l.stage == valid)
		switch {
		case l == nil || l.stage == waiting || l.stage == executing:
		case l.stage == valid && l.digest == c.Checkpoint.Digest():
			m.commit(l, c, out)
		default:
			m.diverge(l, out)
		}
	}
}

func (m *Simplex) commit(l *link, c *quoin.Certificate, out *consensus.Output) {
	var blocks []*quoin.Block
	at := l
	for ; at != nil && at != m.root; at = at.parent {
		blocks = append(blocks, at.block)
	}
	m.c.Marks.Always(&marks[markNoConflict], at != nil)
	if at == nil {
		// Only more than f faulty validators can bring this about. Nothing more may be certified.
		m.halted = true
		m.report(out, consensus.Conflict, l.view, l.id)
		return
	}
	m.c.Marks.Sometimes(&marks[markCertifiedSeveral], len(blocks) > 1)
	slices.Reverse(blocks)
	m.root, l.parent = l, nil
	m.ended = l.last
	m.c.Marks.Sometimes(&marks[markCertifiedByTail], len(blocks) > 1 && blocks[len(blocks)-1].Header().Height == blocks[len(blocks)-2].Header().Height)
	out.Certified = append(out.Certified, consensus.Certified{Blocks: blocks, Certificate: *c, Ended: m.ended})
	m.forget()
	if !m.ended && m.cert != nil && m.cert.Checkpoint.View > m.root.view {
		delete(m.fetching, m.cert.Checkpoint.Block) // the next part of a long way
		m.missing(out)
	}
}

// forget drops what the root makes obsolete: everything that does not descend from it, blocks whose
// ancestors are not known yet apart.
func (m *Simplex) forget() {
	m.order = slices.DeleteFunc(m.order, func(l *link) bool { return !m.alive(l) })
	maps.DeleteFunc(m.links, func(_ quoin.Hash, l *link) bool { return l != m.root && !m.alive(l) })
	maps.DeleteFunc(m.rounds, func(v quoin.View, _ *round) bool { return v <= m.root.view })
	maps.DeleteFunc(m.leaders, func(k leaderKey, _ int) bool { return k.view <= m.root.view })
	if m.cert == nil || m.cert.Checkpoint.View <= m.root.view {
		m.step = nil
	}
	maps.DeleteFunc(m.fetching, func(_ quoin.Hash, q question) bool { return q.tick+2 < m.ticks })
}

func (m *Simplex) alive(l *link) bool {
	if l.view <= m.root.view {
		return false
	}
	for l.parent != nil && l.parent != m.root {
		l = l.parent
	}
	return l.parent == m.root || l.stage == waiting && l.view > m.root.view
}
