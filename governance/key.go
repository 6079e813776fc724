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

// ApprovalKey is the key of an approver's approval of a proposal.
func ApprovalKey(n ProposalNumber, approver quoin.PublicKey) []byte {
	return voiceKey(numbered("approval/", n), approver)
}

// ReadyKey is the key of a validator's readiness for a proposal.
func ReadyKey(n ProposalNumber, validator quoin.PublicKey) []byte {
	return voiceKey(numbered("ready/", n), validator)
}

// VetoKey is the key of a validator's veto of a proposal.
func VetoKey(n ProposalNumber, validator quoin.PublicKey) []byte {
	return voiceKey(numbered("veto/", n), validator)
}

// RollbackKey is the key of a validator's voice for the return of a slot from a line of its history.
func RollbackKey(slot string, from HistoryNumber, validator quoin.PublicKey) []byte {
	return voiceKey(numbered("rollback/"+slot+"/", from), validator)
}

// LiftKey is the key of an approver's voice for lifting the suspension that began at a height.
func LiftKey(namespace string, since quoin.Height, approver quoin.PublicKey) []byte {
	return voiceKey(numbered("lift/"+namespace+"/", since), approver)
}

// ScheduleKey is the key of what is due at a height.
func ScheduleKey(h quoin.Height) []byte { return numbered("schedule/", h) }

// SlotKey is the key of a slot.
func SlotKey(slot string) []byte { return []byte("slot/" + slot) }

// HistoryKey is the key of a line of a slot's history.
func HistoryKey(slot string, n HistoryNumber) []byte { return numbered("history/"+slot+"/", n) }

// NameKey is the key of a plugin's name.
func NameKey(name string) []byte { return []byte("name/" + name) }

// FaultKey is the key of the faults of a slot in an epoch.
func FaultKey(e quoin.Epoch, slot string) []byte {
	return append(append(numbered("fault/", e), '/'), slot...)
}

// SuspendedKey is the key of a namespace's suspension.
func SuspendedKey(namespace string) []byte { return []byte("suspended/" + namespace) }

var (
	keyNewest   = []byte("epoch")
	keyCounters = []byte("counters")
	keyOpen     = []byte("open")
)

func numbered[T ~uint64](prefix string, n T) []byte {
	return strconv.AppendUint([]byte(prefix), uint64(n), 10)
}

func voiceKey(b []byte, key quoin.PublicKey) []byte {
	return append(append(b, '/'), key.String()...)
}
