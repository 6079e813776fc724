package client

import (
	"bytes"
	"context"
	"fmt"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/governance"
)

// Value is what the certified state says of a key. It was verified.
type Value struct {
	Namespace  string
	Key        []byte
	Present    bool
	Value      []byte
	Checkpoint quoin.Checkpoint // certified; the state is that of its height
	proof      []byte
	x          quoin.Certificate
	c          *Client
}

// Proof returns the value, or its absence, as a proof for others.
func (v *Value) Proof() *Proof {
	set, _ := v.c.verifier.Configuration(v.Checkpoint.Epoch)
	return &Proof{Kind: ProofOfState, Namespace: v.Namespace, Key: v.Key, Present: v.Present, Value: v.Value, Proof: v.proof,
		Certificate: v.x.Trim(set.Validators), Epochs: v.c.verifier.links(v.Checkpoint.Epoch)}
}

// Get returns values of one namespace, or their absence, in one certified state that is not older
// than anything that this client has verified before.
func (c *Client) Get(ctx context.Context, namespace string, keys ...[]byte) ([]Value, error) {
	return call(ctx, c, func(e *endpoint) ([]Value, error) {
		least := c.verifier.Newest().Height
		r, err := e.state.Get(ctx, connect.NewRequest(&quoinv1.GetRequest{Namespace: namespace, Keys: keys, MinHeight: uint64(least)}))
		if err != nil {
			return nil, err
		}
		x, err := c.certificate(ctx, e, r.Msg.Certificate)
		if err != nil {
			return nil, err
		}
		if x.Checkpoint.Height < least {
			return nil, fmt.Errorf("%w: the state of height %d, height %d was known already", ErrProof, x.Checkpoint.Height, least)
		}
		return c.values(r.Msg, &x, namespace, keys)
	})
}

func (c *Client) values(m *quoinv1.GetResponse, x *quoin.Certificate, namespace string, keys [][]byte) ([]Value, error) {
	if len(m.Values) != len(keys) {
		return nil, fmt.Errorf("%w: %d values of %d keys", ErrProof, len(m.Values), len(keys))
	}
	values := make([]Value, len(keys))
	for i, v := range m.Values {
		value, present, err := verifyState(v.Proof, x.Checkpoint.State, namespace, keys[i])
		if err != nil {
			return nil, err
		}
		if present != v.Present || !bytes.Equal(value, v.Value) || !bytes.Equal(v.Key, keys[i]) {
			return nil, fmt.Errorf("%w: a value other than its proof shows", ErrProof)
		}
		values[i] = Value{Namespace: namespace, Key: keys[i], Present: present, Value: value, Checkpoint: x.Checkpoint, proof: v.Proof, x: *x, c: c}
	}
	return values, nil
}

// Checkpoint returns the newest certificate of an endpoint, verified.
func (c *Client) Checkpoint(ctx context.Context) (quoin.Certificate, error) {
	return call(ctx, c, func(e *endpoint) (quoin.Certificate, error) {
		r, err := e.ledger.GetCheckpoint(ctx, connect.NewRequest(&quoinv1.GetCheckpointRequest{}))
		if err != nil {
			return quoin.Certificate{}, err
		}
		return c.certificate(ctx, e, r.Msg.Certificate)
	})
}

// Follow brings the client's epoch up to date and returns the newest configuration.
func (c *Client) Follow(ctx context.Context) (quoin.Configuration, error) {
	return call(ctx, c, func(e *endpoint) (quoin.Configuration, error) {
		for {
			now := c.verifier.Epoch()
			r, err := e.ledger.ListEpochProofs(ctx, connect.NewRequest(&quoinv1.ListEpochProofsRequest{FromEpoch: uint64(now), Limit: 1}))
			if err != nil {
				return quoin.Configuration{}, err
			}
			if len(r.Msg.Proofs) == 0 {
				configuration, _ := c.verifier.Configuration(now)
				return configuration, nil
			}
			if err := c.follow(ctx, e, now+1); err != nil {
				return quoin.Configuration{}, err
			}
		}
	})
}

// Expiry returns an expiry height for transactions that are submitted now: half the chain's window
// ahead of the newest certified height.
func (c *Client) Expiry(ctx context.Context) (quoin.Height, error) {
	_, err := c.Checkpoint(ctx)
	if err != nil && !isCode(err, "not-yet") {
		return 0, err
	}
	configuration, _ := c.verifier.Configuration(c.verifier.Epoch())
	return c.verifier.Newest().Height + quoin.Height(configuration.Parameters.ExpiryWindowHeights/2), nil
}

// Kernel runs f on the kernel's namespace of the certified state, every value of it verified: use
// it with the functions of package governance, such as governance.Proposals or governance.History.
// What f reads may be of several heights. It returns the first error of reading; f's own results are
// then not to be used.
func (c *Client) Kernel(ctx context.Context, f func(governance.State)) (err error) {
	k := &kernel{ctx: ctx, c: c}
	defer func() {
		if p := recover(); p != nil {
			if k.err == nil {
				panic(p)
			}
			err = k.err
		}
	}()
	f(k)
	return nil
}

// kernel is the kernel's namespace as the network proves it. It leaves f by a panic of its own when
// it cannot answer: "absent" would be a lie.
type kernel struct {
	ctx context.Context
	c   *Client
	err error
}

var _ governance.State = (*kernel)(nil)

// Get implements governance.State.
func (k *kernel) Get(key []byte) ([]byte, bool) {
	values, err := k.c.Get(k.ctx, quoin.KernelNamespace, key)
	if err != nil {
		k.err = err
		panic(err)
	}
	return values[0].Value, values[0].Present
}

// Put implements governance.State; reading functions do not call it.
func (k *kernel) Put(_, _ []byte) { panic("client: a write to the certified state") }

// Delete implements governance.State; reading functions do not call it.
func (k *kernel) Delete(_ []byte) { panic("client: a write to the certified state") }
