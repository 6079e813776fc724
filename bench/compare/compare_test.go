package compare

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/lab"
	"quoin.dev/quoin/plugin/hostile"
)

// The ranks that textbooks tabulate for the 95% interval of a median.
func TestIntervalHasTheTabulatedRanks(t *testing.T) {
	for n, want := range map[int][2]int{10: {2, 9}, 15: {4, 12}, 20: {6, 15}, 25: {8, 18}, 50: {18, 33}, 100: {40, 61}} {
		var values []float64
		for i := range n {
			values = append(values, float64(n-i))
		}
		i, ok := interval(values)
		if !ok || i.Low != float64(want[0]) || i.High != float64(want[1]) || i.Median != float64(n+1)/2 {
			t.Errorf("%d values: %+v, want ranks %v", n, i, want)
		}
	}
	if _, ok := interval(make([]float64, 9)); ok {
		t.Error("nine values gave an interval")
	}
	if i, ok := interval(make([]float64, PairsMax)); !ok || i.Low != 0 {
		t.Error("a thousand values gave none")
	}
}

// The true median lies in the interval in at least 95% of samples of a skewed distribution.
func TestIntervalCovers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const samples = 4000
	for _, n := range []int{10, 13, 40} {
		covered := 0
		for range samples {
			values := make([]float64, n)
			for i := range values {
				values[i] = math.Exp(2 * random.NormFloat64())
			}
			if i, _ := interval(values); i.Low <= 1 && 1 <= i.High {
				covered++
			}
		}
		if share := float64(covered) / samples; share < 0.94 {
			t.Errorf("%d values: covered in %.3f of samples", n, share)
		}
	}
}

func pairsOf(n int, ratio func(i int) float64) (pairs []Pair) {
	for i := range n {
		pairs = append(pairs, Pair{Measurement{"p99": 1_000_000}, Measurement{"p99": int64(1_000_000 * ratio(i))}})
	}
	return pairs
}

func TestVerdicts(t *testing.T) {
	latency := []Metric{{Name: "p99", Judged: true}}
	throughput := []Metric{{Name: "p99", Judged: true, Higher: true}}
	for _, c := range []struct {
		name    string
		metrics []Metric
		n       int
		ratio   func(int) float64
		want    Verdict
	}{
		{"more latency", latency, 10, func(int) float64 { return 1.2 }, Worse},
		{"less latency", latency, 10, func(int) float64 { return 0.8 }, Better},
		{"more throughput", throughput, 10, func(int) float64 { return 1.2 }, Better},
		{"less throughput", throughput, 10, func(int) float64 { return 0.8 }, Worse},
		{"within the margin", latency, 10, func(i int) float64 { return 0.97 + 0.006*float64(i) }, Same},
		{"across the margin", latency, 10, func(i int) float64 { return 0.9 + 0.03*float64(i) }, Inconclusive},
		{"nine pairs", latency, 9, func(int) float64 { return 1 }, Inconclusive},
		{"no pairs", latency, 0, nil, Inconclusive},
		{"a pair without a figure", latency, 11, func(i int) float64 { return float64(min(i, 1)) }, Inconclusive},
		{"nothing judged", []Metric{{Name: "p99"}}, 10, func(int) float64 { return 1 }, Inconclusive},
		{"a metric that nobody measured", []Metric{{Name: "p50", Judged: true}}, 10, func(int) float64 { return 1 }, Inconclusive},
	} {
		if r := Judge(c.metrics, pairsOf(c.n, c.ratio), 50_000, nil); r.Verdict != c.want {
			t.Errorf("%s: %s, want %s: %+v", c.name, r.Verdict, c.want, r.Findings)
		}
	}
}

func TestBudgets(t *testing.T) {
	metrics := []Metric{{Name: "p99", Judged: true}}
	alike := func(i int) float64 { return 1 + 0.001*float64(i) }
	for _, c := range []struct {
		metric string
		limit  int64
		n      int
		state  string
		want   Verdict
	}{
		{"p99", 1_100_000, 10, BudgetKept, Same},
		{"p99", 900_000, 10, BudgetBroken, Worse},
		{"p99", 1_004_000, 10, BudgetUnknown, Inconclusive},
		{"p99", 1_100_000, 9, BudgetUnknown, Inconclusive},
		{"errors", 1_000, 10, BudgetUnknown, Inconclusive}, // nobody measured it
	} {
		r := Judge(metrics, pairsOf(c.n, alike), 50_000, []Budget{{c.metric, c.limit}})
		if r.Budgets[0].State != c.state || r.Verdict != c.want {
			t.Errorf("%s %d: %+v, %s", c.metric, c.limit, r.Budgets, r.Verdict)
		}
	}
}

// small is a world that takes a twentieth of a second.
var small = World{Nodes: 4, Blocks: 10, Transactions: 40}

func simulate(t *testing.T, w World, base, candidate Side) []Pair {
	t.Helper()
	all, err := SimulatePairs(t.Context(), w, base, candidate, 1, PairsMin, 2, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	return Measurements(all)
}

func judgeSimulated(pairs []Pair) Result { return Judge(SimulatedMetrics(), pairs, 50_000, nil) }

func TestSimulatedBaseAgainstItselfIsTheSame(t *testing.T) {
	r := judgeSimulated(simulate(t, small, Side{}, Side{}))
	for _, f := range r.Findings {
		if f.Verdict != Same || f.Ratio != million && f.Name != "errors" && f.Base > 0 {
			t.Errorf("%+v", f)
		}
	}
	if r.Verdict != Same {
		t.Errorf("%s: %v", r.Verdict, r.Reasons())
	}
}

// Runs of one base on different seeds differ by chance alone. Without a margin, no metric may be called
// better or worse more often than the intervals promise.
func TestSimulatedChanceIsNotADifference(t *testing.T) {
	var pool []Measurement
	for seed := range uint64(2 * PairsMin) {
		r, err := Simulate(small, Side{}, seed+1)
		if err != nil {
			t.Fatal(err)
		}
		pool = append(pool, r.Measurement)
	}
	random := rand.New(rand.NewPCG(7, 7))
	const rounds = 1000
	called := map[string]int{}
	for range rounds {
		var pairs []Pair
		order := random.Perm(len(pool))
		for i := range PairsMin {
			pairs = append(pairs, Pair{pool[order[2*i]], pool[order[2*i+1]]})
		}
		for _, f := range Judge(SimulatedMetrics(), pairs, 0, nil).Findings {
			if f.Verdict == Better || f.Verdict == Worse {
				called[f.Name]++
			}
		}
	}
	for _, m := range SimulatedMetrics() {
		if share := float64(called[m.Name]) / rounds; share > 0.05 {
			t.Errorf("%s: a difference by chance in %.3f of comparisons", m.Name, share)
		}
	}
	t.Log(called, "of", rounds)
}

func timeout(ms uint64) Side {
	return Side{Genesis: func(g *quoin.Genesis) { g.Configuration.Parameters.TimeoutBaseMS = ms }}
}

// With a dead validator every round of leaders waits for a time-out: a longer one is a slowdown.
func TestSimulatedSlowdownIsWorseAndItsInverseBetter(t *testing.T) {
	w := small
	w.Dead = 1
	pairs := simulate(t, w, timeout(600), timeout(1800))
	if r := judgeSimulated(pairs); r.Verdict != Worse {
		t.Errorf("three times the time-out: %s: %+v", r.Verdict, r.Findings)
	}
	for i, p := range pairs {
		pairs[i] = Pair{p.Candidate, p.Base}
	}
	if r := judgeSimulated(pairs); r.Verdict != Better {
		t.Errorf("a third of the time-out: %s: %+v", r.Verdict, r.Findings)
	}
}

// A leader rule that always names a dead validator works, by time-outs, and is worse than taking turns.
func TestSimulatedBadLeaderIsWorse(t *testing.T) {
	var file []byte
	for _, f := range hostile.Leaders() {
		if f.Name == "leader-always-zero" {
			file = f.Release(quoin.PublicKey{})
		}
	}
	c, err := lab.NewCandidate(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := small
	w.Dead = 1
	if r := judgeSimulated(simulate(t, w, Side{}, Side{Candidate: c})); r.Verdict != Worse {
		t.Errorf("%s: %+v", r.Verdict, r.Findings)
	}
}

func testStatement(t *testing.T) *Statement {
	t.Helper()
	r := Judge([]Metric{{Name: "p99", Unit: "us", Judged: true}}, pairsOf(12, func(int) float64 { return 1.5 }), 50_000, []Budget{{"p99", 2_000_000}})
	return &Statement{Format: StatementFormat, Version: "test", Mode: ModeSimulated, Base: NewSubject(nil, nil),
		Candidate: NewSubject([]quoin.Binding{{Hook: "leader.v1", Release: quoin.Hash{1}}}, map[string]uint64{"heartbeat_ms": 1, "block_max_bytes": 2}),
		World:     &small, First: 1, Count: 12, Result: r}
}

func TestEvidenceIsSignedAndReadBack(t *testing.T) {
	s := testStatement(t)
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	file, err := s.Evidence(key)
	if err != nil {
		t.Fatal(err)
	}
	got, digest, signer, err := Read(file)
	if err != nil || got.Result.Verdict != Worse || signer != quoin.PublicKey(key.Public().(ed25519.PublicKey)) {
		t.Fatalf("%v, %s", err, signer)
	}
	if want, _ := s.Digest(); digest != want || digest.String() != "5259bf39d521334469035a70694d591c428c6e4fcbc4542f7e95f8506eda19af" {
		t.Errorf("digest %s, want %s", digest, want)
	}
	unsigned, _ := s.Evidence(nil)
	if _, _, signer, err := Read(unsigned); err != nil || !signer.IsZero() {
		t.Errorf("unsigned: %v, %s", err, signer)
	}
}

// Whatever is changed in a file of evidence is noticed, the author's own wrong conclusions too.
func TestChangedEvidenceIsRefused(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	file, _ := testStatement(t).Evidence(key)
	for old, new := range map[string]string{
		`"verdict":"worse"}}`: `"verdict":"better"}}`, `"pairs":12`: `"pairs":11`, `[1000000,1500000]`: `[1000000,1500001]`,
		`"version":"test"`: `"version": "test"`, `"digest":"`: `"digest":"0`, `"key":"`: `"key":"0`, `"signature":"`: `"signature":"00`,
		`{"statement"`: `{"more":1,"statement"`, `"mode"`: `"Mode"`,
	} {
		changed := strings.Replace(string(file), old, new, 1)
		if changed == string(file) {
			t.Fatalf("nothing to change: %s", old)
		}
		if _, _, _, err := Read([]byte(changed)); !errors.Is(err, ErrEvidence) {
			t.Errorf("%s for %s: %v", new, old, err)
		}
	}
	for _, more := range []string{"{}", "}", "]", "1"} {
		if _, _, _, err := Read(append(file[:len(file):len(file)], more...)); !errors.Is(err, ErrEvidence) {
			t.Errorf("%s after the evidence: %v", more, err)
		}
	}
	liar := testStatement(t)
	liar.Result.Verdict = Better
	lie, _ := liar.Evidence(key)
	if _, _, _, err := Read(lie); !errors.Is(err, ErrEvidence) {
		t.Error("a verdict that does not follow was believed: ", err)
	}
}

func FuzzRead(f *testing.F) {
	s := Statement{Format: StatementFormat, Base: NewSubject(nil, nil), Candidate: NewSubject(nil, nil), Result: Judge(nil, nil, 0, nil)}
	file, err := s.Evidence(ed25519.NewKeyFromSeed(make([]byte, 32)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Fuzz(func(t *testing.T, file []byte) {
		s, digest, _, err := Read(file)
		if err != nil {
			return
		}
		b, err := s.Bytes()
		if err != nil || !json.Valid(b) || !bytes.Contains(file, []byte(digest.String())) {
			t.Errorf("%v: %s", err, b)
		}
	})
}
