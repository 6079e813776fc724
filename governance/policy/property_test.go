package policy

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"quoin.dev/quoin"
)

var (
	seedFlag = flag.Uint64("seed", 0, "the one seed of TestRandomExpressions; 0 for 1, 2, 3, ...")
	seeds    = flag.Uint64("seeds", 3000, "how many seeds TestRandomExpressions runs, one expression and six sets of facts each")
	rewrite  = flag.Bool("rewrite", false, "write the golden files and the generated documentation anew")
)

// run evaluates one random expression with judges that a test keeps, and one of its own, and compares
// answer and cost with each other and the answer with the evaluator of random_test.go.
type run struct {
	kept, other *Judge
	flaws       flaws
	refused     int
	seen        map[string]int // what the reference said
}

// seed returns what is wrong, or "".
func (r *run) seed(seed uint64) string {
	d := &drawer{rng: rand.New(rand.NewPCG(seed, 0)), flaws: r.flaws}
	e := d.bool(1 + d.rng.IntN(4))
	for len(e.text) > quoin.PolicyBytesMax {
		e = d.bool(2)
	}
	if err := r.kept.Check(e.text); err != nil {
		r.refused++
		if other := r.other.Check(e.text); other == nil || other.Error() != err.Error() {
			return fmt.Sprintf("%s\nrefused: %v\nthen: %v", e.text, err, other)
		}
		return ""
	}
	estimate := r.kept.mostCost(e.text)
	for range 6 {
		f := randomFacts(d.rng)
		want := e.eval(f)
		r.seen[fmt.Sprint(want)]++
		got, cost, _ := r.kept.evaluate(r.kept.get(e.text), f)
		if got != (want == true) {
			return fmt.Sprintf("%s\nfacts %+v\nholds: %v, want %v", e.text, f, got, want)
		}
		if again, c, _ := r.other.evaluate(r.other.get(e.text), f); again != got || c != cost {
			return fmt.Sprintf("%s\nfacts %+v\n%v at cost %d, then %v at cost %d", e.text, f, got, cost, again, c)
		}
		if again, c, _ := r.kept.evaluate(r.kept.get(e.text), f); again != got || c != cost {
			return fmt.Sprintf("%s\nfacts %+v\n%v at cost %d, evaluated again %v at cost %d", e.text, f, got, cost, again, c)
		}
		if cost > estimate || estimate > CostLimit {
			return fmt.Sprintf("%s\nfacts %+v\ncost %d, promised at most %d, limit %d", e.text, f, cost, estimate, CostLimit)
		}
		x := r.kept.Explain(e.text, f)
		value := x.Parts[0].Value
		if x.Holds != got || (value == "true") != (want == true) || (value == "false") != (want == false) || (x.Error != "") != (want == nil) {
			return fmt.Sprintf("%s\nfacts %+v\nwant %v, explained as\n%s", e.text, f, want, x)
		}
	}
	return ""
}

// mostCost is what Check took as the bound of an expression's cost.
func (j *Judge) mostCost(expression string) uint64 {
	estimate, err := j.env.EstimateCost(j.get(expression).tree, sizes{})
	if err != nil {
		panic(err)
	}
	return estimate.Max
}

// TestRandomExpressions evaluates random expressions over random facts: the answer is that of an
// evaluator written only for this test; answer and cost are the same in every judge, and whenever they
// are asked for; no evaluation costs more than Check allowed; the explanation agrees.
func TestRandomExpressions(t *testing.T) {
	r := &run{kept: NewJudge(), seen: map[string]int{}}
	first, last := uint64(1), *seeds
	if *seedFlag != 0 {
		first, last = *seedFlag, *seedFlag
	}
	for seed := first; seed <= last; seed++ {
		if r.other == nil || seed%100 == 0 {
			r.other = NewJudge() // fresh: nothing is compiled
		}
		if wrong := r.seed(seed); wrong != "" {
			t.Fatalf("seed %d: %s\nreplay: go test ./governance/policy -run TestRandomExpressions -seed %d", seed, wrong, seed)
		}
	}
	if n := last - first + 1; n >= 3000 {
		if uint64(r.refused) > n/10 {
			t.Errorf("%d of %d expressions were refused: too few are tested", r.refused, n)
		}
		for _, what := range []string{"true", "false", "<nil>"} {
			if r.seen[what] < int(n) {
				t.Errorf("%d evaluations gave %s: the expressions are not random enough", r.seen[what], what)
			}
		}
	}
	t.Logf("%d refused, %v", r.refused, r.seen)
}

// A reference that makes a mistake must disagree, or the comparison says nothing.
func TestPlantedBugs(t *testing.T) {
	for name, f := range map[string]flaws{
		"no data counts as zero":     {missingIsZero: true},
		"errors are not absorbed":    {strict: true},
		"integers wrap around":       {wraps: true},
		"not of no value is a value": {notHolds: true},
	} {
		r := &run{kept: NewJudge(), other: NewJudge(), flaws: f, seen: map[string]int{}}
		caught := uint64(0)
		for seed := uint64(1); seed <= 2000 && caught == 0; seed++ {
			if r.seed(seed) != "" {
				caught = seed
			}
		}
		if caught == 0 {
			t.Errorf("%s: not noticed in 2000 seeds", name)
		}
		t.Logf("%s: seed %d", name, caught)
	}
}
