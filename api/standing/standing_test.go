package standing

import (
	"slices"
	"testing"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/governance/policy"
)

// explained is an answer to Explain, as a node would give it.
func explained(expression string, f *policy.Facts) *quoinv1.ExplainResponse {
	e := policy.NewJudge().Explain(expression, f)
	x := &quoinv1.ExplainResponse{Step: f.Step, Expression: expression, Holds: e.Holds}
	for _, m := range e.Missing {
		c := &quoinv1.Condition{Text: m.Text, Value: m.Value}
		for _, fact := range m.Facts {
			c.Facts = append(c.Facts, &quoinv1.Fact{Name: fact.Name, Value: fact.Value})
		}
		x.Missing = append(x.Missing, c)
	}
	return x
}

// TestMissingInWords wants what a proposal needs to be said as people would.
func TestMissingInWords(t *testing.T) {
	const approve = "rejections == 0 && approvals >= 2 && organisations >= 2"
	tally := &quoinv1.Tally{Weight: 4, Quorum: 3, Prechecked: 1, Failed: 1, ReadyNeeded: 3, Ready: 2, Approvals: 1}
	for _, test := range []struct {
		status     string
		plan       *quoinv1.Plan
		expression string
		facts      policy.Facts
		want       []string
	}{
		{"proposed", nil, approve, policy.Facts{}, []string{"validators of weight 3 to find that it can run: 1 of 4 have, and 1 found that it cannot"}},
		{"prechecked", nil, approve, policy.Facts{Approvals: 1, Organisations: 1}, []string{"1 more approval, from another organisation"}},
		{"prechecked", nil, approve, policy.Facts{}, []string{"2 more approvals, from 2 other organisations"}},
		{"prechecked", nil, approve, policy.Facts{Approvals: 2, Organisations: 1}, []string{"an approval from 1 more organisation"}},
		{"prechecked", nil, approve, policy.Facts{Approvals: 3, Organisations: 2, Rejections: 1}, []string{"nobody to reject it, and 1 do"}},
		{"approved", &quoinv1.Plan{Shadow: 30}, "true", policy.Facts{}, []string{"its shadow, of 30 heights"}},
		{"approved", nil, "trial_heights >= 200", policy.Facts{}, []string{"a plan with a trial of 200 heights at least: cancel it, and propose it with --trial 200"}},
		{"shadow", nil, "shadow.heights >= shadow_heights", policy.Facts{ShadowHeights: 64, Shadow: &policy.Shadow{Heights: 63}}, []string{"1 more height of its shadow"}},
		{"shadow", nil, "shadow.heights >= shadow_heights", policy.Facts{ShadowHeights: 64}, []string{"64 more heights of its shadow"}},
		{"shadow", nil, "shadow_heights == 0 || shadow.heights >= shadow_heights", policy.Facts{ShadowHeights: 64}, []string{"64 more heights of its shadow"}},
		{"shadow", nil, "shadow.compared > shadow.skipped", policy.Facts{}, []string{"that shadow.compared > shadow.skipped, for which there is no data yet (shadow.compared = no data, shadow.skipped = no data)"}},
		{"scheduled", nil, "true", policy.Facts{}, []string{"validators of weight 3 to say that they are ready: 2 have"}},
		{"trial", nil, "3 * trial.good > 2 * weight && trial.bad == 0", policy.Facts{Weight: 4, Trial: &policy.Trial{Good: 2, Bad: 1}},
			[]string{"more than two thirds of the weight to report good health: trial.good = 2, weight = 4", "no validator that reports bad health, and weight 1 does"}},
		{"paused", nil, "false", policy.Facts{}, []string{"a proposer to resume it"}},
		{"vetoed", nil, "false", policy.Facts{}, nil},
		{"active", nil, "false", policy.Facts{}, nil},
	} {
		p := &quoinv1.Proposal{Status: test.status, Plan: test.plan, Tally: tally}
		if got := Missing(p, explained(test.expression, &test.facts)); !slices.Equal(got, test.want) {
			t.Errorf("%s, %s: %q, want %q", test.status, test.expression, got, test.want)
		}
	}
	without := Missing(&quoinv1.Proposal{Status: "trial", Class: "L", Tally: tally}, &quoinv1.ExplainResponse{Step: "confirm"})
	if want := []string{"a policy for the step confirm of class L: without one it is refused"}; !slices.Equal(without, want) {
		t.Errorf("%q, want %q", without, want)
	}
}

// TestNextCommand wants nobody told to say again what was counted.
func TestNextCommand(t *testing.T) {
	p := &quoinv1.Proposal{Number: 7, Status: "prechecked"}
	if got, want := Next(p), "quoin release approve 7"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	p.Reviews = []*quoinv1.Review{{Member: "approver-1", Approves: true}}
	if got, want := Next(p), "quoin release approve 7 --as ANOTHER-APPROVER"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	p.Status = "scheduled"
	if got := Next(p); got != "" {
		t.Errorf("%q, and it takes effect for good by itself", got)
	}
	p.Plan = &quoinv1.Plan{Trial: 8}
	if got, want := Next(p), "quoin release confirm 7"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
