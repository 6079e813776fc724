package governance

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"quoin.dev/quoin"
)

var rewrite = flag.Bool("rewrite", false, "write what the scenarios give into their files")

// TestScenarios runs testdata/*.txt. A line is a command, a comment (#) or empty; the lines after
// it that begin with two spaces are what it gives. The words are explained in testdata/README.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runScenario(t, string(want))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("%s differs; run go test ./governance -run TestScenarios -rewrite and look at the difference\n%s", file, firstDifference(string(want), got))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range g {
		if i >= len(w) || w[i] != g[i] {
			return fmt.Sprintf("line %d is %q, want %q", i+1, g[i], strings.Join(w[min(i, len(w)):min(i+1, len(w))], ""))
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

type scenario struct {
	t      *testing.T
	env    Environment
	state  memory
	height quoin.Height
	out    *strings.Builder
}

func runScenario(t *testing.T, text string) string {
	s := &scenario{t: t, env: testEnvironment(), state: memory{}, out: &strings.Builder{}}
	Init(s.state, testGenesis(t))
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasPrefix(line, "  ") {
			continue
		}
		s.out.WriteString(line + "\n")
		code, _, _ := strings.Cut(line, "#")
		if words := strings.Fields(code); len(words) > 0 {
			s.run(words)
		}
	}
	return s.out.String()
}

func (s *scenario) say(format string, args ...any) { fmt.Fprintf(s.out, "  "+format+"\n", args...) }

func (s *scenario) number(w string) uint64 {
	n, err := strconv.ParseUint(w, 10, 64)
	if err != nil {
		s.t.Fatalf("number %q", w)
	}
	return n
}

func (s *scenario) run(w []string) {
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
			words := slices.Clone(w[2:])
			for j := range words {
				words[j] = strings.ReplaceAll(words[j], "%", strconv.FormatUint(i+1, 10))
			}
			told := s.out
			s.out = &strings.Builder{}
			s.run(words)
			if i+1 == s.number(w[1]) {
				told.WriteString(s.out.String())
			}
			s.out = told
		}
	case "encode":
		s.say("%x", s.payload(w[1], w[2:]))
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

// begin begins a height and says what became of what was due.
func (s *scenario) begin() {
	before := s.state.dump()
	d := Decide(s.state, s.height)
	if !bytes.Equal(before, s.state.dump()) {
		s.t.Fatal("Decide wrote")
	}
	Enact(s.state, d)
	for _, o := range d.Outcomes {
		what := fmt.Sprintf("proposal %d", o.Proposal)
		if o.Proposal == 0 {
			what = "return of " + o.Slot
		}
		s.say("height %d: %s %s", s.height, what, [...]string{"", "takes effect", "moves", "is rejected", "is vetoed", "is void"}[o.Fate])
	}
	if d.Next != nil {
		s.say("height %d: last of its epoch; epoch %d from height %d", s.height, d.Next.Epoch, d.Next.First)
	}
}

func (s *scenario) send(who, verb string, w []string) {
	x := Apply(s.env, s.state, s.height, key(who), s.payload(verb, w))
	if len(x.Output) == 8 {
		s.say("%s %d", Code(x.Code), binary.BigEndian.Uint64(x.Output))
	} else {
		s.say("%s", Code(x.Code))
	}
}

func (s *scenario) payload(verb string, w []string) []byte {
	option := func(name, otherwise string) string {
		if i := slices.Index(w, name); i >= 0 {
			return w[i+1]
		}
		return otherwise
	}
	proposal := func() ProposalNumber { return ProposalNumber(s.number(w[0])) }
	height := func() quoin.Height { return quoin.Height(s.number(option("at", "0"))) }
	switch verb {
	case "propose":
		return Encode(s.proposal(w, option))
	case "approve":
		return Encode(Approve{proposal(), height()})
	case "schedule":
		return Encode(Schedule{proposal(), height()})
	case "ready":
		return Encode(Ready{proposal()})
	case "veto":
		return Encode(Veto{proposal()})
	case "cancel":
		return Encode(Cancel{proposal()})
	case "rollback":
		return Encode(Rollback{w[0], HistoryNumber(s.number(option("from", "0")))})
	case "lift":
		return Encode(Lift{w[0]})
	case "bytes":
		return []byte(w[0])
	}
	s.t.Fatalf("verb %q", verb)
	return nil
}

// proposal reads "NAME VERSION SEQUENCE by AUTHOR for SLOT ...", "builtin NAME for SLOT ..." or
// "validators NAME...".
func (s *scenario) proposal(w []string, option func(name, otherwise string) string) Propose {
	if w[0] == "validators" {
		return NewValidators(testSet(s.t, w[1:]...))
	}
	hook, namespace, _ := strings.Cut(option("for", "leader.v1"), "/")
	b := quoin.Binding{Hook: hook, Namespace: namespace, FuelMax: s.number(option("fuel", "1000"))}
	if p := option("with", ""); p != "" {
		b.Parameters = []byte(p)
	}
	if w[0] == "builtin" {
		b.Builtin = w[1]
		return NewBuiltin(b)
	}
	r := testRelease(&s.env, option("by", "aud"), w[0], w[1], s.number(w[2]))
	if digest := option("digest", ""); digest != "" {
		r.Digest = sha256.Sum256([]byte(digest))
	}
	r.Size = s.number(option("size", "1000"))
	r.EndOfLife = quoin.Height(s.number(option("life", "0")))
	r.Signature = sign(key(option("signed", option("by", "aud"))), s.env.AuthorBytes(r.Digest))
	return NewRelease(r, b)
}

func (s *scenario) show(w []string) {
	switch w[0] {
	case "proposal":
		p, ok := ReadProposal(s.state, ProposalNumber(s.number(w[1])))
		if !ok {
			s.say("none")
			return
		}
		c := ConfigurationAt(s.state, s.height)
		n := Count(s.state, &p, c.Validators)
		s.say("%s, activation %d, moves %d, closed %d; approvals %d of %d, ready %d, vetoes %d",
			p.Status, p.Activation, p.Moves, p.Closed, n.Approvals, n.ApprovalsRequired, n.ReadyWeight, n.VetoWeight)
	case "history":
		for x := range History(s.state, w[1]) {
			s.say("%d: epoch %d from %d: %s by %s of proposal %d, before it %d", x.Number, x.Epoch, x.First, bindingText(x), x.Cause, x.Proposal, x.Before)
		}
	case "bindings":
		c := ConfigurationAt(s.state, s.height)
		s.say("epoch %d from %d", c.Epoch, c.First)
		for _, b := range c.Bindings {
			s.say("%s: %s", b.Slot(), bindingText(Served{Bound: true, Binding: b}))
		}
	case "validators":
		var names []string
		c := ConfigurationAt(s.state, s.height)
		for _, v := range c.Validators.All() {
			names = append(names, v.Name)
		}
		slices.Sort(names)
		s.say("%s", strings.Join(names, " "))
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
	}
	return strings.TrimSpace("release " + b.Release.String()[:8] + " " + string(b.Parameters))
}
