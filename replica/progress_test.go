package replica

import (
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus/simplex"
)

// A replica in an earlier epoch than the others knows what it lacks, from more of them than may lie.
func TestWhatLaterEpochsMadeFinalIsKnown(t *testing.T) {
	w := newNetwork(t, 4, nil)
	w.run()
	r := w.replicas[0]
	tell := func(from int, height quoin.Height) {
		c := *r.exec.Tip()
		c.Origin, c.Epoch, c.Height = r.origin, 7, height
		vote := simplex.Finalize{Checkpoint: c}
		w.step(0, Message{w.keys[from], vote.AppendBinary(canonical.AppendUint64([]byte{kindConsensus}, quoin.Epoch(7)))})
	}
	tell(1, 1<<60)
	if o := r.Overview(); o.Newest != o.Tip.Height {
		t.Errorf("one validator, which may lie, says %d, and so does this replica", o.Newest)
	}
	tell(2, 900)
	if o := r.Overview(); o.Newest != 900 {
		t.Errorf("two of four are at height 900 or above, and the newest that is known is %d", o.Newest)
	}
}
