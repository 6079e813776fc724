package api

import (
	"context"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	"quoin.dev/quoin/ledger"
	"quoin.dev/quoin/replica"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
)

// GetTransaction implements quoinv1connect.LedgerServiceHandler.
func (s ledgerService) GetTransaction(ctx context.Context, r *connect.Request[quoinv1.GetTransactionRequest]) (*connect.Response[quoinv1.GetTransactionResponse], error) {
	var f *replica.Finished
	var place uint32
	var err error
	switch by := r.Msg.By.(type) {
	case *quoinv1.GetTransactionRequest_Id:
		f, place, err = s.byID(ctx, by.Id)
	case *quoinv1.GetTransactionRequest_Entry:
		f, place, err = s.byEntry(by.Entry)
	default:
		err = refuse(CodeInvalid, "give an id or an entry number", "nothing was asked for")
	}
	if err != nil {
		return nil, err
	}
	made := s.newReceipts()
	receipt, err := made.of(f, place)
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&quoinv1.GetTransactionResponse{Receipt: receipt, Certificate: made.certificates[0]}), nil
}

func (s ledgerService) byID(ctx context.Context, b []byte) (*replica.Finished, uint32, error) {
	id, err := toHash(b)
	if err != nil {
		return nil, 0, err
	}
	var height quoin.Height
	var index uint32
	found, pending := false, false
	err = s.node.Do(ctx, func(x *replica.Replica) {
		place, ok := x.Place(id)
		height, index, found = place.Height, place.Index, ok
		pending = x.Pending(id)
	})
	switch {
	case err != nil:
		return nil, 0, err
	case pending:
		return nil, 0, refuse(CodeNotYet, "use Wait", "transaction %s is pending", id)
	case !found:
		return nil, 0, refuse(CodeNotFound, "ask by the entry number of its receipt, if it was certified longer ago than the chain's expiry window", "transaction %s is not known here", id)
	}
	f, err := readFinished(s.node.Store(), s.node.Origin(), height)
	return f, index, err
}

// byEntry finds the block of an entry: the sizes of the ledger grow with the heights.
func (s ledgerService) byEntry(entry uint64) (*replica.Finished, uint32, error) {
	newest, ok, err := ledger.ReadCertificate(s.node.Store())
	if err != nil {
		return nil, 0, err
	}
	if !ok || entry >= newest.Checkpoint.Size {
		return nil, 0, refuse(CodeNotFound, "see GetCheckpoint for the size of the ledger", "the ledger has no entry %d yet", entry)
	}
	low, high := quoin.Height(1), newest.Checkpoint.Height
	for low < high {
		middle := low + (high-low)/2
		_, size, err := replica.ReadHeader(s.node.Store(), middle)
		if err != nil {
			return nil, 0, err
		}
		if size > entry {
			high = middle
		} else {
			low = middle + 1
		}
	}
	f, err := readFinished(s.node.Store(), s.node.Origin(), low)
	if err != nil {
		return nil, 0, err
	}
	first := f.Checkpoint.Size - uint64(len(f.IDs))
	return f, uint32(entry - first), nil
}

// Limits of one answer of ListBlocks.
const (
	listBlocksMax = 256
	listBytesMax  = 4 << 20
)

// ListBlocks implements quoinv1connect.LedgerServiceHandler.
func (s ledgerService) ListBlocks(_ context.Context, r *connect.Request[quoinv1.ListBlocksRequest]) (*connect.Response[quoinv1.ListBlocksResponse], error) {
	store := s.node.Store()
	newest, ok, err := ledger.ReadCertificate(store)
	if err != nil {
		return nil, err
	}
	from := quoin.Height(r.Msg.FromHeight)
	if from == 0 {
		return nil, refuse(CodeInvalid, "begin at height 1", "there is no block of height 0: it is the genesis")
	}
	answer := &quoinv1.ListBlocksResponse{NextHeight: uint64(from)}
	if !ok || newest.Checkpoint.Height < from {
		if ok {
			answer.NewestHeight = uint64(newest.Checkpoint.Height)
		}
		return connect.NewResponse(answer), nil
	}
	answer.NewestHeight = uint64(newest.Checkpoint.Height)
	limit := int(min(r.Msg.Limit, listBlocksMax))
	if limit == 0 {
		limit = 16
	}
	for h, blocks, bytes := from, 0, 0; h <= newest.Checkpoint.Height && blocks < limit && bytes < listBytesMax; {
		segment, err := s.segment(h, newest.Checkpoint.Height, limit-blocks, listBytesMax-bytes)
		if err != nil {
			return nil, err
		}
		if segment == nil {
			break
		}
		answer.Segments = append(answer.Segments, segment)
		for _, b := range segment.Blocks {
			for _, e := range b.Entries {
				bytes += len(e)
			}
		}
		blocks += len(segment.Blocks)
		h += quoin.Height(len(segment.Blocks))
		answer.NextHeight = uint64(h)
	}
	return connect.NewResponse(answer), nil
}

// segment reads blocks of one epoch from a height on, up to the last certificate within the limits,
// or else the first beyond them.
func (s ledgerService) segment(from, newest quoin.Height, limit, bytesMax int) (*quoinv1.Segment, error) {
	store := s.node.Store()
	x := &quoinv1.Segment{}
	bytes, certified := 0, 0
	var certificate *quoin.Certificate
	for h := from; h <= newest; h++ {
		if certified > 0 && (len(x.Blocks) >= limit || bytes >= bytesMax) {
			break
		}
		header, size, err := replica.ReadHeader(store, h)
		if err != nil {
			return nil, err
		}
		if h > from && uint64(header.Epoch) != x.Blocks[0].Epoch {
			break
		}
		block, err := s.block(&header, size)
		if err != nil {
			return nil, err
		}
		if h == from {
			if x.Edge, err = edgeAt(store, block.FirstEntry); err != nil {
				return nil, err
			}
		}
		x.Blocks = append(x.Blocks, block)
		for _, e := range block.Entries {
			bytes += len(e)
		}
		c, err := certificateAt(store, &header)
		if err != nil {
			return nil, err
		}
		if c != nil {
			certificate, certified = c, len(x.Blocks)
		}
	}
	if certificate == nil {
		return nil, nil
	}
	x.Blocks = x.Blocks[:certified]
	x.Certificate = toCertificate(certificate)
	var err error
	x.Tails, err = s.tails(certificate, x.Blocks[certified-1].Id)
	return x, err
}

// tails returns the headers of the tail blocks up to the certified one, if the certificate is not of
// the block with this id.
func (s *Server) tails(c *quoin.Certificate, id []byte) ([][]byte, error) {
	if string(c.Checkpoint.Block[:]) == string(id) {
		return nil, nil
	}
	headers, err := replica.ReadTails(s.node.Store(), c.Checkpoint.Epoch)
	if err != nil {
		return nil, err
	}
	var tails [][]byte
	for i := range headers {
		tails = append(tails, headers[i].AppendBinary(nil))
	}
	return tails, nil
}

func (s *Server) block(header *quoin.Header, size uint64) (*quoinv1.Block, error) {
	id := header.ID()
	b := &quoinv1.Block{Height: uint64(header.Height), Id: id[:], Header: header.AppendBinary(nil), FirstEntry: size - uint64(header.Count),
		Proposer: uint32(header.Proposer), Epoch: uint64(header.Epoch), View: uint64(header.View), TimeMs: uint64(header.Time)}
	err := ledger.Entries(s.node.Store(), b.FirstEntry, size, func(_ uint64, entry []byte) bool {
		b.Entries = append(b.Entries, append([]byte(nil), entry...))
		return true
	})
	return b, err
}

// GetCheckpoint implements quoinv1connect.LedgerServiceHandler.
func (s ledgerService) GetCheckpoint(_ context.Context, r *connect.Request[quoinv1.GetCheckpointRequest]) (*connect.Response[quoinv1.GetCheckpointResponse], error) {
	store := s.node.Store()
	var c *quoin.Certificate
	if h := quoin.Height(r.Msg.FromHeight); h > 0 {
		var err error
		if c, err = certificateFrom(store, h); err != nil {
			return nil, err
		}
	} else {
		newest, ok, err := ledger.ReadCertificate(store)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, refuse(CodeNotYet, "try again in a moment", "nothing is certified yet")
		}
		c = &newest
	}
	answer := &quoinv1.GetCheckpointResponse{Certificate: toCertificate(c)}
	set, ok, err := ledger.ReadValidators(store, c.Checkpoint.Epoch)
	if err != nil {
		return nil, err
	}
	if ok {
		note, err := ledger.SignedNote(c, set)
		if err != nil {
			return nil, err
		}
		answer.Note = string(note)
	}
	return connect.NewResponse(answer), nil
}

// epochProofsMax is how many epoch proofs one answer has.
const epochProofsMax = 64

// ListEpochProofs implements quoinv1connect.LedgerServiceHandler.
func (s ledgerService) ListEpochProofs(_ context.Context, r *connect.Request[quoinv1.ListEpochProofsRequest]) (*connect.Response[quoinv1.ListEpochProofsResponse], error) {
	limit := int(min(r.Msg.Limit, epochProofsMax))
	if limit == 0 {
		limit = epochProofsMax
	}
	answer := &quoinv1.ListEpochProofsResponse{}
	bytes := 0
	for e := quoin.Epoch(r.Msg.FromEpoch) + 1; len(answer.Proofs) < limit && bytes < listBytesMax; e++ {
		p, ok, err := replica.ReadEpochProof(s.node.Store(), e)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		bytes += len(p.Proof)
		answer.Proofs = append(answer.Proofs, &quoinv1.EpochProof{Epoch: uint64(e), Certificate: toCertificate(&p.Certificate), Proof: p.Proof})
	}
	return connect.NewResponse(answer), nil
}
