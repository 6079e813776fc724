// Package audittest grows chains with a history of governance, for tests: real state, real certificates
// of four validators, and every kind of event.
package audittest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/audit"
	"quoin.dev/quoin/governance/policy"
	"quoin.dev/quoin/signature"
	"quoin.dev/quoin/state"
	"quoin.dev/quoin/store"
)

// Chain is a chain that only governs.
type Chain struct {
	t         testing.TB
	Genesis   *quoin.Genesis
	env       governance.Environment
	keys      map[quoin.PublicKey]ed25519.PrivateKey
	store     *store.Memory
	state     *state.State
	height    quoin.Height
	handovers []handover
	lives     uint64
}

// handover is the certificate and the state proof that lead to an epoch.
type handover struct {
	certificate quoin.Certificate
	proof       []byte
}

// Key returns the private key of somebody on the chains of a name.
func Key(network, name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(network + "/" + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// New returns a chain of a network's name at its genesis.
func New(t testing.TB, network string, env governance.Environment) *Chain {
	t.Helper()
	c := &Chain{t: t, env: env, keys: map[quoin.PublicKey]ed25519.PrivateKey{}, store: store.NewMemory()}
	g := &quoin.Genesis{Network: network, Chain: "main", Time: 1_000_000}
	g.Configuration = quoin.Configuration{Epoch: 1, First: 1, Parameters: quoin.DefaultParameters(), Policies: policy.Light(1)}
	g.Configuration.Parameters.ReportHeights = 4
	g.Configuration = g.Configuration.WithBinding(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin"})
	g.Configuration = g.Configuration.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "kv"})
	c.Genesis = g
	g.Configuration.Validators = c.set("v1", "v2", "v3", "v4")
	for _, m := range []quoin.Member{
		{Name: "ann", Organisation: "acme", Roles: quoin.RoleProposer}, {Name: "bea", Organisation: "bolt", Roles: quoin.RoleApprover},
		{Name: "bob", Organisation: "core", Roles: quoin.RoleApprover | quoin.RoleResponder}, {Name: "cat", Organisation: "core", Roles: quoin.RoleAssessor},
	} {
		m.Key = c.public(m.Name)
		g.Configuration.Members = append(g.Configuration.Members, m)
	}
	quoin.SortMembers(g.Configuration.Members)
	if err := g.Check(); err != nil {
		t.Fatal(err)
	}
	c.env.Origin = g.Origin().ID()
	var err error
	c.state, err = state.Open(c.store, state.Options{})
	c.must(err)
	c.write(func(k governance.State) { governance.Init(k, &g.Configuration) })
	return c
}

func (c *Chain) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *Chain) public(name string) quoin.PublicKey {
	key := Key(c.Genesis.Network, name)
	c.keys[signature.PublicOf(key)] = key
	return signature.PublicOf(key)
}

func (c *Chain) set(names ...string) quoin.ValidatorSet {
	var members []quoin.Validator
	for _, n := range names {
		members = append(members, quoin.Validator{Name: n, Key: c.public(n), Weight: 1})
	}
	set, err := quoin.NewValidatorSet(members)
	c.must(err)
	return set
}

// Now returns the state of governance.
func (c *Chain) Now() governance.State { return &kernel{c: c} }

// Events returns how many events there are.
func (c *Chain) Events() uint64 { return governance.ReadAudit(c.Now()).Count }

// Keys yields the kernel's namespace.
func (c *Chain) Keys() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		c.must(c.state.ScanKeys(quoin.KernelNamespace, nil, nil, yield))
	}
}

// write writes the state of the next height.
func (c *Chain) write(f func(governance.State)) {
	o, err := c.state.NewOverlay(nil)
	c.must(err)
	f(&kernel{c, o})
	_, err = o.Seal()
	c.must(err)
	var b store.Batch
	c.must(c.state.Commit(o, c.height, &b))
	c.must(c.store.Apply(&b, true))
}

// Block executes the next block, of whatever happens in it.
func (c *Chain) Block(happens ...func(s governance.State, h quoin.Height)) {
	c.t.Helper()
	c.height++
	before := governance.CurrentConfiguration(c.Now())
	c.write(func(s governance.State) {
		governance.Enact(s, governance.Decide(c.env, s, c.height))
		for _, f := range happens {
			f(s, c.height)
		}
	})
	if next := governance.CurrentConfiguration(c.Now()); next.Epoch > before.Epoch {
		c.handovers = append(c.handovers, handover{c.certify(&before), c.prove(governance.EpochKey(next.Epoch), true)})
	}
}

// By returns what sending a command does; it must be accepted.
func (c *Chain) By(name string, command governance.Command) func(governance.State, quoin.Height) {
	return func(s governance.State, h quoin.Height) {
		c.t.Helper()
		if x := governance.Apply(c.env, s, h, c.public(name), governance.Encode(command)); x.Code != 0 {
			c.t.Fatalf("height %d: %s of %s: %s", h, command.Kind(), name, governance.Code(x.Code))
		}
	}
}

// certify signs the state by a quorum of a configuration's validators.
func (c *Chain) certify(by *quoin.Configuration) quoin.Certificate {
	x := quoin.Certificate{Checkpoint: quoin.Checkpoint{Origin: c.Genesis.Origin(), Size: uint64(c.height), Ledger: sha256.Sum256([]byte("ledger")),
		Epoch: by.Epoch, Height: c.height, View: quoin.View(c.height), Block: sha256.Sum256(fmt.Append(nil, "block ", c.height)),
		State: c.state.Root(), Time: c.Genesis.Time + quoin.Time(1000*c.height)}}
	for i := range by.Validators.Len() {
		if by.Validators.IsQuorum(uint64(len(x.Signatures))) {
			break
		}
		x.Signers = x.Signers.With(i)
		x.Signatures = append(x.Signatures, signature.Sign(c.keys[by.Validators.At(i).Key], x.Checkpoint.CosignedBytes()))
	}
	return x
}

// Certificate certifies the newest state.
func (c *Chain) Certificate() quoin.Certificate {
	now := governance.ConfigurationAt(c.Now(), c.height)
	return c.certify(&now)
}

// prove returns the state proof of a key: whole, or its path alone.
func (c *Chain) prove(key []byte, whole bool) []byte {
	p, err := c.state.Prove(quoin.KernelNamespace, key)
	c.must(err)
	if !whole {
		p.Directory, p.Value = nil, nil
	}
	b, err := p.MarshalBinary()
	c.must(err)
	return b
}

// Export writes the events that w does not have yet, under one checkpoint.
func (c *Chain) Export(w *audit.Writer) {
	c.t.Helper()
	c.must(c.export(w))
}

func (c *Chain) export(w *audit.Writer) error {
	for _, h := range c.handovers[min(len(c.handovers), int(w.Epoch())-1):] {
		if h.certificate.Checkpoint.Height == c.height {
			break // nothing is certified by the next epoch yet
		}
		if err := w.Handover(h.certificate, h.proof); err != nil {
			return err
		}
	}
	if err := w.Checkpoint(c.Certificate(), c.prove(governance.AuditChainKey(), true)); err != nil {
		return err
	}
	for n, more := w.Next(); more; n, more = w.Next() {
		b, _ := c.Now().Get(governance.EventKey(n))
		if _, err := w.Event(b, c.prove(governance.EventKey(n), false)); err != nil {
			return err
		}
	}
	return nil
}

// Write writes a history that grows with the chain: one checkpoint for each of the numbers of events.
func (c *Chain) Write(w io.Writer, o audit.Options, events ...uint64) audit.Summary {
	c.t.Helper()
	x := audit.NewWriter(w, o)
	c.must(x.Header(c.Genesis))
	for _, n := range events {
		c.Grow(n)
		c.Export(x)
	}
	s, err := x.End()
	c.must(err)
	return s
}

// kernel is the kernel's namespace, of an overlay or as it was committed.
type kernel struct {
	c *Chain
	o *state.Overlay
}

var _ governance.State = (*kernel)(nil)

// Get implements governance.State.
func (k *kernel) Get(key []byte) ([]byte, bool) {
	get := k.c.state.Get
	if k.o != nil {
		get = k.o.Get
	}
	v, ok, err := get(quoin.KernelNamespace, key)
	k.c.must(err)
	return slices.Clone(v), ok
}

// Put implements governance.State.
func (k *kernel) Put(key, value []byte) { k.c.must(k.o.Put(quoin.KernelNamespace, key, value)) }

// Delete implements governance.State.
func (k *kernel) Delete(key []byte) { k.c.must(k.o.Delete(quoin.KernelNamespace, key)) }
