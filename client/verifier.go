package client

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/ledger"
	"quoin.dev/quoin/signature"
	"quoin.dev/quoin/state"
)

// ErrProof is wrapped by every refusal of what does not verify: whoever told it lies, is broken, or
// belongs to another chain.
var ErrProof = errors.New("client: proof refused")

// ErrFork says that two certificates that verify contradict each other: more than f of weight have
// signed two histories. Stop and compare notes with others; keep both certificates as evidence.
var ErrFork = errors.New("client: the chain is forked")

// ErrEpochUnknown says that a certificate is of an epoch to which no proof has led yet.
var ErrEpochUnknown = errors.New("client: the certificate is of an epoch that is not known yet")

// EpochsMax is the most epochs that a Verifier follows from one anchor.
const EpochsMax = 1 << 16

// EpochProof leads from one epoch to the next (KERNEL K8): the configuration of the next epoch,
// proved by the state under a certificate of the one before, at its last height.
type EpochProof struct {
	Certificate quoin.Certificate
	Proof       []byte // canonical bytes of the state proof of governance.EpochKey
}

// Verifier follows a chain's validators from a trust anchor and verifies by them. Its methods may
// be called by several goroutines.
//
// Rules: a certificate of epoch e counts only for the heights of e, from the first after e-1's last
// to e's own last if that is known; e+1 is believed only under a certificate of e at the height just
// before the first that it names, of the last block or of a tail block.
type Verifier struct {
	origin quoin.Origin
	mu     sync.RWMutex
	epochs []epoch
	newest quoin.Checkpoint // the highest that was verified
	recent [16]quoin.Hash   // of certificates that verified: many answers carry the same
	place  int
}

// epoch is a run of heights under one configuration.
type epoch struct {
	configuration quoin.Configuration
	last          quoin.Height // 0: not known
	keys          *signature.Keys
	link          EpochProof // that led here; none for the anchor's
}

// NewVerifier returns a Verifier that trusts a.
func NewVerifier(a Anchor) *Verifier {
	v := &Verifier{origin: a.Origin, epochs: []epoch{{configuration: a.Configuration}}}
	v.newest.Time = a.Time
	v.epochs[0].keys = signature.KeysOf(a.Configuration.Validators)
	return v
}

// Origin returns the chain's origin.
func (v *Verifier) Origin() quoin.Origin { return v.origin }

// Epoch returns the newest epoch that is known.
func (v *Verifier) Epoch() quoin.Epoch {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.last().configuration.Epoch
}

// Configuration returns the configuration of an epoch, if it is known.
func (v *Verifier) Configuration(e quoin.Epoch) (quoin.Configuration, bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if x := v.at(e); x != nil {
		return x.configuration, true
	}
	return quoin.Configuration{}, false
}

// Newest returns the highest checkpoint that was verified; its height is 0 if none was.
func (v *Verifier) Newest() quoin.Checkpoint {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.newest
}

// Anchor returns what may be saved and trusted later: the newest epoch.
func (v *Verifier) Anchor() Anchor {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return Anchor{Origin: v.origin, Time: v.newest.Time, Configuration: v.last().configuration}
}

func (v *Verifier) last() *epoch { return &v.epochs[len(v.epochs)-1] }

// at returns an epoch, or nil.
func (v *Verifier) at(e quoin.Epoch) *epoch {
	first := v.epochs[0].configuration.Epoch
	if e < first || uint64(e-first) >= uint64(len(v.epochs)) {
		return nil
	}
	return &v.epochs[e-first]
}

// VerifyCertificate returns nil if a quorum of the validators of its epoch made the certificate, for
// a height of that epoch. It returns ErrEpochUnknown for a later epoch than those known.
func (v *Verifier) VerifyCertificate(c *quoin.Certificate) error {
	digest := quoin.Hash(sha256.Sum256(c.AppendBinary(nil)))
	v.mu.RLock()
	if slices.Contains(v.recent[:], digest) {
		v.mu.RUnlock()
		return nil
	}
	err := v.verify(c)
	if err == nil && contradicts(&c.Checkpoint, &v.newest) {
		err = fmt.Errorf("%w: at height %d", ErrFork, c.Checkpoint.Height)
	}
	known := len(v.epochs)
	v.mu.RUnlock()
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if c.Checkpoint.Height > v.newest.Height {
		v.newest = c.Checkpoint
	}
	if known == len(v.epochs) {
		v.recent[v.place%len(v.recent)] = digest
		v.place++
	}
	return nil
}

// contradicts reports whether two checkpoints of one height differ in what they say of the history.
// View and block may differ: a tail block repeats the height of the last block of an epoch.
func contradicts(a, b *quoin.Checkpoint) bool {
	return a.Height == b.Height && b.Height > 0 && (a.Size != b.Size || a.Ledger != b.Ledger || a.State != b.State || a.Time != b.Time)
}

func (v *Verifier) verify(c *quoin.Certificate) error {
	p := &c.Checkpoint
	if p.Origin != v.origin {
		return fmt.Errorf("%w: it is of chain %q, this is %q", ErrProof, p.Origin, v.origin)
	}
	if p.Epoch > v.last().configuration.Epoch {
		return fmt.Errorf("%w: epoch %d, known up to %d", ErrEpochUnknown, p.Epoch, v.last().configuration.Epoch)
	}
	e := v.at(p.Epoch)
	if e == nil {
		return fmt.Errorf("%w: its certificate is of epoch %d, the trust anchor of the later epoch %d; use an earlier anchor, such as the genesis", ErrProof, p.Epoch, v.epochs[0].configuration.Epoch)
	}
	if p.Height < e.configuration.First || e.last != 0 && p.Height > e.last {
		return fmt.Errorf("%w: a certificate of epoch %d for height %d, which is not of that epoch", ErrProof, p.Epoch, p.Height)
	}
	if err := signature.VerifyCertificate(c, v.origin, e.configuration.Validators, e.keys); err != nil {
		return fmt.Errorf("%w: %w", ErrProof, err)
	}
	return nil
}

// Extend takes the proof of the epoch after the newest known one.
func (v *Verifier) Extend(p EpochProof) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.last()
	if p.Certificate.Checkpoint.Epoch != now.configuration.Epoch {
		return fmt.Errorf("%w: it leads on from epoch %d, known up to %d", ErrProof, p.Certificate.Checkpoint.Epoch, now.configuration.Epoch)
	}
	if len(v.epochs) >= EpochsMax {
		return fmt.Errorf("%w: more than %d epochs from the trust anchor; use a newer one", ErrAnchor, EpochsMax)
	}
	next, err := v.extension(&p)
	if err != nil {
		return err
	}
	now.last = p.Certificate.Checkpoint.Height
	clear(v.recent[:]) // what was good while the end was not known may not be any more
	if len(v.epochs) > 1 {
		now.keys = nil // unpacked keys are large, and old epochs are seldom asked about
	}
	p.Certificate = p.Certificate.Trim(now.configuration.Validators)
	v.epochs = append(v.epochs, epoch{configuration: next, keys: signature.KeysOf(next.Validators), link: p})
	if p.Certificate.Checkpoint.Height > v.newest.Height {
		v.newest = p.Certificate.Checkpoint
	}
	return nil
}

// extension verifies the proof and returns the next configuration.
func (v *Verifier) extension(p *EpochProof) (quoin.Configuration, error) {
	none := quoin.Configuration{}
	c := &p.Certificate.Checkpoint
	if err := v.verify(&p.Certificate); err != nil {
		return none, err
	}
	value, present, err := verifyState(p.Proof, c.State, quoin.KernelNamespace, governance.EpochKey(c.Epoch+1))
	if err != nil {
		return none, err
	}
	if !present {
		return none, fmt.Errorf("%w: height %d does not end epoch %d", ErrProof, c.Height, c.Epoch)
	}
	next, err := quoin.DecodeConfiguration(value)
	if err != nil {
		return none, fmt.Errorf("%w: the configuration of epoch %d: %w", ErrProof, c.Epoch+1, err)
	}
	if next.Epoch != c.Epoch+1 || next.First != c.Height+1 {
		return none, fmt.Errorf("%w: the configuration is of epoch %d from height %d on, its proof of epoch %d at height %d", ErrProof, next.Epoch, next.First, c.Epoch, c.Height)
	}
	return next, nil
}

// links returns the proofs that lead from the anchor to an epoch.
func (v *Verifier) links(to quoin.Epoch) []EpochProof {
	v.mu.RLock()
	defer v.mu.RUnlock()
	var links []EpochProof
	for i := 1; i < len(v.epochs) && v.epochs[i].configuration.Epoch <= to; i++ {
		links = append(links, v.epochs[i].link)
	}
	return links
}

// verifyState verifies the canonical bytes of a state proof under a root.
func verifyState(proof []byte, root quoin.Hash, namespace string, key []byte) (value []byte, present bool, err error) {
	var p state.Proof
	if err := p.UnmarshalBinary(proof); err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrProof, err)
	}
	value, present, err = p.Verify(root, namespace, key)
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrProof, err)
	}
	return value, present, nil
}

// VerifyEntry verifies that an entry stands at its index of the certified ledger. The certificate is
// verified too.
func (v *Verifier) VerifyEntry(p *ledger.EntryProof) (quoin.Entry, error) {
	if err := v.VerifyCertificate(&p.Certificate); err != nil {
		return quoin.Entry{}, err
	}
	return verifyEntry(p)
}

// verifyEntry is VerifyEntry under a certificate that was verified.
func verifyEntry(p *ledger.EntryProof) (quoin.Entry, error) {
	c := &p.Certificate.Checkpoint
	if err := ledger.VerifyInclusion(ledger.LeafHash(p.Entry), p.Index, c.Size, c.Ledger, p.Path); err != nil {
		return quoin.Entry{}, fmt.Errorf("%w: %w", ErrProof, err)
	}
	entry, err := quoin.DecodeEntry(p.Entry)
	if err != nil {
		return quoin.Entry{}, fmt.Errorf("%w: the entry: %w", ErrProof, err)
	}
	return entry, nil
}
