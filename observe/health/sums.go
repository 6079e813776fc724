package health

import (
	"time"

	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"
)

// Defect is a kind of what should not happen.
type Defect int

// The kinds.
const (
	DefectPlugin       Defect = iota // a call of a plugin faulted
	DefectDiverged                   // this node's result differs from a quorum's, or the two engines differ
	DefectSplit                      // a quorum split over a result
	DefectRefused                    // this node refused a proposed block
	DefectEquivocation               // a validator contradicted itself
	defectKinds
)

// String returns the stable name.
func (d Defect) String() string {
	return [defectKinds]string{"plugin-fault", "divergence", "split", "refused-block", "equivocation"}[d]
}

// Defects says which events are defects.
var Defects = map[replica.EventKind]Defect{
	replica.LeaderFaulted:    DefectPlugin,
	replica.FinalityFaulted:  DefectPlugin,
	replica.BatchFaulted:     DefectPlugin,
	replica.TrialFaulted:     DefectPlugin,
	replica.UndoFaulted:      DefectPlugin,
	replica.MigrateFaulted:   DefectPlugin,
	replica.MachineFaulted:   DefectPlugin,
	replica.PacemakerFaulted: DefectPlugin,
	replica.PriorityFaulted:  DefectPlugin,
	replica.HasDiverged:      DefectDiverged,
	node.SampleDiffered:      DefectDiverged,
	replica.SplitSeen:        DefectSplit,
	replica.BlockRefused:     DefectRefused,
	replica.Equivocated:      DefectEquivocation,
}

// sums are what is added up, of a bucket or of a window.
type sums struct {
	observed, down time.Duration
	blocks         uint64 // certified
	timed, slow    uint64 // of these: waited for here, and certified later than the target
	unclean        uint64 // blocks on whose way there was a defect
	gaps           uint64 // views without a block
	defects        [defectKinds]uint64
	late, guest    time.Duration
	recoveries     uint64
	full           uint64 // transactions that found the pool full
	shadow         uint64 // calls of what is in a shadow that differ or fault
}

func (s *sums) add(x *sums) {
	s.observed, s.down = s.observed+x.observed, s.down+x.down
	s.blocks, s.timed, s.slow, s.unclean, s.gaps = s.blocks+x.blocks, s.timed+x.timed, s.slow+x.slow, s.unclean+x.unclean, s.gaps+x.gaps
	for i := range s.defects {
		s.defects[i] += x.defects[i]
	}
	s.late, s.guest = s.late+x.late, s.guest+x.guest
	s.recoveries, s.full, s.shadow = s.recoveries+x.recoveries, s.full+x.full, s.shadow+x.shadow
}

// fineBucket is a bucket of the fine ring.
type fineBucket struct {
	sums
	latency, recovery, guests, fsync histogram

	youngest time.Duration // of the blocks of others when they came, by their times; may be negative
	ages     uint64        // that it is the least of
}

func (b *fineBucket) add(x *fineBucket) {
	b.sums.add(&x.sums)
	b.latency.merge(&x.latency)
	b.recovery.merge(&x.recovery)
	b.guests.merge(&x.guests)
	b.fsync.merge(&x.fsync)
	if x.ages > 0 && (b.ages == 0 || x.youngest < b.youngest) {
		b.youngest = x.youngest
	}
	b.ages += x.ages
}

// fineOver sums a window of at most fineKept buckets, with its distributions.
func (m *Model) fineOver(now, window time.Duration) *fineBucket {
	total := &fineBucket{}
	m.fine.over(now, window, total.add)
	return total
}

// sumsOver sums a window.
func (m *Model) sumsOver(now, window time.Duration) (total sums) {
	if window <= fineKept*m.fine.width {
		m.fine.over(now, window, func(b *fineBucket) { total.add(&b.sums) })
	} else {
		m.coarse.over(now, window, total.add)
	}
	return total
}
