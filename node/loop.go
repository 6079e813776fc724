package node

import (
	"context"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/store"
	"quoin.dev/quoin/transport"
)

// Limits of the loop's queues, in items. Those who post wait when one is full.
const (
	urgentQueue  = 1024
	bulkQueue    = 256
	clientsQueue = 256
	timersQueue  = 64
	groupMax     = 128 // inputs that share one sync of the vote log
)

// task is one thing for the loop to do.
type task struct {
	input      replica.Input
	admissions chan<- []replica.Admission // of a Submit
	do         func(*replica.Replica)
	release    *plugin.Release // for the table
	second     *plugin.Release // for the table, when there is doubt
	call       *replica.DryCall
}

// loop is the goroutine that owns the replica.
type loop struct {
	n       *Node
	r       *replica.Replica
	urgent  chan task // consensus messages, and answers to the loop's own demands
	own     chan task // answers to the loop's own demands: never waits for peers
	bulk    chan task
	clients chan task
	votes   *voteLog
	sync    chan quoin.Height
	timers  [2]*time.Timer
	out     replica.Output
	synced  quoin.Height
	shown   time.Time
}

func newLoop(n *Node, r *replica.Replica) *loop {
	return &loop{n: n, r: r, urgent: make(chan task, urgentQueue), own: make(chan task, timersQueue), bulk: make(chan task, bulkQueue),
		clients: make(chan task, clientsQueue), votes: newVoteLog(n), sync: make(chan quoin.Height, 1)}
}

// post hands a task to the loop.
func (l *loop) post(ctx context.Context, queue chan<- task, t task) error {
	select {
	case queue <- t:
		return nil
	case <-l.n.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *loop) run(ctx context.Context) {
	defer l.n.running.Done()
	defer close(l.n.done)
	defer l.stopTimers()
	l.step(task{input: replica.Start{}})
	for l.meet() {
		if !l.gather(ctx) {
			return
		}
	}
}

// gather steps the replica with what has arrived, waiting if nothing has and nothing is left to do.
func (l *loop) gather(ctx context.Context) bool {
	more := l.out.More
	l.out.Reset()
	for l.votes.full() {
		select {
		case <-ctx.Done():
			return false
		case number := <-l.votes.done:
			l.votes.release(number, l.pass)
		}
	}
	if !more {
		select {
		case <-ctx.Done():
			return false
		case number := <-l.votes.done:
			l.votes.release(number, l.pass)
		case t := <-l.own:
			l.step(t)
		case t := <-l.urgent:
			l.step(t)
		case t := <-l.bulk:
			l.step(t)
		case t := <-l.clients:
			l.step(t)
		}
	}
	for range groupMax {
		if !l.next() {
			break
		}
	}
	if more {
		l.step(task{input: replica.Continue{}})
	}
	return ctx.Err() == nil
}

// next takes the most urgent task that is waiting, if any.
func (l *loop) next() bool {
	select {
	case number := <-l.votes.done:
		l.votes.release(number, l.pass)
		return true
	case t := <-l.own:
		l.step(t)
		return true
	default:
	}
	select {
	case t := <-l.urgent:
		l.step(t)
		return true
	default:
	}
	select {
	case t := <-l.bulk:
		l.step(t)
	case t := <-l.clients:
		l.step(t)
	default:
		return false
	}
	return true
}

func (l *loop) step(t task) {
	switch {
	case t.do != nil:
		t.do(l.r)
		return
	case t.release != nil:
		l.n.table.Add(t.release)
	case t.second != nil:
		l.n.table.AddSecond(t.second)
		return
	case t.call != nil:
		answer, err := t.call.Call(l.n.table)
		if err != nil {
			return // it is owed still
		}
		t.input = answer
	}
	before, progress := len(l.out.Admissions), len(l.out.Progress)
	began := l.began()
	l.r.Step(l.now(), t.input, &l.out)
	l.observe(began, l.out.Admissions[before:], l.out.Progress[progress:])
	for _, slow := range l.n.sampler.slow.take() {
		l.r.Step(l.now(), slow, &l.out)
	}
	if t.admissions != nil {
		t.admissions <- append([]replica.Admission(nil), l.out.Admissions[before:]...)
	}
}

// began is the time at which a step begins, if anybody looks on. Calls from before it, such as those of queries, are
// not the step's.
func (l *loop) began() time.Time {
	if l.n.c.Observer == nil {
		return time.Time{}
	}
	l.n.sampler.told.take()
	return time.Now()
}

// observe tells the observer of a step that has ended.
func (l *loop) observe(began time.Time, admissions []replica.Admission, progress []replica.Progress) {
	o := l.n.c.Observer
	if o == nil {
		return
	}
	kept := l.n.sampler.told.take()
	now := time.Now()
	if len(admissions) > 0 {
		o.Admitted(now, admissions)
	}
	for i := range progress {
		p := &progress[i]
		o.Progressed(now, *p)
		if p.Kind == replica.ProgressExecuted {
			o.Executed(Execution{Progress: *p, Began: began, Took: now.Sub(began), Calls: kept})
		}
	}
}

func (l *loop) now() quoin.Time { return quoin.Time(l.n.c.Lab.now().UnixMilli()) }

// meet meets the demands of the last steps in their order; what is sent waits for the vote log, see
// voteLog. It returns false when the node must stop.
func (l *loop) meet() bool {
	o := &l.out
	if o.Fatal != nil {
		l.n.fail(o.Fatal)
		return false
	}
	if len(o.Log) > 0 {
		l.votes.write(o.Log, false)
	}
	if o.Prune {
		l.votes.write(l.r.Snapshot(), true)
	}
	if !l.votes.hold(o.Send, o.Timers) {
		l.pass(o.Send, o.Timers)
	}
	if o.Sync > 0 {
		select { // the newest height replaces one that is waiting
		case <-l.sync:
		default:
		}
		l.sync <- o.Sync
	}
	if len(o.Finished) > 0 || time.Since(l.shown) > 100*time.Millisecond {
		l.publish() // before who hears of a block asks how the node is
	}
	for i := range o.Finished {
		if l.n.c.Observer != nil {
			f := o.Finished[i] // the loop reuses its output
			l.n.c.Observer.Finished(time.Now(), &f)
		}
		l.n.feed.publish(Item{Finished: &o.Finished[i]})
	}
	if o.Releases != nil {
		l.n.library.want(o.Releases)
	}
	if o.Timed != nil {
		l.n.sampler.time(l.n.table, o.Timed)
	}
	if o.DryCalls != nil {
		l.n.library.owe(o.DryCalls)
	}
	for i := range o.Events {
		l.event(&o.Events[i])
	}
	l.logMachineFaults(o.Events)
	return true
}

func (l *loop) publish() {
	l.shown = time.Now()
	l.n.describe(l.r, l.synced)
}

// pass sends messages and then sets timers.
func (l *loop) pass(send []replica.Send, timers []replica.Timer) {
	link := l.n.link.Load()
	for _, s := range send {
		if s.To.IsZero() {
			link.Broadcast(transport.Class(s.Class), s.Bytes)
		} else {
			link.Send(transport.Key(s.To), transport.Class(s.Class), s.Bytes)
		}
	}
	for _, t := range timers {
		l.setTimer(t)
	}
}

func (l *loop) setTimer(t replica.Timer) {
	if old := l.timers[t.Kind]; old != nil {
		old.Stop()
	}
	fired := task{input: replica.TimerFired{Kind: t.Kind, ID: t.ID, Epoch: t.Epoch}}
	l.timers[t.Kind] = time.AfterFunc(time.Duration(t.AfterMS)*time.Millisecond, func() {
		_ = l.post(context.Background(), l.own, fired)
	})
}

func (l *loop) stopTimers() {
	for _, t := range l.timers {
		if t != nil {
			t.Stop()
		}
	}
}

func (l *loop) event(e *replica.Event) {
	l.n.tell(e)
	if e.Kind == replica.HasDiverged {
		wake(l.n.library.doubt)
	}
	switch e.Kind {
	case replica.EnteredView, replica.BlockNotarized, replica.MachineFaulted: // the last is logged by the block
	case replica.MessageRefused, replica.ViewTimedOut, replica.ViewNullified:
		l.n.log.Debug(string(e.Kind), "event", string(e.Kind), "epoch", e.Epoch, "view", e.View, "peer", e.Peer, "reason", e.Reason)
	case replica.EpochBegan:
		l.n.log.Info(string(e.Kind), "event", string(e.Kind), "epoch", e.Epoch, "height", e.Height)
	default:
		l.n.log.Warn(string(e.Kind), "event", string(e.Kind), "epoch", e.Epoch, "view", e.View, "height", e.Height, "block", e.Block, "peer", e.Peer, "reason", e.Reason)
	}
}

// logMachineFaults logs once for each block and fault how many transactions it failed. Their senders choose how many:
// a line for each would let any client fill the log.
func (l *loop) logMachineFaults(events []replica.Event) {
	type line struct {
		height quoin.Height
		reason string
	}
	var lines []line
	counts := map[line]int{}
	for i := range events {
		e := &events[i]
		if e.Kind != replica.MachineFaulted {
			continue
		}
		x := line{e.Height, e.Reason}
		if counts[x]++; counts[x] == 1 {
			lines = append(lines, x)
		}
	}
	for _, x := range lines {
		l.n.log.Warn("machines faulted on transactions", "event", "machine-fault", "height", x.height, "reason", x.reason, "count", counts[x])
	}
}

// syncStore makes certified blocks durable. What was asked for while a sync ran shares the next one.
func (l *loop) syncStore(ctx context.Context) {
	defer l.n.running.Done()
	for {
		select {
		case <-ctx.Done():
			return
		case h := <-l.sync:
			if !l.n.c.NoSync {
				var nothing store.Batch
				began := time.Now()
				l.n.c.Lab.beforeSync()
				if err := l.n.store.Apply(&nothing, true); err != nil {
					l.n.fail(err)
					return
				}
				l.n.synced(FileStore, began)
			}
			if l.post(ctx, l.own, task{input: replica.Synced{Height: h}}) != nil {
				return
			}
		}
	}
}
