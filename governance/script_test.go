package governance

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"quoin.dev/quoin"
)

// script runs lines of the words that testdata/README explains.
type script struct {
	t       testing.TB
	env     Environment
	state   memory
	height  quoin.Height
	answers []string // what lines gave
}

func newScript(t testing.TB) *script {
	s := &script{t: t, env: testEnvironment(), state: memory{}}
	Init(s.state, testGenesis(t))
	return s
}

func (s *script) say(format string, args ...any) {
	s.answers = append(s.answers, fmt.Sprintf(format, args...))
}

// play runs every line and returns the last answer.
func (s *script) play(lines string) string {
	for line := range strings.SplitSeq(lines, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if words := strings.Fields(line); len(words) > 0 {
			s.run(words)
		}
	}
	if len(s.answers) == 0 {
		return ""
	}
	return s.answers[len(s.answers)-1]
}

func (s *script) number(w string) uint64 {
	n, err := strconv.ParseUint(w, 10, 64)
	if err != nil {
		s.t.Fatalf("number %q", w)
	}
	return n
}

func (s *script) run(w []string) {
	switch w[0] {
	case "at":
		for to := quoin.Height(s.number(w[1])); s.height < to; {
			s.height++
			s.begin()
		}
	case "fault":
		RecordFault(s.env, s.state, w[1], 4, s.height)
		c := ConfigurationAt(s.state, s.height)
		f, _ := ReadFault(s.state, c.Epoch, w[1])
		s.say("%d in epoch %d", f.Count, c.Epoch)
	case "suspend":
		s.say("%v", Suspend(s.state, w[1], Suspension{s.height, 9, sha256.Sum256([]byte("evidence"))}))
	case "repeat": // the words with % as 1, 2, ...; only the last is told
		for i := range s.number(w[1]) {
			words, before := slices.Clone(w[2:]), len(s.answers)
			for j := range words {
				words[j] = strings.ReplaceAll(words[j], "%", strconv.FormatUint(i+1, 10))
			}
			s.run(words)
			if i+1 < s.number(w[1]) {
				s.answers = s.answers[:before]
			}
		}
	case "pass": // a quorum prechecks
		s.all([]string{"v1", "v2", "v3"}, "precheck", w[1:]...)
	case "consent": // and two approve
		s.run(append([]string{"pass"}, w[1:]...))
		s.all([]string{"bea", "bob"}, "approve", w[1:]...)
	case "adopt": // and it is scheduled at a height, for which a quorum is ready
		words := append([]string{w[1]}, w[3:]...)
		s.run(append([]string{"consent"}, words...))
		s.all([]string{"ann"}, "schedule", append(words, "at", w[2])...)
		s.all([]string{"v1", "v2", "v3"}, "ready", words...)
	case "encode":
		s.say("%x", s.payload(w[1], w[2], w[3:]))
	case "show":
		s.show(w[1:])
	case "dump":
		for _, k := range slices.Sorted(maps.Keys(s.state)) {
			if len(w) == 1 || strings.HasPrefix(k, w[1]) {
				s.say("%s %x", k, s.state[k])
			}
		}
	default:
		s.send(w[0], w[1], w[2:])
	}
}

// all sends a command of several people, all of which must succeed, and says nothing.
func (s *script) all(who []string, verb string, w ...string) {
	before := len(s.answers)
	for _, name := range who {
		if s.send(name, verb, w); !strings.HasPrefix(s.answers[len(s.answers)-1], "ok") {
			s.t.Fatalf("height %d: %s %s %v: %s\n%s", s.height, name, verb, w, s.answers[len(s.answers)-1], strings.Join(s.answers, "\n"))
		}
	}
	s.answers = s.answers[:before]
}

// begin begins a height and says what became of what was due.
func (s *script) begin() {
	d := Decide(s.env, readOnly{s.t, s.state}, s.height)
	Enact(s.state, d)
	for _, o := range d.Outcomes {
		what := fmt.Sprintf("proposal %d", o.Proposal)
		if o.Proposal == 0 {
			what = "return of " + o.Slot
		}
		fate := [...]string{"", "takes effect", "moves", "is rejected", "is vetoed", "is void", "reverts"}[o.Fate]
		s.say("%s", strings.TrimSpace(fmt.Sprintf("height %d: %s %s %s", s.height, what, fate, o.Why)))
	}
	if d.Next != nil {
		s.say("height %d: last of its epoch; epoch %d from height %d", s.height, d.Next.Epoch, d.Next.First)
	}
}

func (s *script) send(who, verb string, w []string) {
	before := maps.Clone(s.state)
	x := Apply(s.env, s.state, s.height, key(who), s.payload(who, verb, w))
	if x.Code != 0 && !maps.EqualFunc(before, s.state, bytes.Equal) {
		s.t.Fatalf("height %d: %s %s %v was refused as %s and wrote", s.height, who, verb, w, Code(x.Code))
	}
	if len(x.Output) == 8 {
		s.say("%s %d", Code(x.Code), binary.BigEndian.Uint64(x.Output))
	} else {
		s.say("%s", Code(x.Code))
	}
}

// options are the words of a line after those that every such line has.
type options struct {
	s     *script
	words []string
}

func (o options) word(name, otherwise string) string {
	if i := slices.Index(o.words, name); i >= 0 && i+1 < len(o.words) {
		return o.words[i+1]
	}
	return otherwise
}

func (o options) number(name, otherwise string) uint64 { return o.s.number(o.word(name, otherwise)) }

func (o options) height(name string) quoin.Height { return quoin.Height(o.number(name, "0")) }

func (s *script) payload(who, verb string, w []string) []byte {
	if verb == "bytes" {
		b, err := hex.DecodeString(strings.Join(w, ""))
		if err != nil {
			s.t.Fatal(err)
		}
		return b
	}
	return Encode(s.command(who, verb, w))
}

func (s *script) command(who, verb string, w []string) Command {
	o := options{s, w}
	note := strings.ReplaceAll(o.word("note", ""), "_", " ")
	proposal := func() ProposalNumber { return ProposalNumber(s.number(w[0])) }
	restarts := o.number("restarts", "0")
	switch verb {
	case "propose":
		p := s.proposal(o)
		p.Note = note
		return p
	case "precheck":
		code := slices.Index(precheckNames[:], o.word("found", "passed"))
		return Precheck{proposal(), PrecheckCode(code), restarts}
	case "approve":
		return Approve{proposal(), note, restarts}
	case "reject":
		return Reject{proposal(), note, restarts}
	case "attest":
		kind, names := EvidenceSecurity, evidenceNames[EvidenceSecurity]
		if w[1] == "benchmark" {
			kind, names = EvidenceBenchmark, evidenceNames[EvidenceBenchmark]
		}
		result := EvidenceResult(slices.Index(names, w[2]))
		return Attest{proposal(), kind, result, sha256.Sum256([]byte("report")), o.height("until"), note, restarts}
	case "shadow":
		return Shadow{proposal()}
	case "report":
		return Report{proposal(), o.height("through"), o.comparison(), restarts}
	case "schedule":
		return Schedule{proposal(), o.height("at"), restarts}
	case "ready":
		return Ready{proposal(), restarts}
	case "veto":
		return Veto{proposal(), note}
	case "cancel":
		return Cancel{proposal(), note}
	case "health":
		reason := slices.Index(healthNames[:], o.word("with", "good"))
		return Health{Proposal: proposal(), Through: o.height("through"), Reason: HealthReason(reason), Restarts: restarts}
	case "confirm":
		return Confirm{proposal(), note, restarts}
	case "pause":
		return Pause{proposal(), note}
	case "resume":
		return Resume{proposal(), note}
	case "deprecate":
		return Deprecate{proposal(), o.height("life"), note}
	case "retire":
		return Retire{proposal(), note}
	case "rollback":
		return Rollback{w[0], HistoryNumber(o.number("from", "0")), note}
	case "lift":
		return Lift{w[0]}
	case "rotate":
		return Rotate{key(w[0]), sign(key(o.word("signed", w[0])), RotationBytes(s.env.Origin, key(who), key(w[0])))}
	case "revoke":
		return Revoke{key(w[0]), note}
	}
	s.t.Fatalf("verb %q", verb)
	return nil
}

func (o options) comparison() Comparison {
	return Comparison{Compared: o.number("compared", "100"), Diverged: o.number("diverged", "0"), Faults: o.number("faults", "0"),
		Skipped: o.number("skipped", "0"), Digest: sha256.Sum256([]byte(o.word("digest", "")))}
}

// proposal reads what stands after propose: see testdata/README.
func (s *script) proposal(o options) Propose {
	w := o.words
	var p Propose
	switch w[0] {
	case "validators":
		p = NewValidators(testSet(s.t, w[1:]...))
	case "parameters":
		c := CurrentConfiguration(s.state)
		if err := c.Parameters.Set(w[1], s.number(w[2])); err != nil {
			s.t.Fatal(err)
		}
		p = NewParameters(c.Parameters)
	case "members":
		words := w[1:]
		if i := slices.Index(words, "trial"); i >= 0 {
			words = words[:i]
		}
		p = NewMembers(s.members(words))
	case "policies":
		return NewPolicies(s.policies(w[1], w[2], strings.Join(w[3:], " ")))
	case "unbind":
		p = NewUnbind(quoin.SplitSlot(w[1]))
	default:
		p = s.binding(o)
	}
	p.Plan = Plan{Shadow: o.number("shadow", "0"), Trial: o.number("trial", "0"), Diverges: slices.Contains(w, "diverges"),
		State: StateRoad(o.number("state", "0")), PatchUntil: o.height("patches")}
	return p
}

func (s *script) binding(o options) Propose {
	w := o.words
	b := quoin.Binding{FuelMax: o.number("fuel", "1000")}
	b.Hook, b.Namespace = quoin.SplitSlot(o.word("for", "leader.v1"))
	if with := o.word("with", ""); with != "" {
		b.Parameters = []byte(with)
	}
	if nodes := o.word("nodes", ""); nodes != "" {
		for name := range strings.SplitSeq(nodes, ",") {
			b.Nodes = append(b.Nodes, key(name))
		}
		quoin.SortKeys(b.Nodes)
	}
	if w[0] == "builtin" {
		b.Builtin = w[1]
		return NewBuiltin(b)
	}
	r := testRelease(&s.env, o.word("by", "aud"), w[0], w[1], s.number(w[2]))
	signed := r.Digest
	if digest := o.word("digest", ""); digest != "" {
		r.Digest = sha256.Sum256([]byte(digest))
	}
	if o.word("over", "") == "" {
		signed = r.Digest
	}
	r.Size, r.EndOfLife = o.number("size", "1000"), o.height("life")
	r.Signature = sign(key(o.word("signed", o.word("by", "aud"))), s.env.AuthorBytes(signed))
	return NewRelease(r, b)
}

// members returns those of the newest configuration with changes: -NAME, or NAME=KEY:ROLES.
func (s *script) members(changes []string) []quoin.Member {
	members := slices.Clone(CurrentConfiguration(s.state).Members)
	for _, w := range changes {
		name, rest, _ := strings.Cut(strings.TrimPrefix(w, "-"), "=")
		members = slices.DeleteFunc(members, func(m quoin.Member) bool { return m.Name == name })
		if strings.HasPrefix(w, "-") {
			continue
		}
		keyName, roles, _ := strings.Cut(rest, ":")
		role, err := quoin.ParseRole(roles)
		if err != nil {
			s.t.Fatal(err)
		}
		members = append(members, quoin.Member{Name: name, Key: key(keyName), Organisation: name + ".example", Roles: role})
	}
	return members
}

// policies returns those of the newest configuration with one put in, or with - taken out.
func (s *script) policies(class, step, expression string) []quoin.Policy {
	policies := slices.DeleteFunc(slices.Clone(CurrentConfiguration(s.state).Policies), func(p quoin.Policy) bool {
		return p.Class == class[0] && p.Step == step
	})
	if expression != "-" {
		policies = append(policies, quoin.Policy{Class: class[0], Step: step, Expression: expression})
	}
	return policies
}

func (s *script) show(w []string) {
	c := ConfigurationAt(s.state, s.height)
	switch w[0] {
	case "proposal":
		p, ok := ReadProposal(s.state, ProposalNumber(s.number(w[1])))
		if !ok {
			s.say("none")
			return
		}
		n := Count(s.state, &p, c.Validators, s.height)
		s.say("%s %c round %d, activation %d, moves %d, closed %d; prechecked %d, approvals %d, rejections %d, ready %d, vetoes %d",
			p.Status, p.Class, p.Round, p.Activation, p.Moves, p.Closed, n.Prechecked, n.Approvals, n.Rejections, n.Ready, n.Vetoes)
		if e := p.Ending; e.Why != 0 || e.Note != "" {
			s.say("%s, code %d, at %d: %q", e.Why, e.Code, e.Height, e.Note)
		}
	case "history":
		for x := range History(s.state, w[1]) {
			s.say("%d: epoch %d from %d: %s by %s of proposal %d, before it %d", x.Number, x.Epoch, x.First, bindingText(x), x.Cause, x.Proposal, x.Before)
		}
	case "bindings":
		s.say("epoch %d from %d", c.Epoch, c.First)
		for _, b := range c.Bindings {
			s.say("%s: %s", b.Slot(), bindingText(Served{Bound: true, Binding: b}))
		}
	case "validators":
		var names []string
		for _, v := range c.Validators.All() {
			names = append(names, v.Name)
		}
		slices.Sort(names)
		s.say("%s", strings.Join(names, " "))
	case "parameter":
		for _, x := range new(quoin.Parameters).Changes(&c.Parameters) {
			if x.Name == w[1] {
				s.say("%d", x.To)
			}
		}
	case "watched":
		for _, x := range Watched(s.state, s.height) {
			s.say("%d beside %s, trial %v, from %d", x.Proposal, x.Slot, x.Trial, x.From)
		}
	case "open":
		for _, p := range OpenProposals(s.state) {
			s.say("%d %s %s", p.Number, p.Status, p.Slot())
		}
	default:
		s.t.Fatalf("show %q", w[0])
	}
}

func bindingText(x Served) string {
	b := &x.Binding
	switch {
	case !x.Bound:
		return "nothing"
	case b.Builtin != "":
		return strings.TrimSpace("built-in " + b.Builtin + " " + string(b.Parameters))
	case b.Hook == "":
		return "parameters"
	}
	return strings.TrimSpace("release " + b.Release.String()[:8] + " " + string(b.Parameters))
}
