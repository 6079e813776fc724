package audit

import (
	"encoding/binary"
	"fmt"
	"strings"

	"quoin.dev/quoin/governance"
)

// words says what a command with a result of OK does, why its sender says so, and which proposal it is
// about; 0 for none.
func words(s governance.State, command governance.Command, output []byte) (what, why string, number governance.ProposalNumber) {
	n := func(format string, p governance.ProposalNumber, more ...any) string {
		number = p
		return fmt.Sprintf(format, append([]any{p}, more...)...)
	}
	switch c := command.(type) {
	case governance.Propose:
		what, why = n("proposal %d: %s", governance.ProposalNumber(answer(output)), subject(s, &c)), c.Note
	case governance.Precheck:
		what = n("finds of proposal %d: %s", c.Proposal, c.Code)
	case governance.Approve:
		what, why = n("approves proposal %d", c.Proposal), c.Note
	case governance.Reject:
		what, why = n("rejects proposal %d", c.Proposal), c.Note
	case governance.Attest:
		what, why = n("attests of proposal %d: %s %s until height %d, report %s", c.Proposal, c.Evidence, c.Evidence.Name(c.Result), c.Until, c.Digest), c.Note
	case governance.Shadow:
		what = n("lets proposal %d run in the shadow", c.Proposal)
	case governance.Report:
		what = n("reports on the shadow of proposal %d up to height %d: %s", c.Proposal, c.Through, compared(&c.Comparison))
	case governance.Schedule:
		what = n("schedules proposal %d: height %d is the last before it takes effect", c.Proposal, c.Height)
	case governance.Ready:
		what = n("is ready for proposal %d", c.Proposal)
	case governance.Veto:
		what, why = n("vetoes proposal %d", c.Proposal), c.Note
	case governance.Cancel:
		what, why = n("cancels proposal %d", c.Proposal), c.Note
	case governance.Health:
		what = n("finds proposal %d up to height %d: %s; %d views without a block, %d slow calls, %d ms to a certificate; %s",
			c.Proposal, c.Through, c.Reason, c.Gaps, c.SlowCalls, c.LatencyMS, compared(&c.Comparison))
	case governance.Confirm:
		what, why = n("confirms proposal %d", c.Proposal), c.Note
	case governance.Pause:
		what, why = n("pauses proposal %d", c.Proposal), c.Note
	case governance.Resume:
		what, why = n("resumes proposal %d", c.Proposal), c.Note
	case governance.Deprecate:
		what, why = n("deprecates what proposal %d brought, from height %d on", c.Proposal, c.EndOfLife), c.Note
	case governance.Retire:
		what, why = n("retires what proposal %d brought", c.Proposal), c.Note
	case governance.Rollback:
		what, why = fmt.Sprintf("rolls %s back from line %d of its history", c.Slot, c.From), c.Note
	case governance.Lift:
		what = fmt.Sprintf("lifts the suspension of namespace %s", c.Namespace)
	case governance.Rotate:
		what = fmt.Sprintf("gives up its key for %s", c.New)
	case governance.Revoke:
		what, why = fmt.Sprintf("revokes key %s", c.Key), c.Note
	}
	return what, why, number
}

func subject(s governance.State, p *governance.Propose) string {
	switch p.Subject {
	case governance.SubjectRelease:
		return fmt.Sprintf("release %s %s (%s) is to serve %s", p.Release.Name, p.Release.Version, p.Release.Digest, p.Slot())
	case governance.SubjectBuiltin:
		return fmt.Sprintf("the built-in %s is to serve %s", p.Binding.Builtin, p.Slot())
	case governance.SubjectUnbind:
		return "nothing is to serve " + p.Slot()
	case governance.SubjectValidators:
		return fmt.Sprintf("the validators are to be %d others", p.Validators.Len())
	case governance.SubjectParameters:
		var changes []string
		now := governance.CurrentConfiguration(s).Parameters
		for _, c := range now.Changes(&p.Parameters) {
			changes = append(changes, fmt.Sprintf("%s from %d to %d", c.Name, c.From, c.To))
		}
		return "parameters are to change: " + strings.Join(changes, ", ")
	case governance.SubjectMembers:
		return fmt.Sprintf("the members are to be these %d", len(p.Members))
	case governance.SubjectPolicies:
		return fmt.Sprintf("the policies are to be these %d", len(p.Policies))
	}
	return "a change of an unknown kind"
}

func compared(c *governance.Comparison) string {
	return fmt.Sprintf("%d calls compared, %d differ, %d fault, %d skipped", c.Compared, c.Diverged, c.Faults, c.Skipped)
}

// answer reads the number that a command answered with; 0 if there is none.
func answer(output []byte) uint64 {
	if len(output) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(output)
}
