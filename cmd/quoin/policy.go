package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/standing"
	"quoin.dev/quoin/governance/policy"
)

func newPolicy(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "policy", Short: "See and try the rules by which changes are judged"},
		newPolicyShow(t), newPolicyTest(t), newPolicyExplain(t))
}

func newPolicyShow(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "show [default | light | FILE]", Short: "Show who has a say in changes, and what must hold for each step", Args: args(0, 1),
		Long: "Show the members and policies of the network (verified; what became of members' keys since is the node's\n" +
			"word), or the policies of a file, or those that come with this program: default and light.",
		RunE: func(c *cobra.Command, a []string) error {
			if len(a) == 1 {
				p := plan{policies: a[0], approvers: make([]quoin.PublicKey, 2)}
				policies, err := p.rules()
				if err != nil {
					return err
				}
				return t.data(map[string]any{"policies": policies}, func(w io.Writer) { showPolicies(w, policies) })
			}
			n, err := t.connect(c.Context())
			if err != nil {
				return err
			}
			defer n.close()
			now, err := n.configuration(c.Context())
			if err != nil {
				return err
			}
			r, err := n.Members(c.Context())
			if err != nil {
				return netFault(err)
			}
			standing := map[string]string{}
			for _, m := range r.GetMembers() {
				standing[m.GetName()] = m.GetStanding()
			}
			v := map[string]any{"epoch": now.Epoch, "members": append([]quoin.Member{}, now.Members...), "standing": standing, "policies": append([]quoin.Policy{}, now.Policies...)}
			return t.data(v, func(w io.Writer) {
				table(w, func(row func(...any)) {
					row("member", "organisation", "roles", "key", "")
					for _, m := range now.Members {
						row(m.Name, m.Organisation, m.Roles, m.Key, standingText(standing[m.Name]))
					}
				})
				fmt.Fprintln(w)
				showPolicies(w, now.Policies)
			})
		}}
}

func standingText(s string) string {
	switch s {
	case "rotated":
		return "rotated: another key has its rights, see `quoin audit log`"
	case "revoked":
		return "revoked: no key has its rights"
	}
	return ""
}

func showPolicies(w io.Writer, policies []quoin.Policy) {
	table(w, func(row func(...any)) {
		row("class", "step", "what must hold")
		for _, p := range policies {
			row(string(rune(p.Class)), p.Step, oneLine(p.Expression))
		}
	})
}

// readPolicies reads policies; see readRules.
func readPolicies(path string) ([]quoin.Policy, error) {
	policies, err := readRules[quoin.Policy](path, "policies")
	if err != nil {
		return nil, err
	}
	quoin.SortPolicies(policies)
	if err := checkPolicies(policies); err != nil {
		return nil, err
	}
	return policies, nil
}

// seeLanguage says where to look when policies do not pass.
const seeLanguage = "see docs/policy.md for the language"

// checkPolicies says which policies cannot be.
func checkPolicies(policies []quoin.Policy) error {
	if len(policies) > quoin.PoliciesMax {
		return refused("bad-policy", "the policies do not pass their checks", fmt.Sprintf("%d policies, limit %d", len(policies), quoin.PoliciesMax), seeLanguage)
	}
	j := policy.NewJudge()
	var wrong []string
	for i, p := range policies {
		switch {
		case !strings.ContainsRune("NLDG*", rune(p.Class)):
			wrong = append(wrong, fmt.Sprintf("there is no class %q", string(rune(p.Class))))
		case !policy.IsStep(p.Step):
			wrong = append(wrong, fmt.Sprintf("no step %q is judged", p.Step))
		case i > 0 && policies[i-1].Class == p.Class && policies[i-1].Step == p.Step:
			wrong = append(wrong, fmt.Sprintf("class %c, step %s: there are two", p.Class, p.Step))
		}
		if err := j.Check(p.Expression); err != nil {
			wrong = append(wrong, fmt.Sprintf("class %c, step %s: %v", p.Class, p.Step, err))
		}
	}
	if len(wrong) > 0 {
		return refused("bad-policy", "the policies do not pass their checks", strings.Join(wrong, "\n        "), seeLanguage)
	}
	return nil
}

// withoutPolicy says which steps of which classes are refused because no policy speaks of them.
func withoutPolicy(policies []quoin.Policy) []string {
	all := quoin.Configuration{Policies: policies}
	var refused []string
	for _, step := range policy.Steps() {
		var classes []string
		for _, class := range "NLDG" {
			if _, ok := all.Policy(byte(class), step.Name); !ok {
				classes = append(classes, string(class))
			}
		}
		if len(classes) > 0 && step.Name != policy.StepEmergency && step.Name != policy.StepReject {
			refused = append(refused, step.Name+" of class "+strings.Join(classes, ", "))
		}
	}
	return refused
}

func newPolicyTest(t *terminal) *cobra.Command {
	var facts, step, class string
	c := &cobra.Command{Use: "test FILE", Short: "Check a file of policies offline, and judge facts by them", Args: args(1, 1),
		Long: "Check a list of policies as in a genesis (or default, or light). With --facts, judge by them what a JSON\n" +
			"file says, for example what `quoin policy explain NUMBER -o json` prints as facts: the exit code is 0 if the\n" +
			"policy holds, and 4 if it does not. Facts that are left out are 0, false or no data.",
		RunE: func(_ *cobra.Command, a []string) error {
			p := plan{policies: a[0], approvers: make([]quoin.PublicKey, 2)}
			policies, err := p.rules()
			if err != nil {
				return err
			}
			if facts == "" {
				refuses := withoutPolicy(policies)
				return t.data(map[string]any{"policies": len(policies), "refuses": orEmpty(refuses)}, func(w io.Writer) {
					fmt.Fprintf(w, "policies that pass their checks: %d\n", len(policies))
					for _, x := range refuses {
						fmt.Fprintf(w, "without a policy, and so refused: %s\n", x)
					}
				})
			}
			var f policy.Facts
			if err := readJSON(facts, 1<<16, &f, "a JSON object of facts; docs/policy.md has their names"); err != nil {
				return err
			}
			if step != "" {
				f.Step = step
			}
			if class != "" {
				f.Class = class
			}
			return t.judge(policies, &f)
		}}
	c.Flags().StringVar(&facts, "facts", "", "a JSON file with facts")
	c.Flags().StringVar(&step, "step", "", "the step to judge (default: as the facts say)")
	c.Flags().StringVar(&class, "class", "", "the class to judge (default: as the facts say)")
	return c
}

// judge judges facts by a policy for their class and step.
func (t *terminal) judge(policies []quoin.Policy, f *policy.Facts) error {
	if len(f.Class) != 1 || !policy.IsStep(f.Step) {
		return usage("the facts have no class or no step that is judged", "choose them with --class and --step, for example --class L --step approve")
	}
	c := quoin.Configuration{Policies: policies}
	expression, ok := c.Policy(f.Class[0], f.Step)
	if !ok {
		return refused("no-policy", fmt.Sprintf("there is no policy of class %s for %s", f.Class, f.Step), "a step without a policy is refused, but for emergency and reject", "add one, or one of class *")
	}
	x := policy.NewJudge().Explain(expression, f)
	if !x.Holds {
		if t.json() {
			if err := t.data(x, nil); err != nil {
				return err
			}
		} else {
			fmt.Fprint(printable{t.out}, x.String())
		}
		return refused("policy-refuses", "the policy does not hold of these facts", missingTexts(x.Missing), "see the parts that are false or have no data")
	}
	return t.data(x, func(w io.Writer) { fmt.Fprint(w, x.String()) })
}

func missingTexts(list []policy.Missing) string {
	var texts []string
	for _, m := range list {
		texts = append(texts, m.Text+" is "+m.Value)
	}
	return strings.Join(texts, "; ")
}

func newPolicyExplain(t *terminal) *cobra.Command {
	var step string
	c := &cobra.Command{Use: "explain NUMBER", Short: "Say why a proposal's next step, or another, is allowed now or not", Args: args(1, 1),
		Long: "Judge a step of a proposal as the next block would, and show each part of the policy with its value. The exit\n" +
			"code is 0 whatever comes out.",
		RunE: func(c *cobra.Command, a []string) error {
			number, err := proposalNumber(a[0])
			if err != nil {
				return err
			}
			if step != "" && !policy.IsStep(step) {
				return usage("there is no step "+quote(step), "the steps are "+strings.Join(policy.StepNames(), ", "))
			}
			n, err := t.connect(c.Context())
			if err != nil {
				return err
			}
			defer n.close()
			p, _, err := n.proposal(c.Context(), uint64(number))
			if err != nil {
				return err
			}
			x, err := n.explain(c.Context(), uint64(number), step)
			if err != nil {
				return err
			}
			v := messageView(x)
			v["proposal"], v["facts"] = number, factsObject(x.GetAllFacts())
			delete(v, "all_facts")
			return t.data(v, func(w io.Writer) { writeExplanation(w, p, x) })
		}}
	c.Flags().StringVar(&step, "step", "", "the step (default: the proposal's next)")
	return c
}

func writeExplanation(w io.Writer, p *quoinv1.Proposal, x *quoinv1.ExplainResponse) {
	switch {
	case x.GetStep() == "":
		fmt.Fprintf(w, "proposal %d is %s: no policy judges what comes next\n", p.GetNumber(), p.GetStatus())
		return
	case x.GetExpression() == "":
		verdict := "it is refused"
		if x.GetHolds() {
			verdict = "it is allowed"
		}
		fmt.Fprintf(w, "proposal %d, step %s: there is no policy of class %s or *, so %s\n", p.GetNumber(), x.GetStep(), p.GetClass(), verdict)
		return
	}
	fmt.Fprintf(w, "proposal %d, step %s, policy of class %s, at height %d\n", p.GetNumber(), x.GetStep(), x.GetClass(), x.GetHeight())
	local := policy.Explanation{Expression: x.GetExpression(), Holds: x.GetHolds(), Error: x.GetError(), Cost: x.GetCost()}
	for _, part := range x.GetParts() {
		local.Parts = append(local.Parts, policy.Part{Depth: int(min(part.GetDepth(), policy.DepthMax)), Text: part.GetText(), Value: part.GetValue()})
	}
	for _, f := range x.GetFacts() {
		local.Facts = append(local.Facts, policy.Fact{Name: f.GetName(), Value: f.GetValue()})
	}
	fmt.Fprint(w, local.String())
	for _, line := range standing.Conditions(x.GetMissing()) {
		fmt.Fprintf(w, "needs %s\n", line)
	}
}

// factsObject writes facts as `policy test` reads them: groups are objects, what has no data is left out.
func factsObject(facts []*quoinv1.Fact) map[string]any {
	v := map[string]any{}
	for _, f := range facts {
		value := json.RawMessage(f.GetValue())
		if f.GetValue() == policy.NoData || !json.Valid(value) {
			continue
		}
		if f.GetName() == "assessed" || f.GetName() == "measured" {
			continue // whether there is data shows
		}
		group, name, ok := strings.Cut(f.GetName(), ".")
		if !ok {
			v[group] = value
			continue
		}
		if _, ok := v[group]; !ok {
			v[group] = map[string]any{}
		}
		v[group].(map[string]any)[name] = value
	}
	return v
}
