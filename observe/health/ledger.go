package health

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
)

// Word is what a validator last said on the ledger, signed, of something that is tried or serves. Such words
// compare with what was before; they say nothing of this package's targets (see docs/health.md).
type Word struct {
	Proposal governance.ProposalNumber
	Slot     string
	Status   string       // of the proposal
	Kind     string       // health, or report: of a shadow
	Through  quoin.Height // the last height that it speaks of; 0: it has said nothing yet
	Bad      bool
	Code     string // the reason's stable name; good, or empty if nothing was said
	Sentence string // for people
}

// Said returns what a validator last said of what is in the shadow, on trial or active, as the certified state at a
// height has it: first of what is tried, then of what serves, in the order of the slots.
func Said(k governance.State, height quoin.Height, validator quoin.PublicKey) []Word {
	var words []Word
	for _, p := range governance.OpenProposals(k) {
		switch {
		case p.Status == governance.StatusTrial:
			words = append(words, ofHealth(k, &p, validator))
		case p.ShadowFrom != 0:
			words = append(words, ofShadow(k, &p, height, validator))
		}
	}
	c := governance.CurrentConfiguration(k)
	slots := []string{governance.ParametersSlot}
	for _, b := range c.Bindings {
		slots = append(slots, b.Slot())
	}
	for _, slot := range slots {
		s, _ := governance.ReadSlot(k, slot)
		line, _ := governance.ReadServed(k, slot, s.Serving)
		if p, ok := governance.ReadProposal(k, line.Proposal); ok && p.Status.Serves() && p.Status != governance.StatusTrial {
			words = append(words, ofHealth(k, &p, validator))
		}
	}
	return words
}

func ofHealth(k governance.State, p *governance.Proposal, validator quoin.PublicKey) Word {
	w := Word{Proposal: p.Number, Slot: p.Slot(), Status: p.Status.String(), Kind: "health"}
	x, ok := governance.ReadHealth(k, p, validator)
	switch {
	case ok:
		w.Through, w.Code, w.Bad, w.Sentence = x.Through, x.Reason.String(), x.Reason != governance.HealthGood, x.Reason.Meaning()
	case p.Status == governance.StatusTrial:
		w.Sentence = "it has said nothing yet"
	default:
		w.Sentence = "it has nothing against it"
	}
	return w
}

// reportsBack is for how many intervals a validator's report is looked for.
const reportsBack = 4

func ofShadow(k governance.State, p *governance.Proposal, height quoin.Height, validator quoin.PublicKey) Word {
	w := Word{Proposal: p.Number, Slot: p.Slot(), Status: p.Status.String(), Kind: "report", Sentence: "it has reported nothing yet"}
	c := governance.ConfigurationAt(k, height)
	interval := quoin.Height(c.Parameters.ReportHeights)
	through := height - height%interval
	for range reportsBack {
		if through < p.ShadowFrom {
			break
		}
		if x, ok := governance.ReadReport(k, p, through, interval, validator); ok {
			w.Through, w.Code, w.Bad = through, "same", x.Diverged+x.Faults > 0
			w.Sentence = fmt.Sprintf("%d calls compared, %d with another result, %d faults", x.Compared, x.Diverged, x.Faults)
			if w.Bad {
				w.Code = "differs"
			}
			break
		}
		through -= min(interval, through)
	}
	return w
}
