package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"

	"quoin.dev/quoin"
)

func TestPendingProof(t *testing.T) {
	for old := range 20 {
		for added := 1; added < 20; added++ {
			var before Edge
			leaf := func(i int) quoin.Hash { return sha256.Sum256(binary.BigEndian.AppendUint32(nil, uint32(i))) }
			for i := range old {
				before.Append(leaf(i))
			}
			after := before
			leaves := make([]quoin.Hash, added)
			for i := range leaves {
				leaves[i] = leaf(old + i)
			}
			after.Append(leaves...)
			for i := range leaves {
				path := PendingProof(&before, leaves, i)
				if err := VerifyInclusion(leaves[i], uint64(old+i), after.Size(), after.Root(), path); err != nil {
					t.Fatalf("%d + %d leaves, leaf %d: %v", old, added, i, err)
				}
			}
		}
	}
}
