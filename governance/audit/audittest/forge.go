package audittest

import (
	"crypto/sha256"
	"io"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/audit"
)

// What a quorum that breaks the rules could certify. Each writes into the state what no rule would.

// ForgeApproval records a command that is not allowed.
func (c *Chain) ForgeApproval() {
	k := c.public("nobody")
	body := append(k[:len(k):len(k)], canonical.AppendBytes32(nil, governance.Encode(governance.Approve{Proposal: 1}))...)
	c.forge(governance.AuditCommand, body)
}

// ForgeKind records an event of a kind that there is not.
func (c *Chain) ForgeKind() { c.forge(99, nil) }

// ForgeOutput records a proposal, with another number than it has.
func (c *Chain) ForgeOutput() {
	k := c.public("ann")
	body := append(k[:len(k):len(k)], canonical.AppendBytes32(nil, governance.Encode(governance.NewUnbind("machine.v1", "kv")))...)
	c.forge(governance.AuditCommand, canonical.AppendUint64(body, uint64(77)))
}

func (c *Chain) forge(kind governance.AuditKind, body []byte) {
	c.Block(func(s governance.State, h quoin.Height) {
		a := governance.ReadAudit(s).Next(kind, h, body)
		s.Put(governance.AuditChainKey(), append(canonical.AppendUint64(nil, a.Count), a.Head[:]...))
		s.Put(governance.EventKey(a.Count), append(canonical.AppendUint64([]byte{byte(kind)}, h), body...))
	})
}

// ForgeHead replaces the hash over all events.
func (c *Chain) ForgeHead() {
	c.Block(func(s governance.State, _ quoin.Height) {
		head := sha256.Sum256([]byte("forged"))
		s.Put(governance.AuditChainKey(), append(canonical.AppendUint64(nil, governance.ReadAudit(s).Count), head[:]...))
	})
}

// ForgeEpoch begins an epoch that nobody decided on, with validators of the forgers' choice.
func (c *Chain) ForgeEpoch() {
	next := c.set("v1", "v2", "v3", "v6")
	c.Block(func(s governance.State, h quoin.Height) {
		n := governance.CurrentConfiguration(s)
		n.Epoch, n.First, n.Validators = n.Epoch+1, h+1, next
		s.Put(governance.EpochKey(n.Epoch), n.AppendBinary(nil))
		s.Put([]byte("epoch"), canonical.AppendUint64(nil, uint64(n.Epoch)))
	})
	c.Block()
}

// ForgeSilence lets what was scheduled pass, as if it had never been.
func (c *Chain) ForgeSilence() {
	c.t.Helper()
	n := c.approved(governance.NewBuiltin(quoin.Binding{Hook: "pacemaker.v1", Builtin: "adaptive"}))
	at := c.height + 5
	c.Block(c.By("ann", governance.Schedule{Proposal: n, Height: at}))
	c.Block(func(s governance.State, _ quoin.Height) { s.Delete(governance.ScheduleKey(at)) })
	for c.height <= at {
		c.Block()
	}
}

// TryWrite writes all events and returns what is wrong with them.
func (c *Chain) TryWrite(w io.Writer, o audit.Options) error {
	x := audit.NewWriter(w, o)
	if err := x.Header(c.Genesis); err != nil {
		return err
	}
	if err := c.export(x); err != nil {
		return err
	}
	_, err := x.End()
	return err
}
