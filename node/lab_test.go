package node

import (
	"sync/atomic"
	"testing"
	"time"

	"quoin.dev/quoin"
)

// A laboratory's clock dates the blocks that the node leads, and its disk is asked before every sync.
func TestLabSetsTheClockAndSlowsTheDisk(t *testing.T) {
	var syncs atomic.Int64
	ahead := time.Hour
	w := newNetworkOf(t, 1, func(w *network) {
		w.lab = Lab{Clock: func() time.Time { return time.Now().Add(ahead) }, Sync: func() { syncs.Add(1) }}
	})
	before := time.Now()
	w.put(t, 0, "key", "value")
	n := w.nodes[0]
	if at, least := n.Status().Tip.Time, quoin.Time(before.Add(ahead).UnixMilli()); at < least {
		t.Errorf("the block's time is %d, the node's clock said at least %d", at, least)
	}
	if syncs.Load() < 2 {
		t.Errorf("%d syncs were announced for a vote and a block, want 2 or more", syncs.Load())
	}
}
