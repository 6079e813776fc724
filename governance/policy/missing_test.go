package policy

import (
	"encoding/json"
	"slices"
	"testing"
)

// TestMissing wants the smallest conditions that keep a policy from holding, and nothing of a side of ? :
// that its condition does not choose.
func TestMissing(t *testing.T) {
	j := NewJudge()
	for _, test := range []struct {
		expression string
		facts      Facts
		want       []string // text, value
	}{
		{`rejections == 0 && (patch ? approvals >= 1 : approvals >= 2 && organisations >= 2)`, Facts{Approvals: 2, Organisations: 2}, nil},
		{`rejections == 0 && (patch ? approvals >= 1 : approvals >= 2 && organisations >= 2)`, Facts{Approvals: 1, Organisations: 1},
			[]string{"approvals >= 2", "false", "organisations >= 2", "false"}},
		{`rejections == 0 && (patch ? approvals >= 1 : approvals >= 2 && organisations >= 2)`, Facts{Patch: true, Rejections: 1},
			[]string{"rejections == 0", "false", "approvals >= 1", "false"}},
		{`shadow.heights >= 100 && height > 5`, Facts{Height: 6}, []string{"shadow.heights >= 100", NoData}},
		{`approvals > 2 || security.passed >= 1`, Facts{Security: &Security{}}, []string{"approvals > 2 || security.passed >= 1", "false"}},
		{`patch`, Facts{}, []string{"patch", "false"}},
		{`false`, Facts{}, []string{"false", "false"}},
		{`trial.bad > 0 ? true : false`, Facts{}, []string{"(trial.bad > 0) ? true : false", NoData}},
		{`1 / approvals == 1`, Facts{}, []string{"1 / approvals == 1", "error: division by zero"}},
	} {
		var got []string
		for _, m := range j.Explain(test.expression, &test.facts).Missing {
			got = append(got, m.Text, m.Value)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.expression, got, test.want)
		}
	}
	m := j.Explain(`approvals + rejections >= 2`, &Facts{Approvals: 1}).Missing
	if want := []Fact{{"approvals", "1"}, {"rejections", "0"}}; len(m) != 1 || !slices.Equal(m[0].Facts, want) {
		t.Errorf("%v, want the facts %v", m, want)
	}
}

// TestFactsInJSON wants facts in JSON to have the names of the language: a group is an object.
func TestFactsInJSON(t *testing.T) {
	b, err := json.Marshal(Facts{Security: &Security{}, Benchmark: &Benchmark{}, Shadow: &Shadow{}, Trial: &Trial{}})
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for name, value := range all {
		group, ok := value.(map[string]any)
		if !ok {
			got = append(got, name)
		}
		for member := range group {
			got = append(got, name+"."+member)
		}
	}
	for _, n := range Names() {
		if n.Name != "assessed" && n.Name != "measured" { // which follow
			want = append(want, n.Name)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("facts in JSON are %q, want %q", got, want)
	}
}
