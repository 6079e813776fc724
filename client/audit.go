package client

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/governance/audit"
)

// AuditTrust begins at a genesis what verifies histories of package audit.
func AuditTrust(g *quoin.Genesis) audit.Trust { return auditTrust{NewVerifier(GenesisAnchor(g))} }

type auditTrust struct{ *Verifier }

// Extend implements audit.Trust.
func (t auditTrust) Extend(c quoin.Certificate, proof []byte) error {
	return t.Verifier.Extend(EpochProof{Certificate: c, Proof: proof})
}
