// Package consensus is the contract of a protocol: a Machine, which is a pure state machine that
// decides what is final, and nothing else.
//
// A machine has no clock, no disk, no network, no randomness and no state of the application. It
// takes reified inputs, one at a time, and appends plain demands to an Output. Whoever drives it
// (package replica) meets the demands in the order in which Output's fields stand; the one ordering
// law is *persist before send*. So every run can be recorded, replayed and stepped through, and the
// simulator runs the code that production runs.
//
// A machine lives for one epoch, under one frozen validator set. Peers are named by their index in
// that set. Signatures are checked outside, by the machine's Verify, which returns the opaque type
// that Step takes; so a test may step a machine without keys, and no unverified byte gets inside.
//
// A Machine is not safe for use by several goroutines.
package consensus

import (
	"errors"

	"quoin.dev/quoin"
)

// ErrRefused is wrapped by every error of Decode and Verify: the peer's message is not acceptable;
// the machine's state is untouched.
var ErrRefused = errors.New("message refused")

// Machine is a protocol for one epoch. The driver calls Decode, Fresh and Verify on a peer's bytes,
// then Step, and after every Step meets the demands in out and feeds the answers back.
type Machine interface {
	// Decode reads a message strictly. It fails with an error that wraps ErrRefused.
	Decode(message []byte) (Message, error)

	// Fresh reports whether a message could still change anything. It is cheap, and is asked before
	// signatures are verified, so that repeated and stale messages cost next to nothing. The
	// machine may append an answer for the sender to out.
	Fresh(from int, m Message, out *Output) bool

	// Verify checks every signature in a message that the machine has not checked before. It fails
	// with an error that wraps ErrRefused.
	Verify(from int, m Message) (Verified, error)

	// Recover takes one record of the vote log, in the order in which they were persisted, before
	// Started. It fails on records that no correct machine of this epoch wrote: the log is damaged.
	Recover(Record) error

	// Step takes one input and appends demands to out. now is the local clock, which is used for
	// nothing but the time of blocks.
	Step(now quoin.Time, in Input, out *Output)

	// Block returns a block that is known and not yet certified.
	Block(id quoin.Hash) (*quoin.Block, bool)

	// Agreed returns the digest of the result that a quorum gave an uncertified block, as far as
	// this machine knows.
	Agreed(block quoin.Hash) (quoin.Hash, bool)

	// Snapshot returns the records that a restart needs when all older ones are gone. The driver asks
	// when the last Certified that it was given is durable.
	Snapshot() []Record

	// Status describes the machine for people and tests.
	Status() Status
}

// Message is a decoded, unverified message of a protocol.
type Message interface {
	Kind() string
	AppendBinary(b []byte) []byte
}

// Verified is a message whose signatures were checked. Only a machine's Verify makes them, apart
// from tests.
type Verified struct {
	From    int
	Message Message
}

// Input is one of the types below.
type Input interface{ isInput() }

type (
	// Started is the first input, once, after recovery.
	Started struct{}

	// Received brings a verified message.
	Received struct{ Verified }

	// TimedOut says that the timer which the machine asked for has passed. A timer that was
	// replaced may still be reported; the machine ignores it.
	TimedOut struct{ Timer uint64 }

	// Executed answers an Execute demand. A second answer for a block replaces the first: the driver
	// has adopted the result of a quorum.
	Executed struct {
		Block      quoin.Hash
		Verdict    Verdict
		Checkpoint quoin.Checkpoint // what the block results in, if Verdict is Valid
		Last       bool             // the block is the last of its epoch, if Verdict is Valid
		Withhold   bool             // valid, but this replica does not vote to notarize it
		Adopted    bool             // the result is the quorum's, not this replica's own: it does not vote for it at all
	}

	// Built answers a Build demand.
	Built struct {
		View         quoin.View
		Transactions []quoin.Transaction
		Nothing      bool // there is nothing to propose after all; not an answer to a Build that Must
	}

	// Wanted says whether there is a reason to make blocks: a pending transaction, a scheduled
	// activation or an overdue heartbeat. The driver sends it whenever that changes.
	Wanted struct{ Wanted bool }

	// Fetched brings blocks, oldest first, each the child of the one before. If Certificate is
	// set, it certifies the last of them and was verified; it may come without any block, to say
	// how far others are.
	Fetched struct {
		From        int
		Blocks      []*quoin.Block
		Certificate *quoin.Certificate
	}

	// Retry asks the machine to repeat Execute demands that were answered with Abstain.
	Retry struct{}
)

func (Started) isInput()  {}
func (Received) isInput() {}
func (TimedOut) isInput() {}
func (Executed) isInput() {}
func (Built) isInput()    {}
func (Wanted) isInput()   {}
func (Fetched) isInput()  {}
func (Retry) isInput()    {}

// Verdict is what executing a block says about it.
type Verdict uint8

const (
	Invalid Verdict = iota // no correct replica accepts it
	Valid
	Abstain // a local limit prevented a verdict; ask again later
)

// Output holds demands in the order in which they must be met.
type Output struct {
	Persist   []Record    // 1. synced before anything below is done
	Send      []Envelope  // 2.
	Fetch     []Fetch     // 3. best effort
	Execute   []Execution // 4. in order; each is answered by Executed
	Build     []Build     // 5. each is answered by Built
	Certified []Certified // 6. in order
	Timer     *Timer      // 7. replaces the timer before
	Reports   []Report    // 8. for metrics, traces and evidence; nothing depends on them
}

// Reset empties o for reuse.
func (o *Output) Reset() {
	*o = Output{Persist: o.Persist[:0], Send: o.Send[:0], Fetch: o.Fetch[:0], Execute: o.Execute[:0],
		Build: o.Build[:0], Certified: o.Certified[:0], Reports: o.Reports[:0]}
}

// Record is one entry of the vote log, opaque to the driver. A machine is recovered from its
// records in the order in which they were persisted.
type Record []byte

// All is the destination of an envelope to every other validator.
const All = -1

// Envelope is a message to one validator, or to All.
type Envelope struct {
	To      int
	Message Message
}

// Fetch asks a peer for blocks: those after the certified height After on the way to Block, and if
// they are too many for one answer, the first of them up to a certified one.
type Fetch struct {
	From  int
	Block quoin.Hash
	After quoin.Height
}

// Execution demands the execution of a block whose parent was executed and is given, except the
// first of an epoch, whose parent is the last certified block.
type Execution struct{ Block *quoin.Block }

// Build demands the transactions of a new block on a parent that was executed.
type Build struct {
	View   quoin.View
	Parent quoin.Hash
	Time   quoin.Time
	Empty  bool // without transactions, kernel transactions apart
	Tail   bool // without any
	Must   bool // a block is needed even if it is empty
}

// Certified reports that Blocks, oldest first, are final: Certificate is one of the last of them,
// and they are children of one another and of the last certified block before.
type Certified struct {
	Blocks      []*quoin.Block
	Certificate quoin.Certificate
	Ended       bool // the epoch is over: the machine does nothing more but answer
}

// Timer asks for a TimedOut input with this id after some time.
type Timer struct {
	ID      uint64
	AfterMS uint64
}

// Report tells of something that happened.
type Report struct {
	Kind   ReportKind
	View   quoin.View
	Block  quoin.Hash
	Peer   int    // -1 if nobody's
	Detail []Vote // the signed votes, for Split and Equivocation
}

// Vote is a validator's signed message.
type Vote struct {
	Validator int
	Message   Message
}

// ReportKind is a stable name of a report.
type ReportKind string

const (
	EnteredView  ReportKind = "entered-view"
	TimedOutView ReportKind = "timed-out"
	Notarized    ReportKind = "notarized"
	Nullified    ReportKind = "nullified"
	Equivocation ReportKind = "equivocation" // two different signed votes of one validator
	Split        ReportKind = "split"        // votes of a quorum differ so that no result can get one
	Diverged     ReportKind = "diverged"     // a quorum has another result than this replica
	RefusedBlock ReportKind = "refused-block"
	Conflict     ReportKind = "conflict" // a certificate contradicts certified blocks: the machine has stopped
)

// Leaders chooses proposers. The machine calls it synchronously, at most once for a view and
// parent, and keeps the answer. The answer is a pure function of the view, the epoch and the
// parent's ancestors. ok is false if a local limit prevented an answer: ask again later.
type Leaders interface {
	Leader(view quoin.View, parent quoin.Hash) (index int, ok bool)
}

// Status describes a machine.
type Status struct {
	Epoch         quoin.Epoch
	View          quoin.View
	CertifiedView quoin.View
	Leader        int // of the current view on the replica's own parent; -1 if unknown
	Uncertified   int // blocks
	Observer      bool
	Diverged      bool
	Ended         bool
}
