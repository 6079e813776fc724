package audit_test

import (
	"bytes"
	"flag"
	"testing"
	"time"

	"quoin.dev/quoin/governance/audit"
)

var benchEvents = flag.Uint64("events", 10_000, "how many events BenchmarkVerify verifies")

// BenchmarkVerify is `quoin audit verify` of a file in memory.
func BenchmarkVerify(b *testing.B) {
	began := time.Now()
	n := *benchEvents
	c, file := history(b, "acme", n/4, n/2, 3*n/4, n)
	s, err := audit.Verify(bytes.NewReader(file), options(c), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d events in %d epochs, in a file of %d bytes; made in %s", s.Events, s.Epochs, len(file), time.Since(began))
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if _, err := audit.Verify(bytes.NewReader(file), options(c), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(c.Events())*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
