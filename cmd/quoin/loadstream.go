package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/signature"
)

const (
	laneQueue   = 8192 // transactions that wait to be sent
	laneBatch   = 256  // the most in one message
	laneReopens = 500 * time.Millisecond
)

// lane sends a load's transactions over one stream, many at once, and hands each answer to whoever
// waits for it. A stream that breaks fails what was on it; the next one is opened for what comes
// after.
type lane struct {
	*conn
	verify bool // every receipt
	queue  chan *sending
	stop   context.CancelFunc
	ended  chan struct{}
	height atomic.Uint64 // newest that the node has told of
	ready  sync.Mutex    // held while the first height is asked for
}

var _ target = (*lane)(nil)

// sending is a transaction on its way. The answer has room for one, so that nobody waits to answer.
type sending struct {
	tx     quoin.Transaction
	answer chan sent
}

type sent struct {
	code uint32
	err  error
}

func (n *conn) newLane(ctx context.Context, verify bool) *lane {
	ctx, cancel := context.WithCancel(ctx)
	l := &lane{conn: n, verify: verify, queue: make(chan *sending, laneQueue), stop: cancel, ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		for ctx.Err() == nil {
			l.run(ctx)
			select {
			case <-time.After(laneReopens):
			case <-ctx.Done():
			}
		}
	}()
	return l
}

func (l *lane) close() {
	l.stop()
	<-l.ended
	l.conn.close()
}

// send implements target.
func (l *lane) send(ctx context.Context, key ed25519.PrivateKey, salt uint64, namespace string, payload []byte) (uint32, error) {
	expiry, err := l.expiry(ctx)
	if err != nil {
		return 0, netFault(err)
	}
	x := &sending{quoin.Transaction{Sender: publicOf(key), Salt: salt, Expiry: expiry, Namespace: namespace, Payload: payload}, make(chan sent, 1)}
	x.tx.Signature = signature.Sign(key, quoin.TransactionSigningBytes(x.tx.ID(l.genesis.Origin().ID())))
	select {
	case l.queue <- x:
	case <-ctx.Done():
		return 0, netFault(ctx.Err())
	}
	select {
	case a := <-x.answer:
		return a.code, a.err
	case <-ctx.Done():
		return 0, netFault(ctx.Err())
	}
}

func (l *lane) expiry(ctx context.Context) (quoin.Height, error) {
	window := quoin.Height(l.genesis.Configuration.Parameters.ExpiryWindowHeights / 2)
	if h := l.height.Load(); h > 0 {
		return quoin.Height(h) + window, nil
	}
	l.ready.Lock()
	defer l.ready.Unlock()
	return l.conn.expiry(ctx)
}

// batches is what waits for answers on one stream.
type batches struct {
	mu   sync.Mutex
	open map[uint64][]*sending
}

// put registers a batch before it is sent.
func (b *batches) put(sequence uint64, list []*sending) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open[sequence] = list
}

// settle answers one transaction.
func (b *batches) settle(sequence uint64, index int, a sent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.open[sequence]
	if index < 0 || index >= len(list) || list[index] == nil {
		return
	}
	list[index].answer <- a
	list[index] = nil
	for _, x := range list {
		if x != nil {
			return
		}
	}
	delete(b.open, sequence)
}

// fail answers everything that is left.
func (b *batches) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for sequence, list := range b.open {
		for _, x := range list {
			if x != nil {
				x.answer <- sent{err: err}
			}
		}
		delete(b.open, sequence)
	}
}

// run uses one stream until it breaks.
func (l *lane) run(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := l.Stream(ctx, l.verify)
	b := &batches{open: map[uint64][]*sending{}}
	var receiving sync.WaitGroup
	receiving.Go(func() { cancel(l.receive(s, b)) })
	for sequence := uint64(1); ; sequence++ {
		list := l.collect(ctx)
		if list == nil {
			break
		}
		b.put(sequence, list)
		txs := make([]quoin.Transaction, len(list))
		for i, x := range list {
			txs[i] = x.tx
		}
		if _, err := s.Send(txs); err != nil {
			break // the receiver learns why
		}
	}
	_ = s.Close()
	receiving.Wait()
	err := context.Cause(ctx)
	if err == nil {
		err = errors.New("the stream broke")
	}
	b.fail(netFault(err))
}

// collect waits for a transaction and takes what else is there.
func (l *lane) collect(ctx context.Context) []*sending {
	var list []*sending
	select {
	case x := <-l.queue:
		list = append(list, x)
	case <-ctx.Done():
		return nil
	}
	for len(list) < laneBatch {
		select {
		case x := <-l.queue:
			list = append(list, x)
		default:
			return list
		}
	}
	return list
}

// receive hands out answers until the stream ends.
func (l *lane) receive(s *client.Stream, b *batches) error {
	for {
		e, err := s.Receive()
		if err != nil {
			return err
		}
		if a := e.Admitted; a != nil {
			for i, code := range a.Codes {
				if !client.Taken(code) {
					name := client.AdmissionName(code)
					b.settle(a.Sequence, i, sent{err: refused(name, "the node did not take the transaction", admissionText(name), "")})
				}
			}
		}
		for _, x := range e.Settled {
			if h := uint64(x.Height); h > l.height.Load() {
				l.height.Store(h)
			}
			a := sent{code: x.Result}
			if x.Stage == client.Expired {
				a.err = refused("expired", "the transaction was not included before its expiry height", "", "")
			}
			b.settle(x.Sequence, x.Index, a)
		}
	}
}
