package trace

import (
	"time"

	"quoin.dev/quoin/observe/otlp"
	"quoin.dev/quoin/replica"
)

// blockTrip is a certified block's trip on this node: when each part of it ended. The times ascend: a
// part that was not noted, or over before the one before it was, takes no time.
type blockTrip struct {
	*finished
	trip
	began, executed, notarized, certified time.Time
	votes, finalizes                      []vote
	attributes                            []otlp.Attribute
	shown                                 *otlp.Place // the first span of the block, which has all that is the block's
}

// tripOf puts together what was noted of a block.
func (t *Tracer) tripOf(f *finished) *blockTrip {
	h := f.Block.Header()
	b := &blockTrip{finished: f}
	t.mu.Lock()
	b.trip = t.trips.find(f.Block.ID())
	if heard := &t.heard[h.Epoch%2]; heard.epoch == h.Epoch {
		if int(h.Proposer) < len(heard.of) {
			b.began = heard.of[h.Proposer].first(b.block, "propose")
		}
		b.votes = votesFor(heard.of, b.block, "notarize")
		b.finalizes = votesFor(heard.of, b.block, "finalize")
	}
	t.mu.Unlock()
	b.began = earliest(b.began, b.execution.Began, b.trip.notarized, b.trip.certified, f.at)
	b.executed = latest(b.began, b.execution.Began.Add(b.execution.Took))
	b.notarized = latest(b.executed, b.trip.notarized)
	b.certified = latest(b.notarized, b.trip.certified)
	f.at = latest(b.certified, f.at)
	b.attributes = []otlp.Attribute{keyBlock.String(b.block.String()), keyHeight.Int64(int64(h.Height)), keyView.Int64(int64(h.View)),
		keyEpoch.Int64(int64(h.Epoch)), keyProposer.Int(int(h.Proposer)), keyTransactions.Int(len(f.IDs))}
	return b
}

// earliest returns the first of those times that were noted.
func earliest(times ...time.Time) (first time.Time) {
	for _, at := range times {
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// attributesMax is more than any span of a transaction has.
const attributesMax = 16

// transaction makes the spans of one transaction of a block. What is the block's own, below its span, is shown once:
// the spans of the block's other traced transactions are linked to the first's, which is the same one on all
// nodes.
func (t *Tracer) transaction(name identity, b *blockTrip, i int) {
	tx, result := &b.Block.Transactions()[i], &b.Results[i]
	about := append(make([]otlp.Attribute, 0, attributesMax), b.attributes...)
	about = append(about, keyTransaction.String(b.IDs[i].String()), keyNamespace.String(tx.Namespace),
		keyCode.Int64(int64(result.Code)), keyFuel.Int64(int64(result.Fuel)), keyIndex.Int(i))
	t.mu.Lock()
	admitted, ours := t.admitted.take(b.IDs[i])
	t.mu.Unlock()
	if ours {
		admitted = earliest(admitted, b.began)
		transaction := t.root(name, t.state, &otlp.Span{Name: spanTransaction, Start: admitted, End: b.at, Attributes: about})
		t.span(transaction, &otlp.Span{Name: spanPool, Start: admitted, End: b.began})
	}
	if waited := b.waited(i); waited >= 0 {
		about = append(about, keyWaited.Int64(waited))
	}
	block := t.span(name.below(t.state), &otlp.Span{Name: spanBlock, Start: b.began, End: b.at, Attributes: about, Link: b.shown})
	if b.shown != nil {
		return
	}
	b.shown = &block
	t.execution(block, b)
	t.span(block, &otlp.Span{Name: spanQuorum, Start: b.executed, End: b.notarized, Events: events(eventVote, b.votes)})
	t.span(block, &otlp.Span{Name: spanCertify, Start: b.notarized, End: b.certified, Events: events(eventFinalize, b.finalizes)})
	t.span(block, &otlp.Span{Name: spanSync, Start: b.certified, End: b.at})
}

// execution makes the span of a block's execution, with the calls of guests in it.
func (t *Tracer) execution(block otlp.Place, b *blockTrip) {
	x := &b.execution
	if x.Began.IsZero() {
		return // another node's result was adopted, or it is too long ago
	}
	execute := t.span(block, &otlp.Span{Name: spanExecute, Start: x.Began, End: b.executed, Attributes: []otlp.Attribute{keyCalls.Int(len(x.Calls))}})
	for i := range x.Calls[:min(len(x.Calls), callsMax)] {
		c := &x.Calls[i]
		about := []otlp.Attribute{keySlot.String(c.Binding.Slot()), keyOperation.String(c.Operation), keyRequests.Int(c.Requests),
			keyFuel.Int64(int64(c.Fuel)), keyFault.String(c.Fault.String()), keyMemory.Int64(int64(c.Memory))}
		if !c.Binding.Release.IsZero() {
			about = append(about, keyRelease.String(c.Binding.Release.String()))
		}
		t.span(execute, &otlp.Span{Name: spanCall, Start: c.Began, End: c.Began.Add(c.Took), Attributes: about})
	}
}

// events has an event for each vote that was heard.
func events(name string, votes []vote) []otlp.Event {
	all := make([]otlp.Event, len(votes))
	for i, v := range votes {
		all[i] = otlp.Event{At: v.at, Name: name, Attribute: keyValidator.Int(v.validator)}
	}
	return all
}

// root makes a span that is the root of a trace, and returns the place of those below it.
func (t *Tracer) root(name identity, state string, s *otlp.Span) otlp.Place {
	s.Trace, s.ID, s.State = name.trace, name.root, state
	return t.add(s)
}

// span makes a span below another, and returns the place of those below it.
func (t *Tracer) span(below otlp.Place, s *otlp.Span) otlp.Place {
	s.Trace, s.ID, s.State, s.Parent, s.Remote = below.Trace, newSpanID(), below.State, below.ID, below.Remote
	return t.add(s)
}

// add passes a span on, and returns the place of those below it.
func (t *Tracer) add(s *otlp.Span) otlp.Place {
	t.queue.add(s)
	return otlp.Place{Trace: s.Trace, ID: s.ID, State: s.State}
}

// waited returns how many milliseconds a transaction of the block was in this node's pool, or -1.
func (f *finished) waited(i int) int64 {
	if i >= len(f.Waited) || f.Waited[i] == replica.WaitedUnknown {
		return -1
	}
	return int64(f.Waited[i])
}
