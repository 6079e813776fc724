package dashboard

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/observe/health"
	"quoin.dev/quoin/observe/timeline"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/transport"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
)

// stage plays a network of validators to a timeline, without a network: a leader crashes and comes back, a plugin
// faults, a candidate runs in the shadow, takes over and is taken back. Times are its own.
type stage struct {
	genesis  *quoin.Genesis
	set      quoin.ValidatorSet
	timeline *timeline.Timeline
	random   *rand.Rand

	mu      sync.Mutex
	now     time.Time
	status  node.Status
	changes *api.Changes
	crashed bool
	verdict health.Report
}

var (
	incumbent = quoin.Hash{0x3a, 0x71, 0xbe, 0x02, 0xc5, 0x90}
	candidate = quoin.Hash{0x9f, 0x1c, 0x44, 0xd8, 0x07, 0x6b}
)

func newStage(t testing.TB, validators int, began time.Time) *stage {
	t.Helper()
	var members []quoin.Validator
	for i := range validators {
		members = append(members, quoin.Validator{Name: fmt.Sprintf("validator-%d", i+1), Key: quoin.PublicKey{byte(i + 1), byte(i >> 8)}, Weight: 1})
	}
	set, err := quoin.NewValidatorSet(members)
	if err != nil {
		t.Fatal(err)
	}
	g := &quoin.Genesis{Network: "stage", Chain: "main"}
	g.Configuration.Validators, g.Configuration.Parameters.TimeoutBaseMS = set, 1000
	s := &stage{genesis: g, set: set, timeline: timeline.New(timeline.Limits{}), random: rand.New(rand.NewPCG(1, 2)), now: began}
	s.status.Configuration.Epoch, s.status.Configuration.Validators, s.status.Configuration.Parameters = 1, set, g.Configuration.Parameters
	s.status.Origin, s.status.Consensus.Epoch, s.status.Key = g.Origin(), 1, members[0].Key
	s.status.Tip.Height = 4000
	s.changes = s.governed(4000)
	s.tell()
	return s
}

func (s *stage) Status() node.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *stage) Links() transport.Stats {
	var x transport.Stats
	for i := 1; i < s.set.Len(); i++ {
		x.Peers = append(x.Peers, transport.PeerStats{Key: transport.Key(s.set.At(i).Key), Up: i != 2, RoundTrip: 310 * time.Microsecond, LastError: "connection refused"})
	}
	return x
}

func (s *stage) Releases() []node.ReleaseStatus {
	return []node.ReleaseStatus{{Digest: incumbent, State: node.ReleaseReady}, {Digest: candidate, State: node.ReleaseReady}}
}

func (s *stage) Genesis() *quoin.Genesis { return s.genesis }
func (s *stage) Err() error              { return nil }

func (s *stage) health(now time.Time) health.Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.verdict
	r.At = now
	return r
}

func (s *stage) read(context.Context, int) (*api.Changes, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changes, nil
}

// config is a server's of this stage.
func (s *stage) config() Config {
	return Config{Listen: "127.0.0.1:0", Node: s, Timeline: s.timeline, Health: s.health, Changes: s.read, Version: "stage"}
}

func (s *stage) tell() {
	s.status.At = s.now
	c := s.status
	s.timeline.Described(&c)
}

func (s *stage) event(kind replica.EventKind, view quoin.View, reason string) {
	s.timeline.Happened(s.now, &replica.Event{Kind: kind, Epoch: s.status.Consensus.Epoch, View: view, Height: s.status.Tip.Height, Reason: reason})
}

func (s *stage) heard(view quoin.View, validator int, message string, block quoin.Hash, height quoin.Height, transactions int) {
	s.timeline.Progressed(s.now, replica.Progress{Kind: replica.ProgressHeard, Epoch: s.status.Consensus.Epoch, View: view, Validator: validator, Message: message, Block: block, Height: height, Transactions: transactions})
}

// view plays one view. A validator that is away says nothing.
func (s *stage) view(away int, slow float64) {
	c := &s.status.Consensus
	c.View++
	v, n := c.View, s.set.Len()
	c.Leader = int(v) % n
	if simplex.IsRescue(v) {
		c.Leader = simplex.Rescuer(v, n)
	}
	step := func(ms float64) {
		s.now = s.now.Add(time.Duration(ms * slow * (0.7 + 0.6*s.random.Float64()) * float64(time.Millisecond)))
	}
	s.event(replica.EnteredView, v, "")
	s.tell()
	if c.Leader == away {
		s.now = s.now.Add(time.Second)
		s.event(replica.ViewTimedOut, v, "")
		for i := range n {
			if i != away {
				s.heard(v, i, "nullify", quoin.Hash{}, 0, 0)
				step(3)
			}
		}
		s.event(replica.ViewNullified, v, "")
		s.status.Stats.Timeouts, s.status.Stats.Nullified = s.status.Stats.Timeouts+1, s.status.Stats.Nullified+1
		return
	}
	block, height, transactions := quoin.Hash{byte(v), byte(v >> 8), 7}, s.status.Tip.Height+1, 40+s.random.IntN(30)
	began := s.now
	step(12)
	s.heard(v, c.Leader, "propose", block, height, transactions)
	step(6)
	s.timeline.Executed(node.Execution{Took: 5 * time.Millisecond})
	s.timeline.Progressed(s.now, replica.Progress{Kind: replica.ProgressExecuted, Epoch: c.Epoch, View: v, Height: height, Block: block, Proposer: c.Leader, Transactions: transactions})
	for _, message := range []string{"notarize", "finalize"} {
		for _, i := range s.random.Perm(n) {
			if i != away {
				step(4)
				s.heard(v, i, message, block, height, 0)
			}
		}
		if message == "notarize" {
			s.timeline.Happened(s.now, &replica.Event{Kind: replica.BlockNotarized, Epoch: c.Epoch, View: v, Block: block})
		}
	}
	p := replica.Progress{Kind: replica.ProgressCertified, Epoch: c.Epoch, View: v, Height: height, Block: block, Proposer: c.Leader, Transactions: transactions, Rescue: simplex.IsRescue(v)}
	if len(s.changes.Proposals) > 0 && s.changes.Proposals[0].Proposal.GetStatus() == "shadow" {
		x := governance.Comparison{Compared: uint64(transactions)}
		if s.random.IntN(12) == 0 {
			x.Diverged = 1
		}
		p.Comparisons = []execution.Comparison{{Proposal: 7, Round: 1, Comparison: x}}
	}
	s.timeline.Progressed(s.now, p)
	s.status.Tip.Height, s.status.Synced, s.status.Newest = height, height, height
	s.status.Tip.Time, s.status.Tip.Size = quoin.Time(began.UnixMilli()), s.status.Tip.Size+uint64(transactions)
	s.status.Stats.Blocks, s.status.Stats.Transactions = s.status.Stats.Blocks+1, s.status.Stats.Transactions+uint64(transactions)
	s.status.Pending = int(20 + 15*math.Sin(float64(v)/20))
	s.status.Heard = nil
	for i := range n {
		at := v
		if i == away {
			at = 0
		}
		s.status.Heard = append(s.status.Heard, at)
	}
	for i := range transactions {
		took := time.Duration(6000+s.random.IntN(3000)) * time.Nanosecond
		call := node.Call{Binding: quoin.Binding{Hook: "machine.v1", Namespace: "kv", Release: incumbent}, Operation: "machine.v1.apply", Requests: 1, Fuel: 2400, Took: took, Memory: 1 << 21}
		if i == 0 && s.random.IntN(60) == 0 {
			call.Fault = hook.FaultTrap
			s.event(replica.MachineFaulted, v, "trap")
		}
		s.timeline.Called(call)
	}
	s.timeline.Called(node.Call{Binding: quoin.Binding{Hook: "leader.v1", Builtin: "round-robin"}, Requests: 1})
	step(2)
	s.timeline.Synced(node.FileVotes, time.Duration(900+s.random.IntN(900))*time.Microsecond)
	s.timeline.Finished(s.now, &replica.Finished{Block: &quoin.Block{}, IDs: make([]quoin.Hash, transactions), Checkpoint: quoin.Checkpoint{Height: height, Time: quoin.Time(began.UnixMilli())}})
	s.tell()
	step(40)
}

// play plays a minute's scenes up to a time, and tells of what is under way.
func (s *stage) play(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.now.Before(until) {
		second := s.now.Unix() % 60
		away, slow := -1, 1.0
		if second >= 10 && second < 22 {
			away = 2
		}
		if second >= 50 {
			slow = 1.6
		}
		s.scene(second)
		s.view(away, slow)
	}
	s.verdict = s.judged()
}

// scene changes what governance has under way, by the second of the minute.
func (s *stage) scene(second int64) {
	g := s.governed(uint64(s.status.Tip.Height))
	p := g.Proposals[0].Proposal
	switch {
	case second < 25:
		p.Status = "prechecked"
	case second < 40:
		p.Status, p.ShadowFrom, p.ShadowHeights = "shadow", uint64(s.status.Tip.Height)-20, 16
		p.Shadow = &quoinv1.Comparison{Compared: 800, Diverged: 1}
	case second < 45:
		p.Status, p.ActivationHeight = "scheduled", uint64(s.status.Tip.Height)+12
	case second < 54:
		p.Status, p.ActivationHeight, p.DueHeight = "trial", uint64(s.status.Tip.Height)-9, uint64(s.status.Tip.Height)+60
		g.Serving[1].Name, g.Serving[1].Version, g.Serving[1].Cause, g.Serving[1].Proposal, g.Serving[1].FirstHeight = "kv-fast", "1.3.0", "proposal", 7, 4100
		g.Serving[1].Binding.Release = candidate[:]
	default:
		p.Status, p.Ending = "rolled-back", &quoinv1.Ending{Why: "responder", Meaning: "a responder took it back", Height: uint64(s.status.Tip.Height)}
		g.Proposals[0].Explain = nil
		g.Serving[1].Cause, g.Serving[1].FirstHeight = "rollback", 4200
	}
	if is := second >= 10 && second < 22; is != s.crashed {
		s.crashed = is
		s.event(map[bool]replica.EventKind{true: node.FaultInjected, false: node.FaultLifted}[is], 0, "validator-3 crashed, for 12s")
	}
	if p.GetStatus() != s.changes.Proposals[0].Proposal.GetStatus() {
		s.event(replica.EpochBegan, 0, "")
	}
	s.changes = g
}

// governed is what governance has, at a height.
func (s *stage) governed(height uint64) *api.Changes {
	words := []*quoinv1.ValidatorWord{}
	for i := range min(4, s.set.Len()) {
		words = append(words, &quoinv1.ValidatorWord{Name: s.set.At(i).Name, Weight: 1, Precheck: "passed", Ready: i < 3, ReadyHeight: height - 5, Health: []string{"good", "good", "", ""}[i]})
	}
	return &api.Changes{Height: height, Proposals: []api.Change{
		{Proposal: &quoinv1.Proposal{Number: 7, Subject: "release", Status: "prechecked", Slot: "machine.v1/kv", Name: "kv-fast", Version: "1.3.0", ProposerName: "proposer-1", Class: "D", Round: 1,
			Binding: &quoinv1.Binding{Slot: "machine.v1/kv", Release: candidate[:], FuelMax: 5_000_000, Grants: []string{"state"}},
			Note:    "half the fuel for a put <script>alert(1)</script>", ProposedHeight: height - 200, Plan: &quoinv1.Plan{Shadow: 64, Trial: 200},
			Tally:      &quoinv1.Tally{Approvals: 1, Weight: 4, Quorum: 3, Stop: 2, Prechecked: 4, Ready: 3, ReadyNeeded: 3, Good: 2},
			Reviews:    []*quoinv1.Review{{Member: "approver-1", Organisation: "alpha", Approves: true, Counts: true, Note: "read it twice", Height: height - 90}},
			Evidence:   []*quoinv1.Evidence{{Member: "assessor-1", Organisation: "gamma", Kind: "benchmark", Result: "better", Height: height - 100, UntilHeight: height + 90000}},
			Validators: words, ReleaseFacts: &quoinv1.ReleaseFacts{Digest: candidate[:], Size: 81234, AuthorName: "author-1"}},
			Explain: &quoinv1.ExplainResponse{Step: "approve", Class: "*", Expression: "approvals >= 2 && organisations >= 2", Height: height + 1,
				Missing: []*quoinv1.Condition{{Text: "approvals >= 2", Value: "false", Facts: []*quoinv1.Fact{{Name: "approvals", Value: "1"}}}}}},
		{Proposal: &quoinv1.Proposal{Number: 6, Subject: "builtin", Status: "rejected", Slot: "leader.v1", Class: "L", ProposerName: "proposer-1", Round: 1, Binding: &quoinv1.Binding{Slot: "leader.v1", Builtin: "weighted-random"},
			ProposedHeight: 3100, Ending: &quoinv1.Ending{Why: "reviewers", Meaning: "approvers rejected it", Height: 3200, Note: "not now"}}},
		{Proposal: &quoinv1.Proposal{Number: 5, Subject: "release", Status: "active", Slot: "machine.v1/kv", Name: "kv", Version: "1.2.4", Class: "D", ProposerName: "proposer-1", Round: 1,
			Binding: &quoinv1.Binding{Slot: "machine.v1/kv", Release: incumbent[:]}, ProposedHeight: 1100, ActivationHeight: 1500}},
	}, Serving: []api.Serving{
		{Slot: "leader.v1", Served: &quoinv1.Served{Number: 1, Cause: "genesis", FirstHeight: 1, Binding: &quoinv1.Binding{Builtin: "round-robin", FuelMax: 1_000_000}}},
		{Slot: "machine.v1/kv", Name: "kv", Version: "1.2.4", Served: &quoinv1.Served{Number: 2, Cause: "proposal", Proposal: 5, FirstHeight: 1501, Binding: &quoinv1.Binding{Release: incumbent[:], FuelMax: 5_000_000}}},
		{Slot: "finality.v1", Served: &quoinv1.Served{Number: 1, Cause: "genesis", FirstHeight: 1, Binding: &quoinv1.Binding{Builtin: "certificate"}}},
		{Slot: "parameters", Served: &quoinv1.Served{Number: 1, Cause: "genesis", FirstHeight: 1}},
	}}
}

// judged is what a health model might say.
func (s *stage) judged() health.Report {
	r := health.Report{Verdict: health.Healthy, Began: s.now.Add(-time.Hour), Window: 28 * 24 * time.Hour}
	r.Indicators.Certification, r.Indicators.Fsync = health.Quantiles{Count: 900, P50: 48 * time.Millisecond, P99: 96 * time.Millisecond}, health.Quantiles{Count: 900, P50: time.Millisecond, P99: 2 * time.Millisecond}
	r.Indicators.RecoveryLast, r.Indicators.RecoveryWorst, r.Indicators.BlockAge = 1200*time.Millisecond, 2300*time.Millisecond, 80*time.Millisecond
	r.Indicators.Plugin, r.Indicators.PluginShare = health.Quantiles{Count: 900, P50: 300 * time.Microsecond, P99: 700 * time.Microsecond}, 0.02
	r.Indicators.Over = time.Hour
	for _, o := range []struct {
		name, unit   string
		target, good float64
		left         float64
	}{{"availability", "ms", 0.999, 0.9996, 0.6}, {"certification", "blocks", 0.99, 0.9971, 0.71}, {"clean", "blocks", 0.999, 0.9985, -0.5}} {
		r.Objectives = append(r.Objectives, health.Objective{Name: o.name, Unit: o.unit, Target: o.target, Known: true, Good: o.good, Left: o.left,
			Burns: []health.Burn{{Name: "fast", Long: time.Hour, Short: 5 * time.Minute, Threshold: 14.4, LongRate: 0.4, ShortRate: 0.1, LongKnown: true, ShortKnown: true}}})
	}
	if second := s.now.Unix() % 60; second >= 10 && second < 22 {
		r.Verdict = health.Degraded
		r.Reasons = []health.Reason{{Alert: health.ViewChangesHigh, Code: "view-changes-high", Severity: health.Warning, Sentence: "9 of the last 31 views brought no block", Playbook: health.Playbook(health.ViewChangesHigh)},
			{Alert: health.PeerUnreachable, Code: "peer-unreachable", Severity: health.Warning, Sentence: "1 of 3 peers cannot be reached", Playbook: health.Playbook(health.PeerUnreachable)}}
	}
	return r
}
