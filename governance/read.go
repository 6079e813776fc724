package governance

import (
	"fmt"
	"iter"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/governance/policy"
)

// CurrentConfiguration returns the newest configuration on the ledger. From the last block of an
// epoch on it is that of the next; see ConfigurationAt. It panics on a state without genesis.
func CurrentConfiguration(s State) quoin.Configuration {
	newest, _ := load(s, keyNewest, func(r *canonical.Reader) quoin.Epoch { return quoin.Epoch(r.Uint64()) })
	return mustConfiguration(s, newest)
}

// ConfigurationAt returns the configuration in force at height h, which is the next to execute or
// the one after.
func ConfigurationAt(s State, h quoin.Height) quoin.Configuration {
	c := CurrentConfiguration(s)
	if c.First > h && c.Epoch > 1 {
		return mustConfiguration(s, c.Epoch-1)
	}
	return c
}

// ReadConfiguration returns the configuration of an epoch.
func ReadConfiguration(s State, e quoin.Epoch) (quoin.Configuration, bool) {
	return load(s, EpochKey(e), quoin.ReadConfiguration)
}

// ReadProposal returns a proposal.
func ReadProposal(s State, n ProposalNumber) (Proposal, bool) {
	p, ok := load(s, ProposalKey(n), readProposal)
	p.Number = n
	return p, ok
}

// Proposals yields every proposal, the newest first.
func Proposals(s State) iter.Seq[Proposal] {
	return func(yield func(Proposal) bool) {
		for n := loadCounters(s).proposals; n > 0; n-- {
			if !yield(mustProposal(s, n)) {
				return
			}
		}
	}
}

// OpenProposals returns the open proposals, the oldest first: at most OpenProposalsMax.
func OpenProposals(s State) []Proposal {
	var open []Proposal
	for _, n := range loadOpen(s) {
		open = append(open, mustProposal(s, n))
	}
	return open
}

// Tally is the voices on a proposal, in its present round. Weights are of the set asked about.
type Tally struct {
	Approvals  int64 // of approvers that are neither proposer nor author
	Rejections int64
	Prechecked uint64 // weight that passed it; a quorum is needed
	Failed     uint64 // weight that did not
	Ready      uint64 // weight that is ready; a quorum is needed
	Vetoes     uint64 // weight; more than f stops the proposal
	Good, Bad  uint64 // weight of the newest health reports
}

// Count counts the voices on a proposal by the newest configuration and a validator set: the present
// one for vetoes, the next one for readiness.
func Count(s State, p *Proposal, set quoin.ValidatorSet, h quoin.Height) Tally {
	c := CurrentConfiguration(s)
	r := countReviews(s, &c, p, Flaws{})
	passed := func(pass bool) uint64 {
		return voices(s, &set, func(k quoin.PublicKey) (bool, bool) {
			code, ok := load(s, PrecheckKey(p, k), readPrecheck)
			return (code == PrecheckPassed) == pass, ok
		})
	}
	c.Validators = set
	t := countHealth(s, &c, h, p)
	return Tally{Approvals: r.approvals, Rejections: r.rejections, Prechecked: passed(true), Failed: passed(false),
		Ready: readyWeight(s, &c, &set, p), Vetoes: voices(s, &set, there(s, func(k quoin.PublicKey) []byte { return VetoKey(p, k) })),
		Good: t.good, Bad: t.bad}
}

// Gate returns the policy of a step for a proposal, and the facts that it would be judged by at h.
func Gate(s State, p *Proposal, step string, h quoin.Height) (expression string, f policy.Facts, ok bool) {
	c := CurrentConfiguration(s)
	expression, ok = c.Policy(byte(p.Class), step)
	return expression, facts(s, &c, h, p, step, Flaws{}), ok
}

// Prechecked reports whether a validator's precheck of a proposal counts in its present round.
func Prechecked(s State, p *Proposal, validator quoin.PublicKey) bool {
	_, ok := s.Get(PrecheckKey(p, validator))
	return ok
}

// Watch is a proposal that runs, or is run beside what serves.
type Watch struct {
	Proposal  ProposalNumber
	Round     uint64
	Slot      string
	Trial     bool           // it serves; otherwise it is in the shadow
	Candidate *quoin.Binding // of the proposal
	Incumbent *quoin.Binding // what serves, or served before the trial; nil for nothing
	From      quoin.Height   // the first height
	State     StateRoad
}

// Watched returns the shadows and trials of bindings that cover height h, which is the next to execute
// or the one after, in the order of their proposals.
func Watched(s State, h quoin.Height) []Watch {
	var watched []Watch
	for _, n := range loadOpen(s) {
		p := mustProposal(s, n)
		if p.Binding.Hook == "" {
			continue
		}
		w := Watch{Proposal: n, Round: p.Round, Slot: p.Slot(), Candidate: &p.Binding, State: p.Plan.State}
		slot, _ := ReadSlot(s, w.Slot)
		line, ok := ReadServed(s, w.Slot, slot.Serving)
		switch {
		case p.Status == StatusTrial && ok && line.Proposal == n:
			w.Trial, w.From = true, p.Activation+1
			line, ok = ReadServed(s, w.Slot, line.Before)
		case p.ShadowFrom != 0:
			w.From = p.ShadowFrom
		default:
			continue
		}
		if ok && line.Bound {
			w.Incumbent = &line.Binding
		}
		if w.From <= h {
			watched = append(watched, w)
		}
	}
	return watched
}

// Attested reports whether a validator's readiness for a proposal counts in the newest epoch. As
// long as the proposal is open and this is false, a validator that is ready should say so.
func Attested(s State, p *Proposal, validator quoin.PublicKey) bool {
	c := CurrentConfiguration(s)
	return IsReady(s, &c, p, validator)
}

// ReleaseRecord is a release with the newest proposal that was made of it.
type ReleaseRecord struct {
	Release
	Proposal ProposalNumber
	Retired  quoin.Height // the height at which it was retired for good; 0 before
}

// ReadRelease returns what the ledger knows of a digest.
func ReadRelease(s State, digest quoin.Hash) (ReleaseRecord, bool) {
	return load(s, ReleaseKey(digest), func(r *canonical.Reader) ReleaseRecord {
		return ReleaseRecord{readFacts(r, digest), ProposalNumber(r.Uint64()), readHeight(r)}
	})
}

// ReadName returns what the ledger knows of a plugin's name.
func ReadName(s State, name string) (Name, bool) { return load(s, NameKey(name), readName) }

// ReadSlot returns what the ledger knows of a slot.
func ReadSlot(s State, slot string) (Slot, bool) { return load(s, SlotKey(slot), readSlot) }

// ReadServed returns a line of a slot's history.
func ReadServed(s State, slot string, n HistoryNumber) (Served, bool) {
	x, ok := load(s, HistoryKey(slot, n), func(r *canonical.Reader) Served { return readServed(r, slot) })
	x.Number = n
	return x, ok
}

// History yields what served a slot, the newest first. The first line may be of the epoch that
// follows the last block.
func History(s State, slot string) iter.Seq[Served] {
	return func(yield func(Served) bool) {
		x, _ := ReadSlot(s, slot)
		for n := x.Serving; n > 0; n-- {
			if !yield(mustServed(s, slot, n)) {
				return
			}
		}
	}
}

// ReadFault returns the faults of a slot in an epoch.
func ReadFault(s State, e quoin.Epoch, slot string) (Fault, bool) {
	return load(s, FaultKey(e, slot), readFault)
}

func mustConfiguration(s State, e quoin.Epoch) quoin.Configuration {
	c, ok := ReadConfiguration(s, e)
	if !ok {
		panic(fmt.Sprintf("governance: no configuration of epoch %d: the state has no genesis", e))
	}
	return c
}

func mustProposal(s State, n ProposalNumber) Proposal {
	p, ok := ReadProposal(s, n)
	if !ok {
		panic(fmt.Sprintf("governance: proposal %d is listed and not there", n))
	}
	return p
}

func mustServed(s State, slot string, n HistoryNumber) Served {
	x, ok := ReadServed(s, slot, n)
	if !ok {
		panic(fmt.Sprintf("governance: line %d of the history of %s is listed and not there", n, slot))
	}
	return x
}
