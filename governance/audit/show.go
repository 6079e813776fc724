package audit

import (
	"errors"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/state"
)

// Shown is the audit chain as a certified state shows it.
type Shown struct {
	Chain     governance.Audit
	root      quoin.Hash
	directory []state.NamespaceRoot
}

// Show reads the canonical bytes of the proof of governance.AuditChainKey under a state root.
func Show(root quoin.Hash, proof []byte) (Shown, error) {
	var p state.Proof
	if err := p.UnmarshalBinary(proof); err != nil {
		return Shown{}, err
	}
	value, present, err := p.Verify(root, quoin.KernelNamespace, governance.AuditChainKey())
	if err != nil {
		return Shown{}, err
	}
	if !present {
		return Shown{}, errors.New("the state has no audit chain")
	}
	chain, err := governance.DecodeAudit(value)
	return Shown{chain, root, p.Directory}, err
}

// Event reports an error unless the bytes are the event with a number. path is the canonical bytes of
// the state proof of governance.EventKey, without directory and value.
func (s *Shown) Event(number uint64, b, path []byte) error {
	var p state.Proof
	if err := p.UnmarshalBinary(path); err != nil {
		return err
	}
	if len(p.Directory) > 0 || len(p.Value) > 0 {
		return errors.New("the proof repeats what is known already")
	}
	p.Directory, p.Value = s.directory, b
	_, present, err := p.Verify(s.root, quoin.KernelNamespace, governance.EventKey(number))
	if err == nil && !present {
		err = errors.New("it proves that there is no such event")
	}
	return err
}
