package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/observe/health"
)

// listedMost is how many items of a list of a node's are shown.
const listedMost = 24

func atMost[T any](list []T) []T { return list[:min(len(list), listedMost)] }

// writeVerdict writes what comes first: whether all is well, why not, and what to do.
func writeVerdict(w io.Writer, s *quoinv1.Status, h *quoinv1.Health) {
	var why []string
	for _, r := range atMost(h.GetReasons()) {
		why = append(why, r.GetSentence())
	}
	text := h.GetVerdict()
	switch {
	case len(why) > 0:
		text += ": " + strings.Join(why, "; ")
	case text == string(health.Unknown):
		text += ": the node has no data yet"
	}
	fmt.Fprintf(w, "%.4000s\n", text)
	for _, next := range nextSteps(s, h) {
		fmt.Fprintf(w, "next: %s\n", next)
	}
	fmt.Fprintln(w)
}

// doctorKnows are the alerts whose cause is looked for on the machine.
var doctorKnows = []string{health.DiskSlow, health.DiskFull, health.ClockSkew, health.PeerUnreachable, health.NodeBehind, health.NotVoting, health.ChainStalled}

// nextSteps says what to do about the gravest reason.
func nextSteps(s *quoinv1.Status, h *quoinv1.Health) []string {
	if len(h.GetReasons()) == 0 {
		return nil
	}
	var steps []string
	r := h.GetReasons()[0]
	if slices.Contains(doctorKnows, r.GetAlert()) {
		steps = append(steps, "quoin doctor")
	}
	for _, x := range s.GetServing() {
		if r.GetAlert() == health.PluginFaults && x.GetProposal() != 0 {
			steps = append(steps, fmt.Sprintf("quoin release show %d", x.GetProposal()))
			break
		}
	}
	return append(steps, "read "+r.GetPlaybook())
}

// writeHealth writes the indicators and the error budgets. What there is no data of is left out.
func writeHealth(row func(...any), h *quoinv1.Health) {
	i := h.GetIndicators()
	if i == nil {
		return
	}
	over := health.Span(inMilliseconds(i.GetOverMs()))
	for _, o := range atMost(h.GetObjectives()) {
		if o != nil && o.Good != nil {
			row(o.GetName(), objectiveText(o, h.GetWindowMs()))
		}
	}
	if q := i.GetCertification(); q.GetCount() > 0 {
		row("certified in", fmt.Sprintf("%s, %d blocks in %s", quantilesText(q), q.GetCount(), over))
	}
	if i.GetRecoveryLastUs() > 0 {
		row("recovered in", fmt.Sprintf("%s the last time, %s at worst", inMicroseconds(i.GetRecoveryLastUs()), inMicroseconds(i.GetRecoveryWorstUs())))
	}
	if q := i.GetPlugin(); q.GetP99Us() > 0 {
		row("in plugins", fmt.Sprintf("%s for each block, %.1f%% of the latency", quantilesText(q), 100*i.GetPluginShare()))
	}
	if q := i.GetFsync(); q.GetCount() > 0 {
		row("fsync", quantilesText(q))
	}
	var defects []string
	for _, kind := range atMost(slices.Sorted(maps.Keys(i.GetDefects()))) {
		if n := i.GetDefects()[kind]; n > 0 {
			defects = append(defects, fmt.Sprintf("%s %d", kind, n))
		}
	}
	if len(defects) > 0 {
		row("defects", fmt.Sprintf("%s in %s; %.1f per 1,000 blocks", strings.Join(defects, ", "), over, i.GetDefectRate()))
	}
	if i.GetDiskSize() > 0 {
		row("disk", fmt.Sprintf("%d MiB of %d MiB free", i.GetDiskFree()>>20, i.GetDiskSize()>>20))
	}
	for _, x := range atMost(h.GetSaid()) {
		row("it said of "+x.GetSlot(), wordText(x))
	}
	if h.GetBeganMs() > 0 {
		row("remembers since", time.UnixMilli(int64(h.GetBeganMs())).UTC().Format(time.RFC3339))
	}
}

func objectiveText(o *quoinv1.Objective, windowMS uint64) string {
	text := fmt.Sprintf("%.3f%% good, target %.3f%%; ", 100*o.GetGood(), 100*o.GetTarget())
	if left, over := 100*o.GetLeft(), health.Span(inMilliseconds(windowMS)); left < 0 {
		text += fmt.Sprintf("the error budget for %s is overdrawn by %.1f%%", over, -left)
	} else {
		text += fmt.Sprintf("%.1f%% of the error budget for %s is left", left, over)
	}
	for _, b := range atMost(o.GetBurns()) {
		if b.GetBurning() {
			text += fmt.Sprintf("; it burns at %.1f times its rate over %s", b.GetLongRate(), health.Span(inMilliseconds(b.GetLongMs())))
		}
	}
	return text
}

func wordText(x *quoinv1.SignedWord) string {
	text := fmt.Sprintf("proposal %d (%s): %s", x.GetProposal(), x.GetStatus(), x.GetSentence())
	if x.GetThrough() > 0 {
		text += fmt.Sprintf(", up to height %d", x.GetThrough())
	}
	return text
}

func quantilesText(q *quoinv1.Quantiles) string {
	return fmt.Sprintf("%s (p50), %s (p99)", inMicroseconds(q.GetP50Us()), inMicroseconds(q.GetP99Us()))
}

// inMicroseconds writes a length of time.
func inMicroseconds(n uint64) string {
	return health.Span(time.Duration(min(n, uint64(24*time.Hour/time.Microsecond))) * time.Microsecond)
}

func inMilliseconds(n uint64) time.Duration {
	return time.Duration(min(n, uint64(1000*24*time.Hour/time.Millisecond))) * time.Millisecond
}
