package bench

import "quoin.dev/quoin/bench/compare"

// ComparedMetrics are what Compared returns of a result.
func ComparedMetrics() []compare.Metric {
	return []compare.Metric{
		{Name: "p50", Unit: "us", Judged: true},
		{Name: "p99", Unit: "us", Judged: true},
		{Name: "jitter", Unit: "us"}, // p99 − p50
		{Name: "throughput", Unit: "mtx/s", Higher: true, Judged: true},
		{Name: "blocks", Unit: "per 1000 seconds", Higher: true},
		{Name: "timeouts", Unit: "per 1000 blocks", Count: true},
		{Name: "cpu", Unit: "ns per transaction"},            // of the whole process, clients included
		{Name: "allocations", Unit: "per 1000 transactions"}, // pieces of memory, as cpu
		{Name: "allocated", Unit: "bytes per 1000 transactions"},
		{Name: "fsyncs", Unit: "per 1000 transactions"},
		{Name: "sent", Unit: "bytes per 1000 transactions"},
		{Name: "errors", Unit: "per million transactions", Count: true}, // refused, or not certified in time
	}
}

// Compared returns a result as whole numbers, to be compared. One without a certified transaction has
// none.
func (r *Result) Compared() compare.Measurement {
	if r.Transactions == 0 {
		return nil
	}
	lost := r.Missing + r.Refused
	return compare.Measurement{"p50": r.P50, "p99": r.P99, "jitter": r.P99 - r.P50, "throughput": int64(r.PerSecond * 1000),
		"blocks": int64(r.BlocksPerS * 1000), "timeouts": int64(r.TimeoutsViews * 1000 / max(1, r.Blocks)), "cpu": int64(r.CPUPerTx * 1000),
		"allocations": int64(r.AllocObjects * 1000), "allocated": int64(r.AllocBytes * 1000), "fsyncs": int64(r.FsyncsPerTx * 1000),
		"sent": int64(r.SentPerTx * 1000), "errors": lost * 1_000_000 / (r.Transactions + lost)}
}
