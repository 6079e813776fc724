package simplex

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// Limits of a machine.
const (
	lookahead           = 8         // views ahead of the current one whose proposals are kept
	voteWindow          = 256       // views ahead whose votes are kept
	offersMax           = 2         // proposals of one proposer and view that are looked at
	candidateBytesMax   = 64 << 20  // of proposals that are kept, in all
	leaderCallsMax      = 4         // leader calls for one proposer's blocks in one view
	repeatedFinalizes   = 8         // finalize votes of earlier views repeated at a time-out
	hopelessViews       = 8         // views above the certified one that are given up without waiting
	staleViews          = 8         // a peer so far behind the certified view is answered at once
	tickViews           = 16        // views after which what was asked for is asked again, if no time-out came before
	answerCreditMax     = 256 << 10 // bytes of answers to one peer at a time,
	answerCreditView    = 64 << 10  // earned back with every view that is entered
	answerCreditMessage = 512       // and with every message of the peer
)

// Config is what a machine is made of. All of it is fixed for the epoch.
type Config struct {
	consensus.Member
	Pacemaker Pacemaker // nil: the built-in rule
	Rules     Rules
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
	UnboundVotes          bool // sign for any chain and epoch
	ForgetBodies          bool // leave the blocks out of the records
	ForgetLeftViews       bool // leave own votes of views before the present one out of a snapshot
	NoRescue              bool // ask the leaders' binding also in rescue views
	FinalizeOwnResult     bool // whatever the notarized one is
}

// Simplex is the machine of one epoch. See the package documentation.
type Simplex struct {
	c       Config
	domain  domain
	encoded []byte // of the last record, for reuse

	view      quoin.View
	enteredBy consensus.Message // what ended the view before; nil in the first
	root      *link             // the last certified block whose execution is done
	cert      *quoin.Certificate
	step      *quoin.Certificate // a lower certificate, on the way to cert, that a peer sent
	notarized quoin.View         // the highest view known to be notarized
	hole      quoin.View         // the first view above notarized and cert, up to view, that is not known to be nullified

	links          map[quoin.Hash]*link
	order          []*link // in order of arrival
	rounds         map[quoin.View]*round
	candidates     []*Proposal // of this view and later ones, in order of arrival
	candidateBytes int

	wanted   bool
	nothing  bool // a Build of this view found nothing to propose
	started  bool
	ended    bool
	halted   bool // a certificate contradicts certified blocks: more than f are faulty
	stirred  quoin.View
	timer    uint64
	armed    bool
	overdue  bool // the view has timed out, and is still waited for
	building *consensus.Build
	ticks    uint64 // opportunities to ask again: time-outs, and every tickViews views
	peers    []peer
	fetching map[quoin.Hash]question
	leaders  map[leaderKey]int
}

// round is what is known of one view above the highest certified one.
type round struct {
	offers        map[int][]quoin.Hash // ids of the blocks that a validator proposed, at most offersMax
	leaderCalls   map[int]int
	proposal      *link // the first valid proposal
	notarizes     []*Notarize
	nullifies     []*Nullify
	finalizes     []*Finalize
	notarization  *Notarization
	nullification *Nullification
	proposed      bool
	voted         *Notarize
	nullified     *Nullify
	finalized     *Finalize
	equivocators  quoin.Bitmap // reported; their further votes of the view are not looked at
	hopeless      bool
	suspected     bool // a split was reported
	split         bool // and proved
}

// peer is what is kept of another validator.
type peer struct {
	credit     int        // bytes of answers that it may still have
	latest     quoin.View // the highest view that it voted in
	stale      quoin.View // the highest view that it talked of when that was over here
	kinds      uint16     // of its messages about that view since the last answer
	askedFirst quoin.View // the range of views that it was asked about last, and when
	askedLast  quoin.View
	askedTick  uint64
}

type leaderKey struct {
	view   quoin.View
	parent quoin.Hash
}

var _ consensus.Machine = (*Simplex)(nil)

// New returns a machine at its root, in the first view above Root.View and Root.Certificate. Recover
// may follow, then a Started input.
func New(c Config) *Simplex {
	r := &link{id: c.Root.Block, view: c.Root.View, height: c.Root.Checkpoint.Height, time: c.Root.Checkpoint.Time,
		stage: valid, persisted: true, checkpoint: c.Root.Checkpoint, digest: c.Root.Checkpoint.Digest()}
	first := r.view + 1
	if c.Root.Certificate != nil {
		first = max(first, c.Root.Certificate.Checkpoint.View+1) // that of a descendant, after a crash between two blocks
	}
	m := &Simplex{
		c:        c,
		domain:   domain{origin: c.Origin.ID(), epoch: c.Epoch},
		view:     first,
		hole:     first,
		root:     r,
		cert:     c.Root.Certificate,
		links:    map[quoin.Hash]*link{r.id: r},
		rounds:   map[quoin.View]*round{},
		peers:    make([]peer, c.Validators.Len()),
		fetching: map[quoin.Hash]question{},
		leaders:  map[leaderKey]int{},
	}
	for i := range m.peers {
		m.peers[i].credit = answerCreditMax
	}
	if c.Rules.UnboundVotes {
		m.domain = domain{}
	}
	return m
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
		m.built(in, out)
	case consensus.Wanted:
		m.wanted, m.nothing = in.Wanted, false
	case consensus.Fetched:
		m.fetched(in, out)
	case consensus.Retry:
		for _, l := range m.order {
			m.c.Marks.Sometimes(&marks[markRetried], l.abstained)
			l.abstained = false
		}
	}
	m.advance(now, out)
}

// advance does what the state now allows, until nothing more is possible. Every turn of the loop
// enters a view or certifies a block, by votes that are already here, of which there are finitely
// many.
func (m *Simplex) advance(now quoin.Time, out *consensus.Output) {
	for m.running() {
		view, root := m.view, m.root
		m.giveUp(out)
		m.consider(now, out)
		m.settle(out)
		if m.view == view && m.root == root {
			break
		}
	}
	if m.running() {
		m.pump(out)
		m.propose(now, out)
		m.arm(out)
	}
}

func (m *Simplex) running() bool { return m.started && !m.ended && !m.halted }

// certified returns the highest view known to be certified.
func (m *Simplex) certified() quoin.View {
	if m.cert != nil {
		return max(m.root.view, m.cert.Checkpoint.View)
	}
	return m.root.view
}

// top returns the id of the block of the highest certificate.
func (m *Simplex) top() quoin.Hash {
	if m.cert != nil && m.cert.Checkpoint.View > m.root.view {
		return m.cert.Checkpoint.Block
	}
	return m.root.id
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
		weight = min(weight+m.c.Validators.At(0).Weight, m.c.Validators.Total())
	}
	return m.c.Validators.IsQuorum(weight)
}

func (m *Simplex) votes() bool { return m.c.Self >= 0 }

// enter moves to view v, which by proves to be open. The caller has demanded that by be persisted.
func (m *Simplex) enter(v quoin.View, by consensus.Message, out *consensus.Output) {
	if v <= m.view {
		return
	}
	if v/tickViews != m.view/tickViews {
		m.c.Marks.Reach(&marks[markTick])
		m.ticks++
	}
	if p := m.c.Pacemaker; p != nil {
		_, nullified := by.(*Nullification)
		p.Left(m.view, m.view == v-1 && !nullified)
	}
	m.view, m.enteredBy = v, by
	m.armed, m.overdue, m.building, m.nothing = false, false, nil, false
	m.dropCandidates(func(p *Proposal) bool { return p.Block.Header().View < v })
	for i := range m.peers {
		m.peers[i].earn(answerCreditView)
	}
	m.report(out, consensus.EnteredView, v, quoin.Hash{})
}

// fill moves the first hole behind what has become known.
func (m *Simplex) fill() {
	m.hole = max(m.hole, m.notarized+1, m.certified()+1)
	for m.hole < m.view {
		if r := m.rounds[m.hole]; r == nil || r.nullification == nil {
			return
		}
		m.c.Marks.Reach(&marks[markHoleClosed])
		m.hole++
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
	for _, l := range m.order {
		s.Diverged = s.Diverged || l.diverged
	}
	if i, ok := m.rescuer(m.view); ok {
		s.Leader = i
	} else if p := m.parent(); p != nil {
		if i, ok := m.leaders[leaderKey{m.view, p.id}]; ok {
			s.Leader = i
		}
	}
	return s
}
