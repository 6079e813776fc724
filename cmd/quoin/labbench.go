package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"quoin.dev/quoin/bench"
)

// benchRun is what `lab bench` is told.
type benchRun struct {
	o          bench.Options
	matrix     bool
	processes  bool
	netns      bool
	load       loadOptions // of processes
	saturate   bool
	goal       bench.Goal
	save       string
	command    string // that measures the same again
	inside     string // of what: see chaos.Room
	folder     string // the network's, inside
	operations *loadReport
}

func newLabBench(t *terminal) *cobra.Command {
	var x benchRun
	o := &x.o
	c := &cobra.Command{
		Use: "bench", Short: "Measure a fresh network of real nodes, in this process or in processes of their own", Args: args(0, 0),
		Long: "Measure a fresh network of real nodes. In this process clients hand key-value writes to the nodes\n" +
			"directly. With --processes each node is a process of this program, clients use the public API, and the\n" +
			"workload is one of " + workloadNames() + ".\n\n" +
			"With --rate requests are due at even times whatever the answers do (open loop), and latencies count from\n" +
			"when a request was due; what is never answered counts too. See docs/lab-bench.md.",
		RunE: func(c *cobra.Command, _ []string) error {
			x.command = commandAgain(c)
			return x.run(c.Context(), t)
		},
	}
	f := c.Flags()
	f.IntVar(&o.Nodes, "nodes", 4, "validators")
	f.IntVar(&o.Payload, "payload", 128, "bytes of a value")
	f.IntVar(&o.Batch, "batch", 400, "transactions of a block at most (without --processes)")
	f.IntVar(&o.Outstanding, "outstanding", 0, "transactions in flight, of all clients (0: four batches)")
	f.IntVar(&o.Rate, "rate", 0, "transactions a second (0: closed loop)")
	f.IntVar(&o.Keys, "keys", 100_000, "keys of the state, or accounts, written beforehand")
	f.BoolVar(&o.Signed, "signed", false, "clients sign; those of processes always do")
	f.BoolVar(&o.NoSync, "no-sync", false, "durability off (without --processes)")
	f.DurationVar(&o.Warmup, "warmup", 2*time.Second, "before it counts (without --processes, where preparing warms up)")
	f.DurationVar(&o.Duration, "duration", 10*time.Second, "how long it counts")
	f.StringVar(&o.Dir, "dir", "", "where to make the folder for data, which is removed afterwards (default: the system's place)")
	f.StringVar(&o.Network, "network", bench.NetworkNone, "delays between nodes: "+bench.NetworkHelp)
	f.Float64Var(&o.Loss, "loss", 0, "probability that a segment between nodes is lost, and comes late")
	f.Int64Var(&o.Bandwidth, "bandwidth", 0, "bytes a second from one node to another (0: no bound)")
	f.Uint64Var(&o.Seed, "seed", 1, "of what the emulated network and the workload draw")
	f.BoolVar(&x.matrix, "matrix", false, "measure this network and those that differ from it in one thing, each also at a tenth of its peak")
	f.BoolVar(&x.processes, "processes", false, "a process for each node, and load through the public API")
	f.BoolVar(&x.netns, "netns", false, "processes in network namespaces of their own: needs root")
	f.StringVar(&x.load.Workload, "workload", "updates", "with --processes: "+workloadNames())
	f.IntVar(&x.load.Clients, "clients", 64, "with --processes: how many clients")
	f.BoolVar(&x.saturate, "saturate", false, "find the highest rate that is borne")
	f.DurationVar(&x.goal.P99, "p99", 200*time.Millisecond, "with --saturate: a rate with a longer p99 is not borne")
	f.IntVar(&x.goal.First, "first-rate", 500, "with --saturate: the rate to begin with")
	f.IntVar(&x.goal.Last, "last-rate", 1_000_000, "with --saturate: the highest rate to try")
	f.StringVar(&x.save, "save", "", "keep the run with its report in a folder below this one, such as runs")
	f.StringVar(&x.inside, "inside", "", "where this process runs")
	f.StringVar(&x.folder, "folder", "", "the network's folder")
	_ = f.MarkHidden("inside") // fails only for a flag that is not there
	_ = f.MarkHidden("folder")
	return c
}

// commandAgain is the command line with the flags that were given, but for where results go.
func commandAgain(c *cobra.Command) string {
	b := "go run ./cmd/" + c.CommandPath()
	c.Flags().Visit(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "save" || f.Name == "dir" || f.Name == "output" {
			return
		}
		b += " --" + f.Name
		if f.Value.Type() == "bool" {
			b += "=" + f.Value.String()
		} else {
			b += " " + shellQuote(f.Value.String())
		}
	})
	return b
}

func (x *benchRun) run(ctx context.Context, t *terminal) error {
	o := &x.o
	x.processes = x.processes || x.netns
	if o.Nodes < 1 || o.Payload < 1 || o.Batch < 1 || o.Keys < 1 || o.Outstanding < 0 || o.Rate < 0 || x.goal.First < 1 || x.goal.Last < x.goal.First {
		return usage("numbers must be at least 1, --outstanding and --rate at least 0", "see `quoin lab bench --help`")
	}
	if o.Duration <= 0 || o.Warmup < 0 || x.goal.P99 <= 0 {
		return usage("--duration and --p99 must be above 0, --warmup at least 0", "see `quoin lab bench --help`")
	}
	if x.matrix && (x.saturate || x.save != "") {
		return usage("--matrix with --saturate or --save", "choose one: a matrix measures many networks, and only prints them")
	}
	if _, err := o.Link(); err != nil {
		return usage(err.Error(), "see `quoin lab bench --help`")
	}
	if !x.processes && x.load.Workload != "updates" {
		return usage("the workload "+quote(x.load.Workload)+" goes through the public API", "add --processes")
	}
	if x.processes && (x.matrix || o.Nodes > devValidatorsMax || o.Nodes < 4) {
		return usage(fmt.Sprintf("%d processes, matrix: %v", o.Nodes, x.matrix), fmt.Sprintf("choose --nodes 4 to %d, and --matrix without --processes", devValidatorsMax))
	}
	if x.processes && x.inside == "" {
		return superviseBench(ctx, o.Dir, x.netns)
	}
	o.Progress = t.note
	if x.matrix {
		return benchMatrix(ctx, t, *o)
	}
	if x.saturate {
		return x.search(ctx, t)
	}
	r, err := x.once(ctx, t, o.Rate)
	if err != nil {
		return err
	}
	if x.save != "" {
		if err := t.saveRun(x.report(r, nil, 0), x.save); err != nil {
			return err
		}
	}
	return t.data(r, func(w io.Writer) { x.text(w, r) })
}

// once measures one rate on a fresh network.
func (x *benchRun) once(ctx context.Context, t *terminal, rate int) (r *bench.Result, err error) {
	o := x.o
	o.Rate = rate
	if !x.processes {
		if r, err = bench.Run(ctx, o); err != nil {
			return nil, failure("the measurement failed", err, "")
		}
		return r, nil
	}
	x.folder += "x" // each network has its own
	f, err := newFleet(ctx, x.folder, x.inside, o.Nodes, &o.Emulated)
	if err != nil {
		return nil, failure("the network did not start", err, "")
	}
	defer func() { err = errors.Join(err, f.close()) }()
	l := x.load
	l.Rate, l.Seconds, l.Records, l.Value, l.Seed = rate, max(1, int(o.Duration.Seconds())), o.Keys, o.Payload, o.Seed
	r, x.operations, err = f.measure(ctx, t, l)
	return r, err
}

// search finds the highest rate that is borne.
func (x *benchRun) search(ctx context.Context, t *terminal) error {
	run := func(ctx context.Context, rate int) (*bench.Result, error) { return x.once(ctx, t, rate) }
	trials, borne, err := bench.Saturate(ctx, x.goal, run, func(c bench.Trial) {
		t.note("%d a second: %.0f a second, p50 %s, p99 %s %s", c.Rate, c.Result.PerSecond, milliseconds(c.Result.P50), milliseconds(c.Result.P99), c.Why)
	})
	if err != nil {
		return err
	}
	if x.save != "" && len(trials) > 0 {
		if err := t.saveRun(x.report(trials[len(trials)-1].Result, trials, borne), x.save); err != nil {
			return err
		}
	}
	v := map[string]any{"borne_per_second": borne, "p99_bound_us": x.goal.P99.Microseconds(), "trials": trials}
	if err := t.data(v, func(w io.Writer) {
		table(w, func(row func(...any)) {
			row("rate", "done per s", "p50", "p99", "missing", "refused", "")
			for _, c := range trials {
				row(c.Rate, fmt.Sprintf("%.0f", c.Result.PerSecond), milliseconds(c.Result.P50), milliseconds(c.Result.P99), c.Result.Missing, c.Result.Refused, orBorne(c))
			}
		})
		fmt.Fprintf(w, "borne: %d transactions a second with p99 within %v\n", borne, x.goal.P99)
	}); err != nil {
		return err
	}
	if borne == 0 {
		return &fault{exit: exitFailure, code: "not-borne", what: fmt.Sprintf("not even %d transactions a second are borne", x.goal.First), why: trials[0].Why, todo: "lower --first-rate, or raise --p99"}
	}
	return nil
}

func orBorne(c bench.Trial) string {
	if c.Borne {
		return "borne"
	}
	return c.Why
}

// benchMatrix measures a network and its neighbours, one change at a time.
func benchMatrix(ctx context.Context, t *terminal, o bench.Options) error {
	cells, err := bench.Matrix(ctx, bench.DefaultAxes().Star(o), nil)
	if err != nil {
		return failure("the measurement failed", err, "")
	}
	return t.data(cells, func(w io.Writer) { _ = bench.Table(w, cells) })
}
