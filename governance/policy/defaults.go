package policy

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
)

// Steps of a proposal's life that a policy judges.
const (
	StepApprove   = "approve"
	StepReject    = "reject"
	StepShadow    = "shadow"
	StepActivate  = "activate"
	StepConfirm   = "confirm"
	StepEmergency = "emergency"
	StepDeprecate = "deprecate"
	StepRetire    = "retire"
)

// Step is a step with what it is for people.
type Step struct {
	Name    string
	Judged  string // when
	Without string // what happens if no policy is written for it
}

// Steps lists every step, in the order of a proposal's life.
func Steps() []Step {
	return []Step{
		{StepApprove, "at every approval of a prechecked proposal; true: approved", "refused"},
		{StepReject, "at every rejection; true: rejected", "rejections alone end no proposal"},
		{StepShadow, "after every report of the shadow that a quorum agreed on; false: rejected", "refused"},
		{StepActivate, "when a proposer schedules, and again when the height is due", "refused"},
		{StepConfirm, "when a trial is to become permanent; without, it reverts by itself", "refused"},
		{StepEmergency, "when a responder pauses or rolls back", "responders may"},
		{StepDeprecate, "when an end of life is announced", "refused"},
		{StepRetire, "when what is deprecated is to be taken away", "refused"},
	}
}

// StepNames returns the name of every step, in the order of a proposal's life.
func StepNames() []string {
	var names []string
	for _, s := range Steps() {
		names = append(names, s.Name)
	}
	return names
}

// IsStep reports whether there is a step of that name.
func IsStep(name string) bool { return slices.Contains(StepNames(), name) }

// healthy holds of a trial of which a quorum says good. Validators of no more than f, who may lie, do not keep
// it from its confirmation; of class N, what few see may be all that there is to see.
const healthy = `3 * trial.good > 2 * weight && (class != "N" || trial.bad == 0)`

// Defaults returns the policies of a production network, in canonical order. approvals is how many a
// change needs, at least 1; from 2 on they come from two organisations. docs/policy.md says why each
// reads as it does.
func Defaults(approvals int) []quoin.Policy {
	n, two := max(approvals, 1), min(max(approvals, 1), 2)
	const (
		clean = `(!assessed || security.failed == 0) && (!measured || benchmark.worse == 0)`
		tried = `(subject == "unbind" || trial_heights >= 200)`
		shown = `(shadow_heights == 0 || shadow.heights >= shadow_heights)`
		alike = `shadow.faults == 0 && (diverges || shadow.diverged == 0)`
		// Nothing can be compared with what is not there, nor beside limits or an empty slot.
		compared = `(!incumbent || !(subject in ["release", "builtin"]) || ` +
			`shadow.heights >= (patch ? 20 : 100) && shadow.compared > shadow.skipped && ` + alike + `)`
	)
	policies := []quoin.Policy{
		{Class: '*', Step: StepApprove, Expression: fmt.Sprintf("rejections == 0 && (patch ? approvals >= 1 : approvals >= %d && organisations >= %d)", n, two)},
		{Class: 'G', Step: StepApprove, Expression: fmt.Sprintf("approvals >= %d && organisations >= %d", n, two)},
		{Class: '*', Step: StepReject, Expression: fmt.Sprintf("rejections >= %d", two)},
		{Class: '*', Step: StepShadow, Expression: "shadow.faults == 0"},
		{Class: 'D', Step: StepShadow, Expression: alike},
		{Class: '*', Step: StepActivate, Expression: clean + " && " + tried + " && " + shown},
		{Class: 'D', Step: StepActivate, Expression: clean + " && " + tried + " && " + shown + " && " + compared},
		{Class: 'G', Step: StepActivate, Expression: "!assessed || security.failed == 0"},
		{Class: '*', Step: StepConfirm, Expression: "trial.blocks >= 100 && " + healthy},
	}
	return complete(policies)
}

// Light returns the policies of a development or test network, in canonical order: no window is
// demanded, but what a proposal declares must hold. approvals is how many a change needs, at least 1.
func Light(approvals int) []quoin.Policy {
	n, two := max(approvals, 1), min(max(approvals, 1), 2)
	return complete([]quoin.Policy{
		{Class: '*', Step: StepApprove, Expression: fmt.Sprintf("patch ? approvals >= 1 : approvals >= %d", n)},
		{Class: '*', Step: StepReject, Expression: fmt.Sprintf("rejections >= %d", two)},
		{Class: '*', Step: StepShadow, Expression: `shadow.faults == 0 && (class != "D" || diverges || shadow.diverged == 0)`},
		{Class: '*', Step: StepActivate, Expression: "(!assessed || security.failed == 0) && (shadow_heights == 0 || shadow.heights >= shadow_heights)"},
		{Class: '*', Step: StepConfirm, Expression: healthy},
	})
}

// complete adds the steps that rest on the kernel's own rules alone, and sorts.
func complete(policies []quoin.Policy) []quoin.Policy {
	for _, step := range []string{StepEmergency, StepDeprecate, StepRetire} {
		policies = append(policies, quoin.Policy{Class: quoin.PolicyEveryClass, Step: step, Expression: "true"})
	}
	quoin.SortPolicies(policies)
	return policies
}
