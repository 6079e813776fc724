package client_test

import (
	"bytes"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api/apitest"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/audit"
)

// A history that is read from a node verifies without it, across epochs.
func TestAudit(t *testing.T) {
	w := apitest.Start(t, apitest.Options{})
	c := open(t, w)
	ctx := within(t)
	expiry, err := c.Expiry(ctx)
	if err != nil {
		t.Fatal(err)
	}
	propose := governance.NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "weighted-random"})
	propose.Note = "fairer"
	certify(t, c, w.Kernel(w.Admin, governance.Encode(propose), 1, expiry))
	certify(t, c, w.Kernel(w.Admin, governance.Encode(governance.Cancel{Proposal: 1, Note: "not now"}), 2, expiry))

	o := audit.Options{Origin: w.Genesis.Origin(), Environment: execution.Environment(), Trust: client.AuditTrust}
	var file bytes.Buffer
	x := audit.NewWriter(&file, o)
	if err := x.Header(w.Genesis); err != nil {
		t.Fatal(err)
	}
	var read []audit.Entry
	if err := c.Audit(ctx, x, func(e *audit.Entry) error {
		read = append(read, *e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	written, err := x.End()
	if err != nil {
		t.Fatal(err)
	}
	verified, err := audit.Verify(bytes.NewReader(file.Bytes()), o, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, file.Bytes())
	}
	if written.Head != verified.Head || uint64(len(read)) != verified.Events || verified.Events < 2 {
		t.Errorf("wrote %+v, verified %+v, read %d events", written, verified, len(read))
	}
	if e := read[0]; e.Kind != "propose" || e.Who() != "proposer (org-0)" || e.Why != "fairer" {
		t.Errorf("the first event is %+v", e)
	}
	if e := read[len(read)-1]; e.Kind != "cancel" || e.Why != "not now" || len(e.Became) != 1 || e.Became[0].To != "cancelled" {
		t.Errorf("the last event is %+v", e)
	}
}
