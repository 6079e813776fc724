package governance

import "quoin.dev/quoin"

// required returns how many approvals a proposal needs: two, or one of a single approver, but never
// none, even on a chain without approvers, whose algorithms are thereby fixed for ever.
func required(c *quoin.Configuration) int {
	return max(1, min(2, len(c.Holders(quoin.RoleApprover))))
}

func approvals(s State, c *quoin.Configuration, n ProposalNumber) int {
	count := 0
	for _, a := range c.Holders(quoin.RoleApprover) {
		if _, ok := s.Get(ApprovalKey(n, a)); ok {
			count++
		}
	}
	return count
}

// vetoed reports whether validators of more than f of the set's weight objected.
func (f Flaws) vetoed(s State, set *quoin.ValidatorSet, n ProposalNumber) bool {
	bound := set.FaultBound()
	if f.VetoByF {
		bound--
	}
	return voices(s, set, func(k quoin.PublicKey) []byte { return VetoKey(n, k) }) > bound
}

// readyWeight returns the weight of the set's validators whose readiness for p counts in the epoch
// of now. For a validator set, only attestations of this epoch do: earlier ones could not speak for
// the releases that it brought into use.
func readyWeight(s State, now *quoin.Configuration, set *quoin.ValidatorSet, p *Proposal) uint64 {
	weight := uint64(0)
	for _, v := range set.All() {
		if isReady(s, now, p, v.Key) {
			weight += v.Weight
		}
	}
	return weight
}

func isReady(s State, now *quoin.Configuration, p *Proposal, validator quoin.PublicKey) bool {
	at, ok := load(s, ReadyKey(p.Number, validator), readHeight)
	return ok && (p.Subject != SubjectValidators || at >= now.First)
}

// voices returns the weight of the set's validators under whose key there is a record.
func voices(s State, set *quoin.ValidatorSet, key func(quoin.PublicKey) []byte) uint64 {
	weight := uint64(0)
	for _, v := range set.All() {
		if _, ok := s.Get(key(v.Key)); ok {
			weight += v.Weight
		}
	}
	return weight
}
