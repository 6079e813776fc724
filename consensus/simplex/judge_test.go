package simplex_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
)

// The rules that a voter judges a proposal by, one by one. Member 1 has b1 certified and b2 notarized
// on it, and is in view 3; the leader of view 3 is 2.
func TestProposalsThatAreNotVotedFor(t *testing.T) {
	for _, x := range []struct {
		name   string
		from   string
		view   string
		parent string
		tamper func(h *quoin.Header, p *simplex.Proposal)
		voted  bool
	}{
		{name: "as it should be", voted: true},
		{name: "not of the leader", from: "3"},
		{name: "height too large", tamper: func(h *quoin.Header, _ *simplex.Proposal) { h.Height++ }},
		{name: "height of the parent", tamper: func(h *quoin.Header, _ *simplex.Proposal) { h.Height-- }},
		{name: "time of the parent", tamper: func(h *quoin.Header, _ *simplex.Proposal) { h.Time-- }},
		{name: "time just within the drift", tamper: func(h *quoin.Header, _ *simplex.Proposal) { h.Time = scenarioStart + 2000 }, voted: true},
		{name: "time beyond the drift", tamper: func(h *quoin.Header, _ *simplex.Proposal) { h.Time = scenarioStart + 2001 }},
		{name: "another epoch", tamper: func(h *quoin.Header, _ *simplex.Proposal) { h.Epoch = 2 }},
		{name: "another result of the parent", tamper: func(h *quoin.Header, _ *simplex.Proposal) { h.ParentCheckpoint[0] ^= 1 }},
		{name: "another view of the parent", tamper: func(h *quoin.Header, _ *simplex.Proposal) { h.ParentView-- }},
		{name: "other voters", tamper: func(h *quoin.Header, _ *simplex.Proposal) { h.ParentVoters = quoin.Bitmap{15 &^ h.ParentVoters[0]} }},
		{name: "more voters than signed", tamper: func(h *quoin.Header, _ *simplex.Proposal) { h.ParentVoters = quoin.Bitmap{15} }},
		{name: "no proof of the parent", tamper: func(_ *quoin.Header, p *simplex.Proposal) { p.Parent = nil }},
		{name: "an invented parent", tamper: func(h *quoin.Header, _ *simplex.Proposal) { h.Parent[0] ^= 1 }},
		{name: "as the first of the epoch", tamper: func(h *quoin.Header, p *simplex.Proposal) { h.ParentView, h.ParentVoters, p.Parent = 0, nil, nil }},
		{name: "passing over a notarized view", parent: "b1"},
		{name: "on what is below the certificate", parent: "genesis"},
		{name: "a view too late", view: "4"},
		{name: "a view too early", view: "2"},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newScenario(t, "network 4", "tx 3", "deliver kind=propose,notarize,notarization,finalize view=1", "crash 2",
				"deliver kind=propose,notarize,notarization view=2", "drop")
			if s := w.members[1].machine.Status(); s.View != 3 || s.CertifiedView != 1 {
				t.Fatalf("member 1 is in view %d, certified view %d", s.View, s.CertifiedView)
			}
			or := func(s, usual string) string {
				if s == "" {
					return usual
				}
				return s
			}
			w.tamper = x.tamper
			w.play("byzantine "+or(x.from, "2")+" propose "+or(x.view, "3")+" "+or(x.parent, "b2")+" to=1 salt=77", "deliver to=1")
			if voted := strings.Contains(w.play("log 1"), "vote notarize 3"); voted != x.voted {
				t.Errorf("voted: %v, want %v", voted, x.voted)
			}
		})
	}
}

// What may stand on the last block of an epoch.
func TestBlocksAfterTheLast(t *testing.T) {
	for _, x := range []struct {
		name   string
		tamper func(h *quoin.Header)
		salt   string
		voted  bool
	}{
		{name: "an ordinary block", tamper: func(*quoin.Header) {}},
		{name: "an empty one of the next height", tamper: func(h *quoin.Header) { h.Count = 0 }, salt: "none"},
		{name: "a tail block", tamper: func(h *quoin.Header) { h.Height--; h.Time-- }, salt: "none", voted: true},
		{name: "a tail block with transactions", tamper: func(h *quoin.Header) { h.Height--; h.Time-- }},
		{name: "a tail block of another time", tamper: func(h *quoin.Header) { h.Height-- }, salt: "none"},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := newScenario(t, "network 4 epoch=1", "tx 3", "deliver kind=propose,notarize,notarization view=1", "drop")
			w.tamper = func(h *quoin.Header, _ *simplex.Proposal) { x.tamper(h) }
			salt := "77"
			if x.salt != "" {
				salt = "-1"
			}
			w.play("byzantine 1 propose 2 b1 to=2 salt="+salt, "deliver to=2")
			if voted := strings.Contains(w.play("log 2"), "vote notarize 2"); voted != x.voted {
				t.Errorf("voted: %v, want %v", voted, x.voted)
			}
		})
	}
}

// Votes for the next view that are here before it is entered count in the step that enters it, also
// if it is this replica's own vote that opens it.
func TestVotesAheadCountOnEntering(t *testing.T) {
	w := newScenario(t, "network 4", "hold 3", "tx 1", "deliver kind=propose", "deliver kind=notarize from=0,1 to=3", "drop")
	w.sent(3, 1, &simplex.Nullify{View: 2})
	w.sent(3, 2, &simplex.Nullify{View: 2})
	w.play("hold 3 off")
	if s := w.play("log 3"); !strings.Contains(s, "notarization 1 b1") || !strings.Contains(s, "vote nullify 2") {
		t.Errorf("view 2 is not given up in the step that enters it:\n%s", s)
	}
}

// What ended a view is persisted also when the view was left by something else: a vote in a later
// view may depend on it.
func TestLateNullificationIsPersisted(t *testing.T) {
	w := newScenario(t, "network 4", "tx 1", "deliver kind=propose,notarize,notarization", "drop")
	var out consensus.Output
	n := &simplex.Nullification{View: 1, Signers: quoin.Bitmap{7}, Signatures: make([]quoin.Signature, 3)}
	w.members[3].machine.Step(scenarioStart, consensus.Received{Verified: consensus.Verified{From: 1, Message: n}}, &out)
	if len(out.Persist) != 1 {
		t.Errorf("%d records, want one", len(out.Persist))
	}
}

// A machine that is recovered from a snapshot is the one that is recovered from the whole log.
func TestSnapshotSuffices(t *testing.T) {
	w := newScenario(t, "network 4", "tx 9", "deliver view=1", "deliver kind=propose view=2", "timeout 2 3", "drop kind=nullify",
		"deliver kind=notarize view=2", "deliver kind=notarization view=2", "drop", "timeout all")
	for _, m := range w.members {
		root := consensus.Root{Block: m.tip().checkpoint.Block, View: m.tip().checkpoint.View, Checkpoint: m.tip().checkpoint, Certificate: m.certs[m.tip().checkpoint.Height]}
		recovered := func(records []consensus.Record) []consensus.Record {
			x := simplex.New(simplex.Config{Member: consensus.Member{Origin: w.origin, Epoch: 1, Validators: w.validators, Parameters: w.parameters, Self: m.index,
				Signer: w.signers[m.index], Keys: w.keys, Leaders: m, Root: root}})
			for _, r := range records {
				if err := x.Recover(r); err != nil {
					t.Fatal(err)
				}
			}
			return x.Snapshot()
		}
		of := recovered(m.log)
		again := recovered(m.machine.Snapshot())
		if !slices.EqualFunc(of, again, func(a, b consensus.Record) bool { return bytes.Equal(a, b) }) {
			t.Errorf("member %d: %d records from the log, %d from the snapshot", m.index, len(of), len(again))
		}
		kinds := map[byte]int{}
		for _, r := range of {
			kinds[r[0]]++
		}
		if kinds['B'] == 0 || kinds['V'] < 3 || kinds['E'] < 2 {
			t.Errorf("member %d: the snapshot holds too little: %v", m.index, kinds)
		}
	}
}
