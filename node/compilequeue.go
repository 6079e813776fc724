package node

import (
	"context"
	"errors"
	"slices"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/node/compile"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
)

// A release that this node fails to compile is tried again, each time later, without end: at an
// hour's distance not even the whole budget of a compilation matters.
const (
	retryFirst  = 10 * time.Second
	retryFactor = 4
	retryMax    = time.Hour
)

// compile compiles what is stored, one release after the other.
func (l *library) compile(ctx context.Context) {
	defer l.n.running.Done()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		l.tell(ctx)
		if d, ok := l.owedCall(time.Now()); ok {
			l.call(ctx, d)
			continue
		}
		if digest, ok := l.next(time.Now()); ok {
			l.prepare(ctx, digest)
			continue
		}
		select {
		case <-ctx.Done():
		case <-l.doubt:
			l.second(ctx)
		case <-l.work:
		case <-tick.C: // for one that is to be tried again
		}
	}
}

// next returns the release to compile: those that governance names before others, new ones before
// those that have failed.
func (l *library) next(now time.Time) (best quoin.Hash, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var most *ReleaseStatus
	for d, r := range l.releases {
		if r.State != ReleaseStored && (r.State != ReleaseDeferred || now.Before(r.Retry)) {
			continue
		}
		if most == nil || l.before(r, most) {
			best, most = d, r
		}
	}
	return best, most != nil
}

func (l *library) before(a, b *ReleaseStatus) bool {
	if l.named[a.Digest] != l.named[b.Digest] {
		return l.named[a.Digest]
	}
	if a.Tries != b.Tries {
		return a.Tries < b.Tries
	}
	return slices.Compare(a.Digest[:], b.Digest[:]) < 0
}

// prepare compiles a release and hands it to the loop.
func (l *library) prepare(ctx context.Context, digest quoin.Hash) {
	file, err := l.file(digest)
	if err != nil {
		l.lose(digest, err)
		return
	}
	start := time.Now()
	r, err := l.cache.Prepare(ctx, digest, file)
	if l.n.c.Observer != nil && ctx.Err() == nil {
		l.n.c.Observer.Compiled(digest, time.Since(start), err)
	}
	if err != nil {
		if ctx.Err() == nil {
			l.n.log.Warn("a release does not compile", "event", "release-not-compiled", "release", digest, "error", err)
			l.settle(digest, err)
			l.interpret(ctx, digest, file)
		}
		return
	}
	l.n.log.Info("a release is ready", "event", "release-ready", "release", digest, "name", r.Manifest().Name, "took", time.Since(start))
	if l.hand(ctx, r) {
		l.mu.Lock()
		*l.releases[digest] = ReleaseStatus{Digest: digest, State: ReleaseReady}
		l.compiled[digest] = r
		delete(l.codes, digest)
		l.mu.Unlock()
	}
}

// hand gives a release to the loop, in place of an interpreted one.
func (l *library) hand(ctx context.Context, r *plugin.Release) bool {
	return l.n.loop.post(ctx, l.n.loop.own, task{input: replica.ReleaseReady{Digest: r.Digest()}, release: r}) == nil
}

// interpret has the calls of a release that this node failed to compile interpreted, if the chain is
// bound to it: slower by an order of magnitude and more, with the same results. For one that is only
// proposed it does not: a node that cannot compile it is not ready for it.
func (l *library) interpret(ctx context.Context, digest quoin.Hash, file []byte) {
	bound := slices.ContainsFunc(l.n.Status().Configuration.Bindings, func(b quoin.Binding) bool { return b.Release == digest })
	l.mu.Lock()
	r := l.releases[digest]
	needed := bound && r.State == ReleaseDeferred && !r.Interpreted
	l.mu.Unlock()
	if !needed {
		return
	}
	release, err := l.n.interpreter.Compile(file)
	if err != nil {
		l.n.log.Error("a release that the chain needs cannot be interpreted either", "event", "release-unusable", "release", digest, "error", err)
		return
	}
	if l.hand(ctx, release) {
		l.n.log.Error("a release that the chain needs is interpreted, for it does not compile here", "event", "release-interpreted", "release", digest)
		l.mu.Lock()
		r.Interpreted = true
		l.mu.Unlock()
	}
}

// second readies the interpreter for the releases that the chain is bound to. A replica whose result
// differs from a quorum's executes the block once more, on these (KERNEL K7). They take time and
// memory, so that they are only made when there is reason for doubt: the first block that differs is
// executed again by the compiler.
func (l *library) second(ctx context.Context) {
	for _, b := range l.n.Status().Configuration.Bindings {
		if b.Release.IsZero() || l.seconds[b.Release] {
			continue
		}
		file, err := l.file(b.Release)
		if err != nil {
			continue // compile finds it too
		}
		r, err := l.n.interpreter.Compile(file)
		if err != nil {
			l.n.log.Warn("a release cannot be interpreted", "event", "second-unusable", "release", b.Release, "error", err)
			continue
		}
		if l.n.loop.post(ctx, l.n.loop.own, task{second: r}) == nil {
			l.n.log.Warn("a release can be executed by the interpreter too, for results differ from the others'", "event", "second-ready", "release", b.Release)
			l.seconds[b.Release] = true
		}
	}
}

// settle records why a release is not ready: for good, or for now.
func (l *library) settle(digest quoin.Hash, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.releases[digest]
	if r == nil {
		return
	}
	r.Reason = err.Error()
	if compile.Final(err) {
		r.State = ReleaseRefused
		l.codes[digest] = refusalCode(err)
		wake(l.work)
		return
	}
	r.State = ReleaseDeferred
	wait := retryFirst
	for range r.Tries {
		wait = min(wait*retryFactor, retryMax)
	}
	r.Tries++
	r.Retry = time.Now().Add(wait)
	if r.Tries >= budgetTries && errors.Is(err, compile.ErrBudget) {
		l.codes[digest] = governance.PrecheckCompile
		wake(l.work)
	}
}
