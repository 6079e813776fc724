package quoin

import (
	"crypto/sha256"

	"quoin.dev/quoin/canonical"
)

// Limits of a block. A chain's parameters may be tighter, never wider.
const (
	BlockTransactionsMax = 10_000
	BlockBodyBytesMax    = 4 << 20
	HeaderBytesMax       = 8 + 8 + 8 + 32 + 32 + 8 + 1 + ValidatorsMax/8 + 8 + 2 + 4 + 32
	BlockBytesMax        = HeaderBytesMax + 4 + BlockBodyBytesMax
)

// Header is what a block's id commits to.
//
// A tail block (see Tail) only helps the last block of an epoch to become final: it has no
// transactions and repeats its parent's height and time.
type Header struct {
	Epoch            Epoch
	View             View
	Height           Height
	Parent           Hash   // id of the parent block; for the first block of a chain, the genesis hash
	ParentCheckpoint Hash   // digest of the checkpoint that the parent resulted in
	ParentView       View   // 0 if the parent is the last block of the epoch before
	ParentVoters     Bitmap // whose votes notarized or certified the parent; empty if ParentView is 0
	Time             Time
	Proposer         uint16 // index in the epoch's validator set
	Count            uint32 // transactions
	BodyHash         Hash   // SHA-256 of the body
}

// Gap returns how many views passed without a block since the parent.
func (h *Header) Gap() uint64 { return uint64(h.View-h.ParentView) - 1 }

// AppendBinary appends the canonical bytes: the fields in their order, the bitmap after its length
// in one byte.
func (h *Header) AppendBinary(b []byte) []byte {
	b = canonical.AppendUint64(b, h.Epoch)
	b = canonical.AppendUint64(b, h.View)
	b = canonical.AppendUint64(b, h.Height)
	b = append(b, h.Parent[:]...)
	b = append(b, h.ParentCheckpoint[:]...)
	b = canonical.AppendUint64(b, h.ParentView)
	b = canonical.AppendBytes8(b, h.ParentVoters)
	b = canonical.AppendUint64(b, h.Time)
	b = canonical.AppendUint16(b, h.Proposer)
	b = canonical.AppendUint32(b, h.Count)
	return append(b, h.BodyHash[:]...)
}

// ID returns SHA-256 over "quoin/block/v1\n" and the canonical bytes.
func (h *Header) ID() Hash {
	var buf [HeaderBytesMax + 16]byte
	return sha256.Sum256(h.AppendBinary(append(buf[:0], "quoin/block/v1\n"...)))
}

// ReadHeader reads what AppendBinary writes.
func ReadHeader(r *canonical.Reader) Header {
	var h Header
	h.Epoch = Epoch(r.Uint64())
	h.View = View(r.Uint64())
	h.Height = Height(r.Uint64())
	r.Copy(h.Parent[:])
	r.Copy(h.ParentCheckpoint[:])
	h.ParentView = View(r.Uint64())
	h.ParentVoters = ReadBitmap(r)
	h.Time = Time(r.Uint64())
	h.Proposer = r.Uint16()
	h.Count = r.Uint32()
	r.Copy(h.BodyHash[:])
	if r.Err() == nil && h.View <= h.ParentView {
		r.Fail("view %d is not after its parent's, %d", h.View, h.ParentView)
	}
	return h
}

// Block is an ordered batch of transactions with its parent and proposer. It is immutable and
// keeps the bytes that it was made from, so that it is encoded once and hashed once.
//
// Canonical bytes: those of the header, then the body (length in 4); the body is the canonical
// bytes of the transactions, one after the other.
type Block struct {
	header       Header
	id           Hash
	transactions []Transaction
	body         []byte
}

// NewBlock makes a block of h and the transactions; it sets h.Count and h.BodyHash.
func NewBlock(h Header, transactions []Transaction) *Block {
	size := 0
	for i := range transactions {
		size += transactions[i].Size()
	}
	body := make([]byte, 0, size)
	for i := range transactions {
		body = transactions[i].AppendBinary(body)
	}
	h.Count, h.BodyHash = uint32(len(transactions)), sha256.Sum256(body)
	return &Block{header: h, id: h.ID(), transactions: transactions, body: body}
}

// Header returns the header. The caller must not modify its bitmap.
func (b *Block) Header() *Header { return &b.header }

// ID returns the header's id.
func (b *Block) ID() Hash { return b.id }

// Transactions returns the transactions in order. The caller must not modify them.
func (b *Block) Transactions() []Transaction { return b.transactions }

// Size returns the length of the canonical bytes.
func (b *Block) Size() int {
	return HeaderBytesMax - ValidatorsMax/8 + len(b.header.ParentVoters) + 4 + len(b.body)
}

// BodySize returns the length of the body in bytes.
func (b *Block) BodySize() int { return len(b.body) }

// AppendBinary appends the canonical bytes.
func (b *Block) AppendBinary(dst []byte) []byte {
	return canonical.AppendBytes32(b.header.AppendBinary(dst), b.body)
}

// ReadBlock reads what AppendBinary writes and checks the body against the header. The block
// aliases the reader's input.
func ReadBlock(r *canonical.Reader) *Block {
	b := &Block{header: ReadHeader(r)}
	b.body = r.Bytes32(BlockBodyBytesMax)
	if r.Err() != nil {
		return nil
	}
	body := canonical.NewReader(b.body)
	if b.header.Count > BlockTransactionsMax || int(b.header.Count) > len(b.body)/22 {
		r.Fail("%d transactions in a body of %d bytes", b.header.Count, len(b.body))
		return nil
	}
	b.transactions = make([]Transaction, b.header.Count)
	for i := range b.transactions {
		b.transactions[i] = ReadTransaction(body)
	}
	if err := body.Done(); err != nil {
		r.Fail("body: %v", err)
		return nil
	}
	if sha256.Sum256(b.body) != b.header.BodyHash {
		r.Fail("body does not match the header")
		return nil
	}
	b.id = b.header.ID()
	return b
}

// DecodeBlock decodes exactly one block.
func DecodeBlock(bytes []byte) (*Block, error) {
	r := canonical.NewReader(bytes)
	b := ReadBlock(r)
	if err := r.Done(); err != nil {
		return nil, err
	}
	return b, nil
}
