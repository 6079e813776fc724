package governance

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin"
)

// eventNames are the kernel's own events, for people.
var eventNames = map[Event]string{
	EventDue: "its height has come", EventUnheard: "its trial ends unconfirmed", EventLeave: "what was asked to go goes",
	EventReplace: "a later proposal takes its place", EventReturn: "what came after it goes", EventVoid: "its grounds have changed",
}

func eventName(e Event) string {
	if name, ok := eventNames[e]; ok {
		return name
	}
	return Kind(e).String()
}

// eventsOf returns the events of a status: commands by number, then the kernel's own.
func eventsOf(s Status) []Event {
	var events []Event
	for e := range road[s] { // any order: sorted below
		events = append(events, e)
	}
	slices.Sort(events)
	return events
}

func followers(s Status, e Event) string {
	var names []string
	for _, next := range road[s][e] {
		if next == s {
			names = append(names, "stays")
		} else {
			names = append(names, next.String())
		}
	}
	return strings.Join(names, ", ")
}

// TestRoadIsWhole: every status is met on the road, nothing leads to one that is not there, and nothing
// but become gives a proposal another status.
func TestRoadIsWhole(t *testing.T) {
	reached := map[Status]bool{StatusProposed: true}
	for _, events := range road { // any order
		for e, following := range events { // any order
			if eventName(e) == "unknown" {
				t.Errorf("event %d has no name", e)
			}
			for _, s := range following {
				reached[s] = true
			}
		}
	}
	for _, s := range Statuses() {
		if !reached[s] {
			t.Errorf("nothing leads to %s", s)
		}
	}
	files, _ := filepath.Glob("*.go")
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || file == "lifecycle.go" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := regexp.MustCompile(`\.Status(, \S+)* =[^=]`).Find(text); found != nil {
			t.Errorf("%s sets a status: %q; use become", file, found)
		}
	}
}

// refusal returns the code with which a proposal of a status refuses a command of whoever may send it.
func refusal(t *testing.T, status Status, kind Kind) Code {
	s := newScript(t)
	s.play("at 1\n ann propose fast 1.0.0 1 shadow 8\n consent 1\n at 8")
	p, _ := ReadProposal(s.state, 1)
	p.Status = status
	if !status.Holds() {
		putOpen(s.state, nil)
	}
	if status.Serves() {
		p.Activation = 2
		serve(s.state, "leader.v1", Served{Epoch: 1, First: 3, Cause: CauseProposal, Proposal: 1, Bound: true, Binding: p.Binding})
	}
	putProposal(s.state, &p)
	lines := map[Kind]string{KindApprove: "bil approve 1", KindSchedule: "ann schedule 1 at 20", KindReady: "v1 ready 1", KindVeto: "v1 veto 1",
		KindRollback: "rex rollback leader.v1 from 2", KindCancel: "ann cancel 1", KindPrecheck: "v4 precheck 1", KindReject: "bil reject 1",
		KindAttest: "sam attest 1 security passed until 99", KindShadow: "ann shadow 1", KindReport: "v1 report 1 through 8",
		KindHealth: "v1 health 1 through 8 with slow", KindConfirm: "ann confirm 1", KindPause: "rex pause 1", KindResume: "ann resume 1",
		KindDeprecate: "ann deprecate 1 life 99", KindRetire: "ann retire 1"}
	answer := s.play(lines[kind])
	for _, c := range Codes() {
		if c.String() == answer {
			return c
		}
	}
	t.Errorf("%s of a proposal that is %s gives %q, which is no refusal", kind, status, answer)
	return OK
}

// tableKinds are the commands on a proposal, in the order of its life.
var tableKinds = []Kind{KindPrecheck, KindApprove, KindReject, KindAttest, KindShadow, KindReport, KindSchedule, KindReady, KindVeto, KindCancel,
	KindHealth, KindConfirm, KindRollback, KindPause, KindResume, KindDeprecate, KindRetire}

// lifecycleTables are the generated part of docs/lifecycle.md.
func lifecycleTables(t *testing.T) string {
	var b strings.Builder
	b.WriteString("\n## Statuses and commands\n\nA cell says what status follows, or with which code the command is refused.\n\n")
	for _, half := range [][]Status{Statuses()[:8], Statuses()[8:]} {
		b.WriteString("| |")
		for _, s := range half {
			fmt.Fprintf(&b, " **%s** |", s)
		}
		b.WriteString("\n|---|" + strings.Repeat("---|", len(half)) + "\n")
		for _, kind := range tableKinds {
			fmt.Fprintf(&b, "| `%s` |", kind)
			for _, s := range half {
				switch {
				case followers(s, Event(kind)) != "":
					fmt.Fprintf(&b, " %s |", followers(s, Event(kind)))
				case kind == KindRollback && !s.Serves():
					b.WriteString(" – |")
				default:
					fmt.Fprintf(&b, " `%s` |", refusal(t, s, kind))
				}
			}
			b.WriteString("\n")
		}
		b.WriteString("\n")
	}
	b.WriteString("A rollback names a slot, and so what serves it; the slot's other proposals it does not meet (–).\n")
	b.WriteString("\n## What happens by itself\n\n| status | when | leads to |\n|---|---|---|\n")
	for _, s := range Statuses() {
		for _, e := range eventsOf(s) {
			if e >= EventDue {
				fmt.Fprintf(&b, "| %s | %s | %s |\n", s, eventName(e), followers(s, e))
			}
		}
	}
	b.WriteString("\n## Codes\n\n| number | code | meaning |\n|---|---|---|\n")
	for _, c := range Codes() {
		fmt.Fprintf(&b, "| %d | `%s` | %s |\n", c, c, c.Meaning())
	}
	b.WriteString("\n## Numbers of a precheck\n\n| number | name | what the validator found |\n|---|---|---|\n")
	for c := PrecheckPassed; c < precheckEnd; c++ {
		fmt.Fprintf(&b, "| %d | `%s` | %s |\n", c, c, c.Meaning())
	}
	b.WriteString("\n## Numbers of a health report\n\n| number | name | what the validator holds against it |\n|---|---|---|\n")
	for r := HealthGood; r < healthEnd; r++ {
		fmt.Fprintf(&b, "| %d | `%s` | %s |\n", r, r, r.Meaning())
	}
	b.WriteString("\n## Numbers of an ending\n\nWhy a proposal stands where it stands.\n\n| number | name | what it means |\n|---|---|---|\n")
	for w := WhyPrecheck; w < whyEnd; w++ {
		fmt.Fprintf(&b, "| %d | `%s` | %s |\n", w, w, w.Meaning())
	}
	return b.String()
}

// TestLifecyclePage: the tables of the page and of the package's doc are those of the code.
func TestLifecyclePage(t *testing.T) {
	const mark = "<!-- generated: go test ./governance -run TestLifecyclePage -rewrite -->\n"
	path := filepath.Join("..", "docs", "lifecycle.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(page), mark)
	if !ok {
		t.Fatalf("%s has no line %q", path, mark)
	}
	golden(t, path, "TestLifecyclePage", head+mark+lifecycleTables(t))

	const begin, end = "// # The road, step by step\n//\n", "//\n// # Executing a block\n"
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(doc), begin)
	_, after, ok := strings.Cut(rest, end)
	if !ok {
		t.Fatalf("doc.go lacks %q or %q", begin, end)
	}
	var table strings.Builder
	for _, s := range Statuses() {
		fmt.Fprintf(&table, "//\t%s\n", s)
		for _, e := range eventsOf(s) {
			if next := followers(s, e); next != "" {
				fmt.Fprintf(&table, "//\t\t%s: %s\n", eventName(e), next)
			}
		}
	}
	golden(t, "doc.go", "TestLifecyclePage", before+begin+table.String()+end+after)
}

// TestFloors: what no policy lowers. The policies of this chain are all true.
func TestFloors(t *testing.T) {
	genesis := testGenesis(t)
	for i := range genesis.Policies {
		genesis.Policies[i].Expression = "true"
	}
	lawless := func() *script {
		s := &script{t: t, env: testEnvironment(), state: memory{}}
		Init(s.state, genesis)
		s.play("at 1\n pat propose fast 1.0.0 1 by bea trial 9")
		return s
	}
	for name, c := range map[string]struct{ lines, want string }{
		"a quorum's precheck":            {"v1 precheck 1\n v2 precheck 1\n bob approve 1", "not-prechecked"},
		"the proposer's own approval":    {"pass 1\n pat approve 1", "own-proposal"},
		"the author's own approval":      {"pass 1\n bea approve 1", "own-proposal"},
		"no approval at all":             {"pass 1\n ann schedule 1 at 9", "not-approved"},
		"notice":                         {"pass 1\n bob approve 1\n ann schedule 1 at 3", "notice-too-short"},
		"readiness of a quorum":          {"pass 1\n bob approve 1\n ann schedule 1 at 9\n v1 ready 1\n v2 ready 1\n at 9", "height 9: proposal 1 moves readiness"},
		"readiness before the schedule":  {"pass 1\n bob approve 1\n v1 ready 1", "wrong-stage"},
		"vetoes of more than f":          {"pass 1\n bob approve 1\n ann schedule 1 at 9\n v1 veto 1\n v2 veto 1\n v3 ready 1", "proposal-closed"},
		"a responder schedules nothing":  {"pass 1\n bob approve 1\n rex schedule 1 at 9", "not-proposer"},
		"a responder confirms nothing":   {"pass 1\n bob approve 1\n ann schedule 1 at 9\n v1 ready 1\n v2 ready 1\n v3 ready 1\n at 10\n rex confirm 1", "not-proposer"},
		"a responder resumes nothing":    {"pass 1\n bob approve 1\n rex pause 1\n rex resume 1", "not-proposer"},
		"one cannot revoke another":      {"rex revoke bob\n bob approve 9", "no-proposal"},
		"what serves is not retired":     {"pass 1\n bob approve 1\n ann schedule 1 at 9\n v1 ready 1\n v2 ready 1\n v3 ready 1\n at 10\n ann confirm 1\n ann deprecate 1 life 99\n ann retire 1", "still-bound"},
		"an unconfirmed trial goes back": {"pass 1\n bob approve 1\n ann schedule 1 at 9\n v1 ready 1\n v2 ready 1\n v3 ready 1\n at 19\n ann confirm 1", "proposal-closed"},
	} {
		if got := lawless().play(c.lines); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestHeightsNearTheEnd: heights beside the largest there is break nothing.
func TestHeightsNearTheEnd(t *testing.T) {
	const end = ^quoin.Height(0)
	env, s := testEnvironment(), memory{}
	Init(s, testGenesis(t))
	commands := []Command{Schedule{Proposal: 1, Height: end}, Deprecate{1, end, ""}, Health{Proposal: 1, Through: end - 3, Reason: HealthSlow}, Report{Proposal: 1, Through: end - 3},
		Attest{Proposal: 1, Evidence: EvidenceSecurity, Result: SecurityPassed, Until: end}}
	for _, h := range []quoin.Height{end - 200_000, end - 1, end} {
		Apply(env, s, h, key("ann"), Encode(roundRobin))
		for _, c := range commands {
			for _, who := range []string{"ann", "v1", "sam"} {
				if x := Apply(env, s, h, key(who), Encode(c)); !Code(x.Code).Valid() {
					t.Errorf("%T at %d: code %d", c, h, x.Code)
				}
			}
		}
		Enact(s, Decide(env, s, h))
	}
}
