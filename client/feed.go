package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
)

// FeedOptions say what to follow.
type FeedOptions struct {
	From   quoin.Height // the first block; 0: from the next on
	Events bool
}

// FeedItem is one thing that happened: exactly one field is set.
type FeedItem struct {
	Block *Block         // certified and verified
	Event *quoinv1.Event // the node's word
}

// Feed calls yield with every certified block from a height on, in order and verified, and with
// events if asked to, until yield returns false or the context ends. It goes on at another endpoint
// when one fails, is too slow or does not tell the truth; events of the time in between are lost,
// blocks are not.
func (c *Client) Feed(ctx context.Context, o FeedOptions, yield func(FeedItem) bool) error {
	f := &feed{c: c, o: o, yield: yield}
	f.chain = follower{v: c.verifier, next: o.From}
	pause, failures := c.o.PauseMin, 0
	for {
		before := f.chain.next
		at := c.current.Load()
		e := c.endpoints[int(at)%len(c.endpoints)]
		err := e.toError(f.follow(ctx, e))
		if f.stopped || ctx.Err() != nil {
			return nil
		}
		if err != nil && final(err) && !isCode(err, "slow-consumer") {
			return err
		}
		if f.chain.next != before {
			pause, failures = c.o.PauseMin, 0
		}
		if failures++; failures > c.o.Attempts*len(c.endpoints) {
			return err
		}
		c.current.CompareAndSwap(at, at+1)
		if err := sleep(ctx, pause/2+rand.N(pause)); err != nil {
			return nil
		}
		pause = min(2*pause, 2*time.Second)
	}
}

type feed struct {
	c       *Client
	o       FeedOptions
	yield   func(FeedItem) bool
	chain   follower
	stopped bool
}

// follow follows one endpoint. What it has not made final is asked for again at the next.
func (f *feed) follow(ctx context.Context, e *endpoint) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if n := len(f.chain.waiting); n > 0 {
		first := f.chain.waiting[0].Header()
		f.chain.next, f.chain.parent, f.chain.waiting, f.chain.bytes = first.Height, first.Parent, nil, 0
	}
	f.chain.started = false
	stream, err := e.feed.Subscribe(ctx, connect.NewRequest(&quoinv1.SubscribeRequest{FromHeight: uint64(f.chain.next), Blocks: true, Events: f.o.Events}))
	if err != nil {
		return err
	}
	defer func() {
		cancel() // else Close would read on
		_ = stream.Close()
	}()
	for stream.Receive() {
		if err := f.item(ctx, e, stream.Msg()); err != nil {
			return err
		}
		if f.stopped {
			return nil
		}
	}
	return stream.Err()
}

func (f *feed) item(ctx context.Context, e *endpoint, m *quoinv1.FeedItem) error {
	if m.Event != nil {
		if f.o.Events {
			f.stopped = !f.yield(FeedItem{Event: m.Event})
		}
		return nil
	}
	b := m.GetBlock()
	if !f.chain.started {
		if err := f.chain.begin(b.GetEdge()); err != nil {
			return err
		}
	}
	if err := f.chain.add(b.GetBlock()); err != nil {
		return err
	}
	if b.Certificate == nil {
		return nil
	}
	x, err := f.c.certificate(ctx, e, b.Certificate)
	if err != nil {
		return err
	}
	blocks, err := f.chain.certify(&x, b.Tails)
	if err != nil {
		return err
	}
	for i := range blocks {
		if f.stopped = !f.yield(FeedItem{Block: &blocks[i]}); f.stopped {
			return nil
		}
	}
	return nil
}

// isCode reports whether err is a node's refusal with a code.
func isCode(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}
