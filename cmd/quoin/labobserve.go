package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/bench"
	"quoin.dev/quoin/bench/audience"
	"quoin.dev/quoin/bench/compare"
	"quoin.dev/quoin/observe/trace"
	"quoin.dev/quoin/report"
)

// Bases that everything looking on is compared with.
const (
	baseOff    = "off"
	baseUnseen = "unseen"
)

// baseNames say what a base is, for people.
var baseNames = map[string]string{baseOff: "nothing looks on", baseUnseen: "everything looks on, and nobody at it"}

// observing is what lab observe was asked.
type observing struct {
	load     bench.Options
	pairs    int
	base     string
	share    string
	audience audienceFlags
	margin   float64
	judged   []string
	save     string
	command  string // that measures the same again
}

func newLabObserve(t *terminal) *cobra.Command {
	var x observing
	c := &cobra.Command{
		Use: "observe", Short: "Measure what it costs that everything looks on, and what an audience can do", Args: args(0, 0),
		Long: "Compare two networks of real nodes, loaded in turns: one with nothing that looks on, and one with metrics,\n" +
			"health, timeline, traces, dashboards and their audience. The audience is a process of its own.\n\n" +
			"The verdict is better, same (both exit 0), worse (exit 8) or inconclusive (exit 9), as of `quoin lab ab`.\n" +
			"See docs/observability-cost.md.",
		RunE: func(c *cobra.Command, _ []string) error {
			x.command = commandAgain(c)
			return x.run(c.Context(), t)
		},
	}
	f := c.Flags()
	f.IntVar(&x.load.Nodes, "nodes", 4, "validators")
	f.IntVar(&x.pairs, "pairs", 30, "how many pairs of turns")
	f.IntVar(&x.load.Rate, "rate", 0, "transactions a second (0: closed loop, as many as it bears)")
	f.IntVar(&x.load.Keys, "keys", 1000, "keys of the state")
	f.IntVar(&x.load.Payload, "payload", 128, "bytes of a value")
	f.DurationVar(&x.load.Warmup, "warmup", time.Second, "before a turn counts")
	f.DurationVar(&x.load.Duration, "duration", 2*time.Second, "how long a turn counts")
	f.StringVar(&x.load.Dir, "dir", "", "where to make the folders for data, which are removed afterwards")
	f.StringVar(&x.load.Network, "network", bench.NetworkNone, "delays between nodes: "+bench.NetworkHelp)
	f.StringVar(&x.base, "base", baseOff, "what it is compared with: off (nothing looks on) or unseen (everything looks on, and nobody at it)")
	f.StringVar(&x.share, "share", traceShareDefault, "of the transactions that are traced")
	x.audience.add(c)
	f.Float64Var(&x.margin, "margin", 0.05, "a change of at most this share is of no practical worth")
	f.StringSliceVar(&x.judged, "judge", nil, "the metrics that make the verdict (default: throughput; with --rate also blocks and timeouts)")
	f.StringVar(&x.save, "save", "", "keep the run in a folder below this one")
	return c
}

// observed is what came out, as JSON.
type observed struct {
	Base         string               `json:"base"`
	Candidate    string               `json:"candidate"`
	Load         compare.Load         `json:"load"`
	Pairs        int                  `json:"pairs"`
	Result       compare.Result       `json:"result"`
	Observations []*bench.Observation `json:"observations"` // of the candidates, pair by pair
	Reproduce    string               `json:"reproduce"`
}

func (x *observing) run(ctx context.Context, t *terminal) error {
	base, candidate, err := x.contenders(t)
	if err != nil {
		return err
	}
	metrics := bench.ComparedMetrics()
	if len(x.judged) == 0 {
		x.judged = []string{"throughput"}
		if x.load.Rate > 0 {
			x.judged = append(x.judged, "blocks", "timeouts")
		}
	}
	if err := judgeBy(metrics, x.judged); err != nil {
		return err
	}
	line := t.statusLine()
	results, err := bench.InTurns(ctx, base.options, candidate.options, x.pairs, func(pair int) { line.print("pair %d of %d", pair, x.pairs) })
	line.end()
	if err != nil {
		return failure("the networks were not measured", err, "")
	}
	v := observed{Base: base.name, Candidate: candidate.name, Pairs: x.pairs, Reproduce: x.command,
		Load: compare.Load{Nodes: x.load.Nodes, Rate: x.load.Rate, Payload: x.load.Payload, Keys: x.load.Keys, Duration: x.load.Duration.Milliseconds(), Network: x.load.Network}}
	v.Result = compare.Judge(metrics, measurements(results), int64(x.margin*1e6+0.5), nil)
	for _, p := range results {
		v.Observations = append(v.Observations, p[1].Observation)
	}
	if x.save != "" {
		if err := t.saveRun(v.report(typicalOf(results)), x.save); err != nil {
			return err
		}
	}
	if err := t.data(v, v.text); err != nil {
		return err
	}
	return verdictFault(&v.Result)
}

// contenders are the networks that are measured in turns.
func (x *observing) contenders(t *terminal) (base, candidate contender, err error) {
	if x.pairs < 1 || x.pairs > compare.PairsMax || x.margin < 0 || x.margin > 1 {
		return base, candidate, usage(fmt.Sprintf("%d pairs and a margin of %v", x.pairs, x.margin), fmt.Sprintf("choose --pairs %d to %d, --margin 0 to 1", compare.PairsMin, compare.PairsMax))
	}
	o := &x.load
	if o.Nodes < 1 || o.Nodes > devValidatorsMax || o.Rate < 0 || o.Keys < 1 || o.Payload < 1 || o.Duration < time.Millisecond || o.Warmup < time.Millisecond {
		return base, candidate, usage("numbers that make no network", "see `quoin lab observe --help`")
	}
	if _, err := o.Link(); err != nil {
		return base, candidate, usage(err.Error(), "see `quoin lab observe --help`")
	}
	share, err := trace.ParseShare(x.share)
	if err != nil {
		return base, candidate, usage(err.Error(), "for example --share 1/100")
	}
	seen, err := x.audience.options()
	if err != nil {
		return base, candidate, err
	}
	name, ok := baseNames[x.base]
	if !ok {
		return base, candidate, usage("there is no base "+quote(x.base), "choose --base "+baseOff+" or "+baseUnseen)
	}
	base = contender{name, *o}
	if x.base == baseUnseen {
		base.options.Observed = &bench.Observed{Share: share}
	}
	candidate = contender{fmt.Sprintf("everything looks on, %s of the transactions is traced; %s", share, audienceName(&seen)), *o}
	candidate.options.Observed = &bench.Observed{Share: share, Audience: seen, Seat: t.seatApart}
	return base, candidate, nil
}

func audienceName(o *audience.Options) string {
	every := "every " + o.Every.String()
	if o.Every == 0 {
		every = "without pause"
	}
	return fmt.Sprintf("viewers: %d, scrapers: %d, %s", o.Viewers, o.Scrapers, every)
}

func (v *observed) text(w io.Writer) {
	printComparison(w, &v.Result, compare.ModeLive, v.Pairs, v.Base, v.Candidate)
	fmt.Fprintln(w)
	table(w, v.audience)
}

// audience writes what all audiences met together.
func (v *observed) audience(row func(...any)) {
	var sum bench.Observation
	for _, o := range v.Observations {
		sum.Add(o)
	}
	audienceRows(row, &sum.Audience)
	row("spans", fmt.Sprintf("%d, %d of them dropped", sum.Spans, sum.Dropped))
}

// report is the run's folder.
func (v *observed) report(lines []report.Line) *report.Run {
	r := &report.Run{Format: report.Format, Kind: "observe", Name: fmt.Sprintf("observe-%d-pairs", v.Pairs), Title: "What it costs that everything looks on",
		Version: programVersion(), Reproduce: v.Reproduce, Failed: v.Result.Verdict == compare.Worse,
		Verdict:       string(v.Result.Verdict) + ": " + strings.Join(v.Result.Reasons(), "; "),
		Distributions: []report.Distribution{{Title: "Latency until certified", Unit: "ms", Lines: lines}},
		Comparisons:   []report.Comparison{comparison(&v.Result, v.Pairs, v.Base, v.Candidate)}}
	met := report.Table{Title: "What the audience met, in all pairs", Columns: []string{"what", "how often"}}
	v.audience(func(columns ...any) {
		met.Rows = append(met.Rows, []string{fmt.Sprint(columns[0]), fmt.Sprint(columns[1])})
	})
	r.Tables = []report.Table{pairsTable(&v.Result, 1, v.Pairs), met}
	if r.Failed {
		r.Findings = v.Result.Reasons()
	}
	return r
}
