package governance

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
)

// Subject says what a proposal changes.
type Subject byte

// The subjects.
const (
	SubjectRelease    Subject = 1 // a release is to serve a slot
	SubjectBuiltin    Subject = 2 // a built-in is to serve a slot, or its parameters are to change
	SubjectValidators Subject = 3 // another validator set
	SubjectParameters Subject = 4 // other parameters of the chain
	SubjectMembers    Subject = 5 // other members: who may do what
	SubjectPolicies   Subject = 6 // other policies
	SubjectUnbind     Subject = 7 // nothing is to serve a slot any more
)

var subjectNames = [...]string{"", "release", "builtin", "validators", "parameters", "members", "policies", "unbind"}

// String returns the stable name, which policies know as well.
func (s Subject) String() string {
	if s > 0 && int(s) < len(subjectNames) {
		return subjectNames[s]
	}
	return "unknown"
}

// binds reports whether the subject fills a hook's slot.
func (s Subject) binds() bool { return s == SubjectRelease || s == SubjectBuiltin }

// governs reports whether governance itself rests on what the subject changes.
func (s Subject) governs() bool { return s == SubjectMembers || s == SubjectPolicies }

// Slots that are no hook's: the parts of a configuration beside its bindings.
const (
	ValidatorsSlot = "validators"
	ParametersSlot = "parameters"
	MembersSlot    = "members"
	PoliciesSlot   = "policies"
)

// Release is one immutable build of a plugin, as its proposal states it. That the module with the
// digest says the same of itself is what a validator's precheck attests.
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

// StateRoad says what becomes of a machine's state when another release takes over, and when it goes.
type StateRoad byte

// The roads of state.
const (
	StateKeep    StateRoad = 0 // it stays as it is, there and back
	StateRestore StateRoad = 1 // what was there before a trial is kept, and comes back with what served before
	StateMigrate StateRoad = 2 // the release migrates it first; back as StateRestore
)

// Plan is how a proposal means to be tried.
type Plan struct {
	Shadow     uint64       // heights to run beside what serves; 0 none
	Trial      uint64       // heights to serve before it must be confirmed; 0 for ever at once
	Diverges   bool         // results are meant to differ from what serves
	State      StateRoad    // of a machine
	PatchUntil quoin.Height // until then, patch releases of the same kind may take the light road; 0 none
}

func (p *Plan) append(b []byte) []byte {
	b = canonical.AppendUint64(canonical.AppendUint64(b, p.Shadow), p.Trial)
	b = append(canonical.AppendBool(b, p.Diverges), byte(p.State))
	return canonical.AppendUint64(b, p.PatchUntil)
}

func readPlan(r *canonical.Reader) Plan {
	p := Plan{Shadow: r.Uint64(), Trial: r.Uint64(), Diverges: r.Bool(), State: StateRoad(r.Byte()), PatchUntil: readHeight(r)}
	if r.Err() == nil && (p.Shadow > PlanHeightsMax || p.Trial > PlanHeightsMax || p.State > StateMigrate) {
		r.Fail("plan of %d and %d heights, state %d", p.Shadow, p.Trial, p.State)
	}
	return p
}

// Propose opens a proposal. Use the New functions.
//
// The signature of the transaction that carries it is the proposal's signature: it covers the
// chain's origin (network, chain and genesis) and, with the payload, name, version, sequence and
// digest, so that it means nothing on another chain.
type Propose struct {
	Subject    Subject
	Binding    quoin.Binding      // of a release or built-in; of an unbinding its hook and namespace
	Release    Release            // of a release; its digest is the binding's
	Validators quoin.ValidatorSet // of SubjectValidators
	Parameters quoin.Parameters   // of SubjectParameters: all of them
	Members    []quoin.Member     // of SubjectMembers: all of them
	Policies   []quoin.Policy     // of SubjectPolicies: all of them
	Plan       Plan
	Note       string // why
}

// NewRelease proposes that a release serves a slot. Of the binding all but built-in and digest count.
func NewRelease(r Release, b quoin.Binding) Propose {
	b.Builtin, b.Release = "", r.Digest
	return Propose{Subject: SubjectRelease, Binding: b, Release: r}
}

// NewBuiltin proposes that a built-in, b.Builtin, serves a slot.
func NewBuiltin(b quoin.Binding) Propose {
	b.Release = quoin.Hash{}
	return Propose{Subject: SubjectBuiltin, Binding: b}
}

// NewUnbind proposes that nothing serves a slot.
func NewUnbind(hook, namespace string) Propose {
	return Propose{Subject: SubjectUnbind, Binding: quoin.Binding{Hook: hook, Namespace: namespace}}
}

// NewValidators proposes another validator set.
func NewValidators(set quoin.ValidatorSet) Propose {
	return Propose{Subject: SubjectValidators, Validators: set}
}

// NewParameters proposes other parameters.
func NewParameters(p quoin.Parameters) Propose {
	return Propose{Subject: SubjectParameters, Parameters: p}
}

// NewMembers proposes other members, in any order.
func NewMembers(members []quoin.Member) Propose {
	quoin.SortMembers(members)
	return Propose{Subject: SubjectMembers, Members: members}
}

// NewPolicies proposes other policies, in any order.
func NewPolicies(policies []quoin.Policy) Propose {
	quoin.SortPolicies(policies)
	return Propose{Subject: SubjectPolicies, Policies: policies}
}

// Slot returns what the proposal would fill. At most one open proposal has it.
func (p *Propose) Slot() string {
	switch p.Subject {
	case SubjectValidators:
		return ValidatorsSlot
	case SubjectParameters:
		return ParametersSlot
	case SubjectMembers:
		return MembersSlot
	case SubjectPolicies:
		return PoliciesSlot
	}
	return p.Binding.Slot()
}

// apply returns the configuration with what is proposed.
func (p *Propose) apply(c *quoin.Configuration) quoin.Configuration {
	next := *c
	switch p.Subject {
	case SubjectValidators:
		next.Validators = p.Validators
	case SubjectParameters:
		next.Parameters = p.Parameters
	case SubjectMembers:
		next.Members = p.Members
	case SubjectPolicies:
		next.Policies = p.Policies
	case SubjectUnbind:
		next = without(c, p.Slot())
	default:
		next = c.WithBinding(p.Binding)
	}
	return next
}

func (p Propose) appendBody(b []byte) []byte {
	b = append(b, byte(p.Subject))
	switch p.Subject {
	case SubjectValidators:
		b = p.Validators.AppendBinary(b)
	case SubjectParameters:
		b = p.Parameters.AppendBinary(b)
	case SubjectMembers:
		b = quoin.AppendMembers(b, p.Members)
	case SubjectPolicies:
		b = quoin.AppendPolicies(b, p.Policies)
	case SubjectUnbind:
		b = canonical.AppendBytes8(b, p.Slot())
	case SubjectRelease:
		b = p.Release.appendFacts(p.Binding.AppendBinary(b))
	default:
		b = p.Binding.AppendBinary(b)
	}
	return appendNote(p.Plan.append(b), p.Note)
}

func readPropose(r *canonical.Reader) Propose {
	p := Propose{Subject: Subject(r.Byte())}
	switch p.Subject {
	case SubjectValidators:
		p.Validators = quoin.ReadValidatorSet(r)
	case SubjectParameters:
		p.Parameters = quoin.ReadParameters(r)
	case SubjectMembers:
		p.Members = quoin.ReadMembers(r)
	case SubjectPolicies:
		p.Policies = quoin.ReadPolicies(r)
	case SubjectUnbind:
		p.Binding.Hook, p.Binding.Namespace = quoin.SplitSlot(readSlotName(r))
	case SubjectRelease:
		p.Binding = quoin.ReadBinding(r)
		p.Release = readFacts(r, p.Binding.Release)
	case SubjectBuiltin:
		p.Binding = quoin.ReadBinding(r)
	default:
		r.Fail("proposal of unknown subject %d", p.Subject)
	}
	p.Plan = readPlan(r)
	p.Note = readNote(r)
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
