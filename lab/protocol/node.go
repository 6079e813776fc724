package protocol

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/model"
)

// Surroundings are what a Node's machine has demands for. A call must not step any node: it notes
// what is to happen, and its owner lets it happen later.
type Surroundings interface {
	Now(n *Node) quoin.Time
	Send(n *Node, e consensus.Envelope)
	Fetch(n *Node, f consensus.Fetch)
	Arm(n *Node, t consensus.Timer)
	Build(n *Node, b consensus.Build) consensus.Built
	Certified(n *Node, c consensus.Certified)
	Report(n *Node, r consensus.Report)
}

// Node is a machine with the least that drives one: results are those of the model application,
// computed at once, and what is to be durable is durable when it is demanded. A node lives for one
// epoch.
type Node struct {
	Name    string
	Place   int              // among the nodes of its world; twins have one index and two places
	Member  consensus.Member // Self is the index
	Machine consensus.Machine

	// Apply executes a block on its parent's outcome, nil if it is invalid: the model application, unless
	// the owner of the node puts another one around it before Boot.
	Apply func(parent *model.Outcome, b *quoin.Block) *model.Outcome

	protocol *consensus.Protocol
	around   Surroundings
	log      []consensus.Record
	logged   quoin.Height // when the log was last replaced by a snapshot
	chain    []*model.Outcome
	certs    []*quoin.Certificate // by height; nil for those that a later one covers
	outcomes map[quoin.Hash]*model.Outcome
	queue    []consensus.Input
	out      consensus.Output
}

func (n *Node) String() string { return n.Name }

// snapshotHeights is how many heights the vote log grows before it is replaced by a snapshot.
const snapshotHeights = 64

// NewNode returns a node that is down: Boot starts it. The member's Root is the genesis of the epoch.
func NewNode(p *consensus.Protocol, name string, place int, m consensus.Member, around Surroundings) *Node {
	genesis := &model.Outcome{Checkpoint: m.Root.Checkpoint}
	return &Node{Name: name, Place: place, Member: m, protocol: p, around: around, chain: []*model.Outcome{genesis},
		certs: []*quoin.Certificate{nil}, outcomes: map[quoin.Hash]*model.Outcome{m.Root.Block: genesis},
		Apply: func(parent *model.Outcome, b *quoin.Block) *model.Outcome {
			return model.Execute(m.Origin, parent, b, endless)
		}}
}

// Boot makes a machine of what is durable and starts it. It fails if the machine does not recover
// from its own log.
func (n *Node) Boot() error {
	tip, m := n.Tip(), n.Member
	if len(n.chain) > 1 {
		m.Root = consensus.Root{Block: tip.Block, View: tip.View, Checkpoint: *tip, Certificate: n.certs[tip.Height]}
	}
	machine := n.protocol.New(m)
	for _, r := range n.log {
		if err := machine.Recover(r); err != nil {
			return err
		}
	}
	n.Machine = machine
	n.Step(consensus.Started{})
	return nil
}

// Crash loses everything that is not durable.
func (n *Node) Crash() {
	n.Machine, n.queue = nil, nil
	clear(n.outcomes)
	for _, o := range n.chain {
		n.outcomes[o.Checkpoint.Block] = o
	}
}

// Tip returns the last certified checkpoint.
func (n *Node) Tip() *quoin.Checkpoint { return &n.chain[len(n.chain)-1].Checkpoint }

// Receive takes a message of a peer, named by its index: Fresh, Verify and Step. It fails if the
// machine refuses it.
func (n *Node) Receive(from int, m consensus.Message) error {
	if n.Machine == nil {
		return nil
	}
	fresh := n.Machine.Fresh(from, m, &n.out)
	n.meet()
	if !fresh {
		return nil
	}
	v, err := n.Machine.Verify(from, m)
	if err != nil {
		return err
	}
	n.Step(consensus.Received{Verified: v})
	return nil
}

// Step feeds the machine and meets its demands in their order, and so on with what answers them.
func (n *Node) Step(in consensus.Input) {
	n.queue = append(n.queue, in)
	for i := 0; i < len(n.queue) && n.Machine != nil; i++ {
		n.Machine.Step(n.around.Now(n), n.queue[i], &n.out)
		n.meet()
	}
	clear(n.queue)
	n.queue = n.queue[:0]
}

func (n *Node) meet() {
	out := &n.out
	n.log = append(n.log, out.Persist...)
	for _, e := range out.Send {
		n.around.Send(n, e)
	}
	for _, f := range out.Fetch {
		n.around.Fetch(n, f)
	}
	for _, x := range out.Execute {
		n.queue = append(n.queue, n.execute(x.Block))
	}
	for _, b := range out.Build {
		n.queue = append(n.queue, n.around.Build(n, b))
	}
	for _, c := range out.Certified {
		n.certify(c)
	}
	if out.Timer != nil {
		n.around.Arm(n, *out.Timer)
	}
	for _, r := range out.Reports {
		n.around.Report(n, r)
	}
	out.Reset()
}

func (n *Node) execute(b *quoin.Block) consensus.Executed {
	answer := consensus.Executed{Block: b.ID()}
	if parent := n.outcomes[b.Header().Parent]; parent != nil {
		if o := n.Apply(parent, b); o != nil {
			n.outcomes[b.ID()] = o
			answer.Verdict, answer.Checkpoint = consensus.Valid, o.Checkpoint
		}
	}
	return answer
}

// endless is more heights than any epoch here has.
const endless = 1 << 62

func (n *Node) certify(c consensus.Certified) {
	n.around.Certified(n, c)
	for _, b := range c.Blocks {
		o := n.outcomes[b.ID()]
		if o == nil {
			return // the observer has said so
		}
		n.chain, n.certs = append(n.chain, o), append(n.certs, nil)
	}
	n.certs[len(n.certs)-1] = &c.Certificate
	if h := n.Tip().Height; h >= n.logged+snapshotHeights {
		n.log, n.logged = n.Machine.Snapshot(), h
		n.prune()
	}
}

// prune forgets the results of blocks that were passed by.
func (n *Node) prune() {
	view := n.Tip().View
	for id, o := range n.outcomes { // any order: each is judged alone
		if o.Checkpoint.View < view {
			delete(n.outcomes, id)
		}
	}
}

// servedMax is how many blocks answer a fetch.
const servedMax = 64

// Serve answers a Fetch of a peer with blocks and perhaps a certificate, as consensus.Fetched wants
// them; nothing if there is nothing to say.
func (n *Node) Serve(f consensus.Fetch) ([]*quoin.Block, *quoin.Certificate) {
	var blocks []*quoin.Block
	var certificate *quoin.Certificate
	usable := 0
	for h := f.After + 1; int(h) < len(n.chain) && len(blocks) < servedMax; h++ {
		blocks = append(blocks, n.chain[h].Block)
		if c := n.certs[h]; c != nil {
			usable, certificate = len(blocks), c
		}
	}
	if usable > 0 || n.Machine == nil {
		return blocks[:usable], certificate
	}
	blocks = blocks[:0]
	for id := f.Block; len(blocks) < servedMax; {
		b, ok := n.Machine.Block(id)
		if !ok || int(b.Header().Height) < len(n.chain) {
			break
		}
		blocks, id = append(blocks, b), b.Header().Parent
	}
	slices.Reverse(blocks)
	return blocks, nil
}
