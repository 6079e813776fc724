package client

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
)

// Stream submits batches of transactions without waiting for one before the next. One goroutine may
// send while another receives. It stays with one endpoint and is not resumed: who loses it asks with
// Wait or submits again.
type Stream struct {
	c        *Client
	e        *endpoint
	ctx      context.Context
	cancel   context.CancelFunc
	s        *connect.BidiStreamForClient[quoinv1.SubmitStreamRequest, quoinv1.SubmitStreamResponse]
	receipts bool
	sequence uint64
	mu       sync.Mutex
	ids      map[uint64]*streamBatch // of batches whose receipts are to come
}

type streamBatch struct {
	ids  []quoin.Hash
	left int
}

// StreamEvent is an answer: exactly one field is set.
type StreamEvent struct {
	Admitted *BatchAdmitted
	Settled  []Settled // of one block
}

// BatchAdmitted answers one batch: the node's word.
type BatchAdmitted struct {
	Sequence uint64
	Codes    []Admission // one for each transaction
}

// Admission is a node's answer to a submitted transaction.
type Admission = quoinv1.Admission

// Taken reports whether a transaction was taken, now or earlier.
func Taken(a Admission) bool {
	return a >= quoinv1.Admission_ADMISSION_ADMITTED && a <= quoinv1.Admission_ADMISSION_ALREADY_CERTIFIED
}

// AdmissionName returns the stable code that Outcome.Code has for a.
func AdmissionName(a Admission) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(a.String(), "ADMISSION_"), "_", "-"))
}

// Settled is what became of one transaction: the node's word, unless there is a receipt.
type Settled struct {
	Sequence uint64 // of the batch
	Index    int    // in the batch
	Stage    Stage  // Certified or Expired
	Result   uint32 // code
	Height   quoin.Height
	Receipt  *Receipt // if the stream was opened with receipts
}

// Stream opens a stream to the current endpoint. With receipts every certified transaction comes
// with a verified receipt, which costs some ten times as much.
func (c *Client) Stream(ctx context.Context, receipts bool) *Stream {
	e := c.endpoints[int(c.current.Load())%len(c.endpoints)]
	ctx, cancel := context.WithCancel(ctx)
	return &Stream{c: c, e: e, ctx: ctx, cancel: cancel, s: e.ledger.SubmitStream(ctx), receipts: receipts, ids: map[uint64]*streamBatch{}}
}

// Send sends a batch and returns its sequence number, from 1 on. It waits while the node has as many
// transactions of the stream open as it takes; so somebody must receive.
func (s *Stream) Send(txs []quoin.Transaction) (uint64, error) {
	size := 0
	for i := range txs {
		size += txs[i].Size()
	}
	b := make([]byte, 0, size)
	for i := range txs {
		b = txs[i].AppendBinary(b)
	}
	s.sequence++
	if s.receipts {
		batch := &streamBatch{left: len(txs)}
		for i := range txs {
			batch.ids = append(batch.ids, txs[i].ID(s.c.verifier.Origin().ID()))
		}
		s.mu.Lock()
		s.ids[s.sequence] = batch
		s.mu.Unlock()
	}
	return s.sequence, s.s.Send(&quoinv1.SubmitStreamRequest{Sequence: s.sequence, Transactions: b, Receipts: s.receipts})
}

// CloseSend says that no more batches come. Receive goes on until everything is settled.
func (s *Stream) CloseSend() error { return s.s.CloseRequest() }

// Close ends the stream.
func (s *Stream) Close() error {
	s.cancel()
	_ = s.s.CloseRequest()
	return s.s.CloseResponse()
}

// Receive returns the next answer, or io.EOF after CloseSend when everything is settled.
func (s *Stream) Receive() (StreamEvent, error) {
	m, err := s.s.Receive()
	if err != nil {
		return StreamEvent{}, s.wrap(err)
	}
	if m.Admitted != nil {
		return StreamEvent{Admitted: s.admitted(m.Admitted)}, nil
	}
	settled, err := s.settled(m.GetSettled())
	if err != nil {
		return StreamEvent{}, s.wrap(err)
	}
	return StreamEvent{Settled: settled}, nil
}

func (s *Stream) admitted(m *quoinv1.Admitted) *BatchAdmitted {
	a := &BatchAdmitted{Sequence: m.Sequence, Codes: m.Codes}
	refused := 0
	for _, code := range m.Codes {
		if !Taken(code) {
			refused++
		}
	}
	s.forget(m.Sequence, refused)
	s.c.warn(m.Warnings)
	return a
}

func (s *Stream) settled(m *quoinv1.Settled) ([]Settled, error) {
	n := len(m.GetSequences())
	if n == 0 || len(m.Indexes) != n || len(m.Stages) != n || len(m.Results) != n {
		return nil, fmt.Errorf("%w: an answer whose lists differ in length", ErrProof)
	}
	certificates, err := s.c.certificates(s.ctx, s.e, m.Certificates)
	if err != nil {
		return nil, err
	}
	list := make([]Settled, n)
	receipts := m.Receipts
	for i := range list {
		x := &list[i]
		*x = Settled{Sequence: m.Sequences[i], Index: int(m.Indexes[i]), Stage: m.Stages[i], Result: m.Results[i], Height: quoin.Height(m.Height)}
		if !s.receipts {
			continue
		}
		if x.Stage == Certified {
			if len(receipts) == 0 {
				return nil, fmt.Errorf("%w: a certified transaction without receipt", ErrProof)
			}
			id, ok := s.id(x.Sequence, x.Index)
			if !ok {
				return nil, fmt.Errorf("%w: a receipt for a transaction that is not of this stream", ErrProof)
			}
			if x.Receipt, err = s.c.listed(receipts[0], certificates, id); err != nil {
				return nil, err
			}
			x.Result, receipts = x.Receipt.Result.Code, receipts[1:]
		}
		s.forget(x.Sequence, 1)
	}
	return list, nil
}

func (s *Stream) id(sequence uint64, index int) (quoin.Hash, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.ids[sequence]
	if b == nil || index < 0 || index >= len(b.ids) {
		return quoin.Hash{}, false
	}
	return b.ids[index], true
}

// forget drops a batch once everything of it is settled.
func (s *Stream) forget(sequence uint64, n int) {
	if !s.receipts {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.ids[sequence]; b != nil {
		if b.left -= n; b.left <= 0 {
			delete(s.ids, sequence)
		}
	}
}
