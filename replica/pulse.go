package replica

import (
	"math"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
)

const (
	beatsMax = 8192 // certified blocks that are remembered
	slowMax  = 4096 // entries of slow calls
	begunMax = 4096 // views of which it is remembered when waiting began
)

// pulse is what this node measured of the newest certified blocks. It is lost at a restart.
type pulse struct {
	beats   []beat // ascending by height, without holes
	begun   map[quoin.View]quoin.Time
	overdue quoin.View
	slow    []slowCalls
	timed   map[string]quoin.Height // slots whose calls are timed: since this height
	faults  map[string]quoin.Height // newest of those that are this node's alone, by slot
}

// beat is one certified block.
type beat struct {
	height quoin.Height
	gaps   uint64 // views without a block before it
	ms     uint32 // from when this node waited for it to its certificate
	trial  bool   // something was on trial
}

type slowCalls struct {
	height quoin.Height
	slot   string
	calls  uint64
}

// begin notes that this node waits for a block of the view from now on. On an idle chain a wait may end
// without a block, and then begins anew; one that a time-out prolonged goes on.
func (u *pulse) begin(v quoin.View, now quoin.Time, anew bool) {
	if _, waits := u.begun[v]; waits && (!anew || v == u.overdue) {
		return
	}
	if u.begun == nil || len(u.begun) >= begunMax {
		u.begun = map[quoin.View]quoin.Time{}
	}
	u.begun[v] = now
}

// certified notes a certified block, and returns for how many milliseconds this node waited for it.
func (u *pulse) certified(o *execution.Outcome, now quoin.Time, trial bool) (waitMS uint32) {
	h := o.Block.Header()
	b := beat{height: h.Height, gaps: h.Gap(), trial: trial}
	if since, ok := u.begun[h.View]; ok && now > since {
		b.ms = uint32(min(now-since, math.MaxUint32))
	}
	if u.beats = append(u.beats, b); len(u.beats) > beatsMax {
		u.beats = slices.Delete(u.beats, 0, beatsMax/2)
	}
	for v := range u.begun { // in any order: what is over is forgotten
		if v <= h.View {
			delete(u.begun, v)
		}
	}
	return b.ms
}

// endEpoch forgets the views of an epoch that is over.
func (u *pulse) endEpoch() { u.begun, u.overdue = nil, 0 }

// slowed notes slow calls of a slot while the block after the tip is on its way.
func (u *pulse) slowed(slot string, calls uint64, tip quoin.Height) {
	if _, timed := u.timed[slot]; !timed {
		return
	}
	if u.slow = append(u.slow, slowCalls{tip + 1, slot, calls}); len(u.slow) > slowMax {
		u.slow = slices.Delete(u.slow, 0, slowMax/2)
	}
}

// failed notes a fault that only this node knows of, while the block after the tip is on its way.
func (u *pulse) failed(slot string, tip quoin.Height) {
	if u.faults == nil {
		u.faults = map[string]quoin.Height{}
	}
	u.faults[slot] = tip + 1 // a slot of class N: there are few
}

// time has the calls of these slots timed after a height, and of no others.
func (u *pulse) time(slots []string, tip quoin.Height) {
	timed := map[string]quoin.Height{}
	for _, slot := range slots {
		timed[slot] = tip + 1
		if since, ok := u.timed[slot]; ok {
			timed[slot] = since
		}
	}
	u.timed = timed
}

// level is how the chain goes, over some blocks.
type level struct {
	blocks, gaps uint64
	latencyMS    uint64 // 99th percentile
	timed, slow  uint64 // blocks while a slot's calls were timed, and the slow calls in these
}

// over returns the level of the blocks of some heights.
func (u *pulse) over(from, through quoin.Height, slot string) level {
	return u.level(slot, func(b *beat) bool { return b.height >= from && b.height <= through })
}

// before returns the level of the newest blocks up to a height while nothing was on trial.
func (u *pulse) before(through quoin.Height, blocks int, slot string) level {
	from := through + 1
	for i := len(u.beats) - 1; i >= 0 && blocks > 0; i-- {
		if b := &u.beats[i]; b.height <= through && !b.trial {
			from = b.height
			blocks--
		}
	}
	return u.level(slot, func(b *beat) bool { return b.height >= from && b.height <= through && !b.trial })
}

func (u *pulse) level(slot string, counts func(*beat) bool) level {
	var l level
	var waits []uint32
	heights := map[quoin.Height]bool{}
	since, timed := u.timed[slot]
	for i := range u.beats {
		b := &u.beats[i]
		if !counts(b) {
			continue
		}
		l.blocks, l.gaps = l.blocks+1, l.gaps+b.gaps
		waits = append(waits, b.ms)
		if timed && b.height >= since {
			l.timed++
			heights[b.height] = true
		}
	}
	for _, s := range u.slow {
		if s.slot == slot && heights[s.height] {
			l.slow += s.calls
		}
	}
	if n := len(waits); n > 0 {
		slices.Sort(waits)
		l.latencyMS = uint64(waits[n*99/100])
	}
	return l
}
