package lab

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/replica"
)

// flipFlop adds, to every vote, the one that excludes it.
func (t *traitor) flipFlop(out *consensus.Output) {
	replace(out, func(e consensus.Envelope) ([]consensus.Envelope, bool) {
		var v quoin.View
		switch x := e.Message.(type) {
		case *simplex.Notarize:
			v = x.View
		case *simplex.Finalize:
			v = x.Checkpoint.View
		default:
			return nil, false
		}
		t.act()
		n := &simplex.Nullify{View: v, Signature: t.c.Signer.Sign(simplex.NullifyBytes(t.c.Origin.ID(), t.c.Epoch, v))}
		return []consensus.Envelope{e, {To: consensus.All, Message: n}}, true
	})
}

// lie votes for a checkpoint of its own invention.
func (t *traitor) lie(out *consensus.Output) {
	for i, e := range out.Send {
		if x, ok := e.Message.(*simplex.Notarize); ok {
			t.act()
			y := *x
			y.Checkpoint[0] ^= 1
			out.Send[i].Message = t.signNotarize(y)
		}
	}
}

// tellFew sends what is for all to f + 1 of the others, to others in every view.
func (t *traitor) tellFew(out *consensus.Output) {
	replace(out, func(e consensus.Envelope) (sends []consensus.Envelope, ok bool) {
		if e.To != consensus.All {
			return nil, false
		}
		t.act()
		for _, to := range t.others(t.Status().View)[:t.c.Validators.FaultBound()+1] {
			sends = append(sends, consensus.Envelope{To: to, Message: e.Message})
		}
		return sends, true
	})
}

// amnesiaViews is the number of views after which an amnesiac loses its process, just after a vote, if
// nothing else has ended it before.
const amnesiaViews = 12

// forget ends its process when it has voted. It comes back soon, while the view still goes on.
func (t *traitor) forget(out *consensus.Output) {
	w := t.n.w
	if w.healed || t.n.doom.set || uint64(t.Status().View)%amnesiaViews != 0 {
		return
	}
	for _, e := range out.Send {
		if _, ok := e.Message.(*simplex.Notarize); ok {
			t.n.doom = doom{set: true, demands: t.n.rand.below(8), kill: true}
			t.n.comeBack(t.n.rand.between(second/20, second/2))
			return
		}
	}
}

// Recover reads nothing of what an amnesiac's vote log says of its votes.
func (t *traitor) Recover(r consensus.Record) error {
	if t.n.behaviour == Amnesia && simplex.IsVote(r) {
		t.act()
		return nil
	}
	return t.Simplex.Recover(r)
}

const (
	memoryMax   = 512 // messages that are sent again
	repeatEvery = 8   // steps of the machine
)

// remember keeps a message for all times: in the world, which outlives the process.
func (t *traitor) remember(m consensus.Message) {
	w := t.n.w
	b := m.AppendBinary(canonical.AppendUint64([]byte{kindConsensus}, t.c.Epoch))
	if len(w.memory) < memoryMax {
		w.memory = append(w.memory, b)
	} else if t.n.rand.chance(200) {
		w.memory[t.n.rand.index(memoryMax)] = b
	}
}

// repeat sends again, past its own replica, what it sent or heard long ago, also of past epochs: its own
// votes, and certificates of others.
func (t *traitor) repeat(out *consensus.Output) {
	for _, e := range out.Send {
		if _, need := e.Message.(*simplex.Need); !need {
			t.remember(e.Message)
		}
	}
	w := t.n.w
	if t.forged++; t.forged%repeatEvery != 0 || len(w.memory) == 0 {
		return
	}
	t.act()
	for range 3 {
		t.n.send(&replica.Send{Bytes: w.memory[t.n.rand.index(len(w.memory))]})
	}
}
