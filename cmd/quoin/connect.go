package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/signature"
)

// conn is a connection to a network, which believes nothing that it cannot verify from the pinned
// genesis.
type conn struct {
	*client.Client
	genesis *quoin.Genesis
}

// connect prepares to talk to the network of --api or of the context. Nothing is sent yet.
func (t *terminal) connect(context.Context) (*conn, error) {
	s, err := loadContext()
	if err != nil {
		return nil, err
	}
	g, err := trustAnchor("")
	if err != nil {
		return nil, err
	}
	c, err := client.New(client.Options{Endpoints: endpoints(s, t.api, g), Trust: client.GenesisAnchor(g), Warn: t.warnOnce()})
	if err != nil {
		return nil, usage(err.Error(), "write --api https://HOST:PORT")
	}
	return &conn{c, g}, nil
}

// warnOnce returns what prints the warnings of nodes: each text once, and not without end.
func (t *terminal) warnOnce() func(string) {
	var mu sync.Mutex
	told := map[string]bool{}
	return func(text string) {
		mu.Lock()
		defer mu.Unlock()
		if !told[text] && len(told) < 16 {
			told[text] = true
			t.note("warning: %.1000s", text)
		}
	}
}

// endpoints says where to ask and which key must answer: the context's, or for another address that
// of any validator of the genesis.
func endpoints(s *settings, api string, g *quoin.Genesis) []client.Endpoint {
	var list []client.Endpoint
	for _, n := range s.Nodes {
		if key, err := quoin.ParsePublicKey(n.Key); err == nil && (api == "" || api == n.API) {
			list = append(list, client.Endpoint{URL: n.API, Key: key})
		}
	}
	if len(list) > 0 {
		return list
	}
	if api == "" {
		api = s.API
	}
	for _, v := range g.Configuration.Validators.All() {
		list = append(list, client.Endpoint{URL: api, Key: v.Key})
	}
	return list
}

func (n *conn) close() { n.Client.Close() }

// receipt says that a transaction is final. It was verified.
type receipt struct {
	id        quoin.Hash
	height    quoin.Height
	entry     uint64
	namespace string
	salt      uint64
	expiry    quoin.Height
	result    quoin.Result
	proof     func() *client.Proof
}

// transact signs and sends a transaction, and waits until it is certified.
func (n *conn) transact(ctx context.Context, key ed25519.PrivateKey, salt uint64, expiry quoin.Height, namespace string, payload []byte, until client.Stage) (*receipt, error) {
	tx := quoin.Transaction{Sender: publicOf(key), Salt: salt, Expiry: expiry, Namespace: namespace, Payload: payload}
	if err := tx.Check(); err != nil {
		return nil, usage(err.Error(), "see the limits in the documentation of the root package")
	}
	id := tx.ID(n.genesis.Origin().ID())
	tx.Signature = signature.Sign(key, quoin.TransactionSigningBytes(id))
	outcomes, err := n.Submit(ctx, []quoin.Transaction{tx}, until)
	if err != nil {
		return nil, netFault(err)
	}
	switch o := outcomes[0]; o.Stage {
	case client.Certified, client.Reported:
		r := o.Receipt
		return &receipt{id, r.Height, r.Entry, namespace, salt, expiry, r.Result, r.Proof}, nil
	case client.Expired:
		return nil, refused("expired", fmt.Sprintf("transaction %s was not included before its expiry height %d", id, expiry), "", "send it again")
	default:
		return nil, refused(o.Code, fmt.Sprintf("the node did not take transaction %s", id), admissionText(o.Code), "correct it, or try again later if the pool is full")
	}
}

// expiry returns an expiry height; the chain is asked only once, later answers move it on.
func (n *conn) expiry(ctx context.Context) (quoin.Height, error) {
	v := n.Verifier()
	newest := v.Newest().Height
	if newest == 0 {
		return n.Expiry(ctx)
	}
	c, _ := v.Configuration(v.Epoch())
	return newest + quoin.Height(c.Parameters.ExpiryWindowHeights/2), nil
}

func admissionText(code string) string {
	switch code {
	case "pool-full":
		return "the node has as many pending transactions as it takes"
	case "sender-limit":
		return "the sender has as many pending transactions as it may"
	case "expired":
		return "its expiry height has passed"
	case "expiry-too-far":
		return "its expiry height lies beyond the chain's window"
	case "bad-signature":
		return "its signature does not verify"
	case "refused-by-validation":
		return "the namespace's validation refuses it as the state is now"
	case "no-machine":
		return "no machine serves the namespace"
	case "unsigned":
		return "the chain wants a sender"
	case "too-large":
		return "it is larger than a block may hold"
	case "malformed":
		return "it is not well formed"
	}
	return code
}

// value reads a key of the certified state.
func (n *conn) value(ctx context.Context, namespace string, key []byte) (*client.Value, error) {
	values, err := n.Get(ctx, namespace, key)
	if err != nil {
		return nil, netFault(err)
	}
	return &values[0], nil
}

// netFault gives an error of the network its exit code.
func netFault(err error) error {
	var f *fault
	e := refusalIn(err)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		return f
	case errors.Is(err, client.ErrProof), errors.Is(err, client.ErrFork), errors.Is(err, client.ErrEpochUnknown):
		return unverified("the node's answer does not verify", err)
	case errors.Is(err, client.ErrAnchor):
		return &fault{exit: exitUsage, code: "anchor", what: "the trust anchor is of no use", cause: err, todo: "pin another with `quoin context use`"}
	case e != nil:
		return &fault{exit: exitOf(e.Code), code: e.Code, what: "the node at " + e.Endpoint + " refused", why: e.Message, todo: e.Hint}
	case errors.Is(err, context.Canceled):
		return &fault{exit: exitInterrupted, code: "interrupted", what: "interrupted", cause: err}
	case errors.Is(err, context.DeadlineExceeded), connect.CodeOf(err) == connect.CodeDeadlineExceeded:
		return &fault{exit: exitUndecided, code: "timeout", what: "there was no answer in time", cause: err, todo: "ask what became of it before sending it again; a longer --timeout may help"}
	case connect.CodeOf(err) == connect.CodeResourceExhausted:
		return &fault{exit: exitUnavailable, code: "busy", what: "the node is too busy", cause: err, todo: "try again in a moment"}
	case connect.CodeOf(err) == connect.CodeUnavailable:
		return &fault{exit: exitUnavailable, code: "unreachable", what: "no node answers", cause: err, todo: "is the network running? Start `quoin dev`, or name a node with --api"}
	}
	return failure("the node could not be asked", err, "")
}

// refusalIn returns the first refusal with a code, nil if there is none. Where several nodes were asked, one that
// refused says more than one that is away.
func refusalIn(err error) *client.Error {
	var e *client.Error
	if errors.As(err, &e) && e.Code != "" {
		return e
	}
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range all.Unwrap() {
			if e := refusalIn(one); e != nil {
				return e
			}
		}
	}
	return nil
}

func exitOf(code string) int {
	switch code {
	case "not-found":
		return exitNotFound
	case "busy", "rate-limit", "stopped", "not-yet", "slow-consumer", "pruned":
		return exitUnavailable
	case "timeout":
		return exitUndecided
	case "internal":
		return exitFailure
	}
	return exitRefused
}
