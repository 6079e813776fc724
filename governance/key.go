package governance

import (
	"strconv"

	"quoin.dev/quoin"
)

// EpochKey is the key of an epoch's configuration.
func EpochKey(e quoin.Epoch) []byte { return numbered("epoch/", e) }

// ReleaseKey is the key of a release.
func ReleaseKey(digest quoin.Hash) []byte { return []byte("release/" + digest.String()) }

// ProposalKey is the key of a proposal.
func ProposalKey(n ProposalNumber) []byte { return numbered("proposal/", n) }

// ReviewKey is the key of a member's approval or rejection of a proposal in a round. Like every voice of a
// member it is kept under the root of the member's keys: it outlives rotations, and it is not that of
// whoever gets the name next.
func ReviewKey(p *Proposal, root quoin.PublicKey) []byte {
	return append(roundKey("review/", p), root.String()...)
}

// EvidenceKey is the key of an assessor's evidence of a kind about a proposal.
func EvidenceKey(p *Proposal, kind EvidenceKind, root quoin.PublicKey) []byte {
	return append(roundKey("evidence/"+kind.String()+"/", p), root.String()...)
}

// PrecheckKey is the key of a validator's precheck of a proposal in a round.
func PrecheckKey(p *Proposal, validator quoin.PublicKey) []byte {
	return append(roundKey("precheck/", p), validator.String()...)
}

// ReadyKey is the key of a validator's readiness for a proposal in a round.
func ReadyKey(p *Proposal, validator quoin.PublicKey) []byte {
	return append(roundKey("ready/", p), validator.String()...)
}

// VetoKey is the key of a validator's veto of a proposal in a round.
func VetoKey(p *Proposal, validator quoin.PublicKey) []byte {
	return append(roundKey("veto/", p), validator.String()...)
}

// HealthKey is the key of a validator's newest health report on a proposal.
func HealthKey(p *Proposal, validator quoin.PublicKey) []byte {
	return append(roundKey("health/", p), validator.String()...)
}

// ReportKey is the key of what validators reported of an interval of a shadow's heights.
func ReportKey(p *Proposal, through, interval quoin.Height) []byte {
	b := append(strconv.AppendUint(roundKey("report/", p), uint64(through), 10), '/')
	return strconv.AppendUint(b, uint64(interval), 10)
}

// RollbackKey is the key of a validator's voice for the return of a slot from a line of its history.
func RollbackKey(slot string, from HistoryNumber, validator quoin.PublicKey) []byte {
	return append(append(numbered("rollback/"+slot+"/", from), '/'), validator.String()...)
}

// LiftKey is the key of an approver's voice for lifting the suspension that began at a height.
func LiftKey(namespace string, since quoin.Height, root quoin.PublicKey) []byte {
	return append(append(numbered("lift/"+namespace+"/", since), '/'), root.String()...)
}

// ScheduleKey is the key of what is due at a height.
func ScheduleKey(h quoin.Height) []byte { return numbered("schedule/", h) }

// SlotKey is the key of a slot.
func SlotKey(slot string) []byte { return []byte("slot/" + slot) }

// HistoryKey is the key of a line of a slot's history.
func HistoryKey(slot string, n HistoryNumber) []byte { return numbered("history/"+slot+"/", n) }

// NameKey is the key of a plugin's name.
func NameKey(name string) []byte { return []byte("name/" + name) }

// SkeletonKey is the key of what a name looks like.
func SkeletonKey(name string) []byte { return []byte("looks/" + skeleton(name)) }

// FaultKey is the key of the faults of a slot in an epoch.
func FaultKey(e quoin.Epoch, slot string) []byte {
	return append(append(numbered("fault/", e), '/'), slot...)
}

// SuspendedKey is the key of a namespace's suspension.
func SuspendedKey(namespace string) []byte { return []byte("suspended/" + namespace) }

// RevokedKey is the key that says that a key was given up for another.
func RevokedKey(key quoin.PublicKey) []byte { return []byte("revoked/" + key.String()) }

// RotatedKey is the key of what a rotated key stands for: the first of those that rotations led from.
func RotatedKey(key quoin.PublicKey) []byte { return []byte("rotated/" + key.String()) }

// DisabledKey is the key that says that all keys of one root lost their rights.
func DisabledKey(root quoin.PublicKey) []byte { return []byte("disabled/" + root.String()) }

// RevocationKey is the key of a member's voice for revoking all keys of a root; by is the root of its own.
func RevocationKey(root, by quoin.PublicKey) []byte {
	return []byte("revocation/" + root.String() + "/" + by.String())
}

// AuditKey is the key of the audit chain's state when an epoch began.
func AuditKey(e quoin.Epoch) []byte { return numbered("audit/", e) }

// AuditChainKey is the key of the audit chain's state.
func AuditChainKey() []byte { return []byte("audit") }

// EventKey is the key of an event of the audit chain.
func EventKey(n uint64) []byte { return numbered("event/", n) }

var (
	keyNewest   = []byte("epoch")
	keyCounters = []byte("counters")
	keyOpen     = []byte("open")
	keyAudit    = AuditChainKey()
)

func numbered[T ~uint64](prefix string, n T) []byte {
	return strconv.AppendUint([]byte(prefix), uint64(n), 10)
}

// roundKey begins the key of what belongs to one round of a proposal.
func roundKey(prefix string, p *Proposal) []byte {
	b := append(numbered(prefix, p.Number), '/')
	return append(strconv.AppendUint(b, p.Round, 10), '/')
}
