package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/ledger"
	"quoin.dev/quoin/state"
	"quoin.dev/quoin/store"
)

// ErrChain is wrapped when the store holds another chain than the genesis says, or contradicts
// itself.
var ErrChain = errors.New("replica: the store does not hold this chain")

// chain is the certified chain in the store. Beside the records of state and ledger stand
//
//	"c/origin"           the origin
//	"c/tip"              canonical bytes of the tip: its checkpoint (text, length in 4), leader seed (32)
//	"c/block/"+height    header (length in 4), size of the ledger after the block (8), and the delay
//	                     before it is reported as final: blocks (4), milliseconds (4)
//	"c/cert/"+height     the certificate formed at this height, if one was
//	"c/tail/"+epoch      the tail blocks of an epoch (count 2, each with length in 4)
//	"c/end/"+epoch       the last height of an epoch (8)
//	"c/epoch/"+epoch     the proof of an epoch's configuration, see EpochProof
//
// with heights and epochs in 8 bytes.
type chain struct {
	store       store.Store
	state       *state.State
	log         *ledger.Log
	certificate *quoin.Certificate // the newest
	height      quoin.Height
	batch       store.Batch // for commit; kept for its memory
	flaws       Flaws       // none but in harnesses
}

func numbered[T ~uint64](prefix string, n T) []byte {
	return binary.BigEndian.AppendUint64([]byte(prefix), uint64(n))
}

// openChain reads the certified tip, or writes the genesis.
func openChain(c *Config, f Flaws) (*chain, execution.Tip, error) {
	ch := &chain{store: c.Store, flaws: f}
	origin := c.Genesis.Origin()
	stored, ok, err := c.Store.Get([]byte("c/origin"))
	if err != nil {
		return nil, execution.Tip{}, err
	}
	if ok && string(stored) != string(origin) {
		return nil, execution.Tip{}, fmt.Errorf("%w: it holds %s, the genesis is that of %s; use another data folder", ErrChain, stored, origin)
	}
	if ch.state, err = state.Open(c.Store, c.State); err != nil {
		return nil, execution.Tip{}, err
	}
	if ch.log, err = ledger.Open(c.Store); err != nil {
		return nil, execution.Tip{}, err
	}
	if !ok {
		if err := ch.writeGenesis(c.Genesis, origin); err != nil {
			return nil, execution.Tip{}, err
		}
	}
	tip, err := ch.load(origin)
	return ch, tip, err
}

func (ch *chain) writeGenesis(g *quoin.Genesis, origin quoin.Origin) error {
	o, err := ch.state.NewOverlay(nil)
	if err != nil {
		return err
	}
	k := &kernelWriter{overlay: o}
	governance.Init(k, &g.Configuration)
	seed := execution.FirstSeed(g.Hash())
	k.Put([]byte("seed"), seed[:])
	if k.err != nil {
		return k.err
	}
	root, err := o.Seal()
	if err != nil {
		return err
	}
	var b store.Batch
	if err := ch.state.Commit(o, 0, &b); err != nil {
		return err
	}
	edge := ch.log.Edge()
	checkpoint := quoin.Checkpoint{Origin: origin, Ledger: edge.Root(), Block: g.Hash(), State: root, Time: g.Time}
	b.Set([]byte("c/origin"), []byte(origin))
	b.Set([]byte("c/tip"), tipBytes(&checkpoint, seed))
	ledger.WriteValidators(&b, 1, g.Configuration.Validators)
	return ch.store.Apply(&b, true)
}

func tipBytes(c *quoin.Checkpoint, seed quoin.Hash) []byte {
	return append(canonical.AppendBytes32(nil, c.AppendText(nil)), seed[:]...)
}

// load reads what execution needs of the certified tip.
func (ch *chain) load(origin quoin.Origin) (execution.Tip, error) {
	var tip execution.Tip
	b, ok, err := ch.store.Get([]byte("c/tip"))
	if err != nil || !ok {
		return tip, fmt.Errorf("%w: no tip (%v)", ErrChain, err)
	}
	r := canonical.NewReader(b)
	text := r.Bytes32(quoin.CheckpointTextMax)
	r.Copy(tip.Seed[:])
	if err := r.Done(); err != nil {
		return tip, fmt.Errorf("%w: the tip: %w", ErrChain, err)
	}
	if tip.Checkpoint, err = quoin.ParseCheckpoint(string(text)); err != nil {
		return tip, fmt.Errorf("%w: the tip: %w", ErrChain, err)
	}
	h := tip.Checkpoint.Height
	if ch.state.Root() != tip.Checkpoint.State || ch.log.Root() != tip.Checkpoint.Ledger || tip.Checkpoint.Origin != origin {
		return tip, fmt.Errorf("%w: state, ledger and tip disagree at height %d", ErrChain, h)
	}
	ch.height = h
	tip.Configuration = governance.CurrentConfiguration(kernelReader{ch.state})
	if c, ok, err := ledger.ReadCertificate(ch.store); err != nil {
		return tip, err
	} else if ok {
		ch.certificate = &c
	}
	tip.Seen = execution.NewSeen(tip.Configuration.Parameters.ExpiryWindowHeights)
	return tip, ch.replay(&tip)
}

// replay reads the blocks of the expiry window, and of the leader's: their headers, and the ids of
// their transactions.
func (ch *chain) replay(tip *execution.Tip) error {
	last := tip.Checkpoint.Height
	first := quoin.Height(1)
	if w := quoin.Height(max(tip.Configuration.Parameters.ExpiryWindowHeights, hook.WindowMax)); last > w {
		first = last - w + 1
	}
	id := tip.Checkpoint.Origin.ID()
	for h := first; h <= last; h++ {
		block, _, err := ch.block(h)
		if err != nil {
			return err
		}
		if block.Header().Epoch == tip.Configuration.Epoch {
			tip.Headers = append(tip.Headers, *block.Header())
		} else if ch.flaws.EpochIDs {
			continue
		}
		txs := block.Transactions()
		ids := make([]quoin.Hash, len(txs))
		for i := range txs {
			ids[i] = txs[i].ID(id)
		}
		tip.Seen.Add(h, ids)
	}
	if n := len(tip.Headers); n > hook.WindowMax {
		tip.Headers = tip.Headers[n-hook.WindowMax:]
	}
	return nil
}

// block returns a certified block and its results.
func (ch *chain) block(h quoin.Height) (*quoin.Block, []quoin.Result, error) {
	return ReadBlock(ch.store, h)
}

func blockRecord(o *execution.Outcome, size uint64) []byte {
	b := canonical.AppendUint64(o.Block.Header().AppendBinary(nil), size)
	b = canonical.AppendUint32(b, o.Delay.Blocks)
	return canonical.AppendUint32(b, o.Delay.Milliseconds)
}

func readBlockRecord(s store.Reader, h quoin.Height) (header quoin.Header, size uint64, delay hook.FinalityResponse, err error) {
	b, ok, err := s.Get(numbered("c/block/", h))
	if err != nil {
		return header, 0, delay, err
	}
	if !ok {
		return header, 0, delay, fmt.Errorf("%w: height %d", ErrNoBlock, h)
	}
	r := canonical.NewReader(b)
	header = quoin.ReadHeader(r)
	size = r.Uint64()
	delay.Blocks, delay.Milliseconds = r.Uint32(), r.Uint32()
	if err := r.Done(); err != nil {
		return quoin.Header{}, 0, hook.FinalityResponse{}, fmt.Errorf("%w: block record %d: %w", ErrChain, h, err)
	}
	return header, size, delay, nil
}

// ReadHeader returns the header of a certified block and the size of the ledger after it.
func ReadHeader(s store.Reader, h quoin.Height) (quoin.Header, uint64, error) {
	header, size, _, err := readBlockRecord(s, h)
	return header, size, err
}

// ReadDelay returns how long a certified block waits before it is reported as final. It may be called
// beside the replica.
func ReadDelay(s store.Reader, h quoin.Height) (hook.FinalityResponse, error) {
	_, _, delay, err := readBlockRecord(s, h)
	return delay, err
}

// ErrNoBlock says that there is no certified block at a height.
var ErrNoBlock = errors.New("replica: no certified block")

// ReadBlock returns a certified block and its results. It may be called beside the replica.
func ReadBlock(s store.Reader, h quoin.Height) (*quoin.Block, []quoin.Result, error) {
	header, size, err := ReadHeader(s, h)
	if err != nil {
		return nil, nil, err
	}
	return ledger.Block(s, header, size)
}

// ReadCertificate returns the certificate formed at a height, if one was: some blocks are final
// only by their descendants'. It may be called beside the replica.
func ReadCertificate(s store.Reader, h quoin.Height) (*quoin.Certificate, error) {
	b, ok, err := s.Get(numbered("c/cert/", h))
	if err != nil || !ok {
		return nil, err
	}
	c, err := quoin.DecodeCertificate(b)
	if err != nil {
		return nil, fmt.Errorf("%w: certificate %d: %w", ErrChain, h, err)
	}
	return &c, nil
}

// ReadEpochEnd returns the last height of an epoch that is over.
func ReadEpochEnd(s store.Reader, e quoin.Epoch) (quoin.Height, bool, error) {
	b, ok, err := s.Get(numbered("c/end/", e))
	if err != nil || !ok || len(b) != 8 {
		return 0, false, err
	}
	return quoin.Height(binary.BigEndian.Uint64(b)), true, nil
}

// readTails returns the tail blocks of an epoch.
func readTails(s store.Reader, e quoin.Epoch) ([]*quoin.Block, error) {
	b, ok, err := s.Get(numbered("c/tail/", e))
	if err != nil || !ok {
		return nil, err
	}
	r := canonical.NewReader(b)
	tails := make([]*quoin.Block, r.Count16(1<<16-1, 4))
	for i := range tails {
		if tails[i], err = quoin.DecodeBlock(r.Bytes32(quoin.BlockBytesMax)); err != nil {
			return nil, fmt.Errorf("%w: tail blocks of epoch %d: %w", ErrChain, e, err)
		}
	}
	return tails, r.Done()
}

// commit writes the outcomes of certified blocks, which stand on one another and on the tip.
func (ch *chain) commit(outcomes []*execution.Outcome, c *quoin.Certificate, seed func() quoin.Hash, advance func(*execution.Outcome)) error {
	// Tail blocks change nothing but what the last block's certificate is: they go into its batch.
	n := slices.IndexFunc(outcomes, (*execution.Outcome).Tail)
	if n < 0 {
		n = len(outcomes)
	}
	tails := outcomes[n:]
	for i, o := range outcomes[:n] {
		b := &ch.batch
		b.Reset()
		h := o.Checkpoint.Height
		if o.Next != nil {
			if err := ch.writeEpochProof(b, o, c); err != nil {
				return err
			}
			ledger.WriteValidators(b, o.Next.Epoch, o.Next.Validators)
			b.Set(numbered("c/end/", o.Checkpoint.Epoch), binary.BigEndian.AppendUint64(nil, uint64(h)))
		}
		if err := ch.state.Commit(o.Overlay(), h, b); err != nil {
			return err
		}
		if err := ch.log.Append(b, o.Segment()); err != nil {
			return err
		}
		b.Set(numbered("c/block/", h), blockRecord(o, ch.log.Size()))
		ch.height = h
		advance(o)
		if ch.flaws.TipApart {
			if err := ch.store.Apply(b, false); err != nil {
				return err
			}
			b.Reset()
		}
		b.Set([]byte("c/tip"), tipBytes(&o.Checkpoint, seed()))
		// Every batch carries the certificate that makes it final, also where that is a descendant's.
		ledger.WriteCertificate(b, c)
		if i == n-1 {
			b.Set(numbered("c/cert/", c.Checkpoint.Height), c.AppendBinary(nil))
			if len(tails) > 0 {
				b.Set(numbered("c/tail/", c.Checkpoint.Epoch), appendBlocks(nil, blocksOf(tails)))
			}
		}
		if err := ch.store.Apply(b, false); err != nil {
			return err
		}
	}
	for _, o := range tails {
		advance(o)
	}
	ch.certificate = c
	return nil
}

func blocksOf(outcomes []*execution.Outcome) []*quoin.Block {
	blocks := make([]*quoin.Block, len(outcomes))
	for i, o := range outcomes {
		blocks[i] = o.Block
	}
	return blocks
}

func appendBlocks(b []byte, blocks []*quoin.Block) []byte {
	b = canonical.AppendUint16(b, uint16(len(blocks)))
	for _, x := range blocks {
		b = canonical.AppendBytes32(b, x.AppendBinary(nil))
	}
	return b
}

// kernelReader reads the kernel's namespace of the certified state for governance.
type kernelReader struct{ state *state.State }

var _ governance.State = kernelReader{}

func (k kernelReader) Get(key []byte) ([]byte, bool) {
	v, ok, err := k.state.Get(quoin.KernelNamespace, key)
	if err != nil {
		panic(unreadable{err})
	}
	return v, ok
}

func (k kernelReader) Put(key, value []byte) { panic("replica: a write to the certified state") }
func (k kernelReader) Delete(key []byte)     { panic("replica: a write to the certified state") }

// kernelWriter writes the genesis.
type kernelWriter struct {
	overlay *state.Overlay
	err     error
}

func (k *kernelWriter) Get(key []byte) ([]byte, bool) {
	v, ok, err := k.overlay.Get(quoin.KernelNamespace, key)
	if k.err == nil {
		k.err = err
	}
	return v, ok
}

func (k *kernelWriter) Put(key, value []byte) {
	if err := k.overlay.Put(quoin.KernelNamespace, key, value); k.err == nil {
		k.err = err
	}
}

func (k *kernelWriter) Delete(key []byte) {
	if err := k.overlay.Delete(quoin.KernelNamespace, key); k.err == nil {
		k.err = err
	}
}
