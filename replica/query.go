package replica

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/state"
)

// Query asks a namespace's machine about the certified state. Errors wrap execution.ErrNoMachine or
// execution.ErrLocal.
func (r *Replica) Query(namespace string, payload []byte) (plugin.QueryResult, error) {
	return r.exec.Query(namespace, payload)
}

// StateProof is what the certified state says of a key, provable to whoever trusts the certificate.
type StateProof struct {
	Proof       state.Proof
	Certificate quoin.Certificate // its checkpoint has the state root that the proof is for
}

// Prove returns the proof of a key of the certified state, present or not.
func (r *Replica) Prove(namespace string, key []byte) (StateProof, error) {
	c := r.chain.certificate
	if c == nil || c.Checkpoint.State != r.exec.Tip().State {
		return StateProof{}, fmt.Errorf("replica: %w: nothing is certified yet", ErrNoBlock)
	}
	p, err := r.chain.state.Prove(namespace, key)
	return StateProof{Proof: p, Certificate: *c}, err
}

// Place returns where a transaction of the expiry window stands.
func (r *Replica) Place(id quoin.Hash) (execution.Place, bool) { return r.exec.Seen().Place(id) }

// Pending reports whether a transaction is pending here.
func (r *Replica) Pending(id quoin.Hash) bool { return r.pool.pending[id] != nil }

// Kernel reads the kernel's namespace of the certified state. It is good until the next Step.
func (r *Replica) Kernel() governance.State { return kernelReader{r.chain.state} }
