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
	refused int64
}

const submitMax = 200 // transactions of one submission

func newClient(w *network, i, outstanding int) *client {
	w.made++
	c := &client{w: w, n: w.nodes[i], number: w.made, tokens: make(chan struct{}, outstanding), sent: map[uint32]time.Time{},
		latency: hdrhistogram.New(1, 600_000_000, 3), origin: w.nodes[i].Origin().ID(), key: w.keys[i]}
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
		now := time.Now()
		back := 0
		c.mu.Lock()
		txs := item.Finished.Block.Transactions()
		for i := range txs {
			if txs[i].Salt>>32 != c.number {
				continue
			}
			if at, ok := c.sent[uint32(txs[i].Salt)]; ok {
				delete(c.sent, uint32(txs[i].Salt))
				_ = c.latency.RecordValue(max(1, now.Sub(at).Microseconds()))
				back++
			}
		}
		c.mu.Unlock()
		for range back {
			c.tokens <- struct{}{}
		}
	}
}

func (c *client) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latency.Reset()
	c.refused = 0
}

// submit takes as many tokens as there are payloads, and submits.
func (c *client) submit(ctx context.Context, payloads [][]byte, due time.Time) error {
	for range payloads {
		select {
		case <-c.tokens:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return c.send(ctx, payloads, due)
}

func (c *client) send(ctx context.Context, payloads [][]byte, due time.Time) error {
	expiry := c.n.Status().Tip.Height + 2_000
	txs := make([]quoin.Transaction, len(payloads))
	c.mu.Lock()
	for i := range payloads {
		c.salt++
		txs[i] = quoin.Transaction{Salt: c.number<<32 | uint64(c.salt), Expiry: expiry, Namespace: "kv", Payload: payloads[i]}
		c.sent[c.salt] = due
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
		if err := c.send(ctx, payloads, time.Now()); err != nil {
			return err
		}
	}
}

// open submits what is due every millisecond, each from its own due time.
func (c *client) open(ctx context.Context, payload func() []byte) error {
	perSecond := float64(c.w.o.Rate) / float64(len(c.w.nodes))
	start, done := time.Now(), 0
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		due := int(time.Since(start).Seconds() * perSecond)
		for done < due {
			n := min(due-done, submitMax)
			payloads := make([][]byte, n)
			for i := range payloads {
				payloads[i] = payload()
			}
			at := start.Add(time.Duration(float64(done) / perSecond * float64(time.Second)))
			if err := c.submit(ctx, payloads, at); err != nil {
				return nil
			}
			done += n
		}
	}
}
