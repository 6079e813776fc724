package chained

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
)

// Kinds of records in the vote log.
const (
	recordBody     byte = 'B' // canonical bytes of a block
	recordProposed byte = 'P' // view (8), block id (32)
	recordVoted    byte = 'V' // the lock after the vote (8), an own Vote
	recordGaveUp   byte = 'T' // an own Timeout, without a proof
	recordOpened   byte = 'E' // a QC, TC or Certificate
)

func record(kind byte, m consensus.Message) consensus.Record {
	return m.AppendBinary([]byte{kind})
}

func proposedRecord(v quoin.View, id quoin.Hash) consensus.Record {
	return append(canonical.AppendUint64([]byte{recordProposed}, v), id[:]...)
}

func votedRecord(lock quoin.View, x *Vote) consensus.Record {
	return x.AppendBinary(canonical.AppendUint64([]byte{recordVoted}, lock))
}

func bodyRecord(b *quoin.Block) consensus.Record {
	return b.AppendBinary(append(make([]byte, 0, 1+b.Size()), recordBody))
}

func (m *Chained) persistOwn(r consensus.Record, out *consensus.Output) {
	if !m.c.Rules.SendUnpersisted {
		out.Persist = append(out.Persist, r)
	}
}

func (m *Chained) persistBody(l *link, out *consensus.Output) {
	if !l.persisted {
		l.persisted = true
		out.Persist = append(out.Persist, bodyRecord(l.block))
	}
}

// Recover takes one record of the log, in any order, before Started. It fails on records that no
// correct machine of this epoch wrote: the log is damaged.
func (m *Chained) Recover(rec consensus.Record) error {
	if len(rec) == 0 {
		return fmt.Errorf("chained: empty record in the vote log")
	}
	switch body := []byte(rec[1:]); rec[0] {
	case recordBody:
		return m.recoverBody(body)
	case recordProposed:
		r := canonical.NewReader(body)
		m.proposed = max(m.proposed, quoin.View(r.Uint64()))
		r.Take(32)
		if err := r.Done(); err != nil {
			return fmt.Errorf("chained: a proposal in the vote log: %w", err)
		}
		return nil
	case recordVoted:
		if len(body) < 8 {
			return fmt.Errorf("chained: a vote of %d bytes in the vote log", len(body))
		}
		return m.recoverMessage(rec[0], quoin.View(canonical.NewReader(body).Uint64()), body[8:])
	case recordGaveUp, recordOpened:
		return m.recoverMessage(rec[0], 0, body)
	}
	return fmt.Errorf("chained: record of unknown kind %q in the vote log", rec[0])
}

func (m *Chained) recoverBody(body []byte) error {
	b, err := quoin.DecodeBlock(body)
	if err != nil {
		return fmt.Errorf("chained: a block in the vote log: %w", err)
	}
	if b.Header().Epoch != m.c.Epoch {
		return fmt.Errorf("chained: a block of epoch %d in the vote log of epoch %d", b.Header().Epoch, m.c.Epoch)
	}
	if b.Header().View > m.tree.root.view {
		l := m.tree.add(b)
		l.persisted = true
		m.tree.need(l)
	}
	return nil
}

func (m *Chained) recoverMessage(kind byte, lock quoin.View, body []byte) error {
	message, err := Decode(body)
	if err != nil {
		return fmt.Errorf("chained: the vote log: %w", err)
	}
	own := m.votes() && !m.c.Rules.ForgetVotes
	switch x := message.(type) {
	case *Vote:
		if kind == recordVoted {
			if own && (m.voted == nil || x.View >= m.voted.View) {
				m.voted = x
			}
			if own {
				m.lock = max(m.lock, lock)
			}
			return nil
		}
	case *Timeout:
		if kind == recordGaveUp {
			if own && (m.gaveUp == nil || x.View > m.gaveUp.View) {
				m.gaveUp = x
			}
			return nil
		}
	case *TC:
		if kind == recordOpened {
			if m.tc == nil || x.View > m.tc.View {
				m.tc = x
			}
			m.view = m.opened() + 1
			return nil
		}
	case Proof:
		if kind == recordOpened {
			m.recoverProof(x)
			return nil
		}
	}
	return fmt.Errorf("chained: a %s in a record of kind %q of the vote log", message.Kind(), kind)
}

func (m *Chained) recoverProof(p Proof) {
	if c, ok := p.(*Certificate); ok && c.Checkpoint.View > m.certified() {
		m.cert = &c.Certificate
	}
	if provenView(p) > provenView(m.high) {
		m.high = p
	}
	m.view = m.opened() + 1
}

// start begins, after recovery: it asks the others how far they are, and if there is unfinished
// business, tells them where it stands.
func (m *Chained) start(out *consensus.Output) {
	m.started = true
	for _, l := range m.tree.order {
		m.tree.need(l)
	}
	if m.voted != nil {
		m.countVote(m.c.Self, m.voted, out) // alone it may be a quorum whose QC was lost in the crash
	}
	if m.gaveUp != nil {
		m.countTimeout(m.c.Self, m.gaveUp, out)
	}
	m.send(&Ask{m.certified(), m.view}, out)
	if m.hasVoted() || m.hasGivenUp() || m.proposed >= m.view {
		m.stirred = max(m.stirred, m.view)
	}
	if m.wanted || m.stirred >= m.view || m.owed() {
		m.repeat(out)
		m.missing(out)
	}
}

// Snapshot returns the records that are still needed above the root: the uncertified bodies that were
// persisted, what opened the view, the highest certificate, and the latest of this replica's own. The
// caller has seen to it that the last Certified block is durable.
func (m *Chained) Snapshot() []consensus.Record {
	var records []consensus.Record
	for _, l := range m.tree.order {
		if l.persisted {
			records = append(records, bodyRecord(l.block))
		}
	}
	if m.cert != nil {
		records = append(records, record(recordOpened, &Certificate{*m.cert}))
	}
	if m.high != nil {
		records = append(records, record(recordOpened, m.high))
	}
	if m.tc != nil {
		records = append(records, record(recordOpened, m.tc))
	}
	if m.proposed > 0 {
		records = append(records, proposedRecord(m.proposed, quoin.Hash{}))
	}
	if m.voted != nil {
		records = append(records, votedRecord(m.lock, m.voted))
	}
	if m.gaveUp != nil {
		records = append(records, record(recordGaveUp, m.gaveUp))
	}
	return records
}
