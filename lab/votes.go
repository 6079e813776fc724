package lab

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus/simplex"
)

// votes checks I8, on what honest replicas send, across restarts.
type votes struct {
	blind
	w    *world
	made map[claim]content
}

// claim is a vote of one replica in one view, or of all of them if member is −1.
type claim struct {
	member int
	epoch  quoin.Epoch
	view   quoin.View
	kind   claimKind
}

type claimKind uint8

const (
	claimPropose claimKind = iota
	claimNotarize
	claimNullify
	claimFinalize
	claimNotarized // an aggregate
	claimNullified
	claimCertified
)

var claimNames = [...]string{"Propose", "Notarize", "Nullify", "Finalize", "a Notarization", "a Nullification", "a Certificate"}

type content [2]quoin.Hash

func (v *votes) sent(n *node, m *message) {
	switch x := m.consensus.(type) {
	case *simplex.Proposal:
		v.claim(n, n.index, m.epoch, x.Block.Header().View, claimPropose, content{x.Block.ID()})
	case *simplex.Notarize:
		v.claim(n, n.index, m.epoch, x.View, claimNotarize, content{x.Block, x.Checkpoint})
	case *simplex.Nullify:
		v.claim(n, n.index, m.epoch, x.View, claimNullify, content{})
		v.exclude(n, n.index, m.epoch, x.View, claimFinalize, claimNullify)
	case *simplex.Finalize:
		c := &x.Checkpoint
		v.claim(n, n.index, m.epoch, c.View, claimFinalize, content{c.Block, c.Digest()})
		v.exclude(n, n.index, m.epoch, c.View, claimNullify, claimFinalize)
		if k, ok := v.made[claim{-1, m.epoch, c.View, claimNotarized}]; ok && k != (content{c.Block, c.Digest()}) {
			v.w.broken("I8/votes", "%s sends Finalize of epoch %d view %d for block %v as %v; notarized is %v as %v", n.name, m.epoch, c.View, c.Block, c.Digest(), k[0], k[1])
		}
	case *simplex.Notarization:
		v.claim(n, -1, m.epoch, x.View, claimNotarized, content{x.Block, x.Checkpoint})
	case *simplex.Nullification:
		v.claim(n, -1, m.epoch, x.View, claimNullified, content{})
		v.exclude(n, -1, m.epoch, x.View, claimCertified, claimNullified)
	case *simplex.Certificate:
		c := &x.Checkpoint
		v.claim(n, -1, m.epoch, c.View, claimCertified, content{c.Block, c.Digest()})
		v.exclude(n, -1, m.epoch, c.View, claimNullified, claimCertified)
	}
}

func (v *votes) claim(n *node, member int, e quoin.Epoch, view quoin.View, kind claimKind, c content) {
	k := claim{member, e, view, kind}
	if before, ok := v.made[k]; ok && before != c {
		v.w.broken("I8/votes", "%s sends %s of epoch %d view %d for block %v as %v; sent before: for %v as %v", n.name, claimNames[kind], e, view, c[0], c[1],
			before[0], before[1])
	}
	v.made[k] = c
}

func (v *votes) exclude(n *node, member int, e quoin.Epoch, view quoin.View, other, kind claimKind) {
	if _, ok := v.made[claim{member, e, view, other}]; ok {
		v.w.broken("I8/votes", "%s sends %s of epoch %d view %d; sent before: %s", n.name, claimNames[kind], e, view, claimNames[other])
	}
}
