package bench

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Axes are the values that a matrix takes for each option. An empty axis keeps the base's value.
type Axes struct {
	Payloads []int
	Batches  []int
	Nodes    []int
	Keys     []int
	Signed   []bool
	NoSync   []bool
}

// DefaultAxes are those that the project publishes figures for.
func DefaultAxes() Axes {
	return Axes{Payloads: []int{128, 1024}, Batches: []int{100, 400, 1000}, Nodes: []int{4, 7}, Keys: []int{100_000, 1_000_000},
		Signed: []bool{false, true}, NoSync: []bool{false, true}}
}

// Star returns the base, and the base with one option at a time changed to each other value of its
// axis.
func (a Axes) Star(base Options) []Options {
	base = base.withDefaults()
	cells := []Options{base}
	a.vary(func(set func(*Options)) {
		o := base
		set(&o)
		if o.name() != base.name() {
			cells = append(cells, o)
		}
	})
	return cells
}

// vary calls value for each value of each axis.
func (a Axes) vary(value func(set func(*Options))) {
	ints := func(values []int, field func(*Options) *int) {
		for _, v := range values {
			value(func(o *Options) { *field(o) = v })
		}
	}
	bools := func(values []bool, field func(*Options) *bool) {
		for _, v := range values {
			value(func(o *Options) { *field(o) = v })
		}
	}
	ints(a.Payloads, func(o *Options) *int { return &o.Payload })
	for _, v := range a.Batches {
		value(func(o *Options) { o.Batch, o.Outstanding = v, outstandingBatches*v })
	}
	bools(a.NoSync, func(o *Options) *bool { return &o.NoSync })
	ints(a.Nodes, func(o *Options) *int { return &o.Nodes })
	bools(a.Signed, func(o *Options) *bool { return &o.Signed })
	ints(a.Keys, func(o *Options) *int { return &o.Keys })
}

func (o Options) name() string {
	word := func(on bool, yes, no string) string {
		if on {
			return yes
		}
		return no
	}
	return fmt.Sprintf("%d nodes, %d B, batches of %d, %d keys, %s, %s", o.Nodes, o.Payload, o.Batch, o.Keys,
		word(o.Signed, "signed", "unsigned"), word(o.NoSync, "in memory", "durable"))
}

// Cell is one network of a matrix.
type Cell struct {
	Name    string  `json:"name"`
	Nodes   int     `json:"nodes"`
	Payload int     `json:"payload_bytes"`
	Batch   int     `json:"batch"`
	Keys    int     `json:"keys"`
	Signed  bool    `json:"signed"`
	Durable bool    `json:"durable"`
	Closed  *Result `json:"closed"`         // the closed loop: the most that the network does
	Open    *Result `json:"open,omitempty"` // an open loop at a tenth of that rate, for latency
	Error   string  `json:"error,omitempty"`
}

// Matrix measures each cell on a network of its own: first a closed loop, then an open loop at a
// tenth of what the first one gave. each is called after every cell. A cell that fails says why and
// the others go on; the error is the context's.
func Matrix(ctx context.Context, cells []Options, each func(Cell)) ([]Cell, error) {
	var done []Cell
	for i, o := range cells {
		o = o.withDefaults()
		progress := o.Progress
		o.Progress = func(format string, args ...any) {
			progress("%d of %d, %s: %s", i+1, len(cells), o.name(), fmt.Sprintf(format, args...))
		}
		c := Cell{Name: o.name(), Nodes: o.Nodes, Payload: o.Payload, Batch: o.Batch, Keys: o.Keys, Signed: o.Signed, Durable: !o.NoSync}
		if err := c.measure(ctx, o); err != nil {
			c.Error = err.Error()
		}
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		done = append(done, c)
		if each != nil {
			each(c)
		}
	}
	return done, nil
}

func (c *Cell) measure(ctx context.Context, o Options) (err error) {
	return with(ctx, o, func(w *network) error {
		if c.Closed, err = w.measure(ctx); err != nil {
			return err
		}
		w.o.Rate = int(c.Closed.PerSecond / 10)
		w.o.CPUProfile = nil
		if w.o.Rate == 0 {
			return nil
		}
		c.Open, err = w.measure(ctx)
		return err
	})
}

// Table writes the cells as text, a line each.
func Table(out io.Writer, cells []Cell) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, strings.Join([]string{"nodes", "payload", "batch", "keys", "signed", "durable", "tx/s", "p50 ms", "p95 ms", "p99 ms",
		"CPU us/tx", "fsyncs/tx", "tenth: p50 ms", "p95 ms", "p99 ms", ""}, "\t"))
	ms := func(us int64) string { return fmt.Sprintf("%.1f", float64(us)/1000) }
	yes := func(on bool) string {
		if on {
			return "yes"
		}
		return "no"
	}
	for _, c := range cells {
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t%s\t%s\t", c.Nodes, c.Payload, c.Batch, c.Keys, yes(c.Signed), yes(c.Durable))
		if r := c.Closed; r != nil {
			fmt.Fprintf(w, "%.0f\t%s\t%s\t%s\t%.1f\t%.4f\t", r.PerSecond, ms(r.P50), ms(r.P95), ms(r.P99), r.CPUPerTx, r.FsyncsPerTx)
		} else {
			fmt.Fprint(w, "-\t-\t-\t-\t-\t-\t")
		}
		if r := c.Open; r != nil {
			fmt.Fprintf(w, "%s\t%s\t%s\t", ms(r.P50), ms(r.P95), ms(r.P99))
		} else {
			fmt.Fprint(w, "-\t-\t-\t")
		}
		fmt.Fprintln(w, c.Error+"\t")
	}
	return w.Flush()
}
