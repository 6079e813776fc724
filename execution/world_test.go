package execution

import (
	"fmt"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/state"
)

// A plugin that has room for hook.ProofMax bytes gets every proof.
func TestLongestProof(t *testing.T) {
	p := state.Proof{Kind: state.ProofPresent, Siblings: make([]quoin.Hash, 256), Value: make([]byte, hook.ValueMax)}
	for i := range p.Siblings {
		p.Siblings[i][0] = 1
	}
	for i := range state.NamespacesMax {
		p.Directory = append(p.Directory, state.NamespaceRoot{Name: fmt.Sprintf("%0*d", quoin.NamespaceMax, i), Root: quoin.Hash{1}})
	}
	b, err := p.MarshalBinary()
	if err != nil || len(b) > hook.ProofMax {
		t.Errorf("%d bytes, at most %d: %v", len(b), hook.ProofMax, err)
	}
}
