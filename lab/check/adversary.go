package check

import (
	"strconv"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/model"
)

// Adversary says of a protocol what its faulty members can say, and what its messages are. It keeps
// no state: what the faulty can say depends on nothing but what has been said.
//
// Aggregates are not taken from those who send them: everybody may make one as soon as its votes have
// been sent, and hand it to anybody. So Make must return every aggregate that the known votes give.
type Adversary interface {
	// Sort says what a message is.
	Sort(consensus.Message) Sort

	// Block returns the block that a message brings, nil if it brings none.
	Block(consensus.Message) *quoin.Block

	// Certifies returns the block that an aggregate makes final, if it is one that does.
	Certifies(consensus.Message) (quoin.Hash, bool)

	// Make returns what the faulty can say, and the aggregates that anybody can make, when the
	// messages in known have been sent. It is called again until it returns nothing new. If real,
	// an aggregate has the signatures of those who voted; else those of all members, which changes
	// nothing for whoever gets it, and makes one aggregate out of several.
	Make(s *Setting, known []Said, real bool) []Said

	// Resign returns the same vote by another member.
	Resign(s *Setting, m consensus.Message, as int) consensus.Message

	// Describe writes a message in a few words, blocks by their names.
	Describe(s *Setting, m consensus.Message) string
}

// Against returns the adversary of a protocol, or of a variant of it, by its name.
func Against(protocol string) (Adversary, bool) {
	name, _, _ := strings.Cut(protocol, "-")
	switch name {
	case "simplex":
		return Simplex{}, true
	case "chained":
		return Chained{}, true
	}
	return nil, false
}

// Sort is what a message is to the checker.
type Sort uint8

// The sorts.
const (
	Question  Sort = iota // asks for what was sent before, and commits to nothing: it is dropped
	Vote                  // counts together with others of its kind and view
	Proposal              // brings a block
	Aggregate             // a quorum of votes
)

// Said is a message with its sender: its signer for votes and proposals, any faulty member for
// aggregates.
type Said struct {
	From    int
	Message consensus.Message
}

// Setting is what a check holds fixed, and the blocks that it has met.
type Setting struct {
	Origin     quoin.Origin
	Validators quoin.ValidatorSet
	Faulty     []int
	Leaders    []int // by view, the first at 1
	Blocks     int   // blocks that a faulty leader can make on one parent

	leader   Leader
	led      []Lead
	fleet    *fleet // nil: the model application alone
	root     *model.Outcome
	outcomes map[quoin.Hash]*model.Outcome
	names    map[quoin.Hash]string
	first    map[string]*model.Outcome // the first block of each name
	same     map[quoin.Hash]quoin.Hash // of other blocks and their results, those of the first of the name
}

// Views returns the last view of the bounds.
func (s *Setting) Views() quoin.View { return quoin.View(len(s.Leaders) - 1) }

// Leads reports whether a member leads a view, within the bounds, on a parent.
func (s *Setting) Leads(member int, v quoin.View, parent quoin.Hash) bool {
	i, ok := s.Leader(v, parent)
	return ok && i == member
}

// Root returns the block that everything stands on.
func (s *Setting) Root() *model.Outcome { return s.root }

// Meet takes a block into account, and returns what executing it gives; nil if its parent was not met
// or it is invalid.
func (s *Setting) Meet(b *quoin.Block) *model.Outcome {
	if o := s.outcomes[b.ID()]; o != nil {
		return o
	}
	parent := s.outcomes[b.Header().Parent]
	if parent == nil {
		return nil
	}
	o := model.Execute(s.Origin, parent, b, endless)
	if o == nil {
		return nil
	}
	if s.fleet != nil && s.fleet.refer(o) == nil {
		return nil
	}
	name := s.nameOf(b)
	s.outcomes[b.ID()], s.names[b.ID()] = o, name
	if first := s.first[name]; first != nil {
		s.same[b.ID()], s.same[o.Checkpoint.Digest()] = first.Checkpoint.Block, first.Checkpoint.Digest()
	} else {
		s.first[name] = o
	}
	return o
}

// alike returns the block of the same name, or its result's digest, that was met first.
func (s *Setting) alike(h quoin.Hash) quoin.Hash {
	if first, ok := s.same[h]; ok {
		return first
	}
	return h
}

// endless is more heights than any epoch here has.
const endless = 1 << 62

// Outcome returns the result of a block that was met.
func (s *Setting) Outcome(block quoin.Hash) *model.Outcome { return s.outcomes[block] }

// Name returns the name of a block: its view, a letter for each block that its leader makes on the
// parent, and the parent's name: "2a<1b". It leaves out whose votes stand in the header.
func (s *Setting) Name(block quoin.Hash) string {
	if name, ok := s.names[block]; ok {
		return name
	}
	return "nothing"
}

func (s *Setting) nameOf(b *quoin.Block) string {
	h, letter := b.Header(), "empty"
	if t := b.Transactions(); len(t) > 0 {
		letter = string(rune('a' + t[0].Salt%lettersMax))
	}
	name := strconv.FormatUint(uint64(h.View), 10) + letter
	if h.Parent != s.root.Checkpoint.Block {
		name += "<" + s.Name(h.Parent)
	}
	return name
}

// lettersMax is how many blocks one leader can make on one parent.
const lettersMax = 16

// Content returns the transactions of the block of a view with this letter, from 0.
func (s *Setting) Content(v quoin.View, letter int) []quoin.Transaction {
	if s.fleet != nil {
		return s.fleet.machine.transactions(v, letter)
	}
	return []quoin.Transaction{model.Transaction(uint64(v)*lettersMax + uint64(letter))}
}

// Chain returns the blocks from the first above the height to this one, oldest first; nil if it was
// not met.
func (s *Setting) Chain(block quoin.Hash, above quoin.Height) []*quoin.Block {
	o := s.outcomes[block]
	if o == nil || o.Block == nil || o.Checkpoint.Height <= above {
		return nil
	}
	return append(s.Chain(o.Block.Header().Parent, above), o.Block)
}

// everyone returns the bitmap of all members.
func (s *Setting) everyone() quoin.Bitmap {
	var all quoin.Bitmap
	for i := range s.Validators.Len() {
		all = all.With(i)
	}
	return all
}

// Signatures returns an aggregate's signers and signatures over a text: of those who voted if real, of
// all members if not.
func (s *Setting) Signatures(text []byte, voted quoin.Bitmap, real bool) (quoin.Bitmap, []quoin.Signature) {
	if !real {
		voted = s.everyone()
	}
	var signatures []quoin.Signature
	for i := range voted.All() {
		signatures = append(signatures, model.Signer{Index: i}.Sign(text))
	}
	return voted, signatures
}
