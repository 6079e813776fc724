package audit

import (
	"crypto/sha256"
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/governance/policy"
)

// Activation is the predicate of an attestation: how a change came to take effect.
type Activation struct {
	Chain    quoin.Origin              `json:"chain"`
	Audit    Place                     `json:"audit"`
	Proposal governance.ProposalNumber `json:"proposal"`
	Subject  string                    `json:"subject"` // release, builtin, unbind, validators, parameters, members or policies
	Class    string                    `json:"class"`
	Slot     string                    `json:"slot"`
	Epoch    quoin.Epoch               `json:"epoch"`         // that begins with it
	First    quoin.Height              `json:"first_height"`  // of the epoch
	Trial    uint64                    `json:"trial_heights"` // 0: it serves for good
	Policies []Judged                  `json:"policies"`
	History  []Entry                   `json:"history"` // who did what, when and why: all about the proposal, reports apart
}

// Place is a place in the audit chain: an event, and the hash over all events up to it.
type Place struct {
	Event uint64 `json:"event"`
	Head  string `json:"head"`
}

// Judged is a policy that held: its text, the facts that it names, and what each part of it gave.
type Judged struct {
	Step   string       `json:"step"`
	Height quoin.Height `json:"height"`
	policy.Explanation
}

// Attester makes the statement of each change that takes effect, while a history is verified: it is a
// Watcher. A statement is a function of the history up to its event, and so the same in every export.
type Attester struct {
	origin quoin.Origin
	emit   func(event uint64, statement []byte)
	judge  *policy.Judge
	lives  map[governance.ProposalNumber]*life
}

// life is what is known of a proposal.
type life struct {
	entries  []Entry
	policies []Judged
}

var _ Watcher = (*Attester)(nil)

// NewAttester returns an Attester that hands each statement to emit.
func NewAttester(origin quoin.Origin, emit func(event uint64, statement []byte)) *Attester {
	return &Attester{origin, emit, policy.NewJudge(), map[governance.ProposalNumber]*life{}}
}

// Before implements Watcher: what is due is judged before it is decided on.
func (a *Attester) Before(s governance.State, e *governance.AuditEvent) {
	if e.Kind != governance.AuditDecision {
		return
	}
	for _, p := range governance.OpenProposals(s) {
		if p.Status == governance.StatusScheduled && p.Due == e.Height {
			a.judged(s, &p, policy.StepActivate, e.Height)
		}
	}
}

// judged remembers how a policy judges a step of a proposal. Of a step that is judged again, the last counts.
func (a *Attester) judged(s governance.State, p *governance.Proposal, step string, h quoin.Height) {
	l := a.lives[p.Number]
	expression, facts, ok := governance.Gate(s, p, step, h)
	if l == nil || !ok {
		return
	}
	j := Judged{step, h, a.judge.Explain(expression, &facts)}
	for i := range l.policies {
		if l.policies[i].Step == step {
			l.policies[i] = j
			return
		}
	}
	l.policies = append(l.policies, j)
}

// After implements Watcher.
func (a *Attester) After(s governance.State, e *governance.AuditEvent, entry *Entry) {
	for _, step := range entry.Became {
		if step.From == "" {
			a.lives[step.Proposal] = &life{}
		}
	}
	if entry.Kind != governance.KindReport.String() && entry.Kind != governance.KindHealth.String() {
		a.remember(entry)
	}
	for _, step := range entry.Became {
		p, _ := governance.ReadProposal(s, step.Proposal)
		switch {
		case p.Status == governance.StatusApproved:
			a.judged(s, &p, policy.StepApprove, e.Height)
		case step.From == governance.StatusScheduled.String() && p.Status.Serves():
			a.emit(entry.Number, encode(a.statement(s, &p)))
		case ended(p.Status):
			delete(a.lives, step.Proposal)
		}
	}
}

// ended reports whether a proposal of the status can never be scheduled again.
func ended(s governance.Status) bool {
	return s == governance.StatusSuperseded || s >= governance.StatusRetired && s <= governance.StatusCancelled
}

// remember adds an entry to all proposals that it is about.
func (a *Attester) remember(entry *Entry) {
	about := map[governance.ProposalNumber]bool{}
	for _, n := range entry.Proposals {
		about[n] = true
	}
	for _, step := range entry.Became {
		about[step.Proposal] = true
	}
	for n := range about { // in any order: each has its own
		if l := a.lives[n]; l != nil {
			l.entries = append(l.entries, *entry)
		}
	}
}

func (a *Attester) statement(s governance.State, p *governance.Proposal) Statement {
	chain, now, l := governance.ReadAudit(s), governance.CurrentConfiguration(s), a.lives[p.Number]
	x := Statement{Type: StatementType, PredicateType: PredicateType, Predicate: Activation{
		Chain: a.origin, Audit: Place{chain.Count, chain.Head.String()}, Proposal: p.Number, Subject: p.Subject.String(), Class: string(rune(p.Class)),
		Slot: p.Slot(), Epoch: now.Epoch, First: now.First, Trial: p.Plan.Trial, Policies: l.policies, History: l.entries}}
	if p.Subject == governance.SubjectRelease {
		x.Subject = append(x.Subject, Subject{p.Release.Name + "@" + p.Release.Version, map[string]string{"sha256": p.Release.Digest.String()}})
	}
	name := fmt.Sprintf("%s/epoch/%d", a.origin, now.Epoch)
	x.Subject = append(x.Subject, Subject{name, map[string]string{"sha256": digestOf(now.AppendBinary(nil)).String()}})
	return x
}

func digestOf(b []byte) quoin.Hash { return sha256.Sum256(b) }
