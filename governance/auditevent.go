package governance

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
)

// What the bodies of audit events say. All errors wrap canonical.ErrMalformed.

// AuditCommandBody is what a command's event says.
type AuditCommandBody struct {
	Signer  quoin.PublicKey
	Payload []byte // see DecodeCommand
	Output  []byte // see Apply
}

// Command decodes the body of an AuditCommand.
func (e *AuditEvent) Command() (c AuditCommandBody, err error) {
	r := canonical.NewReader(e.Body)
	r.Copy(c.Signer[:])
	c.Payload = r.Bytes32(quoin.PayloadMax)
	c.Output = r.Take(r.Len())
	return c, r.Done()
}

// Fault decodes the body of an AuditFault.
func (e *AuditEvent) Fault() (SlotFault, error) {
	r := canonical.NewReader(e.Body)
	f := SlotFault{Slot: readSlotName(r), Code: r.Uint32()}
	return f, r.Done()
}

// Suspension decodes the body of an AuditSuspension.
func (e *AuditEvent) Suspension() (namespace string, s Suspension, err error) {
	r := canonical.NewReader(e.Body)
	namespace = readNamespace(r)
	s = readSuspension(r)
	return namespace, s, r.Done()
}

// DecodeAudit decodes what stands in state under AuditChainKey.
func DecodeAudit(b []byte) (Audit, error) {
	r := canonical.NewReader(b)
	a := readAudit(r)
	return a, r.Done()
}

// MemberIn returns the member that holds a key under a configuration, by what was rotated and revoked so
// far. Its Key is the configuration's, not the one that it may have rotated to.
func MemberIn(s State, c *quoin.Configuration, key quoin.PublicKey) (quoin.Member, bool) {
	if m, ok := memberOf(s, c, key); ok {
		return *m, true
	}
	return quoin.Member{}, false
}
