package chained_test

import (
	"math"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/chained"
)

// Votes are kept of a window of views, whatever a validator sends.
func TestVotesAreBounded(t *testing.T) {
	w := newLone(t, chained.Rules{})
	const window = 256
	for _, v := range []quoin.View{1, window, window + 1, window + 2, 1 << 20, math.MaxUint64} {
		b := w.block(1, w.root(), nil, 1)
		c := &b.Checkpoint
		vote := &chained.Vote{View: v, Block: c.Block, Checkpoint: c.Digest(), Signature: w.sign(2, chained.VoteBytes(w.member.Origin.ID(), 1, v, c.Block, c.Digest()))}
		if taken := w.receive(2, vote); taken != (v <= window+1) {
			t.Errorf("vote of view %d in view 1: taken: %v", v, taken)
		}
		if taken := w.receive(2, w.timeout(2, v, nil)); taken != (v <= window+1) {
			t.Errorf("timeout of view %d in view 1: taken: %v", v, taken)
		}
	}
	if w.receive(3, w.timeout(3, 1<<20, nil)); w.sent("ask") == nil {
		t.Error("a peer far ahead is not asked how it got there")
	}
	if n := w.machine.Rounds(); n > 3 {
		t.Errorf("%d rounds are kept", n)
	}
	for v := quoin.View(1); v < 500; v++ {
		w.receive(1, w.tc(v, nil))
		w.receive(2, w.timeout(2, v+1, nil))
	}
	if n := w.machine.Rounds(); n > 32 {
		t.Errorf("%d rounds are kept after 500 views", n)
	}
}

// Proposals of one view are kept within a bound, one of each validator; in a rescue view only the
// leader's.
func TestProposalsAreBounded(t *testing.T) {
	w := newLone(t, chained.Rules{})
	unknown := w.block(1, w.root(), nil, 1)
	propose := func(v quoin.View, from int, salt uint64) {
		var txs []quoin.Transaction
		for k := range 40 {
			txs = append(txs, quoin.Transaction{Salt: salt<<8 + uint64(k), Expiry: 1 << 40, Namespace: "kv", Payload: make([]byte, 50<<10)})
		}
		h := *w.block(v, unknown, w.qc(unknown), salt).Block.Header()
		h.Proposer = uint16(from)
		b := quoin.NewBlock(h, txs)
		w.receive(from, &chained.Proposal{Block: b, Justify: w.qc(unknown), Opened: w.tc(v-1, w.qc(unknown)),
			Signature: w.sign(from, chained.ProposeBytes(w.member.Origin.ID(), 1, v, b.ID()))})
	}
	kept := func(v quoin.View) int {
		for salt := uint64(10); salt < 13; salt++ {
			for from := 1; from < 4; from++ {
				propose(v, from, salt)
			}
		}
		return w.machine.Kept()
	}
	if n := kept(6); n < 5<<20 || n > 7<<20 {
		t.Errorf("%d bytes of proposals are kept, want three of 2 MB", n)
	}
	if n := kept(8); n > 3<<20 {
		t.Errorf("%d bytes of proposals are kept in a rescue view, want one of 2 MB", n)
	}
}

// What a peer can make others send is bounded by what it sends itself.
func TestAnswersAreBounded(t *testing.T) {
	w := newLone(t, chained.Rules{})
	b := w.chain(3)
	w.receive(1, w.certificate(b[2]))
	w.receive(1, w.tc(3, w.qc(b[2])))
	size, asked := 0, 0
	for range 20_000 {
		ask := &chained.Ask{}
		asked += len(ask.AppendBinary(nil))
		w.receive(3, ask)
		for _, e := range w.out.Send {
			size += len(e.Message.AppendBinary(nil))
		}
	}
	if limit := 256<<10 + 64<<10 + 512*20_000; size > limit {
		t.Errorf("%d bytes of questions got %d bytes of answers, limit %d", asked, size, limit)
	}
	w.receive(2, &chained.Ask{})
	if w.sent("certificate") == nil || w.sent("tc") == nil {
		t.Error("another peer gets no answer")
	}
}

// A peer that gives up a view that is over is told, at once if others went on with a block.
func TestStalePeersAreAnswered(t *testing.T) {
	w := newLone(t, chained.Rules{})
	b := w.chain(3)
	if w.receive(3, w.timeout(3, 2, w.qc(b[1]))) || w.sent("qc") == nil {
		t.Errorf("a timeout of view 2 in view 3 is answered with %v, want the QC of view 2", w.out.Send)
	}
	w.receive(1, w.tc(3, w.qc(b[2])))
	late := w.timeout(3, 3, w.qc(b[2]))
	if w.receive(3, late); len(w.out.Send) > 0 {
		t.Errorf("a late timeout is answered with %v", w.out.Send)
	}
	if w.receive(3, late); w.sent("tc") == nil {
		t.Error("a repeated one is not answered with the TC")
	}
}

// An idle chain is silent: once the blocks with transactions are certified there is no timer and no
// message, and the empty block at the tip asks for nothing.
func TestIdleChainIsSilent(t *testing.T) {
	w := newLone(t, chained.Rules{})
	b := w.chain(2)
	h := *w.block(3, b[2], w.qc(b[2]), 3).Block.Header()
	empty := w.execute(quoin.NewBlock(h, nil))
	w.receive(w.propose(empty, w.qc(b[2]), nil))
	for _, i := range []int{1, 2, 3} {
		w.receive(i, w.vote(i, empty))
	}
	if s := w.machine.Status(); s.CertifiedView != 2 || s.View != 4 || s.Uncertified != 1 {
		t.Fatalf("%+v", s)
	}
	if out := w.step(consensus.TimedOut{Timer: 1}); len(out.Send) > 0 || out.Timer != nil || len(out.Build) > 0 {
		t.Errorf("an idle machine demands %+v", out)
	}
}

// A timeout of a view that is far ahead is good for the proof that it carries: it does not keep the
// timers of an idle chain running.
func TestFarTimeoutsDoNotStir(t *testing.T) {
	w := newLone(t, chained.Rules{})
	h := *w.block(1, w.root(), nil, 1).Block.Header()
	empty := w.execute(quoin.NewBlock(h, nil))
	w.receive(w.propose(empty, nil, nil))
	if !w.receive(3, w.timeout(3, 1<<40, w.qc(empty))) || w.machine.Status().View != 2 {
		t.Fatalf("%+v, want view 2, by the proof of view 1", w.machine.Status())
	}
	if w.out.Timer != nil {
		t.Error("a timer runs in a view that nothing was heard of")
	}
	if w.receive(3, w.timeout(3, 2, w.qc(empty))); w.out.Timer == nil {
		t.Error("no timer runs in a view that somebody gives up")
	}
}

// An unanswered fetch is repeated at the next time-out, to another signer.
func TestFetchesAreRepeated(t *testing.T) {
	w := newLone(t, chained.Rules{})
	b1 := w.block(1, w.root(), nil, 1)
	b2 := w.block(2, b1, w.qc(b1), 2)
	w.receive(w.propose(b2, w.qc(b1), nil))
	asked := map[int]bool{}
	for range 3 {
		for _, f := range w.out.Fetch {
			if f.Block != b1.Block.ID() || f.After != 0 {
				t.Errorf("fetches %+v, want b1 after height 0", f)
			}
			asked[f.From] = true
		}
		w.step(consensus.TimedOut{Timer: w.timer})
	}
	if len(asked) < 2 {
		t.Errorf("asked %v, want several", asked)
	}
	w.step(consensus.Fetched{From: 3, Blocks: []*quoin.Block{b1.Block}})
	if _, ok := w.machine.Block(b1.Block.ID()); !ok {
		t.Error("b1 is not taken")
	}
	stranger := w.block(1, w.root(), nil, 9)
	w.step(consensus.Fetched{From: 3, Blocks: []*quoin.Block{stranger.Block}})
	if _, ok := w.machine.Block(stranger.Block.ID()); ok {
		t.Error("a block that nobody asked for is taken")
	}
}
