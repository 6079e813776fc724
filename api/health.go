package api

import (
	"context"
	"sync"
	"time"

	"connectrpc.com/connect"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/observe/health"
	"quoin.dev/quoin/replica"
)

const (
	// saidWithin bounds the wait for what the validator said on the ledger: the loop is asked for it, and how a
	// node does must be told also when its loop does not answer.
	saidWithin = time.Second
	// healthFor is for how long an answer serves all who ask, so that those who ask without end cost nothing.
	healthFor = 100 * time.Millisecond
)

// healths keeps the newest answer.
type healths struct {
	mu     sync.Mutex
	at     time.Time
	answer *quoinv1.Health
}

// GetHealth implements quoinv1connect.StatusServiceHandler.
func (s statusService) GetHealth(context.Context, *connect.Request[quoinv1.GetHealthRequest]) (*connect.Response[quoinv1.Health], error) {
	s.healths.mu.Lock()
	defer s.healths.mu.Unlock()
	if s.healths.answer == nil || time.Since(s.healths.at) > healthFor {
		s.healths.answer = s.newHealth()
		s.healths.at = time.Now()
	}
	return connect.NewResponse(s.healths.answer), nil
}

func (s statusService) newHealth() *quoinv1.Health {
	r := health.Report{At: time.Now(), Verdict: health.Unknown}
	if s.c.Health != nil {
		r = s.c.Health()
	}
	m := toHealth(&r)
	ctx, cancel := context.WithTimeout(s.ctx, saidWithin)
	defer cancel()
	said := make(chan []health.Word, 1)
	if s.node.Do(ctx, func(v *replica.Replica) { said <- health.Said(v.Kernel(), v.Overview().Tip.Height, s.node.Key()) }) == nil {
		m.Said = toSaid(<-said)
	}
	return m
}

func toHealth(r *health.Report) *quoinv1.Health {
	m := &quoinv1.Health{Verdict: string(r.Verdict), AtMs: milliseconds(r.At), BeganMs: milliseconds(r.Began), WindowMs: uint64(r.Window.Milliseconds()), ClockBack: uint32(r.ClockBack)}
	for _, x := range r.Reasons {
		m.Reasons = append(m.Reasons, &quoinv1.HealthReason{Alert: x.Alert, Code: x.Code, Severity: x.Severity.String(), Sentence: x.Sentence, Playbook: x.Playbook})
	}
	if len(r.Objectives) == 0 {
		return m
	}
	for i := range r.Objectives {
		m.Objectives = append(m.Objectives, toObjective(&r.Objectives[i]))
	}
	m.Indicators = toIndicators(&r.Indicators)
	return m
}

// milliseconds since 1970; 0 for no time.
func milliseconds(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.UnixMilli())
}

func toObjective(o *health.Objective) *quoinv1.Objective {
	m := &quoinv1.Objective{Name: o.Name, Unit: o.Unit, Target: o.Target, Bad: o.Bad, Total: o.Total, Good: known(o.Known, o.Good), Left: known(o.Known, o.Left)}
	for i := range o.Burns {
		b := &o.Burns[i]
		m.Burns = append(m.Burns, &quoinv1.Burn{Name: b.Name, LongMs: uint64(b.Long.Milliseconds()), ShortMs: uint64(b.Short.Milliseconds()), Threshold: b.Threshold,
			LongRate: known(b.LongKnown, b.LongRate), ShortRate: known(b.ShortKnown, b.ShortRate), Burning: b.Burning})
	}
	return m
}

func toIndicators(i *health.Indicators) *quoinv1.HealthIndicators {
	timed, blocks := i.Certification.Count > 0, i.Blocks > 0
	return &quoinv1.HealthIndicators{OverMs: uint64(i.Over.Milliseconds()), ObservedMs: uint64(i.Observed.Milliseconds()), Blocks: i.Blocks,
		BlockAgeMs: uint64(i.BlockAge.Milliseconds()), Waiting: i.Waiting, Certification: toQuantiles(i.Certification), Timely: known(timed, i.Timely),
		Recovery: toQuantiles(i.Recovery), RecoveryLastUs: uint64(i.RecoveryLast.Microseconds()), RecoveryWorstUs: uint64(i.RecoveryWorst.Microseconds()),
		Gaps: known(blocks, i.Gaps), Defects: i.DefectsOf, DefectRate: known(blocks, i.DefectRate), Plugin: toQuantiles(i.Plugin),
		PluginShare: known(timed, i.PluginShare), Behind: i.Behind, Fsync: toQuantiles(i.Fsync), DiskFree: i.Free, DiskSize: i.Size}
}

// toQuantiles returns nil for no data.
func toQuantiles(q health.Quantiles) *quoinv1.Quantiles {
	if q.Count == 0 {
		return nil
	}
	return &quoinv1.Quantiles{Count: q.Count, P50Us: uint64(q.P50.Microseconds()), P99Us: uint64(q.P99.Microseconds())}
}

// known returns nil for what is not known.
func known(is bool, x float64) *float64 {
	if !is {
		return nil
	}
	return &x
}

func toSaid(words []health.Word) []*quoinv1.SignedWord {
	var list []*quoinv1.SignedWord
	for _, w := range words {
		list = append(list, &quoinv1.SignedWord{Proposal: uint64(w.Proposal), Slot: w.Slot, Status: w.Status, Kind: w.Kind, Through: uint64(w.Through), Bad: w.Bad, Code: w.Code, Sentence: w.Sentence})
	}
	return list
}
