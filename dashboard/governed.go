package dashboard

import (
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api"
	"quoin.dev/quoin/api/standing"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/observe/timeline"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
)

// proposalsShown is how many proposals a frame has at most.
const proposalsShown = 24

// newGoverned puts changes into a frame's form.
func newGoverned(c *api.Changes) *Governed {
	g := &Governed{Height: c.Height, Proposals: []Proposal{}, Serving: []Serving{}}
	for _, x := range c.Proposals {
		p := Proposal{Number: x.Proposal.GetNumber(), Open: x.Explain != nil, Whole: message(x.Proposal), Stands: standing.Text(x.Proposal, c.Height)}
		if x.Explain != nil {
			p.Explain, p.Missing, p.Next = message(x.Explain), standing.Missing(x.Proposal, x.Explain), standing.Next(x.Proposal)
		}
		g.Proposals = append(g.Proposals, p)
	}
	for _, x := range c.Serving {
		s := Serving{Slot: x.Slot, Name: x.Name, Version: x.Version, Cause: x.GetCause(), Proposal: x.GetProposal(), Since: x.GetFirstHeight(),
			Builtin: x.GetBinding().GetBuiltin(), Fuel: x.GetBinding().GetFuelMax(), Class: "G"}
		if d := x.GetBinding().GetRelease(); len(d) == len(quoin.Hash{}) {
			s.Release = quoin.Hash(d).String()
		}
		name, _ := quoin.SplitSlot(x.Slot)
		if h, ok := hook.Find(name); ok {
			s.Class, s.Purpose, s.Fallback = h.Class.String(), h.Purpose, h.Fallback
		}
		g.Serving = append(g.Serving, s)
	}
	return g
}

// message is a message of the API as the API's JSON has it.
func message(m proto.Message) json.RawMessage {
	b, err := protojson.Marshal(m)
	if err != nil {
		return json.RawMessage("null") // text that is no UTF-8, which governance lets nobody write
	}
	return b
}

// chronicle makes marks of what governance decided, by comparing what it has now with what it had before.
type chronicle struct {
	timeline *timeline.Timeline
	begun    bool
	statuses map[uint64]string  // by proposal
	served   map[string]Serving // by slot
}

// note compares.
func (c *chronicle) note(now time.Time, changes *api.Changes, g *Governed) {
	statuses, served := map[uint64]string{}, map[string]Serving{}
	for i := range changes.Proposals {
		p := changes.Proposals[i].Proposal
		n := p.GetNumber()
		statuses[n] = p.GetStatus()
		before, known := c.statuses[n]
		if c.begun && p.GetStatus() != before && (known || n > c.newest()) {
			c.step(now, p, changes.Height)
		}
	}
	for _, s := range g.Serving {
		served[s.Slot] = s
		before, known := c.served[s.Slot]
		if c.begun && (!known || before.Since != s.Since) {
			c.serves(now, &s, &before)
		}
	}
	for slot, before := range c.served { // in any order: there is one as a rule
		if _, still := served[slot]; c.begun && !still {
			c.serves(now, &Serving{Slot: slot, Cause: "unbound", Since: changes.Height}, &before)
		}
	}
	c.begun, c.statuses, c.served = true, statuses, served
}

// newest returns the greatest number that was known.
func (c *chronicle) newest() (newest uint64) {
	for n := range c.statuses { // in any order
		newest = max(newest, n)
	}
	return newest
}

// steps are the statuses whose beginning is a mark. What serves from now on is told by serves.
var steps = map[governance.Status]struct {
	kind        string
	tone        timeline.Tone
	title, text string
}{
	governance.StatusProposed:    {"proposed", timeline.ToneNote, "%s is proposed", "Validators check by themselves whether they can run it, before anybody may approve it."},
	governance.StatusPrechecked:  {"prechecked", timeline.ToneNote, "%s can run", "A quorum of validators compiled and tried it. Approvers judge it now."},
	governance.StatusApproved:    {"approved", timeline.ToneNote, "%s is approved", "The policy of its class is satisfied. It can run in the shadow, or be scheduled."},
	governance.StatusShadow:      {"shadow-begins", timeline.ToneChange, "%s runs in the shadow", "Every validator runs it beside what serves, on the same input. Results are compared and discarded: it cannot change anything."},
	governance.StatusScheduled:   {"scheduled", timeline.ToneNote, "%s is scheduled", "It takes effect after a fixed height, on all nodes alike, if a quorum says that it is ready."},
	governance.StatusRejected:    {"rejected", timeline.ToneNote, "%s is rejected", "It does not take effect."},
	governance.StatusVetoed:      {"vetoed", timeline.ToneNote, "%s is vetoed", "Validators of more than a third of the weight objected. It does not take effect."},
	governance.StatusQuarantined: {"quarantine", timeline.ToneWarn, "%s is quarantined", "It faulted so often that the rules took it out of service by themselves."},
	governance.StatusCancelled:   {"cancelled", timeline.ToneNote, "%s is withdrawn", "Its proposer withdrew it."},
	governance.StatusPaused:      {"paused", timeline.ToneWarn, "%s is paused", "A responder, or the rules, took it out of effect until somebody resumes it."},
	governance.StatusDeprecated:  {"deprecated", timeline.ToneNote, "%s is deprecated", "Its end of use is set. It serves on, and should be replaced."},
	governance.StatusRetired:     {"retired", timeline.ToneNote, "%s is retired", "Nothing may bind it again."},
	governance.StatusActive:      {"confirmed", timeline.ToneGood, "%s is active", "It serves for good, until something replaces it or takes it back."},
}

func (c *chronicle) step(now time.Time, p *quoinv1.Proposal, height uint64) {
	for status, s := range steps { // in any order: one has the name
		if status.String() != p.GetStatus() {
			continue
		}
		text := s.text
		if m := p.GetEnding().GetMeaning(); m != "" {
			text += " Why: " + m + "."
		}
		c.timeline.Mark(timeline.Mark{Kind: s.kind, Tone: s.tone, Time: now.UnixMilli(), Height: height, Title: fmt.Sprintf(s.title, proposalName(p)), Text: text})
	}
}

// proposalName is what people call a proposal.
func proposalName(p *quoinv1.Proposal) string {
	what := p.GetSubject()
	switch {
	case p.GetName() != "":
		what = p.GetName() + " " + p.GetVersion()
	case p.GetBinding().GetBuiltin() != "":
		what = "the built-in " + p.GetBinding().GetBuiltin()
	}
	return fmt.Sprintf("Proposal %d (%s, for %s)", p.GetNumber(), what, p.GetSlot())
}

// serves makes a mark of what serves a slot from now on.
func (c *chronicle) serves(now time.Time, s, before *Serving) {
	m := timeline.Mark{Kind: "activation", Tone: timeline.ToneChange, Time: now.UnixMilli(), Height: s.Since, Title: fmt.Sprintf("%s: %s takes over", s.Slot, servingName(s)),
		Text: fmt.Sprintf("From height %d on it answers in place of %s, on all nodes alike.", s.Since, servingName(before))}
	if c.statuses[s.Proposal] != "" && s.Class == "G" {
		m.Title = fmt.Sprintf("New %s", s.Slot)
		m.Text = fmt.Sprintf("From height %d on the network has new %s, as proposal %d wanted.", s.Since, s.Slot, s.Proposal)
	}
	why := map[string]string{
		"rollback":    "it was asked to go, by validators, a responder or the rules",
		"quarantine":  "what served faulted too often",
		"pause":       "what served was paused",
		"unconfirmed": "nobody confirmed what was on trial in time",
		"unbound":     "nothing is bound here any more",
	}[s.Cause]
	if why != "" {
		m.Kind, m.Title = "rollback", fmt.Sprintf("%s: back to %s", s.Slot, servingName(s))
		m.Text = fmt.Sprintf("From height %d on it answers again in place of %s: %s. Going back takes a block or two, and asks nobody for readiness.", s.Since, servingName(before), why)
	}
	c.timeline.Mark(m)
}

func servingName(s *Serving) string {
	switch {
	case s.Name != "":
		return s.Name + " " + s.Version
	case s.Builtin != "":
		return "the built-in " + s.Builtin
	case s.Release != "":
		return "release " + s.Release[:12]
	}
	return "nothing"
}
