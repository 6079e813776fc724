package governance

import (
	"iter"

	"quoin.dev/quoin"
)

// Flaws are mistakes that harnesses plant, to show that their observers see what follows. The zero
// value is governance as it is; nothing but a harness has another.
type Flaws struct {
	AuthorApproves bool // whoever proposes may approve it too
	OldApprovals   bool // approvals of the proposal before count for this one
	VetoByF        bool // validators of weight f veto
	ReadyInOldSet  bool // readiness for a validator set is counted in the set before it
	EarlyEpoch     bool // the next epoch's configuration is written when it is scheduled
	LateActivation bool // what is scheduled for a height is judged at the next

	KeepVotes            bool // what was said of a proposal counts on when what it was judged against has changed
	StaleVoices          bool // a voice counts in whatever round it arrives
	ActivateUnready      bool // nobody need be ready
	ActivateUnjudged     bool // the policy of the step activate is not asked
	EmergencyActivates   bool // a return brings in what is proposed for its slot
	ConfirmUnjudged      bool // the policy of the step confirm is not asked
	EndlessTrial         bool // a trial that nobody confirms goes on
	ReturnToAndFro       bool // a return is followed by one to what it took away
	RefusedCommandWrites bool // a second voice is refused, and written
}

// Apply is the function of this name, with the flaws.
func (f Flaws) Apply(env Environment, s State, h quoin.Height, signer quoin.PublicKey, payload []byte) quoin.Result {
	return apply(env, s, h, signer, payload, f)
}

// Decide is the function of this name, with the flaws.
func (f Flaws) Decide(env Environment, s State, h quoin.Height) Decision {
	env.flaws = f
	return decide(&env, s, h, f)
}

// Fold is the function of this name, with the flaws.
func (f Flaws) Fold(env Environment, genesis *quoin.Configuration, blocks iter.Seq[Block], last quoin.Height) ([]quoin.Configuration, error) {
	return fold(env, genesis, blocks, last, f)
}
