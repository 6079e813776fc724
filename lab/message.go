package lab

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/replica"
)

// message is what a node sends, as far as observers and people want to know.
type message struct {
	bytes     []byte
	to        quoin.PublicKey
	epoch     quoin.Epoch
	consensus consensus.Message // nil if it is none
}

// Kinds of the replicas' messages: their first byte.
const (
	kindConsensus    = 1
	kindTransactions = 2
	kindFetch        = 3
	kindBlocks       = 4
)

func readMessage(s *replica.Send) *message {
	m := &message{bytes: s.Bytes, to: s.To}
	if len(s.Bytes) > 9 && s.Bytes[0] == kindConsensus {
		m.epoch = quoin.Epoch(canonical.NewReader(s.Bytes[1:9]).Uint64())
		m.consensus, _ = simplex.Decode(s.Bytes[9:])
	}
	return m
}

// sent notes what a node sends.
func (t *trace) sent(n *node, m *message) {
	to := "all"
	for _, x := range n.w.nodes {
		if x.key == m.to {
			to = x.name
		}
	}
	at, i := n.w.now, n.index
	switch x := m.consensus.(type) {
	case *simplex.Proposal:
		h := x.Block.Header()
		t.note(at, i, "propose", "epoch %d view %d height %d block %v parent %v at %d, %d transactions, to %s", m.epoch, h.View, h.Height, x.Block.ID(),
			h.Parent, h.ParentView, h.Count, to)
	case *simplex.Notarize:
		t.note(at, i, "notarize", "epoch %d view %d block %v as %v, to %s", m.epoch, x.View, x.Block, x.Checkpoint, to)
	case *simplex.Nullify:
		t.note(at, i, "nullify", "epoch %d view %d, to %s", m.epoch, x.View, to)
	case *simplex.Finalize:
		t.note(at, i, "finalize", "epoch %d view %d block %v, to %s", m.epoch, x.Checkpoint.View, x.Checkpoint.Block, to)
	case *simplex.Notarization:
		t.note(at, i, "notarizatn", "epoch %d view %d block %v, to %s", m.epoch, x.View, x.Block, to)
	case *simplex.Nullification:
		t.note(at, i, "nullificat", "epoch %d view %d, to %s", m.epoch, x.View, to)
	case *simplex.Certificate:
		t.note(at, i, "certificat", "epoch %d view %d height %d, to %s", m.epoch, x.Checkpoint.View, x.Checkpoint.Height, to)
	case *simplex.Need:
		t.note(at, i, "need", "epoch %d views %d to %d, to %s", m.epoch, x.From, x.To, to)
	default:
		t.note(at, i, "sends", "kind %d, %d bytes, to %s", m.bytes[0], len(m.bytes), to)
	}
}

// input puts an input into the digest.
func (t *trace) input(n *node, in replica.Input) {
	at, i := n.w.now, n.index
	switch in := in.(type) {
	case replica.Start:
		t.add(at, i, 'S', 0, nil)
	case replica.Message:
		t.add(at, i, 'M', uint64(in.From[0]), in.Bytes)
	case replica.TimerFired:
		t.add(at, i, 'T', in.ID, []byte{byte(in.Kind)})
	case replica.Submit:
		for k := range in.Transactions {
			t.add(at, i, 'X', in.Transactions[k].Salt, in.Transactions[k].Payload)
		}
	case replica.Continue:
		t.add(at, i, 'C', 0, nil)
	case replica.Synced:
		t.add(at, i, 'Y', uint64(in.Height), nil)
	case replica.ReleaseReady:
		t.add(at, i, 'R', 0, in.Digest[:])
	}
}

func (t *trace) event(n *node, e *replica.Event) {
	t.add(n.w.now, n.index, 'e', uint64(e.View), []byte(e.Kind))
	t.note(n.w.now, n.index, "event", "%s epoch %d view %d height %d block %v %s", e.Kind, e.Epoch, e.View, e.Height, e.Block, e.Reason)
}
