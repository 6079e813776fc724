package trace

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otel "go.opentelemetry.io/otel/trace"

	"quoin.dev/quoin/replica"
)

// blockTrip is a certified block's trip on this node: when each part of it ended. The times ascend: a
// part that was not noted, or over before the one before it was, takes no time.
type blockTrip struct {
	*finished
	trip
	began, executed, notarized, certified time.Time
	votes, finalizes                      []vote
	attributes                            []attribute.KeyValue
	shown                                 otel.SpanContext // the first span of the block, which has all that is the block's
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
	b.attributes = []attribute.KeyValue{keyBlock.String(b.block.String()), keyHeight.Int64(int64(h.Height)), keyView.Int64(int64(h.View)),
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

// transaction makes the spans of one transaction of a block. What is the block's own, below its span, is shown once:
// the spans of the block's other traced transactions are linked to the first's, which is the same one on all
// nodes.
func (t *Tracer) transaction(name identity, b *blockTrip, i int) {
	tx, result := &b.Block.Transactions()[i], &b.Results[i]
	about := []attribute.KeyValue{keyTransaction.String(b.IDs[i].String()), keyNamespace.String(tx.Namespace),
		keyCode.Int64(int64(result.Code)), keyFuel.Int64(int64(result.Fuel)), keyIndex.Int(i)}
	t.mu.Lock()
	admitted, ours := t.admitted.take(b.IDs[i])
	t.mu.Unlock()
	if ours {
		admitted = earliest(admitted, b.began)
		root := t.begin(name.contextOfRoot(t.state), spanTransaction, admitted, append(about, b.attributes...)...)
		t.span(root, spanPool, admitted, b.began)
		end(root, b.at)
	}
	if waited := b.waited(i); waited >= 0 {
		about = append(about, keyWaited.Int64(waited))
	}
	block := t.begin(name.contextOf(t.state), spanBlock, b.began, append(about, b.attributes...)...)
	defer end(block, b.at)
	if b.shown.IsValid() {
		otel.SpanFromContext(block).AddLink(otel.Link{SpanContext: b.shown})
		return
	}
	b.shown = otel.SpanContextFromContext(block)
	t.execution(block, b)
	t.rounds(block, spanQuorum, eventVote, b.executed, b.notarized, b.votes)
	t.rounds(block, spanCertify, eventFinalize, b.notarized, b.certified, b.finalizes)
	t.span(block, spanSync, b.certified, b.at)
}

// execution makes the span of a block's execution, with the calls of guests in it.
func (t *Tracer) execution(block context.Context, b *blockTrip) {
	x := &b.execution
	if x.Began.IsZero() {
		return // another node's result was adopted, or it is too long ago
	}
	execute := t.begin(block, spanExecute, x.Began, keyCalls.Int(len(x.Calls)))
	defer end(execute, b.executed)
	for i := range x.Calls[:min(len(x.Calls), callsMax)] {
		c := &x.Calls[i]
		about := []attribute.KeyValue{keySlot.String(c.Binding.Slot()), keyOperation.String(c.Operation), keyRequests.Int(c.Requests),
			keyFuel.Int64(int64(c.Fuel)), keyFault.String(c.Fault.String()), keyMemory.Int64(int64(c.Memory))}
		if !c.Binding.Release.IsZero() {
			about = append(about, keyRelease.String(c.Binding.Release.String()))
		}
		t.span(execute, spanCall, c.Began, c.Began.Add(c.Took), about...)
	}
}

// rounds makes the span of a round of votes, with an event for each that was heard.
func (t *Tracer) rounds(block context.Context, name, event string, from, to time.Time, votes []vote) {
	ctx := t.begin(block, name, from)
	for _, v := range votes {
		otel.SpanFromContext(ctx).AddEvent(event, otel.WithTimestamp(v.at), otel.WithAttributes(keyValidator.Int(v.validator)))
	}
	end(ctx, to)
}

// begin begins a span below the one in ctx, and returns a context with it.
func (t *Tracer) begin(ctx context.Context, name string, at time.Time, about ...attribute.KeyValue) context.Context {
	ctx, _ = t.tracer.Start(ctx, name, otel.WithTimestamp(at), otel.WithAttributes(about...))
	return ctx
}

func end(ctx context.Context, at time.Time) { otel.SpanFromContext(ctx).End(otel.WithTimestamp(at)) }

// span makes a whole span below the one in ctx.
func (t *Tracer) span(ctx context.Context, name string, from, to time.Time, about ...attribute.KeyValue) {
	end(t.begin(ctx, name, from, about...), to)
}

// waited returns how many milliseconds a transaction of the block was in this node's pool, or -1.
func (f *finished) waited(i int) int64 {
	if i >= len(f.Waited) || f.Waited[i] == replica.WaitedUnknown {
		return -1
	}
	return int64(f.Waited[i])
}
