package chaos

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/lab/events"
)

const (
	bootLimit    = time.Minute
	recoverLimit = time.Minute     // for all nodes to catch up after a fault
	statusLimit  = 2 * time.Second // for one answer
	nearHeights  = 8               // a node so near to the others has caught up
)

// world is a run.
type world struct {
	o         Options
	nursery   *nursery
	processes []*process
	watchers  []*client.Client // one for each node
	networks  Networks
	crowd     *crowd
	lag       *lag
	struck    []Struck

	mu       sync.Mutex
	events   []events.Event
	findings []string
	began    time.Time
}

// Struck is a fault as it happened. Times are since the run began.
type Struck struct {
	Fault
	Began time.Duration
	Ended time.Duration // when it was undone
	Whole time.Duration // when all nodes had caught up; 0: not in recoverLimit
	Lag   time.Duration // the longest by which this machine was late meanwhile, see lag
}

func newWorld(o Options) (w *world, err error) {
	w = &world{o: o, nursery: newNursery(), networks: o.Networks, lag: newLag(), began: time.Now()}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.networks == nil {
		if w.networks, err = newRelays(&o); err != nil {
			return nil, err
		}
	}
	for i := range o.Nodes {
		n := &w.o.Nodes[i]
		addresses := make([]string, len(o.Nodes))
		for j := range addresses {
			if addresses[j] = n.Listen; j != i {
				addresses[j] = w.networks.Address(i, j)
			}
		}
		if err := n.SetPeers(addresses); err != nil {
			return nil, err
		}
		w.processes = append(w.processes, newProcess(n, w.nursery))
		c, err := client.New(client.Options{Endpoints: []client.Endpoint{n.API}, Trust: client.GenesisAnchor(o.Genesis), Attempts: 1})
		if err != nil {
			return nil, err
		}
		w.watchers = append(w.watchers, c)
	}
	return w, nil
}

// close ends every process and takes the networks down.
func (w *world) close() error {
	var errs []error
	if w.crowd != nil {
		w.crowd.end()
	}
	w.lag.end()
	for _, p := range w.processes {
		errs = append(errs, p.kill())
	}
	for _, c := range w.watchers {
		c.Close()
	}
	if w.networks != nil {
		errs = append(errs, w.networks.Close())
	}
	w.nursery.close()
	return errors.Join(errs...)
}

func (w *world) now() time.Duration { return time.Since(w.began) }

// note writes an event. The node is events.World for what concerns nobody alone.
func (w *world) note(verb events.Verb, node int, kind, format string, a ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, events.Event{Index: uint64(len(w.events)), AtUS: uint64(w.now().Microseconds()), Node: node, Verb: verb,
		Kind: kind, Text: fmt.Sprintf(format, a...)})
}

func (w *world) find(format string, a ...any) {
	w.mu.Lock()
	w.findings = append(w.findings, fmt.Sprintf(format, a...)) // each check bounds its own
	w.mu.Unlock()
	w.note(events.Broken, events.World, "finding", format, a...)
}

// boot starts all nodes and the clients.
func (w *world) boot(ctx context.Context) error {
	for i := range w.processes {
		if err := w.start(i); err != nil {
			return err
		}
	}
	deadline := time.Now().Add(bootLimit)
	for i := range w.watchers {
		for w.status(ctx, i) == nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if time.Now().After(deadline) || w.processes[i].died() != "" {
				return fmt.Errorf("chaos: node %s does not answer: %s", w.o.Nodes[i].Name, w.processes[i].lastWords())
			}
			pause(ctx, 20*time.Millisecond)
		}
	}
	var err error
	w.crowd, err = newCrowd(context.WithoutCancel(ctx), &w.o, w.began)
	return err
}

func (w *world) start(i int) error {
	w.note(events.Booted, i, "", "")
	return w.processes[i].start()
}

func (w *world) status(ctx context.Context, i int) *quoinv1.Status {
	one, cancel := context.WithTimeout(ctx, statusLimit)
	defer cancel()
	s, err := w.watchers[i].StatusOf(one, 0)
	if err != nil {
		return nil
	}
	return s
}

// kinds are those that were asked for and are possible here.
func (w *world) kinds() []Kind {
	kinds := w.o.Kinds
	if len(kinds) == 0 {
		kinds = Kinds()
	}
	return slices.DeleteFunc(slices.Clone(kinds), func(k Kind) bool {
		return k == DiskFull && w.o.Disk == nil || !w.networks.Can(k)
	})
}

// broken reports whether anything was found: then no more faults are worth their time.
func (w *world) broken() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.findings) > 0
}

// play strikes one fault after the other, then heals everything and waits until every client has had
// an operation acknowledged after that.
func (w *world) play(ctx context.Context) error {
	kinds := w.kinds()
	if len(kinds) == 0 {
		return fmt.Errorf("%w: none of the faults is possible here", ErrOptions)
	}
	s := newSchedule(w.o.Seed, len(w.o.Nodes), kinds)
	for begun := w.now(); w.now() < begun+w.o.Duration && ctx.Err() == nil && !w.broken(); {
		f := s.next()
		pause(ctx, f.Wait)
		if ctx.Err() != nil {
			break
		}
		if err := w.strike(ctx, f); err != nil {
			return fmt.Errorf("chaos: fault %s: %w", &f, err)
		}
	}
	healed := w.now()
	w.note(events.Healed, events.World, "all", "")
	w.heard(ctx, healed)
	w.crowd.end()
	return ctx.Err()
}

// strike does one fault, undoes it, and waits until all nodes have caught up.
func (w *world) strike(ctx context.Context, f Fault) error {
	if f.Kind == KillLeader {
		if leader, ok := w.leader(ctx); ok {
			f.Nodes = []int{leader}
		}
	}
	x := Struck{Fault: f, Began: w.now()}
	w.note(events.Fault, f.Nodes[0], string(f.Kind), "%s", &f)
	err := w.act(ctx, &f)
	x.Ended = w.now()
	w.note(events.Healed, f.Nodes[0], string(f.Kind), "")
	if err == nil && w.whole(ctx, &f) {
		x.Whole = w.now()
		defer w.heard(ctx, x.Ended) // so that the next fault does not count for this one
		w.note(events.Noted, events.World, "whole", "all nodes have caught up %v after fault %d", (x.Whole - x.Ended).Round(time.Millisecond), f.Number)
	}
	x.Lag = w.lag.since(w.began.Add(x.Began))
	w.struck = append(w.struck, x)
	w.o.Progress("%5.1f s  %s  whole again after %v", w.now().Seconds(), &f, (w.now() - x.Ended).Round(time.Millisecond))
	for _, p := range w.processes {
		if died := p.died(); died != "" {
			w.find("%s", died)
		}
	}
	return err
}

// heard waits until every client has had an operation acknowledged that it began after a moment; that one
// has not is a finding.
func (w *world) heard(ctx context.Context, since time.Duration) {
	silent := w.crowd.record.silent(since, w.o.Clients)
	for deadline := time.Now().Add(recoverLimit); len(silent) > 0 && ctx.Err() == nil; silent = w.crowd.record.silent(since, w.o.Clients) {
		if time.Now().After(deadline) {
			w.find("clients %v have had nothing acknowledged for %v: %s", silent, recoverLimit, w.describe(ctx))
			return
		}
		pause(ctx, 10*time.Millisecond)
	}
}

// leader is the node that leads the present view, if one says so.
func (w *world) leader(ctx context.Context) (int, bool) {
	for i := range w.watchers {
		if s := w.status(ctx, i); s != nil && s.Leader >= 0 && int(s.Leader) < len(s.Validators) {
			name := s.Validators[s.Leader].Name
			if at := slices.IndexFunc(w.o.Nodes, func(n Node) bool { return n.Name == name }); at >= 0 {
				return at, true
			}
		}
	}
	return 0, false
}

// whole waits until all nodes answer, vote, and are about as high as the highest was when a quorum
// answered first; that they do not come so far is a finding.
func (w *world) whole(ctx context.Context, f *Fault) bool {
	n := len(w.watchers)
	begun, answered := w.now(), false
	var target uint64
	for deadline := time.Now().Add(recoverLimit); time.Now().Before(deadline) && ctx.Err() == nil; pause(ctx, 5*time.Millisecond) {
		var heights []uint64
		for i := range w.watchers {
			s := w.status(ctx, i)
			if s == nil {
				continue
			}
			if s.Observer != "" {
				w.find("node %s votes no more: %s", w.o.Nodes[i].Name, s.Observer)
				return false
			}
			heights = append(heights, s.Height)
		}
		if target == 0 && len(heights) >= n-tolerated(n) {
			target = slices.Max(heights)
		}
		if len(heights) == n && !answered {
			answered = true
			w.note(events.Noted, events.World, "answers", "all nodes answer %v after fault %d, the lowest %d heights below", (w.now() - begun).Round(time.Millisecond),
				f.Number, slices.Max(heights)-slices.Min(heights))
		}
		if len(heights) == n && slices.Min(heights)+nearHeights >= target {
			return true
		}
	}
	if ctx.Err() == nil {
		w.find("not all nodes have caught up %v after fault %s: %s", recoverLimit, f, w.describe(ctx))
	}
	return false
}

// describe says where every node is.
func (w *world) describe(ctx context.Context) string {
	text := ""
	for i := range w.watchers {
		if s := w.status(ctx, i); s != nil {
			text += fmt.Sprintf("%s at height %d view %d, %d pending; ", w.o.Nodes[i].Name, s.Height, s.View, s.Pending)
		} else {
			text += fmt.Sprintf("%s does not answer (%s); ", w.o.Nodes[i].Name, w.processes[i].lastWords())
		}
	}
	return text
}

// level returns the height of all nodes, if it is the same and not below the least.
func (w *world) level(ctx context.Context, least quoin.Height) (quoin.Height, bool) {
	var first uint64
	for i := range w.watchers {
		s := w.status(ctx, i)
		if s == nil || s.Height < uint64(least) || i > 0 && s.Height != first {
			return 0, false
		}
		first = s.Height
	}
	return quoin.Height(first), true
}

func (w *world) file(i int, name string) string { return filepath.Join(w.o.Nodes[i].Dir, name) }
