package policy

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cel.dev/cel-go/common/types"

	"quoin.dev/quoin"
)

// sample are facts of a release that replaces another, with everything known but the trial.
func sample() *Facts {
	return &Facts{
		Class: "D", Step: StepActivate, Subject: "release", Slot: "machine.v1/kv", Hook: "machine.v1", Namespace: "kv", Name: "kv-fast", Version: "1.2.0",
		Height: 500, Proposed: 100, Incumbent: true, ShadowHeights: 128, TrialHeights: 200,
		Proposer: "alpha", Author: "beta", Approvals: 3, Organisations: 2, Weight: 4, Prechecked: 4, Ready: 3,
		Security: &Security{Passed: 1}, Benchmark: &Benchmark{Better: 1}, Shadow: &Shadow{Heights: 128, Compared: 900, Skipped: 10},
	}
}

func TestWhatTheLanguageHas(t *testing.T) {
	j := NewJudge()
	for _, expression := range []string{
		`approvals >= 2 && organisations == 2`,
		`1 + 2 * 3 - 4 / 2 == 5 && 7 % 4 == 3 && -approvals == -3`,
		`patch ? false : incumbent`,
		`!patch != patch`,
		`class in ["L", "D"] && !(class in []) && approvals in [1, 2, 3]`,
		`size(name) == 7 && name.size() == 7`,
		`slot.startsWith("machine.") && slot.endsWith("/kv") && version.contains(".2.")`,
		"class == 'D' &&\n\tsubject != \"builtin\" // because",
		`.approvals == 3`,
		`2 > 1 || approvals / rejections == 0`,
		`approvals / rejections == 0 || 2 > 1`,
		`height - proposed >= 400`,
		`3 * ready > 2 * weight`,
		`0x10 == 16`,
	} {
		if err := j.Check(expression); err != nil {
			t.Errorf("%s: %v", expression, err)
		} else if !j.Holds(expression, sample()) {
			t.Errorf("does not hold: %s\n%s", expression, j.Explain(expression, sample()))
		}
	}
}

func TestWhatTheLanguageRefuses(t *testing.T) {
	j := NewJudge()
	long := strings.Repeat("x", LiteralMax)
	for expression, reason := range map[string]string{
		``:                         "0 bytes",
		`   `:                      "Syntax error",
		`approvals >=`:             "Syntax error",
		`approvals`:                "of type int",
		`"true"`:                   "of type string",
		`approval >= 2`:            "undeclared reference to 'approval'",
		`security.fail == 0`:       "undeclared reference to 'security.fail'",
		`security == security`:     "undeclared reference to 'security'",
		`namespace == "kv"`:        "reserved identifier: namespace",
		`approvals >= "2"`:         "no matching overload",
		`approvals == "2"`:         "no matching overload",
		`approvals && patch`:       "expected type 'bool'",
		`approvals >= 2.0`:         "no matching overload",
		`1.0 == 1.0`:               "type double",
		`1u == 1u`:                 "type uint",
		`b"a" == b"a"`:             "type bytes",
		`null == null`:             "type null",
		`int == int`:               "type type",
		`[1] == [1]`:               "type list",
		`{1: 2} == {1: 2}`:         "type map",
		`1 in {1: 2}`:              "no matching overload",
		`size([1, 2]) == 2`:        "no matching overload",
		`1 in (patch ? [1] : [2])`: "a list is written right after in",
		`1 in [1] + [2]`:           "no matching overload",
		`1 in [1, "a"]`:            "expected type 'int'",
		`1 in [[1]]`:               "no matching overload",
		`[1, 2][0] == 1`:           "undeclared reference to '_[_]'",
		`name[0] == "k"`:           "undeclared reference to '_[_]'",
		`name + "x" == "kvx"`:      "no matching overload",
		`name < "x"`:               "no matching overload",
		`false < true`:             "no matching overload",
		`name.matches("k.*")`:      "undeclared reference to 'matches'",
		`dyn(1) == 1`:              "undeclared reference to 'dyn'",
		`type(1) == int`:           "undeclared reference to 'type'",
		`int("1") == 1`:            "undeclared reference to 'int'",
		`string(1) == "1"`:         "undeclared reference to 'string'",
		`double(1) > 0`:            "undeclared reference to 'double'",
		`timestamp("2000-01-01T00:00:00Z") == timestamp("2000-01-01T00:00:00Z")`: "undeclared reference to 'timestamp'",
		`duration("1s") == duration("1s")`:                                       "undeclared reference to 'duration'",
		`has(shadow.faults)`:                                                     "undeclared reference to 'has'",
		`[1].all(x, x > 0)`:                                                      "undeclared reference to 'all'",
		`[1].exists(x, x > 0)`:                                                   "undeclared reference to 'exists'",
		`[1].map(x, x) == [1]`:                                                   "undeclared reference to 'map'",
		`[1].filter(x, x > 0) == [1]`:                                            "undeclared reference to 'filter'",
		`Foo{} == Foo{}`:                                                         "undeclared reference to 'Foo'",
		`now() > 0`:                                                              "undeclared reference to 'now'",
		`approvals.size() == 1`:                                                  "no matching overload",
		"name == `name`":                                                         "Syntax error",
		`name == "ä"`:                                                            "printable ASCII",
		"true\r":                                                                 "printable ASCII",
		"true\x00":                                                               "printable ASCII",
		`9223372036854775808 > 0`:                                                "invalid int literal",
		`name == "x` + long + `"`:                                                "129 bytes, limit 128",
		strings.Repeat("1 + ", 40) + `1 == 41`:                                   "more than 32",
		strings.Repeat("patch||", 128) + `patch`:                                 "exceeds limit: count 257, limit 256",
		strings.Repeat("(", 300) + `true` + strings.Repeat(")", 300):         "recursion limit",
		`true && ` + strings.Repeat(" ", quoin.PolicyBytesMax):               "1032 bytes",
		strings.Repeat("hook.contains(\""+long[:100]+"\") || ", 8) + `patch`: "may cost 1033, limit 1000",
	} {
		err := j.Check(expression)
		if !errors.Is(err, ErrPolicy) || !strings.Contains(err.Error(), reason) {
			t.Errorf("%.200s\ngot:  %v\nwant: %s", expression, err, reason)
		}
		if again := NewJudge().Check(expression); err != nil && again.Error() != err.Error() {
			t.Errorf("%.200s\nrefused with %v\nand then with %v", expression, err, again)
		}
		if j.Holds(expression, sample()) {
			t.Errorf("refused, and holds: %s", expression)
		}
	}
}

func TestNoDataNeverPasses(t *testing.T) {
	j := NewJudge()
	with := *sample()
	with.Shadow = &Shadow{}
	without := with
	without.Shadow, without.Author = nil, ""
	for expression, want := range map[string][2]bool{ // with the data, without
		`shadow.diverged == 0`:                            {true, false},
		`!(shadow.diverged > 0)`:                          {true, false},
		`shadow.diverged >= 0 || shadow.diverged < 0`:     {true, false},
		`shadow.diverged == shadow.diverged`:              {true, false},
		`shadow.diverged != shadow.faults + 1`:            {true, false},
		`shadow.diverged == 0 ? true : true`:              {true, false},
		`0 in [shadow.diverged, 0]`:                       {true, false},
		`-shadow.diverged == 0`:                           {true, false},
		`shadow.diverged == 0 && approvals > 2`:           {true, false},
		`author == "beta"`:                                {true, false},
		`author != proposer`:                              {true, false},
		`size(author) >= 0`:                               {true, false},
		`shadow.diverged == 0 || approvals > 2`:           {true, true},
		`approvals > 2 || shadow.diverged == 0`:           {true, true},
		`!(shadow.diverged == 0 && approvals > 9)`:        {true, true},
		`approvals > 2 ? true : shadow.diverged == 0`:     {true, true},
		`incumbent ? shadow.heights == 0 : approvals > 2`: {true, false},
	} {
		if err := j.Check(expression); err != nil {
			t.Error(err)
		}
		if got := [2]bool{j.Holds(expression, &with), j.Holds(expression, &without)}; got != want {
			t.Errorf("%s: with and without the data %v, want %v", expression, got, want)
		}
	}
}

// Every name reads its own fact and no other.
func TestNamesReadTheirFacts(t *testing.T) {
	want := allNames()
	if len(Names()) != len(want) {
		t.Fatalf("%d names, want %d", len(Names()), len(want))
	}
	for seed := range uint64(200) {
		f := randomFacts(rand.New(rand.NewPCG(seed, 1)))
		for i, n := range Names() {
			var got any
			if v, ok := n.value(f); ok {
				switch v := v.(type) {
				case types.Int:
					got = int64(v)
				case types.Bool:
					got = bool(v)
				case types.String:
					got = string(v)
				}
			}
			if n.Name != want[i].name || got != want[i].of(f) {
				t.Fatalf("seed %d: %s = %v, want %s = %v", seed, n.Name, got, want[i].name, want[i].of(f))
			}
		}
	}
}

func TestEvaluationStopsAtTheLimit(t *testing.T) {
	j := NewJudge()
	expression := `name.contains("0123456789") || true`
	f := sample()
	if !j.Holds(expression, f) {
		t.Fatal("does not hold of a short name")
	}
	f.Name = strings.Repeat("x", 100*CostLimit)
	if x := j.Explain(expression, f); x.Holds || !strings.Contains(x.Error, "cost limit exceeded") {
		t.Errorf("of a name of %d bytes:\n%.300s", len(f.Name), x.Error)
	}
}

func TestAJudgeKeepsTheNewest(t *testing.T) {
	j := NewJudge()
	text := func(i int) string { return fmt.Sprintf("approvals >= %d", i) }
	for i := range 3 * CompiledMax {
		if err := j.Check(text(i)); err != nil {
			t.Fatal(err)
		}
		if err := j.Check(text(max(i-CompiledMax/2, 0))); err != nil { // being asked for does not make it newer
			t.Fatal(err)
		}
		if len(j.compiled) != len(j.order) || len(j.order) > CompiledMax {
			t.Fatalf("after %d texts %d are kept, %d in order", i+1, len(j.compiled), len(j.order))
		}
	}
	if _, kept := j.compiled[text(2*CompiledMax)]; !kept || j.order[0] != text(2*CompiledMax) {
		t.Errorf("the oldest that is kept is %q", j.order[0])
	}
	j.Check(strings.Repeat(" ", 1<<20))
	if len(j.order[CompiledMax-1]) > quoin.PolicyBytesMax {
		t.Error("a text beyond the limit is kept")
	}
}

// The cost of an evaluation is part of its answer. This fails when another version of the library counts
// otherwise, accepts more or less, or answers otherwise: then it is another language, and every node of a
// network must change over at once.
func TestGoldenCosts(t *testing.T) {
	j := NewJudge()
	var b strings.Builder
	line := func(expression string, f *Facts) {
		if err := j.Check(expression); err != nil {
			fmt.Fprintf(&b, "%s\n  refused\n", expression)
			return
		}
		x := j.Explain(expression, f)
		fmt.Fprintf(&b, "%s\n  %v, cost %d of at most %d\n", expression, x.Holds, x.Cost, j.mostCost(expression))
	}
	for _, p := range append(Defaults(2), Light(2)...) {
		line(p.Expression, sample())
	}
	rng := rand.New(rand.NewPCG(1, 2))
	d := &drawer{rng: rng}
	for range 300 {
		e := d.bool(1 + rng.IntN(3))
		line(e.text, randomFacts(rng))
	}
	path := filepath.Join("testdata", "costs.golden")
	if *rewrite {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(b.String(), "\n")
	for i, l := range strings.Split(string(want), "\n") {
		if i >= len(got) || got[i] != l {
			t.Fatalf("%s, line %d: %q is now another", path, i+1, l)
		}
	}
}

// FuzzCheck: any text is answered without a panic, twice alike; what is accepted evaluates within its
// cost on any facts, and the explanation agrees.
func FuzzCheck(f *testing.F) {
	for _, p := range append(Defaults(2), Light(1)...) {
		f.Add(p.Expression, uint64(1))
	}
	for _, s := range []string{`1 in [1, 2]`, `[1].all(x, x > 0)`, `name.contains("a")`, `((((`, `"\u00e4\x41\n" == name`, `a.b.c.d`, "1?2:3", `-9223372036854775808 / -1 > 0`} {
		f.Add(s, uint64(2))
	}
	j := NewJudge()
	f.Fuzz(func(t *testing.T, expression string, seed uint64) {
		err := j.Check(expression)
		if err != nil && !errors.Is(err, ErrPolicy) {
			t.Fatalf("an error of another kind: %v", err)
		}
		if again := NewJudge().Check(expression); fmt.Sprint(again) != fmt.Sprint(err) {
			t.Fatalf("%v\nthen: %v", err, again)
		}
		facts := randomFacts(rand.New(rand.NewPCG(seed, 3)))
		x := j.Explain(expression, facts)
		if x.Holds != j.Holds(expression, facts) || x.Holds && err != nil {
			t.Fatalf("checked: %v; holds: %v", err, x.Holds)
		}
		if err == nil {
			if most := j.mostCost(expression); x.Cost > most || most > CostLimit {
				t.Fatalf("cost %d, promised at most %d, limit %d", x.Cost, most, CostLimit)
			}
			if value := x.Parts[0].Value; (value == "true") != x.Holds {
				t.Fatalf("holds: %v; explained as\n%s", x.Holds, x)
			}
		}
		_ = x.String()
	})
}

// longest is the policy of class D for activate.
func longest() string {
	c := quoin.Configuration{Policies: Defaults(2)}
	expression, _ := c.Policy('D', StepActivate)
	return expression
}

func BenchmarkCompile(b *testing.B) {
	j, expression := NewJudge(), longest()
	for b.Loop() {
		if _, _, err := j.compile(expression); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHolds(b *testing.B) {
	j, f := NewJudge(), sample()
	for _, p := range Defaults(2) {
		b.Run(fmt.Sprintf("%s-%c", p.Step, p.Class), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				j.Holds(p.Expression, f)
			}
		})
	}
}

func BenchmarkExplain(b *testing.B) {
	j, f, expression := NewJudge(), sample(), longest()
	for b.Loop() {
		j.Explain(expression, f)
	}
}

func BenchmarkNewJudge(b *testing.B) {
	for b.Loop() {
		NewJudge()
	}
}
