package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/client"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/signature"
)

// badNetwork is a network of processes on which releases are tried, with clients that use a machine.
type badNetwork struct {
	*processes
	conn    *conn
	salt    atomic.Uint64
	stop    context.CancelFunc
	clients sync.WaitGroup

	mu           sync.Mutex
	acknowledged []acknowledged
}

// acknowledged is a transaction that a client was told of.
type acknowledged struct {
	id      quoin.Hash
	entry   uint64
	height  quoin.Height
	code    uint32
	payload []byte
}

const (
	badPatience     = 90 * time.Second // a stage's
	keeperNamespace = "keeper"
	keeperClients   = 4
	keeperBatch     = 4 // transactions that a client sends at once, so that as a rule one block has them
	keeperPause     = 150 * time.Millisecond
)

func newBadNetwork(t *testing.T) *badNetwork {
	n := &badNetwork{processes: startProcesses(t, badHost, "--parameter", "report_heights=4", "--parameter", "timeout_base_ms=250", "--parameter", "timeout_max_ms=500")}
	t.Setenv("QUOIN_CONFIG_DIR", n.config)
	for i := range n.nodes {
		n.await(i, 0, time.Minute)
	}
	n.conn = n.connect(n.api(0))
	t.Cleanup(n.unload)
	return n
}

func (n *badNetwork) connect(api string) *conn {
	c, err := (&terminal{api: api}).connect(context.Background())
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(c.close)
	return c
}

func (n *badNetwork) key(role string) ed25519.PrivateKey {
	key, err := readKey(keyPath(n.dir, role))
	if err != nil {
		n.t.Fatal(err)
	}
	return key
}

// index returns a node's index in the validator set, whose order is that of the keys.
func (n *badNetwork) index(node int) uint32 {
	set := n.conn.genesis.Configuration.Validators.All()
	return uint32(slices.IndexFunc(set, func(v quoin.Validator) bool { return v.Name == validatorName(node) }))
}

func (n *badNetwork) signal(i int, s syscall.Signal) {
	if err := n.nodes[i].Process.Signal(s); err != nil {
		n.t.Fatal(err)
	}
}

// patient is the context of one question.
func patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), badPatience)
}

func (n *badNetwork) height() quoin.Height {
	ctx, cancel := patient()
	defer cancel()
	c, err := n.conn.Checkpoint(ctx)
	if err != nil {
		n.t.Fatal(err)
	}
	return c.Checkpoint.Height
}

func (n *badNetwork) awaitHeight(h quoin.Height) {
	for end := time.Now().Add(badPatience); n.height() < h; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			n.t.Fatalf("after %s the height is %d, want %d", badPatience, n.height(), h)
		}
	}
}

// blocks returns the certified blocks from a height on, verified.
func (n *badNetwork) blocks(from quoin.Height) (blocks []client.Block) {
	ctx, cancel := patient()
	defer cancel()
	for {
		more, next, err := n.conn.Blocks(ctx, from, 256)
		if err != nil {
			n.t.Fatal(err)
		}
		if blocks = append(blocks, more...); next == from {
			return blocks
		}
		from = next
	}
}

// kernel reads the kernel's state, verified.
func (n *badNetwork) kernel(f func(governance.State)) {
	n.t.Helper()
	ctx, cancel := patient()
	defer cancel()
	if err := n.conn.Kernel(ctx, f); err != nil {
		n.t.Fatal(err)
	}
}

func (n *badNetwork) proposal(number governance.ProposalNumber) (p governance.Proposal) {
	n.kernel(func(s governance.State) { p, _ = governance.ReadProposal(s, number) })
	return p
}

// served returns the heights at which a proposal served its slot, if it ever did.
func (n *badNetwork) served(p *governance.Proposal) (x span) {
	n.kernel(func(s governance.State) {
		x = span{}
		for line := range governance.History(s, p.Slot()) {
			if line.Proposal == p.Number && line.Cause == governance.CauseProposal {
				x.first = line.First
				return
			}
			x.last = line.First - 1 // of what came after
		}
	})
	if x.first == 0 {
		return span{}
	}
	return x
}

// load has clients use the machine until unload. They ask the nodes that are never away.
func (n *badNetwork) load() {
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	for i := range keeperClients {
		c := n.connect(n.api(i % lastNode))
		key := loadKey(1, i)
		n.clients.Go(func() {
			for ctx.Err() == nil {
				if err := n.use(c, key); err != nil {
					n.t.Errorf("a client of the machine: %v", err)
					return
				}
				time.Sleep(keeperPause)
			}
		})
	}
}

// unload stops the clients and waits for their last answers.
func (n *badNetwork) unload() {
	if n.stop != nil {
		n.stop()
		n.clients.Wait()
	}
}

// use sends a batch, again if nobody answers, until it is certified.
func (n *badNetwork) use(c *conn, key ed25519.PrivateKey) error {
	ctx, cancel := patient()
	defer cancel()
	expiry, err := c.expiry(ctx)
	if err != nil {
		return err
	}
	txs := make([]quoin.Transaction, keeperBatch)
	for i := range txs {
		salt := n.salt.Add(1)
		txs[i] = quoin.Transaction{Sender: publicOf(key), Salt: salt, Expiry: expiry, Namespace: keeperNamespace, Payload: fmt.Appendf(nil, "payload %d", salt)}
		txs[i].Signature = signature.Sign(key, quoin.TransactionSigningBytes(txs[i].ID(c.genesis.Origin().ID())))
	}
	outcomes, err := c.Submit(ctx, txs, client.Certified)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, o := range outcomes {
		if o.Stage != client.Certified {
			return fmt.Errorf("transaction %s: %v, %s", o.ID, o.Stage, o.Code)
		}
		n.acknowledged = append(n.acknowledged, acknowledged{o.ID, o.Receipt.Entry, o.Receipt.Height, o.Receipt.Result.Code, txs[i].Payload})
	}
	return nil
}

const askAtOnce = 8

// checkAcknowledged checks on the node that was away that every transaction that was acknowledged is in the
// ledger, proven, with the result that was told, and in the state unless a damaged span had it.
func (n *badNetwork) checkAcknowledged(damaged []span) {
	c := n.connect(n.api(lastNode))
	ctx, cancel := patient()
	defer cancel()
	one := func(a *acknowledged) error {
		r, err := c.Entry(ctx, a.entry)
		if err != nil {
			return err
		}
		if r.ID != a.id || r.Result.Code != a.code {
			return fmt.Errorf("entry %d is transaction %s with result %d, acknowledged was %s with %d", a.entry, r.ID, r.Result.Code, a.id, a.code)
		}
		if slices.ContainsFunc(damaged, func(s span) bool { return s.has(a.height) }) {
			return nil
		}
		v, err := c.value(ctx, keeperNamespace, a.id[:])
		if err != nil {
			return err
		}
		if a.code != 0 || !bytes.Equal(v.Value, a.payload) {
			return fmt.Errorf("transaction %s at height %d has result %d and left %q, want %q", a.id, a.height, a.code, v.Value, a.payload)
		}
		return nil
	}
	var next atomic.Int64
	var asked sync.WaitGroup
	for range askAtOnce {
		asked.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(n.acknowledged)); i = next.Add(1) - 1 {
				if err := one(&n.acknowledged[i]); err != nil {
					n.t.Error(err)
				}
			}
		})
	}
	asked.Wait()
	n.t.Logf("%d acknowledged transactions are there", len(n.acknowledged))
	if len(n.acknowledged) < 200 {
		n.t.Errorf("that is no load")
	}
}
