package check

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/chained"
	"quoin.dev/quoin/consensus/model"
)

// Chained is the adversary of consensus/chained. The faulty can send to anybody, at any time:
//
//   - propose: in each view that they lead, Setting.Blocks blocks on every parent that has a QC (or the
//     root), with each TC of the view before, for each highest view that it may name;
//   - vote: for every block that was proposed and what it results in, with the cosignature of its parent
//     if it is of the view before;
//   - timeout: for every view, naming view 0 or any lower view that has a QC;
//   - qc, tc, certificate: as soon as what a quorum sent allows it; a TC for each view that is the highest
//     named by some quorum, all of whose other members named lower ones.
//
// Left out: what Simplex leaves out; votes without their cosignature, or for blocks that do not exist,
// which are as good as none; ask, whose answers are aggregates.
type Chained struct{}

var _ Adversary = Chained{}

// Sort says what a message is.
func (Chained) Sort(m consensus.Message) Sort {
	switch m.(type) {
	case *chained.Vote, *chained.Timeout:
		return Vote
	case *chained.Proposal:
		return Proposal
	case *chained.QC, *chained.TC, *chained.Certificate:
		return Aggregate
	}
	return Question
}

// Block returns the block of a proposal.
func (Chained) Block(m consensus.Message) *quoin.Block {
	if p, ok := m.(*chained.Proposal); ok {
		return p.Block
	}
	return nil
}

// Certifies returns the block of a certificate.
func (Chained) Certifies(m consensus.Message) (quoin.Hash, bool) {
	if c, ok := m.(*chained.Certificate); ok {
		return c.Checkpoint.Block, true
	}
	return quoin.Hash{}, false
}

// giving is a timeout's content.
type giving struct{ view, high quoin.View }

// Make returns what can be said. See Adversary.
func (a Chained) Make(s *Setting, known []Said, real bool) []Said {
	var votes tally[result]
	var cosigned tally[quoin.Checkpoint]
	var timeouts tally[giving]
	var said []Said
	for _, k := range known {
		switch x := k.Message.(type) {
		case *chained.Vote:
			votes.add(result{x.View, x.Block, x.Checkpoint}, k.From)
			if x.Parent != nil {
				cosigned.add(*x.Parent, k.From)
			}
		case *chained.Timeout:
			timeouts.add(giving{x.View, x.High}, k.From)
		case *chained.Proposal:
			if o := s.Meet(x.Block); o != nil {
				said = append(said, a.votes(s, o)...)
			}
		}
	}
	domain := s.Origin.ID()
	proofs := []*chained.QC{nil}
	for _, b := range votes {
		if s.Validators.IsQuorum(s.Validators.Weight(b.voted)) {
			x := &chained.QC{View: b.content.view, Block: b.content.block, Checkpoint: b.content.checkpoint}
			x.Signers, x.Signatures = s.Signatures(chained.VoteBytes(domain, epoch, x.View, x.Block, x.Checkpoint), b.voted, real)
			proofs = append(proofs, x)
			said = append(said, Said{s.Faulty[0], x})
		}
	}
	for _, b := range cosigned {
		if s.Validators.IsQuorum(s.Validators.Weight(b.voted)) {
			x := &chained.Certificate{Certificate: quoin.Certificate{Checkpoint: b.content}}
			x.Signers, x.Signatures = s.Signatures(b.content.CosignedBytes(), b.voted, real)
			said = append(said, Said{s.Faulty[0], x})
		}
	}
	opened := []*chained.TC{nil}
	for v := quoin.View(1); v <= s.Views(); v++ {
		for _, proof := range proofs {
			if proof == nil || proof.View < v {
				said = append(said, a.timeouts(s, v, proof)...)
			}
			if tc := a.tc(s, v, proof, timeouts, real); tc != nil {
				opened = append(opened, tc)
				said = append(said, Said{s.Faulty[0], tc})
			}
		}
	}
	for _, parent := range proofs {
		for _, tc := range opened {
			said = append(said, a.proposals(s, parent, tc)...)
		}
	}
	return said
}

// votes returns the votes for a block that the faulty can send.
func (a Chained) votes(s *Setting, o *model.Outcome) []Said {
	x := &chained.Vote{View: o.Checkpoint.View, Block: o.Checkpoint.Block, Checkpoint: o.Checkpoint.Digest()}
	if p := &o.Parent.Checkpoint; p.View > 0 && p.View+1 == x.View {
		x.Parent = p
	}
	var said []Said
	for _, i := range s.Faulty {
		said = append(said, Said{i, a.Resign(s, x, i)})
	}
	return said
}

// timeouts returns the faulty's timeouts of a view that name the view of a proof, nil for none.
func (a Chained) timeouts(s *Setting, v quoin.View, proof *chained.QC) []Said {
	x := &chained.Timeout{View: v}
	if proof != nil {
		x.High, x.Proof = proof.View, proof
	}
	var said []Said
	for _, i := range s.Faulty {
		said = append(said, Said{i, a.Resign(s, x, i)})
	}
	return said
}

// tc returns a TC of a view whose highest named view is that of a proof, nil if there is none.
func (Chained) tc(s *Setting, v quoin.View, proof *chained.QC, timeouts tally[giving], real bool) *chained.TC {
	x, high := &chained.TC{View: v}, quoin.View(0)
	if proof != nil {
		high, x.Proof = proof.View, proof
	}
	named := map[int]quoin.View{} // by member: the highest that is not above high
	reached := false
	for _, b := range timeouts {
		if b.content.view != v || b.content.high > high {
			continue
		}
		for i := range b.voted.All() {
			named[i] = max(named[i], b.content.high)
			reached = reached || b.content.high == high
		}
	}
	var voted quoin.Bitmap
	for i := range s.Validators.Len() {
		if _, ok := named[i]; ok {
			voted = voted.With(i)
		}
	}
	if !reached || !s.Validators.IsQuorum(s.Validators.Weight(voted)) {
		return nil
	}
	for i := range s.Validators.Len() {
		h, ok := named[i]
		if !real {
			h, ok = high, true
		}
		if ok {
			x.Signers = x.Signers.With(i)
			x.Highs = append(x.Highs, h)
			x.Signatures = append(x.Signatures, model.Signer{Index: i}.Sign(chained.TimeoutBytes(s.Origin.ID(), epoch, v, h)))
		}
	}
	return x
}

// proposals returns the blocks that faulty leaders can propose on a parent, nil for the root, in the
// view after it, or in that after a TC.
func (Chained) proposals(s *Setting, parent *chained.QC, opened *chained.TC) []Said {
	p := s.Root()
	x := chained.Proposal{Opened: opened}
	var voters quoin.Bitmap
	if parent != nil {
		p, voters, x.Justify = s.Outcome(parent.Block), parent.Signers, parent
	}
	if p == nil {
		return nil
	}
	c := &p.Checkpoint
	v := c.View + 1
	if opened != nil {
		if v = opened.View + 1; v <= c.View+1 {
			return nil
		}
	}
	var said []Said
	for _, i := range s.Faulty {
		for letter := 0; letter < s.Blocks && s.Leads(i, v, p.Checkpoint.Block); letter++ {
			x.Block = quoin.NewBlock(quoin.Header{Epoch: epoch, View: v, Height: c.Height + 1, Parent: c.Block, ParentCheckpoint: c.Digest(),
				ParentView: c.View, ParentVoters: voters, Time: max(now, c.Time+1), Proposer: uint16(i)}, s.Content(v, letter))
			x.Signature = model.Signer{Index: i}.Sign(chained.ProposeBytes(s.Origin.ID(), epoch, v, x.Block.ID()))
			said = append(said, Said{i, &chained.Proposal{Block: x.Block, Justify: x.Justify, Opened: x.Opened, Signature: x.Signature}})
		}
	}
	return said
}

// Resign returns the same vote by another member.
func (Chained) Resign(s *Setting, m consensus.Message, as int) consensus.Message {
	signer, domain := model.Signer{Index: as}, s.Origin.ID()
	switch x := m.(type) {
	case *chained.Vote:
		y := *x
		y.Signature = signer.Sign(chained.VoteBytes(domain, epoch, x.View, x.Block, x.Checkpoint))
		if x.Parent != nil {
			y.Cosignature = signer.Sign(x.Parent.CosignedBytes())
		}
		return &y
	case *chained.Timeout:
		y := *x
		y.Signature = signer.Sign(chained.TimeoutBytes(domain, epoch, x.View, x.High))
		return &y
	}
	panic("check: " + m.Kind() + " is no vote of chained")
}

// Describe writes a message in a few words.
func (Chained) Describe(s *Setting, m consensus.Message) string {
	switch x := m.(type) {
	case *chained.Proposal:
		s.Meet(x.Block)
		if x.Opened != nil {
			return fmt.Sprintf("propose %s after %s", s.Name(x.Block.ID()), Chained{}.Describe(s, x.Opened))
		}
		return "propose " + s.Name(x.Block.ID())
	case *chained.Vote:
		if x.Parent == nil {
			return "vote " + s.Name(x.Block)
		}
		return fmt.Sprintf("vote %s, cosign %s", s.Name(x.Block), s.Name(x.Parent.Block))
	case *chained.Timeout:
		return fmt.Sprintf("timeout %d, knows %d", x.View, x.High)
	case *chained.QC:
		return "qc " + s.Name(x.Block)
	case *chained.TC:
		high := quoin.View(0)
		for _, h := range x.Highs {
			high = max(high, h)
		}
		return fmt.Sprintf("tc %d, knows %d", x.View, high)
	case *chained.Certificate:
		return "certificate " + s.Name(x.Checkpoint.Block)
	}
	return m.Kind()
}
