package simplex

import (
	"bytes"
	"maps"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
)

var _ consensus.Inspected = (*Simplex)(nil)

// AppendState appends everything that can change a vote or a certificate. See consensus.Inspected.
//
// Left out, with the reason:
//
//   - votes of a round that has its aggregate, or is at or below the highest certificate: they are not
//     counted any more;
//   - the order in which blocks and votes came: what waits for execution is demanded in that order,
//     but each answer counts for itself. That of proposals stays: the first valid one is voted for;
//   - peers, ticks and the rest of a question: whom to ask and to answer;
//   - equivocators, suspected, split, diverged: what was reported;
//   - leaders: a cache of a pure function. candidateBytes: a sum. timer: a number.
func (m *Simplex) AppendState(b []byte) []byte {
	for _, flag := range []bool{m.wanted, m.nothing, m.started, m.ended, m.halted, m.armed, m.overdue, m.stirred >= m.view} {
		b = canonical.AppendBool(b, flag)
	}
	for _, v := range []quoin.View{m.view, m.notarized, m.hole, max(m.stirred, m.view)} {
		b = canonical.AppendUint64(b, v)
	}
	b = appendContent(b, m.enteredBy)
	b = appendCertificate(appendCertificate(b, m.cert), m.step)
	b = append(b, m.root.id[:]...)
	b = canonical.AppendUint32(b, uint32(len(m.order)))
	for _, l := range slices.SortedFunc(slices.Values(m.order), func(x, y *link) int { return bytes.Compare(x.id[:], y.id[:]) }) {
		b = l.appendState(b)
	}
	b = canonical.AppendUint32(b, uint32(len(m.rounds)))
	for _, v := range slices.Sorted(maps.Keys(m.rounds)) {
		b = m.rounds[v].appendState(canonical.AppendUint64(b, v), v > m.certified(), v >= m.view)
	}
	b = canonical.AppendUint32(b, uint32(len(m.candidates)))
	for _, p := range m.candidates {
		id := p.Block.ID()
		b = canonical.AppendBool(append(b, id[:]...), p.Parent != nil)
		if p.Parent != nil {
			b = appendContent(b, p.Parent)
		}
		b = appendCertificate(b, p.Highest)
	}
	b = canonical.AppendBool(b, m.building != nil)
	if x := m.building; x != nil {
		b = append(canonical.AppendUint64(canonical.AppendUint64(b, x.View), x.Time), x.Parent[:]...)
		for _, flag := range []bool{x.Empty, x.Tail, x.Must} {
			b = canonical.AppendBool(b, flag)
		}
	}
	b = canonical.AppendUint32(b, uint32(len(m.fetching)))
	for _, id := range slices.SortedFunc(maps.Keys(m.fetching), compareHashes) {
		b = append(b, id[:]...)
	}
	return b
}

func (l *link) appendState(b []byte) []byte {
	b = append(b, l.id[:]...) // of the block, view, height and time
	b = append(b, byte(l.stage))
	for _, flag := range []bool{l.parent != nil, l.needed, l.outdated, l.abstained, l.adopted, l.withheld, l.persisted, l.last} {
		b = canonical.AppendBool(b, flag)
	}
	return append(b, l.digest[:]...) // of the checkpoint
}

// appendState appends what matters of a round: its votes if they still count, what holds for the
// current view and later ones if it is one.
func (r *round) appendState(b []byte, counts, ahead bool) []byte {
	for i := range r.notarizes {
		if x := r.notarizes[i]; counts && r.notarization == nil && x != nil {
			b = appendContent(append(b, byte(i)), x)
		}
		if x := r.nullifies[i]; counts && r.nullification == nil && x != nil {
			b = appendContent(append(b, byte(i)), x)
		}
		if x := r.finalizes[i]; counts && x != nil {
			b = appendContent(append(b, byte(i)), x)
		}
	}
	own := []consensus.Message{nil, nil, nil, nil, nil}
	if r.notarization != nil {
		own[0] = r.notarization
	}
	if r.nullification != nil {
		own[1] = r.nullification
	}
	if r.voted != nil {
		own[2] = r.voted
	}
	if r.nullified != nil {
		own[3] = r.nullified
	}
	if r.finalized != nil {
		own[4] = r.finalized
	}
	for _, x := range own {
		b = appendContent(b, x)
	}
	for _, i := range slices.Sorted(maps.Keys(r.offers)) {
		for _, id := range slices.SortedFunc(slices.Values(r.offers[i]), compareHashes) {
			if counts {
				b = append(append(b, 'o', byte(i)), id[:]...)
			}
		}
	}
	if !ahead {
		return b
	}
	b = canonical.AppendBool(canonical.AppendBool(b, r.proposed), r.hopeless)
	b = canonical.AppendBool(b, r.proposal != nil)
	if r.proposal != nil {
		b = append(b, r.proposal.id[:]...)
	}
	for _, i := range slices.Sorted(maps.Keys(r.leaderCalls)) {
		b = append(b, 'l', byte(i), byte(r.leaderCalls[i]))
	}
	return b
}

// appendContent appends what a vote or an aggregate says, without who says it.
func appendContent(b []byte, m consensus.Message) []byte {
	switch x := m.(type) {
	case nil:
		return append(b, 0)
	case *Notarize:
		b = canonical.AppendUint64(append(b, kindNotarize), x.View)
		return append(append(b, x.Block[:]...), x.Checkpoint[:]...)
	case *Nullify:
		return canonical.AppendUint64(append(b, kindNullify), x.View)
	case *Finalize:
		digest := x.Checkpoint.Digest()
		return append(append(b, kindFinalize), digest[:]...)
	case *Notarization:
		b = canonical.AppendUint64(append(b, kindNotarization), x.View)
		return append(append(b, x.Block[:]...), x.Checkpoint[:]...)
	case *Nullification:
		return canonical.AppendUint64(append(b, kindNullification), x.View)
	case *Certificate:
		return appendCertificate(append(b, kindCertificate), &x.Certificate)
	}
	panic("simplex: a " + m.Kind() + " in the state of a machine")
}

func appendCertificate(b []byte, c *quoin.Certificate) []byte {
	b = canonical.AppendBool(b, c != nil)
	if c != nil {
		digest := c.Checkpoint.Digest()
		b = append(b, digest[:]...)
	}
	return b
}

func compareHashes(x, y quoin.Hash) int { return bytes.Compare(x[:], y[:]) }
