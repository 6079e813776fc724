package governance

import "quoin.dev/quoin"

// What people want to see of a proposal beside what its rules count: who said what. Each function reads
// one record; none of them is used by a rule.

// ReadPrecheck returns a validator's finding about a proposal in its present round.
func ReadPrecheck(s State, p *Proposal, validator quoin.PublicKey) (PrecheckCode, bool) {
	return load(s, PrecheckKey(p, validator), readPrecheck)
}

// ReadReady returns the height at which a validator last said in this round that it is ready. Whether
// that counts, Attested says.
func ReadReady(s State, p *Proposal, validator quoin.PublicKey) (quoin.Height, bool) {
	return load(s, ReadyKey(p, validator), readHeight)
}

// ReadVeto returns the height at which a validator objected to a proposal in this round.
func ReadVeto(s State, p *Proposal, validator quoin.PublicKey) (quoin.Height, bool) {
	return load(s, VetoKey(p, validator), readHeight)
}

// HealthWord is a validator's newest word on what serves.
type HealthWord struct {
	Through quoin.Height // the last height that it speaks of
	Reason  HealthReason // HealthGood, or what is wrong
}

// ReadHealth returns a validator's newest word on what a proposal brought.
func ReadHealth(s State, p *Proposal, validator quoin.PublicKey) (HealthWord, bool) {
	x, ok := load(s, HealthKey(p, validator), readHealth)
	return HealthWord{x.Through, x.Reason}, ok
}

// ReadReport returns what a validator reported of an interval of a shadow's heights.
func ReadReport(s State, p *Proposal, through, interval quoin.Height, validator quoin.PublicKey) (Comparison, bool) {
	for _, r := range loadReports(s, ReportKey(p, through, interval)) {
		if r.validator == validator {
			return r.Comparison, true
		}
	}
	return Comparison{}, false
}

// MemberOf returns the member that holds a key now, by the newest configuration and what was rotated and
// revoked since. Its Key is the configuration's.
func MemberOf(s State, key quoin.PublicKey) (quoin.Member, bool) {
	c := CurrentConfiguration(s)
	if m, ok := memberOf(s, &c, key); ok {
		return *m, true
	}
	return quoin.Member{}, false
}

// Revoked reports whether the rights of whoever holds or held a key were revoked.
func Revoked(s State, key quoin.PublicKey) bool { return disabled(s, key) }

// Standing says what became of the key with which a configuration names a member.
type Standing byte

// The standings.
const (
	StandingGood     Standing = iota // the key has the member's rights
	StandingRotated                  // another key has them
	StandingDisabled                 // no key has them: they were revoked
)

var standingNames = [...]string{"good", "rotated", "revoked"}

// String returns the stable name.
func (x Standing) String() string {
	if int(x) < len(standingNames) {
		return standingNames[x]
	}
	return "unknown"
}

// StandingOf returns what became of a member of the newest configuration.
func StandingOf(s State, m *quoin.Member) Standing {
	if disabled(s, m.Key) {
		return StandingDisabled
	}
	if _, given := s.Get(RevokedKey(m.Key)); given {
		return StandingRotated
	}
	return StandingGood
}

// Deprecation is something that serves and should not be used any more.
type Deprecation struct {
	Slot     string
	Proposal ProposalNumber // that brought it
	Name     string         // of a release; empty for a built-in
	Version  string
	EndOfUse quoin.Height // from which on nobody should use it
	Note     string       // why
}

// Deprecations returns what is deprecated among the bindings of the newest configuration, in the order of
// their slots.
func Deprecations(s State) []Deprecation {
	var list []Deprecation
	for _, b := range CurrentConfiguration(s).Bindings {
		slot, _ := ReadSlot(s, b.Slot())
		line, ok := ReadServed(s, b.Slot(), slot.Serving)
		if !ok || line.Proposal == 0 {
			continue
		}
		if p := mustProposal(s, line.Proposal); p.EndOfUse != 0 {
			list = append(list, Deprecation{b.Slot(), p.Number, p.Release.Name, p.Release.Version, p.EndOfUse, p.Ending.Note})
		}
	}
	return list
}

// Newest returns the number of the newest proposal; 0 if there was none.
func Newest(s State) ProposalNumber {
	return loadCounters(s).proposals
}
