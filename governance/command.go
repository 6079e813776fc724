package governance

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
)

// Kind is the first byte of a command.
type Kind byte

// The kinds. Numbers are stable; those from KindReserved on are not governance's but belong to
// other transactions of the kernel, which share its namespace.
const (
	KindPropose  Kind = 1
	KindApprove  Kind = 2
	KindSchedule Kind = 3
	KindReady    Kind = 4
	KindVeto     Kind = 5
	KindRollback Kind = 6
	KindCancel   Kind = 7
	KindLift     Kind = 8
	KindReserved Kind = 0x80
)

// Command is one of Propose, Approve, Schedule, Ready, Veto, Rollback, Cancel, Lift: what the
// payload of a kernel transaction asks for.
type Command interface {
	Kind() Kind
	appendBody(b []byte) []byte
}

// ProposalNumber numbers the proposals of a chain from 1. 0 stands for none.
type ProposalNumber uint64

// Subject says what a proposal changes.
type Subject byte

// The subjects.
const (
	SubjectRelease    Subject = 1 // a release is to serve a slot
	SubjectBuiltin    Subject = 2 // a built-in is to serve a slot, or its parameters are to change
	SubjectValidators Subject = 3 // another validator set
)

// Release is one immutable build of a plugin, as its proposal states it. That the module with the
// digest says the same of itself is what a validator's readiness attests.
type Release struct {
	Digest    quoin.Hash   // of the module's file
	Name      string       // 1 to ReleaseNameMax of [a-z0-9.-]; belongs to its first author
	Version   string       // for people: 1 to VersionMax of [a-z0-9.+-]
	Sequence  uint64       // for machines: grows from release to release of a name
	EndOfLife quoin.Height // from which on it must not be activated; 0 for never
	Size      uint64       // of the module's file, in bytes
	Author    quoin.PublicKey
	Signature quoin.Signature // the author's, over Environment.AuthorBytes(Digest)
}

// Propose opens a proposal. Use NewRelease, NewBuiltin or NewValidators.
//
// The signature of the transaction that carries it is the proposal's signature: it covers the
// chain's origin (network, chain and genesis) and, with the payload, name, version, sequence and
// digest, so that it means nothing on another chain.
type Propose struct {
	Subject    Subject
	Binding    quoin.Binding      // of a release or built-in
	Release    Release            // of a release; its digest is the binding's
	Validators quoin.ValidatorSet // of SubjectValidators
}

// NewRelease proposes that a release serves a slot. Of the binding, hook, namespace, parameters
// and fuel count.
func NewRelease(r Release, b quoin.Binding) Propose {
	b.Builtin, b.Release = "", r.Digest
	return Propose{Subject: SubjectRelease, Binding: b, Release: r}
}

// NewBuiltin proposes that a built-in, b.Builtin, serves a slot.
func NewBuiltin(b quoin.Binding) Propose {
	b.Release = quoin.Hash{}
	return Propose{Subject: SubjectBuiltin, Binding: b}
}

// NewValidators proposes another validator set.
func NewValidators(set quoin.ValidatorSet) Propose {
	return Propose{Subject: SubjectValidators, Validators: set}
}

// ValidatorsSlot is what a proposal of SubjectValidators would fill; no hook has this name.
const ValidatorsSlot = "validators"

// Slot returns what the proposal would fill. At most one open proposal has it.
func (p *Propose) Slot() string {
	if p.Subject == SubjectValidators {
		return ValidatorsSlot
	}
	return p.Binding.Slot()
}

// Approve is an approver's consent. With a Height other than 0, a sender that may propose as well
// schedules in the same command; then both succeed or neither.
type Approve struct {
	Proposal ProposalNumber
	Height   quoin.Height
}

// Schedule fixes the last height before an approved proposal takes effect.
type Schedule struct {
	Proposal ProposalNumber
	Height   quoin.Height
}

// Ready is a validator's attestation that it can run what the proposal brings: the module with the
// digest is there, says of itself what the proposal says, passed every check and is compiled; for
// a validator set, that it has the state and every release in use, which has to be said again in
// every epoch. It may be repeated.
type Ready struct{ Proposal ProposalNumber }

// Veto is a validator's objection.
type Veto struct{ Proposal ProposalNumber }

// Rollback asks that a slot returns from what serves it, which must be the history number From, to
// what served before.
type Rollback struct {
	Slot string
	From HistoryNumber
}

// Cancel withdraws an open proposal.
type Cancel struct{ Proposal ProposalNumber }

// Lift ends the suspension of a namespace; it takes as many approvers as a proposal.
type Lift struct{ Namespace string }

var (
	_ Command = Propose{}
	_ Command = Approve{}
	_ Command = Schedule{}
	_ Command = Ready{}
	_ Command = Veto{}
	_ Command = Rollback{}
	_ Command = Cancel{}
	_ Command = Lift{}
)

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
		return Approve{ProposalNumber(r.Uint64()), quoin.Height(r.Uint64())}
	case KindSchedule:
		return Schedule{ProposalNumber(r.Uint64()), quoin.Height(r.Uint64())}
	case KindReady:
		return Ready{ProposalNumber(r.Uint64())}
	case KindVeto:
		return Veto{ProposalNumber(r.Uint64())}
	case KindRollback:
		return Rollback{readSlotName(r), HistoryNumber(r.Uint64())}
	case KindCancel:
		return Cancel{ProposalNumber(r.Uint64())}
	case KindLift:
		c := Lift{string(r.Bytes8(quoin.NamespaceMax))}
		if r.Err() == nil && !quoin.IsName(c.Namespace, quoin.NamespaceMax) {
			r.Fail("namespace %q", c.Namespace)
		}
		return c
	default:
		r.Fail("command of unknown kind %d", kind)
		return nil
	}
}

// Kind returns KindPropose.
func (Propose) Kind() Kind { return KindPropose }

// Kind returns KindApprove.
func (Approve) Kind() Kind { return KindApprove }

// Kind returns KindSchedule.
func (Schedule) Kind() Kind { return KindSchedule }

// Kind returns KindReady.
func (Ready) Kind() Kind { return KindReady }

// Kind returns KindVeto.
func (Veto) Kind() Kind { return KindVeto }

// Kind returns KindRollback.
func (Rollback) Kind() Kind { return KindRollback }

// Kind returns KindCancel.
func (Cancel) Kind() Kind { return KindCancel }

// Kind returns KindLift.
func (Lift) Kind() Kind { return KindLift }

func (c Approve) appendBody(b []byte) []byte {
	return canonical.AppendUint64(canonical.AppendUint64(b, c.Proposal), c.Height)
}

func (c Schedule) appendBody(b []byte) []byte {
	return canonical.AppendUint64(canonical.AppendUint64(b, c.Proposal), c.Height)
}

func (c Ready) appendBody(b []byte) []byte  { return canonical.AppendUint64(b, c.Proposal) }
func (c Veto) appendBody(b []byte) []byte   { return canonical.AppendUint64(b, c.Proposal) }
func (c Cancel) appendBody(b []byte) []byte { return canonical.AppendUint64(b, c.Proposal) }
func (c Lift) appendBody(b []byte) []byte   { return canonical.AppendBytes8(b, c.Namespace) }

func (c Rollback) appendBody(b []byte) []byte {
	return canonical.AppendUint64(canonical.AppendBytes8(b, c.Slot), c.From)
}

func (p Propose) appendBody(b []byte) []byte {
	b = append(b, byte(p.Subject))
	if p.Subject == SubjectValidators {
		return p.Validators.AppendBinary(b)
	}
	b = p.Binding.AppendBinary(b)
	if p.Subject == SubjectRelease {
		b = p.Release.appendFacts(b)
	}
	return b
}

func readPropose(r *canonical.Reader) Propose {
	p := Propose{Subject: Subject(r.Byte())}
	switch p.Subject {
	case SubjectValidators:
		p.Validators = quoin.ReadValidatorSet(r)
	case SubjectRelease:
		p.Binding = quoin.ReadBinding(r)
		p.Release = readFacts(r, p.Binding.Release)
	case SubjectBuiltin:
		p.Binding = quoin.ReadBinding(r)
	default:
		r.Fail("proposal of unknown subject %d", p.Subject)
	}
	if r.Err() == nil && (p.Subject == SubjectRelease) == p.Binding.Release.IsZero() {
		r.Fail("subject %d and binding do not fit together", p.Subject)
	}
	return p
}

// appendFacts appends all of a release but its digest, which stands in the binding or the key.
func (x *Release) appendFacts(b []byte) []byte {
	b = canonical.AppendBytes8(b, x.Name)
	b = canonical.AppendBytes8(b, x.Version)
	b = canonical.AppendUint64(b, x.Sequence)
	b = canonical.AppendUint64(b, x.EndOfLife)
	b = canonical.AppendUint64(b, x.Size)
	b = append(b, x.Author[:]...)
	return append(b, x.Signature[:]...)
}

func readFacts(r *canonical.Reader, digest quoin.Hash) Release {
	x := Release{Digest: digest}
	x.Name = string(r.Bytes8(ReleaseNameMax))
	x.Version = string(r.Bytes8(VersionMax))
	x.Sequence = r.Uint64()
	x.EndOfLife = quoin.Height(r.Uint64())
	x.Size = r.Uint64()
	r.Copy(x.Author[:])
	r.Copy(x.Signature[:])
	return x
}
