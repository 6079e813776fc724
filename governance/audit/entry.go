package audit

import (
	"fmt"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
)

// Entry says for people what an event says. It is a function of the event and of what came before.
type Entry struct {
	Number       uint64                      `json:"event"`
	Height       quoin.Height                `json:"height"`
	Kind         string                      `json:"kind"`                   // the command's, or fault, decision, suspension
	Member       string                      `json:"member,omitempty"`       // whose key signed, as it was then
	Organisation string                      `json:"organisation,omitempty"` // the member's
	Validator    string                      `json:"validator,omitempty"`    // whose key signed
	Key          string                      `json:"key,omitempty"`          // that signed
	What         string                      `json:"what"`
	Why          string                      `json:"why,omitempty"` // the note
	Proposals    []governance.ProposalNumber `json:"proposals,omitempty"`
	Slots        []string                    `json:"slots,omitempty"`
	Became       []Step                      `json:"became,omitempty"` // proposals with another status than before
}

// Step is a step of a proposal on its road.
type Step struct {
	Proposal governance.ProposalNumber `json:"proposal"`
	From     string                    `json:"from,omitempty"` // empty: it was made
	To       string                    `json:"to"`
}

// Who names who did it: "alice (acme)", "validator v1", or the kernel.
func (e *Entry) Who() string {
	switch {
	case e.Member != "":
		return e.Member + " (" + e.Organisation + ")"
	case e.Validator != "":
		return "validator " + e.Validator
	case e.Key != "":
		return e.Key
	}
	return "kernel"
}

// Concerns reports whether the entry is about a proposal.
func (e *Entry) Concerns(n governance.ProposalNumber) bool {
	for _, p := range e.Proposals {
		if p == n {
			return true
		}
	}
	for _, s := range e.Became {
		if s.Proposal == n {
			return true
		}
	}
	return false
}

const kindDecision = "decision"

// describe says what an event is about to do.
func (r *Replay) describe(e *governance.AuditEvent, number uint64, due *governance.Decision) *Entry {
	entry := &Entry{Number: number, Height: e.Height}
	switch e.Kind {
	case governance.AuditCommand:
		entry.command(r, e)
	case governance.AuditDecision:
		entry.Kind = kindDecision
		entry.decision(due)
	case governance.AuditFault:
		entry.Kind = "fault"
		if f, err := e.Fault(); err == nil {
			entry.Slots = []string{f.Slot}
			entry.What = fmt.Sprintf("what serves %s faulted with code %d", f.Slot, f.Code)
		}
	case governance.AuditSuspension:
		entry.Kind = "suspension"
		if namespace, x, err := e.Suspension(); err == nil {
			entry.What = fmt.Sprintf("namespace %s is suspended for reason %d, on evidence %s", namespace, x.Reason, x.Evidence)
		}
	}
	return entry
}

func (e *Entry) command(r *Replay, event *governance.AuditEvent) {
	body, err := event.Command()
	if err != nil {
		return
	}
	command, err := governance.DecodeCommand(body.Payload)
	if err != nil {
		return
	}
	e.Kind, e.Key = command.Kind().String(), body.Signer.String()
	s, now := r.state, r.at(event.Height)
	if m, ok := governance.MemberIn(s, now, body.Signer); ok {
		e.Member, e.Organisation = m.Name, m.Organisation
	}
	for _, set := range validators(s, now, command) {
		if i, ok := set.Index(body.Signer); ok {
			e.Validator = set.At(i).Name
			break
		}
	}
	number := governance.ProposalNumber(0)
	e.What, e.Why, number = words(s, command, body.Output)
	if number != 0 {
		e.Proposals = []governance.ProposalNumber{number}
	}
	switch c := command.(type) {
	case governance.Propose:
		e.Slots = []string{c.Slot()}
	case governance.Rollback:
		e.Slots = []string{c.Slot}
	default:
		if p, ok := governance.ReadProposal(s, number); ok {
			e.Slots = []string{p.Slot()}
		}
	}
}

// validators returns the sets whose members may send a command as validators.
func validators(s governance.State, now *quoin.Configuration, command governance.Command) []quoin.ValidatorSet {
	sets := []quoin.ValidatorSet{now.Validators}
	if c, ok := command.(governance.Ready); ok {
		if p, ok := governance.ReadProposal(s, c.Proposal); ok && p.Subject == governance.SubjectValidators {
			sets = append(sets, p.Validators)
		}
	}
	return sets
}

func (e *Entry) decision(d *governance.Decision) {
	var parts []string
	for _, o := range d.Outcomes {
		what := "the return of " + o.Slot
		if o.Proposal != 0 {
			what = fmt.Sprintf("proposal %d for %s", o.Proposal, o.Slot)
			e.Proposals = append(e.Proposals, o.Proposal)
		}
		e.Slots = append(e.Slots, o.Slot)
		parts = append(parts, what+" "+fateWords(o))
	}
	if d.Next != nil {
		parts = append(parts, fmt.Sprintf("epoch %d begins with height %d", d.Next.Epoch, d.Next.First))
	}
	e.What = strings.Join(parts, "; ")
}

func fateWords(o governance.Outcome) string {
	switch o.Fate {
	case governance.FateActivate:
		return "takes effect"
	case governance.FateMove:
		return "is put off: " + o.Why.String()
	case governance.FateReject:
		return "is rejected: " + o.Why.String()
	case governance.FateVeto:
		return "is vetoed"
	case governance.FateVoid:
		return "is void"
	case governance.FateRevert:
		return "ends unconfirmed, and what served before serves again"
	}
	return "has no known fate"
}
