package bench

import (
	"context"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	r, err := Run(context.Background(), Options{Keys: 1000, Batch: 100, Warmup: 200 * time.Millisecond, Duration: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if r.Transactions == 0 || r.Blocks == 0 || r.Refused != 0 {
		t.Errorf("%+v", r)
	}
	t.Logf("%+v", *r)
}

func BenchmarkNetwork(b *testing.B) {
	for b.Loop() {
		r, err := Run(context.Background(), Options{Keys: 100_000, Duration: 5 * time.Second})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(r.PerSecond, "tx/s")
		b.ReportMetric(float64(r.P50), "p50-µs")
		b.ReportMetric(float64(r.P99), "p99-µs")
		b.ReportMetric(r.CPUPerTx, "cpu-µs/tx")
		b.ReportMetric(r.FsyncsPerTx, "fsyncs/tx")
	}
}
