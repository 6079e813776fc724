package api

import (
	"context"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/node"
)

// reported waits until a certified block may be reported as final to those who ask for that: until
// the chain's finality.v1 wants it no longer held back. The certificate is out in any case.
func (s *Server) reported(ctx context.Context, h quoin.Height, blockTime quoin.Time, delay hook.FinalityResponse) error {
	if delay == (hook.FinalityResponse{}) {
		return nil
	}
	due := time.UnixMilli(int64(blockTime)).Add(time.Duration(delay.Milliseconds) * time.Millisecond)
	// A block's time may lie ahead of this node's clock; the bound holds all the same.
	timer := time.NewTimer(min(time.Until(due), hook.FinalityMSMax*time.Millisecond))
	defer timer.Stop()
	for {
		height, grown := s.settle.watch()
		if delay.Blocks > 0 && height >= h+quoin.Height(delay.Blocks) {
			return nil
		}
		select {
		case <-grown:
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return node.ErrClosed
		}
	}
}

// watch returns the height up to which blocks were handled, and a channel that is closed when it has
// grown.
func (s *settlements) watch() (quoin.Height, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.grown == nil {
		s.grown = make(chan struct{})
	}
	return s.height, s.grown
}
