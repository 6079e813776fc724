package signature

import (
	"errors"
	"fmt"

	"quoin.dev/quoin"
)

// ErrCertificate is wrapped by every refusal of a certificate: whoever sent it is at fault or
// belongs to another chain or epoch.
var ErrCertificate = errors.New("invalid certificate")

// VerifyCertificate returns nil if c is a certificate of the chain with this origin, made by a
// quorum of set: every signature in it verifies, and its signers weigh more than two thirds. The
// caller has checked that set is the one of the checkpoint's epoch. keys is KeysOf(set); with nil
// the keys are unpacked anew.
func VerifyCertificate(c *quoin.Certificate, origin quoin.Origin, set quoin.ValidatorSet, keys *Keys) error {
	if c.Checkpoint.Origin != origin {
		return fmt.Errorf("%w: it is of chain %q, want %q", ErrCertificate, c.Checkpoint.Origin, origin)
	}
	if n := c.Signers.Count(); n != len(c.Signatures) {
		return fmt.Errorf("%w: %d signers and %d signatures", ErrCertificate, n, len(c.Signatures))
	}
	for i := range c.Signers.All() {
		if i >= set.Len() {
			return fmt.Errorf("%w: signer %d of a set of %d", ErrCertificate, i, set.Len())
		}
	}
	if w := set.Weight(c.Signers); !set.IsQuorum(w) {
		return fmt.Errorf("%w: its signers weigh %d of %d, which is no quorum", ErrCertificate, w, set.Total())
	}
	message := c.Checkpoint.CosignedBytes()
	k := 0
	for i := range c.Signers.All() {
		v := set.At(i)
		var ok bool
		if keys != nil {
			ok = keys.Len() == set.Len() && keys.Key(i) == v.Key && keys.Verify(i, message, c.Signatures[k])
		} else {
			ok = Verify(v.Key, message, c.Signatures[k])
		}
		if !ok {
			return fmt.Errorf("%w: the signature of %s does not verify", ErrCertificate, v.Name)
		}
		k++
	}
	return nil
}
