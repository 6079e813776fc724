package client

import (
	"context"
	"fmt"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/ledger"
)

// Block is a certified block with its results. It was verified.
type Block struct {
	*quoin.Block
	Results     []quoin.Result
	FirstEntry  uint64           // number of the first entry in the ledger
	Proposer    quoin.Validator  // who proposed it
	Certificate quoin.Checkpoint // that made it final: of this block or a descendant
}

// Blocks returns certified blocks from a height on, at least 1, about as many as limit (0: some),
// and the height at which to go on. There are none if the chain has not come so far.
func (c *Client) Blocks(ctx context.Context, from quoin.Height, limit int) ([]Block, quoin.Height, error) {
	type answer struct {
		blocks []Block
		next   quoin.Height
	}
	a, err := call(ctx, c, func(e *endpoint) (answer, error) {
		r, err := e.ledger.ListBlocks(ctx, connect.NewRequest(&quoinv1.ListBlocksRequest{FromHeight: uint64(from), Limit: uint32(max(limit, 0))}))
		if err != nil {
			return answer{}, err
		}
		a := answer{next: from}
		f := follower{v: c.verifier, next: from}
		for _, s := range r.Msg.Segments {
			if err := f.begin(s.Edge); err != nil {
				return answer{}, err
			}
			for _, b := range s.Blocks {
				if err := f.add(b); err != nil {
					return answer{}, err
				}
			}
			x, err := c.certificate(ctx, e, s.Certificate)
			if err != nil {
				return answer{}, err
			}
			blocks, err := f.certify(&x, s.Tails)
			if err != nil {
				return answer{}, err
			}
			a.blocks, a.next = append(a.blocks, blocks...), f.next
		}
		return a, nil
	})
	return a.blocks, a.next, err
}

// Limits of what a follower keeps until a certificate comes.
const (
	followBlocks = 1024
	followBytes  = 64 << 20
)

// follower verifies consecutive blocks: their ids by the links from the certified one back, their
// entries by the certified root of the ledger.
type follower struct {
	v       *Verifier
	next    quoin.Height // 0: whatever comes first
	parent  quoin.Hash   // id of the block before; zero if it is not known
	started bool
	edge    ledger.Edge // after what is waiting
	waiting []Block
	bytes   int
}

// begin takes the ledger's edge before the first block. A wrong one leads to another root than the
// certified one; a later one must be what the blocks before have led to.
func (f *follower) begin(b []byte) error {
	edge, err := ledger.DecodeEdge(b)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrProof, err)
	}
	if f.started && edge != f.edge {
		return fmt.Errorf("%w: the ledger does not go on where it was", ErrProof)
	}
	f.edge, f.started = edge, true
	return nil
}

// add takes the next block.
func (f *follower) add(m *quoinv1.Block) error {
	r := canonical.NewReader(m.GetHeader())
	header := quoin.ReadHeader(r)
	if err := r.Done(); err != nil {
		return fmt.Errorf("%w: a header: %w", ErrProof, err)
	}
	switch {
	case !f.started:
		return fmt.Errorf("%w: a block before the ledger's edge", ErrProof)
	case f.next != 0 && header.Height != f.next:
		return fmt.Errorf("%w: block %d, want %d", ErrProof, header.Height, f.next)
	case len(f.waiting) > 0 && header.Epoch != f.waiting[0].Header().Epoch:
		return fmt.Errorf("%w: epoch %d ends without a certificate", ErrProof, f.waiting[0].Header().Epoch)
	case !f.parent.IsZero() && header.Parent != f.parent:
		return fmt.Errorf("%w: block %d does not stand on the one before", ErrProof, header.Height)
	case int(header.Count) != len(m.Entries):
		return fmt.Errorf("%w: %d entries of a block of %d transactions", ErrProof, len(m.Entries), header.Count)
	}
	x := Block{FirstEntry: f.edge.Size()}
	txs := make([]quoin.Transaction, len(m.Entries))
	for i, b := range m.Entries {
		entry, err := quoin.DecodeEntry(b)
		if err != nil {
			return fmt.Errorf("%w: an entry: %w", ErrProof, err)
		}
		txs[i] = entry.Transaction
		x.Results = append(x.Results, entry.Result)
		f.edge.Append(ledger.LeafHash(b))
		f.bytes += len(b)
	}
	x.Block = quoin.NewBlock(header, txs)
	if x.ID() != header.ID() || m.Height != uint64(header.Height) || m.Proposer != uint32(header.Proposer) ||
		string(m.Id) != string(hashBytes(x.ID())) || m.FirstEntry != x.FirstEntry || m.Epoch != uint64(header.Epoch) ||
		m.View != uint64(header.View) || m.TimeMs != uint64(header.Time) {
		return fmt.Errorf("%w: the fields of block %d are not those of its header and entries", ErrProof, header.Height)
	}
	if f.waiting = append(f.waiting, x); len(f.waiting) > followBlocks || f.bytes > followBytes {
		return fmt.Errorf("%w: %d blocks without a certificate", ErrProof, len(f.waiting))
	}
	f.parent, f.next = x.ID(), header.Height+1
	return nil
}

func hashBytes(h quoin.Hash) []byte { return h[:] }

// certify takes the certificate, which was verified, of the last block or of a tail block on it, and
// returns the blocks that it makes final.
func (f *follower) certify(c *quoin.Certificate, tails [][]byte) ([]Block, error) {
	if len(f.waiting) == 0 {
		return nil, fmt.Errorf("%w: a certificate without blocks", ErrProof)
	}
	last, p := f.waiting[len(f.waiting)-1].Header(), &c.Checkpoint
	switch {
	case p.Height != last.Height || p.Epoch != last.Epoch || p.Time != last.Time:
		return nil, fmt.Errorf("%w: the certificate is of height %d, the last block of %d", ErrProof, p.Height, last.Height)
	case p.Size != f.edge.Size() || p.Ledger != f.edge.Root():
		return nil, fmt.Errorf("%w: the entries up to height %d are not those of the certified ledger", ErrProof, last.Height)
	}
	if err := f.reaches(p.Block, last, tails); err != nil {
		return nil, err
	}
	configuration, _ := f.v.Configuration(p.Epoch)
	set := configuration.Validators
	for i := range f.waiting {
		proposer := int(f.waiting[i].Header().Proposer)
		if proposer >= set.Len() {
			return nil, fmt.Errorf("%w: proposer %d of %d validators", ErrProof, proposer, set.Len())
		}
		f.waiting[i].Proposer, f.waiting[i].Certificate = set.At(proposer), *p
	}
	blocks := f.waiting
	f.waiting, f.bytes = nil, 0
	return blocks, nil
}

// reaches checks that the certified block is the last one, or a tail block that stands on it.
func (f *follower) reaches(certified quoin.Hash, last *quoin.Header, tails [][]byte) error {
	at := f.parent
	for _, b := range tails {
		if at == certified {
			return fmt.Errorf("%w: more tail blocks than the certificate needs", ErrProof)
		}
		r := canonical.NewReader(b)
		t := quoin.ReadHeader(r)
		if err := r.Done(); err != nil {
			return fmt.Errorf("%w: a tail block: %w", ErrProof, err)
		}
		if t.Parent != at || t.Epoch != last.Epoch || t.Height != last.Height || t.Time != last.Time || t.Count != 0 {
			return fmt.Errorf("%w: a tail block that does not stand on block %d", ErrProof, last.Height)
		}
		at = t.ID()
	}
	if at != certified {
		return fmt.Errorf("%w: the certificate is of another block than %s", ErrProof, at)
	}
	return nil
}
