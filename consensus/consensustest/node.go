package consensustest

import (
	"bytes"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/model"
)

// node is a member: a machine, and the least that drives one.
type node struct {
	w       *world
	index   int
	traitor bool
	dead    bool
	skewMS  int64

	// durable
	log     []logRecord
	chain   []*model.Outcome // certified, tail blocks apart; [0] is the genesis
	certs   map[quoin.Height]*quoin.Certificate
	tails   map[quoin.Epoch][]*quoin.Block
	durable quoin.Height // of chain; what lies above is lost in a crash

	// lost in a crash
	machine     consensus.Machine
	incarnation int
	epoch       quoin.Epoch
	outcomes    map[quoin.Hash]*model.Outcome
	pool        []uint64
	wanted      bool
	work        []*quoin.Block
	working     bool
	timer       uint64 // the latest, as a number of this node's
	halted      bool

	entered int  // views that nobody had entered when the world healed
	settled bool // has certified what was pending then
}

type logRecord struct {
	epoch  quoin.Epoch
	record consensus.Record
}

func (n *node) tip() *model.Outcome { return n.chain[len(n.chain)-1] }

func (n *node) clock() quoin.Time {
	return quoin.Time(1_700_000_000_000 + int64(n.w.now/1000) + n.skewMS)
}

// boot starts a machine of what is durable.
func (n *node) boot() {
	n.incarnation++
	if n.certs == nil {
		n.certs, n.tails = map[quoin.Height]*quoin.Certificate{}, map[quoin.Epoch][]*quoin.Block{}
	}
	n.outcomes = map[quoin.Hash]*model.Outcome{}
	for _, o := range n.chain {
		n.outcomes[o.Checkpoint.Block] = o
	}
	n.w.note("%d starts at height %d", n.index, n.tip().Checkpoint.Height)
	n.begin()
	n.step(consensus.Started{})
}

// begin makes the machine of the tip's epoch, or of the next if the tip ends its own.
func (n *node) begin() {
	tip := n.tip()
	root := consensus.Root{Block: tip.Checkpoint.Block, Checkpoint: tip.Checkpoint}
	n.epoch = max(1, tip.Checkpoint.Epoch)
	if tip.Last {
		n.epoch++
	} else if len(n.chain) > 1 {
		root.View, root.Certificate = tip.Checkpoint.View, n.certs[tip.Checkpoint.Height]
	}
	if root.Checkpoint.Epoch != n.epoch {
		root.View, root.Certificate = 0, nil
	}
	m := consensus.Member{Origin: n.w.origin, Epoch: n.epoch, Validators: n.w.validators, Parameters: n.w.parameters, Self: n.index,
		Signer: model.Signer{Index: n.index}, Keys: model.Keys{N: len(n.w.nodes)}, Leaders: leaders{n}, Root: root}
	if n.traitor {
		n.machine = n.w.suite.Traitor(m)
	} else {
		n.machine = n.w.suite.New(m)
	}
	for _, r := range n.log {
		if r.epoch != n.epoch {
			continue
		}
		if err := n.machine.Recover(r.record); err != nil {
			n.w.broken("I2: member %d cannot recover: %v", n.index, err)
			return
		}
	}
	n.work, n.wanted = nil, false
}

// crash loses what is not durable. Part of the certified chain may not have been synced yet.
func (n *node) crash() {
	n.w.result.Crashes++
	n.machine = nil
	n.incarnation++
	keep := quoin.Height(n.w.rand.between(uint64(n.durable), uint64(len(n.chain)-1)))
	n.chain = n.chain[:keep+1]
	n.durable = keep
	n.pool, n.work, n.working = nil, nil, false
	n.w.note("%d crashes at height %d", n.index, keep)
}

// step feeds the machine and meets its demands in their order. It may crash before any of them.
func (n *node) step(in consensus.Input) {
	queue := []consensus.Input{in}
	for len(queue) > 0 && n.machine != nil && !n.halted {
		var out consensus.Output
		n.machine.Step(n.clock(), queue[0], &out)
		queue = append(queue[1:], n.meet(&out)...)
	}
	n.want()
}

func (n *node) meet(out *consensus.Output) []consensus.Input {
	torn := !n.w.healed && n.w.rand.chance(n.w.crashes/20)
	for _, r := range out.Persist {
		if torn && n.w.rand.chance(300) {
			break
		}
		n.log = append(n.log, logRecord{n.epoch, bytes.Clone(r)})
	}
	if torn {
		n.crash()
		return nil
	}
	for _, e := range out.Send {
		n.send(e)
	}
	for _, f := range out.Fetch {
		n.fetch(f)
	}
	for _, x := range out.Execute {
		n.work = append(n.work, x.Block)
	}
	n.workOn()
	var answers []consensus.Input
	for _, b := range out.Build {
		answers = append(answers, n.build(b))
	}
	for _, c := range out.Certified {
		n.certified(c)
		if c.Ended && n.machine != nil {
			n.begin()
			return []consensus.Input{consensus.Started{}}
		}
	}
	if t := out.Timer; t != nil {
		n.arm(*t)
	}
	for _, r := range out.Reports {
		n.report(r)
	}
	return answers
}

func (n *node) report(r consensus.Report) {
	switch r.Kind {
	case consensus.EnteredView:
		if n.w.healed && (n.epoch > n.w.healedEpoch || n.epoch == n.w.healedEpoch && r.View > n.w.healedView) {
			n.entered++
		}
	case consensus.TimedOutView:
		n.forward(n.pool)
	case consensus.Nullified:
		n.w.result.Nullified++
	case consensus.Conflict, consensus.Diverged:
		if !n.traitor {
			n.w.broken("I1: member %d reports %s at view %d", n.index, r.Kind, r.View)
		}
	case consensus.RefusedBlock:
		n.w.note("%d refuses block %x of view %d", n.index, r.Block[:3], r.View)
	}
}

func (n *node) arm(t consensus.Timer) {
	n.timer++
	mine, life, epoch := n.timer, n.incarnation, n.epoch
	n.w.after(t.AfterMS*1000+n.w.rand.below(5_000), func() {
		if n.machine != nil && n.incarnation == life && n.epoch == epoch && n.timer == mine {
			n.step(consensus.TimedOut{Timer: t.ID})
		}
	})
}

// send carries a message's bytes, and lets the observers read it first.
func (n *node) send(e consensus.Envelope) {
	claims := n.w.suite.Claims(e.Message)
	if !n.traitor {
		n.w.check.claims(n, e.Message, claims)
	}
	n.w.note("%d sends %d %s", n.index, e.To, describe(e.Message, claims))
	b, epoch := e.Message.AppendBinary(nil), n.epoch
	for to := range n.w.nodes {
		if e.To == consensus.All || e.To == to {
			n.w.carry(n.index, to, func(p *node) { p.receive(n.index, epoch, b) })
		}
	}
}

func (n *node) receive(from int, epoch quoin.Epoch, b []byte) {
	switch {
	case epoch < n.epoch:
		n.answerOld(from, epoch)
		return
	case epoch > n.epoch:
		n.w.carry(n.index, from, func(p *node) { p.serve(n.index, quoin.Hash{}, n.tip().Checkpoint.Height) })
		return
	}
	m, err := n.machine.Decode(b)
	if err != nil || !bytes.Equal(m.AppendBinary(nil), b) {
		n.w.broken("member %d does not decode a message of %d: %v", n.index, from, err)
		return
	}
	var out consensus.Output
	fresh := n.machine.Fresh(from, m, &out)
	n.meet(&out)
	if !fresh || n.machine == nil {
		return
	}
	v, err := n.machine.Verify(from, m)
	if err != nil {
		if !n.w.nodes[from].traitor {
			n.w.broken("member %d does not accept a message of %d: %v", n.index, from, err)
		}
		return
	}
	n.step(consensus.Received{Verified: v})
}

// workOn executes one block at a time, in the order of the demands.
func (n *node) workOn() {
	if n.working || len(n.work) == 0 {
		return
	}
	n.working = true
	life := n.incarnation
	n.w.after(n.w.rand.below(3_000), func() {
		if n.machine == nil || n.incarnation != life {
			return
		}
		n.working = false
		if len(n.work) > 0 {
			b := n.work[0]
			n.work = n.work[1:]
			n.executed(b)
		}
		n.workOn()
	})
}

func (n *node) executed(b *quoin.Block) {
	answer := consensus.Executed{Block: b.ID()}
	parent := n.outcomes[b.Header().Parent]
	if parent == nil {
		n.w.broken("member %d was told to execute a block whose parent was not", n.index)
		return
	}
	o := model.Execute(n.w.origin, parent, b, n.w.epochHeights)
	switch {
	case o == nil:
	case n.w.rand.chance(10) && !n.w.healed:
		answer.Verdict = consensus.Abstain
		n.w.after(30_000, func() {
			if n.machine != nil {
				n.step(consensus.Retry{})
			}
		})
	default:
		n.outcomes[b.ID()] = o
		answer.Verdict, answer.Checkpoint, answer.Last = consensus.Valid, o.Checkpoint, o.Last
	}
	n.step(answer)
}

func (n *node) build(b consensus.Build) consensus.Input {
	answer := consensus.Built{View: b.View}
	parent := n.outcomes[b.Parent]
	if parent == nil {
		n.w.broken("member %d was told to build on a block that was not executed", n.index)
		return answer
	}
	for _, salt := range n.pool {
		if !b.Empty && !b.Tail && !parent.Has(salt) {
			answer.Transactions = append(answer.Transactions, model.Transaction(salt))
		}
	}
	answer.Nothing = len(answer.Transactions) == 0 && !b.Must
	return answer
}

func (n *node) certified(c consensus.Certified) {
	n.w.check.certified(n, &c)
	if n.w.result.Broken != "" {
		return
	}
	for _, b := range c.Blocks {
		o := n.outcomes[b.ID()]
		if o.Tail {
			n.tails[n.epoch] = append(n.tails[n.epoch], b)
			n.w.result.Tails++
			continue
		}
		n.chain = append(n.chain, o)
		n.pool = slices.DeleteFunc(n.pool, func(salt uint64) bool { return o.Has(salt) })
	}
	certificate := c.Certificate
	h := n.tip().Checkpoint.Height
	n.certs[h] = &certificate
	n.w.note("%d certifies height %d", n.index, h)
	n.w.check.progress(n)
	life := n.incarnation
	n.w.after(n.w.rand.below(8_000), func() {
		if n.incarnation != life {
			return
		}
		n.durable = max(n.durable, h)
		if int(n.durable) == len(n.chain)-1 && n.w.rand.chance(100) {
			n.log = n.log[:0]
			for _, r := range n.machine.Snapshot() {
				n.log = append(n.log, logRecord{n.epoch, bytes.Clone(r)})
			}
		}
	})
}

func (n *node) submit(salt uint64) {
	if n.machine == nil || slices.Contains(n.pool, salt) || n.tip().Has(salt) {
		return
	}
	n.pool = append(n.pool, salt)
	n.want()
}

func (n *node) forward(salts []uint64) {
	salts = slices.Clone(salts)
	for to := range n.w.nodes {
		if len(salts) > 0 {
			n.w.carry(n.index, to, func(p *node) {
				for _, salt := range salts {
					p.submit(salt)
				}
			})
		}
	}
}

func (n *node) want() {
	if wanted := len(n.pool) > 0; n.machine != nil && wanted != n.wanted {
		n.wanted = wanted
		n.step(consensus.Wanted{Wanted: wanted})
	}
}
