package api

import (
	"fmt"
	"sync"
	"sync/atomic"

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
	if f.Delay, err = replica.ReadDelay(s, h); err != nil {
		return nil, err
	}
	f.Certificate, err = certificateFrom(s, h)
	return f, err
}

// blockReader reads the blocks of one request's transactions, each once.
type blockReader struct {
	store  store.Reader
	origin quoin.Origin
	read   map[quoin.Height]*replica.Finished
	bytes  int
}

// blockReaderMax bounds the bytes of the blocks that one request holds.
const blockReaderMax = 128 << 20

func (s *Server) newBlockReader() *blockReader {
	return &blockReader{store: s.node.Store(), origin: s.node.Origin(), read: map[quoin.Height]*replica.Finished{}}
}

func (b *blockReader) at(h quoin.Height) (*replica.Finished, error) {
	if f := b.read[h]; f != nil {
		return f, nil
	}
	if b.bytes > blockReaderMax {
		return nil, refuse(CodeTooLarge, "ask for fewer transactions at once", "they stand in %d blocks with more than %d bytes", len(b.read), blockReaderMax)
	}
	f, err := readFinished(b.store, b.origin, h)
	if err != nil {
		return nil, err
	}
	b.bytes += f.Block.Size()
	b.read[h] = f
	return f, nil
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

// provers keeps the provers of the newest trees: all who wait for one block ask for proofs in the same
// one, and need mostly the same tiles.
type provers struct {
	store  store.Reader
	mu     sync.Mutex
	recent [4]*sharedProver
	place  int
}

type sharedProver struct {
	size   uint64
	broken atomic.Bool
	mu     sync.Mutex
	p      *ledger.Prover
}

func (p *provers) of(size uint64) (*sharedProver, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.recent {
		if x != nil && x.size == size && !x.broken.Load() {
			return x, nil
		}
	}
	prover, err := ledger.NewProver(p.store, size)
	if err != nil {
		return nil, err
	}
	x := &sharedProver{size: size, p: prover}
	p.recent[p.place%len(p.recent)] = x
	p.place++
	return x, nil
}

func (x *sharedProver) inclusion(index uint64) ([]quoin.Hash, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	path, err := x.p.Inclusion(index)
	if err != nil {
		x.broken.Store(true) // a tile may be half read
	}
	return path, err
}

// receipts makes the receipts of one answer, and lists each certificate once.
type receipts struct {
	s            *Server
	certificates []*quoinv1.Certificate
	known        map[*quoin.Certificate]int
}

func (s *Server) newReceipts() *receipts {
	return &receipts{s: s, known: map[*quoin.Certificate]int{}}
}

// of returns the receipt of a transaction of a certified block.
func (r *receipts) of(f *replica.Finished, place uint32) (*quoinv1.Receipt, error) {
	c := f.Certificate
	prover, err := r.s.provers.of(c.Checkpoint.Size)
	if err != nil {
		return nil, err
	}
	if _, ok := r.known[c]; !ok {
		r.known[c] = len(r.certificates)
		r.certificates = append(r.certificates, toCertificate(c))
	}
	index := f.Checkpoint.Size - uint64(len(f.IDs)) + uint64(place)
	path, err := prover.inclusion(index)
	if err != nil {
		return nil, err
	}
	entry := quoin.Entry{Transaction: f.Block.Transactions()[place], Result: f.Results[place]}
	id := f.IDs[place]
	return &quoinv1.Receipt{Id: id[:], Place: &quoinv1.Place{Height: uint64(f.Checkpoint.Height), Index: place, Entry: index},
		Entry: entry.AppendBinary(nil), Result: toResult(&f.Results[place]), Path: joinHashes(path), Certificate: uint32(r.known[c])}, nil
}
