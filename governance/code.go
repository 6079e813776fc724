package governance

import (
	"strconv"

	"quoin.dev/quoin"
)

// Code is the result of a command, as a ledger entry holds it. Numbers and names are stable.
type Code uint32

// CodeBase is the number below the first code other than OK: the kernel's own results lie above
// quoin.ResultFault, and governance has the thousand from here.
const CodeBase = quoin.ResultFault + 4096

// The codes. New ones are added at the end.
const (
	OK        Code = 0
	Malformed Code = CodeBase + iota
	NotProposer
	NotApprover
	NotValidator
	BadName
	NotOwner
	BadSequence
	DigestTaken
	AuthorSignature
	ModuleSize
	UnknownHook
	UnknownBuiltin
	FuelLimit
	NoChange
	InvalidConfiguration
	SlotBusy
	NameBusy
	TooManyOpen
	NoProposal
	ProposalClosed
	ProposalExpired
	OwnProposal
	AlreadyCounted
	NotApproved
	AlreadyScheduled
	NoticeTooShort
	TooFarAhead
	NotYours
	NoSlot
	NotServing
	NothingBefore
	AlreadyReturning
	NotSuspended
	EndOfLife
	TooManyYours
	NotResponder
	NotAssessor
	NotMember
	NotPrechecked
	WrongStage
	NoPolicy
	PolicyRefuses
	BadPolicy
	WouldLock
	BadPlan
	BadNodes
	FixedParameter
	EvidenceExpired
	BadInterval
	LateReport
	StillBound
	RetiredRelease
	NoKey
	KeyTaken
	KeySignature
	LastApprover
	ConfusableName
	StaleVoice
	codeEnd
)

var codeTable = [...]struct{ name, meaning string }{
	{"malformed", "the payload is not the canonical bytes of a governance command"},
	{"not-proposer", "the sender does not hold the proposer role, which this command needs"},
	{"not-approver", "the sender does not hold the approver role, which this command needs"},
	{"not-validator", "the sender is no validator (for readiness: of the present set or a proposed one)"},
	{"bad-name", "a plugin's name is 1 to 32 of [a-z0-9.-], its version 1 to 32 of [a-z0-9.+-]"},
	{"not-owner", "the plugin's name belongs to the key that signed its first release"},
	{"bad-sequence", "a release's sequence must exceed its predecessor's by 1 to 1000; a release proposed again must be the newest of its name"},
	{"digest-taken", "the digest was proposed before under another name, or with other facts"},
	{"author-signature", "the author's signature over the digest does not verify"},
	{"module-size", "the module is empty or larger than the chain allows"},
	{"unknown-hook", "no plugin may serve such a hook, or it wants a namespace and has none, or the other way round"},
	{"unknown-builtin", "the hook has no built-in of that name"},
	{"fuel-limit", "the fuel of one call is 0 for a release, or above what the hook allows"},
	{"no-change", "the configuration says so already"},
	{"invalid-configuration", "with this change the configuration would be invalid, for example by too many bindings"},
	{"slot-busy", "another proposal for the slot is open; it must be decided, withdrawn or expire first"},
	{"name-busy", "another proposal of the plugin is open; it must be decided, withdrawn or expire first"},
	{"too-many-open", "the chain has as many open proposals as it allows"},
	{"no-proposal", "there is no proposal with that number"},
	{"proposal-closed", "the proposal was decided or withdrawn already"},
	{"proposal-expired", "the proposal was not scheduled in time; it can only be cancelled"},
	{"own-proposal", "neither a proposal's proposer nor its release's author may approve it"},
	{"already-counted", "the sender's voice was counted before"},
	{"not-approved", "the proposal lacks approvals"},
	{"already-scheduled", "the proposal is scheduled already; cancel it to choose another height"},
	{"notice-too-short", "the height is nearer than the chain's notice allows"},
	{"too-far-ahead", "the height is further ahead than 100000"},
	{"not-yours", "only its proposer may cancel a proposal before it expires"},
	{"no-slot", "nothing serves such a slot"},
	{"not-serving", "another binding serves the slot than the one the rollback names"},
	{"nothing-before", "there is no earlier binding or fallback to return to"},
	{"already-returning", "the slot's return is scheduled already"},
	{"not-suspended", "the namespace is not suspended"},
	{"end-of-life", "the release's end of life comes before it would serve"},
	{"too-many-yours", "the proposer has as many open proposals as one may have; cancel one"},
	{"not-responder", "the sender does not hold the responder role, which this command needs, and is no validator where one would do"},
	{"not-assessor", "the sender does not hold the assessor role, which this command needs"},
	{"not-member", "the sender is no member, or its key was rotated or revoked"},
	{"not-prechecked", "no quorum of validators has found yet that the proposal can run"},
	{"wrong-stage", "the proposal does not take this command where it stands"},
	{"no-policy", "no policy says when a change of this class may take this step"},
	{"policy-refuses", "the policy for this step does not hold; see quoin policy explain"},
	{"bad-policy", "a policy does not pass its checks"},
	{"would-lock", "with this change nobody could ever approve another"},
	{"bad-plan", "a shadow, trial, state road or envelope that does not fit what is proposed"},
	{"bad-nodes", "a binding of some nodes needs a label, a hook of class N, and nodes"},
	{"fixed-parameter", "the parameter is fixed for the life of the chain"},
	{"evidence-expired", "the evidence ends before it would count"},
	{"bad-interval", "the report is of heights that are not an interval of this chain, or have not been yet"},
	{"late-report", "the interval was agreed on already, or lies too far back"},
	{"still-bound", "something binds the release, is about to, or would return to it"},
	{"retired-release", "the release was retired for good"},
	{"no-key", "no member holds such a key"},
	{"key-taken", "the new key is in use or was given up before"},
	{"key-signature", "the new key did not sign the rotation"},
	{"last-approver", "too few would be left to propose another change and to approve it"},
	{"confusable-name", "the name looks like one that belongs to another author"},
	{"stale-voice", "the proposal has begun again since the sender looked at it; look again"},
}

// String returns the stable name.
func (c Code) String() string {
	if c == OK {
		return "ok"
	}
	if c.Valid() {
		return codeTable[c-CodeBase-1].name
	}
	return "unknown-" + strconv.FormatUint(uint64(c), 10)
}

// Meaning says for people what the code means and what the command lacked.
func (c Code) Meaning() string {
	if c == OK {
		return "the command was executed"
	}
	if c.Valid() {
		return codeTable[c-CodeBase-1].meaning
	}
	return "not a result of governance"
}

// Valid reports whether c is one of the codes of governance.
func (c Code) Valid() bool { return c == OK || c > CodeBase && c < codeEnd }

// Codes returns every code in ascending order.
func Codes() []Code {
	codes := []Code{OK}
	for c := Code(CodeBase + 1); c < codeEnd; c++ {
		codes = append(codes, c)
	}
	return codes
}
