package health

import (
	"cmp"
	"fmt"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/replica"
)

// Targets say what is good enough. Zero fields mean the defaults, of which those that say so follow the chain's
// parameters. They change what a node says of itself, and by Limits what its validator says on the ledger; they
// change nothing else.
type Targets struct {
	// WindowMinutes is the period of the error budgets; the windows of the burn rates are parts of it. Default:
	// 28 days. A network that lives for an hour wants a day.
	WindowMinutes uint64 `json:"window_minutes,omitempty"`

	// Availability is the share of time in which blocks are certified while transactions wait. Default: 0.999.
	Availability float64 `json:"availability,omitempty"`
	// StallMS is how long transactions may wait without any block being certified before that counts as
	// unavailable, from its beginning. Default: ten times timeout_base_ms.
	StallMS uint64 `json:"stall_ms,omitempty"`
	// Timely is the share of blocks that are certified within CertificationMS of when this node waited for
	// them. Default: 0.99.
	Timely float64 `json:"timely,omitempty"`
	// CertificationMS. Default: timeout_base_ms.
	CertificationMS uint64 `json:"certification_ms,omitempty"`
	// Clean is the share of blocks on whose way nothing was wrong: see Defect. Default: 0.999.
	Clean float64 `json:"clean,omitempty"`

	// Gaps is the share of views without a block from which on that is an alert. Default: 0.3: one
	// of four leaders that is away costs 0.25, which the network is made to bear.
	Gaps float64 `json:"gaps,omitempty"`
	// PluginShare is the share of the certification latency that calls of guests may take. Default: 0.5.
	PluginShare float64 `json:"plugin_share,omitempty"`
	// FsyncMS bounds the 99th percentile of what one fsync takes. Default: 100.
	FsyncMS uint64 `json:"fsync_ms,omitempty"`
	// Behind is how many heights the node may lack. Default: 64.
	Behind uint64 `json:"behind,omitempty"`
	// ClockMS is by how much this node's clock may differ from those of who proposes. Default: half of drift_ms, by which a
	// block's time may be ahead of a voter's clock.
	ClockMS uint64 `json:"clock_ms,omitempty"`
	// Free is the share of the disk that must be free, unless FreeMiB are. Default: 0.05.
	Free float64 `json:"free,omitempty"`
	// FreeMiB is how much room is enough on a disk of any size: a twentieth of a large one lasts for years.
	// Default: 4096.
	FreeMiB uint64 `json:"free_mib,omitempty"`

	// Signed are the other limits of this validator's health words on the ledger, see Limits.
	Signed replica.HealthLimits `json:"signed,omitzero"`
}

const (
	windowDefault = 28 * 24 * 60 // minutes
	windowMost    = 366 * 24 * 60
	windowLeast   = 60
	freeMiBMost   = 1 << 40
	// least is how many blocks a window must have before their shares are judged, and leastBad how many of
	// them must be bad: of few, one is a large share and says nothing (SRE workbook, chapter 5, "low-traffic
	// services").
	least    = 100
	leastBad = 2
	// leastSamples is how many blocks or fsyncs a percentile needs.
	leastSamples = 20
)

// Check reports what cannot be a target.
func (t Targets) Check() error {
	for _, x := range []struct {
		name  string
		share float64
	}{{"availability", t.Availability}, {"timely", t.Timely}, {"clean", t.Clean}, {"gaps", t.Gaps}, {"plugin_share", t.PluginShare}, {"free", t.Free}} {
		if !(x.share >= 0 && x.share < 1) {
			return fmt.Errorf("health: the target %s is %v, want a share from 0 (its default) to below 1", x.name, x.share)
		}
	}
	if w := t.WindowMinutes; w != 0 && (w < windowLeast || w > windowMost) {
		return fmt.Errorf("health: the window is %d minutes, want %d to %d", w, windowLeast, windowMost)
	}
	for _, x := range []struct {
		name string
		ms   uint64
	}{{"stall_ms", t.StallMS}, {"certification_ms", t.CertificationMS}, {"fsync_ms", t.FsyncMS}, {"clock_ms", t.ClockMS}} {
		if x.ms > uint64(24*time.Hour/time.Millisecond) {
			return fmt.Errorf("health: the target %s is %d, more than a day", x.name, x.ms)
		}
	}
	if t.FreeMiB > freeMiBMost {
		return fmt.Errorf("health: the target free_mib is %d, want at most %d", t.FreeMiB, uint64(freeMiBMost))
	}
	return nil
}

// Full reports whether a disk is nearly full: less than Free of it is left, and less than FreeMiB. Sizes are in bytes.
func (t Targets) Full(free, size uint64) bool {
	t.room()
	return float64(free) < t.Free*float64(size) && free < t.FreeMiB<<20
}

// room fills in what a disk needs.
func (t *Targets) room() {
	t.Free = cmp.Or(t.Free, 0.05)
	t.FreeMiB = cmp.Or(t.FreeMiB, 4096)
}

// Limits are what this validator's signed words on the ledger go by, so that one place says what is good: of a
// target of certification, half may come on top of what it took before (see replica.HealthLimits).
func (t Targets) Limits() replica.HealthLimits {
	l := t.Signed
	if l.LatencyMS == 0 {
		l.LatencyMS = t.CertificationMS / 2
	}
	return l
}

// or fills in the defaults under a chain's parameters.
func (t Targets) or(p *quoin.Parameters) Targets {
	t.WindowMinutes = cmp.Or(t.WindowMinutes, windowDefault)
	t.Availability = cmp.Or(t.Availability, 0.999)
	t.StallMS = cmp.Or(t.StallMS, 10*p.TimeoutBaseMS)
	t.Timely = cmp.Or(t.Timely, 0.99)
	t.CertificationMS = cmp.Or(t.CertificationMS, p.TimeoutBaseMS)
	t.Clean = cmp.Or(t.Clean, 0.999)
	t.Gaps = cmp.Or(t.Gaps, 0.3)
	t.PluginShare = cmp.Or(t.PluginShare, 0.5)
	t.FsyncMS = cmp.Or(t.FsyncMS, 100)
	t.Behind = cmp.Or(t.Behind, 64)
	t.ClockMS = cmp.Or(t.ClockMS, p.DriftMS/2)
	t.room()
	return t
}

func ms(n uint64) time.Duration { return time.Duration(n) * time.Millisecond }
