package api

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"sync"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
)

// SubmitStream implements quoinv1connect.LedgerServiceHandler. One goroutine reads batches and hands
// them to the node, this one writes the answers. Reading pauses while as many transactions are open
// as a stream may have, so the client feels the network's pace by flow control.
func (s ledgerService) SubmitStream(ctx context.Context, c *connect.BidiStream[quoinv1.SubmitStreamRequest, quoinv1.SubmitStreamResponse]) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	x := &submitStream{s: s.Server, conn: c, sink: newSink(), room: make(chan struct{}, 1)}
	defer x.sink.close() // its tickets end with their transactions
	read := make(chan error, 1)
	go func() { read <- x.read(ctx) }()
	err := x.write(ctx, read)
	cancel(err)
	return err
}

// submitStream is one stream. Its lock guards what both goroutines touch.
type submitStream struct {
	s        *Server
	conn     *connect.BidiStream[quoinv1.SubmitStreamRequest, quoinv1.SubmitStreamResponse]
	sink     *sink
	room     chan struct{} // holds one token after something was settled
	mu       sync.Mutex
	open     int                 // transactions that are not settled
	admitted []*quoinv1.Admitted // to be sent
	warned   []string            // namespaces; of the goroutine that reads
}

// admittedMax is how many answers may wait to be sent before reading pauses.
const admittedMax = 64

func (x *submitStream) read(ctx context.Context) error {
	origin := x.s.node.Origin().ID()
	for {
		r, err := x.conn.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		txs, err := decodeTransactions(r.Transactions)
		if err != nil {
			return err
		}
		if err := x.wait(ctx, len(txs)); err != nil {
			return err
		}
		if err := x.batch(ctx, origin, r, txs); err != nil {
			return err
		}
	}
}

func decodeTransactions(b []byte) ([]quoin.Transaction, error) {
	r := canonical.NewReader(b)
	var txs []quoin.Transaction
	for r.Len() > 0 && r.Err() == nil {
		if len(txs) == quoin.BlockTransactionsMax {
			return nil, refuse(CodeTooLarge, "send smaller batches", "more than %d transactions in a batch", quoin.BlockTransactionsMax)
		}
		txs = append(txs, quoin.ReadTransaction(r))
	}
	if err := r.Done(); err != nil || len(txs) == 0 {
		return nil, refuse(CodeInvalid, "send canonical bytes of transactions, one after the other", "a batch that cannot be read: %v", err)
	}
	return txs, nil
}

// wait waits until the stream has room for n more transactions.
func (x *submitStream) wait(ctx context.Context, n int) error {
	for {
		x.mu.Lock()
		ok := (x.open == 0 || x.open+n <= x.s.limits.WaitingEach) && len(x.admitted) < admittedMax
		x.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-x.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// warn returns the warnings about namespaces that this stream uses for the first time.
func (x *submitStream) warn(txs []quoin.Transaction) []string {
	var fresh []string
	for _, n := range namespacesOf(txs) {
		if !slices.Contains(x.warned, n) && len(x.warned) < quoin.BindingsMax {
			x.warned, fresh = append(x.warned, n), append(fresh, n)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return x.s.warnings(fresh)
}

func (x *submitStream) batch(ctx context.Context, origin quoin.OriginID, r *quoinv1.SubmitStreamRequest, txs []quoin.Transaction) error {
	ids := make([]quoin.Hash, len(txs))
	tickets := make([]ticket, len(txs))
	for i := range txs {
		ids[i] = txs[i].ID(origin)
		tickets[i] = ticket{sink: x.sink, sequence: r.Sequence, index: uint32(i), expiry: txs[i].Expiry, receipt: r.Receipts}
	}
	x.mu.Lock()
	x.open += len(txs)
	x.mu.Unlock()
	if !x.s.settle.expect(ids, tickets) {
		x.s.admission.count(CodeBusy)
		return refuse(CodeBusy, "try again in a moment, or ask another node", "clients wait for as many transactions as the node takes")
	}
	admissions, err := x.s.node.Submit(ctx, txs)
	if err != nil {
		return err
	}
	a := &quoinv1.Admitted{Sequence: r.Sequence, Codes: make([]quoinv1.Admission, len(txs)), Warnings: x.warn(txs)}
	var refused []quoin.Hash
	blocks := x.s.newBlockReader()
	for i := range admissions {
		a.Codes[i] = quoinv1.Admission(admissions[i].Code) + quoinv1.Admission_ADMISSION_ADMITTED
		switch admissions[i].Code {
		case replica.Admitted, replica.AlreadyPending:
		case replica.AlreadyCertified:
			if err := x.s.settle.resolve(blocks, ids[i], admissions[i].Height, admissions[i].Index); err != nil {
				return err
			}
		default:
			refused = append(refused, ids[i])
		}
	}
	n := x.s.settle.withdraw(x.sink, refused)
	x.mu.Lock()
	x.open -= n
	x.admitted = append(x.admitted, a)
	x.mu.Unlock()
	select {
	case x.sink.wake <- struct{}{}:
	default:
	}
	return nil
}

// write sends what there is to tell until the client has closed its side and everything is settled.
func (x *submitStream) write(ctx context.Context, read <-chan error) error {
	reading := true
	for {
		if err := x.flush(); err != nil {
			return err
		}
		x.mu.Lock()
		done := !reading && x.open == 0 && len(x.admitted) == 0
		x.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-x.sink.wake:
		case err := <-read:
			if err != nil {
				return err
			}
			reading, read = false, nil
		case <-x.s.ctx.Done():
			return node.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// flush sends the answers to batches before what became of their transactions.
func (x *submitStream) flush() error {
	items := x.sink.take()
	x.mu.Lock()
	admitted := x.admitted
	x.admitted = nil
	x.mu.Unlock()
	for _, a := range admitted {
		if err := x.conn.Send(&quoinv1.SubmitStreamResponse{Admitted: a}); err != nil {
			return slow(err)
		}
	}
	for len(items) > 0 {
		n := 1
		for n < len(items) && items[n].height == items[0].height && items[n].stage == items[0].stage {
			n++
		}
		if err := x.send(items[:n]); err != nil {
			return slow(err)
		}
		items = items[n:]
	}
	select {
	case x.room <- struct{}{}:
	default:
	}
	return nil
}

// send tells of transactions that one block settled.
func (x *submitStream) send(items []settled) error {
	n := len(items)
	f := items[0].block
	m := &quoinv1.Settled{Height: uint64(items[0].height), TimeMs: uint64(f.Checkpoint.Time), Sequences: make([]uint64, n),
		Indexes: make([]uint32, n), Stages: make([]quoinv1.Stage, n), Results: make([]uint32, n)}
	made := x.s.newReceipts()
	x.mu.Lock()
	x.open -= n
	x.mu.Unlock()
	for i := range items {
		m.Sequences[i], m.Indexes[i], m.Stages[i] = items[i].sequence, items[i].index, items[i].stage
		if items[i].stage != quoinv1.Stage_STAGE_CERTIFIED {
			continue
		}
		m.Results[i] = f.Results[items[i].place].Code
		if items[i].receipt {
			receipt, err := made.of(f, items[i].place)
			if err != nil {
				return err
			}
			m.Receipts = append(m.Receipts, receipt)
		}
	}
	m.Certificates = made.certificates
	return x.conn.Send(&quoinv1.SubmitStreamResponse{Settled: m})
}

// slow names the error of a write that the client did not read in time.
func slow(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return refuse(CodeSlowConsumer, "read the stream faster, or ask for less", "the stream was not read in time")
	}
	return err
}
