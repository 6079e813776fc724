package simplex

import (
	"maps"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// Limits of a machine.
const (
	lookahead         = 8       // views ahead of the current one whose proposals are kept
	voteWindow        = 1 << 12 // views ahead whose votes are kept
	candidatesMax     = 2       // proposals kept of one proposer and view
	leaderCallsMax    = 4       // leader calls for one peer's proposals in one view
	answerEvery       = 3       // messages about one view that get one answer
	repeatedFinalizes = 8       // finalize votes of earlier views repeated at a time-out
)

// Keys verifies votes of the epoch's validators, by index.
type Keys interface {
	Verify(i int, message []byte, signature quoin.Signature) bool
}

// Signer signs this replica's votes.
type Signer interface {
	Sign(message []byte) quoin.Signature
}

// Config is what a machine is made of. All of it is fixed for the epoch.
type Config struct {
	Origin     quoin.Origin
	Epoch      quoin.Epoch
	Validators quoin.ValidatorSet
	Parameters quoin.Parameters
	Self       int // index of this replica; -1 observes: it follows and never votes
	Signer     Signer
	Keys       Keys
	Leaders    consensus.Leaders
	Root       Root
	Rules      Rules
}

// Root is the last certified block: for the first view of an epoch the last block of the epoch
// before (as view 0) or the genesis.
type Root struct {
	Block       quoin.Hash
	View        quoin.View // 0 at the start of the epoch
	Checkpoint  quoin.Checkpoint
	Certificate *quoin.Certificate // of this epoch, nil if View is 0
}

// Rules are switched off only by tests, one at a time, to show that the invariants' observers see
// what follows. The zero value is the protocol.
type Rules struct {
	VoteTwice             bool // Notarize again for another block of the view
	FinalizeAfterNullify  bool
	QuorumTooSmall        bool // one validator's weight less
	AcceptStaleParent     bool // parents below the highest certificate, and gaps without nullification
	ForgetVotesOnRecovery bool
	SendBeforePersist     bool // leave the vote out of the records
}

// Simplex is the machine of one epoch. See the package documentation.
type Simplex struct {
	c      Config
	domain domain

	view      quoin.View
	enteredBy consensus.Message // what ended the view before; nil in the first
	root      *link             // the last certified block whose execution is done
	cert      *quoin.Certificate
	step      *quoin.Certificate // a lower certificate, on the way to cert, that a peer sent

	links  map[quoin.Hash]*link
	order  []*link // in order of arrival
	rounds map[quoin.View]*round

	wanted   bool
	started  bool
	ended    bool
	halted   bool // a certificate contradicts certified blocks: more than f are faulty
	stirred  quoin.View
	timer    uint64
	armed    bool
	building bool
	nothing  bool // a Build of this view found nothing to propose
	ticks    uint64
	asked    answer // the last Need that was sent
	answered []answer
	fetching map[quoin.Hash]uint64 // by what tick a block was asked for
	leaders  map[leaderKey]int
}

// link is a block on its way to being certified.
type link struct {
	block      *quoin.Block // nil for the first root
	id         quoin.Hash
	view       quoin.View
	height     quoin.Height
	time       quoin.Time
	parent     *link // nil until known
	stage      stage
	needed     bool // its result matters: notarized, proposed in the current view, or an ancestor
	abstained  bool
	diverged   bool
	withheld   bool // not to be voted for
	persisted  bool
	checkpoint quoin.Checkpoint
	digest     quoin.Hash
	last       bool // of the epoch, or a tail block
}

type stage uint8

const (
	waiting stage = iota
	executing
	valid
	invalid
)

// round is what is known of one view above the highest certified one.
type round struct {
	candidates    []candidate
	leaderCalls   map[int]int
	proposal      *link // the first valid proposal
	own           *Proposal
	notarizes     []*Notarize
	nullifies     []*Nullify
	finalizes     []*Finalize
	notarization  *Notarization
	nullification *Nullification
	proposed      bool
	voted         *Notarize
	nullified     *Nullify
	finalized     *Finalize
	hopeless      bool
}

type candidate struct {
	from     int
	proposal *Proposal
}

// answer remembers what was last sent for a view, so that it is not sent at every occasion.
type answer struct {
	view    quoin.View
	tick    uint64
	skipped int
}

type leaderKey struct {
	view   quoin.View
	parent quoin.Hash
}

var _ consensus.Machine = (*Simplex)(nil)

// New returns a machine at its root, in view Root.View + 1. Recover may follow, then a Started
// input.
func New(c Config) *Simplex {
	r := &link{id: c.Root.Block, view: c.Root.View, height: c.Root.Checkpoint.Height, time: c.Root.Checkpoint.Time,
		stage: valid, persisted: true, checkpoint: c.Root.Checkpoint, digest: c.Root.Checkpoint.Digest()}
	return &Simplex{
		c:        c,
		domain:   domain{c.Origin.ID(), c.Epoch},
		view:     c.Root.View + 1,
		root:     r,
		cert:     c.Root.Certificate,
		links:    map[quoin.Hash]*link{r.id: r},
		rounds:   map[quoin.View]*round{},
		answered: make([]answer, c.Validators.Len()),
		fetching: map[quoin.Hash]uint64{},
		leaders:  map[leaderKey]int{},
	}
}

// Step takes one input. See consensus.Machine.
func (m *Simplex) Step(now quoin.Time, in consensus.Input, out *consensus.Output) {
	if m.halted {
		return
	}
	switch in := in.(type) {
	case consensus.Started:
		m.start(out)
	case consensus.Received:
		m.receive(in.From, in.Message, out)
	case consensus.TimedOut:
		if m.armed && in.Timer == m.timer {
			m.timedOut(out)
		}
	case consensus.Executed:
		m.executed(in, out)
	case consensus.Built:
		m.built(now, in, out)
	case consensus.Wanted:
		m.wanted, m.nothing = in.Wanted, false
	case consensus.Fetched:
		m.fetched(in, out)
	case consensus.Retry:
		for _, l := range m.order {
			l.abstained = false
		}
	}
	m.advance(now, out)
}

// advance does what the state now allows, until nothing more is possible.
func (m *Simplex) advance(now quoin.Time, out *consensus.Output) {
	if !m.started || m.ended || m.halted {
		return
	}
	m.giveUp(out)
	m.consider(now, out)
	m.settle(out)
	m.pump(out)
	m.propose(now, out)
	m.arm(out)
}

// certified returns the highest view known to be certified.
func (m *Simplex) certified() quoin.View {
	if m.cert != nil {
		return m.cert.Checkpoint.View
	}
	return m.root.view
}

func (m *Simplex) round(v quoin.View) *round {
	r := m.rounds[v]
	if r == nil {
		n := m.c.Validators.Len()
		r = &round{notarizes: make([]*Notarize, n), nullifies: make([]*Nullify, n), finalizes: make([]*Finalize, n)}
		m.rounds[v] = r
	}
	return r
}

func (m *Simplex) quorum(weight uint64) bool {
	if m.c.Rules.QuorumTooSmall {
		weight += m.c.Validators.At(0).Weight
	}
	return m.c.Validators.IsQuorum(weight)
}

func (m *Simplex) votes() bool { return m.c.Self >= 0 }

// enter moves to view v, which by proves to be open.
func (m *Simplex) enter(v quoin.View, by consensus.Message, out *consensus.Output) {
	if v <= m.view {
		return
	}
	m.view, m.enteredBy = v, by
	m.armed, m.building, m.nothing = false, false, false
	out.Persist = append(out.Persist, record(recordEntered, by))
	m.report(out, consensus.EnteredView, v, quoin.Hash{})
}

// settle commits the highest certificate whose block was executed with the certified result.
func (m *Simplex) settle(out *consensus.Output) {
	for _, c := range []*quoin.Certificate{m.step, m.cert} {
		if c == nil || c.Checkpoint.View <= m.root.view {
			continue
		}
		if l := m.links[c.Checkpoint.Block]; l != nil && l.stage == valid {
			if l.digest == c.Checkpoint.Digest() {
				m.commit(l, c, out)
			} else {
				m.diverge(l, out)
			}
		}
		if m.ended || m.halted {
			return
		}
	}
}

func (m *Simplex) commit(l *link, c *quoin.Certificate, out *consensus.Output) {
	var blocks []*quoin.Block
	at := l
	for ; at != nil && at != m.root; at = at.parent {
		blocks = append(blocks, at.block)
	}
	if at == nil {
		// Only more than f faulty validators can bring this about. Nothing more may be certified.
		m.halted = true
		m.report(out, consensus.Conflict, l.view, l.id)
		return
	}
	slices.Reverse(blocks)
	m.root, l.parent = l, nil
	m.ended = l.last
	out.Certified = append(out.Certified, consensus.Certified{Blocks: blocks, Certificate: *c, Ended: m.ended})
	m.forget()
}

// forget drops what the root makes obsolete: everything that does not descend from it, blocks whose
// parent is not known yet apart.
func (m *Simplex) forget() {
	m.order = slices.DeleteFunc(m.order, func(l *link) bool { return !m.alive(l) })
	maps.DeleteFunc(m.links, func(_ quoin.Hash, l *link) bool { return !m.alive(l) && l != m.root })
	maps.DeleteFunc(m.rounds, func(v quoin.View, _ *round) bool { return v <= m.root.view })
	maps.DeleteFunc(m.leaders, func(k leaderKey, _ int) bool { return k.view <= m.root.view })
	maps.DeleteFunc(m.fetching, func(id quoin.Hash, _ uint64) bool { return m.links[id] != nil })
}

func (m *Simplex) alive(l *link) bool {
	if l.view <= m.root.view {
		return false
	}
	for l.parent != nil && l.parent != m.root {
		l = l.parent
	}
	return l.parent == m.root || l.stage == waiting && l.view > m.root.view
}

// add makes a link of a block, or returns the one that there is.
func (m *Simplex) add(b *quoin.Block) *link {
	if l := m.links[b.ID()]; l != nil {
		return l
	}
	h := b.Header()
	l := &link{block: b, id: b.ID(), view: h.View, height: h.Height, time: h.Time, parent: m.links[h.Parent]}
	m.links[l.id] = l
	m.order = append(m.order, l)
	delete(m.fetching, l.id)
	for _, child := range m.order {
		if child.parent == nil && child.block.Header().Parent == l.id {
			child.parent = l
			if child.needed {
				m.need(l)
			}
		}
	}
	return l
}

// need marks a block and its ancestors for execution.
func (m *Simplex) need(l *link) {
	for ; l != nil && l != m.root && !l.needed; l = l.parent {
		l.needed = true
	}
}

// pump demands the executions that have become possible.
func (m *Simplex) pump(out *consensus.Output) {
	for again := true; again; {
		again = false
		for _, l := range m.order {
			if l.stage != waiting || !l.needed || l.abstained || l.parent == nil {
				continue
			}
			switch {
			case l.parent.stage == invalid || l.parent.stage == valid && !fits(l.block.Header(), l.parent):
				l.stage, again = invalid, true
				m.report(out, consensus.RefusedBlock, l.view, l.id)
			case l.parent.stage == valid && l.block.Header().ParentCheckpoint != l.parent.digest:
				m.diverge(l.parent, out)
			case l.parent.stage == valid:
				l.stage = executing
				out.Execute = append(out.Execute, consensus.Execution{Block: l.block})
			}
		}
	}
}

// fits reports whether a header follows from its parent by the rules that need no execution, no
// clock and no leader.
func fits(h *quoin.Header, parent *link) bool {
	if h.Parent != parent.id || h.ParentView != parent.view || h.View <= parent.view {
		return false
	}
	if parent.last {
		return h.Height == parent.height && h.Time == parent.time && h.Count == 0
	}
	return h.Height == parent.height+1 && h.Time > parent.time
}

// diverge reports, once, that a quorum has another result for a block than this replica.
func (m *Simplex) diverge(l *link, out *consensus.Output) {
	if !l.diverged {
		l.diverged = true
		m.report(out, consensus.Diverged, l.view, l.id)
	}
}

func (m *Simplex) report(out *consensus.Output, kind consensus.ReportKind, v quoin.View, block quoin.Hash) {
	out.Reports = append(out.Reports, consensus.Report{Kind: kind, View: v, Block: block, Peer: -1})
}

// Block returns a block that is known and not yet certified, or the last certified one.
func (m *Simplex) Block(id quoin.Hash) (*quoin.Block, bool) {
	if l := m.links[id]; l != nil && l.block != nil {
		return l.block, true
	}
	return nil, false
}

// Status describes the machine.
func (m *Simplex) Status() consensus.Status {
	s := consensus.Status{Epoch: m.c.Epoch, View: m.view, CertifiedView: m.certified(), Leader: -1,
		Uncertified: len(m.order), Observer: !m.votes(), Ended: m.ended}
	if p := m.parent(); p != nil {
		if i, ok := m.leaders[leaderKey{m.view, p.id}]; ok {
			s.Leader = i
		}
	}
	return s
}
