package metric

import (
	"slices"

	"quoin.dev/quoin/replica"
)

// inclusions are how long transactions waited in the pool, by the upper bounds of the family. A block brings
// thousands at once, most of which waited alike, so they are not counted one by one.
type inclusions struct {
	counts []uint64 // by bound, and beyond the last
	sum    uint64   // milliseconds
}

func newInclusions() inclusions { return inclusions{counts: make([]uint64, len(delays)+1)} }

func (x *inclusions) add(waited []uint32) {
	last, at := replica.WaitedUnknown, 0
	for _, ms := range waited {
		if ms == replica.WaitedUnknown {
			continue
		}
		if ms != last {
			last = ms
			at, _ = slices.BinarySearch(delays, float64(ms)/1000)
		}
		x.counts[at]++
		x.sum += uint64(ms)
	}
}

func (x *inclusions) copied() inclusions { return inclusions{slices.Clone(x.counts), x.sum} }

func (x *inclusions) emit(e *emitter) {
	count, buckets := uint64(0), map[float64]uint64{}
	for i, bound := range delays {
		count += x.counts[i]
		buckets[bound] = count
	}
	count += x.counts[len(delays)]
	e.histogram(inclusion, count, float64(x.sum)/1000, buckets)
}
