package client

import (
	"context"
	"fmt"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/ledger"
)

// Stage is how far a transaction has come.
type Stage = quoinv1.Stage

// The stages.
const (
	Pending   = quoinv1.Stage_STAGE_PENDING
	Included  = quoinv1.Stage_STAGE_INCLUDED // the node's word; not durable, not final
	Certified = quoinv1.Stage_STAGE_CERTIFIED
	Refused   = quoinv1.Stage_STAGE_REFUSED
	Expired   = quoinv1.Stage_STAGE_EXPIRED // the node's word
	// Reported is Certified, and no longer held back by the chain's finality.v1: the node's word.
	Reported = quoinv1.Stage_STAGE_REPORTED
)

// Outcome is what became of a transaction.
type Outcome struct {
	ID      quoin.Hash
	Stage   Stage
	Code    string   // stable: why it is refused, or how it was taken
	Receipt *Receipt // of Certified and Reported; verified
}

// Receipt says that a transaction with its result is final. It was verified.
type Receipt struct {
	ID          quoin.Hash
	Entry       uint64 // number in the ledger
	Transaction quoin.Transaction
	Result      quoin.Result
	Checkpoint  quoin.Checkpoint // certified; its height is at or after the transaction's block's
	Height      quoin.Height     // of the block: the node's word
	Index       uint32           // in the block: the node's word
	proof       ledger.EntryProof
	c           *Client
}

// Proof returns the receipt as a proof for others.
func (r *Receipt) Proof() *Proof {
	set, _ := r.c.verifier.Configuration(r.Checkpoint.Epoch)
	return &Proof{Kind: ProofOfEntry, Index: r.Entry, Value: r.proof.Entry, Proof: joinHashes(r.proof.Path),
		Certificate: r.proof.Certificate.Trim(set.Validators), Epochs: r.c.verifier.links(r.Checkpoint.Epoch)}
}

func joinHashes(hashes []quoin.Hash) []byte {
	b := []byte{}
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b
}

// Submit hands over transactions, waits until each has reached the stage or is refused, and returns
// an outcome for each, in order. Pending does not wait. It may be repeated.
func (c *Client) Submit(ctx context.Context, txs []quoin.Transaction, until Stage) ([]Outcome, error) {
	m := &quoinv1.SubmitRequest{Wait: until}
	if until == Pending {
		m.Wait = quoinv1.Stage_STAGE_UNSPECIFIED
	}
	ids := make([]quoin.Hash, len(txs))
	for i := range txs {
		ids[i] = txs[i].ID(c.verifier.Origin().ID())
		m.Transactions = append(m.Transactions, toTransaction(&txs[i]))
	}
	return call(ctx, c, func(e *endpoint) ([]Outcome, error) {
		r, err := e.ledger.Submit(ctx, connect.NewRequest(m))
		if err != nil {
			return nil, err
		}
		c.warn(r.Msg.Warnings)
		return c.outcomes(ctx, e, r.Msg, ids, until)
	})
}

// Wait waits for transactions that were submitted before, as Submit does.
func (c *Client) Wait(ctx context.Context, ids []quoin.Hash, until Stage) ([]Outcome, error) {
	m := &quoinv1.WaitRequest{Until: until}
	for i := range ids {
		m.Ids = append(m.Ids, ids[i][:])
	}
	return call(ctx, c, func(e *endpoint) ([]Outcome, error) {
		r, err := e.ledger.Wait(ctx, connect.NewRequest(m))
		if err != nil {
			return nil, err
		}
		return c.outcomes(ctx, e, r.Msg, ids, until)
	})
}

// Transaction returns the receipt of a certified transaction of the chain's expiry window.
func (c *Client) Transaction(ctx context.Context, id quoin.Hash) (*Receipt, error) {
	return c.receipt(ctx, &quoinv1.GetTransactionRequest{By: &quoinv1.GetTransactionRequest_Id{Id: id[:]}}, func(r *Receipt) bool { return r.ID == id })
}

// Entry returns the receipt of an entry of the ledger.
func (c *Client) Entry(ctx context.Context, number uint64) (*Receipt, error) {
	return c.receipt(ctx, &quoinv1.GetTransactionRequest{By: &quoinv1.GetTransactionRequest_Entry{Entry: number}}, func(r *Receipt) bool { return r.Entry == number })
}

func (c *Client) receipt(ctx context.Context, m *quoinv1.GetTransactionRequest, wanted func(*Receipt) bool) (*Receipt, error) {
	return call(ctx, c, func(e *endpoint) (*Receipt, error) {
		r, err := e.ledger.GetTransaction(ctx, connect.NewRequest(m))
		if err != nil {
			return nil, err
		}
		x, err := c.certificate(ctx, e, r.Msg.Certificate)
		if err != nil {
			return nil, err
		}
		receipt, err := c.verifyReceipt(r.Msg.Receipt, &x)
		if err == nil && !wanted(receipt) {
			err = fmt.Errorf("%w: the receipt is of another transaction", ErrProof)
		}
		return receipt, err
	})
}

// outcomes verifies an answer.
func (c *Client) outcomes(ctx context.Context, e *endpoint, m *quoinv1.SubmitResponse, ids []quoin.Hash, until Stage) ([]Outcome, error) {
	if len(m.Outcomes) != len(ids) {
		return nil, fmt.Errorf("%w: %d outcomes of %d transactions", ErrProof, len(m.Outcomes), len(ids))
	}
	certificates, err := c.certificates(ctx, e, m.Certificates)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(ids))
	for i, o := range m.Outcomes {
		outcomes[i] = Outcome{ID: ids[i], Stage: o.Stage, Code: o.Code}
		switch {
		case o.Stage == Certified && until != Reported, o.Stage == Reported && until == Reported:
		case o.Stage == Refused, o.Stage == Expired, o.Stage == Pending && until == Pending, o.Stage == Included && until == Included:
			continue
		default:
			return nil, fmt.Errorf("%w: %s was asked for, %s answered", ErrProof, until, o.Stage)
		}
		if outcomes[i].Receipt, err = c.listed(o.Receipt, certificates, ids[i]); err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

func (c *Client) certificates(ctx context.Context, e *endpoint, list []*quoinv1.Certificate) ([]quoin.Certificate, error) {
	certificates := make([]quoin.Certificate, len(list))
	for i, m := range list {
		var err error
		if certificates[i], err = c.certificate(ctx, e, m); err != nil {
			return nil, err
		}
	}
	return certificates, nil
}

// listed verifies a receipt that names one of a list of certificates, which were verified.
func (c *Client) listed(m *quoinv1.Receipt, certificates []quoin.Certificate, id quoin.Hash) (*Receipt, error) {
	if m == nil || uint64(m.Certificate) >= uint64(len(certificates)) {
		return nil, fmt.Errorf("%w: a certified transaction without receipt or certificate", ErrProof)
	}
	r, err := c.verifyReceipt(m, &certificates[m.Certificate])
	if err != nil {
		return nil, err
	}
	if r.ID != id {
		return nil, fmt.Errorf("%w: the receipt is of transaction %s, want %s", ErrProof, r.ID, id)
	}
	return r, nil
}

// verifyReceipt verifies a receipt under a certificate that was verified.
func (c *Client) verifyReceipt(m *quoinv1.Receipt, x *quoin.Certificate) (*Receipt, error) {
	path, err := splitHashes(m.GetPath())
	if err != nil {
		return nil, err
	}
	r := &Receipt{Entry: m.GetPlace().GetEntry(), Checkpoint: x.Checkpoint, Height: quoin.Height(m.GetPlace().GetHeight()), Index: m.GetPlace().GetIndex(), c: c}
	r.proof = ledger.EntryProof{Certificate: *x, Index: r.Entry, Entry: m.GetEntry(), Path: path}
	entry, err := verifyEntry(&r.proof)
	if err != nil {
		return nil, err
	}
	if r.Height > x.Checkpoint.Height {
		return nil, fmt.Errorf("%w: a block of height %d under a certificate of %d", ErrProof, r.Height, x.Checkpoint.Height)
	}
	r.Transaction, r.Result = entry.Transaction, entry.Result
	r.ID = entry.Transaction.ID(c.verifier.Origin().ID())
	return r, nil
}

func toTransaction(t *quoin.Transaction) *quoinv1.Transaction {
	m := &quoinv1.Transaction{Salt: t.Salt, Expiry: uint64(t.Expiry), Namespace: t.Namespace, Payload: t.Payload}
	if t.Signed() {
		m.Sender, m.Signature = t.Sender[:], t.Signature[:]
	}
	return m
}
