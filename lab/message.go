package lab

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/replica"
)

// message is what a node sends, as far as observers and people want to know.
type message struct {
	bytes     []byte
	to        quoin.PublicKey
	epoch     quoin.Epoch
	consensus consensus.Message // nil if it is none
	line      line              // the event of its sending
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

// sent notes what a node sends, and names it.
func (t *trace) sent(n *node, m *message) {
	to := events.All
	for _, x := range n.w.nodes {
		if x.key == m.to {
			to = x.index
		}
	}
	m.line = line{Event: events.Event{AtUS: n.w.now, Node: n.index, Verb: events.Sent, Peer: to, Flight: t.fly(), Kind: m.kind(), Epoch: uint64(m.epoch)}}
	m.describe(&m.line)
	t.keep(&m.line)
}

// received notes that a copy of a message arrives.
func (t *trace) received(from, to *node, m *message) {
	l := m.copyOf(to.w.now)
	l.Verb, l.Node, l.Peer = events.Received, to.index, from.index
	t.keep(&l)
}

// lost notes that a copy of a message does not arrive.
func (t *trace) lost(to *node, m *message, why string) {
	l := m.copyOf(to.w.now)
	l.Verb, l.Peer, l.text = events.Lost, to.index, why
	t.keep(&l)
}

// copyOf is the event of a copy of a message, without what its sending tells already.
func (m *message) copyOf(at uint64) line {
	l := m.line
	l.AtUS, l.Count, l.text, l.args = at, 0, "", nil
	return l
}

func (m *message) kind() string {
	if m.consensus != nil {
		return m.consensus.Kind()
	}
	switch m.bytes[0] {
	case kindTransactions:
		return "transactions"
	case kindFetch:
		return "fetch"
	case kindBlocks:
		return "blocks"
	}
	return "unreadable"
}

// describe says what a message is about.
func (m *message) describe(l *line) {
	switch x := m.consensus.(type) {
	case *simplex.Proposal:
		h := x.Block.Header()
		l.View, l.Height, l.Count, l.block = uint64(h.View), uint64(h.Height), int(h.Count), x.Block.ID()
		l.text, l.args = "parent %v of view %d", []any{h.Parent, h.ParentView}
	case *simplex.Notarize:
		l.View, l.block = uint64(x.View), x.Block
		l.text, l.args = "as %v", []any{x.Checkpoint}
	case *simplex.Nullify:
		l.View = uint64(x.View)
	case *simplex.Finalize:
		l.View, l.Height, l.block = uint64(x.Checkpoint.View), uint64(x.Checkpoint.Height), x.Checkpoint.Block
	case *simplex.Notarization:
		l.View, l.block = uint64(x.View), x.Block
	case *simplex.Nullification:
		l.View = uint64(x.View)
	case *simplex.Certificate:
		l.View, l.Height, l.block = uint64(x.Checkpoint.View), uint64(x.Checkpoint.Height), x.Checkpoint.Block
	case *simplex.Need:
		l.View = uint64(x.From)
		l.text, l.args = "up to view %d", []any{x.To}
	default:
		l.text, l.args = "%d bytes", []any{len(m.bytes)}
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

// verbs are the reports of replicas that have a word of their own.
var verbs = map[replica.EventKind]events.Verb{
	replica.EnteredView: events.Entered, replica.ViewTimedOut: events.TimedOut,
	replica.BlockNotarized: events.Notarized, replica.ViewNullified: events.Nullified,
}

func (t *trace) event(n *node, e *replica.Event) {
	t.add(n.w.now, n.index, 'e', uint64(e.View), []byte(e.Kind))
	l := line{Event: events.Event{AtUS: n.w.now, Node: n.index, Verb: verbs[e.Kind], Epoch: uint64(e.Epoch), View: uint64(e.View), Height: uint64(e.Height)}, block: e.Block}
	if l.Verb == "" {
		l.Verb, l.Kind = events.Reported, string(e.Kind)
	}
	if e.Reason != "" {
		l.text, l.args = "%s", []any{e.Reason}
	}
	t.keep(&l)
}
