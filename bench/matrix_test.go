package bench

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestAxes(t *testing.T) {
	names := map[string]bool{}
	for _, o := range DefaultAxes().Star(Options{}) {
		names[o.name()] = true
		if o.Outstanding != outstandingBatches*o.Batch {
			t.Errorf("%s: %d outstanding", o.name(), o.Outstanding)
		}
	}
	if len(names) != 8 { // the base and seven changes
		t.Errorf("%d different cells", len(names))
	}
}

func TestMatrix(t *testing.T) {
	base := Options{Keys: 500, Batch: 50, Warmup: 100 * time.Millisecond, Duration: 400 * time.Millisecond}
	cells, err := Matrix(context.Background(), Axes{NoSync: []bool{false, true}}.Star(base), nil)
	if err != nil || len(cells) != 2 {
		t.Fatal(err, len(cells))
	}
	for _, c := range cells {
		if c.Error != "" || c.Closed == nil || c.Closed.Transactions == 0 || c.Open == nil || c.Open.Transactions == 0 {
			t.Errorf("%+v", c)
		}
	}
	if !cells[0].Durable || cells[1].Durable || cells[0].Closed.FsyncsPerTx == 0 {
		t.Errorf("%+v", cells)
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	r := &Result{PerSecond: 12345.6, P50: 7890, P95: 10_000, P99: 20_000, CPUPerTx: 33.333, FsyncsPerTx: 0.01234}
	cells := []Cell{{Nodes: 4, Payload: 128, Batch: 400, Keys: 100_000, Durable: true, Closed: r, Open: r},
		{Nodes: 7, Payload: 1024, Batch: 100, Keys: 1_000_000, Signed: true, Error: "no space left"}}
	if err := Table(&b, cells); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	want := []string{
		"4 128 400 100000 no yes 12346 7.9 10.0 20.0 33.3 0.0123 7.9 10.0 20.0",
		"7 1024 100 1000000 yes no - - - - - - - - - no space left",
	}
	for i, line := range lines[1:] {
		if got := strings.Join(strings.Fields(line), " "); got != want[i] {
			t.Errorf("%q, want %q", got, want[i])
		}
	}
}
