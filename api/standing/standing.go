// Package standing says in words where a proposal stands and what it needs to go on.
package standing

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/policy"
)

// Text says where a proposal stands at a height.
func Text(p *quoinv1.Proposal, height uint64) string {
	text := p.GetStatus()
	switch p.GetStatus() {
	case governance.StatusShadow.String():
		text += fmt.Sprintf(": %d heights agreed on, %d wanted, from height %d", p.GetShadowHeights(), p.GetPlan().GetShadow(), p.GetShadowFrom())
	case governance.StatusScheduled.String():
		text += fmt.Sprintf(": takes effect after height %d", p.GetActivationHeight())
		if p.GetMoves() > 0 {
			text += fmt.Sprintf(", put off %s", times(p.GetMoves()))
		}
	case governance.StatusTrial.String():
		text += fmt.Sprintf(": serves from height %d, and returns after height %d unless it is confirmed", p.GetActivationHeight()+1, p.GetDueHeight())
	case governance.StatusDeprecated.String():
		text += fmt.Sprintf(": nobody should use it from height %d on", p.GetEndOfUse())
	}
	if r := p.GetSlotReturn(); r != nil {
		text += fmt.Sprintf("; it leaves after height %d (%s)", r.GetAtHeight(), r.GetCause())
	}
	return fmt.Sprintf("%s (now %d)", text, height)
}

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return strconv.FormatUint(n, 10) + " times"
}

// Missing says what a proposal needs to take its next step: the kernel's own floors, and the conditions of
// the policy that do not hold.
func Missing(p *quoinv1.Proposal, x *quoinv1.ExplainResponse) []string {
	var needs []string
	add := func(format string, a ...any) { needs = append(needs, fmt.Sprintf(format, a...)) }
	t := p.GetTally()
	switch p.GetStatus() {
	case governance.StatusProposed.String():
		text := fmt.Sprintf("validators of weight %d to find that it can run: %d of %d have", t.GetQuorum(), t.GetPrechecked(), t.GetWeight())
		if t.GetFailed() > 0 {
			text += fmt.Sprintf(", and %d found that it cannot", t.GetFailed())
		}
		add("%s", text)
		return needs
	case governance.StatusApproved.String():
		if p.GetPlan().GetShadow() > 0 {
			add("its shadow, of %d heights", p.GetPlan().GetShadow())
			return needs
		}
	case governance.StatusScheduled.String():
		if t.GetReady() < t.GetReadyNeeded() {
			add("validators of weight %d to say that they are ready: %d have", t.GetReadyNeeded(), t.GetReady())
		}
	case governance.StatusPaused.String():
		add("a proposer to resume it")
		return needs
	case governance.StatusPrechecked.String(), governance.StatusShadow.String(), governance.StatusTrial.String():
	default:
		return nil
	}
	if x.GetStep() != "" && x.GetExpression() == "" && !x.GetHolds() {
		add("a policy for the step %s of class %s: without one it is refused", x.GetStep(), p.GetClass())
	}
	needs = append(needs, Conditions(x.GetMissing())...)
	if p.GetStatus() == governance.StatusPrechecked.String() && t.GetApprovals() == 0 && len(needs) == 0 {
		add("an approval by somebody who is neither its proposer nor its author")
	}
	return needs
}

// Conditions says in words what the conditions of a policy lack.
func Conditions(list []*quoinv1.Condition) []string {
	var needs []string
	approvals, elsewhere := -1, int64(0)
	for _, c := range list {
		l := limitOf(c)
		if l.name == "approvals" && l.operator == ">=" {
			approvals = len(needs)
		}
		if l.name == "organisations" && l.operator == ">=" && approvals >= 0 && l.known {
			elsewhere = l.want - l.have
			continue
		}
		needs = append(needs, l.words(c))
	}
	switch {
	case approvals < 0 || elsewhere == 0:
	case elsewhere == 1:
		needs[approvals] += ", from another organisation"
	default:
		needs[approvals] += fmt.Sprintf(", from %d other organisations", elsewhere)
	}
	return needs
}

// limit is a condition that compares a fact with a number.
type limit struct {
	name, operator string
	have, want     int64
	known          bool // what the fact is
}

// declared begins the condition of the default policies that a shadow, if there is one, has run its length.
const declared = "shadow_heights == 0 || "

var limitText = regexp.MustCompile(`^([a-z_.]+) (==|>=|>) ([a-z_.]+|[0-9]+)$`)

// limitOf reads a condition such as approvals >= 2 or shadow.heights >= shadow_heights.
func limitOf(c *quoinv1.Condition) limit {
	m := limitText.FindStringSubmatch(strings.TrimPrefix(c.GetText(), declared))
	if m == nil {
		return limit{}
	}
	number := func(text string) (int64, bool) {
		for _, f := range c.GetFacts() {
			if f.GetName() == text {
				text = f.GetValue()
			}
		}
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err == nil
	}
	l := limit{name: m[1], operator: m[2]}
	var numeric bool
	l.have, l.known = number(m[1])
	if l.want, numeric = number(m[3]); !numeric {
		return limit{}
	}
	if l.operator == ">" {
		l.operator, l.want = ">=", l.want+1
	}
	return l
}

// lackWords say what is missing of a fact: so much more of it.
var lackWords = map[string][2]string{ // for one, for several
	"approvals":       {"1 more approval", "%d more approvals"},
	"organisations":   {"an approval from 1 more organisation", "approvals from %d more organisations"},
	"prechecked":      {"1 more weight of validators that find that it can run", "%d more weight of validators that find that it can run"},
	"ready":           {"1 more weight of validators that are ready", "%d more weight of validators that are ready"},
	"security.passed": {"1 more security assessment that passed", "%d more security assessments that passed"},
	"shadow.heights":  {"1 more height of its shadow", "%d more heights of its shadow"},
	"trial.blocks":    {"1 more block of its trial", "%d more blocks of its trial"},
	"trial.good":      {"1 more weight of validators that report good health", "%d more weight of validators that report good health"},
}

// excessWords say what there must not be.
var excessWords = map[string]string{
	"rejections":      "nobody to reject it, and %d do",
	"security.failed": "no failed security assessment, and there are %d",
	"benchmark.worse": "no comparison that found it worse, and there are %d",
	"shadow.faults":   "no fault in its shadow, and there are %d",
	"shadow.diverged": "no other result in its shadow, and there are %d",
	"trial.bad":       "no validator that reports bad health, and weight %d does",
}

// words says what a condition lacks. What is not known by name is shown as it is written.
func (l limit) words(c *quoinv1.Condition) string {
	if lack, ok := lackWords[l.name]; ok && l.operator == ">=" {
		if n := l.want - l.have; n != 1 { // a fact without data is 0
			return fmt.Sprintf(lack[1], n)
		}
		return lack[0]
	}
	if excess, ok := excessWords[l.name]; ok && l.operator == "==" && l.known && l.want == 0 {
		return fmt.Sprintf(excess, l.have)
	}
	var facts []string
	for _, f := range c.GetFacts() {
		facts = append(facts, f.GetName()+" = "+f.GetValue())
	}
	if c.GetText() == "3 * trial.good > 2 * weight" {
		return "more than two thirds of the weight to report good health: " + strings.Join(facts, ", ")
	}
	if l.name == "trial_heights" {
		return fmt.Sprintf("a plan with a trial of %d heights at least: cancel it, and propose it with --trial %d", l.want, l.want)
	}
	text := "that " + c.GetText()
	if c.GetValue() == policy.NoData {
		text += ", for which there is no data yet"
	}
	if len(facts) > 0 {
		text += " (" + strings.Join(facts, ", ") + ")"
	}
	return text
}

// Next says how a proposal goes on; empty if nobody has to do anything.
func Next(p *quoinv1.Proposal) string {
	command, as := "", ""
	switch p.GetStatus() {
	case governance.StatusProposed.String(), governance.StatusPrechecked.String():
		if command = "approve"; len(p.GetReviews()) > 0 { // nobody's voice counts twice
			as = " --as ANOTHER-APPROVER"
		}
	case governance.StatusApproved.String():
		if command = "schedule"; p.GetPlan().GetShadow() > 0 {
			command = "shadow"
		}
	case governance.StatusShadow.String():
		command = "schedule"
	case governance.StatusScheduled.String():
		if command = "confirm"; p.GetPlan().GetTrial() == 0 { // it waits until it is time
			return ""
		}
	case governance.StatusTrial.String():
		if command = "confirm"; p.GetSlotReturn() != nil {
			return ""
		}
	case governance.StatusPaused.String():
		command = "resume"
	default:
		return ""
	}
	return fmt.Sprintf("quoin release %s %d%s", command, p.GetNumber(), as)
}
