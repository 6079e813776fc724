package client

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"connectrpc.com/connect"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/quoin/v1/quoinv1connect"
)

// FaultAnswer is what one endpoint answered: Answer, or why there is none.
type FaultAnswer[T any] struct {
	URL    string
	Answer *T
	Err    error
}

// Inject tells every endpoint of a fault, at the same time, with an administrator's signature. The answers
// come in the order of Options.Endpoints, one for each URL.
func (c *Client) Inject(ctx context.Context, f *quoinv1.Fault, admin ed25519.PrivateKey) []FaultAnswer[quoinv1.InjectResponse] {
	return tellAll(ctx, c, func(ctx context.Context, e *endpoint) (*connect.Response[quoinv1.InjectResponse], error) {
		r := connect.NewRequest(&quoinv1.InjectRequest{Fault: f})
		if err := c.sign(ctx, e, r, admin, quoinv1connect.FaultServiceInjectProcedure, sha256.Sum256(f.SigningBytes())); err != nil {
			return nil, err
		}
		return e.faults.Inject(ctx, r)
	})
}

// Lift has every endpoint end a fault before its time, as Inject tells them of it.
func (c *Client) Lift(ctx context.Context, id uint64, admin ed25519.PrivateKey) []FaultAnswer[quoinv1.LiftResponse] {
	named := quoinv1.Fault{Id: id}
	return tellAll(ctx, c, func(ctx context.Context, e *endpoint) (*connect.Response[quoinv1.LiftResponse], error) {
		r := connect.NewRequest(&quoinv1.LiftRequest{Id: id})
		if err := c.sign(ctx, e, r, admin, quoinv1connect.FaultServiceLiftProcedure, sha256.Sum256(named.SigningBytes())); err != nil {
			return nil, err
		}
		return e.faults.Lift(ctx, r)
	})
}

// Faults asks every endpoint for the faults that it was told of and that are not over.
func (c *Client) Faults(ctx context.Context) []FaultAnswer[quoinv1.ListFaultsResponse] {
	return tellAll(ctx, c, func(ctx context.Context, e *endpoint) (*connect.Response[quoinv1.ListFaultsResponse], error) {
		return e.faults.List(ctx, connect.NewRequest(&quoinv1.ListFaultsRequest{}))
	})
}

// tellWithin is how long one endpoint may take: nobody waits longer for one that a fault keeps from answering.
const tellWithin = 10 * time.Second

func tellAll[T any](ctx context.Context, c *Client, tell func(context.Context, *endpoint) (*connect.Response[T], error)) []FaultAnswer[T] {
	ctx, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	answers := make([]FaultAnswer[T], len(c.endpoints))
	var wg sync.WaitGroup
	for i, e := range c.endpoints {
		wg.Go(func() {
			answers[i].URL = e.url
			r, err := tell(ctx, e)
			if err != nil {
				answers[i].Err = e.toError(err)
				return
			}
			answers[i].Answer = r.Msg
		})
	}
	wg.Wait()
	return oneEach(answers)
}

func hasCode(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code != ""
}

// oneEach keeps one answer of each URL: where the key is not known, the same address was asked with several.
func oneEach[T any](answers []FaultAnswer[T]) []FaultAnswer[T] {
	var kept []FaultAnswer[T]
	at := map[string]int{}
	for _, a := range answers {
		i, known := at[a.URL]
		switch {
		case !known:
			at[a.URL] = len(kept)
			kept = append(kept, a)
		case kept[i].Answer == nil && (a.Answer != nil || hasCode(a.Err)):
			kept[i] = a
		}
	}
	return kept
}
