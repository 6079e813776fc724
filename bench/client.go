package bench

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/signature"
)

// client submits to one node and takes the time until its transactions are certified there.
type client struct {
	w      *network
	n      *node.Node
	number uint64
	sub    *node.Subscription
	tokens chan struct{} // one for each transaction that may be outstanding
	key    ed25519.PrivateKey
	origin quoin.OriginID

	mu      sync.Mutex
	salt    uint32
	sent    map[uint32]time.Time // by the lower half of the salt
	latency *hdrhistogram.Histogram
	window  *hdrhistogram.Histogram // the same, since the last call of takeWindow
	fuel    uint64
	refused int64
	start   time.Time // of the open loop
	done    int       // transactions of the open loop that were submitted
}

const submitMax = 200 // transactions of one submission

// now is when the transactions of a closed loop are due.
func now(int) time.Time { return time.Now() }

// newHistogram counts microseconds up to ten minutes, with three significant digits.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, latencyMax, 3) }

const latencyMax = 600_000_000

func newClient(w *network, i, outstanding int) *client {
	w.made++
	c := &client{w: w, n: w.nodes[i], number: w.made, tokens: make(chan struct{}, outstanding), sent: map[uint32]time.Time{},
		latency: newHistogram(), window: newHistogram(), origin: w.nodes[i].Origin().ID(), key: w.keys[i]}
	for range outstanding {
		c.tokens <- struct{}{}
	}
	c.sub = c.n.Feed().SubscribeTo(1<<14, func(item node.Item) bool { return item.Finished != nil })
	go c.receive()
	return c
}

func (c *client) close() { c.sub.Close() }

// receive takes certified blocks.
func (c *client) receive() {
	for item := range c.sub.C {
		at := time.Now()
		back := 0
		c.mu.Lock()
		txs := item.Finished.Block.Transactions()
		for i := range txs {
			if txs[i].Salt>>32 != c.number {
				continue
			}
			if due, ok := c.sent[uint32(txs[i].Salt)]; ok {
				delete(c.sent, uint32(txs[i].Salt))
				c.record(at.Sub(due))
				c.fuel += item.Finished.Results[i].Fuel
				back++
			}
		}
		c.mu.Unlock()
		for range back {
			c.tokens <- struct{}{}
		}
	}
}

// record counts a latency. The caller holds the lock.
func (c *client) record(d time.Duration) {
	us := min(max(1, d.Microseconds()), latencyMax)
	_ = c.latency.RecordValue(us) // within the bounds
	_ = c.window.RecordValue(us)
}

// reset forgets what was counted: the measured time begins.
func (c *client) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latency.Reset()
	c.window.Reset()
	c.refused, c.fuel = 0, 0
}

// takeWindow moves what was counted since the last time into a histogram.
func (c *client) takeWindow(into *hdrhistogram.Histogram) {
	c.mu.Lock()
	defer c.mu.Unlock()
	into.Merge(c.window)
	c.window.Reset()
}

// outstanding is how many transactions wait for their certificate.
func (c *client) outstanding() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sent)
}

// giveUp counts what was due by the end of an open loop and is not certified now with the age that it
// has, so that the percentiles know of it, and returns how many those are.
func (c *client) giveUp(end, now time.Time) (missing int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, at := range c.sent {
		c.record(now.Sub(at))
		missing++
	}
	clear(c.sent)
	for ; c.done < c.due(end); c.done++ {
		c.record(now.Sub(c.dueAt(c.done)))
		missing++
	}
	return missing
}

// due is how many transactions of the open loop were due at a time, and dueAt when one is due.
func (c *client) due(at time.Time) int { return int(at.Sub(c.start).Seconds() * c.perSecond()) }

func (c *client) dueAt(i int) time.Time {
	return c.start.Add(time.Duration(float64(i) / c.perSecond() * float64(time.Second)))
}

func (c *client) perSecond() float64 { return float64(c.w.o.Rate) / float64(len(c.w.nodes)) }

// submit takes as many tokens as there are payloads, and submits. Each is due when due says.
func (c *client) submit(ctx context.Context, payloads [][]byte, due func(i int) time.Time) error {
	if err := c.take(ctx, len(payloads)); err != nil {
		return err
	}
	return c.send(ctx, payloads, due)
}

// take takes tokens, all or none.
func (c *client) take(ctx context.Context, n int) error {
	for i := range n {
		select {
		case <-c.tokens:
		case <-ctx.Done():
			for range i {
				c.tokens <- struct{}{}
			}
			return ctx.Err()
		}
	}
	return nil
}

func (c *client) send(ctx context.Context, payloads [][]byte, due func(i int) time.Time) error {
	expiry := c.n.Status().Tip.Height + 2_000
	txs := make([]quoin.Transaction, len(payloads))
	c.mu.Lock()
	for i := range payloads {
		c.salt++
		txs[i] = quoin.Transaction{Salt: c.number<<32 | uint64(c.salt), Expiry: expiry, Namespace: "kv", Payload: payloads[i]}
		c.sent[c.salt] = due(c.done)
		c.done++
	}
	c.mu.Unlock()
	if c.w.o.Signed {
		for i := range txs {
			txs[i].Sender = signature.PublicOf(c.key)
			txs[i].Signature = signature.Sign(c.key, quoin.TransactionSigningBytes(txs[i].ID(c.origin)))
		}
	}
	admissions, err := c.n.Submit(ctx, txs)
	if err != nil {
		return err
	}
	for i, a := range admissions {
		if a.Code == replica.Admitted {
			continue
		}
		c.mu.Lock()
		delete(c.sent, uint32(txs[i].Salt))
		c.refused++
		first := c.refused == 1
		c.mu.Unlock()
		c.tokens <- struct{}{}
		if first && c.w.o.Rate == 0 {
			return fmt.Errorf("bench: a transaction was refused: %s", a.Code)
		}
	}
	return nil
}

// drain waits until nothing is outstanding.
func (c *client) drain(ctx context.Context) error {
	for range cap(c.tokens) {
		select {
		case <-c.tokens:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// run submits until the context ends: when tokens are free, or at the rate.
func (c *client) run(ctx context.Context, seed uint64) error {
	random := seed * 0x9E3779B97F4A7C15
	value := make([]byte, c.w.o.Payload)
	payload := func() []byte {
		random ^= random << 13
		random ^= random >> 7
		random ^= random << 17
		for i := 0; i < len(value) && i < 8; i++ {
			value[i] = byte(random >> (8 * i))
		}
		var b plugin.KVBatch
		b.Put(key(nil, random%uint64(c.w.o.Keys)), value)
		return b.Payload()
	}
	if c.w.o.Rate > 0 {
		return c.open(ctx, payload)
	}
	for {
		payloads := [][]byte{payload()}
		select {
		case <-c.tokens:
		case <-ctx.Done():
			return nil
		}
		for len(payloads) < submitMax {
			select {
			case <-c.tokens:
				payloads = append(payloads, payload())
				continue
			default:
			}
			break
		}
		if err := c.send(ctx, payloads, now); err != nil {
			return err
		}
	}
}

// open submits what is due every millisecond, each from its own due time. When it is told to stop it
// still submits what was due by then, as far as tokens are free: what the end cut off would look like a
// loss.
func (c *client) open(ctx context.Context, payload func() []byte) error {
	c.mu.Lock()
	c.start = time.Now()
	c.mu.Unlock()
	patient, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(c.w.o.drain, cancel) })()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for stopped := false; !stopped; {
		select {
		case <-ctx.Done():
			stopped = true
		case <-tick.C:
		}
		for due := c.due(time.Now()); c.done < due; {
			n, wait := min(due-c.done, submitMax), ctx
			if stopped {
				n, wait = min(n, len(c.tokens)), patient
			}
			if n == 0 || c.take(wait, n) != nil {
				break
			}
			payloads := make([][]byte, n)
			for i := range payloads {
				payloads[i] = payload()
			}
			if err := c.send(patient, payloads, c.dueAt); err != nil {
				return nil
			}
		}
	}
	return nil
}
