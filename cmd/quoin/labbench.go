package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/bench"
)

func newLabBench(t *terminal) *cobra.Command {
	var o bench.Options
	var matrix bool
	c := &cobra.Command{
		Use: "bench", Short: "Measure a fresh network of real nodes in this process", Args: args(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if o.Nodes < 1 || o.Payload < 1 || o.Batch < 1 || o.Keys < 1 || o.Outstanding < 0 || o.Rate < 0 {
				return usage("numbers must be at least 1, --outstanding and --rate at least 0", "see `quoin lab bench --help`")
			}
			o.Progress = t.note
			if matrix {
				return benchMatrix(c.Context(), t, o)
			}
			r, err := bench.Run(c.Context(), o)
			if err != nil {
				return failure("the measurement failed", err, "")
			}
			return t.data(r, func(w io.Writer) {
				ms := func(us int64) string { return fmt.Sprintf("%.2f ms", float64(us)/1000) }
				table(w, func(row func(...any)) {
					row("transactions", fmt.Sprintf("%d, %.0f per second", r.Transactions, r.PerSecond))
					row("latency", fmt.Sprintf("p50 %s, p95 %s, p99 %s, max %s", ms(r.P50), ms(r.P95), ms(r.P99), ms(r.Max)))
					row("blocks", r.Blocks)
					row("CPU", fmt.Sprintf("%.1f us per transaction, clients included", r.CPUPerTx))
					row("fsyncs", fmt.Sprintf("%.4f per transaction, all nodes", r.FsyncsPerTx))
					row("refused", r.Refused)
					row("on disk", fmt.Sprintf("%d bytes", r.BytesOnDisk))
					row("views timed out", r.TimeoutsViews)
				})
			})
		},
	}
	f := c.Flags()
	f.IntVar(&o.Nodes, "nodes", 4, "validators")
	f.IntVar(&o.Payload, "payload", 128, "bytes of a value")
	f.IntVar(&o.Batch, "batch", 400, "transactions of a block at most")
	f.IntVar(&o.Outstanding, "outstanding", 0, "transactions in flight, of all clients (0: four batches)")
	f.IntVar(&o.Rate, "rate", 0, "transactions a second (0: closed loop)")
	f.IntVar(&o.Keys, "keys", 100_000, "keys of the state, written beforehand")
	f.BoolVar(&o.Signed, "signed", false, "clients sign")
	f.BoolVar(&o.NoSync, "no-sync", false, "durability off")
	f.DurationVar(&o.Warmup, "warmup", 2*time.Second, "before it counts")
	f.DurationVar(&o.Duration, "duration", 10*time.Second, "how long it counts")
	f.StringVar(&o.Dir, "dir", "", "where to make the folder for data, which is removed afterwards (default: the system's place)")
	f.BoolVar(&matrix, "matrix", false, "measure this network and those that differ from it in one thing, each also at a tenth of its peak")
	return c
}

// benchMatrix measures a network and its neighbours, one change at a time.
func benchMatrix(ctx context.Context, t *terminal, o bench.Options) error {
	cells, err := bench.Matrix(ctx, bench.DefaultAxes().Star(o), func(bench.Cell) {})
	if err != nil {
		return failure("the measurement failed", err, "")
	}
	return t.data(cells, func(w io.Writer) { _ = bench.Table(w, cells) })
}
