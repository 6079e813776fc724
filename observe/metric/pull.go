package metric

import (
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"
)

// pull gives what snapshots of the source show.
func (e *emitter) pull(s Source, now time.Time) {
	st := s.Status()
	e.node(s.Genesis(), &st, now)
	e.chain(&st, now)
	e.consensus(&st)
	e.pool(&st)
	e.samples(&st)
	e.governance(&st)
	states := map[node.ReleaseState]int{}
	for _, r := range s.Releases() {
		states[r.State]++
	}
	for _, state := range []node.ReleaseState{node.ReleaseWanted, node.ReleaseStored, node.ReleaseReady, node.ReleaseRefused, node.ReleaseDeferred} {
		e.set(releases, float64(states[state]), string(state))
	}
	e.network(s.Links(), st.Configuration.Validators)
	e.files(e.m.disk.read(now))
}

func (e *emitter) node(g *quoin.Genesis, s *node.Status, now time.Time) {
	name := ""
	if i, ok := s.Configuration.Validators.Index(s.Key); ok {
		name = s.Configuration.Validators.At(i).Name
	}
	e.set(nodeInfo, 1, name, g.Network, g.Chain)
	e.set(nodeTime, float64(now.UnixMilli())/1000)
	e.flag(nodeObserver, s.Observer != "")
	e.flag(nodeVotes, s.Self >= 0 && !s.Consensus.Observer)
}

func (e *emitter) chain(s *node.Status, now time.Time) {
	e.count(height, uint64(s.Tip.Height))
	e.count(heightSynced, uint64(s.Synced))
	e.count(behind, uint64(max(s.Newest, s.Tip.Height)-s.Tip.Height))
	if s.Tip.Time > 0 { // not the genesis
		e.set(blockAge, max(0, float64(now.UnixMilli()-int64(s.Tip.Time))/1000))
	}
	e.set(heartbeat, float64(s.Configuration.Parameters.HeartbeatMS)/1000)
	e.count(entries, s.Tip.Size)
	e.count(blocks, s.Stats.Blocks)
	e.count(transactions, s.Stats.Transactions)
}

func (e *emitter) consensus(s *node.Status) {
	c, x := &s.Consensus, &s.Stats
	e.count(view, uint64(c.View))
	e.count(epoch, uint64(c.Epoch))
	e.count(validators, uint64(s.Configuration.Validators.Len()))
	e.count(uncertified, uint64(c.Uncertified))
	e.count(timeouts, x.Timeouts)
	e.count(nullified, x.Nullified)
	e.count(gaps, x.Gaps)
	e.count(rescues, x.Rescues)
	e.flag(diverged, c.Diverged)
	e.count(divergences, x.Diverged)
	e.count(splits, x.Splits)
	e.count(messages, x.Messages-min(x.Messages, x.Refused+x.Stale), "taken")
	e.count(messages, x.Stale, "stale")
	e.count(messages, x.Refused, "refused")
	for i, heard := range s.Heard {
		if i < s.Configuration.Validators.Len() {
			e.count(validatorLag, uint64(max(c.View, heard)-heard), s.Configuration.Validators.At(i).Name)
		}
	}
}

func (e *emitter) pool(s *node.Status) {
	e.count(poolTransactions, uint64(s.Pending))
	e.count(poolSize, uint64(max(0, s.PoolBytes)))
	for code, n := range s.Stats.Admissions {
		e.count(admissions, n, replica.AdmissionCode(code).String())
	}
}

func (e *emitter) samples(s *node.Status) {
	x := &s.Samples
	e.count(samples, x.Replayed-min(x.Replayed, x.Differed), "alike")
	e.count(samples, x.Differed, "differed")
	e.count(samples, x.Dropped, "dropped")
	e.count(samples, x.Unrecorded, "unrecorded")
	e.count(samples, x.Failed, "failed")
	e.count(slowCalls, x.Slow)
}

func (e *emitter) governance(s *node.Status) {
	open := map[governance.Status]int{}
	for i := range s.Open {
		open[s.Open[i].Status]++
	}
	for _, status := range governance.Statuses() {
		if status.Holds() {
			e.set(proposals, float64(open[status]), status.String())
		}
	}
}
