package replica

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/state"
	"quoin.dev/quoin/store"
)

// EpochProof shows the configuration of an epoch to whoever trusts the validators of the epoch
// before: KERNEL K8 wants it under a certificate of that epoch, of its last height. It can be made
// only then, so it is kept, under "c/epoch/"+epoch: the certificate (length in 4), then the state
// proof (length in 4).
type EpochProof struct {
	Certificate quoin.Certificate // of the last block of the epoch before, or of one of its tail blocks
	Proof       []byte            // canonical bytes of the state proof of governance.EpochKey
}

// writeEpochProof adds the proof of the next epoch's configuration to the batch of a last block. It
// comes before the block's state is committed.
func (ch *chain) writeEpochProof(b *store.Batch, o *execution.Outcome, c *quoin.Certificate) error {
	proof, err := o.Overlay().Prove(quoin.KernelNamespace, governance.EpochKey(o.Next.Epoch))
	if err != nil {
		return err
	}
	bytes, err := proof.MarshalBinary()
	if err != nil {
		return err
	}
	record := canonical.AppendBytes32(nil, c.AppendBinary(nil))
	b.Set(numbered("c/epoch/", o.Next.Epoch), canonical.AppendBytes32(record, bytes))
	return nil
}

// epochProofBytesMax is far above what a proof with the largest configuration needs.
const epochProofBytesMax = 16 << 20

// ReadEpochProof returns the proof of an epoch's configuration, and whether there is one: there is
// none of the first. It may be called beside the replica.
func ReadEpochProof(s store.Reader, e quoin.Epoch) (EpochProof, bool, error) {
	b, ok, err := s.Get(numbered("c/epoch/", e))
	if err != nil || !ok {
		return EpochProof{}, false, err
	}
	r := canonical.NewReader(b)
	certificate := r.Bytes32(epochProofBytesMax)
	p := EpochProof{Proof: append([]byte(nil), r.Bytes32(epochProofBytesMax)...)}
	if err = r.Done(); err == nil {
		p.Certificate, err = quoin.DecodeCertificate(certificate)
	}
	if err != nil {
		return EpochProof{}, false, fmt.Errorf("%w: the proof of epoch %d: %w", ErrChain, e, err)
	}
	return p, true, nil
}

// ReadTails returns the headers of the tail blocks of an epoch that stand between its last block
// and the certificate that made it final, oldest first. It may be called beside the replica.
func ReadTails(s store.Reader, e quoin.Epoch) ([]quoin.Header, error) {
	blocks, err := readTails(s, e)
	if err != nil {
		return nil, err
	}
	headers := make([]quoin.Header, len(blocks))
	for i, b := range blocks {
		headers[i] = *b.Header()
	}
	return headers, nil
}

// ProveAll is Prove for several keys under one certificate.
func (r *Replica) ProveAll(namespace string, keys [][]byte) ([]state.Proof, quoin.Certificate, error) {
	proofs := make([]state.Proof, len(keys))
	var c quoin.Certificate
	for i, key := range keys {
		p, err := r.Prove(namespace, key)
		if err != nil {
			return nil, c, err
		}
		proofs[i], c = p.Proof, p.Certificate
	}
	return proofs, c, nil
}

// PendingExpiry returns the expiry of a pending transaction, and whether it is pending.
func (r *Replica) PendingExpiry(id quoin.Hash) (quoin.Height, bool) {
	x := r.pool.pending[id]
	if x == nil {
		return 0, false
	}
	return x.tx.Expiry, true
}

// Uncertified returns the height and the transactions of an executed block that is not certified
// yet. The ids are shared: do not modify them.
func (r *Replica) Uncertified(block quoin.Hash) (quoin.Height, []quoin.Hash, bool) {
	o, ok := r.exec.Outcome(block)
	if !ok || o.Tail() {
		return 0, nil, false
	}
	return o.Checkpoint.Height, o.IDs, true
}
