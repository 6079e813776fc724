package lab

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/state"
)

// equivocate shows another block, with another time, to half of the others.
func (t *traitor) equivocate(out *consensus.Output) {
	replace(out, func(e consensus.Envelope) (sends []consensus.Envelope, ok bool) {
		p, ok := e.Message.(*simplex.Proposal)
		if !ok {
			return nil, false
		}
		t.act()
		h := *p.Block.Header()
		h.Time++
		twin := *p
		twin.Block = quoin.NewBlock(h, p.Block.Transactions())
		others := t.others(h.View)
		first, second := others[:len(others)/2], others[len(others)/2:]
		for _, to := range first {
			sends = append(sends, consensus.Envelope{To: to, Message: p})
		}
		for _, to := range second {
			sends = append(sends, consensus.Envelope{To: to, Message: t.signProposal(twin)})
		}
		for _, to := range second { // it votes for both, each before those who have it
			sends = append(sends, consensus.Envelope{To: to, Message: p})
		}
		return sends, true
	})
}

// withhold shows its blocks to as few as can still notarize them with it.
func (t *traitor) withhold(out *consensus.Output) {
	replace(out, func(e consensus.Envelope) (sends []consensus.Envelope, ok bool) {
		p, ok := e.Message.(*simplex.Proposal)
		if !ok {
			return nil, false
		}
		t.act()
		for _, to := range t.others(p.Block.Header().View)[:t.c.Validators.QuorumCount()-1] {
			sends = append(sends, consensus.Envelope{To: to, Message: p})
		}
		return sends, true
	})
}

// Block serves nothing when bodies are withheld.
func (t *traitor) Block(id quoin.Hash) (*quoin.Block, bool) {
	if t.n.behaviour == Withhold {
		return nil, false
	}
	return t.Simplex.Block(id)
}

// fallSilent keeps its blocks to itself. It goes on voting, also for them.
func (t *traitor) fallSilent(out *consensus.Output) {
	replace(out, func(e consensus.Envelope) ([]consensus.Envelope, bool) {
		_, ok := e.Message.(*simplex.Proposal)
		if ok {
			t.act()
		}
		return nil, ok
	})
}

// fork proposes on the grandparent, and shows the grandparent's notarization.
func (t *traitor) fork(out *consensus.Output) {
	for i, e := range out.Send {
		switch x := e.Message.(type) {
		case *simplex.Notarization:
			t.notarizations[x.Block] = x
		case *simplex.Proposal:
			h := *x.Block.Header()
			t.headers[x.Block.ID()] = x.Block.Header()
			parent := t.headers[h.Parent]
			if parent == nil {
				continue
			}
			below, n := t.headers[parent.Parent], t.notarizations[parent.Parent]
			if below == nil || n == nil {
				continue
			}
			t.act()
			h.Height, h.Parent, h.ParentView, h.ParentCheckpoint, h.ParentVoters = parent.Height, parent.Parent, parent.ParentView, n.Checkpoint, n.Signers
			p := t.signProposal(simplex.Proposal{Block: quoin.NewBlock(h, nil), Parent: n})
			out.Send[i].Message = p
			t.forks[p.Block.ID()] = 0
		}
	}
	for _, x := range t.echo {
		out.Send = append(out.Send, consensus.Envelope{To: consensus.All, Message: x})
	}
	t.echo = nil
}

// hear remembers what others propose, and votes for the own forks as those do who fall for them.
func (t *traitor) hear(m consensus.Message) {
	switch x := m.(type) {
	case *simplex.Proposal:
		t.headers[x.Block.ID()] = x.Block.Header()
	case *simplex.Notarize:
		if n, ok := t.forks[x.Block]; ok && n == 0 {
			t.forks[x.Block] = 1
			t.echo = append(t.echo, t.signNotarize(*x))
		}
	case *simplex.Finalize:
		if n, ok := t.forks[x.Checkpoint.Block]; ok && n < 2 {
			t.forks[x.Checkpoint.Block] = 2
			t.echo = append(t.echo, &simplex.Finalize{Checkpoint: x.Checkpoint, Signature: t.c.Signer.Sign(x.Checkpoint.CosignedBytes())})
		}
	case *simplex.Notarization, *simplex.Nullification, *simplex.Certificate:
		if t.n.behaviour == Stale {
			t.remember(m)
		}
	}
}

// year is how far a hasty leader's clock is ahead, in milliseconds.
const year = 365 * 24 * 3600 * 1000

// hasten counts its blocks, whose time is a year ahead.
func (t *traitor) hasten(out *consensus.Output) {
	for _, e := range out.Send {
		if _, ok := e.Message.(*simplex.Proposal); ok {
			t.act()
		}
	}
}

// censored is the namespace whose transactions a censor leaves out: that of the world's clients and
// probes.
const censored = "kv"

// censor leaves transactions out of its block. The invariant I5 asks that they are certified all the
// same, by the others' views.
func (t *traitor) censor(in consensus.Built) consensus.Built {
	kept := slices.DeleteFunc(slices.Clone(in.Transactions), func(x quoin.Transaction) bool { return x.Namespace == censored })
	if len(kept) < len(in.Transactions) {
		t.act()
	}
	in.Transactions = kept
	return in
}

// accuse adds evidence to its block that half of the validators had another result in a namespace. The
// signatures are its own, whoever is said to have voted.
func (t *traitor) accuse(in consensus.Built) consensus.Built {
	if uint64(in.View)%2 == 0 || in.Nothing {
		return in // an honest block now and then
	}
	t.act()
	e := &execution.Evidence{View: in.View, Block: quoin.Hash{byte(in.View)}}
	var digests []quoin.Hash
	for k := range byte(2) {
		directory := []state.NamespaceRoot{{Name: censored, Root: quoin.Hash{k}}}
		c := quoin.Checkpoint{Origin: t.c.Origin, Epoch: t.c.Epoch, View: e.View, Block: e.Block, State: state.DirectoryRoot(directory)}
		e.Groups = append(e.Groups, execution.EvidenceGroup{Checkpoint: c, Directory: directory})
		digests = append(digests, c.Digest())
	}
	for i := range t.c.Validators.Len() {
		vote := t.signNotarize(simplex.Notarize{View: e.View, Block: e.Block, Checkpoint: digests[i%2]})
		e.Votes = append(e.Votes, execution.EvidenceVote{Validator: uint16(i), Group: uint8(i % 2), Signature: vote.Signature})
	}
	in.Transactions = append(slices.Clone(in.Transactions), execution.NewSuspension(e, t.n.w.chain.height()+20))
	return in
}
