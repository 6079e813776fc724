package governance

// Meanings, for people. Like those of the codes they are no part of the ledger.

var precheckMeanings = [...]string{
	"it can run there",
	"the module breaks a rule of the sandbox",
	"the module says other things of itself than the proposal",
	"the module does not serve the hook, or not within the binding's limits",
	"a call with these parameters faults",
	"the validator's program has another engine or fuel schedule",
	"compiling took too much time or memory",
}

// Meaning says for people what a validator found.
func (c PrecheckCode) Meaning() string {
	if c < precheckEnd {
		return precheckMeanings[c]
	}
	return "not a finding of a precheck"
}

var healthMeanings = [...]string{
	"nothing is wrong",
	"more views bring no block than before",
	"calls are slower than their fuel allows",
	"calls fault where those of what served before do not",
	"results differ from those of what served before, and were not meant to",
	"certification takes longer than before",
}

// Meaning says for people what a validator holds against what serves.
func (r HealthReason) Meaning() string {
	if r < healthEnd {
		return healthMeanings[r]
	}
	return "not a reason of a health report"
}

var whyMeanings = [...]string{
	"nothing stopped it",
	"so many validators found that it cannot run that no quorum can pass it any more",
	"reviewers rejected it, and the policy of the step reject holds",
	"validators of more than f vetoed it",
	"what a quorum reported of its shadow breaks the policy of the step shadow",
	"honest validators' shadows differ: it is not deterministic",
	"too few validators were ready when it was due, too often",
	"the policy of the step activate did not hold when it was due, too often",
	"the release's end of life came first",
	"with it the configuration would be invalid",
	"its trial ended and nobody had confirmed it",
	"it faulted too often in one epoch, without any client's fault",
	"validators of more than f reported bad health: what served before serves again until it is resumed",
	"a quorum of validators reported bad health: what served before serves again",
	"a responder stopped it",
	"validators of more than f asked for what served before",
	"its proposer withdrew it",
	"a later proposal took its place",
	"it was retired for good",
	"on trial it changed more keys than are kept for its undoing: what served before serves again",
}

// Meaning says for people why a proposal is where it is.
func (w Why) Meaning() string {
	if w < whyEnd {
		return whyMeanings[w]
	}
	return "not a reason of governance"
}

var stateRoadNames = [...]string{"keep", "restore", "migrate"}

// String returns the stable name.
func (r StateRoad) String() string {
	if int(r) < len(stateRoadNames) {
		return stateRoadNames[r]
	}
	return "unknown"
}
