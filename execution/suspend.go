package execution

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/ledger"
	"quoin.dev/quoin/signature"
	"quoin.dev/quoin/state"
)

// ErrEvidence is wrapped by the reasons for which evidence of a split proves nothing.
var ErrEvidence = errors.New("no evidence of a split")

// suspensionKind begins the payload of a suspension. Governance's commands have small kinds.
const suspensionKind = 0xF0

// ReasonSplit is the reason code of a suspension by evidence of a split.
const ReasonSplit = 1

const (
	evidenceGroupsMax = 8
	evidencePathMax   = 64
)

// IsSuspension reports whether a kernel transaction carries evidence instead of a command. It is
// unsigned: the evidence speaks for itself.
func IsSuspension(t *quoin.Transaction) bool {
	return t.Kernel() && !t.Signed() && len(t.Payload) > 0 && t.Payload[0] == suspensionKind
}

// Evidence proves that honest replicas executed one block with different results (KERNEL K7): votes
// of quorum weight in one view for one block that name different results.
//
// It names a namespace by an entry or, with no differing entry, by a namespace's root. A namespace
// is to blame if, among the votes, those outside the largest group with one value for it weigh more
// than f: then honest replicas differ on it, whatever faulty ones claim. All who voted started from
// one state, and of a block's changes machines see those of their own namespace alone, so a
// difference in a namespace is that namespace's own.
type Evidence struct {
	View   quoin.View
	Block  quoin.Hash
	Votes  []EvidenceVote // ascending by validator
	Groups []EvidenceGroup
	Entry  bool // whether the groups show an entry
	Index  uint64
}

// EvidenceVote is a Notarize vote for the checkpoint of a group.
type EvidenceVote struct {
	Validator uint16
	Group     uint8
	Signature quoin.Signature
}

// EvidenceGroup is one result that was voted for.
type EvidenceGroup struct {
	Checkpoint quoin.Checkpoint
	Directory  []state.NamespaceRoot // hashes to Checkpoint.State
	Bytes      []byte                // of the entry with the evidence's index, if it shows one
	Path       []quoin.Hash          // proves Bytes under Checkpoint.Ledger
}

// NewSuspension returns the transaction that carries evidence.
func NewSuspension(e *Evidence, expiry quoin.Height) quoin.Transaction {
	payload := e.AppendBinary([]byte{suspensionKind})
	digest := sha256.Sum256(payload)
	return quoin.Transaction{Salt: canonical.NewReader(digest[:]).Uint64(), Expiry: expiry, Namespace: quoin.KernelNamespace, Payload: payload}
}

// AppendBinary appends the canonical bytes.
func (e *Evidence) AppendBinary(b []byte) []byte {
	b = canonical.AppendUint64(b, e.View)
	b = append(b, e.Block[:]...)
	b = canonical.AppendUint16(b, uint16(len(e.Votes)))
	for _, v := range e.Votes {
		b = canonical.AppendUint16(b, v.Validator)
		b = append(b, v.Group)
		b = append(b, v.Signature[:]...)
	}
	b = canonical.AppendBool(b, e.Entry)
	b = canonical.AppendUint64(b, e.Index)
	b = canonical.AppendUint16(b, uint16(len(e.Groups)))
	for i := range e.Groups {
		b = e.Groups[i].appendBinary(b)
	}
	return b
}

func (g *EvidenceGroup) appendBinary(b []byte) []byte {
	b = canonical.AppendBytes32(b, g.Checkpoint.AppendText(nil))
	b = canonical.AppendUint16(b, uint16(len(g.Directory)))
	for _, d := range g.Directory {
		b = canonical.AppendBytes8(b, d.Name)
		b = append(b, d.Root[:]...)
	}
	b = canonical.AppendBytes32(b, g.Bytes)
	b = canonical.AppendUint16(b, uint16(len(g.Path)))
	for i := range g.Path {
		b = append(b, g.Path[i][:]...)
	}
	return b
}

// DecodeEvidence reads what AppendBinary writes.
func DecodeEvidence(b []byte) (*Evidence, error) {
	r := canonical.NewReader(b)
	e := &Evidence{View: quoin.View(r.Uint64())}
	r.Copy(e.Block[:])
	e.Votes = make([]EvidenceVote, r.Count16(quoin.ValidatorsMax, 67))
	for i := range e.Votes {
		v := &e.Votes[i]
		v.Validator, v.Group = r.Uint16(), r.Byte()
		r.Copy(v.Signature[:])
		if i > 0 && v.Validator <= e.Votes[i-1].Validator {
			r.Fail("votes out of order")
		}
	}
	e.Entry, e.Index = r.Bool(), r.Uint64()
	e.Groups = make([]EvidenceGroup, r.Count16(evidenceGroupsMax, 12))
	for i := range e.Groups {
		e.Groups[i] = readGroup(r)
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("execution: %w: %w", ErrEvidence, err)
	}
	return e, nil
}

func readGroup(r *canonical.Reader) EvidenceGroup {
	var g EvidenceGroup
	text := r.Bytes32(quoin.CheckpointTextMax)
	if r.Err() != nil {
		return g
	}
	var err error
	if g.Checkpoint, err = quoin.ParseCheckpoint(string(text)); err != nil {
		r.Fail("%v", err)
		return g
	}
	g.Directory = make([]state.NamespaceRoot, r.Count16(state.NamespacesMax, 34))
	for i := range g.Directory {
		g.Directory[i].Name = string(r.Bytes8(quoin.NamespaceMax))
		r.Copy(g.Directory[i].Root[:])
		if i > 0 && g.Directory[i].Name <= g.Directory[i-1].Name {
			r.Fail("directory out of order")
		}
	}
	g.Bytes = r.Bytes32(quoin.EntryBytesMax)
	g.Path = make([]quoin.Hash, r.Count16(evidencePathMax, 32))
	for i := range g.Path {
		r.Copy(g.Path[i][:])
	}
	return g
}

// Judge returns the namespace that the evidence shows to be to blame. It depends on nothing but its
// arguments.
func (e *Evidence) Judge(origin quoin.Origin, epoch quoin.Epoch, set *quoin.ValidatorSet) (string, error) {
	return e.judge(origin, epoch, set, &Flaws{})
}

func (e *Evidence) judge(origin quoin.Origin, epoch quoin.Epoch, set *quoin.ValidatorSet, f *Flaws) (string, error) {
	weights, err := e.weigh(origin, epoch, set, f)
	if err != nil {
		return "", err
	}
	if e.Entry {
		return e.blameEntry(weights, set.FaultBound())
	}
	return e.blameRoot(weights, set.FaultBound())
}

// weigh checks the votes and returns the weight behind each group.
func (e *Evidence) weigh(origin quoin.Origin, epoch quoin.Epoch, set *quoin.ValidatorSet, f *Flaws) ([]uint64, error) {
	digests := make([]quoin.Hash, len(e.Groups))
	for i := range e.Groups {
		c := &e.Groups[i].Checkpoint
		if c.Origin != origin || c.Epoch != epoch || c.View != e.View || c.Block != e.Block {
			return nil, noEvidence("group %d is about another block", i)
		}
		if digests[i] = c.Digest(); slices.Contains(digests[:i], digests[i]) {
			return nil, noEvidence("group %d is there twice", i)
		}
	}
	weights := make([]uint64, len(e.Groups))
	total := uint64(0)
	for _, v := range e.Votes {
		if int(v.Validator) >= set.Len() || int(v.Group) >= len(e.Groups) {
			return nil, noEvidence("a vote of validator %d for group %d", v.Validator, v.Group)
		}
		text := simplex.NotarizeBytes(origin.ID(), epoch, e.View, e.Block, digests[v.Group])
		if m := set.At(int(v.Validator)); f.BelieveAccusers || signature.Verify(m.Key, text, v.Signature) {
			weights[v.Group] += m.Weight
			total += m.Weight
			continue
		}
		return nil, noEvidence("validator %d did not sign its vote", v.Validator)
	}
	if !set.IsQuorum(total) {
		return nil, noEvidence("votes of weight %d of %d", total, set.Total())
	}
	return weights, nil
}

// tally sums weights by value.
type tally struct {
	values  []quoin.Hash
	weights []uint64
}

func (t *tally) add(value quoin.Hash, weight uint64) {
	i := slices.Index(t.values, value)
	if i < 0 {
		i = len(t.values)
		t.values, t.weights = append(t.values, value), append(t.weights, 0)
	}
	t.weights[i] += weight
}

// outside returns the weight outside the largest value.
func (t *tally) outside() uint64 {
	sum, largest := uint64(0), uint64(0)
	for _, w := range t.weights {
		sum, largest = sum+w, max(largest, w)
	}
	return sum - largest
}

func (e *Evidence) blameEntry(weights []uint64, f uint64) (string, error) {
	byNamespace := map[string]*tally{}
	for i := range e.Groups {
		g := &e.Groups[i]
		leaf := ledger.LeafHash(g.Bytes)
		if err := ledger.VerifyInclusion(leaf, e.Index, g.Checkpoint.Size, g.Checkpoint.Ledger, g.Path); err != nil {
			return "", noEvidence("group %d: %v", i, err)
		}
		entry, err := quoin.DecodeEntry(g.Bytes)
		if err != nil {
			return "", noEvidence("group %d: %v", i, err)
		}
		namespace := entry.Transaction.Namespace
		if byNamespace[namespace] == nil {
			byNamespace[namespace] = &tally{}
		}
		byNamespace[namespace].add(leaf, weights[i])
		if namespace != quoin.KernelNamespace && byNamespace[namespace].outside() > f {
			return namespace, nil
		}
	}
	return "", noEvidence("the entry with index %d differs among at most f", e.Index)
}

func (e *Evidence) blameRoot(weights []uint64, f uint64) (string, error) {
	var names []string
	for i := range e.Groups {
		g := &e.Groups[i]
		if state.DirectoryRoot(g.Directory) != g.Checkpoint.State {
			return "", noEvidence("the directory of group %d is not its state's", i)
		}
		for _, d := range g.Directory {
			names = append(names, d.Name)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		var t tally
		for i := range e.Groups {
			t.add(rootOf(e.Groups[i].Directory, name), weights[i])
		}
		if name != quoin.KernelNamespace && t.outside() > f {
			return name, nil
		}
	}
	return "", noEvidence("every namespace's root differs among at most f")
}

func rootOf(directory []state.NamespaceRoot, name string) quoin.Hash {
	for _, d := range directory {
		if d.Name == name {
			return d.Root
		}
	}
	return quoin.Hash{}
}

func noEvidence(format string, args ...any) error {
	return fmt.Errorf("execution: %w: %s", ErrEvidence, fmt.Sprintf(format, args...))
}

// suspend judges the evidence of transaction i. A block with evidence that proves nothing, or what is
// known, is invalid, so that nobody can fill the ledger with it.
func (x *Executor) suspend(o *Outcome, kernel *kernelState, i int) error {
	payload := o.Block.Transactions()[i].Payload
	namespace, err := x.Judge(payload)
	if err != nil {
		x.c.Marks.Reach(&marks[markEvidenceRefused])
		return invalid("a suspension: %v", err)
	}
	if !governance.Suspend(kernel, namespace, governance.Suspension{Height: o.Block.Header().Height, Reason: ReasonSplit,
		Evidence: sha256.Sum256(payload)}) {
		return invalid("a suspension of %s, which is suspended already", namespace)
	}
	x.c.Marks.Reach(&marks[markSuspends])
	o.Suspended = namespace
	o.Results[i] = quoin.Result{Output: []byte(namespace)}
	return nil
}

// Judge returns the namespace to blame by the evidence in a suspension's payload.
func (x *Executor) Judge(payload []byte) (string, error) {
	if len(payload) == 0 || payload[0] != suspensionKind {
		return "", noEvidence("not the payload of a suspension")
	}
	e, err := DecodeEvidence(payload[1:])
	if err != nil {
		return "", err
	}
	c := &x.tip.Configuration
	return e.judge(x.c.Origin, c.Epoch, &c.Validators, &x.flaws)
}
