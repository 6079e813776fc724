package chained

import (
	"maps"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
)

// tree holds the blocks above the last committed one, its root. Links whose ancestors are not known
// yet stand beside it.
type tree struct {
	root  *link
	links map[quoin.Hash]*link
	order []*link // in order of arrival, the root apart
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
	needed     bool       // its result matters: proven, proposed in the current view, or an ancestor
	outdated   bool       // an Execute demand is under way whose answer no longer counts
	abstained  bool       // not to be executed again before a Retry
	agreed     quoin.Hash // digest of the result that a quorum voted for; zero if unknown
	diverged   bool       // and that it is not this replica's was reported
	adopted    bool       // the result is a quorum's, not this replica's own
	withheld   bool       // not to be voted for
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

func newTree(r *consensus.Root) tree {
	l := &link{id: r.Block, view: r.View, height: r.Checkpoint.Height, time: r.Checkpoint.Time,
		stage: valid, persisted: true, checkpoint: r.Checkpoint, digest: r.Checkpoint.Digest()}
	return tree{root: l, links: map[quoin.Hash]*link{l.id: l}}
}

// add makes a link of a block, or returns the one that there is.
func (t *tree) add(b *quoin.Block) *link {
	if l := t.links[b.ID()]; l != nil {
		return l
	}
	h := b.Header()
	l := &link{block: b, id: b.ID(), view: h.View, height: h.Height, time: h.Time, parent: t.links[h.Parent]}
	t.links[l.id] = l
	t.order = append(t.order, l)
	for _, child := range t.order {
		if child.parent == nil && child.block.Header().Parent == l.id {
			child.parent = l
			if child.needed {
				child.needed = false
				t.need(child)
			}
		}
	}
	return l
}

// need marks a block and its ancestors for execution. What is needed stands on a proven parent, and
// its header says with which result.
func (t *tree) need(l *link) {
	for ; l != nil && l != t.root && !l.needed; l = l.parent {
		l.needed = true
		if l.parent != nil {
			l.parent.agreed = l.block.Header().ParentCheckpoint
		}
	}
}

// fits reports whether a header follows from its parent by the rules that need no execution, no
// clock and no leader.
func (l *link) fits(h *quoin.Header) bool {
	if h.Parent != l.id || h.ParentView != l.view || h.View <= l.view {
		return false
	}
	if l.last {
		return h.Height == l.height && h.Time == l.time && h.Count == 0
	}
	return h.Height == l.height+1 && h.Time > l.time
}

// full reports whether a block waits for being certified: with transactions, or the last of its
// epoch; or not executed here, so that nobody can tell.
func (l *link) full() bool { return l.stage != valid || l.last || l.block.Header().Count > 0 }

// pump demands the executions that have become possible, and refuses what its parent rules out.
func (t *tree) pump(out *consensus.Output) {
	for again := true; again; {
		again = false
		for _, l := range t.order {
			p := l.parent
			if l.stage != waiting || !l.needed || p == nil || p.stage != valid && p.stage != invalid {
				continue
			}
			switch {
			case p.stage == invalid || !p.fits(l.block.Header()):
				t.refuse(l, out)
				again = true
			case l.block.Header().ParentCheckpoint != p.digest:
				t.compare(p, out)
			case !l.abstained && !l.outdated:
				l.stage = executing
				out.Execute = append(out.Execute, consensus.Execution{Block: l.block})
			}
		}
	}
}

// executed takes the answer to an Execute demand. A second answer for the same block replaces a
// result that differed from the quorum's; what was executed on the old result is executed again.
func (t *tree) executed(in *consensus.Executed, origin quoin.Origin, epoch quoin.Epoch, out *consensus.Output) {
	l := t.links[in.Block]
	if l == nil || l.parent == nil {
		return // the root too: nothing stands below it
	}
	if l.outdated {
		l.outdated = false
		return
	}
	before, digest := l.stage, l.digest
	switch in.Verdict {
	case consensus.Abstain:
		l.stage, l.abstained = waiting, true
		return
	case consensus.Invalid:
		t.refuse(l, out)
		if before == valid {
			t.redo(l)
		}
		return
	}
	if c := &in.Checkpoint; c.Origin != origin || c.Epoch != epoch || c.View != l.view || c.Block != l.id ||
		c.Height != l.height || c.Time != l.time || l.parent.last && !in.Last {
		panic("chained: a block was executed to the checkpoint of another: " + l.id.String())
	}
	l.stage, l.diverged, l.abstained = valid, false, false
	l.checkpoint, l.last, l.withheld, l.adopted = in.Checkpoint, in.Last, in.Withhold || in.Adopted, in.Adopted
	l.digest = l.checkpoint.Digest()
	if before == invalid || before == valid && l.digest != digest {
		t.redo(l)
	}
	t.compare(l, out)
}

// redo makes the descendants of a block wait for execution again.
func (t *tree) redo(top *link) {
	for _, l := range t.order {
		for at := l.parent; at != nil && l != top; at = at.parent {
			if at == top {
				l.outdated = l.stage == executing
				l.stage = waiting
				break
			}
		}
	}
}

func (t *tree) refuse(l *link, out *consensus.Output) {
	l.stage = invalid
	report(out, consensus.RefusedBlock, l.view, l.id)
	t.compare(l, out)
}

// compare reports, once, that a quorum has another result for a block than this replica.
func (t *tree) compare(l *link, out *consensus.Output) {
	differs := l.stage == invalid || l.stage == valid && l.digest != l.agreed
	if l.agreed != (quoin.Hash{}) && differs && !l.diverged {
		l.diverged = true
		report(out, consensus.Diverged, l.view, l.id)
	}
}

// commit makes l the root and returns the blocks up to it, oldest first; nil if l does not descend
// from the root.
func (t *tree) commit(l *link) []*quoin.Block {
	var blocks []*quoin.Block
	at := l
	for ; at != nil && at != t.root; at = at.parent {
		blocks = append(blocks, at.block)
	}
	if at == nil {
		return nil
	}
	slices.Reverse(blocks)
	t.root, l.parent = l, nil
	t.order = slices.DeleteFunc(t.order, func(l *link) bool { return !t.alive(l) })
	maps.DeleteFunc(t.links, func(_ quoin.Hash, l *link) bool { return l != t.root && !t.alive(l) })
	return blocks
}

// alive reports whether a link may still be committed: it descends from the root, or its ancestors
// are not known yet.
func (t *tree) alive(l *link) bool {
	if l.view <= t.root.view {
		return false
	}
	for l.parent != nil && l.parent != t.root {
		l = l.parent
	}
	return l.parent == t.root || l.stage == waiting && l.view > t.root.view
}

func report(out *consensus.Output, kind consensus.ReportKind, v quoin.View, block quoin.Hash) {
	out.Reports = append(out.Reports, consensus.Report{Kind: kind, View: v, Block: block, Peer: -1})
}
