package consensus

import (
	"fmt"

	"quoin.dev/quoin"
)

// VerifyQuorum checks that the signers are of the set, that there is one signature for each of them in
// their order, and that quorum accepts their weight; then that verified says so of the k-th signature,
// of validator i, for every one. Nothing is verified for signers that are no quorum.
func VerifyQuorum(set quoin.ValidatorSet, signers quoin.Bitmap, signatures []quoin.Signature, quorum func(weight uint64) bool, verified func(i, k int) bool) error {
	weight, n := uint64(0), 0
	for i := range signers.All() {
		if i >= set.Len() {
			return fmt.Errorf("a signer %d of %d validators", i, set.Len())
		}
		weight += set.At(i).Weight
		n++
	}
	if n != len(signatures) {
		return fmt.Errorf("%d signers and %d signatures", n, len(signatures))
	}
	if !quorum(weight) {
		return fmt.Errorf("signers of weight %d are no quorum of %d", weight, set.Total())
	}
	k := 0
	for i := range signers.All() {
		if !verified(i, k) {
			return fmt.Errorf("validator %d did not sign this", i)
		}
		k++
	}
	return nil
}

// SignedBy reports whether s is validator i's among these signatures, one for each of the signers.
func SignedBy(signers quoin.Bitmap, signatures []quoin.Signature, i int, s quoin.Signature) bool {
	k := 0
	for j := range signers.All() {
		if j == i {
			return signatures[k] == s
		}
		k++
	}
	return false
}
