package chaos

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/signature"
)

const (
	slots          = 4   // keys in use at once
	keyOperations  = 120 // after so many operations a slot goes on with a fresh key: it bounds Porcupine's work
	tryTime        = 1500 * time.Millisecond
	operationTime  = 20 * time.Second // then its outcome is given up as unknown
	giveUpPercent  = 20               // of operations are given up as soon as a try fails
	stateReadEvery = 10               // operations of a client
	proofEvery     = 50               // of its receipts, one is kept and verified offline at the end
	namespace      = "kv"
)

// keyspace hands out keys: all clients work on the same few, and go on to fresh ones together.
type keyspace struct{ used [slots]atomic.Uint64 }

func (k *keyspace) take(slot int) string {
	return fmt.Sprintf("register-%d-%d", slot, (k.used[slot].Add(1)-1)/keyOperations)
}

// worker is one client: a closed loop with a bounded rate.
type worker struct {
	number int
	home   int
	bound  bool // to its home; else it goes elsewhere when its home fails
	c      *client.Client
	key    ed25519.PrivateKey
	random *rand.Rand
	keys   *keyspace
	record *recorder
	pause  time.Duration
	until  client.Stage // that an operation waits for

	salt     uint64
	last     [slots]int64 // values it has seen
	proofs   [][]byte
	failures map[string]int // by what was answered
	problem  error          // that no fault explains
}

func newWorker(o *Options, number int, keys *keyspace, record *recorder) (*worker, error) {
	n := len(o.Nodes)
	w := &worker{number: number, home: number % n, bound: number/n%2 == 0, keys: keys, record: record, failures: map[string]int{},
		random: rand.New(rand.NewPCG(o.Seed, uint64(number))), pause: time.Second / time.Duration(o.Rate), until: client.Certified}
	if o.Controls.Credulous {
		w.until = client.Pending
	}
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, "quoin/lab-chaos")
	binary.BigEndian.PutUint64(seed[16:], o.Seed)
	binary.BigEndian.PutUint64(seed[24:], uint64(number))
	w.key = ed25519.NewKeyFromSeed(seed)
	endpoints := 1
	if !w.bound {
		endpoints = n
	}
	x := client.Options{Trust: client.GenesisAnchor(o.Genesis), Attempts: 1}
	for i := range endpoints {
		x.Endpoints = append(x.Endpoints, o.Nodes[(w.home+i)%n].API)
	}
	var err error
	w.c, err = client.New(x)
	return w, err
}

// run works until the context ends, and finishes what it has begun.
func (w *worker) run(ctx context.Context) {
	defer w.c.Close()
	for round := 1; ctx.Err() == nil && w.problem == nil; round++ {
		begun := time.Now()
		if round%stateReadEvery == 0 {
			w.readState(ctx)
		} else {
			w.operate(ctx)
		}
		select {
		case <-ctx.Done():
		case <-time.After(w.pause - time.Since(begun)):
		}
	}
}

// operate does one operation, and records it also when its outcome stays unknown.
func (w *worker) operate(ctx context.Context) {
	slot := w.random.IntN(slots)
	o := w.draw(slot)
	patient := w.random.IntN(100) >= giveUpPercent
	expiry, ok := w.expiry(ctx)
	if !ok {
		return
	}
	o.Key = w.keys.take(slot)
	tx := w.transaction(&o, expiry)
	o.Call = w.record.now()
	defer func() { w.record.operation(&o) }()
	for begun := time.Now(); time.Since(begun) < operationTime && ctx.Err() == nil; {
		o.Tries++
		receipt, err := w.try(ctx, tx)
		if err == nil {
			o.Return = w.record.now()
			w.acknowledged(&o, receipt)
			w.last[slot] = o.leaves(w.last[slot])
			return
		}
		w.failed(err)
		if !patient || w.problem != nil || errors.Is(err, errExpired) {
			return
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// acknowledged takes a receipt; there is none if a node's word is enough.
func (w *worker) acknowledged(o *Operation, r *client.Receipt) {
	if r == nil {
		return
	}
	if err := o.take(&r.Result); err != nil {
		w.problem = err
	}
	o.Entry, o.Height = r.Entry, r.Height
	w.keep(r)
}

// draw draws an operation. Values that are written differ from each other, so that a wrong one shows.
func (w *worker) draw(slot int) Operation {
	w.salt++
	o := Operation{Client: w.number, A: int64(w.number+1)<<32 | int64(w.salt)}
	switch p := w.random.IntN(100); {
	case p < 35:
		o.Action, o.A = Read, 0
	case p < 55:
		o.Action = Write
	case p < 70:
		o.Action, o.A = Add, int64(1+w.random.IntN(9))
	case p < 85:
		o.Action, o.A, o.B = Swap, w.last[slot], o.A
	case p < 94:
		o.Action = Create
	default:
		o.Action, o.A = Delete, 0
	}
	return o
}

func (w *worker) transaction(o *Operation, expiry quoin.Height) quoin.Transaction {
	tx := quoin.Transaction{Salt: w.salt, Expiry: expiry, Namespace: namespace, Payload: o.payload(), Sender: signature.PublicOf(w.key)}
	o.ID = tx.ID(w.c.Verifier().Origin().ID())
	tx.Signature = signature.Sign(w.key, quoin.TransactionSigningBytes(o.ID))
	return tx
}

// expiry asks until somebody answers.
func (w *worker) expiry(ctx context.Context) (quoin.Height, bool) {
	if newest := w.c.Verifier().Newest().Height; newest > 0 {
		configuration, _ := w.c.Verifier().Configuration(w.c.Verifier().Epoch())
		return newest + quoin.Height(configuration.Parameters.ExpiryWindowHeights/2), true
	}
	for ctx.Err() == nil {
		one, cancel := context.WithTimeout(ctx, tryTime)
		expiry, err := w.c.Expiry(one)
		cancel()
		if err == nil {
			return expiry, true
		}
		w.failed(err)
		pause(ctx, 50*time.Millisecond)
	}
	return 0, false
}

var (
	errExpired = errors.New("the transaction has expired")
	errRefused = errors.New("the node has refused the transaction")
)

// try submits once and waits for the receipt, which the client verifies.
func (w *worker) try(ctx context.Context, tx quoin.Transaction) (*client.Receipt, error) {
	one, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	outcomes, err := w.c.Submit(one, []quoin.Transaction{tx}, w.until)
	if err != nil {
		return nil, err
	}
	switch o := &outcomes[0]; {
	case o.Stage == w.until:
		return o.Receipt, nil
	case o.Stage == client.Expired || o.Code == "expired":
		return nil, errExpired
	default:
		return nil, fmt.Errorf("%w: %s", errRefused, o.Code)
	}
}

// failed counts a failure. Faults explain silence and refusals, but no lie and no fork.
func (w *worker) failed(err error) {
	var refusal *client.Error
	switch {
	case errors.Is(err, client.ErrProof), errors.Is(err, client.ErrFork):
		w.problem = err
	case errors.As(err, &refusal) && refusal.Code != "":
		w.failures[refusal.Code]++
	case errors.Is(err, errRefused), errors.Is(err, errExpired):
		w.failures[err.Error()]++
	case errors.Is(err, context.DeadlineExceeded):
		w.failures["no answer in time"]++
	default:
		w.failures["no connection"]++
	}
}

// keep keeps some of the receipts as proof files.
func (w *worker) keep(r *client.Receipt) {
	if w.salt%proofEvery != 1 {
		return
	}
	file, err := r.Proof().Marshal()
	if err != nil {
		w.problem = err
		return
	}
	w.proofs = append(w.proofs, file)
}

// readState reads a key of the certified state, once.
func (w *worker) readState(ctx context.Context) {
	slot := w.random.IntN(slots)
	x := StateRead{Client: w.number, Key: w.keys.take(slot), Least: w.c.Verifier().Newest().Height}
	one, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	values, err := w.c.Get(one, namespace, []byte(x.Key))
	if err != nil {
		w.failed(err)
		return
	}
	x.Return, x.Height, x.Present = w.record.now(), values[0].Checkpoint.Height, values[0].Present
	if x.Present {
		if len(values[0].Value) != 8 {
			w.problem = fmt.Errorf("the state has %d bytes at %s, want 8", len(values[0].Value), x.Key)
			return
		}
		x.Value = int64(binary.BigEndian.Uint64(values[0].Value))
	}
	w.record.read(&x)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// crowd is all clients.
type crowd struct {
	workers []*worker
	record  *recorder
	stop    context.CancelFunc
	running sync.WaitGroup
}

func newCrowd(ctx context.Context, o *Options, began time.Time) (*crowd, error) {
	x := &crowd{record: &recorder{began: began}}
	keys := &keyspace{}
	for i := range o.Clients {
		w, err := newWorker(o, i, keys, x.record)
		if err != nil {
			return nil, err
		}
		x.workers = append(x.workers, w)
	}
	ctx, x.stop = context.WithCancel(ctx)
	for _, w := range x.workers {
		x.running.Go(func() { w.run(ctx) })
	}
	return x, nil
}

// end stops the clients and waits for them.
func (x *crowd) end() {
	x.stop()
	x.running.Wait()
}
