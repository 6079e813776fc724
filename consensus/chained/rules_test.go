package chained_test

import (
	"bytes"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/chained"
	"quoin.dev/quoin/consensus/model"
)

// chain brings blocks of views 1 to n, each proposed on the one before, and returns them.
func (w *lone) chain(n quoin.View) []*model.Outcome {
	blocks := []*model.Outcome{w.root()}
	var proof chained.Proof
	for v := quoin.View(1); v <= n; v++ {
		o := w.block(v, blocks[v-1], proof, uint64(v))
		w.receive(w.propose(o, proof, nil))
		proof = w.qc(o)
		blocks = append(blocks, o)
	}
	return blocks
}

// TestLock: locked on view 2, a replica votes for a block on view 1 only if a quorum knew no more when
// it gave up the view before; without the lock always.
func TestLock(t *testing.T) {
	for _, x := range []struct {
		name  string
		rules chained.Rules
		known int // the view that the TC names
		votes bool
	}{
		{name: "quorum knew view 2", known: 2},
		{name: "quorum knew view 1", known: 1, votes: true},
		{name: "unlocked", rules: chained.Rules{Unlocked: true}, known: 2, votes: true},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newLone(t, x.rules)
			b := w.chain(3) // voting for b3 locks on view 2
			if w.sent("vote") == nil {
				t.Fatal("b3 is not voted for")
			}
			tc := w.tc(5, w.qc(b[x.known]))
			w.receive(1, tc)
			fork := w.block(6, b[1], w.qc(b[1]), 66)
			w.receive(w.propose(fork, w.qc(b[1]), tc))
			if voted := w.sent("vote") != nil; voted != x.votes {
				t.Errorf("voted: %v, want %v", voted, x.votes)
			}
		})
	}
}

// TestCommit: a quorum of votes for children of the view after, be they of one child or of several,
// certifies the parent; votes for a child of a later view do not.
func TestCommit(t *testing.T) {
	for _, x := range []struct {
		name      string
		view      quoin.View // of the child
		children  int
		certified bool
	}{
		{name: "one child", view: 3, children: 1, certified: true},
		{name: "three children", view: 3, children: 3, certified: true},
		{name: "a child of a later view", view: 4, children: 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newLone(t, chained.Rules{})
			b := w.chain(2)
			w.receive(1, w.qc(b[2]))
			certified := false
			for k, from := range []int{1, 2, 3} {
				child := w.block(x.view, b[2], w.qc(b[2]), uint64(10+k%x.children))
				w.receive(from, w.vote(from, child))
				certified = certified || len(w.out.Certified) > 0
			}
			if certified != x.certified {
				t.Errorf("certified: %v, want %v", certified, x.certified)
			}
			if certified && w.out.Certified[0].Certificate.Checkpoint != b[2].Checkpoint {
				t.Error("the certificate is not the parent's")
			}
		})
	}
}

// TestOnceAView: a second proposal of a view, one after giving up, and one not of the leader get no
// vote.
func TestOnceAView(t *testing.T) {
	for _, x := range []struct {
		name   string
		before func(w *lone, b *model.Outcome)
		tamper func(p *chained.Proposal, from *int)
		votes  bool
	}{
		{name: "as it should be", votes: true},
		{name: "after another", before: func(w *lone, b *model.Outcome) {
			w.receive(w.propose(w.block(2, b, w.qc(b), 99), w.qc(b), nil))
		}},
		{name: "after giving up", before: func(w *lone, b *model.Outcome) {
			w.receive(1, w.qc(b))
			w.receive(1, w.timeout(1, 2, w.qc(b)))
			w.receive(3, w.timeout(3, 2, w.qc(b))) // more than f: it follows
			if w.sent("timeout") == nil {
				w.t.Fatal("it does not follow two timeouts of four")
			}
		}},
		{name: "without proof", tamper: func(p *chained.Proposal, _ *int) { p.Justify = nil }},
		{name: "relayed", tamper: func(_ *chained.Proposal, from *int) { *from = 3 }},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newLone(t, chained.Rules{})
			b := w.chain(1)[1]
			if x.before != nil {
				x.before(w, b)
			}
			from, p := w.propose(w.block(2, b, w.qc(b), 2), w.qc(b), nil)
			if x.tamper != nil {
				x.tamper(p.(*chained.Proposal), &from)
			}
			w.step(consensus.Fetched{}) // forgets what was sent
			w.receive(from, p)
			if voted := w.sent("vote") != nil; voted != x.votes {
				t.Errorf("voted: %v, want %v", voted, x.votes)
			}
		})
	}
}

// TestConflictHalts: after a certificate of another block at a certified height, nothing more is
// certified or sent.
func TestConflictHalts(t *testing.T) {
	w := newLone(t, chained.Rules{})
	b := w.chain(3)
	w.receive(1, w.certificate(b[2]))
	if len(w.out.Certified) == 0 {
		t.Fatal("b2 is not certified")
	}
	w.receive(1, w.certificate(w.block(7, b[1], w.qc(b[1]), 77)))
	if len(w.out.Reports) == 0 || w.out.Reports[0].Kind != consensus.Conflict {
		t.Errorf("reports %v, want a conflict", w.out.Reports)
	}
	if out := w.step(consensus.TimedOut{Timer: 1}); len(out.Send) > 0 || out.Timer != nil {
		t.Error("a halted machine goes on")
	}
}

// TestSnapshotSuffices: a machine that is recovered from a snapshot is the one that is recovered from
// the whole log, and neither votes again.
func TestSnapshotSuffices(t *testing.T) {
	w := newLone(t, chained.Rules{})
	b := w.chain(3)
	w.receive(1, w.tc(3, w.qc(b[2])))
	w.step(consensus.TimedOut{Timer: w.out.Timer.ID})
	recovered := func(records []consensus.Record) *chained.Chained {
		m := chained.New(chained.Config{Member: w.member})
		for _, r := range records {
			if err := m.Recover(r); err != nil {
				t.Fatal(err)
			}
		}
		return m
	}
	fromLog, fromSnapshot := recovered(w.log), recovered(w.machine.Snapshot())
	if !bytes.Equal(fromLog.AppendState(nil, nil), fromSnapshot.AppendState(nil, nil)) {
		t.Error("the snapshot gives another machine than the log")
	}
	kinds := map[byte]int{}
	for _, r := range fromLog.Snapshot() {
		kinds[r[0]]++
	}
	if kinds['B'] != 3 || kinds['V'] != 1 || kinds['T'] != 1 || kinds['E'] != 2 {
		t.Errorf("records by kind: %v", kinds)
	}
	w.machine, w.log = fromSnapshot, nil
	w.step(consensus.Started{})
	if s := w.machine.Status(); s.View != 4 || slices.ContainsFunc(w.log, func(r consensus.Record) bool { return r[0] == 'V' }) {
		t.Errorf("it is in view %d, want 4, or votes again", s.View)
	}
}

// TestTimeoutsDouble: from the second view after the certified one on, up to the cap.
func TestTimeoutsDouble(t *testing.T) {
	w := newLone(t, chained.Rules{})
	var after []uint64
	w.step(consensus.Wanted{Wanted: true})
	after = append(after, w.out.Timer.AfterMS)
	for v := quoin.View(1); v < 10; v++ {
		w.receive(1, w.tc(v, nil))
		after = append(after, w.out.Timer.AfterMS)
	}
	if want := []uint64{500, 500, 1000, 2000, 4000, 8000, 16000, 20000, 20000, 20000}; !slices.Equal(after, want) {
		t.Errorf("time-outs of %d ms, want %d", after, want)
	}
}
