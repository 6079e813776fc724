package trace

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"
)

// counts are what a tracer could not do.
type counts struct{ blocks, transactions, stale atomic.Uint64 }

// Stats counts what became of what a tracer should have told.
type Stats struct {
	Queue        QueueStats
	Blocks       uint64 // that were not looked at, for as many waited as may wait
	Transactions uint64 // that were to be traced, beyond BlockTraces of a block
	Stale        uint64 // blocks that were old when they got here
}

// Stats returns what the tracer has counted.
func (t *Tracer) Stats() Stats {
	return Stats{t.queue.stats(), t.counts.blocks.Load(), t.counts.transactions.Load(), t.counts.stale.Load()}
}

// Happened implements node.Observer.
func (t *Tracer) Happened(at time.Time, e *replica.Event) {
	switch e.Kind {
	case replica.BlockNotarized:
		t.mu.Lock()
		defer t.mu.Unlock()
		if x := t.trips.of(e.Block); x.notarized.IsZero() {
			x.notarized = at
		}
	case replica.EpochBegan:
		t.releases.note(at)
	}
}

// Progressed implements node.Observer.
func (t *Tracer) Progressed(at time.Time, p replica.Progress) {
	switch {
	case p.Kind == replica.ProgressHeard && !p.Block.IsZero() && p.Validator >= 0 && p.Validator < quoin.ValidatorsMax:
		t.mu.Lock()
		defer t.mu.Unlock()
		h := &t.heard[p.Epoch%2]
		if h.epoch != p.Epoch {
			*h = hearing{epoch: p.Epoch}
		}
		if p.Validator >= len(h.of) {
			h.of = append(h.of, make([]messages, p.Validator+1-len(h.of))...)
		}
		h.of[p.Validator].note(heard{at, p.Block, p.Message})
	case p.Kind == replica.ProgressCertified:
		t.mu.Lock()
		defer t.mu.Unlock()
		t.trips.of(p.Block).certified = at
	}
}

// Executed implements node.Observer.
func (t *Tracer) Executed(x node.Execution) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trips.of(x.Block).execution = x
}

// Called implements node.Observer.
func (t *Tracer) Called(node.Call) {}

// Admitted implements node.Observer.
func (t *Tracer) Admitted(at time.Time, admissions []replica.Admission) {
	if t.share == thresholdNone {
		return
	}
	for i := range admissions {
		a := &admissions[i]
		if a.Code != replica.Admitted || !t.share.takes(ofTransaction(a.ID).trace) {
			continue
		}
		t.mu.Lock()
		t.admitted.note(a.ID, at)
		t.mu.Unlock()
	}
}

// finished is a block that is durable, and when it was.
type finished struct {
	at time.Time
	*replica.Finished
}

// Finished implements node.Observer.
func (t *Tracer) Finished(at time.Time, f *replica.Finished) {
	if len(f.IDs) == 0 && !t.releases.due(f.Checkpoint.Height) {
		return
	}
	select {
	case t.blocks <- finished{at, f}:
	default:
		t.counts.blocks.Add(1)
	}
}

// Synced implements node.Observer.
func (t *Tracer) Synced(node.File, time.Duration) {}

// Compiled implements node.Observer.
func (t *Tracer) Compiled(release quoin.Hash, took time.Duration, err error) {
	t.releases.compiled(release, time.Now(), took, err == nil)
}

// Described implements node.Observer.
func (t *Tracer) Described(s *node.Status) { t.releases.status.Store(s) }

// run makes spans of certified blocks.
func (t *Tracer) run(ctx context.Context) {
	defer t.running.Done()
	for {
		select {
		case f := <-t.blocks:
			t.tell(&f)
		case <-ctx.Done():
			for len(t.blocks) > 0 {
				f := <-t.blocks
				t.tell(&f)
			}
			return
		}
	}
}

// tell looks for transactions to trace in a block, and for what concerns releases.
func (t *Tracer) tell(f *finished) {
	h := f.Block.Header()
	if f.at.Sub(time.UnixMilli(int64(h.Time))) > staleAfter {
		t.counts.stale.Add(1)
		return
	}
	kernel := slices.ContainsFunc(f.Block.Transactions(), func(x quoin.Transaction) bool { return x.Kernel() })
	if kernel || t.releases.due(h.Height) {
		t.releases.note(f.at)
	}
	if t.share == thresholdNone {
		return
	}
	told := 0
	var b *blockTrip
	for i, id := range f.IDs {
		name := ofTransaction(id)
		if !t.share.takes(name.trace) {
			continue
		}
		if told++; told > BlockTraces {
			t.counts.transactions.Add(1)
			continue
		}
		if b == nil {
			b = t.tripOf(f)
		}
		t.transaction(name, b, i)
	}
}
