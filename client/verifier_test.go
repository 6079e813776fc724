package client

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api/apitest"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/ledger"
	"quoin.dev/quoin/signature"
	"quoin.dev/quoin/state"
	"quoin.dev/quoin/store"
)

// chain makes certificates by hand: four validators of each epoch, which have other keys than those
// of the epoch before.
type chain struct {
	t      *testing.T
	origin quoin.Origin
}

func (c *chain) set(e quoin.Epoch) quoin.ValidatorSet {
	var members []quoin.Validator
	for i := range 4 {
		members = append(members, quoin.Validator{Name: fmt.Sprintf("v%d", i), Key: signature.PublicOf(apitest.Key(fmt.Sprint(e, i))), Weight: 1})
	}
	set, err := quoin.NewValidatorSet(members)
	if err != nil {
		c.t.Fatal(err)
	}
	return set
}

func (c *chain) configuration(e quoin.Epoch, first quoin.Height) quoin.Configuration {
	return quoin.Configuration{Epoch: e, First: first, Validators: c.set(e), Parameters: quoin.DefaultParameters()}
}

// sign certifies a checkpoint by three of the four validators of an epoch.
func (c *chain) sign(by quoin.Epoch, p quoin.Checkpoint) quoin.Certificate {
	x := quoin.Certificate{Checkpoint: p}
	set := c.set(by)
	for i := range 3 {
		for k := range 4 {
			if key := apitest.Key(fmt.Sprint(by, k)); signature.PublicOf(key) == set.At(i).Key {
				x.Signers = x.Signers.With(i)
				x.Signatures = append(x.Signatures, signature.Sign(key, p.CosignedBytes()))
			}
		}
	}
	return x
}

// at returns a checkpoint.
func (c *chain) at(e quoin.Epoch, h quoin.Height) quoin.Checkpoint {
	return quoin.Checkpoint{Origin: c.origin, Epoch: e, Height: h, View: quoin.View(h), Time: quoin.Time(h) * 1000, Block: quoin.Hash{byte(h)}}
}

// link returns the state's proof of a value under the key of an epoch, and certifies it.
func (c *chain) link(by quoin.Epoch, p quoin.Checkpoint, key []byte, value []byte) EpochProof {
	c.t.Helper()
	s, err := state.Open(store.NewMemory(), state.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	o, err := s.NewOverlay(nil)
	if err == nil {
		err = o.Put(quoin.KernelNamespace, key, value)
	}
	if err == nil {
		p.State, err = o.Seal()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	proof, err := o.Prove(quoin.KernelNamespace, governance.EpochKey(p.Epoch+1))
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := proof.MarshalBinary()
	if err != nil {
		c.t.Fatal(err)
	}
	return EpochProof{Certificate: c.sign(by, p), Proof: b}
}

func bytesOf(c quoin.Configuration) []byte { return c.AppendBinary(nil) }

func newChain(t *testing.T) (*chain, Anchor) {
	c := &chain{t: t, origin: "n/main/" + quoin.Origin(quoin.Hash{7}.String())}
	return c, Anchor{Origin: c.origin, Time: 1, Configuration: c.configuration(1, 1)}
}

// TestEpochRules tries every way in which a proof of an epoch can be wrong (KERNEL K8).
func TestEpochRules(t *testing.T) {
	c, anchor := newChain(t)
	good := bytesOf(c.configuration(2, 11))
	for name, p := range map[string]EpochProof{
		"a pending configuration under another key":     c.link(1, c.at(1, 10), []byte("schedule/10"), good),
		"a height before the end":                       c.link(1, c.at(1, 9), governance.EpochKey(2), good),
		"a height after the end":                        c.link(1, c.at(1, 11), governance.EpochKey(2), good),
		"the next epoch's own certificate":              c.link(2, c.at(2, 11), governance.EpochKey(3), bytesOf(c.configuration(3, 12))),
		"the next epoch's signatures":                   c.link(2, c.at(1, 10), governance.EpochKey(2), good),
		"an epoch left out":                             c.link(1, c.at(1, 10), governance.EpochKey(2), bytesOf(c.configuration(3, 11))),
		"bytes that are no configuration":               c.link(1, c.at(1, 10), governance.EpochKey(2), good[1:]),
		"another chain":                                 c.link(1, quoin.Checkpoint{Origin: "other/main/x", Epoch: 1, Height: 10}, governance.EpochKey(2), good),
		"the configuration of a later epoch, certified": c.link(1, c.at(1, 10), governance.EpochKey(3), good),
	} {
		v := NewVerifier(anchor)
		if err := v.Extend(p); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
		if v.Epoch() != 1 {
			t.Errorf("%s: epoch %d", name, v.Epoch())
		}
	}
	v := NewVerifier(anchor)
	early, late := c.sign(1, c.at(1, 10)), c.sign(1, c.at(1, 12))
	if err := v.VerifyCertificate(&late); err != nil {
		t.Errorf("while the end is not known: %v", err)
	}
	next := c.sign(2, c.at(2, 11))
	if err := v.VerifyCertificate(&next); !errors.Is(err, ErrEpochUnknown) {
		t.Errorf("an epoch that is not known: %v", err)
	}
	v = NewVerifier(anchor)
	tail := c.at(1, 10)
	tail.View, tail.Block = 99, quoin.Hash{99} // a tail block's certificate repeats the height
	if err := v.Extend(c.link(1, tail, governance.EpochKey(2), good)); err != nil {
		t.Fatal(err)
	}
	if err := v.VerifyCertificate(&next); err != nil {
		t.Error(err)
	}
	if err := v.VerifyCertificate(&late); !errors.Is(err, ErrProof) {
		t.Errorf("a certificate of epoch 1 after its end: %v", err)
	}
	before := c.sign(2, c.at(2, 10))
	if err := v.VerifyCertificate(&before); !errors.Is(err, ErrProof) {
		t.Errorf("a certificate of epoch 2 before its beginning: %v", err)
	}
	old := c.sign(1, c.at(2, 12))
	if err := v.VerifyCertificate(&old); !errors.Is(err, ErrProof) {
		t.Errorf("validators that have left: %v", err)
	}
	if err := v.VerifyCertificate(&early); err != nil {
		t.Errorf("a certificate within the old epoch: %v", err)
	}
	saved := NewVerifier(v.Anchor())
	if err := saved.VerifyCertificate(&early); !errors.Is(err, ErrProof) {
		t.Errorf("before the anchor: %v", err)
	}
}

func TestFork(t *testing.T) {
	c, anchor := newChain(t)
	v := NewVerifier(anchor)
	a, b := c.at(1, 5), c.at(1, 5)
	b.State = quoin.Hash{1}
	x, y := c.sign(1, a), c.sign(1, b)
	if err := v.VerifyCertificate(&x); err != nil {
		t.Fatal(err)
	}
	if err := v.VerifyCertificate(&y); !errors.Is(err, ErrFork) {
		t.Errorf("two states of one height: %v", err)
	}
}

func TestTrustPeriod(t *testing.T) {
	_, anchor := newChain(t)
	now := time.UnixMilli(int64(anchor.Time)).Add(time.Hour)
	if err := anchor.CheckAge(now, 0); err != nil {
		t.Error(err)
	}
	if err := anchor.CheckAge(now, 59*time.Minute); !errors.Is(err, ErrAnchor) {
		t.Error(err)
	}
}

// TestTailBlocks wants blocks that only a tail block's certificate makes final, and no other chain of
// headers.
func TestTailBlocks(t *testing.T) {
	c, anchor := newChain(t)
	header := quoin.Header{Epoch: 1, View: 1, Height: 1, Parent: quoin.Hash{1}, Time: 5000}
	var edge ledger.Edge
	tx := apitest.Put("k", "v", 1, 9)
	entry := quoin.Entry{Transaction: tx}
	block := quoin.NewBlock(header, []quoin.Transaction{tx})
	before := edge.AppendBinary(nil)
	edge.Append(ledger.LeafHash(entry.AppendBinary(nil)))
	var tails [][]byte
	parent := block.ID()
	for view := range 2 {
		tail := quoin.Header{Epoch: 1, View: quoin.View(view + 2), ParentView: quoin.View(view + 1), Height: 1, Parent: parent, Time: 5000}
		x := quoin.NewBlock(tail, nil)
		tails, parent = append(tails, x.Header().AppendBinary(nil)), x.ID()
	}
	p := quoin.Checkpoint{Origin: c.origin, Size: 1, Ledger: edge.Root(), Epoch: 1, Height: 1, View: 3, Block: parent, Time: 5000}
	certificate := c.sign(1, p)
	id := block.ID()
	m := &quoinv1.Block{Height: 1, Id: id[:], Header: block.Header().AppendBinary(nil), Entries: [][]byte{entry.AppendBinary(nil)}, Epoch: 1, View: 1, TimeMs: 5000}
	try := func(tails [][]byte, x *quoin.Certificate) error {
		f := follower{v: NewVerifier(anchor)}
		if err := errors.Join(f.begin(before), f.add(m), f.v.VerifyCertificate(x)); err != nil {
			return err
		}
		_, err := f.certify(x, tails)
		return err
	}
	if err := try(tails, &certificate); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][][]byte{
		"none": nil, "one left out": tails[1:], "the last left out": tails[:1], "out of order": {tails[1], tails[0]},
		"one too many": append(slices.Clone(tails), tails[1]), "not a header": {tails[0][1:], tails[1]}, "with a transaction": {m.Header, tails[1]},
	} {
		if err := try(bad, &certificate); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*quoin.Checkpoint){
		"another ledger": func(p *quoin.Checkpoint) { p.Ledger[0]++ },
		"another size":   func(p *quoin.Checkpoint) { p.Size++ },
		"another height": func(p *quoin.Checkpoint) { p.Height++ },
		"another time":   func(p *quoin.Checkpoint) { p.Time++ },
		"another block":  func(p *quoin.Checkpoint) { p.Block[0]++ },
	} {
		q := p
		change(&q)
		x := c.sign(1, q)
		if err := try(tails, &x); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
