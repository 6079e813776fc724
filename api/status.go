package api

import (
	"context"
	"time"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/quoin/v1/quoinv1connect"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/transport"
)

type statusService struct{ *Server }

var _ quoinv1connect.StatusServiceHandler = statusService{}

// GetStatus implements quoinv1connect.StatusServiceHandler.
func (s statusService) GetStatus(ctx context.Context, _ *connect.Request[quoinv1.GetStatusRequest]) (*connect.Response[quoinv1.Status], error) {
	x := s.node.Status()
	m := describeNode(&x)
	m.Program, m.Name, m.ClockMs = s.c.Program, s.c.Name, uint64(time.Now().UnixMilli())
	if s.c.Dashboard != nil {
		m.Dashboard = s.c.Dashboard()
	}
	genesis := s.node.Genesis().Hash()
	m.Genesis, m.Peers = genesis[:], toPeers(s.node.Links())
	err := s.node.Do(ctx, func(v *replica.Replica) {
		k := v.Kernel()
		m.Deprecations = toDeprecations(governance.Deprecations(k))
		m.Serving = toServing(k, &x.Configuration)
		for i := range x.Configuration.Bindings {
			b := &x.Configuration.Bindings[i]
			if b.Namespace == "" {
				continue
			}
			if _, ok := governance.Suspended(k, b.Namespace); ok {
				m.Suspended = append(m.Suspended, b.Namespace)
			}
		}
	})
	return connect.NewResponse(m), err
}

func describeNode(x *node.Status) *quoinv1.Status {
	c, t := &x.Configuration, &x.Tip
	m := &quoinv1.Status{Version: Version, Origin: string(x.Origin), Node: x.Key[:], Observer: x.Observer,
		Epoch: uint64(c.Epoch), View: uint64(x.Consensus.View), CertifiedView: uint64(x.Consensus.CertifiedView),
		Height: uint64(t.Height), LedgerSize: t.Size, TimeMs: uint64(t.Time), Leader: int32(x.Consensus.Leader),
		Pending: uint32(x.Pending), Uncertified: uint32(x.Consensus.Uncertified), Blocks: x.Stats.Blocks, Transactions: x.Stats.Transactions,
		Timeouts: x.Stats.Timeouts, Nullified: x.Stats.Nullified, LeaderFaults: x.Stats.LeaderFaults, MachineFaults: x.Stats.MachineFaults,
		FinalityFaults: x.Stats.FinalityFaults, BatchFaults: x.Stats.BatchFaults,
		PacemakerFaults: x.Stats.PacemakerFaults, PriorityFaults: x.Stats.PriorityFaults,
		GuestCalls: x.Samples.Calls, GuestCallsSlow: x.Samples.Slow, SamplesReplayed: x.Samples.Replayed, SamplesDiffered: x.Samples.Differed,
		SamplesDropped: x.Samples.Dropped + x.Samples.Unrecorded + x.Samples.Failed,
		Diverged:       x.Stats.Diverged, Splits: x.Stats.Splits, MessagesRefused: x.Stats.Refused, Fsyncs: x.Fsyncs, Diverges: x.Consensus.Diverged,
		StateRoot: t.State[:], ExpiryWindow: c.Parameters.ExpiryWindowHeights, UnsignedTransactions: c.Parameters.UnsignedTransactions(),
		Behind: uint64(max(x.Newest, t.Height) - t.Height), PoolBytes: uint64(max(x.PoolBytes, 0)), Gaps: x.Stats.Gaps, Rescues: x.Stats.Rescues}
	for _, v := range c.Validators.All() {
		m.Validators = append(m.Validators, &quoinv1.Validator{Name: v.Name, Key: v.Key[:], Weight: v.Weight})
	}
	if x.Self >= 0 && x.Self < c.Validators.Len() {
		m.Validator = c.Validators.At(x.Self).Name
	}
	if b, ok := c.Binding("leader.v1"); ok {
		if m.LeaderRelease = b.Release.String(); b.Builtin != "" {
			m.LeaderRelease = "builtin:" + b.Builtin
		}
	}
	return m
}

// toServing says what serves each slot of a configuration, and since when.
func toServing(k governance.State, c *quoin.Configuration) []*quoinv1.Serving {
	var list []*quoinv1.Serving
	for i := range c.Bindings {
		b := &c.Bindings[i]
		x := &quoinv1.Serving{Slot: b.Slot(), Builtin: b.Builtin}
		if !b.Release.IsZero() {
			x.Release = append([]byte(nil), b.Release[:]...)
		}
		slot, _ := governance.ReadSlot(k, b.Slot())
		if line, ok := governance.ReadServed(k, b.Slot(), slot.Serving); ok {
			x.Proposal, x.Since = uint64(line.Proposal), uint64(line.First)
			if p, ok := governance.ReadProposal(k, line.Proposal); ok {
				x.Name, x.Version, x.Status = p.Release.Name, p.Release.Version, p.Status.String()
			}
		}
		list = append(list, x)
	}
	return list
}

func toPeers(links transport.Stats) []*quoinv1.PeerLink {
	var list []*quoinv1.PeerLink
	for i := range links.Peers {
		p := &links.Peers[i]
		list = append(list, &quoinv1.PeerLink{Key: p.Key[:], Up: p.Up, Inbound: p.Inbound, RoundTripUs: uint64(p.RoundTrip.Microseconds()), LastError: p.LastError})
	}
	return list
}
