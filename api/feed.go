package api

import (
	"context"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/replica"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/quoin/v1/quoinv1connect"
)

type feedService struct{ *Server }

var _ quoinv1connect.FeedServiceHandler = feedService{}

func isFinished(x node.Item) bool { return x.Finished != nil }

// Subscribe implements quoinv1connect.FeedServiceHandler. Blocks come from the store, at the
// subscriber's pace, up to what is certified when it subscribes, then from the node's feed.
func (s feedService) Subscribe(ctx context.Context, r *connect.Request[quoinv1.SubscribeRequest], out *connect.ServerStream[quoinv1.FeedItem]) error {
	if !r.Msg.Blocks && !r.Msg.Events {
		return refuse(CodeInvalid, "set blocks, events, or both", "nothing was subscribed to")
	}
	sub := s.node.Feed().SubscribeTo(s.limits.FeedItems, func(x node.Item) bool {
		return x.Finished != nil && r.Msg.Blocks || x.Event != nil && r.Msg.Events
	})
	defer sub.Close()
	f := &feed{s: s.Server, r: r.Msg, out: out, next: quoin.Height(r.Msg.FromHeight)}
	if f.next == 0 {
		f.next = s.newest() + 1
	}
	// The response's head tells the client that the subscription stands.
	if err := out.Send(nil); err != nil {
		return slow(err)
	}
	if r.Msg.Blocks {
		if err := f.stored(s.newest()); err != nil {
			return slow(err)
		}
	}
	for {
		select {
		case x, ok := <-sub.C:
			if !ok {
				return node.ErrClosed
			}
			if err := f.item(x); err != nil {
				return slow(err)
			}
			if sub.Lost() > 0 {
				s.admission.count(CodeSlowConsumer)
				return refuse(CodeSlowConsumer, "subscribe again from the height after the last block received", "the subscriber is more than %d items behind; the next block is %d", s.limits.FeedItems, f.next)
			}
		case <-s.ctx.Done():
			return node.ErrClosed
		case <-ctx.Done():
			return nil
		}
	}
}

// feed is one subscriber's place.
type feed struct {
	s       *Server
	r       *quoinv1.SubscribeRequest
	out     *connect.ServerStream[quoinv1.FeedItem]
	next    quoin.Height
	started bool
}

func (f *feed) item(x node.Item) error {
	if x.Finished != nil {
		return f.finished(x.Finished)
	}
	return f.event(x.Event)
}

// stored sends blocks that the store has, up to a height.
func (f *feed) stored(to quoin.Height) error {
	for f.next <= to {
		header, size, err := replica.ReadHeader(f.s.node.Store(), f.next)
		if err != nil {
			return err
		}
		b, err := f.s.block(&header, size)
		if err != nil {
			return err
		}
		c, err := certificateAt(f.s.node.Store(), &header)
		if err != nil {
			return err
		}
		delay, err := replica.ReadDelay(f.s.node.Store(), f.next)
		if err != nil {
			return err
		}
		if err := f.send(b, c, delay); err != nil {
			return err
		}
	}
	return nil
}

// finished sends a block that was just certified, and those before it that are missing.
func (f *feed) finished(x *replica.Finished) error {
	h := x.Checkpoint.Height
	if h < f.next {
		return nil
	}
	if err := f.stored(h - 1); err != nil {
		return err
	}
	header := x.Block.Header()
	id := x.Block.ID()
	b := &quoinv1.Block{Height: uint64(h), Id: id[:], Header: header.AppendBinary(nil), FirstEntry: x.Checkpoint.Size - uint64(header.Count),
		Proposer: uint32(header.Proposer), Epoch: uint64(header.Epoch), View: uint64(header.View), TimeMs: uint64(header.Time)}
	if !f.r.HeadersOnly {
		for i, t := range x.Block.Transactions() {
			e := quoin.Entry{Transaction: t, Result: x.Results[i]}
			b.Entries = append(b.Entries, e.AppendBinary(make([]byte, 0, t.Size()+16+len(x.Results[i].Output))))
		}
	}
	c := x.Certificate
	if c.Checkpoint.Height != h {
		c = nil
	}
	return f.send(b, c, x.Delay)
}

func (f *feed) send(b *quoinv1.Block, c *quoin.Certificate, delay hook.FinalityResponse) error {
	m := &quoinv1.FeedBlock{Block: b, ReportAfterBlocks: delay.Blocks, ReportAfterMs: delay.Milliseconds}
	if f.r.HeadersOnly {
		b.Entries = nil
	}
	var err error
	if !f.started {
		if m.Edge, err = edgeAt(f.s.node.Store(), b.FirstEntry); err != nil {
			return err
		}
		f.started = true
	}
	if c != nil {
		m.Certificate = toCertificate(c)
		if m.Tails, err = f.s.tails(c, b.Id); err != nil {
			return err
		}
	}
	f.next = quoin.Height(b.Height) + 1
	return f.out.Send(&quoinv1.FeedItem{Block: m})
}

func (f *feed) event(e *replica.Event) error {
	m := &quoinv1.Event{Kind: string(e.Kind), Epoch: uint64(e.Epoch), View: uint64(e.View), Height: uint64(e.Height), Reason: e.Reason}
	if !e.Block.IsZero() {
		m.Block = e.Block[:]
	}
	if !e.Peer.IsZero() {
		m.Peer = e.Peer[:]
	}
	return f.out.Send(&quoinv1.FeedItem{Event: m})
}
