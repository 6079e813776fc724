package attack

// Attack is one of the attacks on governance: on the life of a release, from proposal to retirement. Its
// tries are refused with codes that are those of no other attack.
type Attack struct {
	Name  string
	Tries []Try
}

// Try is one way to try an attack, end to end: on a whole replica that certifies blocks, where not said
// otherwise.
type Try struct {
	Row     int    // of the list of threats
	Fixture string // its name, and that of its case
	About   string
	By      Guard
	Code    string // with which it is refused: stable
	play    func(s *stage) (observed string, err error)
}

// Guard says who refuses, and so what stays as it was.
type Guard string

// The guards.
const (
	ByAdmission Guard = "admission" // of a node: nothing reaches a block
	ByLedger    Guard = "ledger"    // the transaction stands in the ledger with its code; no record of governance changes
	ByPrecheck  Guard = "precheck"  // of validators: the proposal ends rejected, with the finding; what serves its slot stays
	ByClient    Guard = "client"    // what it has verified stays, and nothing is believed
)

// Unchanged says for people what stays as it was.
func (g Guard) Unchanged() string {
	return map[Guard]string{
		ByAdmission: "the ledger",
		ByLedger:    "every record of governance",
		ByPrecheck:  "what serves the slot",
		ByClient:    "what the client has verified",
	}[g]
}

// Governance returns the attacks on governance.
func Governance() []Attack {
	return []Attack{
		{"replay", []Try{
			{44, "replayed-transaction", "sends a certified proposal again", ByAdmission, "already-certified", inTown(nil, replayedTransaction)},
			{44, "replayed-late", "sends a certified proposal again when nobody remembers its id", ByAdmission, "expired", inTown(nil, replayedLate)},
			{44, "replayed-voice", "says again what was counted: a precheck, an approval, a revocation", ByLedger, "already-counted", inTown(nil, replayedVoice)},
			{44, "replayed-round", "holds an approval and a precheck back until the proposal has begun again", ByLedger, "stale-voice", inTown(responder, replayedRound)},
			{44, "replayed-rollback", "asks again for a rollback that has been, to go one further back", ByLedger, "not-serving", inTown(responder, replayedRollback)},
		}},
		{"downgrade", []Try{
			{45, "downgrade-sequence", "proposes a new build with an old sequence", ByLedger, "bad-sequence", inTown(nil, downgradeSequence)},
			{45, "downgrade-superseded", "proposes again what was superseded", ByLedger, "bad-sequence", inTown(nil, downgradeSuperseded)},
			{46, "sequence-leap", "leaps to a sequence after which none is left for others", ByLedger, "bad-sequence", inTown(nil, sequenceLeap)},
			{45, "downgrade-retired", "proposes again what was retired", ByLedger, "retired-release", inTown(nil, downgradeRetired)},
			{45, "downgrade-engine", "proposes the sandbox's engine, or its fuel schedule, of before", ByPrecheck, "version", inTown(nil, downgradeEngine)},
		}},
		{"freeze", []Try{
			{45, "freeze-proposal", "keeps a proposal for longer than it is open, and then has it judged", ByLedger, "proposal-expired", freezeProposal},
			{45, "freeze-evidence", "attests what has ended", ByLedger, "evidence-expired", inTown(assessed, freezeEvidence)},
			{45, "freeze-approval", "schedules what was approved on evidence that has ended since", ByLedger, "policy-refuses", inTown(assessed, freezeApproval)},
			{45, "freeze-life", "schedules a release for when its life is over", ByLedger, "end-of-life", inTown(nil, freezeLife)},
			{45, "freeze-anchor", "shows a client that was away for long validators that have left", ByClient, "anchor", freezeAnchor},
			{45, "freeze-epoch", "withholds from a client that an epoch has begun", ByClient, "epoch-unknown", inTown(nil, freezeEpoch)},
		}},
		{"mix-and-match", []Try{
			{45, "mixed-digest", "gives the digest of one release the facts of another: name, version, sequence, life, size", ByLedger, "digest-taken", inTown(nil, mixedDigest)},
			{45, "mixed-hook", "binds a release to a hook that it does not serve", ByPrecheck, "fit", inTown(nil, mixedHook)},
			{45, "mixed-builtin", "binds the built-in of another hook", ByLedger, "unknown-builtin", inTown(nil, mixedBuiltin)},
			{45, "mixed-nodes", "has only some nodes use what gives all nodes' results", ByLedger, "bad-nodes", inTown(nil, mixedNodes)},
			{45, "mixed-plan", "gives a hook without state the plan of one with state, and the members a trial", ByLedger, "bad-plan", inTown(nil, mixedPlan)},
		}},
		{"spoofed manifest", []Try{
			{43, "spoofed-manifest", "says other things of a module than the module says of itself: name, version, sequence, life, size", ByPrecheck, "manifest", inTown(nil, spoofedManifest)},
		}},
		{"signature from another chain", []Try{
			{44, "foreign-transaction", "brings commands that members and a validator signed for another chain", ByAdmission, "bad-signature", foreignTransaction},
			{44, "foreign-author", "brings an author's signature of another release", ByLedger, "author-signature", inTown(nil, foreignAuthor)},
			{44, "foreign-rotation", "brings what a new key signed to take over from another one, or on another chain", ByLedger, "key-signature", inTown(nil, foreignRotation)},
			{44, "foreign-certificate", "shows a client what was certified on another chain", ByClient, "proof", foreignCertificate},
		}},
		{"homoglyph names", []Try{
			{47, "name-homoglyph", "is called like another, to the eye, in other letters than a name may have", ByLedger, "bad-name", inTown(nil, homoglyphs)},
			{47, "name-confusable", "is called like another, to the eye, in letters that a name may have", ByLedger, "confusable-name", inTown(nil, confusables)},
			{47, "name-taken", "is another author's release of a name", ByLedger, "not-owner", inTown(nil, nameTaken)},
		}},
		{"ambiguous encodings", []Try{
			{48, "ambiguous-command", "writes a command in a second way: bytes behind it, lists in another order, numbers beyond their range, hidden characters in a note", ByLedger, "malformed", inTown(nil, ambiguousCommand)},
			{48, "ambiguous-namespace", "writes the kernel's namespace in a second way", ByAdmission, "malformed", inTown(nil, ambiguousNamespace)},
		}},
		{"proposal spam", []Try{
			{58, "proposals-by-strangers", "proposes without holding the role", ByLedger, "not-proposer", inTown(nil, proposalsByStrangers)},
			{58, "proposals-for-one-slot", "proposes for a slot again and again", ByLedger, "slot-busy", inTown(nil, proposalsForOneSlot)},
			{58, "proposals-of-one-name", "proposes one plugin for every slot", ByLedger, "name-busy", inTown(nil, proposalsOfOneName)},
			{58, "proposals-without-end", "proposes for every slot that it can name", ByLedger, "too-many-yours", inTown(crowdedTown, proposalsWithoutEnd)},
			{58, "proposals-of-many", "fills, with others, every place that there is", ByLedger, "too-many-open", inTown(crowdedTown, proposalsOfMany)},
			{58, "proposals-without-fee", "sends more proposals at once than blocks take, since none costs anything", ByAdmission, "pool-full", inTown(nil, proposalsWithoutFee)},
		}},
	}
}

// refusedBy is what a try observes.
func refusedBy(g Guard, code string) string { return "refused " + code + " by " + string(g) }

// governanceCases are the tries, as cases.
func governanceCases() []Case {
	var list []Case
	for _, a := range Governance() {
		for _, x := range a.Tries {
			list = append(list, Case{Row: x.Row, Fixture: x.Fixture, About: x.About, Want: refusedBy(x.By, x.Code), play: x.play})
		}
	}
	return list
}
