package replica

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
)

// Input is one of the types below.
type Input interface{ isInput() }

type (
	// Start is the first input, once.
	Start struct{}

	// Message brings a peer's bytes. From was authenticated by the transport. The bytes are the
	// replica's from here on.
	Message struct {
		From  quoin.PublicKey
		Bytes []byte
	}

	// TimerFired says that a timer has passed.
	TimerFired struct {
		Kind  TimerKind
		ID    uint64
		Epoch quoin.Epoch
	}

	// Submit brings transactions from this node's clients. Each is answered by an Admission, in
	// order.
	Submit struct{ Transactions []quoin.Transaction }

	// Continue answers Output.More.
	Continue struct{}

	// Synced says that the store holds everything up to this height whatever happens.
	Synced struct{ Height quoin.Height }

	// ReleaseReady says that a release was added to the table.
	ReleaseReady struct{ Digest quoin.Hash }

	// ReleaseRefused says that a release will not be added to the table, and why.
	ReleaseRefused struct {
		Digest quoin.Hash
		Code   governance.PrecheckCode
	}

	// DryCalled answers a DryCall.
	DryCalled struct {
		Proposal governance.ProposalNumber
		Round    uint64
		Code     governance.PrecheckCode
		Reason   string // for people, if it did not pass
	}

	// SlowCalls says that so many calls of what serves a slot, of those in Output.Timed, took longer than
	// this node allows for their fuel.
	SlowCalls struct {
		Slot  string
		Calls uint64
	}
)

func (Start) isInput()          {}
func (Message) isInput()        {}
func (TimerFired) isInput()     {}
func (Submit) isInput()         {}
func (Continue) isInput()       {}
func (Synced) isInput()         {}
func (ReleaseReady) isInput()   {}
func (ReleaseRefused) isInput() {}
func (DryCalled) isInput()      {}
func (SlowCalls) isInput()      {}

// Output holds demands in the order in which they must be met. Only Send may never come before the
// records that stand in Log, in its own step's or an earlier one's, are durable. The others may: the
// store proves its certified blocks by itself, and a vote for a certified view is not needed again.
// So a driver may hold back what is sent, in order, and step on while the log is synced.
type Output struct {
	Log        []LogRecord  // 1. appended to the vote log and synced
	Send       []Send       // 2.
	Sync       quoin.Height // 3. if not 0: sync the store, then answer with Synced
	Timers     []Timer      // 4. each replaces the one of its kind
	Admissions []Admission  // 5. answers to Submit, in order
	Finished   []Finished   // 6. certified and durable blocks, in order
	Releases   []quoin.Hash // 7. if not nil: the releases that this node should have, all of them
	DryCalls   []DryCall    // 8. if not nil: those that are owed, all of them; answer each with DryCalled once
	Timed      []string     // 9. if not nil: the slots whose slow calls should be told, all of them; see SlowCalls
	Events     []Event      // 10. for metrics, logs and tests
	Progress   []Progress   // 11. for metrics and traces
	Prune      bool         // 12. replace the log by Snapshot: append and sync it, then drop what is older
	More       bool         // 13. step on with Continue when the above is met
	Fatal      error        // stop: the vote log contradicts the chain
}

// Reset empties o for reuse.
func (o *Output) Reset() {
	*o = Output{Log: o.Log[:0], Send: o.Send[:0], Timers: o.Timers[:0], Admissions: o.Admissions[:0],
		Finished: o.Finished[:0], Events: o.Events[:0], Progress: o.Progress[:0]}
}

// LogRecord is one record of the vote log: epoch (8), then a record of the machine of that epoch.
type LogRecord []byte

func newLogRecord(e quoin.Epoch, r consensus.Record) LogRecord {
	return append(canonical.AppendUint64(make([]byte, 0, 8+len(r)), e), r...)
}

func (r LogRecord) split() (quoin.Epoch, consensus.Record, error) {
	if len(r) < 9 {
		return 0, nil, fmt.Errorf("replica: a record of %d bytes in the vote log", len(r))
	}
	return quoin.Epoch(canonical.NewReader(r[:8]).Uint64()), consensus.Record(r[8:]), nil
}

// Class tells the transport how urgent a message is.
type Class uint8

const (
	ClassConsensus    Class = iota // votes, proposals, certificates
	ClassBulk                      // blocks that were asked for
	ClassTransactions              // forwarded pending transactions
)

// Send demands that a message be sent to one peer, or to all other validators if To is zero. Bytes
// are shared and must not be modified.
type Send struct {
	To    quoin.PublicKey
	Class Class
	Bytes []byte
}

// TimerKind tells timers apart.
type TimerKind uint8

const (
	ViewTimer TimerKind = iota
	HeartbeatTimer
)

// Timer asks for TimerFired after some time. It replaces the timer of its kind.
type Timer struct {
	Kind    TimerKind
	ID      uint64
	Epoch   quoin.Epoch
	AfterMS uint64
}

// Admission says what became of a submitted transaction.
type Admission struct {
	ID   quoin.Hash
	Code AdmissionCode
	// Height and Index say where it stands already, if Code is AlreadyCertified.
	Height quoin.Height
	Index  uint32
}

// AdmissionCode is a stable code.
type AdmissionCode uint32

const (
	Admitted AdmissionCode = iota
	AlreadyPending
	AlreadyCertified
	RefusedExpired   // its expiry height has passed
	RefusedExpiry    // its expiry lies beyond the chain's window
	RefusedSignature // the signature does not verify
	RefusedUnsigned  // the chain wants a sender
	RefusedSize      // larger than a block may hold
	RefusedSender    // the sender has as many pending transactions as it may
	RefusedFull      // the pool is full
	RefusedNamespace // no machine serves the namespace, or it is suspended
	RefusedInvalid   // the namespace's validation refuses it as the state is now
	RefusedMalformed // not well formed

	// AdmissionCodes is how many there are.
	AdmissionCodes = iota
)

// String returns the stable name.
func (c AdmissionCode) String() string {
	names := [...]string{"admitted", "already-pending", "already-certified", "expired", "expiry-too-far", "bad-signature",
		"unsigned", "too-large", "sender-limit", "pool-full", "no-machine", "refused-by-validation", "malformed"}
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("code-%d", uint32(c))
}

// Finished is a certified block that is durable here.
type Finished struct {
	Block       *quoin.Block
	IDs         []quoin.Hash
	Results     []quoin.Result
	Checkpoint  quoin.Checkpoint   // of the block itself
	Certificate *quoin.Certificate // the certificate that made it final: of this block or a descendant
	// Delay is how long to wait before the block is reported as final to those who ask for that, as
	// the chain's finality.v1 wants it.
	Delay hook.FinalityResponse
	// Waited is how long, in milliseconds, each transaction was in this replica's pool before the block
	// was certified here; WaitedUnknown for one that was not.
	Waited []uint32
}

// WaitedUnknown stands in Finished.Waited for a transaction that was not in the pool.
const WaitedUnknown = ^uint32(0)

// Event tells of something that happened. Nothing depends on events.
type Event struct {
	Kind   EventKind
	Epoch  quoin.Epoch
	View   quoin.View
	Height quoin.Height
	Block  quoin.Hash
	Peer   quoin.PublicKey
	Reason string
}

// EventKind is a stable name.
type EventKind string

const (
	EnteredView      EventKind = "view-entered"
	ViewTimedOut     EventKind = "view-timed-out"
	ViewNullified    EventKind = "view-nullified"
	BlockNotarized   EventKind = "block-notarized"
	BlockRefused     EventKind = "block-refused"
	BlockWithheld    EventKind = "block-withheld"
	Abstained        EventKind = "abstained"
	Equivocated      EventKind = "equivocation"
	SplitSeen        EventKind = "split"
	HasDiverged      EventKind = "diverged"
	Adopted          EventKind = "result-adopted"
	Halted           EventKind = "halted"
	EpochBegan       EventKind = "epoch-began"
	MessageRefused   EventKind = "message-refused"
	LeaderFaulted    EventKind = EventKind(execution.LeaderFault)
	FinalityFaulted  EventKind = EventKind(execution.FinalityFault)
	BatchFaulted     EventKind = EventKind(execution.BatchFault)
	TrialFaulted     EventKind = EventKind(execution.TrialFault)
	UndoFaulted      EventKind = EventKind(execution.UndoFault)
	MigrateFaulted   EventKind = EventKind(execution.MigrateFault)
	MachineFaulted   EventKind = "machine-fault"
	PacemakerFaulted EventKind = "pacemaker-fault"
	PriorityFaulted  EventKind = "priority-fault"
	Suspended        EventKind = "namespace-suspended"
	PrecheckFailed   EventKind = "precheck-failed"
	DeprecatedInUse  EventKind = "deprecated-in-use" // once an epoch, and as the end comes near
)

// Stats counts what a replica has met since it was made.
type Stats struct {
	Messages        uint64
	Refused         uint64 // messages that were malformed or badly signed
	Stale           uint64 // messages that could change nothing
	Blocks          uint64 // certified
	Transactions    uint64 // certified
	Timeouts        uint64
	Nullified       uint64
	LeaderFaults    uint64
	FinalityFaults  uint64
	BatchFaults     uint64
	MachineFaults   uint64
	PacemakerFaults uint64 // questions to this node's pacemaker that had no answer
	PriorityFaults  uint64 // pending transactions that got no priority
	Diverged        uint64
	Splits          uint64
	Gaps            uint64                 // views without a block, before certified ones
	Rescues         uint64                 // certified blocks of rescue views
	Admissions      [AdmissionCodes]uint64 // of clients' and forwarded transactions, by code
}
