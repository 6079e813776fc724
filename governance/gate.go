package governance

import (
	"crypto/sha256"
	"slices"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/governance/policy"
)

// Judge evaluates policies: *policy.Judge, or what stands for it in tests. It must be a pure function
// of its arguments.
type Judge interface {
	Check(expression string) error
	Holds(expression string, f *policy.Facts) bool
}

// basis digests what a proposal is judged against: what serves its slot, the policies, and the
// versions of the sandbox. When a boundary changes it, nothing that was said of the proposal counts
// any more.
func basis(s State, c *quoin.Configuration, slotName string) quoin.Hash {
	slot, _ := ReadSlot(s, slotName)
	b := canonical.AppendUint64([]byte("quoin/basis/v1\n"), slot.Serving)
	b = quoin.AppendPolicies(b, c.Policies)
	b = canonical.AppendUint64(canonical.AppendUint64(b, c.Parameters.SandboxEngine), c.Parameters.FuelSchedule)
	return sha256.Sum256(b)
}

// gate judges a step of a proposal by its policy.
func gate(env *Environment, s State, c *quoin.Configuration, h quoin.Height, p *Proposal, step string) Code {
	expression, ok := c.Policy(byte(p.Class), step)
	if !ok {
		switch step {
		case policy.StepEmergency:
			return OK // whoever holds the role may reduce risk
		case policy.StepReject:
			return PolicyRefuses
		}
		return NoPolicy
	}
	f := facts(s, c, h, p, step, env.flaws)
	if !env.Judge.Holds(expression, &f) {
		return PolicyRefuses
	}
	return OK
}

// approved reports whether a proposal has its approvals now: approvers may change their minds, or lose
// their rights. One by somebody who is neither proposer nor author is a floor that no policy lowers.
func approved(env *Environment, s State, c *quoin.Configuration, h quoin.Height, p *Proposal) bool {
	return countReviews(s, c, p, env.flaws).approvals > 0 && gate(env, s, c, h, p, policy.StepApprove) == OK
}

// facts collects what the ledger knows of a proposal for one step.
func facts(s State, c *quoin.Configuration, h quoin.Height, p *Proposal, step string, flaws Flaws) policy.Facts {
	slot := p.Slot()
	f := policy.Facts{Class: string(rune(p.Class)), Step: step, Subject: p.Subject.String(), Slot: slot,
		Name: p.Release.Name, Version: p.Release.Version, Height: int64(h), Proposed: int64(p.Proposed),
		Patch: isPatch(s, h, p), Diverges: p.Plan.Diverges, ShadowHeights: int64(p.Plan.Shadow), TrialHeights: int64(p.Plan.Trial),
		Weight: int64(c.Validators.Total())}
	if p.Binding.Hook != "" {
		f.Hook, f.Namespace = quoin.SplitSlot(slot)
	}
	x, _ := ReadSlot(s, slot)
	if line, ok := ReadServed(s, slot, x.Serving); ok {
		f.Incumbent = line.Bound
	}
	f.Proposer = organisationOf(s, c, p.Proposer)
	if p.Subject == SubjectRelease {
		f.Author = organisationOf(s, c, p.Release.Author)
	}
	reviews := countReviews(s, c, p, flaws)
	f.Approvals, f.Organisations, f.Rejections = reviews.approvals, int64(len(reviews.organisations)), reviews.rejections
	f.Prechecked = int64(voices(s, &c.Validators, func(k quoin.PublicKey) (bool, bool) {
		code, ok := load(s, PrecheckKey(p, k), readPrecheck)
		return code == PrecheckPassed, ok
	}))
	f.Ready = int64(readyWeight(s, c, &c.Validators, p))
	countEvidence(s, c, h, p, &f)
	if p.Shadowed.Heights > 0 {
		f.Shadow = &policy.Shadow{Heights: int64(p.Shadowed.Heights), Compared: int64(p.Shadowed.Compared), Diverged: int64(p.Shadowed.Diverged),
			Faults: int64(p.Shadowed.Faults), Skipped: int64(p.Shadowed.Skipped)}
	}
	if p.Status == StatusTrial && h > p.Activation {
		t := countHealth(s, c, h, p)
		f.Trial = &policy.Trial{Blocks: int64(h - p.Activation - 1), Good: int64(t.good), Bad: int64(t.bad)}
	}
	return f
}

// reviews are the voices of approvers that are neither proposer nor author.
type reviews struct {
	approvals, rejections int64
	organisations         []string // of those that approve
}

func countReviews(s State, c *quoin.Configuration, p *Proposal, flaws Flaws) reviews {
	var r reviews
	active(s, c, quoin.RoleApprover, func(m *quoin.Member) {
		if IsOwn(s, p, m) && !flaws.AuthorApproves {
			return
		}
		v, ok := ReadReview(s, p, m)
		if flaws.OldApprovals && !ok {
			v, ok = ReadReview(s, &Proposal{Number: p.Number - 1, Round: 1}, m)
		}
		switch {
		case !ok:
		case v.Approves:
			r.approvals++
			if !slices.Contains(r.organisations, m.Organisation) {
				r.organisations = append(r.organisations, m.Organisation)
			}
		default:
			r.rejections++
		}
	})
	return r
}

// IsOwn reports whether a member is a proposal's proposer or its release's author, under whatever key: its
// reviews do not count.
func IsOwn(s State, p *Proposal, m *quoin.Member) bool {
	return isProposer(s, p, m) || p.Subject == SubjectRelease && rootOf(s, m.Key) == rootOf(s, p.Release.Author)
}

// isProposer reports whether a member is a proposal's proposer: by its key, or by its name, for whoever
// lost a key comes back under the same name with one that has nothing to do with the old.
func isProposer(s State, p *Proposal, m *quoin.Member) bool {
	return m.Name == p.ProposerName || rootOf(s, m.Key) == rootOf(s, p.Proposer)
}

func countEvidence(s State, c *quoin.Configuration, h quoin.Height, p *Proposal, f *policy.Facts) {
	active(s, c, quoin.RoleAssessor, func(m *quoin.Member) {
		if IsOwn(s, p, m) {
			return
		}
		if e, ok := ReadEvidence(s, p, EvidenceSecurity, m); ok {
			if f.Security == nil {
				f.Security = &policy.Security{}
			}
			if e.Until >= h {
				add(e.Result, &f.Security.Passed, &f.Security.Failed)
			}
		}
		if e, ok := ReadEvidence(s, p, EvidenceBenchmark, m); ok {
			if f.Benchmark == nil {
				f.Benchmark = &policy.Benchmark{}
			}
			if b := f.Benchmark; e.Until >= h {
				add(e.Result, &b.Better, &b.Same, &b.Worse, &b.Inconclusive)
			}
		}
	})
}

func add(r EvidenceResult, counts ...*int64) { *counts[r-1]++ }

// health sums the newest reports by weight. Old ones say nothing about now.
type health struct{ good, bad uint64 }

func countHealth(s State, c *quoin.Configuration, h quoin.Height, p *Proposal) health {
	var t health
	for _, v := range c.Validators.All() {
		x, ok := load(s, HealthKey(p, v.Key), readHealth)
		switch {
		case !ok || x.Through+healthIntervals*quoin.Height(c.Parameters.ReportHeights) < h:
		case x.Reason == HealthGood:
			t.good += v.Weight
		default:
			t.bad += v.Weight
		}
	}
	return t
}

// isPatch reports whether a release stays inside the envelope that what serves its slot declared: the
// same name and author, the same major and minor version, and no more rights than that has.
func isPatch(s State, h quoin.Height, p *Proposal) bool {
	if p.Subject != SubjectRelease {
		return false
	}
	slot, _ := ReadSlot(s, p.Slot())
	line, ok := ReadServed(s, p.Slot(), slot.Serving)
	if !ok || line.Proposal == 0 || !line.Bound {
		return false
	}
	q, _ := ReadProposal(s, line.Proposal)
	a, b := &q.Binding, &p.Binding
	return q.Subject == SubjectRelease && q.Plan.PatchUntil >= h && q.Release.Name == p.Release.Name && q.Release.Author == p.Release.Author &&
		minor(q.Release.Version) == minor(p.Release.Version) && string(a.Parameters) == string(b.Parameters) && b.FuelMax <= a.FuelMax &&
		!slices.ContainsFunc(b.Grants, func(g string) bool { return !slices.Contains(a.Grants, g) }) && slices.Equal(a.Nodes, b.Nodes) &&
		!p.Plan.Diverges && p.Plan.State == StateKeep && p.Plan.PatchUntil <= q.Plan.PatchUntil
}

// minor returns what stands before the second dot of a version; a version without has none and is
// inside no envelope but its own.
func minor(version string) string {
	first := strings.IndexByte(version, '.')
	if first < 0 {
		return version
	}
	second := strings.IndexByte(version[first+1:], '.')
	if second < 0 {
		return version
	}
	return version[:first+1+second]
}
