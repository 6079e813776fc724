package governance

import (
	"sort"
	"unicode/utf8"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
)

// Kind is the first byte of a command.
type Kind byte

// The kinds. Numbers are stable; those from KindReserved on are not governance's but belong to
// other transactions of the kernel, which share its namespace.
const (
	KindPropose   Kind = 1
	KindApprove   Kind = 2
	KindSchedule  Kind = 3
	KindReady     Kind = 4
	KindVeto      Kind = 5
	KindRollback  Kind = 6
	KindCancel    Kind = 7
	KindLift      Kind = 8
	KindPrecheck  Kind = 9
	KindReject    Kind = 10
	KindAttest    Kind = 11
	KindShadow    Kind = 12
	KindReport    Kind = 13
	KindHealth    Kind = 14
	KindConfirm   Kind = 15
	KindPause     Kind = 16
	KindResume    Kind = 17
	KindDeprecate Kind = 18
	KindRetire    Kind = 19
	KindRotate    Kind = 20
	KindRevoke    Kind = 21
	KindReserved  Kind = 0x80
)

var kindNames = [...]string{"", "propose", "approve", "schedule", "ready", "veto", "rollback", "cancel", "lift", "precheck", "reject", "attest",
	"shadow", "report", "health", "confirm", "pause", "resume", "deprecate", "retire", "rotate", "revoke"}

// String returns the stable name.
func (k Kind) String() string {
	if k > 0 && int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Command is what the payload of a kernel transaction asks for: one of the types below.
type Command interface {
	Kind() Kind
	appendBody(b []byte) []byte
}

// ProposalNumber numbers the proposals of a chain from 1. 0 stands for none.
type ProposalNumber uint64

// NoteMax bounds a note: bytes of UTF-8, see IsNote.
const NoteMax = 200

// Whoever judges a proposal judges what it stands against, which changes when it begins again: see
// Proposal.Restarts. So Approve, Reject, Schedule, Precheck, Ready, Attest, Report, Health and Confirm say how
// often it had begun again when the sender looked at it, and count in no other round: a leader that holds them
// back must not be able to bring them into one that the sender never saw. What reduces risk, and what only the
// proposer's side does, names no round.

// Approve is an approver's consent. It replaces a rejection by the same member.
type Approve struct {
	Proposal ProposalNumber
	Note     string
	Restarts uint64
}

// Reject is an approver's refusal. It replaces an approval by the same member.
type Reject struct {
	Proposal ProposalNumber
	Note     string
	Restarts uint64
}

// Schedule fixes the last height before an approved proposal takes effect.
type Schedule struct {
	Proposal ProposalNumber
	Height   quoin.Height
	Restarts uint64
}

// Precheck is a validator's finding about what a proposal brings. Code 0: the module with the digest
// is there, says of itself what the proposal says, passed every check, compiles and accepts its
// parameters. Others say why not; see PrecheckCode.
type Precheck struct {
	Proposal ProposalNumber
	Code     PrecheckCode
	Restarts uint64
}

// Ready is a validator's word, after the schedule, that it can run what the proposal brings now; for
// a validator set, that it has the state and every release in use, which has to be said again in
// every epoch. It may be repeated.
type Ready struct {
	Proposal ProposalNumber
	Restarts uint64
}

// Veto is a validator's objection.
type Veto struct {
	Proposal ProposalNumber
	Note     string
}

// Rollback asks that a slot returns from what serves it, which must be the history number From, to
// what served before.
type Rollback struct {
	Slot string
	From HistoryNumber
	Note string
}

// Cancel withdraws a proposal that is not in effect.
type Cancel struct {
	Proposal ProposalNumber
	Note     string
}

// Lift is an approver's voice for ending the suspension of a namespace.
type Lift struct{ Namespace string }

// Attest is an assessor's evidence about a proposal. It replaces earlier evidence of the kind by the
// same member.
type Attest struct {
	Proposal ProposalNumber
	Evidence EvidenceKind
	Result   EvidenceResult
	Digest   quoin.Hash   // SHA-256 of the report
	Until    quoin.Height // the last height at which it counts
	Note     string
	Restarts uint64
}

// Shadow begins to run what was approved beside what serves.
type Shadow struct{ Proposal ProposalNumber }

// Comparison says how a candidate and an incumbent compared, on the same input, over some heights.
type Comparison struct {
	Compared uint64       // calls
	Diverged uint64       // of those, with another result
	Faults   uint64       // of those, at which the candidate faulted and the incumbent did not
	Skipped  uint64       // calls that were not compared
	First    quoin.Height // of the first difference or fault; 0 for none
	Digest   quoin.Hash   // of every compared result, height by height
}

// Report is what a validator's shadow found in the heights up to Through since the report before:
// Parameters.ReportHeights of them; Through is a multiple of that.
type Report struct {
	Proposal ProposalNumber
	Through  quoin.Height
	Comparison
	Restarts uint64
}

// Health is a validator's report on how it fares with what is on trial, or, if bad, with what is
// active, over the same heights as a Report.
type Health struct {
	Proposal  ProposalNumber
	Through   quoin.Height
	Reason    HealthReason // 0: good
	Gaps      uint64       // views that brought no block
	SlowCalls uint64       // calls slower than the node allows for their fuel
	LatencyMS uint64       // from a block's proposal to its certificate, 99th percentile
	Comparison
	Restarts uint64
}

// Confirm makes a trial active.
type Confirm struct {
	Proposal ProposalNumber
	Note     string
	Restarts uint64
}

// Pause stops a shadow, a schedule, a trial or what is active, until it is resumed.
type Pause struct {
	Proposal ProposalNumber
	Note     string
}

// Resume brings a paused proposal back to its beginning: nothing that was said of it counts any more.
type Resume struct {
	Proposal ProposalNumber
	Note     string
}

// Deprecate sets the height from which on nobody should use what a proposal brought.
type Deprecate struct {
	Proposal  ProposalNumber
	EndOfLife quoin.Height
	Note      string
}

// Retire ends what a proposal brought for good: nothing may bind its release again.
type Retire struct {
	Proposal ProposalNumber
	Note     string
}

// Rotate replaces the sender's key, a member's, by another. Signature is the new key's, over
// RotationBytes: who asks must hold both.
type Rotate struct {
	New       quoin.PublicKey
	Signature quoin.Signature
}

// Revoke is a voice for taking the rights of a member, named by any of its keys; of the member itself it is
// enough.
type Revoke struct {
	Key  quoin.PublicKey
	Note string
}

// Encode returns the canonical bytes of a command: its kind in one byte, then its fields.
func Encode(c Command) []byte { return c.appendBody([]byte{byte(c.Kind())}) }

// DecodeCommand decodes exactly one command. Its errors wrap canonical.ErrMalformed.
func DecodeCommand(b []byte) (Command, error) {
	r := canonical.NewReader(b)
	c := readCommand(r)
	if err := r.Done(); err != nil {
		return nil, err
	}
	return c, nil
}

// IsCommand reports whether a kernel transaction's payload is governance's to execute: whether its
// kind is below KindReserved. An empty payload is (and is Malformed).
func IsCommand(payload []byte) bool { return len(payload) == 0 || Kind(payload[0]) < KindReserved }

func readCommand(r *canonical.Reader) Command {
	switch kind := Kind(r.Byte()); kind {
	case KindPropose:
		return readPropose(r)
	case KindApprove:
		return Approve{Proposal: readNumber(r), Restarts: r.Uint64(), Note: readNote(r)}
	case KindReject:
		return Reject{Proposal: readNumber(r), Restarts: r.Uint64(), Note: readNote(r)}
	case KindSchedule:
		return Schedule{Proposal: readNumber(r), Restarts: r.Uint64(), Height: readHeight(r)}
	case KindPrecheck:
		c := Precheck{Proposal: readNumber(r), Restarts: r.Uint64(), Code: PrecheckCode(r.Uint32())}
		if c.Code >= precheckEnd {
			r.Fail("precheck code %d", c.Code)
		}
		return c
	case KindReady:
		return Ready{Proposal: readNumber(r), Restarts: r.Uint64()}
	case KindVeto:
		return Veto{readNumber(r), readNote(r)}
	case KindRollback:
		return Rollback{readSlotName(r), HistoryNumber(r.Uint64()), readNote(r)}
	case KindCancel:
		return Cancel{readNumber(r), readNote(r)}
	case KindLift:
		return Lift{readNamespace(r)}
	case KindAttest:
		return readAttest(r)
	case KindShadow:
		return Shadow{readNumber(r)}
	case KindReport:
		return Report{Proposal: readNumber(r), Restarts: r.Uint64(), Through: readHeight(r), Comparison: readComparison(r)}
	case KindHealth:
		c := Health{Proposal: readNumber(r), Restarts: r.Uint64(), Through: readHeight(r), Reason: HealthReason(r.Uint32()),
			Gaps: r.Uint64(), SlowCalls: r.Uint64(), LatencyMS: r.Uint64(), Comparison: readComparison(r)}
		if c.Reason >= healthEnd {
			r.Fail("health reason %d", c.Reason)
		}
		return c
	case KindConfirm:
		return Confirm{Proposal: readNumber(r), Restarts: r.Uint64(), Note: readNote(r)}
	case KindPause:
		return Pause{readNumber(r), readNote(r)}
	case KindResume:
		return Resume{readNumber(r), readNote(r)}
	case KindDeprecate:
		return Deprecate{readNumber(r), readHeight(r), readNote(r)}
	case KindRetire:
		return Retire{readNumber(r), readNote(r)}
	case KindRotate:
		var c Rotate
		r.Copy(c.New[:])
		r.Copy(c.Signature[:])
		return c
	case KindRevoke:
		var c Revoke
		r.Copy(c.Key[:])
		c.Note = readNote(r)
		return c
	default:
		r.Fail("command of unknown kind %d", kind)
		return nil
	}
}

func readNumber(r *canonical.Reader) ProposalNumber { return ProposalNumber(r.Uint64()) }

func readNamespace(r *canonical.Reader) string {
	s := string(r.Bytes8(quoin.NamespaceMax))
	if r.Err() == nil && !quoin.IsName(s, quoin.NamespaceMax) {
		r.Fail("namespace %q", s)
	}
	return s
}

func readNote(r *canonical.Reader) string {
	s := string(r.Bytes8(NoteMax))
	if r.Err() == nil && !IsNote(s) {
		r.Fail("a note that is not printable UTF-8")
	}
	return s
}

// IsNote reports whether a text may be a note: at most NoteMax bytes of UTF-8 in which nothing hides.
func IsNote(s string) bool {
	if len(s) > NoteMax || !utf8.ValidString(s) {
		return false
	}
	for _, c := range s {
		if isHidden(c) {
			return false
		}
	}
	return true
}

// hidden are ranges of characters that show nothing, or show something else than is there: controls,
// spaces beside the usual one, marks of direction, tags, private use. The list is the protocol's own,
// because the tables of package unicode change from one version of Go to the next, and with them would
// what a network accepts.
var hidden = [...][2]rune{{0x00, 0x1f}, {0x7f, 0xa0}, {0xad, 0xad}, {0x34f, 0x34f}, {0x61c, 0x61c}, {0x115f, 0x1160}, {0x1680, 0x1680},
	{0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x206f}, {0x2800, 0x2800}, {0x3000, 0x3000},
	{0x3164, 0x3164}, {0xe000, 0xf8ff}, {0xfdd0, 0xfdef}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xffff},
	{0xe0000, 0x10ffff}}

func isHidden(c rune) bool {
	i := sort.Search(len(hidden), func(i int) bool { return c <= hidden[i][1] })
	return i < len(hidden) && c >= hidden[i][0]
}

func readAttest(r *canonical.Reader) Attest {
	c := Attest{Proposal: readNumber(r), Restarts: r.Uint64(), Evidence: EvidenceKind(r.Byte()), Result: EvidenceResult(r.Byte())}
	r.Copy(c.Digest[:])
	c.Until = readHeight(r)
	c.Note = readNote(r)
	if r.Err() == nil && !c.Evidence.has(c.Result) {
		r.Fail("evidence of kind %d with result %d", c.Evidence, c.Result)
	}
	return c
}

func readComparison(r *canonical.Reader) Comparison {
	c := Comparison{Compared: r.Uint64(), Diverged: r.Uint64(), Faults: r.Uint64(), Skipped: r.Uint64(), First: readHeight(r)}
	r.Copy(c.Digest[:])
	if r.Err() == nil && (c.Diverged > c.Compared || c.Faults > c.Compared) {
		r.Fail("more differences or faults than comparisons")
	}
	return c
}

func (c *Comparison) append(b []byte) []byte {
	for _, n := range []uint64{c.Compared, c.Diverged, c.Faults, c.Skipped, uint64(c.First)} {
		b = canonical.AppendUint64(b, n)
	}
	return append(b, c.Digest[:]...)
}

func appendNote(b []byte, note string) []byte { return canonical.AppendBytes8(b, note) }

func appendJudged(b []byte, n ProposalNumber, restarts uint64) []byte {
	return canonical.AppendUint64(canonical.AppendUint64(b, n), restarts)
}

func appendNumbered(b []byte, n ProposalNumber, note string) []byte {
	return appendNote(canonical.AppendUint64(b, n), note)
}
