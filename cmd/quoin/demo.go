package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/observe/timeline"
)

// The demo: a director plays acts on a running dev network, one after the other and then again, so that
// whoever opens the dashboard sees what happens to a network and what the network does about it. It has no
// means of its own: it stops a node as `quoin fault crash` does, and signs transactions with the keys of
// the network's folder.

// faultsDemo is the one value of `quoin dev --faults`.
const faultsDemo = "demo"

// demoValidatorsMin is how many validators a network needs to go on without one.
const demoValidatorsMin = 4

// pace says how long things stand as they are, so that people can follow.
type pace struct {
	calm   time.Duration // before each act
	down   time.Duration // a crashed leader
	notice time.Duration // from a schedule to its activation
	well   time.Duration // for which the bad plugin behaves
	beside time.Duration // of a shadow
	serves time.Duration // of what was activated, until it is rolled back
	after  time.Duration // from the last act to the first of the next round
}

var demoPace = pace{calm: 2 * time.Second, down: 5 * time.Second, notice: 3 * time.Second, well: 2 * time.Second,
	beside: 4 * time.Second, serves: 4 * time.Second, after: 20 * time.Second}

// stepLong bounds the wait for one step of the network.
const stepLong = 30 * time.Second

// director plays the demo on a network. One goroutine uses it.
type director struct {
	running func() []*station // that have not crashed
	host    quoin.PublicKey   // the node that serves the audience
	newest  node.Status
	dir     string // for files
	keys    map[string]ed25519.PrivateKey
	conn    *conn
	pace    pace
	say     func(format string, a ...any) // prints a line

	candidate governance.ProposalNumber // that waits for its activation; 0: none
}

// act is one thing that the audience is shown.
type act struct {
	name string
	look string // where it is seen on the dashboard
	play func(*director, context.Context) error
}

// acts returns the acts in their order: the third, fourth and fifth are one release's.
func acts() []act {
	return []act{
		{"a leader crashes and comes back", "Consensus: its row falls silent, and its views time out", (*director).crashLeader},
		{"a bad plugin is contained", "Plugins: its faults; Releases: where it ends", (*director).containPlugin},
		{"a candidate runs in the shadow", "Releases: how its answers compare", (*director).compareCandidate},
		{"an activation at a height", "Releases: the countdown", (*director).activateCandidate},
		{"a rollback", "Releases: what serves leader.v1, and who asked for it", (*director).rollBack},
	}
}

// checkFaults refuses plays that there are none of.
func (o *devOptions) checkFaults() error {
	if o.faults != "" && o.faults != faultsDemo {
		return usage("there is no play "+quote(o.faults)+" of faults", "use --faults "+faultsDemo+"; single faults are injected with `quoin fault`")
	}
	return nil
}

// checkStage refuses to play on a network that would not bear it.
func (o *devOptions) checkStage(g *quoin.Genesis, validators int) error {
	switch {
	case o.faults == "":
		return nil
	case !g.Configuration.Parameters.FaultInjection():
		return refused("faults-not-allowed", "this network's genesis does not allow that faults are injected", "its parameter fault_injection is 0, for the life of the network",
			"leave --faults out, or choose a new folder: the networks of `quoin dev` allow them")
	case validators < demoValidatorsMin:
		return usage(fmt.Sprintf("the demo stops a validator, and a network of %d cannot go on without one", validators), fmt.Sprintf("choose a new folder, and --nodes %d or more", demoValidatorsMin))
	}
	return nil
}

// newDirector makes a director of a network that the context names.
func (d *devNet) newDirector(ctx context.Context, t *terminal, dir string) (*director, error) {
	x := &director{running: d.running, host: d.stations[0].node.Key(), dir: filepath.Join(dir, "demo"), keys: map[string]ed25519.PrivateKey{}, pace: demoPace, say: t.statusLine().above}
	for _, role := range operatorRoles {
		key, err := readKey(keyPath(dir, role))
		if err != nil {
			return nil, err
		}
		x.keys[role] = key
	}
	if err := os.MkdirAll(x.dir, 0o700); err != nil {
		return nil, failure("the folder of the demo cannot be made", err, "")
	}
	var err error
	x.conn, err = t.connect(ctx)
	return x, err
}

// demo plays until the context ends.
func (d *devNet) demo(ctx context.Context, t *terminal, dir string) {
	x, err := d.newDirector(ctx, t, dir)
	if err != nil {
		t.note("the demo cannot be played: %v", err)
		return
	}
	defer x.conn.close()
	for ctx.Err() == nil {
		x.round(ctx)
		_ = sleepFor(ctx, x.pace.after) // it fails when the demo is over
	}
}

// round plays every act once. One that fails is told, and the next one follows.
func (d *director) round(ctx context.Context) {
	for i, a := range acts() {
		err := sleepFor(ctx, d.pace.calm)
		if err == nil {
			d.say("act %d: %s. Look at %s", i+1, a.name, a.look)
			err = a.play(d, ctx)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			d.say("act %d could not be played: %v", i+1, err)
			d.mark("Broken off: "+a.name, fmt.Sprintf("It could not be played to its end: %v.", err))
		}
	}
	if err := d.tidy(ctx); err != nil && ctx.Err() == nil {
		d.say("the demo could not clear up: %v", err)
	}
}

// mark explains on every node what happens. The title has no full stop.
func (d *director) mark(title, text string) {
	for _, s := range d.running() {
		s.node.Announce(timeline.Told, title+". "+text)
	}
}

func sleepFor(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// status is how the network is: as the first node that runs sees it.
func (d *director) status() *node.Status {
	if s := d.running(); len(s) > 0 {
		d.newest = s[0].node.Status()
	}
	return &d.newest
}

func (d *director) height() quoin.Height { return d.status().Tip.Height }

// parameters are the chain's now.
func (d *director) parameters() *quoin.Parameters { return &d.status().Configuration.Parameters }

// sampled is for how long the director counts blocks to know how fast they come, and slowest are the fewest
// that a second brings.
const (
	sampled = 500 * time.Millisecond
	slowest = 10
)

// heights returns how many heights pass in some time, as fast as blocks come now.
func (d *director) heights(ctx context.Context, of time.Duration) (quoin.Height, error) {
	before := d.height()
	if err := sleepFor(ctx, sampled); err != nil {
		return 0, err
	}
	passed := max(d.height()-before, quoin.Height(slowest*sampled/time.Second))
	return min(passed*quoin.Height(of)/quoin.Height(sampled)+1, governance.PlanHeightsMax/2), nil
}

// send has a command of a member certified, and fails if governance refused it.
func (d *director) send(ctx context.Context, role string, c governance.Command) (*receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, stepLong)
	defer cancel()
	expiry, err := d.conn.Expiry(ctx)
	if err != nil {
		return nil, netFault(err)
	}
	r, err := d.conn.transact(ctx, d.keys[role], rand.Uint64(), expiry, quoin.KernelNamespace, governance.Encode(c), client.Certified)
	if err != nil {
		return nil, err
	}
	return r, r.refusal()
}

// propose opens a proposal, and has it checked by the validators and approved by both approvers.
func (d *director) propose(ctx context.Context, p governance.Propose) (governance.Proposal, error) {
	r, err := d.send(ctx, roleProposer, p)
	if err != nil {
		return governance.Proposal{}, err
	}
	number := governance.ProposalNumber(r.number())
	checked, err := d.await(ctx, number, func(p *governance.Proposal) bool { return p.Status == governance.StatusPrechecked })
	for _, role := range []string{roleApprover, roleApprover2} {
		if err == nil {
			_, err = d.send(ctx, role, governance.Approve{Proposal: number, Restarts: checked.Restarts(), Note: "every check passed"})
		}
	}
	if err != nil {
		return governance.Proposal{}, err
	}
	return d.await(ctx, number, func(p *governance.Proposal) bool { return p.Status == governance.StatusApproved })
}

// schedule fixes when a proposal takes effect, and waits for it.
func (d *director) schedule(ctx context.Context, p *governance.Proposal, at quoin.Height) (governance.Proposal, error) {
	if _, err := d.send(ctx, roleProposer, governance.Schedule{Proposal: p.Number, Height: at, Restarts: p.Restarts()}); err != nil {
		return governance.Proposal{}, err
	}
	return d.await(ctx, p.Number, func(p *governance.Proposal) bool { return p.Status.Serves() || !p.Status.Holds() })
}

// awaitEvery is how often the director looks whether it is time.
const awaitEvery = 100 * time.Millisecond

// await waits until a proposal, read with its proof, is as wanted. One that has ended otherwise is an error.
func (d *director) await(ctx context.Context, number governance.ProposalNumber, wanted func(p *governance.Proposal) bool) (p governance.Proposal, err error) {
	for deadline := time.Now().Add(stepLong + d.pace.notice + d.pace.beside); ; {
		err = d.conn.Kernel(ctx, func(s governance.State) { p, _ = governance.ReadProposal(s, number) })
		switch {
		case err != nil:
			return p, netFault(err)
		case wanted(&p):
			return p, nil
		case !p.Status.Holds():
			return p, fmt.Errorf("proposal %d is %s, because of %s", number, p.Status, p.Ending.Why)
		case time.Now().After(deadline):
			return p, fmt.Errorf("proposal %d is still %s", number, p.Status)
		}
		if err := sleepFor(ctx, awaitEvery); err != nil {
			return p, err
		}
	}
}

// demoNote begins the note of every proposal of the demo, and tells them from other people's.
const demoNote = "part of the demo: "

// tidy takes back what a round, or one that was broken off, has left: the leaders take turns again.
func (d *director) tidy(ctx context.Context) error {
	var open []governance.Proposal
	var serving governance.Served
	var brought governance.Proposal
	err := d.conn.Kernel(ctx, func(s governance.State) {
		open = governance.OpenProposals(s)
		slot, _ := governance.ReadSlot(s, demoSlot)
		serving, _ = governance.ReadServed(s, demoSlot, slot.Serving)
		brought, _ = governance.ReadProposal(s, serving.Proposal)
	})
	if err != nil {
		return netFault(err)
	}
	d.candidate = 0
	for _, p := range open {
		if strings.HasPrefix(p.Note, demoNote) && !p.Status.Serves() {
			if _, err := d.send(ctx, roleProposer, governance.Cancel{Proposal: p.Number}); err != nil {
				return err
			}
		}
	}
	if strings.HasPrefix(brought.Note, demoNote) && brought.Status.Serves() {
		_, err = d.send(ctx, roleApprover, governance.Rollback{Slot: demoSlot, From: serving.Number, Note: "the demo is over"})
	}
	return err
}
