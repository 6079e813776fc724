package execution

import (
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/policy"
	"quoin.dev/quoin/plugin"
)

// Who acts in the tests of governed chains. The validator is that of newFixture.
var (
	validator = quoin.PublicKey{1}
	proposer  = quoin.PublicKey{2}
	approver  = quoin.PublicKey{3}
)

// governed is a fixture whose bindings change by governance.
type governed struct {
	*fixture
	salt uint64
}

func newGoverned(t testing.TB, change func(*quoin.Configuration), builtins ...plugin.Builtin) *governed {
	t.Helper()
	g := &governed{fixture: newFixtureWith(t, func(c *quoin.Configuration) {
		c.Parameters.NoticeHeights, c.Parameters.ActivationDelayHeights, c.Parameters.ReportHeights = 1, 4, 4
		c.Members = []quoin.Member{{Name: "pat", Key: proposer, Organisation: "one", Roles: quoin.RoleProposer},
			{Name: "ann", Key: approver, Organisation: "two", Roles: quoin.RoleApprover | quoin.RoleResponder}}
		quoin.SortMembers(c.Members)
		c.Policies = policy.Light(1)
		change(c)
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
	}, builtins...)}
	g.x.c.Verify = func(ids []quoin.Hash, _ []quoin.Transaction) []bool {
		ok := make([]bool, len(ids))
		for i := range ok {
			ok[i] = true
		}
		return ok
	}
	return g
}

func asIs(*quoin.Configuration) {}

// to is a transaction for a namespace in the next block.
func (g *governed) to(namespace string, payload []byte) quoin.Transaction {
	g.salt++
	return quoin.Transaction{Salt: g.salt, Expiry: g.x.Tip().Height + 10, Namespace: namespace, Payload: payload}
}

// put is one that sets a key of the machine kv.
func (g *governed) put(key, value string) quoin.Transaction {
	var b plugin.KVBatch
	b.Put([]byte(key), []byte(value))
	return g.to("kv", b.Payload())
}

// command certifies a block with a command, which must be accepted.
func (g *governed) command(by quoin.PublicKey, c governance.Command) *Outcome {
	g.t.Helper()
	t := g.to(quoin.KernelNamespace, governance.Encode(c))
	t.Sender = by
	o := g.certify(t)
	if code := governance.Code(o.Results[0].Code); code != governance.OK {
		g.t.Fatalf("%T: %v", c, code)
	}
	return o
}

// approve proposes what to bind, up to its approval.
func (g *governed) approve(b quoin.Binding, plan governance.Plan) governance.ProposalNumber {
	g.t.Helper()
	c := governance.Propose{Subject: governance.SubjectBuiltin, Binding: b, Plan: plan}
	if r, ok := g.x.c.Table.Release(b.Release); ok {
		m := r.Manifest()
		c.Subject = governance.SubjectRelease
		c.Release = governance.Release{Digest: r.Digest(), Name: m.Name, Version: m.Version, Sequence: m.Sequence, Size: 1000, Author: quoin.PublicKey{9}}
	}
	g.command(proposer, &c)
	n := governance.OpenProposals(g.kernel())[len(governance.OpenProposals(g.kernel()))-1].Number
	g.command(validator, governance.Precheck{Proposal: n})
	g.command(approver, governance.Approve{Proposal: n})
	return n
}

// activate schedules an approved proposal and certifies the blocks up to its activation height.
func (g *governed) activate(n governance.ProposalNumber) {
	g.t.Helper()
	p := g.proposal(n)
	g.command(proposer, governance.Schedule{Proposal: n, Height: g.x.Tip().Height + 4, Restarts: p.Restarts()})
	g.command(validator, governance.Ready{Proposal: n, Restarts: p.Restarts()})
	for p = g.proposal(n); g.x.Tip().Height < p.Activation; {
		g.certify()
	}
	if s := g.proposal(n).Status; !s.Serves() {
		g.t.Fatalf("proposal %d is %v", n, s)
	}
}

func (g *governed) kernel() governance.State {
	o, err := g.x.c.State.NewOverlay(nil)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(o.Drop)
	return &kernelState{overlay: o}
}

func (g *governed) proposal(n governance.ProposalNumber) governance.Proposal {
	g.t.Helper()
	p, ok := governance.ReadProposal(g.kernel(), n)
	if !ok {
		g.t.Fatalf("no proposal %d", n)
	}
	return p
}

// rootOf returns the root of a namespace in the certified state.
func (g *governed) root(namespace string) quoin.Hash {
	o, err := g.x.c.State.NewOverlay(nil)
	if err != nil {
		g.t.Fatal(err)
	}
	defer o.Drop()
	if _, err := o.Seal(); err != nil {
		g.t.Fatal(err)
	}
	return rootOf(o.Directory(), namespace)
}

// anyAuthor takes every author's signature.
func (g *governed) anyAuthor() {
	g.x.c.Environment.Verify = func(quoin.PublicKey, []byte, quoin.Signature) bool { return true }
}

func (g *governed) bindingOf(r *plugin.Release, hook, namespace string) *quoin.Binding {
	b := *r.Binding(hook)
	b.Namespace, b.FuelMax = namespace, 1_000_000
	return &b
}
