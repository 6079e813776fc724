package policy

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quoin.dev/quoin"
)

func TestExplanations(t *testing.T) {
	j := NewJudge()
	f := sample()
	f.Shadow.Diverged = 3
	for _, test := range []struct{ expression, want string }{
		{`shadow.heights >= 100 && (diverges || shadow.diverged == 0)`, `
shadow.heights >= 100 && (diverges || shadow.diverged == 0): false
  shadow.heights >= 100: true
  diverges || shadow.diverged == 0: false
    shadow.diverged == 0: false
facts
  shadow.heights = 128
  diverges = false
  shadow.diverged = 3
does not hold, cost 5 of 1000
`},
		{`trial.bad == 0 && 3*ready>2*weight && class in ["L", hook]`, `
trial.bad == 0 && 3 * ready > 2 * weight && class in ["L", hook]: false
  trial.bad == 0: no data
  3 * ready > 2 * weight: true
    3 * ready: 9
    2 * weight: 8
  class in ["L", hook]: false
facts
  trial.bad = no data
  ready = 3
  weight = 4
  class = "D"
  hook = "machine.v1"
does not hold, cost 21 of 1000
`},
		{`trial.bad == 0 || name.startsWith("kv")`, `
trial.bad == 0 || name.startsWith("kv"): true
  trial.bad == 0: no data
  name.startsWith("kv"): true
facts
  trial.bad = no data
  name = "kv-fast"
holds, cost 4 of 1000
`},
		{`trial.bad in [trial.good, height]`, `
trial.bad in [trial.good, height]: no data
facts
  trial.bad = no data
  trial.good = no data
  height = 500
does not hold, cost 1 of 1000
because: no data
`},
		{`height / rejections > 1`, `
height / rejections > 1: error: division by zero
  height / rejections: error: division by zero
facts
  height = 500
  rejections = 0
does not hold, cost 3 of 1000
because: division by zero
`},
		{`incumbent`, `
incumbent: true
facts
  incumbent = true
holds, cost 1 of 1000
`},
		{`ready`, `
does not hold, cost 0 of 1000
because: invalid policy: it is of type int; a policy is a bool, for example approvals >= 2
`},
	} {
		x := j.Explain(test.expression, f)
		if got := "\n" + x.String(); got != test.want {
			t.Errorf("got:%swant:%s", got, test.want)
		}
		b, err := json.Marshal(x)
		if err != nil || !strings.Contains(string(b), `"parts":[`) || !strings.Contains(string(b), `"facts":[`) {
			t.Errorf("%s: %s, %v", test.expression, b, err)
		}
	}
}

// The tables of the page are those of the code.
func TestPolicyPage(t *testing.T) {
	const mark = "<!-- generated: go test ./governance/policy -run TestPolicyPage -rewrite -->\n"
	path := filepath.Join("..", "..", "docs", "policy.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(page), mark)
	if !ok {
		t.Fatalf("%s has no line %q", path, mark)
	}
	var b strings.Builder
	b.WriteString(head + mark)
	b.WriteString("\n## Names\n\n| name | type | unit | meaning |\n|---|---|---|---|\n")
	for _, n := range Names() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", n.Name, n.Type, n.Unit, n.Meaning)
	}
	b.WriteString("\n## Steps\n\n| step | judged | without a policy |\n|---|---|---|\n")
	for _, s := range Steps() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Name, s.Judged, s.Without)
	}
	for _, set := range []struct {
		name     string
		policies []quoin.Policy
	}{{"Defaults, two approvals", Defaults(2)}, {"Light, two approvals", Light(2)}} {
		fmt.Fprintf(&b, "\n## %s\n\n", set.name)
		for _, p := range set.policies {
			fmt.Fprintf(&b, "Class `%c`, %s:\n\n    %s\n\n", p.Class, p.Step, p.Expression)
		}
	}
	want := strings.TrimRight(b.String(), "\n") + "\n"
	if *rewrite {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(page) {
		t.Errorf("%s is not what the code says; run: go test ./governance/policy -run TestPolicyPage -rewrite", path)
	}
}

// The examples of the page, its lines with four spaces before the generated part, are policies or
// explanations.
func TestExamplesOfThePage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "policy.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, examples, _ := strings.Cut(string(page), "\n## Examples\n")
	examples, _, _ = strings.Cut(examples, "<!-- generated")
	j, n := NewJudge(), 0
	for line := range strings.Lines(examples) {
		if expression, ok := strings.CutPrefix(line, "    "); ok {
			n++
			if err := j.Check(strings.TrimSpace(expression)); err != nil {
				t.Errorf("%s%v", expression, err)
			}
		}
	}
	if n == 0 {
		t.Error("the page has no examples")
	}
	f := sample()
	f.Shadow.Diverged = 3
	explained := j.Explain(`shadow.heights >= 100 && (diverges || shadow.diverged == 0)`, f).String()
	if indented := "    " + strings.ReplaceAll(strings.TrimSpace(explained), "\n", "\n    "); !strings.Contains(string(page), indented) {
		t.Errorf("the page does not show\n%s", explained)
	}
}
