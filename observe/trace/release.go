package trace

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/observe/otlp"
	"quoin.dev/quoin/replica"
)

const (
	roadsMax   = 128 // proposals that are followed
	buildsMax  = 64  // compilations whose proposal is not known yet
	fetchEvery = 200 * time.Millisecond
	askTimeout = 2 * time.Second
)

// releases follows proposals on their road, by what governance's state says after each block that may have
// changed it. What happens twice between two looks is seen once.
type releases struct {
	t      *Tracer
	status atomic.Pointer[node.Status]
	next   atomic.Uint64 // the least height at which something is due
	nudge  chan struct{}

	mu     sync.Mutex // what follows
	source Source     // nil: not attached yet
	at     time.Time  // when something may have changed last
	builds []build

	events uint64 // of the audit chain, at the last look
	looked bool
	newest governance.ProposalNumber
	roads  []*road // by number, ascending
}

// road is where a proposal stands.
type road struct {
	governance.Proposal
	seen    time.Time // when this node first looked at it
	since   time.Time // when it took its status
	partial bool      // it had its status before this node looked
	root    bool      // this node tells of the whole trip, and has not yet
	fresh   bool      // this is the first look
	fetched bool      // its file is here, or there is none
}

// build is a compilation that ended.
type build struct {
	release quoin.Hash
	at      time.Time
	took    time.Duration
	good    bool
}

func newReleases(t *Tracer) *releases {
	r := &releases{t: t, nudge: make(chan struct{}, 1)}
	r.next.Store(math.MaxUint64)
	return r
}

func (r *releases) attach(s Source) {
	r.mu.Lock()
	r.source, r.at = s, time.Now()
	r.mu.Unlock()
	r.wake()
}

// due reports whether something is due at a height, or was.
func (r *releases) due(h quoin.Height) bool { return uint64(h) >= r.next.Load() }

// note tells that something may have changed.
func (r *releases) note(at time.Time) {
	r.mu.Lock()
	r.at = at
	r.mu.Unlock()
	r.wake()
}

func (r *releases) compiled(release quoin.Hash, at time.Time, took time.Duration, good bool) {
	r.mu.Lock()
	if len(r.builds) == buildsMax {
		r.builds = append(r.builds[:0], r.builds[1:]...)
	}
	r.builds = append(r.builds, build{release, at, took, good})
	r.mu.Unlock()
	r.wake()
}

func (r *releases) wake() {
	select {
	case r.nudge <- struct{}{}:
	default: // it is awake
	}
}

func (r *releases) run(ctx context.Context) {
	defer r.t.running.Done()
	tick := time.NewTicker(fetchEvery)
	defer tick.Stop()
	var fetching <-chan time.Time // nil: no file is waited for
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.nudge:
		case <-fetching:
		}
		r.mu.Lock()
		source, at := r.source, r.at
		r.mu.Unlock()
		if source == nil {
			continue
		}
		r.look(at, func(q question) (answer, bool) { return ask(ctx, source, q) })
		r.fetch(source)
		r.compile()
		if fetching = nil; r.fetching() {
			fetching = tick.C
		}
	}
}

// ask asks the node's loop.
func ask(ctx context.Context, source Source, q question) (answer, bool) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	reply := make(chan answer, 1) // the loop may come to it when nobody waits any more
	if err := source.Do(ctx, func(x *replica.Replica) { reply <- q.ask(x.Kernel()) }); err != nil {
		return answer{}, false
	}
	return <-reply, true
}

// look asks where proposals stand, and makes spans of the stages that are over.
func (r *releases) look(at time.Time, ask func(question) (answer, bool)) {
	q := question{looked: r.looked, events: r.events, newest: r.newest}
	for _, x := range r.roads {
		q.known = append(q.known, x.Number)
	}
	a, ok := ask(q)
	if !ok || !a.changed {
		return
	}
	first := !r.looked
	r.events, r.looked = a.events, true
	next := uint64(math.MaxUint64)
	for i := range a.proposals {
		r.follow(&a.proposals[i], at, first)
		if d := a.proposals[i].Due; d > 0 {
			next = min(next, uint64(d))
		}
	}
	r.next.Store(next)
}

// question says what was known at the last look.
type question struct {
	looked bool
	events uint64 // of the audit chain
	newest governance.ProposalNumber
	known  []governance.ProposalNumber // that are followed
}

// answer is where the followed proposals stand, and new ones.
type answer struct {
	changed   bool
	events    uint64
	proposals []governance.Proposal
}

// ask reads an answer on the node's loop.
func (q question) ask(s governance.State) answer {
	a := answer{events: governance.ReadAudit(s).Count}
	if a.changed = !q.looked || a.events != q.events; !a.changed {
		return a
	}
	for _, n := range q.known {
		if p, ok := governance.ReadProposal(s, n); ok {
			a.proposals = append(a.proposals, p)
		}
	}
	for p := range governance.Proposals(s) {
		if p.Number <= q.newest || len(a.proposals) == roadsMax {
			break
		}
		a.proposals = append(a.proposals, p)
	}
	return a
}

// follow takes where a proposal stands.
func (r *releases) follow(p *governance.Proposal, at time.Time, first bool) {
	r.newest = max(r.newest, p.Number)
	i := 0
	for i < len(r.roads) && r.roads[i].Number != p.Number {
		i++
	}
	if i == len(r.roads) {
		if closed(p.Status) {
			return
		}
		x := &road{Proposal: *p, seen: at, since: at, partial: first, root: r.chosen(p.Number), fresh: true, fetched: first || p.Subject != governance.SubjectRelease}
		r.roads = append(r.roads, x)
		if len(r.roads) > roadsMax {
			r.roads = append(r.roads[:0], r.roads[1:]...)
		}
		return
	}
	x := r.roads[i]
	if x.Status == p.Status && x.Round == p.Round {
		x.Proposal = *p
		return
	}
	at = latest(x.since, at)
	r.span(x, &otlp.Span{Name: spanStage, Start: x.since, End: at, Attributes: append(x.about(),
		keyStage.String(x.Status.String()), keyNext.String(p.Status.String()), keyPartial.Bool(x.partial))})
	x.Proposal, x.since, x.partial = *p, at, false
	if over(p.Status) && x.root {
		x.root = false
		r.t.root(ofRelease(r.t.origin, p.Number), allReleases, &otlp.Span{Name: spanRelease, Start: x.seen, End: at,
			Attributes: append(x.about(), keyStage.String(p.Status.String()))})
	}
	if closed(p.Status) {
		r.roads = append(r.roads[:i], r.roads[i+1:]...)
	}
}

// over reports whether a status ends the trip that a root span shows: the proposal serves for good, or will not.
func over(s governance.Status) bool { return s == governance.StatusActive || closed(s) }

// closed reports whether a proposal of the status is not followed any more. What is superseded may come back by a
// rollback, which is that other proposal's story.
func closed(s governance.Status) bool {
	return s >= governance.StatusRetired && s <= governance.StatusCancelled || s == governance.StatusSuperseded
}

// chosen reports whether this node is the one that tells of a proposal's whole trip: one of the validators is, by
// the proposal's number, so that the trace has one root.
func (r *releases) chosen(n governance.ProposalNumber) bool {
	s := r.status.Load()
	return s != nil && s.Self >= 0 && uint64(n)%uint64(s.Configuration.Validators.Len()) == uint64(s.Self)
}

// allReleases is the tracestate of releases: there is none, for none was chosen by a share.
const allReleases = ""

// span makes a span of a proposal's trip.
func (r *releases) span(x *road, s *otlp.Span) {
	r.t.span(ofRelease(r.t.origin, x.Number).below(allReleases), s)
}

func (x *road) about() []otlp.Attribute {
	about := []otlp.Attribute{keyProposal.Int64(int64(x.Number)), keySubject.String(x.Subject.String()), keySlot.String(x.Slot()), keyRound.Int64(int64(x.Round))}
	if x.Subject == governance.SubjectRelease {
		about = append(about, keyRelease.String(x.Binding.Release.String()))
	}
	return about
}

// fetching reports whether a file of a followed proposal is waited for.
func (r *releases) fetching() bool {
	for _, x := range r.roads {
		if !x.fetched {
			return true
		}
	}
	return false
}

// fetch makes spans of the files that have come.
func (r *releases) fetch(source Source) {
	if !r.fetching() {
		return
	}
	here := map[quoin.Hash]bool{}
	for _, s := range source.Releases() {
		here[s.Digest] = s.State != node.ReleaseWanted
	}
	for _, x := range r.roads {
		fresh := x.fresh
		x.fresh = false
		if x.fetched || !here[x.Binding.Release] {
			continue
		}
		if x.fetched = true; fresh {
			continue // it came by another way, or too fast to be seen
		}
		r.span(x, &otlp.Span{Name: spanFetch, Start: x.seen, End: latest(x.seen, time.Now()), Attributes: x.about()})
	}
}

// compile makes spans of compilations whose proposal is known.
func (r *releases) compile() {
	r.mu.Lock()
	defer r.mu.Unlock()
	var left []build
	for _, b := range r.builds {
		told := false
		for _, x := range r.roads {
			if x.Binding.Release == b.release {
				told = true
				r.span(x, &otlp.Span{Name: spanCompile, Start: b.at.Add(-b.took), End: b.at, Attributes: append(x.about(), keyGood.Bool(b.good))})
			}
		}
		if !told {
			left = append(left, b)
		}
	}
	r.builds = left
}
