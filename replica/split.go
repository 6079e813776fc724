package replica

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/ledger"
	"quoin.dev/quoin/state"
)

// A split is a block for which no result can get a quorum (KERNEL K7). Whoever sees one asks the
// voters to explain their results: first the hashes of the block's entries, which show where they
// differ, then that one entry with its proof. Out of the answers it puts together the evidence with
// which the kernel suspends the namespace. Until then leaders leave the suspected namespaces out
// of a few of their own blocks.
const (
	splitsMax       = 8 // open cases, and outcomes kept to explain
	suspicionBlocks = 4 // own blocks that leave a suspected namespace out
)

type splits struct {
	recent    []retained
	open      []*splitCase
	suspicion map[string]int
	settled   map[string]bool // namespaces for which evidence was sent in this epoch
}

// retained is an outcome that this replica may be asked to explain.
type retained struct {
	outcome   *execution.Outcome
	directory []state.NamespaceRoot
}

// splitCase collects the explanations of one split.
type splitCase struct {
	view   quoin.View
	block  quoin.Hash
	height quoin.Height
	votes  []simplex.Notarize // by validator; zero View where there is none
	groups []splitGroup
	entry  int // place of the blamed entry in the block plus one; 0 while it is not known
	done   bool
}

type splitGroup struct {
	digest    quoin.Hash
	weight    uint64
	explained bool
	result    execution.EvidenceGroup
	leaves    []quoin.Hash
}

// keep remembers an outcome.
func (s *splits) keep(o *execution.Outcome) {
	if o.Segment() == nil {
		return
	}
	if len(s.recent) == splitsMax {
		s.recent = append(s.recent[:0], s.recent[1:]...)
	}
	s.recent = append(s.recent, retained{o, o.Overlay().Directory()})
}

func (s *splits) find(block quoin.Hash) *retained {
	for i := range s.recent {
		if s.recent[i].outcome.Block.ID() == block {
			return &s.recent[i]
		}
	}
	return nil
}

// forget drops cases that are too old to matter.
func (s *splits) forget(certified quoin.Height) {
	s.open = slices.DeleteFunc(s.open, func(c *splitCase) bool { return c.done || c.height+32 < certified })
}

// endEpoch drops everything: evidence is good in its own epoch only.
func (s *splits) endEpoch() { *s = splits{} }

func (s *splits) suspects() map[string]bool {
	if len(s.suspicion) == 0 {
		return nil
	}
	suspects := map[string]bool{}
	for _, name := range sortedNames(s.suspicion) {
		suspects[name] = s.suspicion[name] > 0
	}
	return suspects
}

// proposed counts an own block against the suspicions.
func (s *splits) proposed() {
	for _, name := range sortedNames(s.suspicion) {
		if s.suspicion[name]--; s.suspicion[name] <= 0 {
			delete(s.suspicion, name)
		}
	}
}

// split opens a case for votes that differ.
func (r *Replica) split(report consensus.Report, out *Output) {
	r.c.Marks.Reach(&marks[markSplit])
	r.stats.Splits++
	out.Events = append(out.Events, Event{Kind: SplitSeen, Epoch: r.epoch, View: report.View, Block: report.Block})
	own := r.splits.find(report.Block)
	if own == nil {
		return
	}
	r.splits.open = slices.DeleteFunc(r.splits.open, func(c *splitCase) bool { return c.done })
	if len(r.splits.open) >= splitsMax {
		r.splits.open = slices.Delete(r.splits.open, 0, 1) // nobody has explained the oldest
	}
	if r.splits.suspicion == nil {
		r.splits.suspicion = map[string]int{}
	}
	for _, t := range own.outcome.Block.Transactions() {
		if !t.Kernel() {
			r.splits.suspicion[t.Namespace] = suspicionBlocks
		}
	}
	c := &splitCase{view: report.View, block: report.Block, height: own.outcome.Checkpoint.Height, votes: make([]simplex.Notarize, r.set.Len())}
	for _, v := range report.Detail {
		x, ok := v.Message.(*simplex.Notarize)
		if !ok || x.Block != report.Block {
			continue
		}
		c.votes[v.Validator] = *x
		k := slices.IndexFunc(c.groups, func(g splitGroup) bool { return g.digest == x.Checkpoint })
		if k < 0 {
			k = len(c.groups)
			c.groups = append(c.groups, splitGroup{digest: x.Checkpoint})
		}
		c.groups[k].weight += r.set.At(v.Validator).Weight
	}
	if len(c.groups) < 2 {
		return
	}
	r.splits.open = append(r.splits.open, c)
	r.ask(c, out)
	r.explainOwn(c, own)
	r.conclude(c, out)
}

// ask asks every voter of a case for what is missing.
func (r *Replica) ask(c *splitCase, out *Output) {
	b := canonical.AppendUint64([]byte{kindExplain}, c.view)
	b = append(b, c.block[:]...)
	b = canonical.AppendUint32(b, uint32(c.entry))
	for i := range c.votes {
		if c.votes[i].View != 0 && i != r.index {
			out.Send = append(out.Send, Send{To: r.set.At(i).Key, Class: ClassConsensus, Bytes: b})
		}
	}
}

// explanation is a voter's account of its result for a block. Canonical bytes: view (8), block
// (32), place plus one (4), checkpoint text (length in 4), directory (count 2, name length 1, name,
// root 32), then for place 0 the hashes of all entries (count 4), else the entry (length in 4) and
// its path (count 2).
type explanation struct {
	view       quoin.View
	block      quoin.Hash
	place      uint32
	checkpoint quoin.Checkpoint
	directory  []state.NamespaceRoot
	leaves     []quoin.Hash
	entry      []byte
	path       []quoin.Hash
}

func (r *Replica) explain(from quoin.PublicKey, body []byte, out *Output) error {
	rd := canonical.NewReader(body)
	view := quoin.View(rd.Uint64())
	var block quoin.Hash
	rd.Copy(block[:])
	place := rd.Uint32()
	if err := rd.Done(); err != nil {
		return err
	}
	own := r.splits.find(block)
	if own == nil || own.outcome.Block.Header().View != view || int(place) > own.outcome.Segment().Len() {
		return nil
	}
	e := ownExplanation(own, place)
	out.Send = append(out.Send, Send{To: from, Class: ClassBulk, Bytes: e.appendBinary([]byte{kindExplanation})})
	return nil
}

func ownExplanation(own *retained, place uint32) *explanation {
	o := own.outcome
	e := &explanation{view: o.Block.Header().View, block: o.Block.ID(), place: place, checkpoint: o.Checkpoint, directory: own.directory}
	leaves := make([]quoin.Hash, o.Segment().Len())
	for i := range leaves {
		leaves[i] = o.Segment().LeafHash(i)
	}
	if place == 0 {
		e.leaves = leaves
		return e
	}
	i := int(place) - 1
	before := o.Before()
	e.entry, e.path = o.Segment().Entry(i), ledger.PendingProof(&before, leaves, i)
	return e
}

func (e *explanation) appendBinary(b []byte) []byte {
	b = canonical.AppendUint64(b, e.view)
	b = append(b, e.block[:]...)
	b = canonical.AppendUint32(b, e.place)
	b = canonical.AppendBytes32(b, e.checkpoint.AppendText(nil))
	b = canonical.AppendUint16(b, uint16(len(e.directory)))
	for _, d := range e.directory {
		b = canonical.AppendBytes8(b, d.Name)
		b = append(b, d.Root[:]...)
	}
	if e.place == 0 {
		b = canonical.AppendUint32(b, uint32(len(e.leaves)))
		for i := range e.leaves {
			b = append(b, e.leaves[i][:]...)
		}
		return b
	}
	b = canonical.AppendBytes32(b, e.entry)
	b = canonical.AppendUint16(b, uint16(len(e.path)))
	for i := range e.path {
		b = append(b, e.path[i][:]...)
	}
	return b
}

func readExplanation(b []byte) (*explanation, error) {
	rd := canonical.NewReader(b)
	e := &explanation{view: quoin.View(rd.Uint64())}
	rd.Copy(e.block[:])
	e.place = rd.Uint32()
	text := rd.Bytes32(quoin.CheckpointTextMax)
	e.directory = make([]state.NamespaceRoot, rd.Count16(state.NamespacesMax, 33))
	for i := range e.directory {
		e.directory[i].Name = string(rd.Bytes8(quoin.NamespaceMax))
		rd.Copy(e.directory[i].Root[:])
	}
	if e.place == 0 {
		e.leaves = make([]quoin.Hash, rd.Count32(quoin.BlockTransactionsMax, 32))
		for i := range e.leaves {
			rd.Copy(e.leaves[i][:])
		}
	} else {
		e.entry = rd.Bytes32(quoin.EntryBytesMax)
		e.path = make([]quoin.Hash, rd.Count16(64, 32))
		for i := range e.path {
			rd.Copy(e.path[i][:])
		}
	}
	if err := rd.Done(); err != nil {
		return nil, err
	}
	var err error
	e.checkpoint, err = quoin.ParseCheckpoint(string(text))
	return e, err
}

// explained takes a voter's account. It is believed only as far as it hashes to the vote.
func (r *Replica) explained(from quoin.PublicKey, body []byte, out *Output) error {
	e, err := readExplanation(body)
	if err != nil {
		return err
	}
	k := slices.IndexFunc(r.splits.open, func(c *splitCase) bool { return c.block == e.block && c.view == e.view && !c.done })
	own := r.splits.find(e.block)
	if k < 0 || own == nil {
		return nil
	}
	c := r.splits.open[k]
	if err := c.take(e, own); err != nil {
		return fmt.Errorf("%w: explanation of %s", err, from)
	}
	r.c.Marks.Reach(&marks[markSplitExplained])
	r.conclude(c, out)
	return nil
}

func (r *Replica) explainOwn(c *splitCase, own *retained) {
	// An own result that nobody's vote names is of no use, and take says so.
	_ = c.take(ownExplanation(own, uint32(c.entry)), own)
}

// take adds an explanation to its group.
func (c *splitCase) take(e *explanation, own *retained) error {
	digest := e.checkpoint.Digest()
	k := slices.IndexFunc(c.groups, func(g splitGroup) bool { return g.digest == digest })
	if k < 0 {
		return fmt.Errorf("%w: nobody voted for this result", errMessage)
	}
	g := &c.groups[k]
	if state.DirectoryRoot(e.directory) != e.checkpoint.State {
		return fmt.Errorf("%w: the directory is not that of the state root", errMessage)
	}
	if e.place == 0 {
		edge := own.outcome.Before()
		if edge.Append(e.leaves...); edge.Root() != e.checkpoint.Ledger {
			return fmt.Errorf("%w: the entries do not give the ledger root", errMessage)
		}
		g.leaves = e.leaves
		g.result = execution.EvidenceGroup{Checkpoint: e.checkpoint, Directory: e.directory}
		g.explained = c.entry == 0
		return nil
	}
	if int(e.place) != c.entry {
		return nil
	}
	before := own.outcome.Before()
	if err := ledger.VerifyInclusion(ledger.LeafHash(e.entry), before.Size()+uint64(e.place)-1, e.checkpoint.Size, e.checkpoint.Ledger, e.path); err != nil {
		return fmt.Errorf("%w: %w", errMessage, err)
	}
	g.result = execution.EvidenceGroup{Checkpoint: e.checkpoint, Directory: e.directory, Bytes: slices.Clone(e.entry), Path: e.path}
	g.explained = true
	return nil
}

// conclude sends the evidence when there is enough of it, or asks for the entry that differs.
func (r *Replica) conclude(c *splitCase, out *Output) {
	if c.done || !r.enough(c) {
		return
	}
	own := r.splits.find(c.block)
	if own == nil {
		return
	}
	if c.entry == 0 {
		if c.entry = r.differing(c, own); c.entry != 0 {
			for i := range c.groups {
				c.groups[i].explained = false
			}
			r.ask(c, out)
			r.explainOwn(c, own)
			if !r.enough(c) {
				return
			}
		}
	}
	e := r.evidence(c, own)
	namespace, err := e.Judge(r.origin, r.epoch, &r.set)
	if err != nil && c.entry != 0 {
		return // not enough to convince others yet
	}
	c.done = true
	if err != nil && !(c.kernelDiffers(r.set.FaultBound()) && !own.outcome.Leader.Rescue) {
		return // nothing is to blame for sure, so that leaders go on being careful
	}
	// Without a namespace to blame the kernel's own records differ: by a leader's or finality's call. In
	// rescue views there is none; there a machine's batches can be why.
	for _, t := range own.outcome.Block.Transactions() {
		if t.Namespace != namespace {
			delete(r.splits.suspicion, t.Namespace) // it was not to blame
		}
	}
	if err != nil {
		return
	}
	if r.splits.settled[namespace] {
		return
	}
	if r.splits.settled == nil {
		r.splits.settled = map[string]bool{}
	}
	r.splits.settled[namespace] = true
	r.c.Marks.Reach(&marks[markEvidenceSent])
	t := execution.NewSuspension(e, r.exec.Tip().Height+quoin.Height(r.exec.Configuration().Parameters.ExpiryWindowHeights)/4)
	r.pool.admit([]quoin.Transaction{t}, true, r.view, r.epoch, r.judge)
	r.forward([]quoin.Transaction{t}, out)
}

// kernelDiffers reports whether honest replicas differ on the kernel's own records.
func (c *splitCase) kernelDiffers(f uint64) bool {
	weights := map[quoin.Hash]uint64{}
	total, largest := uint64(0), uint64(0)
	for _, g := range c.groups {
		k := slices.IndexFunc(g.result.Directory, func(d state.NamespaceRoot) bool { return d.Name == quoin.KernelNamespace })
		if !g.explained || k < 0 {
			continue
		}
		root := g.result.Directory[k].Root
		weights[root] += g.weight
		total, largest = total+g.weight, max(largest, weights[root])
	}
	return total-largest > f
}

// enough reports whether groups of quorum weight, among which more than f lies outside the largest,
// are explained.
func (r *Replica) enough(c *splitCase) bool {
	total, largest := uint64(0), uint64(0)
	for _, g := range c.groups {
		if g.explained {
			total, largest = total+g.weight, max(largest, g.weight)
		}
	}
	return r.set.IsQuorum(total) && total-largest > r.set.FaultBound()
}

// differing returns the place, plus one, of the first entry on which honest replicas differ, or 0.
func (r *Replica) differing(c *splitCase, own *retained) int {
	for i := range own.outcome.Segment().Len() {
		if own.outcome.Block.Transactions()[i].Kernel() {
			continue
		}
		var leaves []quoin.Hash
		var weights []uint64
		total, largest := uint64(0), uint64(0)
		for _, g := range c.groups {
			if !g.explained || i >= len(g.leaves) {
				continue
			}
			k := slices.Index(leaves, g.leaves[i])
			if k < 0 {
				k = len(leaves)
				leaves, weights = append(leaves, g.leaves[i]), append(weights, 0)
			}
			weights[k] += g.weight
			total, largest = total+g.weight, max(largest, weights[k])
		}
		if total-largest > r.set.FaultBound() {
			return i + 1
		}
	}
	return 0
}

func (r *Replica) evidence(c *splitCase, own *retained) *execution.Evidence {
	e := &execution.Evidence{View: c.view, Block: c.block, Entry: c.entry != 0}
	if e.Entry {
		before := own.outcome.Before()
		e.Index = before.Size() + uint64(c.entry) - 1
	}
	index := make([]int, len(c.groups))
	for i, g := range c.groups {
		index[i] = -1
		if g.explained {
			index[i] = len(e.Groups)
			e.Groups = append(e.Groups, g.result)
		}
	}
	for i := range c.votes {
		x := &c.votes[i]
		if x.View == 0 {
			continue
		}
		k := slices.IndexFunc(c.groups, func(g splitGroup) bool { return g.digest == x.Checkpoint })
		if k >= 0 && index[k] >= 0 {
			e.Votes = append(e.Votes, execution.EvidenceVote{Validator: uint16(i), Group: uint8(index[k]), Signature: x.Signature})
		}
	}
	return e
}
