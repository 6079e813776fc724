package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/bench/sandbox"
)

const fuelRoundsMax = 10_000

func newLabFuel(t *terminal) *cobra.Command {
	var o sandbox.FuelOptions
	overhead := false
	c := &cobra.Command{
		Use: "fuel", Short: "Measure what the sandbox's fuel is worth on this machine, and what its instrumentation costs", Args: args(0, 0),
		Long: "Measure nanoseconds per fuel of every instruction and host function, under the conditions that are worst\n" +
			"for it: loads that the caches do not help, branches that nobody predicts, keys that only the disk has.\n" +
			fmt.Sprintf("The schedule is honest if the worst takes at most %d times the median. With --overhead, measure instead how\n", sandbox.FuelRatioMax) +
			"much longer CPU-bound guests take instrumented than plain. Only an idle machine gives true figures.",
		RunE: func(c *cobra.Command, _ []string) error {
			if o.Rounds < 1 || o.Rounds > fuelRoundsMax {
				return usage(fmt.Sprintf("--rounds %d", o.Rounds), fmt.Sprintf("choose 1 to %d", fuelRoundsMax))
			}
			if overhead {
				r, err := sandbox.MeasureOverhead(c.Context(), o.Rounds)
				if err != nil {
					return failure("the measurement failed", err, "")
				}
				return t.data(r, func(w io.Writer) { printOverhead(w, r) })
			}
			line := t.statusLine()
			if line.live {
				o.Progress = line.print
			}
			r, err := sandbox.MeasureFuel(c.Context(), o)
			line.end()
			if err != nil {
				return failure("the measurement failed", err, "")
			}
			return t.data(r, func(w io.Writer) { _ = r.Write(w) })
		},
	}
	f := c.Flags()
	f.IntVar(&o.Rounds, "rounds", 25, "rounds of each measurement, of which the fastest counts")
	f.StringVar(&o.Only, "only", "", "measure only what has this in its name, such as i64. or state_")
	f.BoolVar(&o.NoChain, "no-chain", false, "without the host functions on a state on disk")
	f.BoolVar(&overhead, "overhead", false, "measure guests instrumented and plain")
	return c
}

func printOverhead(w io.Writer, r *sandbox.Overheads) {
	table(w, func(row func(...any)) {
		row("KERNEL", "PLAIN", "INSTRUMENTED", "RATIO")
		for _, k := range r.Kernels {
			row(k.Kernel, fmt.Sprintf("%.0f us", k.Plain), fmt.Sprintf("%.0f us", k.Instrumented), fmt.Sprintf("%.2f", k.Ratio))
		}
		row("worst", "", "", fmt.Sprintf("%.2f", r.Worst))
		row("geometric mean", "", "", fmt.Sprintf("%.2f", r.Mean))
	})
}
