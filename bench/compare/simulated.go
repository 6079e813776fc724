package compare

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/lab"
	"quoin.dev/quoin/lab/events"
)

// World is what both play, seed by seed: a calm world of the simulator (see lab.Calm).
type World struct {
	Nodes        int    `json:"nodes"`
	Blocks       uint64 `json:"blocks"`       // to certify
	Transactions int    `json:"transactions"` // to certify
	Dead         int    `json:"dead"`         // validators that never start
}

// Side is the base or the candidate of a simulated comparison.
type Side struct {
	Candidate *lab.Candidate       // nil: what a chain has that binds nothing
	Genesis   func(*quoin.Genesis) // sets parameters; nil: none
}

// SimulatedMetrics are what Simulate measures. Usually p50 and p99 are judged; see JudgedFor.
func SimulatedMetrics() []Metric {
	return []Metric{
		{Name: "p50", Unit: "us", Judged: true},                         // from submission to the first certification
		{Name: "p99", Unit: "us", Judged: true},                         //
		{Name: "reported-p50", Unit: "us"},                              // from submission to reported finality, see hook.FinalityResponse
		{Name: "reported-p99", Unit: "us"},                              //
		{Name: "jitter", Unit: "us"},                                    // p99 − p50
		{Name: "throughput", Unit: "mtx/s", Higher: true},               // thousandths of certified transactions a second
		{Name: "views", Unit: "per 1000 blocks"},                        // entered
		{Name: "timeouts", Unit: "per 1000 blocks", Count: true},        // views that some replica gave up, each replica counted
		{Name: "fuel", Unit: "per 1000 transactions"},                   // of machines and validations
		{Name: "hook-fuel", Unit: "per 1000 blocks", Count: true},       // of the questions to the side's own bindings, of one replica
		{Name: "hook-faults", Unit: "per 1000 blocks", Count: true},     // questions that the fallback answered in place of a binding, each replica counted
		{Name: "errors", Unit: "per million transactions", Count: true}, // submitted and never certified
	}
}

// JudgedFor names the metrics by which a comparison of these bindings is judged: a finality rule also by
// when it lets transactions be reported.
func JudgedFor(bindings []quoin.Binding) []string {
	names := []string{"p50", "p99"}
	if slices.ContainsFunc(bindings, func(b quoin.Binding) bool { return b.Hook == hook.Finality.Name }) {
		names = append(names, "reported-p50", "reported-p99")
	}
	return names
}

// Simulated is one run in the simulator.
type Simulated struct {
	Measurement
	Latencies []uint64 // microseconds, ascending
	Report    lab.Report
}

// Simulate plays a seed. It fails on bad options, and when the run broke an invariant.
func Simulate(w World, s Side, seed uint64) (*Simulated, error) {
	r := &Simulated{}
	answered, last, timeouts := map[string]bool{}, uint64(0), uint64(0) // by transaction: whether there is a receipt
	var err error
	r.Report, err = lab.Run(lab.Options{Seed: seed, Nodes: w.Nodes, Blocks: w.Blocks, Transactions: w.Transactions, Candidate: s.Candidate,
		Calm: &lab.Calm{Dead: w.Dead, Genesis: s.Genesis}, Events: func(e *events.Event) {
			switch e.Verb {
			case events.Submitted:
				if !answered[e.Transaction] { // some are submitted again after their receipt
					answered[e.Transaction] = false
				}
			case events.Receipt:
				answered[e.Transaction] = true
				r.Latencies = append(r.Latencies, e.TookUS)
				last = e.AtUS
			case events.TimedOut:
				timeouts++
			}
		}})
	if err != nil {
		return nil, err
	}
	if r.Report.Failed() {
		v := r.Report.Violations[0]
		return nil, fmt.Errorf("compare: seed %d broke %s: %s", seed, v.Invariant, v.Text)
	}
	slices.Sort(r.Latencies)
	slices.Sort(r.Report.Reported)
	count, blocks := int64(len(r.Latencies)), int64(r.Report.Blocks)
	if count == 0 || blocks == 0 || last == 0 || len(r.Report.Reported) == 0 {
		return r, nil // no data: no measurement
	}
	var asked lab.Asked
	for _, a := range r.Report.Asked {
		asked.Add(a)
	}
	p50, p99 := quantile(r.Latencies, 50), quantile(r.Latencies, 99)
	r.Measurement = Measurement{"p50": p50, "p99": p99, "jitter": p99 - p50, "reported-p50": quantile(r.Report.Reported, 50), "reported-p99": quantile(r.Report.Reported, 99),
		"hook-fuel": int64(asked.Fuel) * 1000 / blocks / int64(r.Report.Nodes-w.Dead), "hook-faults": int64(asked.Faults) * 1000 / blocks, "throughput": count * 1000 * million / int64(last),
		"views": int64(r.Report.Views) * 1000 / blocks, "timeouts": int64(timeouts) * 1000 / blocks,
		"fuel": int64(r.Report.Fuel) * 1000 / max(1, int64(r.Report.Transactions)), "errors": (int64(len(answered)) - count) * million / int64(len(answered))}
	return r, nil
}

// quantile returns the value below or at which q percent lie (nearest rank).
func quantile(sorted []uint64, q int) int64 {
	rank := (len(sorted)*q + 99) / 100
	return int64(sorted[max(rank, 1)-1])
}
