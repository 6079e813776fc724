package chained

import (
	"bytes"
	"maps"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
)

var _ consensus.Inspected = (*Chained)(nil)

// AppendState appends everything that can change a vote or a certificate. See consensus.Inspected.
//
// Left out, with the reason:
//
//   - votes that can neither prove a block nor certify its parent any more, and timeouts of views that
//     are over: they are not counted;
//   - the order in which blocks and votes came: each answer to a demand counts for itself. That of
//     proposals stays: the first valid one is voted for;
//   - peers, ticks and the rest of a question: whom to ask and to answer;
//   - equivocators, agreed, diverged: what was reported;
//   - leaders: a cache of a pure function. candidateBytes: a sum. timer: a number.
func (m *Chained) AppendState(b []byte, name func(quoin.Hash) quoin.Hash) []byte {
	s := state{b, name}
	s.flags(m.wanted, m.nothing, m.started, m.ended, m.halted, m.armed)
	s.views(m.view, m.lock, m.proposed, max(m.stirred, m.view-1))
	s.proof(m.high)
	if s.flags(m.tc != nil); m.tc != nil {
		s.views(m.tc.View, m.tc.highest())
		s.proof(m.tc.Proof)
	}
	for _, c := range []*quoin.Certificate{m.cert, m.step} {
		if s.flags(c != nil); c != nil {
			s.proven(provenBy(&c.Checkpoint))
		}
	}
	if s.flags(m.voted != nil); m.voted != nil {
		s.vote(m.voted)
	}
	if s.flags(m.gaveUp != nil); m.gaveUp != nil {
		s.views(m.gaveUp.View, m.gaveUp.High)
	}
	s.tree(&m.tree)
	for _, v := range slices.Sorted(maps.Keys(m.rounds)) {
		m.appendRound(&s, v, m.rounds[v])
	}
	s.views(quoin.View(len(m.candidates)))
	for _, c := range m.candidates {
		s.hash(c.Block.ID())
		s.flags(c.refused, c.link != nil, c.Opened != nil)
		if c.Opened != nil {
			s.views(c.Opened.highest())
		}
	}
	s.flags(m.building != nil)
	if x := m.building; x != nil {
		s.b = canonical.AppendUint64(s.b, x.Time)
		s.hash(x.Parent)
		s.flags(x.Empty, x.Tail, x.Must)
	}
	for _, id := range slices.SortedFunc(maps.Keys(m.fetching), s.compare) {
		s.hash(id)
	}
	return s.b
}

// appendRound appends the votes and timeouts that still count.
func (m *Chained) appendRound(s *state, v quoin.View, r *round) {
	for i, x := range r.votes {
		if x != nil && m.counts(v) && (v > provenView(m.high) || x.Parent != nil && x.Parent.View > m.certified()) {
			s.b = append(s.b, 'v', byte(i))
			s.vote(x)
		}
	}
	for i, x := range r.timeouts {
		if x != nil && v >= m.view {
			s.b = append(s.b, 't', byte(i))
			s.views(x.View, x.High)
		}
	}
}

// state is canonical bytes, with names in place of hashes.
type state struct {
	b    []byte
	name func(quoin.Hash) quoin.Hash
}

func (s *state) flags(all ...bool) {
	for _, x := range all {
		s.b = canonical.AppendBool(s.b, x)
	}
}

func (s *state) views(all ...quoin.View) {
	for _, x := range all {
		s.b = canonical.AppendUint64(s.b, x)
	}
}

func (s *state) named(h quoin.Hash) quoin.Hash {
	if s.name != nil {
		return s.name(h)
	}
	return h
}

func (s *state) compare(x, y quoin.Hash) int {
	x, y = s.named(x), s.named(y)
	return bytes.Compare(x[:], y[:])
}

func (s *state) hash(h quoin.Hash) {
	h = s.named(h)
	s.b = append(s.b, h[:]...)
}

func (s *state) proven(p proven) {
	s.views(p.view)
	s.hash(p.block)
	s.hash(p.checkpoint)
}

func (s *state) proof(p Proof) {
	if s.flags(p != nil); p != nil {
		s.proven(p.proves())
	}
}

func (s *state) vote(x *Vote) {
	s.proven(x.proves())
	if s.flags(x.Parent != nil); x.Parent != nil {
		s.hash(x.Parent.Digest())
	}
}

func (s *state) tree(t *tree) {
	s.hash(t.root.id)
	s.views(quoin.View(len(t.order)))
	for _, l := range slices.SortedFunc(slices.Values(t.order), func(x, y *link) int { return s.compare(x.id, y.id) }) {
		s.hash(l.id) // of the block, view, height and time
		s.b = append(s.b, byte(l.stage))
		s.flags(l.parent != nil, l.needed, l.outdated, l.abstained, l.adopted, l.withheld, l.persisted, l.last)
		s.hash(l.digest) // of the checkpoint
	}
}
