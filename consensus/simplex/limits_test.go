package simplex_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
)

func newScenario(t *testing.T, commands ...string) *scenario {
	w := &scenario{t: t, shown: []string{"nothing"}}
	w.play(commands...)
	return w
}

func (w *scenario) play(commands ...string) string {
	var out strings.Builder
	for _, c := range commands {
		out.WriteString(w.command(strings.Fields(c)))
	}
	return out.String()
}

// sent returns what a machine answers to a message from a peer, whose signatures are not looked at.
func (w *scenario) sent(to, from int, x consensus.Message) []consensus.Envelope {
	var out consensus.Output
	m := w.members[to].machine
	if m.Fresh(from, x, &out) {
		m.Step(w.members[to].clock, consensus.Received{Verified: consensus.Verified{From: from, Message: x}}, &out)
	}
	return out.Send
}

// A peer that was away for far more views than a Need is answered about is back after one time-out.
func TestLongCatchUp(t *testing.T) {
	const views = 150
	w := newScenario(t, "network 4 leader=3", "deliver", "tx 1 at=0,1,2")
	for range views {
		w.play("timeout 0 1 2", "drop to=3", "drop kind=propose", "deliver to=0,1,2 kind=nullify", "drop")
	}
	if v := w.members[0].machine.Status().View; v != views+1 {
		t.Fatalf("the others are in view %d, want %d", v, views+1)
	}
	// Leaders whose proposals were dropped propose nothing more in a view; the next one does.
	w.play("timeout 0 1 2", "deliver", "timeout 0 1 2", "deliver", "timeout 0 1 2", "deliver", "timeout all", "deliver")
	for i, m := range w.members {
		if h := m.tip().checkpoint.Height; h != 1 {
			t.Errorf("member %d is at height %d, want 1: %s", i, h, w.play("status"))
		}
	}
}

// A replica that has passed over views asks again, and others, until it knows what ended them.
func TestHolesAreAskedAboutAgain(t *testing.T) {
	w := newScenario(t, "network 4 leader=3", "deliver", "tx 1 at=0,1,2")
	for range 2 {
		w.play("timeout 0 1 2", "deliver to=0,1,2", "drop")
	}
	w.play("timeout 0 1 2", "deliver from=0 to=3", "drop")
	asked := map[int]int{}
	for range 6 {
		w.play("timeout 3")
		for _, p := range w.queue {
			if n, ok := p.decoded.(*simplex.Need); ok && p.from == 3 && n.From == 1 {
				asked[p.to]++
			}
		}
		w.play("drop")
	}
	if len(asked) != 3 || asked[0]+asked[1]+asked[2] != 6 || asked[0] != 2 {
		t.Errorf("after six time-outs these were asked: %v, want all others twice", asked)
	}
}

// A Need for the last views that there are is answered at once, and with nothing.
func TestNeedOfTheLargestViews(t *testing.T) {
	w := newScenario(t, "network 4", "tx 2", "deliver")
	for _, n := range []simplex.Need{
		{From: math.MaxUint64 - 63, To: math.MaxUint64}, {From: math.MaxUint64, To: math.MaxUint64}, {From: 3, To: math.MaxUint64},
	} {
		if sent := w.sent(0, 3, &n); len(sent) > 0 {
			t.Errorf("%v is answered with %d messages", n, len(sent))
		}
	}
}

// What a peer can make others send is bounded by what it sends itself.
func TestAnswersAreBounded(t *testing.T) {
	w := newScenario(t, "network 4 leader=3", "crash 3", "tx 1")
	for range 100 {
		w.play("timeout 0 1 2", "drop kind=propose", "deliver kind=nullify", "drop")
	}
	size, asked := 0, 0
	for i := range 20_000 {
		asked += 64
		for _, e := range w.sent(0, 3, &simplex.Need{From: 1 + quoin.View(i%2), To: 64}) {
			size += len(e.Message.AppendBinary(nil))
		}
	}
	if limit := 256<<10 + 8*asked; size > limit {
		t.Errorf("%d bytes of questions got %d bytes of answers, limit %d", asked, size, limit)
	}
	if size < 100<<10 {
		t.Errorf("only %d bytes of answers: honest peers would not catch up", size)
	}
	// Another peer is not the poorer for it.
	if n := len(w.sent(0, 2, &simplex.Need{From: 1, To: 64})); n != 64 {
		t.Errorf("another peer gets %d answers, want 64", n)
	}
}

// Proposals of faulty leaders for views to come are kept within a bound, and do not push out the
// current leader's.
func TestProposalsAreBounded(t *testing.T) {
	w := newScenario(t, "network 4")
	payload := make([]byte, 50<<10)
	propose := func(i int, v quoin.View, salt uint64) *simplex.Proposal {
		var txs []quoin.Transaction
		for k := range 80 {
			txs = append(txs, quoin.Transaction{Salt: salt<<8 + uint64(k), Expiry: 1 << 40, Namespace: "kv", Payload: payload})
		}
		root := w.members[0].tip().checkpoint
		return &simplex.Proposal{Block: quoin.NewBlock(quoin.Header{Epoch: 1, View: v, Height: 1, Parent: root.Block, ParentCheckpoint: root.Digest(),
			Time: root.Time + 1, Proposer: uint16(i)}, txs)}
	}
	for v := quoin.View(2); v < 2000; v++ {
		for i := 1; i < 4; i++ {
			w.sent(0, i, propose(i, v, 1))
			if v > 12 {
				break
			}
			w.sent(0, i, propose(i, v, 2))
			w.sent(0, i, propose(i, v, 3))
		}
		if v > 20 {
			v += 200
		}
	}
	if n := w.members[0].machine.Kept(); n > 64<<20 {
		t.Errorf("%d bytes of proposals are kept", n)
	}
	// View 2's leader is 1. Its proposal is still there when the view comes.
	for i := 1; i < 4; i++ {
		w.play(fmt.Sprintf("byzantine %d nullify 1 to=0", i))
	}
	w.play("deliver to=0")
	if s := w.play("log 0"); !strings.Contains(s, "vote notarize 2") {
		t.Errorf("the leader of view 2 was not voted for:\n%s", s)
	}
}

// A relayed proposal, whose proof anybody could have exchanged, is not accepted.
func TestRelayedProposalIsRefused(t *testing.T) {
	w := newScenario(t, "network 4", "crash 0", "byzantine 0 propose 1 genesis to=1")
	p := w.queue[len(w.queue)-1]
	var out consensus.Output
	x, err := w.members[1].machine.Decode(p.message)
	if err != nil {
		t.Fatal(err)
	}
	if w.members[1].machine.Fresh(2, x, &out) {
		t.Error("a relayed proposal is fresh")
	}
	if _, err := w.members[1].machine.Verify(2, x); err == nil {
		t.Error("a relayed proposal is verified")
	}
	if !w.members[1].machine.Fresh(0, x, &out) {
		t.Error("the proposer's own is not")
	}
}

// An answer to a Build of a view that has passed is not taken for that of the current one.
func TestLateBuilt(t *testing.T) {
	w := newScenario(t, "network 4 leader=0")
	m := w.members[0].machine
	step := func(in consensus.Input) (out consensus.Output) {
		m.Step(scenarioStart, in, &out)
		return out
	}
	if out := step(consensus.Wanted{Wanted: true}); len(out.Build) != 1 || out.Build[0].View != 1 {
		t.Fatalf("builds %v, want one of view 1", out.Build)
	}
	n := &simplex.Nullification{View: 1, Signers: quoin.Bitmap{7}, Signatures: make([]quoin.Signature, 3)}
	if out := step(consensus.Received{Verified: consensus.Verified{From: 1, Message: n}}); len(out.Build) != 1 || out.Build[0].View != 2 {
		t.Fatalf("builds %v, want one of view 2", out.Build)
	}
	if out := step(consensus.Built{View: 1}); len(out.Send)+len(out.Build) > 0 {
		t.Fatalf("a late answer is used: %v", out)
	}
	out := step(consensus.Built{View: 2})
	if len(out.Send) == 0 || out.Send[0].Message.Kind() != "propose" {
		t.Fatal("the answer is not used")
	}
	if out := step(consensus.Built{View: 2}); len(out.Send) > 0 {
		t.Fatal("the answer is used twice")
	}
}

// A validator that is a quorum by itself, or nearly, crashes after its vote was written and before
// the aggregate was. It goes on.
func TestOwnVoteIsAQuorum(t *testing.T) {
	w := newScenario(t, "network 1", "tx 1")
	m := w.members[0]
	for n := 1; n < len(m.log); n++ {
		lone := newScenario(t, "network 1")
		lone.members[0].log = m.log[:n]
		lone.play("crash 0", "restart 0", "tx 2", "timeout all", "rounds 10")
		if h := lone.members[0].tip().checkpoint.Height; h < 2 {
			t.Errorf("after a crash behind record %d of the log: height %d, want at least 2\n%s", n, h, lone.play("log 0", "status"))
		}
	}
}

// Blocks that are too many for one answer are fetched part by part, without waiting for time-outs.
func TestFetchingInParts(t *testing.T) {
	w := newScenario(t, "network 4", "tx 6", "deliver to=0,1,2")
	if h := w.members[0].tip().checkpoint.Height; h != 6 {
		t.Fatalf("height %d, want 6: %s", h, w.play("status"))
	}
	w.play("drop")
	m, whole := w.members[3], w.members[0]
	last := whole.certs[6]
	var out consensus.Output
	m.machine.Step(scenarioStart, consensus.Fetched{Certificate: last}, &out)
	for part := range 3 {
		if len(out.Fetch) != 1 || out.Fetch[0].Block != last.Checkpoint.Block || out.Fetch[0].After != quoin.Height(2*part) {
			t.Fatalf("part %d: fetches %v, want the last block after height %d", part, out.Fetch, 2*part)
		}
		h := 2*part + 2
		in := []consensus.Input{consensus.Fetched{From: 0, Blocks: []*quoin.Block{whole.chain[h-1].block, whole.chain[h].block}, Certificate: whole.certs[quoin.Height(h)]}}
		out.Reset()
		for ; len(in) > 0; in = in[1:] {
			m.machine.Step(scenarioStart, in[0], &out)
			for _, x := range out.Execute {
				in = append(in, consensus.Executed{Block: x.Block.ID(), Verdict: consensus.Valid, Checkpoint: whole.results[x.Block.ID()].checkpoint})
			}
			out.Execute = nil
		}
	}
	if v := m.machine.Status().CertifiedView; v != last.Checkpoint.View || len(out.Fetch) > 0 {
		t.Errorf("certified view %d, want %d; fetches %v, want none", v, last.Checkpoint.View, out.Fetch)
	}
}

// A proposal that never got a quorum is no reason for timers once its view was given up and nothing
// is wanted any more.
func TestForgottenProposalLetsTheChainRest(t *testing.T) {
	w := newScenario(t, "network 4", "tx 1", "deliver kind=propose", "drop")
	for _, m := range w.members {
		m.pool = nil // expired
		m.step(consensus.Wanted{})
	}
	w.play("timeout all", "drop kind=notarize")
	if s := w.play("rounds 10"); !strings.HasSuffix(s, "all is quiet\n") {
		t.Errorf("the chain does not rest: %s", w.play("status"))
	}
	if s := w.members[0].machine.Status(); s.CertifiedView != 0 || s.Uncertified != 1 {
		t.Errorf("the proposal is not there any more, or certified: %+v", s)
	}
}

// A view that was left is nullified when more than f have done so, if it was not finalized.
func TestNullifyFollowsInALeftView(t *testing.T) {
	w := newScenario(t, "network 4", "hold 3", "tx 1", "deliver kind=propose,notarize,notarization", "drop")
	if v := w.members[3].machine.Status().View; v != 2 {
		t.Fatalf("member 3 is in view %d, want 2", v)
	}
	if sent := w.sent(3, 0, &simplex.Nullify{View: 1}); len(sent) > 0 {
		t.Fatalf("one vote is followed: %v", sent)
	}
	sent := w.sent(3, 1, &simplex.Nullify{View: 1})
	if len(sent) == 0 || sent[0].Message.Kind() != "nullify" {
		t.Fatalf("two votes of four are followed by %v, want a nullify", sent)
	}
	w.play("hold 3 off")
	if s := w.play("log 3"); strings.Contains(s, "vote finalize 1") {
		t.Errorf("finalize after nullify:\n%s", s)
	}
	// Member 0 has finalized view 1, and does not follow.
	w.sent(0, 1, &simplex.Nullify{View: 1})
	for _, e := range w.sent(0, 2, &simplex.Nullify{View: 1}) {
		if e.Message.Kind() == "nullify" {
			t.Error("nullify after finalize")
		}
	}
}
