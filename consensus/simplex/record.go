package simplex

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
)

// Kinds of records in the vote log.
const (
	recordBody     byte = 'B' // canonical bytes of a block
	recordProposed byte = 'P' // view (8), block id (32)
	recordVote     byte = 'V' // an own Notarize, Nullify or Finalize
	recordEntered  byte = 'E' // what opened a view, or a certificate
)

func (m *Simplex) record(kind byte, x consensus.Message) consensus.Record {
	m.encoded = x.AppendBinary(append(m.encoded[:0], kind))
	return bytes.Clone(m.encoded)
}

func proposedRecord(v quoin.View, id quoin.Hash) consensus.Record {
	return append(canonical.AppendUint64([]byte{recordProposed}, v), id[:]...)
}

func (m *Simplex) persistVote(x consensus.Message, out *consensus.Output) {
	if !m.c.Rules.SendBeforePersist {
		out.Persist = append(out.Persist, m.record(recordVote, x))
	}
}

func (m *Simplex) persistBody(l *link, out *consensus.Output) {
	if !l.persisted && l.block != nil && !m.c.Rules.ForgetBodies {
		l.persisted = true
		out.Persist = append(out.Persist, l.block.AppendBinary(append(make([]byte, 0, 1+l.block.Size()), recordBody)))
	}
}

// Recover takes one record of the log, in the order in which they were persisted, before Started.
// It fails on records that no correct machine of this epoch wrote: the log is damaged.
func (m *Simplex) Recover(rec consensus.Record) error {
	if len(rec) == 0 {
		return fmt.Errorf("simplex: empty record in the vote log")
	}
	switch body := []byte(rec[1:]); rec[0] {
	case recordBody:
		b, err := quoin.DecodeBlock(body)
		if err != nil {
			return fmt.Errorf("simplex: a block in the vote log: %w", err)
		}
		if b.Header().Epoch != m.c.Epoch {
			return fmt.Errorf("simplex: a block of epoch %d in the vote log of epoch %d", b.Header().Epoch, m.c.Epoch)
		}
		if b.Header().View > m.root.view {
			l := m.add(b)
			m.c.Marks.Reach(&marks[markRecoveredBody])
			l.persisted = true
			m.need(l)
		}
	case recordProposed:
		r := canonical.NewReader(body)
		v := quoin.View(r.Uint64())
		r.Take(32)
		if err := r.Done(); err != nil {
			return fmt.Errorf("simplex: a proposal in the vote log: %w", err)
		}
		if v > m.root.view {
			m.round(v).proposed = true
		}
	case recordVote, recordEntered:
		x, err := Decode(body)
		if err != nil {
			return fmt.Errorf("simplex: the vote log: %w", err)
		}
		if rec[0] == recordEntered {
			return m.recoverEntered(x)
		}
		return m.recoverVote(x)
	default:
		return fmt.Errorf("simplex: record of unknown kind %q in the vote log", rec[0])
	}
	return nil
}

func (m *Simplex) recoverVote(x consensus.Message) error {
	if m.c.Rules.ForgetVotesOnRecovery || !m.votes() {
		return nil
	}
	switch x := x.(type) {
	case *Notarize:
		if x.View > m.root.view {
			r := m.round(x.View)
			m.c.Marks.Reach(&marks[markRecoveredVote])
			r.voted, r.notarizes[m.c.Self] = x, x
		}
	case *Nullify:
		if x.View > m.root.view {
			r := m.round(x.View)
			r.nullified, r.nullifies[m.c.Self] = x, x
		}
	case *Finalize:
		if v := x.Checkpoint.View; v > m.root.view {
			r := m.round(v)
			m.c.Marks.Reach(&marks[markRecoveredFinalize])
			r.finalized, r.finalizes[m.c.Self] = x, x
		}
	default:
		return fmt.Errorf("simplex: a %s among the votes of the log", x.Kind())
	}
	return nil
}

func (m *Simplex) recoverEntered(x consensus.Message) error {
	v := viewOf(x)
	switch x := x.(type) {
	case *Notarization:
		if v > m.root.view {
			m.round(v).notarization = x
			m.notarized = max(m.notarized, v)
		}
	case *Nullification:
		if v > m.root.view {
			m.round(v).nullification = x
		}
	case *Certificate:
		if v > m.certified() {
			m.c.Marks.Reach(&marks[markRecoveredCertificate])
			m.cert = &x.Certificate
		}
	default:
		return fmt.Errorf("simplex: a %s opens a view in the log", x.Kind())
	}
	if v >= m.view {
		m.view, m.enteredBy = v+1, x
	}
	m.fill()
	return nil
}

// start begins, after recovery: it asks the others what ended its view, and if there is unfinished
// business, tells them where it stands.
func (m *Simplex) start(out *consensus.Output) {
	m.started = true
	for _, l := range m.order {
		m.need(l)
	}
	m.recount(out)
	if m.votes() {
		m.send(&Need{m.hole, m.hole + NullificationsMax - 1}, out)
	}
	if r := m.rounds[m.view]; r != nil && (r.voted != nil || r.nullified != nil || r.proposed) {
		m.stirred = max(m.stirred, m.view)
	}
	if m.busy() {
		m.c.Marks.Reach(&marks[markRecoveredBusy])
		m.repeat(out)
		m.missing(out)
	}
}

// recount counts this replica's own votes again: alone they may be a quorum whose aggregate was lost
// in the crash.
func (m *Simplex) recount(out *consensus.Output) {
	for _, v := range slices.Sorted(maps.Keys(m.rounds)) {
		r := m.rounds[v]
		if x := r.voted; x != nil {
			r.notarizes[m.c.Self] = nil
			m.countNotarize(m.c.Self, x, out)
		}
		if x := r.nullified; x != nil {
			r.nullifies[m.c.Self] = nil
			m.countNullify(m.c.Self, x, out)
		}
		if x := r.finalized; x != nil {
			r.finalizes[m.c.Self] = nil
			m.countFinalize(m.c.Self, x, out)
		}
	}
}

// Snapshot returns the records that are still needed above the root: the uncertified bodies that were
// persisted, the highest certificate, own votes, and what ended views. The caller has seen to it that
// the last Certified block is durable.
func (m *Simplex) Snapshot() []consensus.Record {
	var records []consensus.Record
	for _, l := range m.order {
		if l.persisted {
			records = append(records, l.block.AppendBinary(append(make([]byte, 0, 1+l.block.Size()), recordBody)))
		}
	}
	if m.cert != nil {
		records = append(records, m.record(recordEntered, &Certificate{*m.cert}))
	}
	for _, v := range slices.Sorted(maps.Keys(m.rounds)) {
		r := m.rounds[v]
		if m.c.Rules.ForgetLeftViews && v < m.view {
			r = &round{notarization: r.notarization, nullification: r.nullification}
		}
		if r.proposed {
			records = append(records, proposedRecord(v, quoin.Hash{}))
		}
		if r.voted != nil {
			records = append(records, m.record(recordVote, r.voted))
		}
		if r.nullified != nil {
			records = append(records, m.record(recordVote, r.nullified))
		}
		if r.finalized != nil {
			records = append(records, m.record(recordVote, r.finalized))
		}
		if r.notarization != nil {
			records = append(records, m.record(recordEntered, r.notarization))
		}
		if r.nullification != nil {
			records = append(records, m.record(recordEntered, r.nullification))
		}
	}
	return records
}

// IsVote reports whether a record says what this replica voted for or proposed: what it must never
// forget.
func IsVote(r consensus.Record) bool {
	return len(r) > 0 && (r[0] == recordVote || r[0] == recordProposed)
}
