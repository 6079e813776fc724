package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"quoin.dev/quoin/plugin"
)

// FuelOptions say how to measure the schedule. Zero values mean the defaults in brackets.
type FuelOptions struct {
	Rounds   int                              // of each probe, of which the fastest counts [15]
	Only     string                           // probes whose name contains it [all]
	Skip     func(r *Row) bool                // what not to measure, by name and charge [nothing]
	NoChain  bool                             // without the state on disk, which takes some seconds to make
	Progress func(format string, args ...any) // says what is measured
}

// FuelRatioMax is how many times the median the worst line of the schedule may take per fuel.
const FuelRatioMax = 3

// Row is what one thing takes under one condition.
type Row struct {
	Name    string  `json:"name"`   // the thing and the condition
	Charge  string  `json:"charge"` // the line of the schedule, see plugin.Schedule
	NS      float64 `json:"ns"`
	Fuel    float64 `json:"fuel"`
	PerFuel float64 `json:"ns_per_fuel"`
	Ratio   float64 `json:"ratio"` // of PerFuel to the median
}

// FuelReport is a measurement of the schedule. Every line of the schedule that costs something
// counts once, under its worst condition; the median is that of the lines.
type FuelReport struct {
	Engine   int     `json:"engine_version"`
	Schedule int     `json:"schedule_version"`
	Median   float64 `json:"median_ns_per_fuel"`
	Worst    Row     `json:"worst"`
	Rows     []Row   `json:"rows"` // all conditions, the worst first
}

// MeasureFuel measures nanoseconds per fuel of every instruction and host function, one after
// another on this goroutine. It takes some ten seconds.
func MeasureFuel(ctx context.Context, o FuelOptions) (*FuelReport, error) {
	if o.Rounds == 0 {
		o.Rounds = 15
	}
	if o.Progress == nil {
		o.Progress = func(string, ...any) {}
	}
	probes := append(instructionProbes(), hostProbes(nil)...)
	if !o.NoChain {
		o.Progress("making a state of %d keys", 1<<chainKeysLog2)
		c, err := newChain((*chain).fill)
		if err != nil {
			return nil, fmt.Errorf("making a state: %w", err)
		}
		defer c.close()
		large, err := newChain((*chain).fillLarge)
		if err != nil {
			return nil, fmt.Errorf("making a state of long values: %w", err)
		}
		defer large.close()
		probes = append(append(probes, hostProbes(c)...), largeProbes(large)...)
	}
	r := &FuelReport{Engine: plugin.EngineVersion, Schedule: plugin.ScheduleVersion}
	for _, p := range probes {
		row := Row{Name: p.name, Charge: p.of}
		if !strings.Contains(p.name, o.Only) || o.Skip != nil && o.Skip(&row) {
			continue
		}
		o.Progress("%s", p.name)
		c, err := p.measure(ctx, o.Rounds)
		if err != nil {
			return nil, err
		}
		row.NS, row.Fuel, row.PerFuel = c.ns, c.fuel, c.ns/c.fuel
		r.Rows = append(r.Rows, row)
	}
	r.compare()
	return r, nil
}

// compare sorts the rows and finds the median of the lines of the schedule.
func (r *FuelReport) compare() {
	slices.SortStableFunc(r.Rows, func(a, b Row) int { return cmp.Compare(b.PerFuel, a.PerFuel) })
	var worst []float64
	seen := map[string]bool{}
	for i := range r.Rows {
		if x := &r.Rows[i]; !seen[x.Charge] {
			seen[x.Charge] = true
			worst = append(worst, x.PerFuel)
		}
	}
	if len(worst) == 0 {
		return
	}
	r.Median = worst[len(worst)/2]
	for i := range r.Rows {
		r.Rows[i].Ratio = r.Rows[i].PerFuel / r.Median
	}
	r.Worst = r.Rows[0]
}

// Write writes the report as a table.
func (r *FuelReport) Write(w io.Writer) error {
	const format = "%-52s %12s %12s %10s %6s\n"
	if _, err := fmt.Fprintf(w, format, "WHAT", "NS", "FUEL", "NS/FUEL", "RATIO"); err != nil {
		return err
	}
	for _, x := range r.Rows {
		if _, err := fmt.Fprintf(w, format, x.Name, number(x.NS), number(x.Fuel), fmt.Sprintf("%.3f", x.PerFuel), fmt.Sprintf("%.2f", x.Ratio)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "schedule %d, engine %d: median %.3f ns per fuel, worst %.3f (%.2f times the median): %s\n",
		r.Schedule, r.Engine, r.Median, r.Worst.PerFuel, r.Worst.Ratio, r.Worst.Name)
	return err
}

func number(x float64) string {
	if x < 100 {
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

// instructionProbes are the probes of all instructions.
func instructionProbes() []probe {
	var list []probe
	for _, c := range plugin.Schedule() {
		switch {
		case c.Module != "" || c.Params == nil:
		case c.Memory && len(c.Results) > 0:
			list = append(list, loadProbes(&c)...)
		case c.Memory:
			list = append(list, storeProbes(&c)...)
		default:
			list = append(list, numericProbes(&c)...)
		}
	}
	for _, pages := range []uint32{1, 8, 16, 32, 64, 128, 256} {
		list = append(list, memoryProbes(pages)...)
	}
	return slices.Concat(list, chainProbes(), controlProbes(), bulkProbes())
}
