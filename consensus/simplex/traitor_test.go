package simplex_test

import (
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/consensustest"
	"quoin.dev/quoin/consensus/simplex"
)

// traitor is an honest machine with one method overridden: what it sends. As a leader it makes a
// twin of its block, beside it or on the grandparent, and shows different ones to different members;
// it votes for both, nullifies every view and finalizes all the same.
type traitor struct {
	*simplex.Simplex
	m       consensus.Member
	proofs  map[quoin.View]*simplex.Notarization
	twins   map[quoin.Hash]bool
	spoiled quoin.View
}

func newTraitor(m consensus.Member) consensus.Machine {
	rules := simplex.Rules{VoteTwice: true, FinalizeAfterNullify: true, ForgetVotesOnRecovery: true, AcceptStaleParent: true}
	return &traitor{Simplex: simplex.New(simplex.Config{Member: m, Rules: rules}), m: m, proofs: map[quoin.View]*simplex.Notarization{}, twins: map[quoin.Hash]bool{}}
}

func (x *traitor) Step(now quoin.Time, in consensus.Input, out *consensus.Output) {
	before := out.Send
	out.Send = nil
	x.Simplex.Step(now, in, out)
	sends := out.Send
	out.Send = before
	var twin *simplex.Proposal
	for _, e := range sends {
		switch m := e.Message.(type) {
		case *simplex.Proposal:
			if twin = x.twin(m); twin != nil {
				x.twins[twin.Block.ID()] = true
				x.show(m, false, out)
				x.show(twin, true, out)
				continue
			}
		case *simplex.Notarize:
			x.show(m, x.twins[m.Block], out)
			x.spoil(m.View, out)
			continue
		case *simplex.Finalize:
			if m.Checkpoint.View%2 == 0 {
				continue // so that the certificate is late when the next view forks
			}
		case *simplex.Notarization:
			x.proofs[m.View] = m
		}
		out.Send = append(out.Send, e)
	}
	if twin != nil {
		x.Step(now, consensus.Received{Verified: consensus.Verified{From: x.m.Self, Message: twin}}, out)
	}
}

// show sends a message to the members that are to believe in the twin, or in the original; in every
// third view to all of them.
func (x *traitor) show(m consensus.Message, twin bool, out *consensus.Output) {
	v := quoin.View(0)
	for _, c := range simplex.Protocol("", simplex.Rules{}).Claims(m)[:1] {
		v = c.View
	}
	for i := range x.m.Validators.Len() {
		if i != x.m.Self && (v%3 == 0 || (uint64(i)+uint64(v))%2 == 0 == twin) {
			out.Send = append(out.Send, consensus.Envelope{To: i, Message: m})
		}
	}
}

// spoil nullifies a view that the machine votes in.
func (x *traitor) spoil(v quoin.View, out *consensus.Output) {
	if v <= x.spoiled || v%2 == 0 {
		return
	}
	x.spoiled = v
	text := append([]byte("quoin/nullify/v1\n"), id(x.m.Origin)...)
	text = canonical.AppendUint64(canonical.AppendUint64(text, x.m.Epoch), v)
	out.Send = append(out.Send, consensus.Envelope{To: consensus.All, Message: &simplex.Nullify{View: v, Signature: x.m.Signer.Sign(text)}})
}

// twin makes a second block for a view: on the parent's parent if its proof is known, else beside
// the first.
func (x *traitor) twin(p *simplex.Proposal) *simplex.Proposal {
	h, proof := *p.Block.Header(), p.Parent
	parent, ok := x.Block(h.Parent)
	if ok && h.View%2 == 1 && parent.Header().Epoch == h.Epoch && x.proofs[parent.Header().ParentView] != nil {
		g := parent.Header()
		proof = x.proofs[g.ParentView]
		h.Parent, h.ParentCheckpoint, h.ParentView, h.ParentVoters = g.Parent, proof.Checkpoint, g.ParentView, proof.Signers
		h.Height, h.Time = g.Height, g.Time
	} else if len(p.Block.Transactions()) > 0 {
		h.Time++
	} else {
		return nil
	}
	block := quoin.NewBlock(h, p.Block.Transactions())
	text := append([]byte("quoin/propose/v1\n"), id(x.m.Origin)...)
	text = canonical.AppendUint64(canonical.AppendUint64(text, h.Epoch), h.View)
	b := block.ID()
	return &simplex.Proposal{Block: block, Parent: proof, Highest: p.Highest, Signature: x.m.Signer.Sign(append(text, b[:]...))}
}

func id(o quoin.Origin) []byte {
	d := o.ID()
	return d[:]
}

// TestTraitors runs the conformance suite with as many traitors as the set must bear.
func TestTraitors(t *testing.T) {
	for _, w := range worlds[:3] {
		t.Run(w.name, func(t *testing.T) {
			s := suite(simplex.Rules{}, w.weights...)
			s.Traitor = newTraitor
			s.Seeds = seedsOr(w.seeds)
			consensustest.Run(t, s)
		})
	}
}

// flawed is an honest machine whose inputs or demands are tampered with.
type flawed struct {
	*simplex.Simplex
	deaf   bool // to time-outs
	mute   bool // asks for nothing
	hasty  bool // sends before it persists: the records of its votes are lost
	uneasy bool // wants blocks for ever
}

func (x *flawed) Step(now quoin.Time, in consensus.Input, out *consensus.Output) {
	if _, ok := in.(consensus.TimedOut); ok && x.deaf {
		return
	}
	if w, ok := in.(consensus.Wanted); ok && x.uneasy {
		w.Wanted = true
		in = w
	}
	x.Simplex.Step(now, in, out)
	if x.mute {
		out.Fetch = nil
		out.Send = slices.DeleteFunc(out.Send, func(e consensus.Envelope) bool { return e.Message.Kind() == "need" })
	}
	if x.hasty {
		out.Persist = slices.DeleteFunc(out.Persist, func(r consensus.Record) bool { return r[0] == 'E' || r[0] == 'P' })
	}
}

// TestPlantedBugs shows that the suite sees each of the mistakes that Rules can plant, and some that
// break no promise but progress.
func TestPlantedBugs(t *testing.T) {
	for _, bug := range []struct {
		name    string
		rules   simplex.Rules
		flaw    flawed
		traitor bool
		want    string // the invariant that breaks
	}{
		{name: "vote twice", rules: simplex.Rules{VoteTwice: true}, traitor: true, want: "I8"},
		{name: "finalize after nullify", rules: simplex.Rules{FinalizeAfterNullify: true}, want: "I8"},
		{name: "quorum too small", rules: simplex.Rules{QuorumTooSmall: true}, want: "I1"},
		{name: "accept stale parent", rules: simplex.Rules{AcceptStaleParent: true}, traitor: true, want: "I1"},
		{name: "forget votes on recovery", rules: simplex.Rules{ForgetVotesOnRecovery: true}, want: "I8"},
		{name: "send before persist", rules: simplex.Rules{SendBeforePersist: true}, want: "I8"},
		{name: "deaf to time-outs", flaw: flawed{deaf: true}, want: "I5"},
		{name: "asks for nothing", flaw: flawed{mute: true}, want: "I5"},
		{name: "forgets what it proposed", flaw: flawed{hasty: true}, want: "I8"},
		{name: "never rests", flaw: flawed{uneasy: true}, want: "I5"},
	} {
		t.Run(bug.name, func(t *testing.T) {
			s := suite(bug.rules, worlds[0].weights...)
			if flaw := bug.flaw; flaw != (flawed{}) {
				s.New = func(m consensus.Member) consensus.Machine {
					x := flaw
					x.Simplex = simplex.New(simplex.Config{Member: m})
					return &x
				}
			}
			if bug.traitor {
				s.Traitor = newTraitor
			}
			const limit = 1000
			for seed := uint64(1); seed <= limit; seed++ {
				if r := s.Simulate(seed); strings.HasPrefix(r.Broken, bug.want) {
					t.Logf("caught by seed %d: %s", seed, r.Broken)
					return
				}
			}
			t.Fatalf("%d seeds did not show the bug", limit)
		})
	}
}
