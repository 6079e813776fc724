package audittest

import (
	"crypto/sha256"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/signature"
)

// Grow lets the chain live until it has at least so many events, one kind of life after the other.
func (c *Chain) Grow(events uint64) {
	c.t.Helper()
	lives := []func(){c.release, c.trial, c.suspension, c.vetoed, c.faults, c.validators, c.rejected, c.rollback, c.members, c.cancelled, c.shadow, c.retired}
	for c.Events() < events {
		lives[c.lives%uint64(len(lives))]()
		c.lives++
	}
}

// propose proposes a change and returns its number.
func (c *Chain) propose(p governance.Propose) (n governance.ProposalNumber) {
	c.t.Helper()
	p.Note = fmt.Sprintf("life %d", c.lives)
	c.Block(c.By("ann", p))
	for q := range governance.Proposals(c.Now()) {
		return q.Number
	}
	c.t.Fatal("no proposal")
	return 0
}

func (c *Chain) present() []string {
	var names []string
	now := governance.ConfigurationAt(c.Now(), c.height+1)
	for _, v := range now.Validators.All() {
		names = append(names, v.Name)
	}
	return names
}

// each has each of them send a command in one block.
func (c *Chain) each(names []string, command governance.Command) {
	c.t.Helper()
	var all []func(governance.State, quoin.Height)
	for _, n := range names {
		all = append(all, c.By(n, command))
	}
	c.Block(all...)
}

// approved brings a proposal to its approval.
func (c *Chain) approved(p governance.Propose) governance.ProposalNumber {
	c.t.Helper()
	n := c.propose(p)
	c.each(c.present()[:3], governance.Precheck{Proposal: n})
	c.Block(c.By("bea", governance.Approve{Proposal: n, Note: "looks <good> & tested, 50 % of it"}))
	return n
}

// active brings a proposal to serve.
func (c *Chain) active(p governance.Propose, ready []string) governance.ProposalNumber {
	c.t.Helper()
	n := c.approved(p)
	at := c.height + 5
	c.Block(c.By("ann", governance.Schedule{Proposal: n, Height: at}))
	c.each(ready, governance.Ready{Proposal: n})
	for c.height <= at {
		c.Block()
	}
	return n
}

func (c *Chain) status(n governance.ProposalNumber, want governance.Status) {
	c.t.Helper()
	if p, _ := governance.ReadProposal(c.Now(), n); p.Status != want {
		c.t.Fatalf("life %d, height %d: proposal %d is %s (%s), want %s", c.lives, c.height, n, p.Status, p.Ending.Why, want)
	}
}

// next is the next release of a name.
func (c *Chain) next(name string) governance.Release {
	author := Key(c.Genesis.Network, "author")
	known, _ := governance.ReadName(c.Now(), name)
	r := governance.Release{Digest: sha256.Sum256(fmt.Append(nil, c.Genesis.Network, c.lives)), Name: name, Version: fmt.Sprint("1.0.", c.lives),
		Sequence: known.Sequence + 1, Size: 1000, Author: signature.PublicOf(author)}
	r.Signature = signature.Sign(author, plugin.AuthorBytes(r.Digest))
	return r
}

// release: a release of an author is proposed, assessed and serves.
func (c *Chain) release() {
	c.t.Helper()
	r := c.next("swift")
	n := c.approved(governance.NewRelease(r, quoin.Binding{Hook: "leader.v1", FuelMax: 1000}))
	c.Block(c.By("cat", governance.Attest{Proposal: n, Evidence: governance.EvidenceSecurity, Result: governance.SecurityPassed, Digest: r.Digest, Until: c.height + 1000, Note: "read by two"}))
	at := c.height + 5
	c.Block(c.By("ann", governance.Schedule{Proposal: n, Height: at}))
	c.each(c.present()[:3], governance.Ready{Proposal: n})
	for c.height <= at {
		c.Block()
	}
	c.status(n, governance.StatusActive)
}

// trial: parameters are tried, found good and confirmed.
func (c *Chain) trial() {
	c.t.Helper()
	p := governance.CurrentConfiguration(c.Now()).Parameters
	p.TimeoutBaseMS = 500 + (p.TimeoutBaseMS-499)%100
	change := governance.NewParameters(p)
	change.Plan.Trial = 40
	n := c.active(change, c.present()[:3])
	c.status(n, governance.StatusTrial)
	for c.height%4 != 0 {
		c.Block()
	}
	c.each(c.present()[:3], governance.Health{Proposal: n, Through: c.height, LatencyMS: 12})
	c.Block(c.By("ann", governance.Confirm{Proposal: n, Note: "as expected"}))
	c.status(n, governance.StatusActive)
}

// suspension: evidence suspends a namespace; approvers lift it.
func (c *Chain) suspension() {
	c.t.Helper()
	c.Block(func(s governance.State, h quoin.Height) {
		governance.Suspend(s, "kv", governance.Suspension{Height: h, Reason: 1, Evidence: sha256.Sum256(fmt.Append(nil, "evidence", c.lives))})
	})
	c.Block(c.By("bea", governance.Lift{Namespace: "kv"}))
	c.Block(c.By("bob", governance.Lift{Namespace: "kv"}))
	if _, still := governance.Suspended(c.Now(), "kv"); still {
		c.t.Fatal("kv is suspended still")
	}
}

// vetoed: validators object.
func (c *Chain) vetoed() {
	c.t.Helper()
	n := c.propose(governance.NewBuiltin(quoin.Binding{Hook: "pacemaker.v1", Builtin: "adaptive"}))
	c.each(c.present()[:2], governance.Veto{Proposal: n, Note: "not now"})
	c.status(n, governance.StatusVetoed)
}

// faults: what serves the leader's slot faults once.
func (c *Chain) faults() {
	c.t.Helper()
	c.Block(func(s governance.State, h quoin.Height) { governance.RecordFault(c.env, s, "leader.v1", 7, h) })
}

// validators: the fourth validator is replaced by the fifth, or the other way round.
func (c *Chain) validators() {
	c.t.Helper()
	next := []string{"v1", "v2", "v3", "v5"}
	for _, name := range c.present() {
		if name == "v5" {
			next[3] = "v4"
		}
	}
	n := c.active(governance.NewValidators(c.set(next...)), next)
	c.status(n, governance.StatusActive)
}

// rejected: reviewers refuse.
func (c *Chain) rejected() {
	c.t.Helper()
	n := c.propose(governance.NewBuiltin(quoin.Binding{Hook: "finality.v1", Builtin: "deep"}))
	c.each(c.present()[:3], governance.Precheck{Proposal: n})
	c.Block(c.By("bob", governance.Reject{Proposal: n, Note: "too deep"}))
	c.status(n, governance.StatusRejected)
}

// rollback: another leader serves until a responder brings back what served before.
func (c *Chain) rollback() {
	c.t.Helper()
	n := c.active(governance.NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "weighted-random"}), c.present()[:3])
	c.status(n, governance.StatusActive)
	slot, _ := governance.ReadSlot(c.Now(), "leader.v1")
	c.Block(c.By("bob", governance.Rollback{Slot: "leader.v1", From: slot.Serving, Note: "slow"}))
	c.Block()
	c.status(n, governance.StatusRolledBack)
}

// members: a new assessor joins, who is another one each time.
func (c *Chain) members() {
	c.t.Helper()
	var members []quoin.Member
	now := governance.CurrentConfiguration(c.Now())
	for _, m := range now.Members {
		if m.Name != "guest" {
			members = append(members, m)
		}
	}
	members = append(members, quoin.Member{Name: "guest", Organisation: "else", Roles: quoin.RoleAssessor, Key: c.public(fmt.Sprint("guest", c.lives))})
	n := c.active(governance.NewMembers(members), c.present()[:3])
	c.status(n, governance.StatusActive)
	rotated := Key(c.Genesis.Network, fmt.Sprint("guest", c.lives, "/new"))
	old := c.public(fmt.Sprint("guest", c.lives))
	c.Block(c.By(fmt.Sprint("guest", c.lives), governance.Rotate{New: signature.PublicOf(rotated), Signature: signature.Sign(rotated, governance.RotationBytes(c.env.Origin, old, signature.PublicOf(rotated)))}))
	c.Block(c.By(fmt.Sprint("guest", c.lives, "/new"), governance.Revoke{Key: signature.PublicOf(rotated), Note: "leaves"}))
}

// cancelled: the proposer thinks better of it.
func (c *Chain) cancelled() {
	c.t.Helper()
	n := c.propose(governance.NewUnbind("machine.v1", "kv"))
	c.Block(c.By("ann", governance.Cancel{Proposal: n, Note: "too early"}))
	c.status(n, governance.StatusCancelled)
}

// shadow: a machine runs in the shadow, is paused, begins again, and is withdrawn.
func (c *Chain) shadow() {
	c.t.Helper()
	p := governance.NewRelease(c.next("ledgerly"), quoin.Binding{Hook: "machine.v1", Namespace: "kv", FuelMax: 1000})
	p.Plan.Shadow = 8
	n := c.approved(p)
	c.Block(c.By("ann", governance.Shadow{Proposal: n}))
	for end := c.height + 4; c.height < end || c.height%4 != 0; {
		c.Block()
	}
	c.each(c.present()[:3], governance.Report{Proposal: n, Through: c.height, Comparison: governance.Comparison{Compared: 10, Skipped: 1}})
	c.Block(c.By("bob", governance.Pause{Proposal: n, Note: "wait"}))
	c.status(n, governance.StatusPaused)
	c.Block(c.By("ann", governance.Resume{Proposal: n, Note: "go on"}))
	c.Block(c.By("ann", governance.Cancel{Proposal: n, Note: "no more"}))
	c.status(n, governance.StatusCancelled)
}

// retired: what serves is deprecated, replaced twice, and retired.
func (c *Chain) retired() {
	c.t.Helper()
	binding := func(builtin string) governance.Propose {
		return governance.NewBuiltin(quoin.Binding{Hook: "finality.v1", Builtin: builtin, Parameters: []byte(fmt.Sprint(c.lives))})
	}
	n := c.active(binding("immediate"), c.present()[:3])
	c.Block(c.By("ann", governance.Deprecate{Proposal: n, EndOfLife: c.height + 100, Note: "see deep"}))
	c.status(n, governance.StatusDeprecated)
	c.active(binding("deep"), c.present()[:3])
	c.status(n, governance.StatusSuperseded)
	c.Block(c.By("ann", governance.Retire{Proposal: n, Note: "gone"}))
	c.status(n, governance.StatusRetired)
}
