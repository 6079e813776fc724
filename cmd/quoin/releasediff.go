package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
)

func newReleaseDiff(t *terminal) *cobra.Command {
	return &cobra.Command{Use: "diff NUMBER", Short: "Show what a proposal would change in the newest configuration, verified", Args: args(1, 1),
		RunE: func(c *cobra.Command, a []string) error {
			number, err := proposalNumber(a[0])
			if err != nil {
				return err
			}
			n, err := t.connect(c.Context())
			if err != nil {
				return err
			}
			defer n.close()
			var now quoin.Configuration
			var p governance.Proposal
			known := false
			if err := n.Kernel(c.Context(), func(s governance.State) {
				now = governance.CurrentConfiguration(s)
				p, known = governance.ReadProposal(s, number)
			}); err != nil {
				return netFault(err)
			}
			if !known {
				return notFound(fmt.Sprintf("there is no proposal %d", number), "see `quoin release list`")
			}
			before, after := sides(&now, &p)
			out := slices.DeleteFunc(slices.Clone(before), func(s string) bool { return slices.Contains(after, s) })
			in := slices.DeleteFunc(slices.Clone(after), func(s string) bool { return slices.Contains(before, s) })
			v := map[string]any{"proposal": number, "slot": p.Slot(), "subject": p.Subject.String(), "epoch": now.Epoch, "out": orEmpty(out), "in": orEmpty(in)}
			return t.data(v, func(w io.Writer) {
				fmt.Fprintf(w, "proposal %d, %s, against epoch %d (verified)\n", number, p.Slot(), now.Epoch)
				for _, s := range out {
					fmt.Fprintf(w, "- %s\n", s)
				}
				for _, s := range in {
					fmt.Fprintf(w, "+ %s\n", s)
				}
				if len(out)+len(in) == 0 {
					fmt.Fprintln(w, "no difference: the configuration says so already")
				}
			})
		}}
}

// sides writes the part of a configuration that a proposal would change, as it is and as it would be, a line
// for each thing that can differ.
func sides(now *quoin.Configuration, p *governance.Proposal) (before, after []string) {
	switch p.Subject {
	case governance.SubjectParameters:
		for _, c := range now.Parameters.Changes(&p.Parameters) {
			before = append(before, fmt.Sprintf("%s = %d", c.Name, c.From))
			after = append(after, fmt.Sprintf("%s = %d", c.Name, c.To))
		}
	case governance.SubjectMembers:
		return memberLines(now.Members), memberLines(p.Members)
	case governance.SubjectPolicies:
		return policyLines(now.Policies), policyLines(p.Policies)
	case governance.SubjectValidators:
		return validatorLines(now.Validators), validatorLines(p.Validators)
	default:
		if b, ok := now.Binding(p.Slot()); ok {
			before = bindingLines(b)
		}
		if p.Subject != governance.SubjectUnbind {
			after = bindingLines(&p.Binding)
		}
	}
	return before, after
}

func bindingLines(b *quoin.Binding) []string {
	v := viewBinding(b)
	lines := []string{b.Slot() + ": " + v.name()}
	if v.Parameters != "" {
		lines = append(lines, "parameters 0x"+v.Parameters)
	}
	if v.FuelMax > 0 {
		lines = append(lines, fmt.Sprintf("fuel %d", v.FuelMax))
	}
	for _, g := range v.Grants {
		lines = append(lines, "may use "+g)
	}
	for _, k := range v.Nodes {
		lines = append(lines, "on node "+k)
	}
	return lines
}

func memberLines(members []quoin.Member) []string {
	var lines []string
	for _, m := range members {
		lines = append(lines, fmt.Sprintf("%s of %s: %s, key %s", m.Name, m.Organisation, m.Roles, m.Key))
	}
	return lines
}

func policyLines(policies []quoin.Policy) []string {
	var lines []string
	for _, p := range policies {
		lines = append(lines, fmt.Sprintf("%c %s: %s", p.Class, p.Step, oneLine(p.Expression)))
	}
	return lines
}

func validatorLines(set quoin.ValidatorSet) []string {
	var lines []string
	for _, v := range set.All() {
		lines = append(lines, fmt.Sprintf("%s, weight %d, key %s", v.Name, v.Weight, v.Key))
	}
	return lines
}
