package chaos

import (
	"context"
	"fmt"
	"slices"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/client"
)

const (
	levelLimit  = time.Minute // for all nodes to reach one height, without load
	auditBlocks = 64          // asked for at once
	auditLimit  = 2 * time.Minute
)

// audit waits until all nodes are at one height, reads the whole chain from each, every block of it
// verified from the genesis, and returns the clients' part of the ledger: nil if there is no one
// ledger, which is a finding.
func (w *world) audit(ctx context.Context) (Ledger, error) {
	ctx, cancel := context.WithTimeout(ctx, auditLimit)
	defer cancel()
	top, ok := w.settle(ctx)
	if !ok {
		w.find("%v after the load the nodes are not at one height above all receipts: %s", levelLimit, w.describe(ctx))
		return nil, ctx.Err()
	}
	var first []client.Block
	for i := range w.o.Nodes {
		blocks, err := w.chain(ctx, i, top)
		if err != nil {
			w.find("the chain of node %s cannot be read: %v", w.o.Nodes[i].Name, err)
			return nil, ctx.Err()
		}
		if i == 0 {
			first = blocks
		} else {
			w.compare(i, first, blocks)
		}
	}
	w.proofs()
	ledger := Ledger{}
	for _, b := range first {
		for j, tx := range b.Transactions() {
			if tx.Namespace == namespace {
				ledger[b.FirstEntry+uint64(j)] = LedgerEntry{tx.ID(w.o.Genesis.Origin().ID()), b.Header().Height, b.Results[j]}
			}
		}
	}
	return ledger, nil
}

// settle waits until all nodes are at one height, not below any that a receipt has named.
func (w *world) settle(ctx context.Context) (quoin.Height, bool) {
	var acknowledged quoin.Height
	for i := range w.crowd.record.h.Operations {
		acknowledged = max(acknowledged, w.crowd.record.h.Operations[i].Height)
	}
	for deadline := time.Now().Add(levelLimit); time.Now().Before(deadline) && ctx.Err() == nil; pause(ctx, 50*time.Millisecond) {
		if h, ok := w.level(ctx, acknowledged); ok {
			return h, true
		}
	}
	return 0, false
}

// chain reads a node's blocks up to a height: what clients gave up may go on to be certified above it.
func (w *world) chain(ctx context.Context, i int, top quoin.Height) ([]client.Block, error) {
	c, err := client.New(client.Options{Endpoints: []client.Endpoint{w.o.Nodes[i].API}, Trust: client.GenesisAnchor(w.o.Genesis)})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var all []client.Block
	for next := quoin.Height(1); next <= top; {
		blocks, after, err := c.Blocks(ctx, next, auditBlocks)
		if err != nil {
			return nil, err
		}
		if after <= next {
			return nil, fmt.Errorf("it ends before height %d, the node says that it is at %d", next, top)
		}
		all, next = append(all, blocks...), after
	}
	return all[:min(len(all), int(top))], nil
}

// compare finds where a node's chain is not the first node's.
func (w *world) compare(i int, first, blocks []client.Block) {
	if len(first) != len(blocks) {
		w.find("node %s has %d blocks, node %s %d", w.o.Nodes[i].Name, len(blocks), w.o.Nodes[0].Name, len(first))
	}
	for j := range min(len(first), len(blocks)) {
		a, b := &first[j], &blocks[j]
		if a.ID() != b.ID() || a.FirstEntry != b.FirstEntry || !slices.EqualFunc(a.Results, b.Results, sameResult) {
			w.find("node %s has another block at height %d than node %s", w.o.Nodes[i].Name, a.Header().Height, w.o.Nodes[0].Name)
			return
		}
	}
}

func sameResult(a, b quoin.Result) bool {
	return string(a.AppendBinary(nil)) == string(b.AppendBinary(nil))
}

// proofs verifies the receipts that were kept, from the genesis alone.
func (w *world) proofs() {
	for _, x := range w.crowd.workers {
		for _, file := range x.proofs {
			if _, err := client.VerifyProof(file, client.GenesisAnchor(w.o.Genesis)); err != nil {
				w.find("a receipt of client %d does not verify offline: %v", x.number, err)
			}
		}
	}
}
