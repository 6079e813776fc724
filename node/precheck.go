package node

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
)

// budgetTries is how often compiling a release must break the budget, which takes a minute or so, before
// this node says that it cannot run it.
const budgetTries = 3

// prechecks are what the library finds out for the replica about what is proposed.
type prechecks struct {
	compiled map[quoin.Hash]*plugin.Release
	codes    map[quoin.Hash]governance.PrecheckCode // of releases that will not come into the table
	told     map[quoin.Hash]bool                    // codes that the replica was told, of releases that governance names
	owed     []replica.DryCall
	made     map[dryCall]time.Time // when it may be made again; zero: never, it was answered
}

// dryCall names a dry call.
type dryCall struct {
	proposal governance.ProposalNumber
	round    uint64
}

func newPrechecks() prechecks {
	return prechecks{compiled: map[quoin.Hash]*plugin.Release{}, codes: map[quoin.Hash]governance.PrecheckCode{},
		told: map[quoin.Hash]bool{}, made: map[dryCall]time.Time{}}
}

// refusalCode says what a validator says of a release that no node can accept.
func refusalCode(err error) governance.PrecheckCode {
	var refusal *plugin.Refusal
	if errors.As(err, &refusal) {
		return replica.RefusalCode(refusal, governance.PrecheckRefused)
	}
	return governance.PrecheckRefused
}

// name forgets what the replica was told of releases that governance does not name any more, and has it
// told of those that it names now. The caller holds the lock.
func (l *library) name() {
	maps.DeleteFunc(l.told, func(d quoin.Hash, _ bool) bool { return !l.named[d] })
	for d := range l.codes {
		if l.named[d] && !l.told[d] {
			wake(l.work)
		}
	}
}

// tell tells the replica which releases will not come.
func (l *library) tell(ctx context.Context) {
	var refused []replica.ReleaseRefused
	l.mu.Lock()
	for d, code := range l.codes {
		if l.named[d] && !l.told[d] {
			l.told[d] = true
			refused = append(refused, replica.ReleaseRefused{Digest: d, Code: code})
		}
	}
	l.mu.Unlock()
	for _, in := range refused {
		_ = l.n.loop.post(ctx, l.n.loop.own, task{input: in}) // it fails when the node stops
	}
}

// owe takes the dry calls that the replica demands, from the loop.
func (l *library) owe(calls []replica.DryCall) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owed = calls
	maps.DeleteFunc(l.made, func(k dryCall, _ time.Time) bool {
		return !slices.ContainsFunc(calls, func(d replica.DryCall) bool { return k == dryCall{d.Proposal, d.Round} })
	})
	if len(calls) > 0 {
		wake(l.work)
	}
}

// owedCall returns a dry call that was not made yet.
func (l *library) owedCall(now time.Time) (replica.DryCall, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.owed {
		if again, made := l.made[dryCall{d.Proposal, d.Round}]; made && (again.IsZero() || now.Before(again)) {
			continue
		}
		l.made[dryCall{d.Proposal, d.Round}] = now.Add(askEvery)
		return d, true
	}
	return replica.DryCall{}, false
}

// call makes a dry call of a release here, beside the loop, on instances of its own: it may take as long
// as its fuel does. A built-in belongs to the loop, and takes no longer than it takes when it serves.
func (l *library) call(ctx context.Context, d replica.DryCall) {
	if d.Binding.Release.IsZero() {
		_ = l.n.loop.post(ctx, l.n.loop.own, task{call: &d})
		return
	}
	l.mu.Lock()
	release := l.compiled[d.Binding.Release]
	l.mu.Unlock()
	if release == nil {
		return // the file was lost; once it is here again, the call is made
	}
	table, err := plugin.NewTable(nil)
	if err != nil {
		return
	}
	table.Add(release)
	defer table.Remove(release.Digest())
	answer, err := d.Call(table)
	if err != nil {
		l.n.log.Warn("a proposed release cannot be tried on this node now", "event", "release-not-tried", "proposal", d.Proposal, "release", release.Digest(), "error", err)
		return
	}
	if l.n.loop.post(ctx, l.n.loop.own, task{input: answer}) == nil {
		l.mu.Lock()
		l.made[dryCall{d.Proposal, d.Round}] = time.Time{}
		l.mu.Unlock()
	}
}
