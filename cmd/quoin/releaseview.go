package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
	"quoin.dev/quoin/api/standing"
	"quoin.dev/quoin/governance"
)

// messageView is a message of the API as JSON of this program's kind: names as in the definition, bytes in
// hexadecimal, numbers as numbers, nothing left out but absent messages.
func messageView(m proto.Message) map[string]any { return viewMessage(m.ProtoReflect()) }

func viewMessage(m protoreflect.Message) map[string]any {
	v := map[string]any{}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case f.IsMap():
			entries := map[string]any{}
			m.Get(f).Map().Range(func(k protoreflect.MapKey, x protoreflect.Value) bool {
				entries[k.String()] = viewValue(f.MapValue(), x)
				return true
			})
			v[string(f.Name())] = entries
		case f.IsList():
			list := []any{}
			for k := range m.Get(f).List().Len() {
				list = append(list, viewValue(f, m.Get(f).List().Get(k)))
			}
			v[string(f.Name())] = list
		case !f.HasPresence() || m.Has(f):
			v[string(f.Name())] = viewValue(f, m.Get(f))
		}
	}
	return v
}

func viewValue(f protoreflect.FieldDescriptor, x protoreflect.Value) any {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return viewMessage(x.Message())
	case protoreflect.BytesKind:
		return hex.EncodeToString(x.Bytes())
	case protoreflect.EnumKind:
		return string(f.Enum().Values().ByNumber(x.Enum()).Name())
	case protoreflect.DoubleKind:
		if n := x.Float(); math.IsNaN(n) || math.IsInf(n, 0) { // JSON has no such numbers
			return nil
		}
	}
	return x.Interface()
}

// showProposal says where a proposal stands, what it needs, who said what, and why it was stopped.
func (t *terminal) showProposal(ctx context.Context, n *conn, number uint64) error {
	p, height, err := n.proposal(ctx, number)
	if err != nil {
		return err
	}
	x, err := n.explain(ctx, number, "")
	if err != nil {
		return err
	}
	return t.writeProposal(p, x, height)
}

func (t *terminal) writeProposal(p *quoinv1.Proposal, x *quoinv1.ExplainResponse, height uint64) error {
	needs := standing.Missing(p, x)
	v := viewProposal(p)
	v["height"], v["missing"], v["next"] = height, orEmpty(needs), standing.Next(p)
	return t.data(v, func(w io.Writer) {
		table(w, func(row func(...any)) {
			showStanding(row, p, height)
			for i, line := range needs {
				row(firstOnly(i, "needs"), line)
			}
			if todo := standing.Next(p); todo != "" {
				row("next", todo)
			}
			showCourse(row, p)
			showPeople(row, p)
			showValidators(row, p)
			showChanges(row, p)
		})
	})
}

// firstOnly is a row's name, for the first of several rows.
func firstOnly(i int, name string) string {
	if i > 0 {
		return ""
	}
	return name
}

func showStanding(row func(...any), p *quoinv1.Proposal, height uint64) {
	row("proposal", p.GetNumber())
	row("status", standing.Text(p, height))
	if e := p.GetEnding(); e.GetWhy() != "" {
		row("because", fmt.Sprintf("%s (%s)%s", e.GetMeaning(), e.GetWhy(), atHeight(e.GetHeight())))
	}
	if note := p.GetEnding().GetNote(); note != "" {
		row("they say", note)
	}
	row("slot", fmt.Sprintf("%s (class %s)", p.GetSlot(), p.GetClass()))
	row("what", whatOf(p))
	row("plan", planText(p.GetPlan()))
	if p.GetNote() != "" {
		row("why", p.GetNote())
	}
}

func atHeight(h uint64) string {
	if h == 0 {
		return ""
	}
	return fmt.Sprintf(", at height %d", h)
}

func planText(p *quoinv1.Plan) string {
	var parts []string
	add := func(on bool, format string, a ...any) {
		if on {
			parts = append(parts, fmt.Sprintf(format, a...))
		}
	}
	add(p.GetShadow() > 0, "a shadow of %d heights", p.GetShadow())
	add(p.GetTrial() > 0, "a trial of %d heights", p.GetTrial())
	add(p.GetTrial() == 0, "no trial: for good at once")
	add(p.GetDiverges(), "results are meant to differ")
	add(p.GetState() != "" && p.GetState() != governance.StateKeep.String(), "state: %s", p.GetState())
	add(p.GetPatchUntil() > 0, "patches take the light road until height %d", p.GetPatchUntil())
	return strings.Join(parts, ", ")
}

// showCourse shows what happened at which height.
func showCourse(row func(...any), p *quoinv1.Proposal) {
	who := orWord(p.GetProposerName(), hex.EncodeToString(p.GetProposer()))
	if p.GetProposerOrganisation() != "" {
		who += " of " + p.GetProposerOrganisation()
	}
	row("proposed", fmt.Sprintf("at height %d by %s", p.GetProposedHeight(), who))
	if p.GetRound() > 1 {
		row("round", fmt.Sprintf("%d: what was said before does not count any more", p.GetRound()))
	}
	if p.GetScheduledHeight() > 0 {
		row("scheduled", fmt.Sprintf("at height %d, after height %d", p.GetScheduledHeight(), p.GetActivationHeight()))
	}
	if p.GetClosedHeight() > 0 {
		row("closed", fmt.Sprintf("at height %d", p.GetClosedHeight()))
	}
	if f := p.GetReleaseFacts(); f != nil {
		author := hex.EncodeToString(f.GetAuthor())
		if f.GetAuthorName() != "" {
			author = f.GetAuthorName() + " of " + f.GetAuthorOrganisation()
		}
		row("release", hex.EncodeToString(f.GetDigest()))
		row("author", author)
	}
	if s := p.GetShadow(); s != nil {
		row("shadow", fmt.Sprintf("%d heights agreed on, through %d: %d calls compared, %d differed, %d faulted, %d skipped", p.GetShadowHeights(), p.GetShadowThrough(),
			s.GetCompared(), s.GetDiverged(), s.GetFaults(), s.GetSkipped()))
		if s.GetFirstHeight() > 0 {
			row("", fmt.Sprintf("first difference or fault at height %d", s.GetFirstHeight()))
		}
	}
}

// showPeople shows what members said.
func showPeople(row func(...any), p *quoinv1.Proposal) {
	for _, r := range p.GetReviews() {
		word := "rejects"
		if r.GetApproves() {
			word = "approves"
		}
		if !r.GetCounts() {
			word += " (does not count)"
		}
		row(r.GetMember(), fmt.Sprintf("%s, for %s, at height %d%s", word, r.GetOrganisation(), r.GetHeight(), said(r.GetNote())))
	}
	for _, e := range p.GetEvidence() {
		until := fmt.Sprintf("until height %d", e.GetUntilHeight())
		if e.GetExpired() {
			until = fmt.Sprintf("expired at height %d", e.GetUntilHeight())
		}
		row(e.GetMember(), fmt.Sprintf("%s: %s, for %s, at height %d, %s, report %s%s", e.GetKind(), e.GetResult(), e.GetOrganisation(), e.GetHeight(), until,
			hex.EncodeToString(e.GetDigest()), said(e.GetNote())))
	}
}

func said(note string) string {
	if note == "" {
		return ""
	}
	return ": " + quote(note)
}

// showValidators shows what validators said.
func showValidators(row func(...any), p *quoinv1.Proposal) {
	t := p.GetTally()
	row("weights", fmt.Sprintf("of %d: %d found that it can run, %d that it cannot, %d are ready, %d veto, health %d good and %d bad; %d are a quorum, %d stop it", t.GetWeight(),
		t.GetPrechecked(), t.GetFailed(), t.GetReady(), t.GetVetoes(), t.GetGood(), t.GetBad(), t.GetQuorum(), t.GetStop()))
	byName := slices.SortedFunc(slices.Values(p.GetValidators()), func(a, b *quoinv1.ValidatorWord) int { return strings.Compare(a.GetName(), b.GetName()) })
	for _, v := range byName {
		var words []string
		add := func(on bool, format string, a ...any) {
			if on {
				words = append(words, fmt.Sprintf(format, a...))
			}
		}
		add(v.GetPrecheck() != "", "precheck %s", v.GetPrecheck())
		add(v.GetReady(), "ready since height %d", v.GetReadyHeight())
		add(v.GetVetoHeight() > 0, "vetoed at height %d", v.GetVetoHeight())
		add(v.GetHealth() != "", "health %s through height %d", v.GetHealth(), v.GetHealthThrough())
		if len(words) > 0 {
			row(v.GetName(), strings.Join(words, ", "))
		}
	}
}

// showChanges shows what a proposal that is of no hook says.
func showChanges(row func(...any), p *quoinv1.Proposal) {
	for _, c := range p.GetParameters() {
		row("parameter", fmt.Sprintf("%s: %d → %d (class %s)", c.GetName(), c.GetFrom(), c.GetTo(), c.GetClass()))
	}
	for _, m := range p.GetMembers() {
		row("member", fmt.Sprintf("%s of %s: %s, key %s", m.GetName(), m.GetOrganisation(), strings.Join(m.GetRoles(), ", "), hex.EncodeToString(m.GetKey())))
	}
	for _, r := range p.GetPolicies() {
		row("policy", fmt.Sprintf("%s %s: %s", r.GetClass(), r.GetStep(), oneLine(r.GetExpression())))
	}
	for _, v := range p.GetValidatorSet() {
		row("validator", fmt.Sprintf("%s, weight %d, key %s", v.GetName(), v.GetWeight(), hex.EncodeToString(v.GetKey())))
	}
}

// oneLine writes a policy, which may have several lines, in one.
func oneLine(expression string) string { return strings.Join(strings.Fields(expression), " ") }
