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
//   - leaders: a cache of a pure function. candidateBytes: a sum. timer: a number. encoded: scratch.
func (m *Simplex) AppendState(b []byte, name func(quoin.Hash) quoin.Hash) []byte {
	w := stateWriter{b, name}
	for _, flag := range []bool{m.wanted, m.nothing, m.started, m.ended, m.halted, m.armed, m.overdue} {
		w.bool(flag)
	}
	for _, v := range []quoin.View{m.view, m.notarized, m.hole, max(m.stirred, m.view-1)} {
		w.number(uint64(v))
	}
	w.content(m.enteredBy)
	w.certificate(m.cert)
	w.certificate(m.step)
	w.hash(m.root.id)
	w.number(uint64(len(m.order)))
	for _, l := range slices.SortedFunc(slices.Values(m.order), func(x, y *link) int { return w.compare(x.id, y.id) }) {
		w.link(l)
	}
	w.number(uint64(len(m.rounds)))
	for _, v := range slices.Sorted(maps.Keys(m.rounds)) {
		w.number(uint64(v))
		w.round(m.rounds[v], v > m.certified(), v >= m.view)
	}
	w.number(uint64(len(m.candidates)))
	for _, p := range m.candidates {
		w.hash(p.Block.ID())
		if w.bool(p.Parent != nil) {
			w.content(p.Parent)
		}
		w.certificate(p.Highest)
	}
	if x := m.building; w.bool(x != nil) {
		w.number(uint64(x.View))
		w.number(uint64(x.Time))
		w.hash(x.Parent)
		for _, flag := range []bool{x.Empty, x.Tail, x.Must} {
			w.bool(flag)
		}
	}
	w.hashes(slices.Collect(maps.Keys(m.fetching)))
	return w.b
}

// stateWriter appends canonical bytes, with names in place of hashes.
type stateWriter struct {
	b    []byte
	name func(quoin.Hash) quoin.Hash
}

func (w *stateWriter) bool(x bool) bool {
	w.b = canonical.AppendBool(w.b, x)
	return x
}

func (w *stateWriter) number(x uint64) { w.b = canonical.AppendUint64(w.b, x) }

func (w *stateWriter) named(h quoin.Hash) quoin.Hash {
	if w.name == nil {
		return h
	}
	return w.name(h)
}

func (w *stateWriter) hash(h quoin.Hash) {
	h = w.named(h)
	w.b = append(w.b, h[:]...)
}

func (w *stateWriter) hashes(all []quoin.Hash) {
	w.number(uint64(len(all)))
	for _, h := range slices.SortedFunc(slices.Values(all), w.compare) {
		w.hash(h)
	}
}

func (w *stateWriter) compare(x, y quoin.Hash) int {
	x, y = w.named(x), w.named(y)
	return bytes.Compare(x[:], y[:])
}

func (w *stateWriter) link(l *link) {
	w.hash(l.id) // of the block, view, height and time
	w.b = append(w.b, byte(l.stage))
	for _, flag := range []bool{l.parent != nil, l.needed, l.outdated, l.abstained, l.adopted, l.withheld, l.persisted, l.last} {
		w.bool(flag)
	}
	w.hash(l.digest) // of the checkpoint
}

// round appends what matters of a round: votes if they still count, and if it is of the current view or
// a later one, what holds for those only.
func (w *stateWriter) round(r *round, counts, ahead bool) {
	for i := range r.notarizes {
		if x := r.notarizes[i]; w.bool(counts && r.notarization == nil && x != nil) {
			w.content(x)
		}
		if x := r.nullifies[i]; w.bool(counts && r.nullification == nil && x != nil) {
			w.content(x)
		}
		if x := r.finalizes[i]; w.bool(counts && x != nil) {
			w.content(x)
		}
	}
	if w.bool(r.notarization != nil) {
		w.content(r.notarization)
	}
	if w.bool(r.voted != nil) {
		w.content(r.voted)
	}
	if w.bool(r.finalized != nil) {
		w.content(r.finalized)
	}
	w.bool(r.nullification != nil)
	w.bool(r.nullified != nil)
	for i := 0; counts && i < len(r.notarizes); i++ {
		w.hashes(r.offers[i])
	}
	if !ahead {
		return
	}
	w.bool(r.proposed)
	w.bool(r.hopeless)
	if w.bool(r.proposal != nil) {
		w.hash(r.proposal.id)
	}
	for i := range r.notarizes {
		w.number(uint64(r.leaderCalls[i]))
	}
}

// content appends what a vote or an aggregate says, without who says it.
func (w *stateWriter) content(m consensus.Message) {
	switch x := m.(type) {
	case nil:
		w.b = append(w.b, 0)
	case *Notarize:
		w.result(kindNotarize, x.View, x.Block, x.Checkpoint)
	case *Notarization:
		w.result(kindNotarization, x.View, x.Block, x.Checkpoint)
	case *Nullify:
		w.result(kindNullify, x.View, quoin.Hash{}, quoin.Hash{})
	case *Nullification:
		w.result(kindNullification, x.View, quoin.Hash{}, quoin.Hash{})
	case *Finalize:
		w.result(kindFinalize, x.Checkpoint.View, x.Checkpoint.Block, x.Checkpoint.Digest())
	case *Certificate:
		w.result(kindCertificate, x.Checkpoint.View, x.Checkpoint.Block, x.Checkpoint.Digest())
	default:
		panic("simplex: a " + m.Kind() + " in the state of a machine")
	}
}

func (w *stateWriter) result(kind byte, v quoin.View, block, checkpoint quoin.Hash) {
	w.b = append(w.b, kind)
	w.number(uint64(v))
	w.hash(block)
	w.hash(checkpoint)
}

func (w *stateWriter) certificate(c *quoin.Certificate) {
	if w.bool(c != nil) {
		w.result(kindCertificate, c.Checkpoint.View, c.Checkpoint.Block, c.Checkpoint.Digest())
	}
}
