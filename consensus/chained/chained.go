package chained

import (
	"maps"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// Limits of a machine.
const (
	voteWindow          = 256       // views ahead whose votes and timeouts are kept
	voteMemory          = 16        // views behind whose votes are kept
	candidateBytesMax   = 64 << 20  // of proposals that are kept, in all
	tickViews           = 16        // views after which what was asked for is asked again, if no time-out came before
	answerCreditMax     = 256 << 10 // bytes of answers to one peer at a time,
	answerCreditView    = 64 << 10  // earned back with every view that is entered
	answerCreditMessage = 512       // and with every message of the peer
)

// Config is what a machine is made of. All of it is fixed for the epoch.
type Config struct {
	consensus.Member
	Rules Rules
}

// Chained is the machine of one epoch. See the package documentation.
type Chained struct {
	c      Config
	domain domain
	tree   tree

	// what opens views, and what was done in them
	view     quoin.View         // one above the highest of high and tc
	high     Proof              // the highest; nil if none is known in this epoch
	tc       *TC                // the highest; nil if none is known
	cert     *quoin.Certificate // the highest; nil if none is known in this epoch
	step     *quoin.Certificate // a lower one, on the way to cert, that a peer sent
	lock     quoin.View         // the highest view of a parent of what this replica voted for
	voted    *Vote              // the latest
	gaveUp   *Timeout           // the latest
	proposed quoin.View

	// of the current view
	candidates     []*candidate // in order of arrival, at most one a proposer
	candidateBytes int
	leaders        map[quoin.Hash]int // by parent; nobody if there was no answer
	building       *consensus.Build
	nothing        bool // a Build found nothing to propose
	armed          bool

	rounds   map[quoin.View]*round
	wanted   bool
	started  bool
	ended    bool
	halted   bool       // a certificate contradicts certified blocks: more than f are faulty
	stirred  quoin.View // the highest view that something valid was heard of
	timer    uint64
	ticks    uint64 // opportunities to ask again: time-outs, and every tickViews views
	peers    []peer
	fetching map[quoin.Hash]question
}

// round is what others said in one view.
type round struct {
	votes        []*Vote
	timeouts     []*Timeout // their proofs taken off
	equivocators quoin.Bitmap
}

// candidate is a proposal of the current view.
type candidate struct {
	*Proposal
	link    *link // once accepted
	refused bool
}

// nobody stands for a leader that the binding did not name.
const nobody = -1

var _ consensus.Machine = (*Chained)(nil)

// New returns a machine at its root, in the first view above Root.View and Root.Certificate. Recover
// may follow, then a Started input.
func New(c Config) *Chained {
	m := &Chained{
		c:        c,
		domain:   domain{c.Origin.ID(), c.Epoch},
		tree:     newTree(&c.Root),
		cert:     c.Root.Certificate,
		leaders:  map[quoin.Hash]int{},
		rounds:   map[quoin.View]*round{},
		peers:    make([]peer, c.Validators.Len()),
		fetching: map[quoin.Hash]question{},
	}
	if m.cert != nil {
		m.high = &Certificate{*m.cert}
	}
	m.view = m.opened() + 1
	for i := range m.peers {
		m.peers[i].credit = answerCreditMax
	}
	return m
}

// Step takes one input. See consensus.Machine.
func (m *Chained) Step(now quoin.Time, in consensus.Input, out *consensus.Output) {
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
		m.tree.executed(&in, m.c.Origin, m.c.Epoch, out)
		m.askLeaders()
	case consensus.Built:
		m.built(in, out)
	case consensus.Wanted:
		m.wanted, m.nothing = in.Wanted, false
	case consensus.Fetched:
		m.fetched(in, out)
	case consensus.Retry:
		m.askLeaders()
		for _, l := range m.tree.order {
			l.abstained = false
		}
	}
	m.advance(now, out)
}

// receive takes a verified message.
func (m *Chained) receive(from int, message consensus.Message, out *consensus.Output) {
	if ask, ok := message.(*Ask); ok {
		m.answerAsk(from, ask, out)
		return
	}
	if !m.running() {
		return
	}
	m.catchUp(from, message, out)
	switch x := message.(type) {
	case *Proposal:
		m.receiveProposal(x, out)
	case *Vote:
		m.countVote(from, x, out)
	case *Timeout:
		m.raise(x.Proof, out)
		m.countTimeout(from, x, out)
	case *QC:
		m.raise(x, out)
	case *TC:
		m.timedOutBy(x, out)
	case *Certificate:
		m.certificate(&x.Certificate, out)
	}
	if v := viewOf(message); v <= m.view+voteWindow {
		m.stirred = max(m.stirred, v) // its timer may run
	}
}

// advance does what the state now allows, until nothing more is possible. Every turn of the loop
// enters a view or commits a block, by votes that are already here, of which there are finitely many.
func (m *Chained) advance(now quoin.Time, out *consensus.Output) {
	for m.running() {
		view, root := m.view, m.tree.root
		m.follow(out)
		m.consider(now, out)
		m.settle(out)
		if m.view == view && m.tree.root == root {
			break
		}
	}
	if m.running() {
		m.tree.pump(out)
		m.propose(now, out)
		m.arm(out)
	}
}

func (m *Chained) running() bool { return m.started && !m.ended && !m.halted }

func (m *Chained) votes() bool { return m.c.Self >= 0 }

// certified returns the highest view known to be certified.
func (m *Chained) certified() quoin.View {
	if m.cert != nil {
		return max(m.tree.root.view, m.cert.Checkpoint.View)
	}
	return m.tree.root.view
}

// top returns the block of the highest view known to have a quorum: the root of the epoch if none is.
func (m *Chained) top() proven {
	if m.high == nil {
		r := m.tree.root
		return proven{r.view, r.id, r.digest}
	}
	return m.high.proves()
}

// opened returns the highest view known to be over.
func (m *Chained) opened() quoin.View {
	v := provenView(m.high)
	if m.tc != nil {
		v = max(v, m.tc.View)
	}
	return v
}

// opener returns what opened the current view; nil if that is the highest certificate, or nothing.
func (m *Chained) opener() consensus.Message {
	qc, ok := m.high.(*QC)
	switch {
	case m.tc != nil && m.tc.View+1 == m.view:
		return m.tc
	case ok:
		return qc
	}
	return nil
}

// raise learns a proof. One of a new highest view is relayed to all, so that none can be shown to a
// few only.
func (m *Chained) raise(p Proof, out *consensus.Output) {
	if c, ok := p.(*Certificate); ok {
		m.certificate(&c.Certificate, out)
	}
	if provenView(p) <= provenView(m.high) {
		return
	}
	m.high = p
	out.Persist = append(out.Persist, record(recordOpened, p))
	at := p.proves()
	report(out, consensus.Notarized, at.view, at.block)
	m.send(p, out)
	if l := m.adopt(at.block); l != nil {
		m.tree.need(l)
		l.agreed = at.checkpoint
		m.tree.compare(l, out)
	}
	m.enter(out)
	if m.adopt(at.block) == nil && m.leads(at.block) {
		m.missing(out) // to propose on it
	}
}

// enter moves to the view that is open now.
func (m *Chained) enter(out *consensus.Output) {
	v := m.opened() + 1
	if v <= m.view {
		return
	}
	if v/tickViews != m.view/tickViews {
		m.ticks++
	}
	m.view = v
	m.candidates, m.candidateBytes = nil, 0
	m.building, m.nothing, m.armed = nil, false, false
	clear(m.leaders)
	maps.DeleteFunc(m.rounds, func(v quoin.View, _ *round) bool { return v+voteMemory < m.view })
	for i := range m.peers {
		m.peers[i].earn(answerCreditView)
	}
	report(out, consensus.EnteredView, v, quoin.Hash{})
}

// adopt returns the link of a block, made of a proposal if need be; nil if the body is not here.
func (m *Chained) adopt(id quoin.Hash) *link {
	for _, c := range m.candidates {
		if c.Block.ID() == id {
			return m.add(c.Block)
		}
	}
	return m.tree.links[id]
}

func (m *Chained) add(b *quoin.Block) *link {
	delete(m.fetching, b.ID())
	return m.tree.add(b)
}

// settle commits the highest certificate whose block was executed with the certified result.
func (m *Chained) settle(out *consensus.Output) {
	for _, c := range []*quoin.Certificate{m.step, m.cert} {
		if c == nil || c.Checkpoint.View <= m.tree.root.view || !m.running() {
			continue
		}
		l := m.tree.links[c.Checkpoint.Block]
		if l == nil {
			continue
		}
		l.agreed = c.Checkpoint.Digest()
		m.tree.compare(l, out)
		if l.stage == valid && l.digest == l.agreed {
			m.commit(l, c, out)
		}
	}
}

func (m *Chained) commit(l *link, c *quoin.Certificate, out *consensus.Output) {
	blocks := m.tree.commit(l)
	if blocks == nil {
		m.halt(c, out)
		return
	}
	m.ended = l.last
	out.Certified = append(out.Certified, consensus.Certified{Blocks: blocks, Certificate: *c, Ended: m.ended})
	maps.DeleteFunc(m.rounds, func(v quoin.View, _ *round) bool { return v <= l.view })
	maps.DeleteFunc(m.fetching, func(_ quoin.Hash, q question) bool { return q.tick+2 < m.ticks })
	if m.cert.Checkpoint.View <= l.view {
		m.step = nil
	} else if !m.ended {
		delete(m.fetching, m.cert.Checkpoint.Block) // the next part of a long way
		m.missing(out)
	}
}

// halt stops the machine: only more than f faulty validators can bring about a certificate that
// contradicts certified blocks, and nothing more may be certified.
func (m *Chained) halt(c *quoin.Certificate, out *consensus.Output) {
	m.halted = true
	report(out, consensus.Conflict, c.Checkpoint.View, c.Checkpoint.Block)
}

// askLeaders forgets which leaders the binding could not name.
func (m *Chained) askLeaders() {
	maps.DeleteFunc(m.leaders, func(_ quoin.Hash, i int) bool { return i == nobody })
}

func (m *Chained) send(x consensus.Message, out *consensus.Output) {
	if m.votes() {
		out.Send = append(out.Send, consensus.Envelope{To: consensus.All, Message: x})
	}
}

// Block returns a block that is known and not yet certified, or the last certified one.
func (m *Chained) Block(id quoin.Hash) (*quoin.Block, bool) {
	if l := m.tree.links[id]; l != nil && l.block != nil {
		return l.block, true
	}
	return nil, false
}

// Agreed returns the digest of the result that a quorum has voted for. See consensus.Machine.
func (m *Chained) Agreed(block quoin.Hash) (quoin.Hash, bool) {
	for _, c := range []*quoin.Certificate{m.cert, m.step} {
		if c != nil && c.Checkpoint.Block == block {
			return c.Checkpoint.Digest(), true
		}
	}
	if at := m.top(); m.high != nil && at.block == block {
		return at.checkpoint, true
	}
	if l := m.tree.links[block]; l != nil && l.agreed != (quoin.Hash{}) {
		return l.agreed, true
	}
	return quoin.Hash{}, false
}

// Status describes the machine.
func (m *Chained) Status() consensus.Status {
	s := consensus.Status{Epoch: m.c.Epoch, View: m.view, CertifiedView: m.certified(), Leader: -1,
		Uncertified: len(m.tree.order), Observer: !m.votes(), Ended: m.ended}
	for _, l := range m.tree.order {
		s.Diverged = s.Diverged || l.diverged
	}
	if i, ok := rescuer(m.view, m.c.Validators.Len()); ok {
		s.Leader = i
	} else if i, ok := m.leaders[m.top().block]; ok {
		s.Leader = i
	}
	return s
}
