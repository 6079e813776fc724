package api

import (
	"context"
	"strings"
	"sync"

	"connectrpc.com/connect"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/policy"
	"quoin.dev/quoin/replica"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
)

// judge explains policies for clients. It is not the kernel's, which is the loop's alone.
type judge struct {
	mu    sync.Mutex
	judge *policy.Judge
}

func (j *judge) explain(expression string, f *policy.Facts) policy.Explanation {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.judge == nil {
		j.judge = policy.NewJudge()
	}
	return j.judge.Explain(expression, f)
}

// Explain implements quoinv1connect.ReleaseServiceHandler.
func (s releaseService) Explain(ctx context.Context, r *connect.Request[quoinv1.ExplainRequest]) (*connect.Response[quoinv1.ExplainResponse], error) {
	step := r.Msg.Step
	if step != "" && !policy.IsStep(step) {
		return nil, refuse(CodeInvalid, "the steps are "+strings.Join(policy.StepNames(), ", "), "there is no step %.40q", step)
	}
	var answer *quoinv1.ExplainResponse
	var facts policy.Facts
	err := s.node.Do(ctx, func(v *replica.Replica) {
		if p, known := governance.ReadProposal(v.Kernel(), governance.ProposalNumber(r.Msg.Proposal)); known {
			answer, facts = newExplanation(v, &p, step)
		}
	})
	if err != nil {
		return nil, err
	}
	if answer == nil {
		return nil, noProposal(r.Msg.Proposal)
	}
	s.judge.judged(answer, &facts)
	return connect.NewResponse(answer), nil
}

// newExplanation begins the explanation of a step of a proposal, empty for the next of its road: with its
// policy, and what that may know.
func newExplanation(v *replica.Replica, p *governance.Proposal, step string) (*quoinv1.ExplainResponse, policy.Facts) {
	next := v.Overview().Tip.Height + 1
	if step == "" {
		step = nextStep(p.Status)
	}
	x := &quoinv1.ExplainResponse{CostLimit: policy.CostLimit, Height: uint64(next), Step: step, Class: string(quoin.PolicyEveryClass)}
	c := governance.CurrentConfiguration(v.Kernel())
	for i := range c.Policies {
		if c.Policies[i].Class == byte(p.Class) && c.Policies[i].Step == step {
			x.Class = string(rune(p.Class))
		}
	}
	var facts policy.Facts
	x.Expression, facts, _ = governance.Gate(v.Kernel(), p, step, next)
	return x, facts
}

// judged ends an explanation with how the policy comes out, and why.
func (j *judge) judged(answer *quoinv1.ExplainResponse, facts *policy.Facts) {
	answer.AllFacts = toFacts(facts.List())
	if answer.Expression == "" {
		answer.Class = ""
		answer.Holds = answer.Step == policy.StepEmergency // the only step that is free without a policy
		return
	}
	x := j.explain(answer.Expression, facts)
	answer.Holds, answer.Error, answer.Cost, answer.Facts = x.Holds, x.Error, x.Cost, toFacts(x.Facts)
	for _, p := range x.Parts {
		answer.Parts = append(answer.Parts, &quoinv1.Part{Depth: uint32(p.Depth), Text: p.Text, Value: p.Value})
	}
	for _, m := range x.Missing {
		answer.Missing = append(answer.Missing, &quoinv1.Condition{Text: m.Text, Value: m.Value, Facts: toFacts(m.Facts)})
	}
}

// nextStep returns the step that a proposal of a status is to be judged by next; empty for none.
func nextStep(s governance.Status) string {
	switch s {
	case governance.StatusProposed, governance.StatusPrechecked:
		return policy.StepApprove
	case governance.StatusApproved, governance.StatusShadow, governance.StatusScheduled:
		return policy.StepActivate
	case governance.StatusTrial:
		return policy.StepConfirm
	case governance.StatusActive:
		return policy.StepDeprecate
	case governance.StatusDeprecated, governance.StatusSuperseded, governance.StatusPaused, governance.StatusRolledBack, governance.StatusQuarantined:
		return policy.StepRetire
	}
	return ""
}

func toFacts(facts []policy.Fact) []*quoinv1.Fact {
	var list []*quoinv1.Fact
	for _, f := range facts {
		list = append(list, &quoinv1.Fact{Name: f.Name, Value: f.Value})
	}
	return list
}

// ListPolicies implements quoinv1connect.ReleaseServiceHandler.
func (s releaseService) ListPolicies(context.Context, *connect.Request[quoinv1.ListPoliciesRequest]) (*connect.Response[quoinv1.ListPoliciesResponse], error) {
	c := s.node.Status().Configuration
	return connect.NewResponse(&quoinv1.ListPoliciesResponse{Policies: toPolicies(c.Policies), Epoch: uint64(c.Epoch)}), nil
}

func toPolicies(policies []quoin.Policy) []*quoinv1.Policy {
	var list []*quoinv1.Policy
	for _, p := range policies {
		list = append(list, &quoinv1.Policy{Class: string(rune(p.Class)), Step: p.Step, Expression: p.Expression})
	}
	return list
}

// ListMembers implements quoinv1connect.ReleaseServiceHandler.
func (s releaseService) ListMembers(ctx context.Context, _ *connect.Request[quoinv1.ListMembersRequest]) (*connect.Response[quoinv1.ListMembersResponse], error) {
	answer := &quoinv1.ListMembersResponse{}
	err := s.node.Do(ctx, func(v *replica.Replica) {
		c := governance.CurrentConfiguration(v.Kernel())
		answer.Epoch = uint64(c.Epoch)
		for i := range c.Members {
			m := toMember(&c.Members[i])
			m.Standing = governance.StandingOf(v.Kernel(), &c.Members[i]).String()
			answer.Members = append(answer.Members, m)
		}
	})
	return connect.NewResponse(answer), err
}

func toMember(m *quoin.Member) *quoinv1.Member {
	return &quoinv1.Member{Name: m.Name, Key: m.Key[:], Organisation: m.Organisation, Roles: strings.Split(m.Roles.String(), ",")}
}
