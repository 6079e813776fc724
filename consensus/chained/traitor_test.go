package chained_test

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/chained"
	"quoin.dev/quoin/consensus/consensustest"
)

// traitor is an honest machine without scruples, with one method overridden: what it sends. It votes
// for everything that anybody votes for, knows nothing when it gives a view up, and withholds every
// other cosignature. As a leader it makes a twin of its block, beside it, on the oldest parent that
// some quorum of timeouts allows, or on one of the latest before, and shows different ones to
// different members.
type traitor struct {
	*chained.Chained
	m        consensus.Member
	proofs   map[quoin.View]chained.Proof
	timeouts map[quoin.View]map[int]*chained.Timeout
	headers  map[quoin.Hash]*quoin.Header
	votes    map[quoin.Hash]bool // for these it has voted as others did
	twins    map[quoin.Hash]bool
}

// newTraitor returns what makes a traitor among members of these rules.
func newTraitor(rules chained.Rules) func(consensus.Member) consensus.Machine {
	rules.Unlocked, rules.VoteTwice, rules.VoteAfterTimeout, rules.ForgetVotes = true, true, true, true
	return func(m consensus.Member) consensus.Machine {
		return &traitor{Chained: chained.New(chained.Config{Member: m, Rules: rules}), m: m, proofs: map[quoin.View]chained.Proof{},
			timeouts: map[quoin.View]map[int]*chained.Timeout{}, headers: map[quoin.Hash]*quoin.Header{},
			votes: map[quoin.Hash]bool{}, twins: map[quoin.Hash]bool{}}
	}
}

func (x *traitor) Step(now quoin.Time, in consensus.Input, out *consensus.Output) {
	if r, ok := in.(consensus.Received); ok {
		x.learn(r.From, r.Message)
		if v, ok := r.Message.(*chained.Vote); ok && !x.votes[v.Block] {
			x.votes[v.Block] = true
			defer func() { out.Send = append(out.Send, consensus.Envelope{To: consensus.All, Message: x.voteAs(v)}) }()
		}
	}
	before := out.Send
	out.Send = nil
	x.Chained.Step(now, in, out)
	sends := out.Send
	out.Send = before
	var twin *chained.Proposal
	for _, e := range sends {
		switch m := e.Message.(type) {
		case *chained.Proposal:
			x.learn(x.m.Self, m)
			if twin = x.twin(m); twin != nil {
				x.learn(x.m.Self, twin)
				x.twins[twin.Block.ID()] = true
				if twin.Block.Header().Parent == m.Block.Header().Parent {
					x.show(m, m.Block.Header().View, false, out)
					x.show(twin, m.Block.Header().View, true, out)
				} else {
					out.Send = append(out.Send, consensus.Envelope{To: consensus.All, Message: twin})
				}
				continue
			}
		case *chained.Vote:
			if m.View%2 == 0 {
				bare := *m
				bare.Parent = nil
				m = &bare
			}
			x.show(m, m.View, x.twins[m.Block], out)
			continue
		case *chained.Timeout:
			lie := &chained.Timeout{View: m.View, Signature: x.m.Signer.Sign(chained.TimeoutBytes(x.m.Origin.ID(), x.m.Epoch, m.View, 0))}
			x.learn(x.m.Self, lie)
			e.Message = lie
		default:
			x.learn(x.m.Self, m)
		}
		out.Send = append(out.Send, e)
	}
	if twin != nil {
		x.Step(now, consensus.Received{Verified: consensus.Verified{From: x.m.Self, Message: twin}}, out)
	}
}

// voteAs votes as another member did.
func (x *traitor) voteAs(v *chained.Vote) *chained.Vote {
	mine := *v
	mine.Signature = x.m.Signer.Sign(chained.VoteBytes(x.m.Origin.ID(), x.m.Epoch, v.View, v.Block, v.Checkpoint))
	if v.Parent != nil {
		mine.Cosignature = x.m.Signer.Sign(v.Parent.CosignedBytes())
	}
	return &mine
}

// learn collects proofs, blocks and timeouts.
func (x *traitor) learn(from int, m consensus.Message) {
	switch m := m.(type) {
	case *chained.QC:
		x.proofs[m.View] = m
	case *chained.Certificate:
		x.proofs[m.Checkpoint.View] = m
	case *chained.Proposal:
		x.headers[m.Block.ID()] = m.Block.Header()
		if m.Justify != nil {
			x.learn(from, m.Justify)
		}
	case *chained.Timeout:
		if m.Proof != nil {
			x.learn(from, m.Proof)
		}
		if x.timeouts[m.View] == nil {
			x.timeouts[m.View] = map[int]*chained.Timeout{}
		}
		x.timeouts[m.View][from] = m
	}
}

// show sends a message to the members that are to believe in the twin, or in the original; in every
// third view to all of them.
func (x *traitor) show(m consensus.Message, v quoin.View, twin bool, out *consensus.Output) {
	for i := range x.m.Validators.Len() {
		if i != x.m.Self && (v%3 == 0 || (uint64(i)+uint64(v))%2 == 0 == twin) {
			out.Send = append(out.Send, consensus.Envelope{To: i, Message: m})
		}
	}
}

// twin makes a second block for a view: on the oldest parent that it can justify, else beside the
// first.
func (x *traitor) twin(p *chained.Proposal) *chained.Proposal {
	h, twin := *p.Block.Header(), *p
	tc := x.lowest(h.View - 1)
	if tc != nil && x.stand(&h, tc.Proof) {
		twin.Justify, twin.Opened = tc.Proof, tc
	} else if old := x.before(h.ParentView, int(h.View)%3); tc != nil && x.stand(&h, old) {
		twin.Justify, twin.Opened = old, tc
	} else if len(p.Block.Transactions()) > 0 {
		h.Time++
	} else {
		return nil
	}
	twin.Block = quoin.NewBlock(h, p.Block.Transactions())
	twin.Signature = x.m.Signer.Sign(chained.ProposeBytes(x.m.Origin.ID(), h.Epoch, h.View, twin.Block.ID()))
	return &twin
}

// lowest makes a TC of the timeouts that name the lowest views, and are just a quorum.
func (x *traitor) lowest(v quoin.View) *chained.TC {
	var senders []int
	for i := range x.m.Validators.Len() {
		if x.timeouts[v][i] != nil {
			senders = append(senders, i)
		}
	}
	slices.SortStableFunc(senders, func(a, b int) int { return cmp.Compare(x.timeouts[v][a].High, x.timeouts[v][b].High) })
	weight, high := uint64(0), quoin.View(0)
	for n, i := range senders {
		weight += x.m.Validators.At(i).Weight
		high = max(high, x.timeouts[v][i].High)
		if !x.m.Validators.IsQuorum(weight) {
			continue
		}
		tc := &chained.TC{View: v, Proof: x.proofs[high]}
		quorum := slices.Sorted(slices.Values(senders[:n+1]))
		for _, j := range quorum {
			tc.Signers = tc.Signers.With(j)
			tc.Signatures = append(tc.Signatures, x.timeouts[v][j].Signature)
			tc.Highs = append(tc.Highs, x.timeouts[v][j].High)
		}
		return tc
	}
	return nil
}

// before returns one of the highest proofs below a view.
func (x *traitor) before(v quoin.View, skip int) chained.Proof {
	views := slices.Sorted(maps.Keys(x.proofs))
	at, _ := slices.BinarySearch(views, v)
	if at <= skip {
		return nil
	}
	return x.proofs[views[at-1-skip]]
}

// stand puts a header on the block that a proof is of, if that is known and below its parent.
func (x *traitor) stand(h *quoin.Header, p chained.Proof) bool {
	qc, ok := p.(*chained.QC)
	if !ok || qc.View >= h.ParentView {
		return false
	}
	parent := x.headers[qc.Block]
	if parent == nil || parent.Epoch != h.Epoch {
		return false
	}
	h.Parent, h.ParentCheckpoint, h.ParentView, h.ParentVoters = qc.Block, qc.Checkpoint, qc.View, qc.Signers
	h.Height, h.Time = parent.Height+1, max(h.Time, parent.Time+1)
	return true
}

// TestTraitors runs the conformance suite with as many traitors as the set must bear.
func TestTraitors(t *testing.T) {
	for _, w := range worlds[:3] {
		t.Run(w.name, func(t *testing.T) {
			s := suite(chained.Rules{}, w.weights...)
			s.Traitor = newTraitor(chained.Rules{})
			s.Seeds = seedsOr(w.seeds)
			consensustest.Run(t, s)
		})
	}
}

// flawed is an honest machine whose inputs or demands are tampered with.
type flawed struct {
	*chained.Chained
	deaf      bool // to time-outs
	mute      bool // asks for nothing
	reticent  bool // what it relays and repeats of proofs and certificates is lost
	forgetful bool // of what it proposed
	uneasy    bool // wants blocks for ever
}

func (x *flawed) Step(now quoin.Time, in consensus.Input, out *consensus.Output) {
	if _, ok := in.(consensus.TimedOut); ok && x.deaf {
		return
	}
	if w, ok := in.(consensus.Wanted); ok && x.uneasy {
		w.Wanted = true
		in = w
	}
	x.Chained.Step(now, in, out)
	if x.mute {
		out.Fetch = nil
		out.Send = slices.DeleteFunc(out.Send, func(e consensus.Envelope) bool { return e.Message.Kind() == "ask" })
	}
	if x.reticent {
		out.Send = slices.DeleteFunc(out.Send, func(e consensus.Envelope) bool {
			return e.Message.Kind() == "qc" || e.Message.Kind() == "certificate"
		})
	}
	if x.forgetful {
		out.Persist = slices.DeleteFunc(out.Persist, func(r consensus.Record) bool { return r[0] == 'P' })
	}
}

// TestPlantedBugs shows that the suite sees each of the mistakes that Rules can plant, and some that
// break no promise but progress.
func TestPlantedBugs(t *testing.T) {
	for _, bug := range []struct {
		name    string
		rules   chained.Rules
		flaw    flawed
		traitor bool
		from    uint64 // where the search begins, to be quick: no seed before shows the bug
		want    string // the invariant that breaks
	}{
		{name: "unlocked", rules: chained.Rules{Unlocked: true}, flaw: flawed{reticent: true}, traitor: true, from: 60, want: "I1"},
		{name: "vote twice", rules: chained.Rules{VoteTwice: true}, traitor: true, want: "I8"},
		{name: "vote after time-out", rules: chained.Rules{VoteAfterTimeout: true}, want: "I8"},
		{name: "commit one chain", rules: chained.Rules{CommitOneChain: true}, traitor: true, want: "I1"},
		{name: "commit any child", rules: chained.Rules{CommitAnyChild: true}, traitor: true, from: 450, want: "I1"},
		{name: "quorum too small", rules: chained.Rules{QuorumTooSmall: true}, want: "I1"},
		{name: "forget votes", rules: chained.Rules{ForgetVotes: true}, from: 80, want: "I8"},
		{name: "send unpersisted", rules: chained.Rules{SendUnpersisted: true}, from: 105, want: "I8"},
		{name: "deaf to time-outs", flaw: flawed{deaf: true}, want: "I5"},
		{name: "asks for nothing", flaw: flawed{mute: true}, want: "I5"},
		{name: "forgets what it proposed", flaw: flawed{forgetful: true}, want: "I8"},
		{name: "never rests", flaw: flawed{uneasy: true}, want: "I5"},
	} {
		t.Run(bug.name, func(t *testing.T) {
			s := suite(bug.rules, worlds[0].weights...)
			if flaw := bug.flaw; flaw != (flawed{}) {
				s.New = func(m consensus.Member) consensus.Machine {
					x := flaw
					x.Chained = chained.New(chained.Config{Member: m, Rules: bug.rules})
					return &x
				}
			}
			if bug.traitor {
				s.Traitor = newTraitor(bug.rules)
			}
			const limit = 1000
			for seed := max(bug.from, 1); seed <= limit; seed++ {
				if r := s.Simulate(seed); strings.HasPrefix(r.Broken, bug.want) {
					t.Logf("caught by seed %d: %s", seed, r.Broken)
					return
				}
			}
			t.Fatalf("the seeds up to %d did not show the bug", limit)
		})
	}
}
