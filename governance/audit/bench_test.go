package audit_test

import (
	"bytes"
	"testing"
	"time"

	"quoin.dev/quoin/governance/audit"
)

// BenchmarkVerify is `quoin audit verify` of 10,000 events in memory.
func BenchmarkVerify(b *testing.B) {
	began := time.Now()
	c, file := history(b, "acme", 2_500, 5_000, 7_500, 10_000)
	b.Logf("a chain of %d events, whose file has %d bytes, took %s", c.Events(), len(file), time.Since(began))
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if _, err := audit.Verify(bytes.NewReader(file), options(c), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(c.Events())*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
