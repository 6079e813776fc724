package replica

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/signature"
)

// behind remembers what was asked for, so that a peer that is ahead is not asked at its every
// message.
type behind struct {
	height   quoin.Height // the tip when a chain was last asked for
	asked    bool
	messages int // from later epochs since then
}

// oldAnswers counts the messages of epochs that are over, by peer.
type oldAnswers map[quoin.PublicKey]oldPeer

type oldPeer struct {
	epoch    quoin.Epoch
	messages int
}

const (
	oldPeersMax    = 1024
	oldAnswerEvery = 8 // messages of a peer that does not seem to have heard the answer
)

// due counts a message, and reports whether it is to be answered.
func (o oldAnswers) due(from quoin.PublicKey, e quoin.Epoch) bool {
	p := o[from]
	if p.epoch != e {
		p = oldPeer{epoch: e}
	}
	if len(o) >= oldPeersMax {
		clear(o)
	}
	o[from] = oldPeer{e, (p.messages + 1) % oldAnswerEvery}
	return p.messages == 0
}

// answerOld tells a peer that is in an epoch that is over how it ended: by the certificate of its
// last block or of a tail block. A certificate is what it sends itself when it knows; to answer that
// would go on for ever.
func (r *Replica) answerOld(from quoin.PublicKey, e quoin.Epoch, message []byte, out *Output) error {
	m, err := r.machine.Decode(message)
	if err != nil {
		return err
	}
	if _, knows := m.(*simplex.Certificate); knows || !r.oldAnswers.due(from, e) {
		return nil
	}
	h, ok, err := ReadEpochEnd(r.c.Store, e)
	if err != nil || !ok {
		return err
	}
	c, err := ReadCertificate(r.c.Store, h)
	if err != nil || c == nil {
		return err
	}
	r.c.Marks.Reach(&marks[markOldAnswered])
	b := canonical.AppendUint64([]byte{kindConsensus}, e)
	out.Send = append(out.Send, Send{To: from, Class: ClassConsensus, Bytes: (&simplex.Certificate{Certificate: *c}).AppendBinary(b)})
	return nil
}

// lag asks a peer that is in a later epoch for the blocks after the tip: at once, and again if
// many of its messages did not bring them.
func (r *Replica) lag(from quoin.PublicKey, out *Output) {
	h := r.exec.Tip().Height
	r.behind.messages++
	if r.behind.asked && r.behind.height == h && r.behind.messages < 16 {
		return
	}
	r.c.Marks.Reach(&marks[markLaterEpoch])
	r.behind = behind{height: h, asked: true}
	r.sendFetch(from, quoin.Hash{}, h, out)
}

func (r *Replica) fetch(f consensus.Fetch, out *Output) {
	to := quoin.PublicKey{}
	if f.From != consensus.All {
		to = r.set.At(f.From).Key
	}
	r.sendFetch(to, f.Block, f.After, out)
}

func (r *Replica) sendFetch(to quoin.PublicKey, block quoin.Hash, after quoin.Height, out *Output) {
	b := append([]byte{kindFetch}, block[:]...)
	out.Send = append(out.Send, Send{To: to, Class: ClassConsensus, Bytes: canonical.AppendUint64(b, after)})
}

// serve answers a fetch: with certified blocks after the peer's height, up to one that has a
// certificate; if those are too many for a message, with the last of them, up to the block that it
// wants if that is one; or else with the uncertified ancestors of the block that it wants.
func (r *Replica) serve(from quoin.PublicKey, body []byte, out *Output) error {
	rd := canonical.NewReader(body)
	var id quoin.Hash
	rd.Copy(id[:])
	after := quoin.Height(rd.Uint64())
	if err := rd.Done(); err != nil {
		return err
	}
	blocks, certificate, err := r.certifiedAfter(after)
	if err == nil && len(blocks) == 0 {
		blocks, certificate, err = r.certifiedBefore(id, after)
	}
	if err != nil {
		return err
	}
	if len(blocks) == 0 {
		if blocks = r.uncertified(id); len(blocks) == 0 {
			return nil
		}
		r.c.Marks.Reach(&marks[markServedUncertified])
	}
	r.c.Marks.Sometimes(&marks[markServedCertified], certificate != nil && len(blocks) > 1)
	b := appendBlocks([]byte{kindBlocks}, blocks)
	var c []byte
	if certificate != nil {
		c = certificate.AppendBinary(nil)
	}
	out.Send = append(out.Send, Send{To: from, Class: ClassBulk, Bytes: canonical.AppendBytes32(b, c)})
	return nil
}

// certifiedAfter returns blocks that follow a certified height, within one epoch and the limits of
// a message, the last of them with a certificate.
func (r *Replica) certifiedAfter(after quoin.Height) ([]*quoin.Block, *quoin.Certificate, error) {
	var blocks []*quoin.Block
	var certificate *quoin.Certificate
	usable, size := 0, 0
	for h := after + 1; h <= r.chain.height && len(blocks) < servedBlocks; h++ {
		b, _, err := r.chain.block(h)
		if err != nil {
			return nil, nil, err
		}
		if len(blocks) > 0 && b.Header().Epoch != blocks[0].Header().Epoch {
			break
		}
		if size += b.Size(); size > servedBytes && len(blocks) > 0 {
			break
		}
		blocks = append(blocks, b)
		c, err := ReadCertificate(r.c.Store, h)
		if err != nil {
			return nil, nil, err
		}
		if c == nil {
			continue
		}
		if c.Checkpoint.Block != b.ID() { // a tail block's
			tails, err := readTails(r.c.Store, b.Header().Epoch)
			if err != nil {
				return nil, nil, err
			}
			r.c.Marks.Reach(&marks[markServedTails])
			blocks = append(blocks, tails...)
		}
		usable, certificate = len(blocks), c
	}
	return blocks[:usable], certificate, nil
}

// stretch is a run of certified heights of which only the last has a certificate.
type stretch struct {
	after, top quoin.Height                // the height before it, and its last
	heights    map[quoin.Hash]quoin.Height // of its blocks, the last apart
}

// stretchAfter returns the stretch that the block after a certified height belongs to, or nil if there
// is none. The last one is kept: who catches up asks for part after part, and nobody can make
// this replica search anew with every message.
func (r *Replica) stretchAfter(after quoin.Height) (*stretch, error) {
	if after >= r.chain.height {
		return nil, nil
	}
	if s := r.stretch; s != nil && s.after <= after && after < s.top {
		return s, nil
	}
	s := &stretch{after: after, heights: map[quoin.Hash]quoin.Height{}}
	for ; s.after > 0; s.after-- {
		if c, err := ReadCertificate(r.c.Store, s.after); err != nil {
			return nil, err
		} else if c != nil {
			break
		}
	}
	for s.top = s.after + 1; s.top <= r.chain.height; s.top++ {
		if c, err := ReadCertificate(r.c.Store, s.top); err != nil {
			return nil, err
		} else if c != nil {
			r.stretch = s
			return s, nil
		}
		header, _, err := ReadHeader(r.c.Store, s.top)
		if err != nil {
			return nil, err
		}
		s.heights[header.ID()] = s.top
	}
	return nil, nil
}

// certifiedBefore returns the last blocks of the way from a certified height to the next that has a
// certificate, as far as they fit, or of the way to a block on it: who asks for parent after parent
// gets all of it. Many blocks may be final by one descendant, and too large for one message.
func (r *Replica) certifiedBefore(id quoin.Hash, after quoin.Height) ([]*quoin.Block, *quoin.Certificate, error) {
	s, err := r.stretchAfter(after)
	if err != nil || s == nil {
		return nil, nil, err
	}
	var certificate *quoin.Certificate
	top := s.heights[id]
	if top <= after {
		top = s.top
		if certificate, err = ReadCertificate(r.c.Store, top); err != nil {
			return nil, nil, err
		}
	}
	var blocks []*quoin.Block
	for h, size := top, 0; h > after && len(blocks) < servedBlocks; h-- {
		b, _, err := r.chain.block(h)
		if err != nil {
			return nil, nil, err
		}
		if size += b.Size(); size > servedBytes && len(blocks) > 0 {
			break
		}
		blocks = append(blocks, b)
	}
	slices.Reverse(blocks)
	if certificate != nil && certificate.Checkpoint.Block != blocks[len(blocks)-1].ID() { // a tail block's
		tails, err := readTails(r.c.Store, certificate.Checkpoint.Epoch)
		if err != nil {
			return nil, nil, err
		}
		blocks = append(blocks, tails...)
	}
	return blocks, certificate, nil
}

// uncertified returns a block with its uncertified ancestors, oldest first, as far as they fit.
func (r *Replica) uncertified(id quoin.Hash) []*quoin.Block {
	var blocks []*quoin.Block
	for size := 0; len(blocks) < servedBlocks; {
		b, ok := r.machine.Block(id)
		if !ok || b.Header().Height <= r.chain.height {
			break
		}
		if size += b.Size(); size > servedBytes && len(blocks) > 0 {
			break
		}
		blocks = append(blocks, b)
		id = b.Header().Parent
	}
	slices.Reverse(blocks)
	return blocks
}

// blocks takes blocks that this replica asked for.
func (r *Replica) blocks(now quoin.Time, from quoin.PublicKey, body []byte, out *Output) error {
	rd := canonical.NewReader(body)
	n := rd.Count16(1<<16-1, 4) // an epoch's tail blocks come all at once
	in := consensus.Fetched{From: -1}
	for range n {
		b, err := quoin.DecodeBlock(rd.Bytes32(quoin.BlockBytesMax))
		if err != nil {
			return err
		}
		in.Blocks = append(in.Blocks, b)
	}
	c := rd.Bytes32(1 << 20)
	if err := rd.Done(); err != nil {
		return err
	}
	if len(c) > 0 {
		certificate, err := quoin.DecodeCertificate(c)
		if err != nil {
			return err
		}
		if certificate.Checkpoint.Epoch != r.epoch {
			r.c.Marks.Reach(&marks[markBlocksLate])
			return nil // late, or of an epoch that is not ours yet
		}
		if err := signature.VerifyCertificate(&certificate, r.origin, r.set, signature.KeysOf(r.set)); err != nil {
			return err
		}
		r.c.Marks.Reach(&marks[markCaughtUp])
		in.Certificate = &certificate
		r.behind.asked = false
	}
	if i, ok := r.set.Index(from); ok {
		in.From = i
	}
	r.feed(now, in, out)
	return nil
}
