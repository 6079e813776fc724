package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	injected "quoin.dev/quoin/fault"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
)

// demoSlot is what the demo changes: who leads which view.
const demoSlot = "leader.v1"

// demoCandidate is the built-in that is tried, activated and rolled back.
const demoCandidate = "reputation"

// crashLeader stops a validator while it leads. It is started again by itself.
func (d *director) crashLeader(ctx context.Context) error {
	id, err := d.conn.nextFault(ctx)
	if err != nil {
		return err
	}
	victim, view, err := d.awaitLeader(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	f := &injected.Fault{ID: id, Kind: injected.Crash, Targets: []quoin.PublicKey{victim.Key}, Until: now.Add(d.pace.down), Note: fmt.Sprintf("it led view %d", view)}
	if err := firstRefusal(d.conn.Inject(ctx, quoinv1.NewFault(f, now), d.keys[roleProposer])); err != nil {
		return netFault(err)
	}
	down := d.height()
	d.mark("A leader crashes", fmt.Sprintf("%s was stopped while it led view %d. The others go on: in each view that it should lead they wait until their time is out, and give the view up.", victim.Name, view))
	if err := sleepFor(ctx, d.pace.down); err != nil {
		return err
	}
	for end := time.Now().Add(stepLong); !d.takesPart(victim.Key); {
		if time.Now().After(end) {
			return fmt.Errorf("%s does not take part again", victim.Name)
		}
		if err := sleepFor(ctx, awaitEvery); err != nil {
			return err
		}
	}
	d.mark(victim.Name+" has recovered", fmt.Sprintf("It was started again from its own disk, fetched the %d blocks that the others had certified without it, and takes part.", d.height()-down))
	return nil
}

// awaitLeader waits until a validator leads that is not the node that serves the audience.
func (d *director) awaitLeader(ctx context.Context) (leader quoin.Validator, view quoin.View, err error) {
	for end := time.Now().Add(stepLong); time.Now().Before(end); {
		s := d.status()
		if i, set := s.Consensus.Leader, s.Configuration.Validators; i >= 0 && i < set.Len() && set.At(i).Key != d.host {
			return set.At(i), s.Consensus.View, nil
		}
		if err := sleepFor(ctx, time.Millisecond); err != nil {
			return leader, 0, err
		}
	}
	return leader, 0, errors.New("no other validator leads")
}

// lately is how many views ago a validator was heard that takes part.
const lately = 4

// takesPart reports whether a validator was heard lately.
func (d *director) takesPart(key quoin.PublicKey) bool {
	s := d.status()
	i, ok := s.Configuration.Validators.Index(key)
	return ok && i < len(s.Heard) && s.Heard[i]+lately >= s.Consensus.View
}

// containPlugin lets a leader serve that stops answering after a while. Everything before that is as it should be:
// no check can see it.
func (d *director) containPlugin(ctx context.Context) error {
	if err := d.tidy(ctx); err != nil {
		return err
	}
	notice, err := d.heights(ctx, d.pace.notice)
	if err != nil {
		return err
	}
	// An activation and a sleep that begin with an interval of reports: the kernel has acted before validators
	// report on it.
	interval := quoin.Height(d.parameters().ReportHeights)
	well := ceil(notice*quoin.Height(d.pace.well)/quoin.Height(d.pace.notice), interval)
	propose, err := d.sleeper(ctx, quoin.View(well))
	if err != nil {
		return err
	}
	propose.Plan.Trial, propose.Note = uint64(10*(notice+well)), demoNote+"leaders take turns, by a plugin"
	p, err := d.propose(ctx, propose)
	if err != nil {
		return err
	}
	d.mark("A bad plugin is approved", fmt.Sprintf("Nobody knows that %s (proposal %d) is bad: every validator has checked that it can run, two people have approved it. It will choose the leaders, on trial.", p.Release.Name, p.Number))
	if p, err = d.schedule(ctx, &p, ceil(d.height()+notice, interval)); err != nil {
		return err
	}
	d.mark("The bad plugin serves", fmt.Sprintf("%s chooses the leaders since height %d, on trial. For %d views it behaves.", p.Release.Name, p.Activation+1, well))
	p, err = d.await(ctx, p.Number, func(p *governance.Proposal) bool { return !p.Status.Holds() })
	if err != nil {
		return err
	}
	d.mark("The bad plugin is contained", fmt.Sprintf("%s stopped answering in view %d. The sandbox ended each call when its fuel was gone, and the validators led in turn instead. After %d faults the kernel gave the slot back to what served before: %s, at height %d.",
		p.Release.Name, well, governance.FaultsMax, p.Status, p.Ending.Height))
	return nil
}

// ceil returns the least multiple of an interval that is not below h.
func ceil(h, interval quoin.Height) quoin.Height { return (h + interval - 1) / interval * interval }

// sleeper uploads a leader that takes turns up to a view of its epoch and never returns from then on, and makes
// its proposal.
func (d *director) sleeper(ctx context.Context, until quoin.View) (governance.Propose, error) {
	fixture, _ := hostile.Find(hostile.ReleaseSleeper)
	author := d.keys[roleAuthor]
	file, err := plugin.Sign(fixture.Release(publicOf(author)), author)
	if err != nil {
		return governance.Propose{}, err
	}
	path := filepath.Join(d.dir, fixture.Name+".wasm")
	if err := writeFile(path, file, 0o644); err != nil {
		return governance.Propose{}, err
	}
	propose, file, err := proposal(path, quoin.Binding{Parameters: binary.LittleEndian.AppendUint64(nil, uint64(until))})
	if err != nil {
		return governance.Propose{}, err
	}
	_, err = d.conn.upload(ctx, d.keys[roleProposer], file)
	return propose, err
}

// compareCandidate runs another way to choose leaders beside the one that serves.
func (d *director) compareCandidate(ctx context.Context) error {
	if err := d.tidy(ctx); err != nil {
		return err
	}
	length, err := d.heights(ctx, d.pace.beside)
	if err != nil {
		return err
	}
	propose := governance.NewBuiltin(quoin.Binding{Hook: hook.Leader.Name, Builtin: demoCandidate})
	propose.Plan.Shadow, propose.Note = uint64(length), demoNote+"leaders by reputation: who was not heard lately does not lead"
	p, err := d.propose(ctx, propose)
	if err != nil {
		return err
	}
	if _, err = d.send(ctx, roleProposer, governance.Shadow{Proposal: p.Number}); err != nil {
		return err
	}
	d.mark("A candidate runs in the shadow", fmt.Sprintf("%s (proposal %d) is asked who should lead each view, beside what serves. Its answers are compared on every validator, and decide nothing.", demoCandidate, p.Number))
	p, err = d.await(ctx, p.Number, func(p *governance.Proposal) bool { return p.Shadowed.Heights >= propose.Plan.Shadow })
	if err != nil {
		return err
	}
	x := &p.Shadowed
	d.mark("The shadow is compared", fmt.Sprintf("%s would have chosen another leader in %d of %d views, %d %%, and never faulted. A quorum of the validators found the same.", demoCandidate, x.Diverged, x.Compared, 100*x.Diverged/max(x.Compared, 1)))
	d.candidate = p.Number
	return nil
}

// activateCandidate lets the candidate serve from a height that everybody knows before.
func (d *director) activateCandidate(ctx context.Context) error {
	if d.candidate == 0 {
		return errors.New("nothing has passed its shadow")
	}
	notice, err := d.heights(ctx, d.pace.notice)
	if err != nil {
		return err
	}
	p, err := d.await(ctx, d.candidate, func(*governance.Proposal) bool { return true })
	if err != nil {
		return err
	}
	at := d.height() + notice
	d.mark("An activation is scheduled", fmt.Sprintf("After height %d %s (proposal %d) will choose the leaders, on every node at once. The validators say on the ledger that they are ready.", at, demoCandidate, p.Number))
	if p, err = d.schedule(ctx, &p, at); err != nil {
		return err
	}
	if !p.Status.Serves() {
		return fmt.Errorf("proposal %d is %s, because of %s", p.Number, p.Status, p.Ending.Why)
	}
	d.mark("Activated at its height", fmt.Sprintf("%s chooses the leaders since height %d, on every node at once: it passes over whoever was not heard lately.", demoCandidate, p.Activation+1))
	return nil
}

// rollBack has a responder return the slot to what served before.
func (d *director) rollBack(ctx context.Context) error {
	if d.candidate == 0 {
		return errors.New("nothing was activated")
	}
	if err := sleepFor(ctx, d.pace.serves); err != nil {
		return err
	}
	if err := d.tidy(ctx); err != nil {
		return err
	}
	var serving governance.Served
	for end := time.Now().Add(stepLong); serving.Cause != governance.CauseRollback; {
		if err := sleepFor(ctx, awaitEvery); err != nil {
			return err
		}
		err := d.conn.Kernel(ctx, func(s governance.State) {
			slot, _ := governance.ReadSlot(s, demoSlot)
			serving, _ = governance.ReadServed(s, demoSlot, slot.Serving)
		})
		if err != nil {
			return netFault(err)
		}
		if time.Now().After(end) {
			return errors.New("the slot does not return")
		}
	}
	d.mark("Rolled back", fmt.Sprintf("%s chooses the leaders again since height %d. One responder, %s, has signed that: it brings no new code, so one is enough.", serving.Binding.Builtin, serving.First, roleApprover))
	return nil
}
