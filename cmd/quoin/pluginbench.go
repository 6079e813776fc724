package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/sdk/conformance/measure"
)

// Bounds of plugin bench.
const (
	benchFilesMax  = 16
	benchRoundsMin = 6 // for an interval of 95 %
	benchRoundsMax = 1_000
)

func newPluginBench(t *terminal) *cobra.Command {
	var f questionFlags
	rounds := 40
	c := &cobra.Command{
		Use: "bench [FOLDER|FILE]...", Short: "Measure what a plugin's calls cost, beside the built-in for the same hook", Args: args(0, benchFilesMax),
		Long: "Measure fuel, time and memory of each operation of releases, beside the node's own algorithm for the\n" +
			"same hook. Times are medians over rounds in which all take turns, with intervals of 95 %; fuel and bytes\n" +
			"are the same on every machine. Several releases stand beside each other in one table.",
		RunE: func(c *cobra.Command, a []string) error {
			if rounds < benchRoundsMin || rounds > benchRoundsMax {
				return usage(fmt.Sprintf("--rounds %d: %d to %d are possible", rounds, benchRoundsMin, benchRoundsMax), "")
			}
			if len(a) == 0 {
				a = []string{"."}
			}
			r, err := benchPlugins(c.Context(), a, &f, rounds)
			if err != nil {
				return err
			}
			return t.data(r, func(w io.Writer) { printBench(w, r) })
		},
	}
	f.add(c, 32)
	c.Flags().IntVar(&rounds, "rounds", rounds, "how many rounds are measured; more make the intervals narrower")
	return c
}

func benchPlugins(ctx context.Context, paths []string, f *questionFlags, rounds int) (*measure.Report, error) {
	var files [][]byte
	dir := ""
	for _, path := range paths {
		s, err := openSubject(ctx, path)
		if err != nil {
			return nil, err
		}
		files = append(files, s.file)
		if dir == "" {
			dir = s.dir
		}
	}
	o, err := f.options(dir)
	if err != nil {
		return nil, err
	}
	r, err := measure.Run(ctx, files, measure.Options{Seed: o.Seed, Requests: o.Calls, Rounds: rounds, Params: o.Params, Payloads: o.Payloads, Records: o.Records})
	if err != nil {
		return nil, toolFault(ctx, "the releases were not measured", err)
	}
	return r, nil
}

func printBench(w io.Writer, r *measure.Report) {
	table(w, func(row func(...any)) {
		row("OPERATION", "BY", "ACCEPTED", "FUEL", "NS A CALL", "CALLS A SECOND", "NS PER FUEL", "TIMES THE BUILT-IN", "BYTES PUT BACK", "IN NS", "ALLOCATIONS")
		for _, m := range r.Operations {
			ratio, restore := "", ""
			if m.Ratio != nil {
				ratio = figure(*m.Ratio)
			}
			if m.RestoreNS != nil {
				restore = figure(*m.RestoreNS)
			}
			by := m.Subject
			if m.Builtin {
				by += " (built in)"
			}
			row(m.Operation, by, fmt.Sprintf("%d of %d", m.Accepted, m.Requests), spread(m.Fuel), figure(m.NS), figure(m.PerSecond), figure(m.NSPerFuel),
				ratio, spread(m.Restored), restore, m.Allocations)
		}
	})
	fmt.Fprintln(w)
	table(w, func(row func(...any)) {
		row("RELEASE", "FILE BYTES", "COMPILE MS", "NEW INSTANCE US", "IMAGE PAGES", "IMAGE BYTES")
		for _, m := range r.Releases {
			row(m.Name, m.FileBytes, significant(m.CompileMS), figure(m.InstantiateUS), m.ImagePages, m.ImageBytes)
		}
	})
	fmt.Fprintf(w, "%s, %d rounds; after ±: the interval of %d %% reaches so far from the median\n", r.Platform, r.Rounds, r.Confidence)
}

// figure writes a median, and how far its interval reaches.
func figure(i measure.Interval) string {
	reach := math.Max(i.High-i.Median, i.Median-i.Low)
	if i.Median == 0 {
		return significant(0)
	}
	return fmt.Sprintf("%s ±%.0f%%", significant(i.Median), 100*reach/i.Median)
}

// significant writes a number with three digits, or all before its point.
func significant(x float64) string {
	switch {
	case x >= 100:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case x >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}

func spread(s measure.Spread) string {
	if s.Least == s.Most {
		return fmt.Sprint(s.Most)
	}
	return fmt.Sprintf("%d (%d to %d)", s.Median, s.Least, s.Most)
}
