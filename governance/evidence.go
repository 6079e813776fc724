package governance

import "quoin.dev/quoin"

// EvidenceKind says what an assessor attests.
type EvidenceKind byte

// The kinds of evidence.
const (
	EvidenceSecurity  EvidenceKind = 1 // a security assessment
	EvidenceBenchmark EvidenceKind = 2 // the verdict of an A/B comparison
)

// EvidenceResult is what came out.
type EvidenceResult byte

// The results: of security assessments, then of benchmarks.
const (
	SecurityPassed EvidenceResult = 1
	SecurityFailed EvidenceResult = 2

	BenchmarkBetter       EvidenceResult = 1
	BenchmarkSame         EvidenceResult = 2
	BenchmarkWorse        EvidenceResult = 3
	BenchmarkInconclusive EvidenceResult = 4
)

var evidenceNames = map[EvidenceKind][]string{
	EvidenceSecurity:  {"", "passed", "failed"},
	EvidenceBenchmark: {"", "better", "same", "worse", "inconclusive"},
}

// String returns the stable name.
func (k EvidenceKind) String() string {
	switch k {
	case EvidenceSecurity:
		return "security"
	case EvidenceBenchmark:
		return "benchmark"
	}
	return "unknown"
}

func (k EvidenceKind) has(r EvidenceResult) bool { return r > 0 && int(r) < len(evidenceNames[k]) }

// Name returns the stable name of a result of the kind.
func (k EvidenceKind) Name(r EvidenceResult) string {
	if !k.has(r) {
		return "unknown"
	}
	return evidenceNames[k][r]
}

// Evidence is one assessor's, of one kind.
type Evidence struct {
	Result EvidenceResult
	Digest quoin.Hash
	At     quoin.Height // of the block that holds it
	Until  quoin.Height // the last height at which it counts
	Note   string
}

// PrecheckCode says why a validator cannot run what a proposal brings. Numbers are stable.
type PrecheckCode uint32

// The findings of a precheck.
const (
	PrecheckPassed     PrecheckCode = 0
	PrecheckRefused    PrecheckCode = 1 // the module breaks a rule of the sandbox
	PrecheckManifest   PrecheckCode = 2 // the module says other things of itself than the proposal
	PrecheckFit        PrecheckCode = 3 // the module does not serve the hook, or not within the binding's limits
	PrecheckParameters PrecheckCode = 4 // a call with these parameters faults
	PrecheckVersion    PrecheckCode = 5 // this program has another engine or fuel schedule
	PrecheckCompile    PrecheckCode = 6 // compiling took too much time or memory
	precheckEnd        PrecheckCode = 7
)

var precheckNames = [...]string{"passed", "refused", "manifest", "fit", "parameters", "version", "compile"}

// String returns the stable name.
func (c PrecheckCode) String() string {
	if c < precheckEnd {
		return precheckNames[c]
	}
	return "unknown"
}

// HealthReason says what a validator holds against what serves. Numbers are stable.
type HealthReason uint32

// The reasons of health reports.
const (
	HealthGood       HealthReason = 0
	HealthGaps       HealthReason = 1 // more views bring no block than before
	HealthSlow       HealthReason = 2 // calls are slower than their fuel allows
	HealthFaults     HealthReason = 3 // calls fault where the incumbent's do not
	HealthDivergence HealthReason = 4 // results differ from the incumbent's, and were not meant to
	HealthLatency    HealthReason = 5 // certification takes longer than before
	healthEnd        HealthReason = 6
)

var healthNames = [...]string{"good", "gaps", "slow", "faults", "divergence", "latency"}

// String returns the stable name.
func (r HealthReason) String() string {
	if r < healthEnd {
		return healthNames[r]
	}
	return "unknown"
}

// Why says how a proposal came to leave its road. Numbers are stable.
type Why byte

// The reasons.
const (
	WhyNone           Why = 0
	WhyPrecheck       Why = 1 // no quorum can pass it any more; Code is a PrecheckCode
	WhyReviewers      Why = 2 // the policy of the step reject holds
	WhyVeto           Why = 3 // validators of more than f
	WhyShadowPolicy   Why = 4 // the policy of the step shadow does not hold of what a quorum reported
	WhyDisagreement   Why = 5 // honest validators' shadows differ: it is not deterministic
	WhyReadiness      Why = 6 // too few were ready, too often
	WhyPolicy         Why = 7 // the policy of the step activate did not hold when it was due, too often
	WhyEndOfLife      Why = 8
	WhyConfiguration  Why = 9  // with it the configuration would be invalid
	WhyUnconfirmed    Why = 10 // a trial ended
	WhyFaults         Why = 11 // Code is the fault's
	WhyHealthPaused   Why = 12 // bad reports of more than f; Code is a HealthReason
	WhyHealthReturned Why = 13 // bad reports of a quorum; Code is a HealthReason
	WhyResponder      Why = 14
	WhyValidators     Why = 15 // voices of more than f for a rollback
	WhyWithdrawn      Why = 16
	WhyReplaced       Why = 17
	WhyRetired        Why = 18
	WhyUndo           Why = 19 // a trial changed more keys than are kept for its undoing
	whyEnd            Why = 20
)

var whyNames = [...]string{"", "precheck", "reviewers", "veto", "shadow-policy", "disagreement", "readiness", "policy", "end-of-life", "configuration",
	"unconfirmed", "faults", "health-paused", "health-returned", "responder", "validators", "withdrawn", "replaced", "retired", "undo"}

// String returns the stable name.
func (w Why) String() string {
	if w < whyEnd {
		return whyNames[w]
	}
	return "unknown"
}

// Ending says why a proposal is where it is, once it has left its road.
type Ending struct {
	Why    Why
	Code   uint32 // what it means depends on Why
	Height quoin.Height
	Note   string // of who decided it, if somebody did
}
