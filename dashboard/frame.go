package dashboard

import (
	"encoding/json"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/observe/health"
	"quoin.dev/quoin/observe/timeline"
	"quoin.dev/quoin/replica"
)

// FrameFormat is the version of the frames' format. Fields may be added within one.
const FrameFormat = 1

// Frame is what a viewer gets as one event of /live: with Full all that is remembered, else what is new since the
// frame before. Lists bring whole items: one replaces what the viewer has under the same key (a view's epoch and
// number, a point's second, a mark's or event's number, a cost's slot with builtin and release, a comparison's
// proposal with round and trial), so that a frame twice is no harm. Objects replace the one before;
// absent ones are as they were. All of it is this node's word.
type Frame struct {
	Format   int       `json:"format"`
	Full     bool      `json:"full,omitempty"`
	Time     int64     `json:"time"`           // of this node's clock: milliseconds since 1970
	Node     *Node     `json:"node,omitempty"` // when the epoch changes
	Now      Now       `json:"now"`
	Links    []Link    `json:"links,omitempty"`    // once a second
	Releases []Release `json:"releases,omitempty"` // when something changes
	Governed *Governed `json:"governed,omitempty"` // when something changes
	Health   *Health   `json:"health,omitempty"`   // once a second
	timeline.Changes
}

// Node says who is talking, and who takes part.
type Node struct {
	Name       string      `json:"name,omitempty"` // as a validator; empty: it is none
	Key        string      `json:"key"`
	Origin     string      `json:"origin"`
	Network    string      `json:"network"`
	Chain      string      `json:"chain"`
	Version    string      `json:"version,omitempty"`
	Epoch      uint64      `json:"epoch"`
	Self       int         `json:"self"` // index; -1: it does not vote
	Validators []Validator `json:"validators"`
	Weight     uint64      `json:"weight"`
	Quorum     uint64      `json:"quorum"`      // the least weight that is one
	FaultBound uint64      `json:"fault_bound"` // the weight that may fail
	TimeoutMS  uint64      `json:"timeout_ms"`  // of a view, at first
	Faults     bool        `json:"faults"`      // the genesis allows injected ones
}

// Validator is one of those who vote.
type Validator struct {
	Name   string `json:"name"`
	Key    string `json:"key"`
	Weight uint64 `json:"weight"`
}

// Now is how the node is.
type Now struct {
	Height       uint64   `json:"height"` // certified
	Synced       uint64   `json:"synced"` // of that, durable here
	Behind       uint64   `json:"behind"` // heights that it has heard of and lacks
	Epoch        uint64   `json:"epoch"`
	View         uint64   `json:"view"`
	Leader       int      `json:"leader"` // of the view, by index; -1 unknown
	BlockTime    int64    `json:"block_time"`
	LedgerSize   uint64   `json:"ledger_size"`
	StateRoot    string   `json:"state_root"`
	Pending      int      `json:"pending"`
	PoolBytes    int64    `json:"pool_bytes"`
	Uncertified  int      `json:"uncertified"`
	Heard        []uint64 `json:"heard"` // newest view that each validator was heard of
	Observer     string   `json:"observer,omitempty"`
	Diverged     bool     `json:"diverged,omitempty"`
	Blocks       uint64   `json:"blocks"` // these count since the node started
	Transactions uint64   `json:"transactions"`
	Timeouts     uint64   `json:"timeouts"`
	Gaps         uint64   `json:"gaps"`
	Rescues      uint64   `json:"rescues"`
	Calls        uint64   `json:"calls"`     // of guests
	HeightMS     float64  `json:"height_ms"` // a height took that long lately; 0: unknown
	Refused      uint64   `json:"refused"`   // transactions, whatever the reason
}

// Link is the link to a peer.
type Link struct {
	Name      string  `json:"name,omitempty"` // of the validator; empty: it is none
	Key       string  `json:"key"`
	Up        bool    `json:"up"`
	RoundTrip float64 `json:"round_trip,omitempty"` // milliseconds
	Error     string  `json:"error,omitempty"`      // why it is not up
}

// Release is a release file on this node.
type Release struct {
	Digest string `json:"digest"`
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
}

// Governed is what governance has under way and what serves. Proposals and explanations are as the API's JSON has
// them: 64-bit numbers are strings, bytes are base64.
type Governed struct {
	Height    uint64     `json:"height"`
	Proposals []Proposal `json:"proposals"` // the newest first
	Serving   []Serving  `json:"serving"`
}

// Proposal is one, with what the words of the command line say about it.
type Proposal struct {
	Number  uint64          `json:"number"`
	Open    bool            `json:"open,omitempty"` // or on trial
	Whole   json.RawMessage `json:"whole"`          // quoin.v1.Proposal
	Explain json.RawMessage `json:"explain,omitempty"`
	Stands  string          `json:"stands"`
	Missing []string        `json:"missing,omitempty"`
	Next    string          `json:"next,omitempty"` // a command
}

// Serving is what serves a slot.
type Serving struct {
	Slot     string `json:"slot"`
	Class    string `json:"class"`
	Purpose  string `json:"purpose"`
	Builtin  string `json:"builtin,omitempty"`
	Release  string `json:"release,omitempty"`
	Name     string `json:"name,omitempty"`
	Version  string `json:"version,omitempty"`
	Cause    string `json:"cause"`
	Proposal uint64 `json:"proposal,omitempty"` // that brought it
	Since    uint64 `json:"since"`              // height
	Fuel     uint64 `json:"fuel_max,omitempty"`
	Fallback string `json:"fallback,omitempty"` // built-in that answers when it faults
}

// Health is what the health model says. Times are in milliseconds.
type Health struct {
	Verdict    string      `json:"verdict"`
	Reasons    []Reason    `json:"reasons"`
	Objectives []Objective `json:"objectives"`
	Indicators Indicators  `json:"indicators"`
	Began      int64       `json:"began"`
	WindowMS   float64     `json:"window"`
}

// Reason is something that holds now.
type Reason struct {
	Alert    string `json:"alert"`
	Severity string `json:"severity"`
	Sentence string `json:"sentence"`
	Playbook string `json:"playbook"`
}

// Objective is a share that should be good, and its error budget.
type Objective struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Target float64 `json:"target"`
	Known  bool    `json:"known"`
	Good   float64 `json:"good"`
	Left   float64 `json:"left"`
	Burns  []Burn  `json:"burns"`
}

// Burn is a burn rate over two windows.
type Burn struct {
	Name      string  `json:"name"`
	LongMS    float64 `json:"long"`
	ShortMS   float64 `json:"short"`
	Threshold float64 `json:"threshold"`
	LongRate  float64 `json:"long_rate"`
	ShortRate float64 `json:"short_rate"`
	Known     bool    `json:"known"`
	Burning   bool    `json:"burning"`
}

// Indicators are what the objectives are made of; -1 where there is no data.
type Indicators struct {
	OverMS       float64 `json:"over"`
	BlockAge     float64 `json:"block_age"`
	LatencyP50   float64 `json:"latency_p50"`
	LatencyP99   float64 `json:"latency_p99"`
	RecoveryLast float64 `json:"recovery_last"`
	RecoveryMax  float64 `json:"recovery_worst"`
	Gaps         float64 `json:"gaps"`
	Defects      uint64  `json:"defects"`
	PluginP99    float64 `json:"plugin_p99"` // time in calls of guests, for each block
	PluginShare  float64 `json:"plugin_share"`
	FsyncP99     float64 `json:"fsync_p99"`
	Free         float64 `json:"free"` // share of the disk
}

func newNode(c *Config, s *node.Status) *Node {
	g := c.Node.Genesis()
	set := &s.Configuration.Validators
	n := &Node{Key: s.Key.String(), Origin: string(s.Origin), Network: g.Network, Chain: g.Chain, Version: c.Version, Epoch: uint64(s.Configuration.Epoch),
		Self: s.Self, Weight: set.Total(), Quorum: 2*set.Total()/3 + 1, FaultBound: set.FaultBound(), TimeoutMS: s.Configuration.Parameters.TimeoutBaseMS,
		Faults: g.Configuration.Parameters.FaultInjection()}
	for _, v := range set.All() {
		n.Validators = append(n.Validators, Validator{v.Name, v.Key.String(), v.Weight})
	}
	if i, ok := set.Index(s.Key); ok {
		n.Name = set.At(i).Name
	}
	return n
}

func newNow(s *node.Status) Now {
	n := Now{Height: uint64(s.Tip.Height), Synced: uint64(s.Synced), Epoch: uint64(s.Consensus.Epoch), View: uint64(s.Consensus.View), Leader: s.Consensus.Leader,
		BlockTime: int64(s.Tip.Time), LedgerSize: s.Tip.Size, StateRoot: s.Tip.State.String(), Pending: s.Pending, PoolBytes: s.PoolBytes, Uncertified: s.Consensus.Uncertified,
		Observer: s.Observer, Diverged: s.Consensus.Diverged, Blocks: s.Stats.Blocks, Transactions: s.Stats.Transactions, Timeouts: s.Stats.Timeouts,
		Gaps: s.Stats.Gaps, Rescues: s.Stats.Rescues, Calls: s.Samples.Calls, Heard: []uint64{}}
	if s.Newest > s.Tip.Height {
		n.Behind = uint64(s.Newest - s.Tip.Height)
	}
	for _, v := range s.Heard {
		n.Heard = append(n.Heard, uint64(v))
	}
	for _, count := range s.Stats.Admissions[replica.RefusedExpired:] {
		n.Refused += count
	}
	return n
}

// newLinks describes the links to the peers, by the names of the validators.
func newLinks(c *Config, set *quoin.ValidatorSet) []Link {
	links := []Link{}
	for _, p := range c.Node.Links().Peers {
		l := Link{Key: quoin.PublicKey(p.Key).String(), Up: p.Up, RoundTrip: milliseconds(p.RoundTrip)}
		if i, ok := set.Index(quoin.PublicKey(p.Key)); ok {
			l.Name = set.At(i).Name
		}
		if !p.Up {
			l.Error = p.LastError
		}
		links = append(links, l)
	}
	return links
}

func newReleases(c *Config) []Release {
	list := []Release{}
	for _, r := range c.Node.Releases() {
		list = append(list, Release{r.Digest.String(), string(r.State), r.Reason})
	}
	return list
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// known returns the duration, or -1 where there is no data.
func known(d time.Duration, data bool) float64 {
	if !data {
		return -1
	}
	return milliseconds(d)
}

func newHealth(r *health.Report) *Health {
	i := &r.Indicators
	h := &Health{Verdict: string(r.Verdict), Reasons: []Reason{}, Began: r.Began.UnixMilli(), WindowMS: milliseconds(r.Window), Indicators: Indicators{
		OverMS: milliseconds(i.Over), BlockAge: milliseconds(i.BlockAge), LatencyP50: known(i.Certification.P50, i.Certification.Count > 0), LatencyP99: known(i.Certification.P99, i.Certification.Count > 0),
		RecoveryLast: known(i.RecoveryLast, i.RecoveryLast > 0), RecoveryMax: known(i.RecoveryWorst, i.RecoveryWorst > 0), Gaps: i.Gaps, Defects: i.Defects,
		PluginP99: known(i.Plugin.P99, i.Plugin.Count > 0), PluginShare: i.PluginShare, FsyncP99: known(i.Fsync.P99, i.Fsync.Count > 0), Free: -1}}
	if i.FreeKnown && i.Size > 0 {
		h.Indicators.Free = float64(i.Free) / float64(i.Size)
	}
	for _, x := range r.Reasons {
		h.Reasons = append(h.Reasons, Reason{x.Alert, x.Severity.String(), x.Sentence, x.Playbook})
	}
	for _, x := range r.Objectives {
		o := Objective{Name: x.Name, Unit: x.Unit, Target: x.Target, Known: x.Known, Good: x.Good, Left: x.Left}
		for _, b := range x.Burns {
			o.Burns = append(o.Burns, Burn{b.Name, milliseconds(b.Long), milliseconds(b.Short), b.Threshold, b.LongRate, b.ShortRate, b.LongKnown && b.ShortKnown, b.Burning})
		}
		h.Objectives = append(h.Objectives, o)
	}
	return h
}
