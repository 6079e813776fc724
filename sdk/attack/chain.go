package attack

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/policy"
	"quoin.dev/quoin/ledger"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/signature"
	"quoin.dev/quoin/state"
	"quoin.dev/quoin/store"
)

// person is somebody with a key.
type person struct {
	public  quoin.PublicKey
	private ed25519.PrivateKey
}

func personKey(name string) person {
	seed := sha256.Sum256([]byte("quoin/attack/" + name))
	key := ed25519.NewKeyFromSeed(seed[:])
	return person{signature.PublicOf(key), key}
}

// Namespaces of the chains.
const (
	hostileNamespace   = "hostile"
	bystanderNamespace = "bystander"
)

// chain is one replica of a chain without consensus: blocks are executed, and certified at once.
type chain struct {
	store    *store.Memory
	state    *state.State
	log      *ledger.Log
	config   execution.Config
	tip      execution.Tip // the genesis
	executor *execution.Executor
	salt     uint64
}

// configuration returns the genesis of a chain of some validators: somebody who proposes, somebody
// who approves, a bystander in its namespace, round-robin, and the bindings.
func configuration(members int, bindings ...quoin.Binding) (quoin.Configuration, error) {
	var list []quoin.Validator
	for i := range members {
		name := fmt.Sprintf("v%d", i)
		list = append(list, quoin.Validator{Name: name, Key: personKey(name).public, Weight: 1})
	}
	set, err := quoin.NewValidatorSet(list)
	if err != nil {
		return quoin.Configuration{}, err
	}
	c := quoin.Configuration{Epoch: 1, First: 1, Validators: set, Parameters: quoin.DefaultParameters()}
	c.Parameters.UnsignedTransactionsFlag = 1
	c.Members = []quoin.Member{
		{Name: "proposer", Key: personKey("proposer").public, Organisation: "org-0", Roles: quoin.RoleProposer},
		{Name: "approver", Key: personKey("approver").public, Organisation: "org-1", Roles: quoin.RoleApprover},
	}
	quoin.SortMembers(c.Members)
	c.Policies = policy.Light(1)
	c = c.WithBinding(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin"})
	c = c.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: bystanderNamespace, Builtin: "kv"})
	for _, b := range bindings {
		c = c.WithBinding(b)
	}
	return c, c.Check()
}

// newChain returns a chain at its genesis; table serves its bindings.
func newChain(table *plugin.Table, c quoin.Configuration, h Hole) (*chain, error) {
	g := &quoin.Genesis{Network: "attack", Chain: "main", Time: 1_700_000_000_000, Configuration: c}
	x := &chain{store: store.NewMemory()}
	var err error
	if x.state, err = state.Open(x.store, state.Options{}); err != nil {
		return nil, err
	}
	if x.log, err = ledger.Open(x.store); err != nil {
		return nil, err
	}
	o, err := x.state.NewOverlay(nil)
	if err != nil {
		return nil, err
	}
	k := &kernel{overlay: o}
	governance.Init(k, &g.Configuration)
	root, err := o.Seal()
	if err != nil || k.err != nil {
		return nil, fmt.Errorf("genesis: %w, %w", err, k.err)
	}
	var b store.Batch
	if err := x.state.Commit(o, 0, &b); err != nil {
		return nil, err
	}
	if err := x.store.Apply(&b, true); err != nil {
		return nil, err
	}
	edge := x.log.Edge()
	tip := execution.Tip{Configuration: g.Configuration, Seed: execution.FirstSeed(g.Hash()), Seen: execution.NewSeen(c.Parameters.ExpiryWindowHeights),
		Checkpoint: quoin.Checkpoint{Origin: g.Origin(), Ledger: edge.Root(), Block: g.Hash(), State: root, Time: g.Time}}
	x.config = execution.Config{Origin: g.Origin(), State: x.state, Log: x.log, Table: table,
		Environment: h.environment(execution.Environment()),
		Verified:    func(quoin.Hash, *quoin.Transaction) bool { return true }} // who signed is not what is tried here
	x.tip = tip
	x.executor = execution.New(x.config, tip)
	return x, nil
}

// kernel is the kernel's namespace of an overlay.
type kernel struct {
	overlay *state.Overlay
	err     error
}

func (k *kernel) Get(key []byte) ([]byte, bool) {
	v, ok, err := k.overlay.Get(quoin.KernelNamespace, key)
	k.note(err)
	return v, ok
}

func (k *kernel) Put(key, value []byte) { k.note(k.overlay.Put(quoin.KernelNamespace, key, value)) }
func (k *kernel) Delete(key []byte)     { k.note(k.overlay.Delete(quoin.KernelNamespace, key)) }

func (k *kernel) note(err error) {
	if k.err == nil {
		k.err = err
	}
}

// transact makes a transaction that is new to the chain.
func (c *chain) transact(namespace string, payload []byte) quoin.Transaction {
	c.salt++
	return quoin.Transaction{Salt: c.salt, Expiry: c.executor.Tip().Height + 10, Namespace: namespace, Payload: payload}
}

// command makes a person's command to governance.
func (c *chain) command(p person, command governance.Command) quoin.Transaction {
	t := c.transact(quoin.KernelNamespace, governance.Encode(command))
	t.Sender = p.public
	return t
}

// propose makes the block that follows the tip.
func (c *chain) propose(transactions ...quoin.Transaction) *quoin.Block {
	tip := c.executor.Tip()
	h := quoin.Header{Epoch: c.executor.Configuration().Epoch, View: tip.View + 1, Height: tip.Height + 1, Parent: tip.Block,
		ParentCheckpoint: tip.Digest(), ParentView: tip.View, Time: tip.Time + 1}
	if tip.Epoch != h.Epoch {
		h.View, h.ParentView = 1, 0
	}
	return quoin.NewBlock(h, transactions)
}

// block executes the next block and makes it the tip.
func (c *chain) block(transactions ...quoin.Transaction) (*execution.Outcome, error) {
	o, err := c.executor.Execute(c.propose(transactions...))
	if err != nil {
		return nil, err
	}
	var b store.Batch
	if err := c.state.Commit(o.Overlay(), o.Checkpoint.Height, &b); err != nil {
		return nil, err
	}
	if err := c.log.Append(&b, o.Segment()); err != nil {
		return nil, err
	}
	if err := c.store.Apply(&b, true); err != nil {
		return nil, err
	}
	c.executor.Advance(o)
	return o, nil
}

// skip goes on so many heights later, as if none of those between had brought anything.
func (c *chain) skip(heights quoin.Height) {
	tip := c.tip
	tip.Checkpoint = *c.executor.Tip()
	tip.Checkpoint.Height += heights
	c.executor = execution.New(c.config, tip)
}

// governed reads the kernel's namespace of the certified state.
func (c *chain) governed() governance.State { return &certified{state: c.state} }

type certified struct{ state *state.State }

func (c *certified) Get(key []byte) ([]byte, bool) {
	v, ok, err := c.state.Get(quoin.KernelNamespace, key)
	return v, ok && err == nil
}

func (*certified) Put(_, _ []byte) {}
func (*certified) Delete(_ []byte) {}

// rootOf returns the root of a namespace.
func (c *chain) rootOf(namespace string) (root quoin.Hash) {
	for _, d := range c.state.Directory() {
		if d.Name == namespace {
			return d.Root
		}
	}
	return root
}
