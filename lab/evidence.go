package lab

import (
	"bytes"
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
)

// who returns who said a thing between two places of the ledger.
func who[C governance.Command](g *governed, from, to place, what func(c C) bool) []quoin.PublicKey {
	var keys []quoin.PublicKey
	for _, v := range g.said {
		if c, ok := v.command.(C); ok && v.at > from && v.at < to && what(c) && !slices.Contains(keys, v.by) {
			keys = append(keys, v.by)
		}
	}
	return keys
}

// never is a place that the ledger does not reach.
const never = ^place(0)

// judge says what is missing for a proposal to stand where it stands, and by which rule; "" for nothing.
func (g *governed) judge(p *governance.Proposal) (rule, why string) {
	was := g.statuses[p.Number]
	g.statuses[p.Number] = p.Status
	since := g.since(p)
	switch {
	case was != p.Status && ended(was) && (was != governance.StatusQuarantined || p.Status != governance.StatusRetired):
		return "I6", fmt.Sprintf("after it was %v", was)
	case g.approvedByItsOwn(p):
		return "I6", "and approved by who made it"
	case g.belated(p, since):
		return "I6", fmt.Sprintf("and somebody spoke of another round than the one since height %d", since.height())
	case p.Status.Open():
		if g.vetoed(p, since) {
			return "I6", "although more than f object"
		}
		return "I6", g.prepared(p, since)
	case p.Status.Serves() || p.Status == governance.StatusSuperseded:
		if why := g.prepared(p, since); why != "" {
			return "I6", why
		}
		return "K8", g.inForce(p, since)
	}
	return "I6", g.left(p, since)
}

// ended reports whether a proposal of the status never comes back.
func ended(s governance.Status) bool {
	switch s {
	case governance.StatusRejected, governance.StatusVetoed, governance.StatusCancelled, governance.StatusRetired, governance.StatusQuarantined:
		return true
	}
	return false
}

func (g *governed) approvedByItsOwn(p *governance.Proposal) bool {
	approvals := who(g, 0, never, func(c governance.Approve) bool { return c.Proposal == p.Number })
	return slices.ContainsFunc(g.members(approvals, quoin.RoleApprover), func(m *quoin.Member) bool {
		return m.Name == p.ProposerName || m.Key == p.Release.Author
	})
}

func (g *governed) vetoed(p *governance.Proposal, since place) bool {
	return g.exceedsF(who(g, since, never, func(c governance.Veto) bool { return c.Proposal == p.Number }))
}

// since returns the place from which on voices count for a proposal: since it was proposed or resumed, and
// since an epoch began that changed what it is judged against, before it came into force itself.
func (g *governed) since(p *governance.Proposal) place {
	since := placeOf(p.Proposed, 0)
	for _, v := range g.said {
		if c, ok := v.command.(governance.Resume); ok && c.Proposal == p.Number {
			since = max(since, v.at)
		}
	}
	for i := 1; i < len(g.served); i++ {
		last := g.served[i].First - 1
		if before := p.Activation == 0 || last < p.Activation; before && changesBasis(&g.served[i-1], &g.served[i], p.Slot()) {
			since = max(since, placeOf(last, 0)) // its commands come after the change
		}
	}
	return since
}

// belated reports whether somebody judged a proposal as it stood before the voices that count, and succeeded.
func (g *governed) belated(p *governance.Proposal, since place) bool {
	return slices.ContainsFunc(g.said, func(v voice) bool {
		n, restarts := p.Number, p.Restarts()
		switch c := v.command.(type) {
		case governance.Precheck:
			n, restarts = c.Proposal, c.Restarts
		case governance.Approve:
			n, restarts = c.Proposal, c.Restarts
		case governance.Reject:
			n, restarts = c.Proposal, c.Restarts
		case governance.Attest:
			n, restarts = c.Proposal, c.Restarts
		case governance.Report:
			n, restarts = c.Proposal, c.Restarts
		case governance.Schedule:
			n, restarts = c.Proposal, c.Restarts
		case governance.Ready:
			n, restarts = c.Proposal, c.Restarts
		case governance.Health:
			n, restarts = c.Proposal, c.Restarts
		case governance.Confirm:
			n, restarts = c.Proposal, c.Restarts
		}
		return v.at > since && n == p.Number && restarts != p.Restarts()
	})
}

func changesBasis(a, b *quoin.Configuration, slot string) bool {
	p, q := &a.Parameters, &b.Parameters
	return !slices.Equal(a.Policies, b.Policies) || p.SandboxEngine != q.SandboxEngine || p.FuelSchedule != q.FuelSchedule ||
		!bytes.Equal(serving(a, slot), serving(b, slot))
}

// serving returns what serves a slot, as bytes; nil for nothing.
func serving(c *quoin.Configuration, slot string) []byte {
	if slot == governance.ParametersSlot {
		return c.Parameters.AppendBinary(nil)
	}
	if b, ok := c.Binding(slot); ok {
		return b.AppendBinary(nil)
	}
	return nil
}

// prepared says what a proposal lacks to stand as high as it does before it comes into force.
func (g *governed) prepared(p *governance.Proposal, since place) string {
	if p.Status == governance.StatusProposed {
		return ""
	}
	passed := who(g, since, never, func(c governance.Precheck) bool { return c.Proposal == p.Number && c.Code == governance.PrecheckPassed })
	if !g.inSome(func(c *quoin.Configuration) bool { return c.Validators.IsQuorum(weigh(&c.Validators, passed)) }) {
		return fmt.Sprintf("with %d prechecks since height %d", len(passed), since.height())
	}
	if p.Status == governance.StatusPrechecked {
		return ""
	}
	approvals := g.members(who(g, since, never, func(c governance.Approve) bool { return c.Proposal == p.Number }), quoin.RoleApprover)
	if len(approvals) < 2 {
		return fmt.Sprintf("with %d approvals since height %d", len(approvals), since.height())
	}
	if p.Status == governance.StatusApproved || p.Status == governance.StatusShadow {
		return ""
	}
	scheduled := g.scheduled(p, since)
	if scheduled == 0 {
		return fmt.Sprintf("and no proposer scheduled it for height %d", p.Activation)
	}
	if shadowed := g.shadowed(p, since, scheduled); shadowed < p.Plan.Shadow {
		return fmt.Sprintf("and was scheduled after %d of %d heights of its shadow", shadowed, p.Plan.Shadow)
	}
	return ""
}

// scheduled returns where a proposer scheduled a proposal; 0 for nowhere.
func (g *governed) scheduled(p *governance.Proposal, since place) place {
	at := place(0)
	for _, v := range g.said {
		c, ok := v.command.(governance.Schedule)
		if ok && c.Proposal == p.Number && v.at > since && (c.Height == p.Activation || c.Height < p.Activation && p.Moves > 0) &&
			len(g.members([]quoin.PublicKey{v.by}, quoin.RoleProposer)) > 0 {
			at = v.at
		}
	}
	return at
}

// shadowed returns of how many heights of a shadow a quorum reported the same.
func (g *governed) shadowed(p *governance.Proposal, from, to place) uint64 {
	total, counted := uint64(0), quoin.Height(0)
	for _, v := range g.said {
		c, ok := v.command.(governance.Report)
		if !ok || c.Proposal != p.Number || v.at < from || v.at > to || c.Through <= counted {
			continue
		}
		same := who(g, from, v.at+1, func(x governance.Report) bool { return x == c })
		if g.inSome(func(c *quoin.Configuration) bool { return c.Validators.IsQuorum(weigh(&c.Validators, same)) }) {
			counted = c.Through
			total += g.served[len(g.served)-1].Parameters.ReportHeights
		}
	}
	return total
}

// inForce says what a proposal lacks to serve.
func (g *governed) inForce(p *governance.Proposal, since place) string {
	i := slices.IndexFunc(g.served, func(c quoin.Configuration) bool { return c.First == p.Activation+1 })
	if i < 1 {
		return fmt.Sprintf("and was scheduled for height %d, after which no epoch begins", p.Activation)
	}
	from := placeOf(g.scheduled(p, since).height(), 0)
	if p.Subject == governance.SubjectValidators {
		from = max(from, placeOf(g.served[i-1].First, 0))
	}
	set := &g.served[i].Validators
	if ready := weigh(set, who(g, from, placeOf(p.Activation, 0), func(c governance.Ready) bool { return c.Proposal == p.Number })); !set.IsQuorum(ready) {
		return fmt.Sprintf("with weight %d of %d of the set of epoch %d ready", ready, set.Total(), g.served[i].Epoch)
	}
	if insecure := g.insecure(p, since); insecure > 0 {
		return fmt.Sprintf("and %d found it insecure before", insecure)
	}
	if p.Plan.Trial == 0 {
		return ""
	}
	end := p.Activation + quoin.Height(p.Plan.Trial)
	if p.Status == governance.StatusTrial {
		if g.read > end {
			return fmt.Sprintf("although its trial ended with height %d", end)
		}
		return ""
	}
	return g.confirmed(p, set, placeOf(p.Activation, 0), placeOf(end+1, 0))
}

// insecure counts those whose newest assessment before a proposal came into force says that it is insecure.
func (g *governed) insecure(p *governance.Proposal, since place) int {
	newest := map[quoin.PublicKey]bool{}
	for _, v := range g.said {
		if c, ok := v.command.(governance.Attest); ok && c.Proposal == p.Number && c.Evidence == governance.EvidenceSecurity &&
			v.at > since && v.at < placeOf(p.Activation, 0) {
			newest[v.by] = c.Result == governance.SecurityFailed && c.Until >= p.Activation
		}
	}
	count := 0
	for _, failed := range newest { // any order: it counts
		if failed {
			count++
		}
	}
	return count
}

// confirmed says what a trial between two places lacks to be one no more: somebody's word, after a quorum's that
// all is well.
func (g *governed) confirmed(p *governance.Proposal, set *quoin.ValidatorSet, from, to place) string {
	for _, v := range g.said {
		if c, ok := v.command.(governance.Confirm); ok && c.Proposal == p.Number && v.at > from && v.at < to {
			well := weigh(set, who(g, from, v.at, func(c governance.Health) bool { return c.Proposal == p.Number && c.Reason == governance.HealthGood }))
			if !set.IsQuorum(well) {
				return fmt.Sprintf("and its trial was confirmed with weight %d of %d that found it well", well, set.Total())
			}
			return ""
		}
	}
	return "and nobody confirmed its trial"
}

// left says what a proposal lacks to have left its road.
func (g *governed) left(p *governance.Proposal, since place) string {
	of := func(n governance.ProposalNumber) bool { return n == p.Number }
	allowed := true
	switch p.Status {
	case governance.StatusVetoed:
		allowed = g.vetoed(p, since)
	case governance.StatusCancelled:
		allowed = len(g.members(who(g, 0, never, func(c governance.Cancel) bool { return of(c.Proposal) }), quoin.RoleProposer)) > 0
	case governance.StatusPaused, governance.StatusRolledBack:
		bad := who(g, since, never, func(c governance.Health) bool { return of(c.Proposal) && c.Reason != governance.HealthGood })
		pauses := who(g, since, never, func(c governance.Pause) bool { return of(c.Proposal) })
		back := who(g, since, never, func(c governance.Rollback) bool { return c.Slot == p.Slot() })
		if p.Status == governance.StatusPaused {
			allowed = len(g.members(pauses, quoin.RoleResponder)) > 0 || g.exceedsF(bad)
		} else {
			lapsed := p.Plan.Trial > 0 && p.Closed == p.Activation+quoin.Height(p.Plan.Trial)
			allowed = lapsed || len(g.members(back, quoin.RoleResponder)) > 0 || g.exceedsF(back) || g.exceedsF(bad)
		}
	}
	if !allowed {
		return "and nobody who may asked for it"
	}
	return ""
}

// began says what is wrong with an epoch that followed another: whatever is new was proposed, and came into force
// at its height, or served before what it follows, or is the fallback of its hook.
func (g *governed) began(before, now *quoin.Configuration, proposals []governance.Proposal) string {
	earned := func(slot string, subject ...governance.Subject) bool {
		return slices.ContainsFunc(proposals, func(p governance.Proposal) bool {
			return p.Activation == now.First-1 && p.Slot() == slot && (slices.Contains(subject, p.Subject) || bytes.Equal(p.Binding.AppendBinary(nil), serving(now, slot)))
		})
	}
	switch {
	case !slices.Equal(before.Validators.All(), now.Validators.All()) && !earned(governance.ValidatorsSlot, governance.SubjectValidators):
		return "and validators that nobody proposed for it"
	case !slices.Equal(before.Members, now.Members) && !earned(governance.MembersSlot, governance.SubjectMembers):
		return "and members that nobody proposed for it"
	case !slices.Equal(before.Policies, now.Policies) && !earned(governance.PoliciesSlot, governance.SubjectPolicies):
		return "and policies that nobody proposed for it"
	}
	for _, slot := range slots(before, now) {
		b, stack := serving(now, slot), g.stacks[slot]
		if stack == nil {
			stack = [][]byte{serving(&g.served[0], slot)}
		}
		switch x, _ := now.Binding(slot); {
		case bytes.Equal(serving(before, slot), b):
		case earned(slot, governance.SubjectParameters) || b == nil && earned(slot, governance.SubjectUnbind):
			if len(stack) > 1 && gone(slot, now.First-1, proposals) {
				stack = stack[:len(stack)-1]
			}
			stack = append(stack, b)
		case len(stack) > 1 && bytes.Equal(stack[len(stack)-2], b):
			stack = stack[:len(stack)-1]
		case len(stack) == 1 && x != nil && isFallback(x):
			stack = [][]byte{b}
		default:
			return fmt.Sprintf("and %s is neither what was proposed for it nor what served before the last", slot)
		}
		g.stacks[slot] = stack
	}
	return ""
}

// gone reports whether what served a slot had to go with a height: no return brings it back, although
// something else took its place with the same height.
func gone(slot string, at quoin.Height, proposals []governance.Proposal) bool {
	return slices.ContainsFunc(proposals, func(p governance.Proposal) bool {
		left := p.Status == governance.StatusPaused || p.Status == governance.StatusRolledBack || p.Status == governance.StatusQuarantined
		return left && p.Slot() == slot && p.Closed == at
	})
}

func isFallback(b *quoin.Binding) bool {
	h, ok := hook.Find(b.Hook)
	return ok && b.Builtin != "" && b.Builtin == h.Fallback
}

// slots returns the slots of bindings in configurations, and that of the parameters.
func slots(configurations ...*quoin.Configuration) []string {
	all := []string{governance.ParametersSlot}
	for _, c := range configurations {
		for i := range c.Bindings {
			all = append(all, c.Bindings[i].Slot())
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// inSome reports whether something is so of a configuration that has served.
func (g *governed) inSome(is func(c *quoin.Configuration) bool) bool {
	return slices.ContainsFunc(g.served, func(c quoin.Configuration) bool { return is(&c) })
}

// exceedsF reports whether keys weigh more than f in some validator set that has served.
func (g *governed) exceedsF(keys []quoin.PublicKey) bool {
	return g.inSome(func(c *quoin.Configuration) bool { return weigh(&c.Validators, keys) > c.Validators.FaultBound() })
}

// members returns the members with a role that keys belong to, each once.
func (g *governed) members(keys []quoin.PublicKey, role quoin.Role) []*quoin.Member {
	var all []*quoin.Member
	for _, k := range keys {
		g.inSome(func(c *quoin.Configuration) bool {
			m, ok := c.Member(g.origin(k))
			if ok = ok && m.Roles.Has(role); ok && !slices.ContainsFunc(all, func(x *quoin.Member) bool { return x.Name == m.Name }) {
				all = append(all, m)
			}
			return ok
		})
	}
	return all
}

func weigh(set *quoin.ValidatorSet, keys []quoin.PublicKey) uint64 {
	weight := uint64(0)
	for _, v := range set.All() {
		if slices.Contains(keys, v.Key) {
			weight += v.Weight
		}
	}
	return weight
}
