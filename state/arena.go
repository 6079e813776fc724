package state

import "quoin.dev/quoin"

// ref names a node of the arena: 0 is the empty subtree, a set leafBit a leaf, anything else a
// branch. Refs instead of pointers keep the arena invisible to the garbage collector.
type ref uint32

const leafBit ref = 1 << 31

func (r ref) isLeaf() bool { return r&leafBit != 0 }

// isBranch also holds for a stub, which is a branch whose children are not in memory.
func (r ref) isBranch() bool { return r != 0 && r&leafBit == 0 }

// child is a subtree as its parent sees it. The hash and the size of a node stand beside every ref
// to it, not in the node, so that walking a path touches one node per level and never a sibling.
type child struct {
	ref  ref
	keys uint32
	hash quoin.Hash
}

// branch is an interior node, or a stub: the place of one whose subtree was evicted.
type branch struct {
	kids  [2]child // none in a stub
	pins  uint16   // live overlays that replaced this node and may still use what is below it
	flags uint16
}

const (
	// flagStub: the subtree is only in the store, and the store's records give its hash.
	flagStub = 1 << iota
	// flagFlushed: of branches over more than bucketMax keys; what the last flush wrote is this very subtree.
	flagFlushed
	// flagRecent: used since the sweep last came by.
	flagRecent
)

func (b *branch) is(flag uint16) bool { return b.flags&flag != 0 }

// leaf is a key's place in the trie. Its hash stands in its parent.
type leaf struct {
	key  quoin.Hash // SHA-256 of the key
	size uint32     // bytes of key and value together
}

const (
	branchBytes = 84
	leafBytes   = 36
	slabShift   = 12
	slabSize    = 1 << slabShift
	slabMask    = slabSize - 1
)

// arena owns every node. Nodes are freed explicitly and their slots used again; slabs never move
// and are never given back, so memory follows the largest use.
type arena struct {
	branches    []*[slabSize]branch
	leaves      []*[slabSize]leaf
	branchNext  ref // first slot never used
	leafNext    ref
	branchFree  []ref // a stack beside the slots: taking one does not wait for its memory
	leafFree    []ref
	branchCount int // in use
	leafCount   int
}

func (a *arena) branch(r ref) *branch {
	return &a.branches[r>>slabShift][r&slabMask]
}

func (a *arena) leaf(r ref) *leaf {
	r &^= leafBit
	return &a.leaves[r>>slabShift][r&slabMask]
}

// bytes returns the memory of the nodes in use.
func (a *arena) bytes() int64 {
	return int64(a.branchCount)*branchBytes + int64(a.leafCount)*leafBytes
}

// newBranch returns a slot whose content is stale: the caller sets every field.
func (a *arena) newBranch() (ref, *branch) {
	a.branchCount++
	if n := len(a.branchFree); n > 0 {
		r := a.branchFree[n-1]
		a.branchFree = a.branchFree[:n-1]
		return r, a.branch(r)
	}
	if a.branchNext == 0 {
		a.branchNext = 1 // slot 0 would be the empty subtree
	}
	r := a.branchNext
	if r >= leafBit-1 {
		panic("state: 2^31 branches in memory; CacheBytes is far beyond what a process can hold")
	}
	if int(r>>slabShift) == len(a.branches) {
		a.branches = append(a.branches, new([slabSize]branch))
	}
	a.branchNext++
	return r, a.branch(r)
}

func (a *arena) newLeaf(key *quoin.Hash, size uint32) ref {
	a.leafCount++
	var r ref
	if n := len(a.leafFree); n > 0 {
		r, a.leafFree = a.leafFree[n-1], a.leafFree[:n-1]
	} else {
		r = a.leafNext
		if r >= leafBit-1 {
			panic("state: 2^31 leaves in memory; CacheBytes is far beyond what a process can hold")
		}
		if int(r>>slabShift) == len(a.leaves) {
			a.leaves = append(a.leaves, new([slabSize]leaf))
		}
		a.leafNext++
		r |= leafBit
	}
	l := a.leaf(r)
	l.key, l.size = *key, size
	return r
}

// free gives one slot back, not what is below it.
func (a *arena) free(r ref) {
	if r.isLeaf() {
		a.leafFree = append(a.leafFree, r)
		a.leafCount--
		return
	}
	a.branchFree = append(a.branchFree, r)
	a.branchCount--
}

// freeBelow gives back everything below a branch, not the branch itself.
func (a *arena) freeBelow(b *branch) {
	if b.is(flagStub) {
		return
	}
	for i := range b.kids {
		a.freeAll(b.kids[i].ref)
	}
}

// freeAll gives back a subtree that nothing else refers to.
func (a *arena) freeAll(r ref) {
	if r.isBranch() {
		a.freeBelow(a.branch(r))
	}
	if r != 0 {
		a.free(r)
	}
}
