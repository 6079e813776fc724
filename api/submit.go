package api

import (
	"context"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/quoin/v1/quoinv1connect"
)

// BatchMax is the largest number of transactions or ids in one request.
const BatchMax = 4096

type ledgerService struct{ *Server }

var _ quoinv1connect.LedgerServiceHandler = ledgerService{}

// Submit implements quoinv1connect.LedgerServiceHandler.
func (s ledgerService) Submit(ctx context.Context, r *connect.Request[quoinv1.SubmitRequest]) (*connect.Response[quoinv1.SubmitResponse], error) {
	if n := len(r.Msg.Transactions); n == 0 || n > BatchMax {
		return nil, refuse(CodeTooLarge, "split the request, or use SubmitStream", "%d transactions, want 1 to %d", n, BatchMax)
	}
	if err := checkStage(r.Msg.Wait, true); err != nil {
		return nil, err
	}
	txs := make([]quoin.Transaction, len(r.Msg.Transactions))
	for i, t := range r.Msg.Transactions {
		var err error
		if txs[i], err = s.transaction(t); err != nil {
			return nil, err
		}
	}
	w := s.newWait(r.Msg.Wait)
	defer w.end()
	for i := range txs {
		w.ids = append(w.ids, txs[i].ID(s.node.Origin().ID()))
	}
	if err := w.expect(txs); err != nil {
		return nil, err
	}
	admissions, err := s.node.Submit(ctx, txs)
	if err != nil {
		return nil, err
	}
	for i, a := range admissions {
		if err := w.admitted(i, a); err != nil {
			return nil, err
		}
	}
	response, err := w.response(ctx)
	if err == nil {
		response.Msg.Warnings = s.warnings(namespacesOf(txs))
	}
	return response, err
}

// Wait implements quoinv1connect.LedgerServiceHandler.
func (s ledgerService) Wait(ctx context.Context, r *connect.Request[quoinv1.WaitRequest]) (*connect.Response[quoinv1.SubmitResponse], error) {
	if n := len(r.Msg.Ids); n == 0 || n > BatchMax {
		return nil, refuse(CodeTooLarge, "split the request", "%d ids, want 1 to %d", n, BatchMax)
	}
	if err := checkStage(r.Msg.Until, false); err != nil {
		return nil, err
	}
	w := s.newWait(r.Msg.Until)
	defer w.end()
	for _, b := range r.Msg.Ids {
		id, err := toHash(b)
		if err != nil {
			return nil, err
		}
		w.ids = append(w.ids, id)
	}
	// Their expiry is known only after asking; until then they are registered without, so that
	// nothing slips through.
	if err := w.expect(nil); err != nil {
		return nil, err
	}
	admissions := make([]replica.Admission, len(w.ids))
	expiries := make([]quoin.Height, len(w.ids))
	err := s.node.Do(ctx, func(x *replica.Replica) {
		for i, id := range w.ids {
			admissions[i] = replica.Admission{ID: id, Code: unknown}
			if place, ok := x.Place(id); ok {
				admissions[i].Code, admissions[i].Height, admissions[i].Index = replica.AlreadyCertified, place.Height, place.Index
			} else if expiry, ok := x.PendingExpiry(id); ok {
				admissions[i].Code, expiries[i] = replica.AlreadyPending, expiry
			}
		}
	})
	if err != nil {
		return nil, err
	}
	s.settle.expireAt(w.ids, expiries)
	for i, a := range admissions {
		if err := w.admitted(i, a); err != nil {
			return nil, err
		}
	}
	return w.response(ctx)
}

// unknown marks a transaction of which this node knows nothing.
const unknown = replica.AdmissionCode(1 << 16)

func checkStage(s quoinv1.Stage, none bool) error {
	if s == quoinv1.Stage_STAGE_INCLUDED || s == quoinv1.Stage_STAGE_CERTIFIED || s == quoinv1.Stage_STAGE_REPORTED || none && s == quoinv1.Stage_STAGE_UNSPECIFIED {
		return nil
	}
	return refuse(CodeInvalid, "wait for STAGE_INCLUDED, STAGE_CERTIFIED or STAGE_REPORTED", "%s cannot be waited for", s)
}

// transaction reads a transaction. An unsigned one may leave the expiry to the node.
func (s *Server) transaction(t *quoinv1.Transaction) (quoin.Transaction, error) {
	x := quoin.Transaction{Salt: t.GetSalt(), Expiry: quoin.Height(t.GetExpiry()), Namespace: t.GetNamespace(), Payload: t.GetPayload()}
	if n := len(t.GetSender()); n != 0 && n != len(x.Sender) || len(t.GetSignature()) != 0 && len(t.GetSignature()) != len(x.Signature) || (n == 0) != (len(t.GetSignature()) == 0) {
		return x, refuse(CodeInvalid, "give a sender of 32 and a signature of 64 bytes, or neither", "a sender of %d bytes with a signature of %d", n, len(t.GetSignature()))
	}
	copy(x.Sender[:], t.Sender)
	copy(x.Signature[:], t.Signature)
	if !x.Signed() && x.Expiry == 0 {
		status := s.node.Status()
		x.Expiry = status.Tip.Height + quoin.Height(status.Configuration.Parameters.ExpiryWindowHeights)/2
	}
	if err := x.Check(); err != nil {
		return x, refuse(CodeInvalid, "see the limits of a transaction", "%v", err)
	}
	return x, nil
}

func toHash(b []byte) (quoin.Hash, error) {
	if len(b) != len(quoin.Hash{}) {
		return quoin.Hash{}, refuse(CodeInvalid, "give 32 bytes", "a hash of %d bytes", len(b))
	}
	return quoin.Hash(b), nil
}

// wait follows the transactions of one request.
type wait struct {
	s        *Server
	until    quoinv1.Stage
	sink     *sink
	ids      []quoin.Hash
	outcomes []*quoinv1.Outcome
	blocks   []*replica.Finished // of those certified
	reader   *blockReader        // of those that are certified already
	open     int
}

func (s *Server) newWait(until quoinv1.Stage) *wait {
	return &wait{s: s, until: until, sink: newSink(), reader: s.newBlockReader()}
}

// expect registers the tickets before anything is submitted: what is certified quickly must not slip
// through.
func (w *wait) expect(txs []quoin.Transaction) error {
	w.outcomes, w.blocks = make([]*quoinv1.Outcome, len(w.ids)), make([]*replica.Finished, len(w.ids))
	if w.until == quoinv1.Stage_STAGE_UNSPECIFIED {
		return nil
	}
	tickets := make([]ticket, len(w.ids))
	for i := range tickets {
		tickets[i] = ticket{sink: w.sink, index: uint32(i), early: w.until == quoinv1.Stage_STAGE_INCLUDED}
		if txs != nil {
			tickets[i].expiry = txs[i].Expiry
		}
	}
	if !w.s.settle.expect(w.ids, tickets) {
		w.s.admission.count(CodeBusy)
		return refuse(CodeBusy, "try again in a moment, or submit without waiting", "clients wait for as many transactions as the node takes")
	}
	return nil
}

// admitted takes the node's answer for one transaction.
func (w *wait) admitted(i int, a replica.Admission) error {
	o := &quoinv1.Outcome{Id: w.ids[i][:], Code: a.Code.String()}
	w.outcomes[i] = o
	switch a.Code {
	case replica.Admitted, replica.AlreadyPending:
		o.Stage = quoinv1.Stage_STAGE_PENDING
	case replica.AlreadyCertified:
		o.Stage = quoinv1.Stage_STAGE_PENDING
		if w.until == quoinv1.Stage_STAGE_UNSPECIFIED {
			o.Place = &quoinv1.Place{Height: uint64(a.Height), Index: a.Index}
			return nil
		}
		if err := w.s.settle.resolve(w.reader, a.ID, a.Height, a.Index); err != nil {
			return err
		}
	default:
		o.Stage = quoinv1.Stage_STAGE_REFUSED
		if a.Code == unknown {
			o.Code = "unknown"
		}
		w.s.settle.withdraw(w.sink, w.ids[i:i+1])
		return nil
	}
	if w.until != quoinv1.Stage_STAGE_UNSPECIFIED {
		w.open++
	}
	return nil
}

// response waits for the stage that was asked for, and makes the answer.
func (w *wait) response(ctx context.Context) (*connect.Response[quoinv1.SubmitResponse], error) {
	for w.open > 0 {
		select {
		case <-w.sink.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-w.s.ctx.Done():
			return nil, node.ErrClosed
		}
		for _, x := range w.sink.take() {
			w.take(x)
		}
	}
	made := w.s.newReceipts()
	for i, f := range w.blocks {
		if f == nil {
			continue
		}
		receipt, err := made.of(f, w.outcomes[i].Place.Index)
		if err != nil {
			return nil, err
		}
		if w.until == quoinv1.Stage_STAGE_REPORTED {
			if err := w.s.reported(ctx, f.Checkpoint.Height, f.Checkpoint.Time, f.Delay); err != nil {
				return nil, err
			}
			w.outcomes[i].Stage = quoinv1.Stage_STAGE_REPORTED
		}
		w.outcomes[i].Receipt, w.outcomes[i].Place = receipt, receipt.Place
	}
	return connect.NewResponse(&quoinv1.SubmitResponse{Outcomes: w.outcomes, Certificates: made.certificates}), nil
}

func (w *wait) take(x settled) {
	o := w.outcomes[x.index]
	if o.Stage == quoinv1.Stage_STAGE_PENDING {
		w.open--
	}
	o.Stage = x.stage
	switch x.stage {
	case quoinv1.Stage_STAGE_CERTIFIED:
		w.blocks[x.index] = x.block
		o.Place = &quoinv1.Place{Height: uint64(x.height), Index: x.place}
	case quoinv1.Stage_STAGE_INCLUDED:
		o.Place = &quoinv1.Place{Height: uint64(x.height), Index: x.place}
	case quoinv1.Stage_STAGE_EXPIRED:
		o.Code = replica.RefusedExpired.String()
	}
}

func (w *wait) end() {
	if w.until != quoinv1.Stage_STAGE_UNSPECIFIED {
		w.s.settle.withdraw(w.sink, w.ids)
	}
}

// expireAt tells when waiting transactions expire; 0 is not known.
func (s *settlements) expireAt(ids []quoin.Hash, expiries []quoin.Height) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, h := range expiries {
		if h > 0 {
			s.expiring[h] = append(s.expiring[h], ids[i])
		}
	}
}
