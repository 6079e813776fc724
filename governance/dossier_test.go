package governance

import (
	"crypto/sha256"
	"math"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance/policy"
)

// dossier is what the observer knows of a proposal: from the commands that it saw succeed, and from
// nothing else.
type dossier struct {
	sent       Propose
	number     ProposalNumber
	class      Class
	proposer   string // a person
	name       string // the member's
	proposed   quoin.Height
	status     Status
	round      uint64
	basis      grounds
	shadowFrom quoin.Height
	scheduled  quoin.Height // when it was
	activation quoin.Height // for when it was
	due        quoin.Height // its activation, or the end of its trial; 0 for nothing
	clock      int          // orders what is due
	moves      uint64
	endOfUse   quoin.Height
	said
}

// grounds are what a proposal is judged against.
type grounds struct {
	line         int // how often what serves its slot has changed
	policies     quoin.Hash
	engine, fuel uint64
}

// said is what was said of a proposal in one round.
type said struct {
	prechecks map[quoin.PublicKey]PrecheckCode
	reviews   map[string]bool // by person
	security  map[string]verdict
	benchmark map[string]verdict
	ready     map[quoin.PublicKey]quoin.Height
	vetoes    map[quoin.PublicKey]bool
	health    map[quoin.PublicKey]Health
	reports   map[interval]map[quoin.PublicKey]Comparison
	shadowed  *policy.Shadow
	through   quoin.Height // the last height of shadowed
}

type interval struct{ through, heights quoin.Height }

type verdict struct {
	result EvidenceResult
	until  quoin.Height
}

func newSaid() said {
	return said{prechecks: map[quoin.PublicKey]PrecheckCode{}, reviews: map[string]bool{}, security: map[string]verdict{}, benchmark: map[string]verdict{},
		ready: map[quoin.PublicKey]quoin.Height{}, vetoes: map[quoin.PublicKey]bool{}, health: map[quoin.PublicKey]Health{},
		reports: map[interval]map[quoin.PublicKey]Comparison{}}
}

// again begins another round: nothing that was said counts.
func (d *dossier) again(basis grounds) {
	d.status, d.round, d.basis, d.said = StatusProposed, d.round+1, basis, newSaid()
	d.shadowFrom, d.scheduled, d.activation, d.due, d.moves, d.endOfUse = 0, 0, 0, 0, 0, 0
}

func (d *dossier) slot() string { return d.sent.Slot() }

// plays reports whether a person is the proposer or the author.
func (o *observer) plays(d *dossier, person string) bool {
	return person == d.proposer || d.sent.Subject == SubjectRelease && person == o.owner[d.sent.Release.Author]
}

// grounds returns what a proposal for a slot is judged against in a configuration.
func (o *observer) grounds(c *quoin.Configuration, slot string) grounds {
	return grounds{o.lines[slot], sha256.Sum256(quoin.AppendPolicies(nil, c.Policies)), c.Parameters.SandboxEngine, c.Parameters.FuelSchedule}
}

// approvals counts the members of the configuration in force that approve, and their organisations.
func (o *observer) approvals(d *dossier) (approve, organisations, reject int64) {
	var names []string
	for i := range o.now.Members {
		m := &o.now.Members[i]
		person := o.owner[m.Key]
		approves, ok := d.reviews[person]
		if !ok || !m.Roles.Has(quoin.RoleApprover) || o.disabled[person] || o.plays(d, person) {
			continue
		}
		if !approves {
			reject++
			continue
		}
		approve++
		if !slices.Contains(names, m.Organisation) {
			names = append(names, m.Organisation)
		}
	}
	return approve, int64(len(names)), reject
}

func weightOf(set *quoin.ValidatorSet, counts func(quoin.PublicKey) bool) uint64 {
	weight := uint64(0)
	for _, v := range set.All() {
		if counts(v.Key) {
			weight += v.Weight
		}
	}
	return weight
}

// prechecked returns the weights of the set in force that passed a proposal, and that did not.
func (o *observer) prechecked(d *dossier) (passed, failed uint64) {
	set := &o.now.Validators
	passed = weightOf(set, func(k quoin.PublicKey) bool { code, ok := d.prechecks[k]; return ok && code == PrecheckPassed })
	failed = weightOf(set, func(k quoin.PublicKey) bool { return d.prechecks[k] != PrecheckPassed })
	return passed, failed
}

func (o *observer) vetoed(d *dossier) bool {
	return 3*weightOf(&o.now.Validators, func(k quoin.PublicKey) bool { return d.vetoes[k] }) >= o.now.Validators.Total()
}

// readyIn returns the weight of a set that has said after the schedule that it is ready.
func (o *observer) readyIn(d *dossier, set *quoin.ValidatorSet) uint64 {
	return weightOf(set, func(k quoin.PublicKey) bool {
		at, ok := d.ready[k]
		return ok && d.scheduled != 0 && at >= d.scheduled && (d.sent.Subject != SubjectValidators || at >= o.now.First)
	})
}

// unwell returns the weights of those in force whose newest report is good, and bad.
func (o *observer) unwell(d *dossier) (good, bad uint64) {
	recent := func(k quoin.PublicKey, wanted bool) bool {
		x, ok := d.health[k]
		return ok && (x.Reason == HealthGood) == wanted && uint64(o.w.height-x.Through) <= 4*o.now.Parameters.ReportHeights
	}
	good = weightOf(&o.now.Validators, func(k quoin.PublicKey) bool { return recent(k, true) })
	bad = weightOf(&o.now.Validators, func(k quoin.PublicKey) bool { return recent(k, false) })
	return good, bad
}

// holds judges a step by the policy in force and by what the observer knows.
func (o *observer) holds(d *dossier, step string) bool {
	for _, class := range []byte{byte(d.class), '*'} {
		for _, p := range o.now.Policies {
			if p.Class == class && p.Step == step {
				f := o.facts(d, step)
				return o.w.env.Judge.Holds(p.Expression, &f)
			}
		}
	}
	return step == policy.StepEmergency
}

func (o *observer) approved(d *dossier) bool {
	n, _, _ := o.approvals(d)
	return n > 0 && o.holds(d, policy.StepApprove)
}

func (o *observer) facts(d *dossier, step string) policy.Facts {
	p := &d.sent
	passed, _ := o.prechecked(d)
	f := policy.Facts{Class: string(rune(d.class)), Step: step, Subject: p.Subject.String(), Slot: d.slot(), Hook: p.Binding.Hook, Namespace: p.Binding.Namespace,
		Name: p.Release.Name, Version: p.Release.Version, Height: int64(o.w.height), Proposed: int64(d.proposed), Patch: o.patch(d),
		Incumbent: o.top(d.slot()).serves, Diverges: p.Plan.Diverges, ShadowHeights: int64(p.Plan.Shadow), TrialHeights: int64(p.Plan.Trial),
		Proposer: o.organisation(d.proposer), Weight: int64(o.now.Validators.Total()), Prechecked: int64(passed),
		Ready: int64(o.readyIn(d, &o.now.Validators)), Shadow: d.shadowed}
	if p.Subject == SubjectRelease {
		f.Author = o.organisation(o.owner[p.Release.Author])
	}
	f.Approvals, f.Organisations, f.Rejections = o.approvals(d)
	count := func(verdicts map[string]verdict, of func(EvidenceResult) *int64) (any bool) {
		for i := range o.now.Members {
			person := o.owner[o.now.Members[i].Key]
			if v, ok := verdicts[person]; ok && o.now.Members[i].Roles.Has(quoin.RoleAssessor) && !o.disabled[person] && !o.plays(d, person) {
				any = true
				if v.until >= o.w.height {
					*of(v.result)++
				}
			}
		}
		return any
	}
	var s policy.Security
	if count(d.security, func(r EvidenceResult) *int64 { return []*int64{&s.Passed, &s.Failed}[r-1] }) {
		f.Security = &s
	}
	var b policy.Benchmark
	if count(d.benchmark, func(r EvidenceResult) *int64 { return []*int64{&b.Better, &b.Same, &b.Worse, &b.Inconclusive}[r-1] }) {
		f.Benchmark = &b
	}
	if d.status == StatusTrial && o.w.height > d.activation {
		good, bad := o.unwell(d)
		f.Trial = &policy.Trial{Blocks: int64(o.w.height - d.activation - 1), Good: int64(good), Bad: int64(bad)}
	}
	return f
}

// patch reports whether a release stays in the envelope of what serves. The world's versions have two dots.
func (o *observer) patch(d *dossier) bool {
	top := o.top(d.slot())
	if d.sent.Subject != SubjectRelease || top.proposal == 0 || !top.serves {
		return false
	}
	q, p := &o.dossiers[top.proposal-1].sent, &d.sent
	stem := func(version string) string { return version[:len(version)-len(tail(version))] }
	return q.Subject == SubjectRelease && q.Plan.PatchUntil >= o.w.height && q.Release.Name == p.Release.Name && q.Release.Author == p.Release.Author &&
		stem(q.Release.Version) == stem(p.Release.Version) && string(q.Binding.Parameters) == string(p.Binding.Parameters) &&
		p.Binding.FuelMax <= q.Binding.FuelMax && slices.Equal(p.Binding.Nodes, q.Binding.Nodes) && !p.Plan.Diverges &&
		p.Plan.State == StateKeep && p.Plan.PatchUntil <= q.Plan.PatchUntil
}

// tail returns what stands after the last dot.
func tail(version string) string {
	for i := len(version); i > 0; i-- {
		if version[i-1] == '.' {
			return version[i:]
		}
	}
	return version
}

// report notes a report and says whether it ends the proposal.
func (o *observer) report(d *dossier, signer quoin.PublicKey, c Report) (rejected bool) {
	set, heights := &o.now.Validators, quoin.Height(o.now.Parameters.ReportHeights)
	key := interval{c.Through, heights}
	if d.reports[key] == nil {
		d.reports[key] = map[quoin.PublicKey]Comparison{}
	}
	d.reports[key][signer] = c.Comparison
	groups, total, most := map[Comparison]uint64{}, uint64(0), uint64(0)
	for _, v := range set.All() {
		if x, ok := d.reports[key][v.Key]; ok {
			groups[x] += v.Weight
			total, most = total+v.Weight, max(most, groups[x])
		}
	}
	if 3*(total-most) >= set.Total() {
		return true
	}
	for x, weight := range groups { // any order: one group at most is a quorum
		if 3*weight <= 2*set.Total() {
			continue
		}
		if d.shadowed == nil {
			d.shadowed = &policy.Shadow{}
		}
		s := *d.shadowed
		d.through, s.Heights = c.Through, s.Heights+int64(heights)
		for n, by := range map[*int64]uint64{&s.Compared: x.Compared, &s.Diverged: x.Diverged, &s.Faults: x.Faults, &s.Skipped: x.Skipped} { // any order
			if by > math.MaxInt64 || *n > math.MaxInt64-int64(by) {
				*n = math.MaxInt64
			} else {
				*n += int64(by)
			}
		}
		d.shadowed = &s
		return !o.holds(d, policy.StepShadow)
	}
	return false
}
