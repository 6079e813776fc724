package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	"quoin.dev/quoin/bench"
	"quoin.dev/quoin/bench/compare"
	"quoin.dev/quoin/lab"
	"quoin.dev/quoin/report"
)

// sideFlags name the base or the candidate: an algorithm, and parameters of the chain.
type sideFlags struct {
	spec, params string
	parameters   []string
}

func (f *sideFlags) add(c *cobra.Command, role string) {
	c.Flags().StringVar(&f.spec, role, "", "the "+role+": HOOK=NAME, a release file, a project's folder, or none")
	c.Flags().StringVar(&f.params, role+"-params", "", "parameters of the "+role+"'s bindings, as text, or 0x and hexadecimal, or @FILE")
	c.Flags().StringArrayVar(&f.parameters, role+"-parameter", nil, "a parameter of the "+role+"'s chain, as NAME=NUMBER; may be repeated")
}

// again returns the flags as a command line has them.
func (f *sideFlags) again(role string) (b string) {
	if f.spec != "" {
		b += " --" + role + " " + shellQuote(f.spec)
	}
	if f.params != "" {
		b += " --" + role + "-params " + shellQuote(f.params)
	}
	for _, p := range f.parameters {
		b += " --" + role + "-parameter " + shellQuote(p)
	}
	return b
}

// duel is what lab ab was asked.
type duel struct {
	base, candidate sideFlags
	world           compare.World
	live            bool
	load            bench.Options
	first           uint64
	pairs, parallel int
	margin          float64
	budgets         []string
	judged          []string
	save, evidence  string
	sign            string
	verify, key     string
	rerun           bool
}

func newLabAB(t *terminal) *cobra.Command {
	var d duel
	c := &cobra.Command{
		Use: "ab --candidate ALGORITHM", Short: "Compare a candidate with a base, in pairs, and give a verdict", Args: args(0, 0),
		Long: "Compare a candidate with a base: on the same seeds of the simulator, or with --live on real networks in\n" +
			"turns. ALGORITHM is HOOK=NAME for a built-in, a release file, a project's folder, or none.\n\n" +
			"The verdict is better, same (both exit 0), worse (exit 8) or inconclusive (exit 9), per metric and over\n" +
			"all: see docs/lab-bench.md. Fewer than ten pairs never pass.",
		RunE: func(c *cobra.Command, _ []string) error {
			if d.verify != "" {
				return d.check(c.Context(), t)
			}
			if d.candidate.spec == "" && len(d.candidate.parameters) == 0 {
				return usage("there is no candidate", "name one with --candidate, or parameters with --candidate-parameter")
			}
			return d.run(c.Context(), t)
		},
	}
	f := c.Flags()
	d.base.add(c, "base")
	d.candidate.add(c, "candidate")
	f.IntVar(&d.world.Nodes, "nodes", 4, "validators")
	f.Uint64Var(&d.world.Blocks, "blocks", 50, "simulated: heights to certify in each run")
	f.IntVar(&d.world.Transactions, "transactions", 200, "simulated: transactions to certify in each run")
	f.IntVar(&d.world.Dead, "dead", 0, "simulated: validators that never start")
	f.Uint64Var(&d.first, "first", 1, "simulated: the first seed")
	f.IntVar(&d.pairs, "pairs", 20, "how many pairs: seeds, or turns of both live networks")
	f.IntVar(&d.parallel, "parallel", 0, "simulated: how many at once (0: one for each core)")
	f.BoolVar(&d.live, "live", false, "compare real networks in this process, in turns, on the same load")
	f.IntVar(&d.load.Rate, "rate", 500, "live: transactions a second (0: closed loop)")
	f.IntVar(&d.load.Keys, "keys", 1000, "live: keys of the state")
	f.IntVar(&d.load.Payload, "payload", 128, "live: bytes of a value")
	f.DurationVar(&d.load.Duration, "duration", 3*time.Second, "live: how long each run counts")
	f.StringVar(&d.load.Dir, "dir", "", "live: where to make the folders for data, which are removed afterwards")
	f.StringVar(&d.load.Network, "network", bench.NetworkNone, "live: delays between nodes: "+bench.NetworkHelp)
	f.Float64Var(&d.margin, "margin", 0.05, "a change of at most this share is of no practical worth")
	f.StringSliceVar(&d.budgets, "budget", nil, "what the candidate may spend: p99=200ms,jitter=100ms,errors=0.1%")
	f.StringSliceVar(&d.judged, "judge", nil, "the metrics that make the verdict (default: p50 and p99, of a finality rule reported-p50 and reported-p99 too, with --live throughput)")
	f.StringVar(&d.save, "save", "", "keep the run in a folder below this one")
	f.StringVar(&d.evidence, "evidence", "", "write a statement of the comparison to this file")
	f.StringVar(&d.sign, "sign", "", "sign the statement with this key file")
	f.StringVar(&d.verify, "verify", "", "check this file of evidence in place of comparing")
	f.StringVar(&d.key, "key", "", "with --verify: the public key, or key file, that must have signed")
	f.BoolVar(&d.rerun, "rerun", false, "with --verify: also run a simulated comparison again, and compare all figures")
	return c
}

// side is the base or the candidate, read.
type side struct {
	compare.Side
	subject  compare.Subject
	name     string
	releases [][]byte
}

// read compiles what the flags name.
func (f *sideFlags) read(ctx context.Context) (*side, error) {
	s := &side{name: "the chain's own"}
	if f.spec != "" && f.spec != "none" {
		s.name = f.spec
		a := candidateFlags{params: f.params}
		if hookName, _, ok := strings.Cut(f.spec, "="); ok && !strings.ContainsAny(hookName, `/\`) {
			a.builtin = f.spec
		} else {
			a.release = f.spec
			if whole, err := filepath.Abs(f.spec); err == nil {
				s.name = filepath.Base(whole) // of ".", too
			}
		}
		var err error
		if s.Candidate, err = a.candidate(ctx); err != nil {
			return nil, err
		}
		if file := s.Candidate.File(); file != nil {
			s.releases = [][]byte{file}
		}
	}
	values, err := parseParameters(f.parameters)
	if err != nil {
		return nil, err
	}
	if len(values) > 0 {
		if err := tryParameters(values); err != nil {
			return nil, err
		}
		s.Genesis = func(g *quoin.Genesis) { _ = setParameters(g, values) } // they were tried
		s.name += " with " + strings.Join(f.parameters, ", ")
	}
	s.subject = compare.NewSubject(s.Candidate.Bindings(), values)
	return s, nil
}

// tryParameters sets them in a genesis that is good for nothing else.
func tryParameters(values map[string]uint64) error {
	members, err := quoin.NewValidatorSet([]quoin.Validator{{Name: "v", Key: publicOf(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))), Weight: 1}})
	if err != nil {
		return err
	}
	g := &quoin.Genesis{Network: "trial", Chain: "main", Time: 1,
		Configuration: quoin.Configuration{Epoch: 1, First: 1, Validators: members, Parameters: quoin.DefaultParameters()}}
	g.Configuration = g.Configuration.WithBinding(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin"})
	g.Configuration = g.Configuration.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "kv"})
	return setParameters(g, values)
}

// run compares, prints, keeps, and makes an error of a verdict that does not pass.
func (d *duel) run(ctx context.Context, t *terminal) error {
	s, x, err := d.compare(ctx, t)
	if err != nil {
		return err
	}
	if err := d.keep(t, s, x); err != nil {
		return err
	}
	digest, err := s.Digest()
	if err != nil {
		return err
	}
	v := struct {
		*compare.Statement
		Digest string `json:"digest"`
	}{s, digest.String()}
	if err := t.data(v, func(w io.Writer) { printComparison(w, &s.Result, s.Mode, s.Count, x.base.name, x.candidate.name) }); err != nil {
		return err
	}
	return verdictFault(&s.Result)
}

// verdictFault is nil for a verdict that passes.
func verdictFault(r *compare.Result) error {
	why := strings.Join(r.Reasons(), "; ")
	switch r.Verdict {
	case compare.Better, compare.Same:
		return nil
	case compare.Worse:
		return &fault{exit: exitWorse, code: "worse", what: "the candidate is worse", why: why}
	}
	return &fault{exit: exitInconclusive, code: "inconclusive", what: "the comparison says neither that the candidate is worse nor that it is not", why: why,
		todo: "take more --pairs, or a wider --margin if a smaller change does not matter"}
}

// compared is what a comparison leaves for pictures.
type compared struct {
	base, candidate *side
	lines           []report.Line // latencies of both
	reported        []report.Line // until reported as final; simulated only
	asked           []lab.Asked   // of the candidate; simulated only
	reproduce       string
}

// compare measures and judges.
func (d *duel) compare(ctx context.Context, t *terminal) (*compare.Statement, *compared, error) {
	if d.pairs < 1 || d.pairs > compare.PairsMax || d.margin < 0 || d.margin > 1 {
		return nil, nil, usage(fmt.Sprintf("%d pairs and a margin of %v", d.pairs, d.margin), fmt.Sprintf("choose --pairs %d to %d, --margin 0 to 1", compare.PairsMin, compare.PairsMax))
	}
	if d.live && (d.world.Nodes < 1 || d.world.Nodes > devValidatorsMax || d.load.Rate < 0 || d.load.Keys < 1 || d.load.Payload < 1 || d.load.Duration < time.Millisecond) {
		return nil, nil, usage("--live with numbers that make no network", fmt.Sprintf("choose --nodes 1 to %d, --rate 0 or more, --keys and --payload 1 or more, and a --duration", devValidatorsMax))
	}
	if d.sign != "" && d.evidence == "" {
		return nil, nil, usage("--sign without --evidence", "name the file with --evidence")
	}
	x := &compared{reproduce: d.command()}
	var err error
	if x.base, err = d.base.read(ctx); err != nil {
		return nil, nil, err
	}
	if x.candidate, err = d.candidate.read(ctx); err != nil {
		return nil, nil, err
	}
	s := &compare.Statement{Format: compare.StatementFormat, Version: programVersion(), Mode: compare.ModeSimulated,
		Base: x.base.subject, Candidate: x.candidate.subject, First: d.first, Count: d.pairs}
	metrics, measure := compare.SimulatedMetrics(), d.simulate
	if d.live {
		s.Mode, metrics, measure = compare.ModeLive, bench.ComparedMetrics(), d.alternate
		s.Load = &compare.Load{Nodes: d.world.Nodes, Rate: d.load.Rate, Payload: d.load.Payload, Keys: d.load.Keys,
			Duration: d.load.Duration.Milliseconds(), Network: d.load.Network}
	} else {
		s.World = &d.world
	}
	if len(d.judged) == 0 && !d.live {
		d.judged = compare.JudgedFor(slices.Concat(x.base.Candidate.Bindings(), x.candidate.Candidate.Bindings()))
	}
	if err := judgeBy(metrics, d.judged); err != nil {
		return nil, nil, err
	}
	budgets, err := parseBudgets(d.budgets, metrics)
	if err != nil {
		return nil, nil, err
	}
	pairs, err := measure(ctx, t, x)
	if err != nil {
		return nil, nil, err
	}
	s.Result = compare.Judge(metrics, pairs, int64(d.margin*1e6+0.5), budgets)
	return s, x, nil
}

// simulate plays the seeds.
func (d *duel) simulate(ctx context.Context, t *terminal, x *compared) ([]compare.Pair, error) {
	parallel := d.parallel
	if parallel == 0 {
		parallel = runtime.GOMAXPROCS(0)
	}
	line := t.statusLine()
	defer line.end()
	var mu sync.Mutex
	last := time.Now()
	pairs, err := compare.SimulatePairs(ctx, d.world, x.base.Side, x.candidate.Side, d.first, d.pairs, parallel, func(n int) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) >= line.every() {
			last = time.Now()
			line.print("%d of %d pairs", n, d.pairs)
		}
	})
	switch {
	case errors.Is(err, lab.ErrOptions):
		return nil, usage(err.Error(), "see `quoin lab ab --help`")
	case err != nil && ctx.Err() == nil:
		return nil, failure("a run broke an invariant, so there is no verdict", err, "again: "+x.reproduce)
	case err != nil:
		return nil, err
	}
	var base, candidate, baseReported, candidateReported []uint64
	for _, p := range pairs {
		base, candidate = append(base, p.Base.Latencies...), append(candidate, p.Candidate.Latencies...)
		baseReported, candidateReported = append(baseReported, p.Base.Report.Reported...), append(candidateReported, p.Candidate.Report.Reported...)
		x.asked = addAsked(x.asked, p.Candidate.Report.Asked)
	}
	x.lines = []report.Line{cumulative("base", base), cumulative("candidate", candidate)}
	x.reported = []report.Line{cumulative("base", baseReported), cumulative("candidate", candidateReported)}
	return compare.Measurements(pairs), nil
}

// alternate loads live networks in turns.
func (d *duel) alternate(ctx context.Context, t *terminal, x *compared) ([]compare.Pair, error) {
	of := func(s *side) contender {
		o := d.load
		o.Nodes, o.Bindings, o.Releases, o.Genesis, o.Warmup = d.world.Nodes, s.Candidate.Bindings(), s.releases, s.Genesis, time.Second
		return contender{s.name, o}
	}
	results, err := inTurns(ctx, t, d.pairs, of(x.base), of(x.candidate))
	if err != nil {
		return nil, err
	}
	x.lines = typicalOf(results)
	return measurements(results), nil
}

// judgeBy marks the metrics that make the verdict, in place of those that usually do.
func judgeBy(metrics []compare.Metric, names []string) error {
	if len(names) == 0 {
		return nil
	}
	known := map[string]bool{}
	for i := range metrics {
		metrics[i].Judged = slices.Contains(names, metrics[i].Name)
		known[metrics[i].Name] = true
	}
	for _, name := range names {
		if !known[name] {
			return usage("there is no metric "+quote(name), "the metrics are "+metricNames(metrics))
		}
	}
	return nil
}

func metricNames(metrics []compare.Metric) string {
	var names []string
	for _, m := range metrics {
		names = append(names, m.Name)
	}
	return strings.Join(names, ", ")
}

// parseBudgets reads NAME=LIMIT, where a limit is a duration, a share such as 0.1%, or a number in the
// metric's unit.
func parseBudgets(texts []string, metrics []compare.Metric) (budgets []compare.Budget, err error) {
	for _, text := range texts {
		name, limit, _ := strings.Cut(text, "=")
		b := compare.Budget{Metric: name}
		if !slices.ContainsFunc(metrics, func(m compare.Metric) bool { return m.Name == name }) {
			return nil, usage("there is no metric "+quote(name)+" for a budget", "the metrics are "+metricNames(metrics))
		}
		if share, ok := strings.CutSuffix(limit, "%"); ok {
			var percent float64
			percent, err = strconv.ParseFloat(share, 64)
			b.Limit = int64(percent * 10_000)
		} else if d, bad := time.ParseDuration(limit); bad == nil {
			b.Limit = d.Microseconds()
		} else {
			b.Limit, err = strconv.ParseInt(limit, 10, 64)
		}
		if err != nil || b.Limit < 0 {
			return nil, usage("--budget "+quote(text)+" is no budget", "for example --budget p99=200ms,errors=0.1%")
		}
		budgets = append(budgets, b)
	}
	return budgets, nil
}
