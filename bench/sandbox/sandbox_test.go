package sandbox

import (
	"math"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin/plugin"
)

// Every line of the schedule that costs something has a probe.
func TestEveryChargeIsMeasured(t *testing.T) {
	measured := map[string]bool{}
	for _, p := range slices.Concat(instructionProbes(), hostProbes(nil), hostProbes(&chain{}), largeProbes(&chain{})) {
		measured[p.of] = true
		for _, name := range strings.Split(p.of, ", ") {
			measured[name] = true
		}
	}
	without := map[string]string{
		"abort": "ends the call", "proc_exit": "ends the call", "output": "once in a call, so in every probe", "batch_next": "once for each request",
		"entry of a function": "measured with call",
	}
	for _, c := range plugin.Schedule() {
		if c.Units > 0 && !measured[c.Name] && without[c.Name] == "" {
			t.Errorf("%s costs %d and is not measured", c.Name, c.Units)
		}
	}
}

// waits says which rows wait for memory or a disk: how long depends on the machine's caches and on
// what else it does, so only the command measures them.
func waits(r *Row) bool {
	return strings.Contains(r.Name, " pages") || strings.Contains(r.Name, " functions") || r.Charge == "memory.grow"
}

// No instruction or host function that the processor alone decides about is far dearer than its
// price. The rule is three times the median, and `quoin lab fuel` measures that, everything
// included; this test allows twice as much, for the machines that it may run on.
func TestFuelIsHonest(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("it measures")
	}
	const margin = 2 * FuelRatioMax
	var worst Row
	for range 3 {
		r, err := MeasureFuel(t.Context(), FuelOptions{Rounds: 7, NoChain: true, Skip: waits})
		if err != nil {
			t.Fatal(err)
		}
		if worst = r.Worst; worst.Ratio <= margin {
			return
		}
	}
	t.Errorf("%s takes %.2f ns for %.0f fuel, %.1f times the median; at most %d times are allowed here", worst.Name, worst.NS, worst.Fuel, worst.Ratio, margin)
}

// A thing that is priced too low is the worst row.
func TestTooLowAPriceIsSeen(t *testing.T) {
	r := &FuelReport{}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		r.Rows = append(r.Rows, Row{Name: name, Charge: name, PerFuel: 0.4})
	}
	r.Rows = append(r.Rows, Row{Name: "dear, cached", Charge: "dear", PerFuel: 0.1}, Row{Name: "dear, cold", Charge: "dear", PerFuel: 4})
	r.compare()
	if r.Worst.Name != "dear, cold" || math.Abs(r.Worst.Ratio-10) > 1e-9 || r.Median != 0.4 {
		t.Errorf("%+v", r)
	}
}

// The instrumentation costs a CPU-bound guest little, and changes no answer. The goals are 1.5
// for the worst kernel and 1.3 for the mean, which `quoin lab fuel --overhead` measures; this
// test allows a busy machine more.
func TestOverhead(t *testing.T) {
	rounds, tries := 15, 3
	if testing.Short() || raceEnabled {
		rounds, tries = 1, 1 // the answers only
	}
	var o *Overheads
	for range tries {
		var err error
		if o, err = MeasureOverhead(t.Context(), rounds); err != nil {
			t.Fatal(err)
		}
		if o.Worst <= 2 && o.Mean <= 1.5 {
			break
		}
	}
	for _, k := range o.Kernels {
		t.Logf("%-10s %.0f us plain, %.0f us instrumented: %.2f", k.Kernel, k.Plain, k.Instrumented, k.Ratio)
	}
	if rounds > 1 && (o.Worst > 2 || o.Mean > 1.5) {
		t.Errorf("the worst kernel takes %.2f times as long, the mean is %.2f", o.Worst, o.Mean)
	}
}
