package governance

import (
	"crypto/sha256"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
)

// Review is an approver's newest word on a proposal.
type Review struct {
	Approves bool
	At       quoin.Height
	Note     string
}

func putReview(s State, key []byte, v *Review) {
	s.Put(key, appendNote(canonical.AppendUint64(canonical.AppendBool(nil, v.Approves), v.At), v.Note))
}

// ReadReview returns a member's newest word on a proposal in its present round.
func ReadReview(s State, p *Proposal, m *quoin.Member) (Review, bool) {
	return load(s, ReviewKey(p, rootOf(s, m.Key)), readReview)
}

func readReview(r *canonical.Reader) Review { return Review{r.Bool(), readHeight(r), readNote(r)} }

func readPrecheck(r *canonical.Reader) PrecheckCode {
	code := PrecheckCode(r.Uint32())
	readHeight(r)
	return code
}

func putEvidence(s State, key []byte, e *Evidence) {
	b := append([]byte{byte(e.Result)}, e.Digest[:]...)
	s.Put(key, appendNote(canonical.AppendUint64(canonical.AppendUint64(b, e.At), e.Until), e.Note))
}

// ReadEvidence returns an assessor's newest evidence of a kind about a proposal.
func ReadEvidence(s State, p *Proposal, kind EvidenceKind, m *quoin.Member) (Evidence, bool) {
	return load(s, EvidenceKey(p, kind, rootOf(s, m.Key)), func(r *canonical.Reader) Evidence {
		e := Evidence{Result: EvidenceResult(r.Byte())}
		r.Copy(e.Digest[:])
		e.At, e.Until, e.Note = readHeight(r), readHeight(r), readNote(r)
		return e
	})
}

// healthRecord is what is kept of a validator's newest health report.
type healthRecord struct {
	Through quoin.Height
	Reason  HealthReason
	Digest  quoin.Hash
}

func putHealth(s State, key []byte, x *healthRecord) {
	b := canonical.AppendUint32(canonical.AppendUint64(nil, x.Through), x.Reason)
	s.Put(key, append(b, x.Digest[:]...))
}

func readHealth(r *canonical.Reader) healthRecord {
	x := healthRecord{Through: readHeight(r), Reason: HealthReason(r.Uint32())}
	r.Copy(x.Digest[:])
	return x
}

// validatorReport is one validator's finding about one interval of a shadow.
type validatorReport struct {
	validator quoin.PublicKey
	Comparison
}

func putReports(s State, key []byte, reports []validatorReport) {
	b := canonical.AppendUint16(nil, uint16(len(reports)))
	for i := range reports {
		b = append(b, reports[i].validator[:]...)
		b = reports[i].Comparison.append(b)
	}
	s.Put(key, b)
}

func loadReports(s State, key []byte) []validatorReport {
	reports, _ := load(s, key, func(r *canonical.Reader) []validatorReport {
		reports := make([]validatorReport, r.Count16(quoin.ValidatorsMax, 32+5*8+32))
		for i := range reports {
			r.Copy(reports[i].validator[:])
			reports[i].Comparison = readComparison(r)
		}
		return reports
	})
	return reports
}

// chainDigest digests the agreed intervals of a shadow, one after the other.
func chainDigest(before, next quoin.Hash) quoin.Hash {
	b := append([]byte("quoin/shadow/v1\n"), before[:]...)
	return sha256.Sum256(append(b, next[:]...))
}

// vetoed reports whether validators of more than f of the set's weight objected.
func (f Flaws) vetoed(s State, set *quoin.ValidatorSet, p *Proposal) bool {
	bound := set.FaultBound()
	if f.VetoByF {
		bound--
	}
	return voices(s, set, there(s, func(k quoin.PublicKey) []byte { return VetoKey(p, k) })) > bound
}

// readyWeight returns the weight of the set's validators that said after the schedule that they are
// ready. For a validator set, only what was said in this epoch counts: earlier words could not speak
// for the releases that it brought into use.
func readyWeight(s State, now *quoin.Configuration, set *quoin.ValidatorSet, p *Proposal) uint64 {
	return voices(s, set, func(k quoin.PublicKey) (bool, bool) { return IsReady(s, now, p, k), true })
}

// IsReady reports whether a validator's readiness for a proposal counts by a configuration, which is the
// newest; see Attested.
func IsReady(s State, now *quoin.Configuration, p *Proposal, validator quoin.PublicKey) bool {
	at, ok := load(s, ReadyKey(p, validator), readHeight)
	return ok && p.Scheduled != 0 && at >= p.Scheduled && (p.Subject != SubjectValidators || at >= now.First)
}

// voices returns the weight of the set's validators that have a voice which counts.
func voices(s State, set *quoin.ValidatorSet, voice func(quoin.PublicKey) (counts, there bool)) uint64 {
	weight := uint64(0)
	for _, v := range set.All() {
		if counts, there := voice(v.Key); there && counts {
			weight += v.Weight
		}
	}
	return weight
}

// there makes a voice of a record: to be there is to count.
func there(s State, key func(quoin.PublicKey) []byte) func(quoin.PublicKey) (bool, bool) {
	return func(k quoin.PublicKey) (bool, bool) {
		_, ok := s.Get(key(k))
		return true, ok
	}
}
