package metric

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/observe/health"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/transport"
)

// stage is a node that is not there.
type stage struct {
	status   node.Status
	links    transport.Stats
	releases []node.ReleaseStatus
	genesis  quoin.Genesis
}

func (s *stage) Status() node.Status            { return s.status }
func (s *stage) Links() transport.Stats         { return s.links }
func (s *stage) Releases() []node.ReleaseStatus { return s.releases }
func (s *stage) Genesis() *quoin.Genesis        { return &s.genesis }

var (
	noon      = time.Unix(1_700_000_000, 0)
	candidate = quoin.Hash{0xca, 0x11, 0xda, 0x7e, 0, 1, 2, 3}
	serving   = quoin.Binding{Hook: "leader.v1", Builtin: "round-robin"}
	proposed  = quoin.Binding{Hook: "leader.v1", Release: candidate}
)

func key(i byte) quoin.PublicKey { return quoin.PublicKey{0xee, i} }

// newStage returns four validators' first one, at height 100.
func newStage(t testing.TB) *stage {
	t.Helper()
	var members []quoin.Validator
	for i := range byte(4) {
		members = append(members, quoin.Validator{Name: fmt.Sprint("validator-", i+1), Key: key(i), Weight: 1})
	}
	set, err := quoin.NewValidatorSet(members)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{genesis: quoin.Genesis{Network: "test", Chain: "main"}}
	s.status = node.Status{Key: key(0), Synced: 99, At: noon}
	o := &s.status.Overview
	o.Configuration = quoin.Configuration{Epoch: 3, Validators: set, Bindings: []quoin.Binding{serving}, Parameters: quoin.DefaultParameters()}
	o.Consensus.Epoch, o.Consensus.View, o.Consensus.Uncertified = 3, 41, 2
	o.Tip = quoin.Checkpoint{Height: 100, Size: 700, Time: quoin.Time(noon.Add(-3 * time.Second).UnixMilli())}
	o.Pending, o.PoolBytes, o.Newest, o.Heard = 7, 900, 104, []quoin.View{41, 40, 30, 50}
	o.Open = []governance.Proposal{{Number: 5, Status: governance.StatusShadow, Propose: governance.Propose{Binding: proposed}}}
	o.Serving = []replica.Standing{{Slot: "leader.v1", Served: governance.Served{Number: 1, Cause: governance.CauseGenesis}}}
	s.status.Stats = replica.Stats{Messages: 100, Stale: 20, Refused: 10, Blocks: 60, Transactions: 600, Timeouts: 4, Nullified: 3, Gaps: 2, Rescues: 15}
	s.status.Stats.Admissions[replica.RefusedFull] = 11
	s.status.Samples = node.SampleStats{Replayed: 9, Differed: 1, Slow: 2}
	for i := range byte(3) {
		p := transport.PeerStats{Key: transport.Key(key(i + 1)), Up: i > 0, RoundTrip: 2 * time.Millisecond, Connects: 5}
		c := &p.Classes[transport.Consensus]
		c.Sent, c.Received, c.QueuedMessages = transport.Traffic{Messages: 10, Bytes: 1000}, transport.Traffic{Messages: 9, Bytes: 900}, 1
		c.Dropped[transport.DroppedOldest] = 1
		c.Waited.Buckets[0], c.Waited.Buckets[len(transport.WaitBounds)], c.Waited.Sum = 8, 2, time.Second
		s.links.Peers = append(s.links.Peers, p)
	}
	s.links.Refused[transport.RefusedNotPeer] = 6
	s.releases = []node.ReleaseStatus{{Digest: candidate, State: node.ReleaseReady}}
	return s
}

// full returns metrics of which every family has a series.
func full(t testing.TB) (*Metrics, *stage) {
	t.Helper()
	dir := t.TempDir()
	for _, f := range folders {
		if err := os.MkdirAll(filepath.Join(dir, f.dir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f.dir, "file"), make([]byte, 1234), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	one := func() uint64 { return 1 }
	m := New(Config{Version: "v1", Dir: dir, Clock: func() time.Time { return noon }, Viewers: func() int { return 2 }, Logs: one, Spans: one,
		API: func() map[string]uint64 { return map[string]uint64{"rate": 3} },
		Health: func(time.Time) health.Report {
			return health.Report{Verdict: health.Degraded, Reasons: []health.Reason{{Alert: health.DiskSlow}},
				Objectives: []health.Objective{{Name: "availability", Known: true, Left: 0.5, Burns: []health.Burn{{Name: "fast", LongKnown: true, LongRate: 2}}}}}
		}})
	s := newStage(t)
	m.Attach(s)
	m.Described(&s.status)
	happen(m, s)
	return m, s
}

// happen tells m of one of everything.
func happen(m *Metrics, s *stage) {
	at := noon
	tick := func(d time.Duration) time.Time { at = at.Add(d); return at }
	block := finished(40, 2).Block.ID()
	m.Progressed(at, replica.Progress{Kind: replica.ProgressHeard, Message: "propose", Epoch: 3, View: 40, Block: block, Validator: 2})
	m.Happened(tick(20*time.Millisecond), &replica.Event{Kind: replica.BlockNotarized, Epoch: 3, View: 40, Block: block})
	m.Progressed(tick(10*time.Millisecond), replica.Progress{Kind: replica.ProgressCertified, Epoch: 3, View: 40, Block: block, WaitMS: 33,
		Faults:      []execution.SlotFault{{Kind: execution.LeaderFault, Slot: "leader.v1", Fault: hook.FaultTrap}},
		Comparisons: []execution.Comparison{{Proposal: 5, Comparison: governance.Comparison{Compared: 10, Diverged: 3, Faults: 1}}}})
	for i, proposer := range []uint16{2, 1, 1} {
		m.Finished(tick(10*time.Millisecond), finished(40+quoin.View(i), proposer))
	}
	for _, kind := range []replica.EventKind{replica.BlockRefused, replica.Equivocated, replica.Suspended, "fault-injected"} {
		m.Happened(at, &replica.Event{Kind: kind})
	}
	m.Executed(node.Execution{Took: 3 * time.Millisecond})
	m.Called(node.Call{Binding: serving, Requests: 1, Fuel: 5})
	m.Called(node.Call{Binding: proposed, Requests: 4, Fuel: 400, Took: 40 * time.Microsecond, Memory: 1 << 20})
	m.Called(node.Call{Binding: proposed, Requests: 1, Fuel: 100, Took: 20 * time.Microsecond, Memory: 1 << 19, Fault: hook.FaultTrap})
	m.Synced(node.FileVotes, 700*time.Microsecond)
	m.Compiled(candidate, 90*time.Millisecond, nil)
	m.Compiled(quoin.Hash{1}, time.Second, fmt.Errorf("no"))
	next := s.status
	next.Serving = []replica.Standing{{Slot: "leader.v1", Served: governance.Served{Number: 2, Cause: governance.CauseRollback}}}
	m.Described(&next)
}

// finished returns a block with one command of governance and one report of this node's own.
func finished(v quoin.View, proposer uint16) *replica.Finished {
	txs := []quoin.Transaction{{Namespace: quoin.KernelNamespace, Sender: key(9), Payload: []byte{byte(governance.KindApprove)}},
		{Namespace: quoin.KernelNamespace, Sender: key(0), Payload: []byte{byte(governance.KindReport)}},
		{Namespace: "kv", Payload: []byte("SECRET-payload")}}
	b := quoin.NewBlock(quoin.Header{Epoch: 3, View: v, Height: quoin.Height(v), Proposer: proposer}, txs)
	return &replica.Finished{Block: b, Results: make([]quoin.Result, 3), Waited: []uint32{40, replica.WaitedUnknown, 60}}
}

// series returns every series of a scrape by name and labels; of a histogram, its count.
func series(t testing.TB, m *Metrics) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for _, f := range gather(t, m) {
		for _, x := range f.GetMetric() {
			name := f.GetName()
			for _, l := range x.GetLabel() {
				name += " " + l.GetName() + "=" + l.GetValue()
			}
			switch f.GetType() {
			case dto.MetricType_HISTOGRAM:
				all[name] = float64(x.GetHistogram().GetSampleCount())
			case dto.MetricType_COUNTER:
				all[name] = x.GetCounter().GetValue()
			default:
				all[name] = x.GetGauge().GetValue()
			}
		}
	}
	return all
}

func gather(t testing.TB, m *Metrics) []*dto.MetricFamily {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// TestValues: what was told and what the snapshots show is what is served.
func TestValues(t *testing.T) {
	m, _ := full(t)
	got := series(t, m)
	release := " release=" + ReleaseLabel(&proposed) + " slot=leader.v1"
	for name, want := range map[string]float64{
		"quoin_chain_height": 100, "quoin_chain_height_synced": 99, "quoin_chain_behind": 4, "quoin_chain_block_age_seconds": 3, "quoin_chain_heartbeat_seconds": 10,
		"quoin_chain_entries": 700, "quoin_chain_blocks_total": 60, "quoin_chain_transactions_total": 600,
		"quoin_chain_certification_duration_seconds": 1, "quoin_chain_finality_duration_seconds": 1,
		"quoin_consensus_view": 41, "quoin_consensus_epoch": 3, "quoin_consensus_validators": 4, "quoin_consensus_leader_changes_total": 1, "quoin_consensus_timeouts_total": 4,
		"quoin_consensus_rescues_total": 15, "quoin_consensus_gaps_total": 2,
		"quoin_consensus_quorum_delay_seconds validator=validator-3": 1,
		"quoin_consensus_validator_lag validator=validator-3":        11, "quoin_consensus_validator_lag validator=validator-4": 0,
		"quoin_consensus_fallbacks_total slot=leader.v1": 1, "quoin_consensus_block_doubts_total result=refused": 1,
		"quoin_consensus_messages_total result=taken": 70, "quoin_node_events_total event=fault-injected": 1,
		"quoin_mempool_transactions": 7, "quoin_mempool_size_bytes": 900, "quoin_mempool_admissions_total code=pool-full": 11, "quoin_mempool_inclusion_duration_seconds": 6,
		"quoin_network_io_bytes_total class=consensus direction=sent": 3000, "quoin_network_messages_total class=consensus direction=received": 27,
		"quoin_network_queue_messages class=consensus": 3, "quoin_network_queue_duration_seconds class=consensus": 30,
		"quoin_network_drops_total class=consensus reason=oldest": 3, "quoin_network_peer_up peer=validator-2": 0, "quoin_network_peer_up peer=validator-3": 1,
		"quoin_network_peer_round_trip_seconds peer=validator-4": 0.002, "quoin_network_refusals_total reason=not_peer": 6,
		"quoin_disk_sync_duration_seconds file=votes": 1, "quoin_disk_size_bytes file=store": 1234, "quoin_plugin_slow_total": 2,
		"quoin_plugin_calls_total" + release: 5, "quoin_plugin_fuel_total" + release: 500, "quoin_plugin_call_duration_seconds" + release: 2,
		"quoin_plugin_memory_max_bytes" + release: 1 << 20, "quoin_plugin_faults_total code=trap" + release: 1,
		"quoin_plugin_calls_total release=builtin:round-robin slot=leader.v1": 1,
		"quoin_plugin_shadow_compared_total" + release:                        10, "quoin_plugin_shadow_diverged_total" + release: 3, "quoin_plugin_shadow_faults_total" + release: 1,
		"quoin_plugin_compile_duration_seconds release=" + ReleaseLabel(&proposed): 0.09, "quoin_plugin_compile_failures_total": 1, "quoin_plugin_releases state=ready": 1,
		"quoin_plugin_samples_total result=alike": 8, "quoin_plugin_samples_total result=differed": 1,
		"quoin_governance_proposals status=shadow": 1, "quoin_governance_proposals status=trial": 0, "quoin_governance_changes_total cause=rollback": 1,
		"quoin_governance_commands_total command=approve result=done": 3, "quoin_governance_reports_total kind=shadow": 3,
		"quoin_health_verdict result=degraded": 1, "quoin_health_alerts alert=QuoinDiskSlow": 1, "quoin_health_burn_rate_ratio objective=availability window=fast": 2,
		"quoin_api_refusals_total code=rate": 3, "quoin_dashboard_viewers": 2, "quoin_logs_dropped_total": 1,
		"quoin_node_votes": 1, "quoin_node_observer": 0, "quoin_node_info chain=main network=test validator=validator-1": 1,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v (there: %v), want %v", name, v, ok, want)
		}
	}
	if t.Failed() {
		for _, name := range slices.Sorted(maps.Keys(got)) {
			if strings.HasPrefix(name, "quoin_") {
				t.Log(name, got[name])
			}
		}
	}
}

// TestEveryFamilyIsServed: the table promises nothing that is not there, and nothing is there that it does not have.
func TestEveryFamilyIsServed(t *testing.T) {
	m, _ := full(t)
	there := map[string]*dto.MetricFamily{}
	for _, f := range gather(t, m) {
		there[f.GetName()] = f
	}
	for _, f := range Families() {
		x := there[f.Prometheus()]
		if x == nil {
			t.Errorf("%s is in the table and never served", f.Prometheus())
			continue
		}
		if kind := strings.ToLower(x.GetType().String()); kind != string(f.Kind) {
			t.Errorf("%s is a %s, the table says %s", f.Prometheus(), kind, f.Kind)
		}
		delete(there, f.Prometheus())
	}
	for name := range there {
		if !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			t.Errorf("%s is served and not in the table", name)
		}
	}
}

// TestLabelsAreOfAFewKinds, which the package's doc promises to bound.
func TestLabelsAreOfAFewKinds(t *testing.T) {
	known := strings.Fields("version go_version engine validator network chain event code result class direction reason peer file slot release state status cause command kind alert objective window")
	for _, f := range Families() {
		for _, l := range f.Labels {
			if !slices.Contains(known, l) {
				t.Errorf("%s has a label %s: is it bounded? Say so here", f.Prometheus(), l)
			}
		}
		if f.Help == "" || !strings.HasSuffix(f.Help, ".") {
			t.Errorf("%s: its help is no sentence: %q", f.Prometheus(), f.Help)
		}
	}
}

// TestNothingSecretIsServed: no payload, key or sentence of an event stands in what is served.
func TestNothingSecretIsServed(t *testing.T) {
	m, s := full(t)
	m.Happened(noon, &replica.Event{Kind: replica.LeaderFaulted, Reason: "SECRET-reason", Peer: key(2)})
	s.links.Peers = append(s.links.Peers, transport.PeerStats{Key: transport.Key(key(77)), Address: "SECRET-address", LastError: "SECRET-error"})
	s.releases[0].Reason = "SECRET-why"
	page, err := (m.Handler().(*handler)).page(variant{})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"SECRET", key(0).String(), key(2).String(), key(77).String(), candidate.String()} {
		if strings.Contains(string(page), secret) {
			t.Errorf("%q is served", secret)
		}
	}
	if !strings.Contains(string(page), `peer="`+key(77).String()[:12]) {
		t.Error("this test looks in the wrong place: the peer is not there at all")
	}
}
