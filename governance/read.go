package governance

import (
	"fmt"
	"iter"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
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

// Tally is the voices for and against a proposal. Weights are of the set asked about.
type Tally struct {
	Approvals         int
	ApprovalsRequired int
	ReadyWeight       uint64 // a quorum is needed
	VetoWeight        uint64 // more than f stops the proposal
}

// Count counts the voices on a proposal by the newest configuration's roles and a validator set:
// the present one for vetoes, the next one for readiness.
func Count(s State, p *Proposal, set quoin.ValidatorSet) Tally {
	c := CurrentConfiguration(s)
	return Tally{
		Approvals:         approvals(s, &c, p.Number),
		ApprovalsRequired: required(&c),
		ReadyWeight:       readyWeight(s, &c, &set, p),
		VetoWeight:        voices(s, &set, func(k quoin.PublicKey) []byte { return VetoKey(p.Number, k) }),
	}
}

// Attested reports whether a validator's readiness for a proposal counts in the newest epoch. As
// long as the proposal is open and this is false, a validator that is ready should say so.
func Attested(s State, p *Proposal, validator quoin.PublicKey) bool {
	c := CurrentConfiguration(s)
	return isReady(s, &c, p, validator)
}

// ReleaseRecord is a release with the newest proposal that was made of it.
type ReleaseRecord struct {
	Release
	Proposal ProposalNumber
}

// ReadRelease returns what the ledger knows of a digest.
func ReadRelease(s State, digest quoin.Hash) (ReleaseRecord, bool) {
	return load(s, ReleaseKey(digest), func(r *canonical.Reader) ReleaseRecord {
		return ReleaseRecord{readFacts(r, digest), ProposalNumber(r.Uint64())}
	})
}

// ReadName returns what the ledger knows of a plugin's name.
func ReadName(s State, name string) (Name, bool) { return load(s, NameKey(name), readName) }

// ReadSlot returns what the ledger knows of a slot.
func ReadSlot(s State, slot string) (Slot, bool) { return load(s, SlotKey(slot), readSlot) }

// ReadServed returns a line of a slot's history.
func ReadServed(s State, slot string, n HistoryNumber) (Served, bool) {
	x, ok := load(s, HistoryKey(slot, n), readServed)
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
