package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/bench"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/lab/protocol"
	"quoin.dev/quoin/lab/twins"
	"quoin.dev/quoin/report"
)

const twinsSampledMax = 1_000_000_000

// twinsRun is one use of the command.
type twinsRun struct {
	protocol string
	space    twins.Space
	sampled  uint64
	seed     uint64
	scenario string
	noHeal   bool
	parallel int
	save     string

	listed protocol.Listed
	took   time.Duration
	cpu    time.Duration // of all cores; 0 where it cannot be told

	mu   sync.Mutex
	sum  twins.Explored
	runs uint64 // so far, for the status line
	done uint64 // scenarios covered so far
}

func newLabTwins(t *terminal) *cobra.Command {
	x := &twinsRun{}
	c := &cobra.Command{
		Use: "twins", Short: "Give one validator two copies, in all networks of a few views or in many at random", Args: args(0, 0),
		Long: "Play scenarios of Twins (Bano and others, 2021): four validators, one of which runs twice with one key, each\n" +
			"copy honest code. A scenario says who leads each view and who hears whom in it, view by view. In 1@0a2/3b\n" +
			"validator 1 leads, replicas 0 and 2 and twin a hear one another, and so do replica 3 and twin b; =a after it\n" +
			"says that the first answers to a proposal reach twin a alone, and ~ that timers pass early.\n" +
			"All scenarios of --views are played, or --sampled of them at random, or the one of --scenario. A broken\n" +
			"invariant is shrunk and shown as a chart.\n\n" +
			"Protocols: " + protocolNames() + ".",
		RunE: func(c *cobra.Command, _ []string) error { return x.run(c.Context(), t) },
	}
	f := c.Flags()
	f.StringVar(&x.protocol, "protocol", "simplex", "the protocol")
	f.IntVar(&x.space.Views, "views", 3, "views until the network heals")
	f.BoolVar(&x.space.Early, "early", false, "let timers pass early in some views too: before the answers to a proposal arrive")
	f.BoolVar(&x.space.Uneven, "uneven", false, "in some views, let votes reach one process alone at first")
	f.BoolVar(&x.space.Symmetry, "symmetry", false, "of scenarios that differ by the names of honest replicas or of the twins only, play one")
	f.BoolVar(&x.noHeal, "no-heal", false, "do not let the network heal, nor check progress then: half the time")
	f.Uint64Var(&x.sampled, "sampled", 0, "play so many scenarios at random (0: all there are)")
	f.Uint64Var(&x.seed, "seed", 1, "of the scenarios at random")
	f.StringVar(&x.scenario, "scenario", "", "play this scenario, and show it")
	f.IntVar(&x.parallel, "parallel", 0, "how many at once (0: one for each core)")
	f.StringVar(&x.save, "save", "", "a folder, such as runs, in which to leave a folder with what was found")
	return c
}

func protocolNames() string {
	var names []string
	for _, l := range protocol.Protocols() {
		names = append(names, l.Name)
	}
	return strings.Join(names, ", ")
}

// spaceViewsMax is for --views without --sampled: the numbers of scenarios must not overflow.
const spaceViewsMax = 6

func (x *twinsRun) run(ctx context.Context, t *terminal) error {
	l, ok := protocol.Named(x.protocol)
	if !ok {
		return usage("there is no protocol "+quote(x.protocol), "choose one of "+protocolNames())
	}
	x.listed, x.space.Protocol, x.space.Heal = l, l.Protocol, !x.noHeal
	if x.scenario != "" {
		return x.show(t)
	}
	most := spaceViewsMax
	if x.sampled > 0 {
		most = twins.ViewsMax
	}
	if x.space.Views < 1 || x.space.Views > most || x.sampled > twinsSampledMax || x.parallel < 0 {
		return usage(fmt.Sprintf("%d views, %d samples", x.space.Views, x.sampled),
			fmt.Sprintf("choose --views 1 to %d, or to %d with --sampled up to %d", spaceViewsMax, twins.ViewsMax, twinsSampledMax))
	}
	if x.parallel == 0 {
		x.parallel = runtime.GOMAXPROCS(0)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // runs are small and leave much garbage
	begin, cpu := time.Now(), bench.ProcessUse(os.Getpid()).CPU
	x.work(ctx, t)
	x.took, x.cpu = time.Since(begin), bench.ProcessUse(os.Getpid()).CPU-cpu
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return x.finish(t)
}

// work plays jobs, one goroutine a core.
func (x *twinsRun) work(ctx context.Context, t *terminal) {
	jobs := x.jobs(ctx)
	line := t.statusLine()
	begin := time.Now()
	stop := line.keep(func(now time.Time) {
		x.mu.Lock()
		defer x.mu.Unlock()
		line.print("%d of %d scenarios  %d played  %.0f per s  %d broken", x.done, x.size(), x.runs,
			float64(x.runs)/now.Sub(begin).Seconds(), x.sum.Broken)
	})
	next := make(chan func() twins.Explored)
	var wg sync.WaitGroup
	for range x.parallel {
		wg.Go(func() {
			for job := range next {
				part := job()
				x.mu.Lock()
				x.sum.Add(&part)
				x.mu.Unlock()
			}
		})
	}
	for job := range jobs {
		next <- job
	}
	close(next)
	wg.Wait()
	stop()
}

// jobs yields parts of the work. Each says how far it is, and stops when the context ends.
func (x *twinsRun) jobs(ctx context.Context) func(yield func(func() twins.Explored) bool) {
	progress := func(runs, covered uint64) bool {
		x.mu.Lock()
		x.runs += runs
		x.done += covered
		x.mu.Unlock()
		return ctx.Err() == nil
	}
	return func(yield func(func() twins.Explored) bool) {
		if x.sampled == 0 {
			for _, j := range x.space.Jobs() {
				if !yield(func() twins.Explored { return j.Explore(progress) }) {
					return
				}
			}
			return
		}
		const batch = 1000
		for first := uint64(0); first < x.sampled && ctx.Err() == nil; first += batch {
			n := min(batch, x.sampled-first)
			if !yield(func() twins.Explored { return x.space.Sample(x.seed, first, n, progress) }) {
				return
			}
		}
	}
}

func (x *twinsRun) size() uint64 {
	if x.sampled > 0 {
		return x.sampled
	}
	return x.space.Size()
}

// command is what does the same again, or plays one scenario.
func (x *twinsRun) command(scenario twins.Scenario) string {
	b := "go run ./cmd/quoin lab twins --protocol " + x.protocol
	switch {
	case scenario != nil:
		b += fmt.Sprintf(" --scenario %s", scenario)
	case x.sampled > 0:
		b += fmt.Sprintf(" --views %d --sampled %d --seed %d", x.space.Views, x.sampled, x.seed)
	default:
		b += fmt.Sprintf(" --views %d", x.space.Views)
		if x.space.Symmetry {
			b += " --symmetry"
		}
	}
	if x.space.Early && scenario == nil {
		b += " --early"
	}
	if x.space.Uneven && scenario == nil {
		b += " --uneven"
	}
	if x.noHeal {
		b += " --no-heal"
	}
	return b
}

// chartLines is how much of a finding's chart a summary shows.
const chartLines = 40

type twinsFound struct {
	Scenario  string   `json:"scenario"`
	Invariant string   `json:"invariant"`
	Text      string   `json:"text"`
	Replay    string   `json:"replay"`
	Chart     []string `json:"chart,omitempty"`
}

// finish shrinks the first finding, prints, saves, and fails if something broke.
func (x *twinsRun) finish(t *terminal) error {
	var found []twinsFound
	var log []events.Event
	for i, f := range x.sum.Found {
		if i > 0 {
			found = append(found, x.found(f.Scenario, f.Result, nil))
			continue
		}
		s := twins.Shrink(x.space.Protocol, f.Scenario, x.space.Heal, f.Violation.Invariant)
		var r twins.Result
		log, r = x.play(s)
		found = append(found, x.found(s, r, log))
	}
	if err := t.data(x.summary(found), func(w io.Writer) { x.text(w, found) }); err != nil {
		return err
	}
	if x.save != "" {
		if err := x.keep(t, found, log); err != nil {
			return err
		}
	}
	return x.verdict(found, fmt.Sprintf("%d of %d runs broke an invariant", x.sum.Broken, x.sum.Runs))
}

func (x *twinsRun) verdict(found []twinsFound, what string) error {
	if len(found) == 0 {
		return nil
	}
	return &fault{exit: exitFailure, code: "invariant", what: what, why: found[0].Invariant + ": " + found[0].Text, todo: found[0].Replay}
}

// show plays the one scenario, and prints it whatever comes out.
func (x *twinsRun) show(t *terminal) error {
	s, err := twins.Parse(x.scenario)
	if err != nil {
		return usage(err.Error(), "see `quoin lab twins --help`")
	}
	x.space.Views = len(s)
	log, r := x.play(s)
	f := x.found(s, r, log)
	var found []twinsFound
	if r.Violation != nil {
		found = append(found, f)
	}
	if err := t.data(f, func(w io.Writer) { f.text(w, x) }); err != nil {
		return err
	}
	if x.save != "" {
		if err := x.keep(t, found, log); err != nil {
			return err
		}
	}
	return x.verdict(found, "the scenario breaks an invariant")
}

func (x *twinsRun) play(s twins.Scenario) ([]events.Event, twins.Result) {
	var log []events.Event
	r := twins.Run(x.space.Protocol, s, x.space.Heal, func(e *events.Event) { log = append(log, *e) })
	return log, r
}

func (x *twinsRun) found(s twins.Scenario, r twins.Result, log []events.Event) twinsFound {
	f := twinsFound{Scenario: s.String(), Replay: x.command(s)}
	if r.Violation != nil {
		f.Invariant, f.Text = r.Violation.Invariant, r.Violation.Text
	}
	if log != nil {
		var b strings.Builder
		if err := events.Chart(&b, twins.Processes, log); err == nil {
			f.Chart = strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		}
	}
	return f
}

func (f *twinsFound) text(w io.Writer, x *twinsRun) {
	fmt.Fprintf(w, "scenario %s\n", f.Scenario)
	if f.Invariant != "" {
		fmt.Fprintf(w, "breaks %s: %s\n", f.Invariant, f.Text)
	} else {
		fmt.Fprintln(w, "no invariant was broken")
	}
	if f.Chart != nil {
		fmt.Fprintln(w, "columns: replica 0, twin a (1), replica 2, replica 3, twin b (4); time in message delays")
		lines := f.Chart[1:]
		fmt.Fprintln(w, f.Chart[0])
		if len(lines) > chartLines && x.scenario == "" {
			fmt.Fprintf(w, "      ... %d lines, which the replay shows\n", len(lines)-chartLines)
			lines = lines[len(lines)-chartLines:]
		}
		for _, line := range lines {
			fmt.Fprintln(w, line)
		}
	}
	fmt.Fprintf(w, "replay: %s\n", f.Replay)
}

func (x *twinsRun) summary(found []twinsFound) any {
	return struct {
		Protocol  string       `json:"protocol"`
		Wrong     string       `json:"deliberately_broken,omitempty"`
		Views     int          `json:"views"`
		Sampled   uint64       `json:"sampled,omitempty"`
		Seed      uint64       `json:"seed,omitempty"`
		Early     bool         `json:"early"`
		Uneven    bool         `json:"uneven"`
		Heal      bool         `json:"heal"`
		Scenarios uint64       `json:"scenarios"`
		Symmetric uint64       `json:"symmetric"`
		Runs      uint64       `json:"runs"`
		Certified uint64       `json:"runs_that_certified"`
		Forked    uint64       `json:"runs_with_equivocation"`
		Messages  uint64       `json:"messages"`
		Broken    uint64       `json:"broken"`
		Digest    string       `json:"digest"`
		Seconds   float64      `json:"seconds"`
		CPU       float64      `json:"cpu_seconds"`
		PerSecond float64      `json:"scenarios_per_second"`
		RunsPer   float64      `json:"runs_per_second"`
		Found     []twinsFound `json:"found"`
		Reproduce string       `json:"reproduce"`
	}{x.protocol, x.listed.Broken, x.space.Views, x.sampled, x.seed, x.space.Early, x.space.Uneven, x.space.Heal, x.sum.Covered, x.sum.Symmetric, x.sum.Runs, x.sum.Certified,
		x.sum.Forked, x.sum.Messages, x.sum.Broken, fmt.Sprintf("%016x", x.sum.Digest), x.took.Seconds(), x.cpu.Seconds(), x.per(x.sum.Covered), x.per(x.sum.Runs),
		append([]twinsFound{}, found...), x.command(nil)}
}

func (x *twinsRun) per(n uint64) float64 { return float64(n) / x.took.Seconds() }

func (x *twinsRun) text(w io.Writer, found []twinsFound) {
	fmt.Fprintf(w, "%s, %d views: %d scenarios in %.1f s, %.0f per s\n", x.protocol, x.space.Views, x.sum.Covered, x.took.Seconds(), x.per(x.sum.Covered))
	if x.listed.Broken != "" {
		fmt.Fprintf(w, "deliberately broken: %s\n", x.listed.Broken)
	}
	table(w, func(row func(...any)) {
		row("played", fmt.Sprintf("%d, %.0f per s; each stands for those that differ in what it never asked", x.sum.Runs, x.per(x.sum.Runs)))
		if x.cpu > 0 {
			row("CPU", fmt.Sprintf("%.1f s, %.0f played per s of one core", x.cpu.Seconds(), float64(x.sum.Runs)/x.cpu.Seconds()))
		}
		if x.space.Symmetry {
			row("by symmetry", x.sum.Symmetric)
		}
		row("certified before healing", x.sum.Certified)
		row("twins caught red-handed", x.sum.Forked)
		row("messages", x.sum.Messages)
		row("digest", fmt.Sprintf("%016x", x.sum.Digest))
	})
	if len(found) == 0 {
		fmt.Fprintln(w, "no invariant was broken")
		return
	}
	fmt.Fprintf(w, "%d runs broke an invariant; the first one, shrunk:\n", x.sum.Broken)
	found[0].text(w, x)
}

// keep saves the run, with the events of what was found or shown.
func (x *twinsRun) keep(t *terminal, found []twinsFound, log []events.Event) error {
	r := report.Run{Format: report.Format, Kind: "twins", Name: x.name(), Title: fmt.Sprintf("Twins of %s, %d views", x.protocol, x.space.Views),
		Version: programVersion(), Reproduce: x.command(nil), Seed: x.seed, Digest: fmt.Sprintf("%016x", x.sum.Digest), Failed: len(found) > 0,
		Verdict: fmt.Sprintf("%d scenarios, no invariant broken", x.sum.Covered), Nodes: twins.Processes, Events: log}
	if x.scenario != "" {
		r.Reproduce, r.Scenario, r.Verdict = fmt.Sprintf("go run ./cmd/quoin lab twins --protocol %s --scenario %s", x.protocol, strings.Join(strings.Fields(x.scenario), ",")), x.scenario+"\n", "no invariant broken"
	}
	for _, f := range found {
		r.Findings = append(r.Findings, f.Invariant+": "+f.Text+"; "+f.Replay)
	}
	if len(found) > 0 {
		r.Verdict, r.Scenario = "broken: "+found[0].Invariant, found[0].Scenario+"\n"
	}
	if x.sum.Runs > 0 {
		count := func(name string, n uint64) []string { return []string{name, fmt.Sprint(n)} }
		r.Tables = []report.Table{{Title: "Scenarios", Columns: []string{"", "number"}, Numeric: []bool{false, true}, Rows: [][]string{
			count("scenarios", x.sum.Covered), count("by symmetry", x.sum.Symmetric), count("played", x.sum.Runs), count("certified before healing", x.sum.Certified),
			count("twins caught red-handed", x.sum.Forked), count("messages", x.sum.Messages), count("broken", x.sum.Broken)}}}
	}
	folder, err := r.Save(x.save)
	if err != nil {
		return failure("the run cannot be saved", err, "choose another folder with --save")
	}
	t.note("saved in %s", folder)
	return nil
}

func (x *twinsRun) name() string {
	switch {
	case x.scenario != "":
		return x.protocol + "-scenario"
	case x.sampled > 0:
		return fmt.Sprintf("%s-%d-views-seed-%d", x.protocol, x.space.Views, x.seed)
	}
	return fmt.Sprintf("%s-%d-views", x.protocol, x.space.Views)
}
