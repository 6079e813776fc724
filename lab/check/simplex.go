package check

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/model"
	"quoin.dev/quoin/consensus/simplex"
)

// Simplex is the adversary of consensus/simplex. The faulty can send to anybody, at any time:
//
//   - propose: in each view that they lead, Setting.Blocks blocks on every parent that is notarized
//     (or the root), with its notarization;
//   - notarize: a vote for every block that was proposed and what it results in, and in every view one
//     for a block that does not exist, which stands for all votes that nobody honest shares;
//   - nullify: every view;
//   - finalize: every result;
//   - notarization, nullification, certificate: as soon as votes of a quorum were sent.
//
// Left out: malformed messages, wrong signatures and blocks that are invalid by themselves, which
// honest members refuse whatever their state; proposals with a certificate for a proof or beside it,
// as the certificate can be sent for itself, and a certified parent is notarized; need, whose answers
// are aggregates.
type Simplex struct{}

var _ Adversary = Simplex{}

// Sort says what a message is.
func (Simplex) Sort(m consensus.Message) Sort {
	switch m.(type) {
	case *simplex.Notarize, *simplex.Nullify, *simplex.Finalize:
		return Vote
	case *simplex.Proposal:
		return Proposal
	case *simplex.Notarization, *simplex.Nullification, *simplex.Certificate:
		return Aggregate
	}
	return Question
}

// Block returns the block of a proposal.
func (Simplex) Block(m consensus.Message) *quoin.Block {
	if p, ok := m.(*simplex.Proposal); ok {
		return p.Block
	}
	return nil
}

// Certifies returns the block of a certificate.
func (Simplex) Certifies(m consensus.Message) (quoin.Hash, bool) {
	if c, ok := m.(*simplex.Certificate); ok {
		return c.Checkpoint.Block, true
	}
	return quoin.Hash{}, false
}

// result is a block with what it gives.
type result struct {
	view              quoin.View
	block, checkpoint quoin.Hash
}

// tally counts who voted for what.
type tally[T comparable] []ballot[T]

type ballot[T comparable] struct {
	content T
	voted   quoin.Bitmap
}

func (p *tally[T]) add(content T, from int) {
	i := slices.IndexFunc(*p, func(x ballot[T]) bool { return x.content == content })
	if i < 0 {
		i = len(*p)
		*p = append(*p, ballot[T]{content: content})
	}
	(*p)[i].voted = (*p)[i].voted.With(from)
}

// Make returns what can be said. See Adversary.
func (Simplex) Make(s *Setting, known []Said, real bool) []Said {
	var notarizes tally[result]
	var nullifies tally[quoin.View]
	var finalizes tally[quoin.Checkpoint]
	var proposed []result
	for _, k := range known {
		switch x := k.Message.(type) {
		case *simplex.Notarize:
			notarizes.add(result{x.View, x.Block, x.Checkpoint}, k.From)
		case *simplex.Nullify:
			nullifies.add(x.View, k.From)
		case *simplex.Finalize:
			finalizes.add(x.Checkpoint, k.From)
		case *simplex.Proposal:
			if o := s.Meet(x.Block); o != nil {
				proposed = append(proposed, result{o.Checkpoint.View, o.Checkpoint.Block, o.Checkpoint.Digest()})
			}
		}
	}
	said := simplexVotes(s, proposed)
	domain := s.Origin.ID()
	for _, p := range nullifies {
		if s.Validators.IsQuorum(s.Validators.Weight(p.voted)) {
			x := &simplex.Nullification{View: p.content}
			x.Signers, x.Signatures = s.Signatures(simplex.NullifyBytes(domain, epoch, x.View), p.voted, real)
			said = append(said, Said{s.Faulty[0], x})
		}
	}
	said = append(said, simplexProposals(s, nil)...)
	for _, p := range notarizes {
		if s.Validators.IsQuorum(s.Validators.Weight(p.voted)) {
			x := &simplex.Notarization{View: p.content.view, Block: p.content.block, Checkpoint: p.content.checkpoint}
			x.Signers, x.Signatures = s.Signatures(simplex.NotarizeBytes(domain, epoch, x.View, x.Block, x.Checkpoint), p.voted, real)
			said = append(append(said, Said{s.Faulty[0], x}), simplexProposals(s, x)...)
		}
	}
	for _, p := range finalizes {
		if s.Validators.IsQuorum(s.Validators.Weight(p.voted)) {
			x := &simplex.Certificate{Certificate: quoin.Certificate{Checkpoint: p.content}}
			x.Signers, x.Signatures = s.Signatures(p.content.CosignedBytes(), p.voted, real)
			said = append(said, Said{s.Faulty[0], x})
		}
	}
	return said
}

// simplexVotes returns the votes that the faulty can send.
func simplexVotes(s *Setting, proposed []result) []Said {
	var said []Said
	for _, i := range s.Faulty {
		for v := quoin.View(1); v <= s.Views(); v++ {
			said = append(said, Said{i, Simplex{}.Resign(s, &simplex.Nullify{View: v}, i)}, Said{i, Simplex{}.Resign(s, &simplex.Notarize{View: v}, i)})
		}
		for _, x := range proposed {
			said = append(said, Said{i, Simplex{}.Resign(s, &simplex.Notarize{View: x.view, Block: x.block, Checkpoint: x.checkpoint}, i)},
				Said{i, Simplex{}.Resign(s, &simplex.Finalize{Checkpoint: s.Outcome(x.block).Checkpoint}, i)})
		}
	}
	return said
}

// simplexProposals returns the blocks that faulty leaders can propose on a notarized parent, nil for the
// root.
func simplexProposals(s *Setting, parent *simplex.Notarization) []Said {
	p := s.Root()
	var voters quoin.Bitmap
	if parent != nil {
		p, voters = s.Outcome(parent.Block), parent.Signers
	}
	if p == nil {
		return nil
	}
	var said []Said
	for _, i := range s.Faulty {
		for v := p.Checkpoint.View + 1; v <= s.Views(); v++ {
			for letter := 0; letter < s.Blocks && s.Leads(i, v, p.Checkpoint.Block); letter++ {
				c := &p.Checkpoint
				block := quoin.NewBlock(quoin.Header{Epoch: epoch, View: v, Height: c.Height + 1, Parent: c.Block, ParentCheckpoint: c.Digest(),
					ParentView: c.View, ParentVoters: voters, Time: max(now, c.Time+1), Proposer: uint16(i)}, s.Content(v, letter))
				said = append(said, Said{i, &simplex.Proposal{Block: block, Parent: parent,
					Signature: model.Signer{Index: i}.Sign(simplex.ProposeBytes(s.Origin.ID(), epoch, v, block.ID()))}})
			}
		}
	}
	return said
}

// Resign returns the same vote by another member.
func (Simplex) Resign(s *Setting, m consensus.Message, as int) consensus.Message {
	signer, domain := model.Signer{Index: as}, s.Origin.ID()
	switch x := m.(type) {
	case *simplex.Notarize:
		return &simplex.Notarize{View: x.View, Block: x.Block, Checkpoint: x.Checkpoint,
			Signature: signer.Sign(simplex.NotarizeBytes(domain, epoch, x.View, x.Block, x.Checkpoint))}
	case *simplex.Nullify:
		return &simplex.Nullify{View: x.View, Signature: signer.Sign(simplex.NullifyBytes(domain, epoch, x.View))}
	case *simplex.Finalize:
		return &simplex.Finalize{Checkpoint: x.Checkpoint, Signature: signer.Sign(x.Checkpoint.CosignedBytes())}
	}
	panic("check: " + m.Kind() + " is no vote of Simplex")
}

// Describe writes a message in a few words.
func (Simplex) Describe(s *Setting, m consensus.Message) string {
	switch x := m.(type) {
	case *simplex.Proposal:
		s.Meet(x.Block)
		return "propose " + s.Name(x.Block.ID())
	case *simplex.Notarize:
		if x.Block.IsZero() {
			return fmt.Sprintf("notarize nothing in %d", x.View)
		}
		return "notarize " + s.Name(x.Block)
	case *simplex.Nullify:
		return fmt.Sprintf("nullify %d", x.View)
	case *simplex.Finalize:
		return "finalize " + s.Name(x.Checkpoint.Block)
	case *simplex.Notarization:
		return "notarization " + s.Name(x.Block)
	case *simplex.Nullification:
		return fmt.Sprintf("nullification %d", x.View)
	case *simplex.Certificate:
		return "certificate " + s.Name(x.Checkpoint.Block)
	}
	return m.Kind()
}
