package api

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/ledger"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/store"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
)

// readFinished reads a certified block as the feed would have told of it. Of its checkpoint only
// what the header and the ledger say is set.
func readFinished(s store.Reader, origin quoin.Origin, h quoin.Height) (*replica.Finished, error) {
	header, size, err := replica.ReadHeader(s, h)
	if err != nil {
		return nil, err
	}
	block, results, err := ledger.Block(s, header, size)
	if err != nil {
		return nil, err
	}
	f := &replica.Finished{Block: block, Results: results}
	f.Checkpoint = quoin.Checkpoint{Origin: origin, Size: size, Epoch: header.Epoch, Height: h, View: header.View, Block: block.ID(), Time: header.Time}
	id := origin.ID()
	for _, t := range block.Transactions() {
		f.IDs = append(f.IDs, t.ID(id))
	}
	f.Certificate, err = certificateFrom(s, h)
	return f, err
}

// certificateAt returns the certificate that was formed at a height, or nil.
func certificateAt(s store.Reader, header *quoin.Header) (*quoin.Certificate, error) {
	c, err := replica.ReadCertificate(s, header.Height)
	if err != nil || c != nil {
		return c, err
	}
	p, ok, err := replica.ReadEpochProof(s, header.Epoch+1)
	if err != nil || !ok || p.Certificate.Checkpoint.Height != header.Height {
		return nil, err
	}
	return &p.Certificate, nil
}

// newest returns the highest certified height.
func (s *Server) newest() quoin.Height {
	c, ok, err := ledger.ReadCertificate(s.node.Store())
	if err != nil || !ok {
		return 0
	}
	return c.Checkpoint.Height
}

// certificateFrom returns the first certificate that covers a height: some blocks are final only by
// a descendant's.
func certificateFrom(s store.Reader, h quoin.Height) (*quoin.Certificate, error) {
	newest, ok, err := ledger.ReadCertificate(s)
	if err != nil {
		return nil, err
	}
	if !ok || newest.Checkpoint.Height < h {
		return nil, fmt.Errorf("%w: height %d is not certified yet", replica.ErrNoBlock, h)
	}
	for ; h < newest.Checkpoint.Height; h++ {
		c, err := replica.ReadCertificate(s, h)
		if err != nil || c != nil {
			return c, err
		}
	}
	return &newest, nil
}

// edgeAt returns the canonical bytes of the ledger's edge at a size: the size (8), then the roots of
// the complete subtrees from the largest to the smallest.
func edgeAt(s store.Reader, size uint64) ([]byte, error) {
	b := canonical.AppendUint64(nil, size)
	for level := 47; level >= 0; level-- {
		if size>>level&1 == 0 {
			continue
		}
		// The subtree's root is that of 2^height neighbours on the tile level below.
		height := level % 8
		first := (size>>level - 1) << height
		count := uint64(1) << height
		t := ledger.Tile{Level: uint8(level / 8), N: first / 256, Width: uint16(first%256 + count)}
		tile, err := ledger.ReadTile(s, t)
		if err != nil {
			return nil, err
		}
		var edge ledger.Edge
		tile = tile[first%256*32:]
		for i := range count {
			edge.Append(quoin.Hash(tile[i*32:]))
		}
		root := edge.Root()
		b = append(b, root[:]...)
	}
	return b, nil
}

func toCertificate(c *quoin.Certificate) *quoinv1.Certificate {
	x := &quoinv1.Certificate{Checkpoint: c.Checkpoint.Text(), Signers: c.Signers}
	for i := range c.Signatures {
		x.Signatures = append(x.Signatures, c.Signatures[i][:])
	}
	return x
}

func toResult(r *quoin.Result) *quoinv1.Result {
	return &quoinv1.Result{Code: r.Code, Fuel: r.Fuel, Output: r.Output}
}

func joinHashes(hashes []quoin.Hash) []byte {
	b := make([]byte, 0, len(hashes)*32)
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b
}

// receipts makes receipts, and lists each certificate once.
type receipts struct {
	store        store.Reader
	certificates []*quoinv1.Certificate
	known        map[*quoin.Certificate]int
	provers      map[*quoin.Certificate]*ledger.Prover
}

func newReceipts(s store.Reader) *receipts {
	return &receipts{store: s, known: map[*quoin.Certificate]int{}, provers: map[*quoin.Certificate]*ledger.Prover{}}
}

// of returns the receipt of a transaction of a certified block.
func (r *receipts) of(f *replica.Finished, place uint32) (*quoinv1.Receipt, error) {
	c := f.Certificate
	prover := r.provers[c]
	if prover == nil {
		var err error
		if prover, err = ledger.NewProver(r.store, c.Checkpoint.Size); err != nil {
			return nil, err
		}
		r.provers[c], r.known[c] = prover, len(r.certificates)
		r.certificates = append(r.certificates, toCertificate(c))
	}
	index := f.Checkpoint.Size - uint64(len(f.IDs)) + uint64(place)
	path, err := prover.Inclusion(index)
	if err != nil {
		return nil, err
	}
	entry := quoin.Entry{Transaction: f.Block.Transactions()[place], Result: f.Results[place]}
	id := f.IDs[place]
	return &quoinv1.Receipt{Id: id[:], Place: &quoinv1.Place{Height: uint64(f.Checkpoint.Height), Index: place, Entry: index},
		Entry: entry.AppendBinary(nil), Result: toResult(&f.Results[place]), Path: joinHashes(path), Certificate: uint32(r.known[c])}, nil
}
