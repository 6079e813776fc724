package main

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/spf13/cobra"

	"quoin.dev/quoin"
)

// target is what a load runs against. Its methods are called by many goroutines at once.
type target interface {
	// send submits a transaction and waits until it is certified; code is its result's.
	send(ctx context.Context, key ed25519.PrivateKey, salt uint64, namespace string, payload []byte) (code uint32, err error)
	// query asks a machine. Its answer is not ordered with transactions.
	query(ctx context.Context, namespace string, payload []byte) (code uint32, err error)
}

const (
	loadClientsMax = 10_000
	loadTimeout    = 30 * time.Second // of one request
	prepareAhead   = 16               // of each client's preparing transactions, at once
)

type loadOptions struct {
	Workload string
	Rate     int // requests a second; 0: closed loop
	Clients  int
	Seconds  int
	Records  int
	Value    int
	Seed     uint64
}

func newTxLoad(t *terminal) *cobra.Command {
	o := loadOptions{}
	verify := false
	c := &cobra.Command{
		Use: "load [WORKLOAD]", Short: "Run a workload: YCSB A to F, or SmallBank", Args: args(0, 1),
		Long: "Run a workload against the network and report throughput, latencies and errors. Workloads:\n  " + workloadNames() + "\n\n" +
			"Without --rate each client sends its next request when the last is certified (closed loop). With --rate\n" +
			"requests are due at even times whatever the answers do (open loop), and latencies count from when a\n" +
			"request was due. Every client signs with an account of its own, made for the run. Ctrl-C ends the load early, with its report.",
		RunE: func(c *cobra.Command, a []string) error {
			o.Workload = "ycsb-a"
			if len(a) == 1 {
				o.Workload = a[0]
			}
			n, err := t.connect(c.Context())
			if err != nil {
				return err
			}
			lane := n.newLane(context.WithoutCancel(c.Context()), verify) // told to stop, a load waits for its last answers
			defer lane.close()
			report, err := runLoad(c.Context(), t, &o, lane)
			if err != nil {
				return err
			}
			return t.data(report, report.text)
		},
	}
	f := c.Flags()
	f.IntVar(&o.Rate, "rate", 0, "requests a second, by all clients together (0: closed loop)")
	f.IntVar(&o.Clients, "clients", 16, "how many clients")
	f.IntVar(&o.Seconds, "seconds", 10, "how long")
	f.IntVar(&o.Records, "records", 1000, "records, or accounts, that are there when it begins")
	f.IntVar(&o.Value, "value-bytes", 1000, "bytes of a record's value")
	f.BoolVar(&verify, "verify", false, "verify a proof of every transaction; without it the load takes the node's word")
	f.Uint64Var(&o.Seed, "seed", 0, "for the same requests and accounts again (0: new ones)")
	return c
}

// load is a running load.
type load struct {
	o      *loadOptions
	to     target
	work   workload
	keys   []ed25519.PrivateKey
	tallys []*tally
	done   atomic.Uint64
	failed atomic.Uint64
}

// tally is what one client has measured. The progress line reads it too.
type tally struct {
	mu    sync.Mutex
	all   *hdrhistogram.Histogram
	kinds map[string]*hdrhistogram.Histogram
	codes map[string]uint64 // results of machines other than success
	fails map[string]uint64 // failures, by stable code
}

// Latencies are counted in microseconds, up to two minutes, with three significant digits.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 120_000_000, 3) }

func runLoad(ctx context.Context, t *terminal, o *loadOptions, to target) (*loadReport, error) {
	l, err := newLoad(ctx, t, o, to)
	if err != nil {
		return nil, err
	}
	return l.report(l.play(ctx, t)), nil
}

// newLoad makes a load and has its records prepared.
func newLoad(ctx context.Context, t *terminal, o *loadOptions, to target) (*load, error) {
	if o.Clients < 1 || o.Clients > loadClientsMax || o.Seconds < 1 || o.Rate < 0 || o.Rate > 1_000_000 {
		return nil, usage(fmt.Sprintf("a load of %d clients, %d seconds and %d a second", o.Clients, o.Seconds, o.Rate),
			fmt.Sprintf("choose --clients 1 to %d, --seconds 1 or more, --rate 0 to 1000000", loadClientsMax))
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	l := &load{o: o, to: to}
	var accounts []quoin.PublicKey
	for i := range o.Clients {
		l.keys = append(l.keys, loadKey(o.Seed, i))
		accounts = append(accounts, publicOf(l.keys[i]))
		l.tallys = append(l.tallys, &tally{all: newHistogram(), kinds: map[string]*hdrhistogram.Histogram{}, codes: map[string]uint64{}, fails: map[string]uint64{}})
	}
	var err error
	if l.work, err = newWorkload(o.Workload, o.Records, o.Value, accounts); err != nil {
		return nil, err
	}
	t.note("preparing %d records (seed %d)", o.Records, o.Seed)
	return l, l.prepare(ctx)
}

// play runs the load and returns how long it took.
func (l *load) play(ctx context.Context, t *terminal) time.Duration {
	begin := time.Now()
	stop := l.progress(t, begin)
	l.run(ctx, begin)
	stop()
	return time.Since(begin)
}

// loadKey makes the account of a client. Anybody can compute it: it owns nothing of worth.
func loadKey(seed uint64, client int) ed25519.PrivateKey {
	b := make([]byte, ed25519.SeedSize)
	copy(b, "quoin/load/v1")
	binary.BigEndian.PutUint64(b[16:], seed)
	binary.BigEndian.PutUint64(b[24:], uint64(client))
	return ed25519.NewKeyFromSeed(b)
}

func (l *load) random(client int) *rand.Rand { return rand.New(rand.NewPCG(l.o.Seed, uint64(client))) }

// prepare has the workload's first transactions certified.
func (l *load) prepare(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for client := range l.o.Clients {
		ahead := make(chan struct{}, prepareAhead)
		wg.Go(func() {
			salt := uint64(1) << 63 // apart from the run's
			l.work.prepare(client, func(q request) bool {
				select {
				case ahead <- struct{}{}:
				case <-ctx.Done():
					return false
				}
				salt++
				s := salt
				wg.Go(func() {
					defer func() { <-ahead }()
					one, end := context.WithTimeout(ctx, 4*loadTimeout)
					defer end()
					if _, err := l.to.send(one, l.keys[client], s, q.namespace, q.payload); err != nil {
						cancel(err)
					}
				})
				return true
			})
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// run lets the clients work until the time is up or the user stops them, and waits for their last
// answers.
func (l *load) run(ctx context.Context, begin time.Time) {
	end := begin.Add(time.Duration(l.o.Seconds) * time.Second)
	var wg sync.WaitGroup
	for client := range l.o.Clients {
		wg.Go(func() {
			if l.o.Rate > 0 {
				l.open(ctx, client, begin, end)
				return
			}
			r := l.random(client)
			for salt := uint64(0); time.Now().Before(end) && ctx.Err() == nil; salt++ {
				l.one(ctx, client, salt, l.work.next(client, r), time.Now())
			}
		})
	}
	wg.Wait()
}

// open sends a client's share of the rate, each request when it is due.
func (l *load) open(ctx context.Context, client int, begin, end time.Time) {
	r := l.random(client)
	interval := time.Duration(l.o.Clients) * time.Second / time.Duration(l.o.Rate)
	due := begin.Add(interval * time.Duration(client) / time.Duration(l.o.Clients))
	var wg sync.WaitGroup
	defer wg.Wait()
	for salt := uint64(0); due.Before(end); salt++ {
		timer := time.NewTimer(time.Until(due))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		q, at := l.work.next(client, r), due
		wg.Go(func() { l.one(ctx, client, salt, q, at) })
		due = due.Add(interval)
	}
}

// one does one request and counts it.
func (l *load) one(ctx context.Context, client int, salt uint64, q request, due time.Time) {
	one, end := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer end()
	var code uint32
	var err error
	if q.query != nil {
		code, err = l.to.query(one, q.namespace, q.query)
	}
	if err == nil && q.payload != nil {
		code, err = l.to.send(one, l.keys[client], salt, q.namespace, q.payload)
	}
	took := time.Since(due)
	l.done.Add(1)
	t := l.tallys[client]
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		l.failed.Add(1)
		t.fails[faultOf(err, true).code]++
		return
	}
	if code != 0 {
		t.codes[l.work.codeName(code)]++
	}
	micros := min(max(1, took.Microseconds()), t.all.HighestTrackableValue())
	_ = t.all.RecordValue(micros) // within the bounds
	h := t.kinds[q.kind]
	if h == nil {
		h = newHistogram()
		t.kinds[q.kind] = h
	}
	_ = h.RecordValue(micros)
}

// progress writes a line now and then until the function that it returns is called.
func (l *load) progress(t *terminal, begin time.Time) (stop func()) {
	line := t.statusLine()
	before, at := uint64(0), begin
	return line.keep(func(now time.Time) {
		done := l.done.Load()
		all := l.merged()
		line.print("%3.0f of %d s  %d done  %.0f/s  p50 %s  p99 %s  %d failed", now.Sub(begin).Seconds(), l.o.Seconds, done,
			float64(done-before)/now.Sub(at).Seconds(), milliseconds(all.ValueAtQuantile(50)), milliseconds(all.ValueAtQuantile(99)), l.failed.Load())
		before, at = done, now
	})
}

func (l *load) merged() *hdrhistogram.Histogram {
	all := newHistogram()
	for _, t := range l.tallys {
		t.mu.Lock()
		all.Merge(t.all)
		t.mu.Unlock()
	}
	return all
}

// loadReport is what `tx load` prints. Latencies are in milliseconds.
type loadReport struct {
	Workload   string                 `json:"workload"`
	Loop       string                 `json:"loop"` // closed or open
	Rate       int                    `json:"rate_target"`
	Clients    int                    `json:"clients"`
	Seed       uint64                 `json:"seed"`
	Seconds    float64                `json:"seconds"`
	Requests   uint64                 `json:"requests"`
	Succeeded  uint64                 `json:"succeeded"`
	Failed     uint64                 `json:"failed"`
	PerSecond  float64                `json:"per_second"`
	Latency    latencies              `json:"latency_ms"`
	Operations map[string]operationOf `json:"operations"`
	Codes      map[string]uint64      `json:"result_codes"` // answers of machines other than success
	Failures   map[string]uint64      `json:"failures"`     // by stable code
}

type latencies struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

type operationOf struct {
	Count   int64     `json:"count"`
	Latency latencies `json:"latency_ms"`
}

func latenciesOf(h *hdrhistogram.Histogram) latencies {
	ms := func(micros int64) float64 { return float64(micros) / 1000 }
	return latencies{ms(h.ValueAtQuantile(50)), ms(h.ValueAtQuantile(95)), ms(h.ValueAtQuantile(99)), ms(h.Max())}
}

func (l *load) report(took time.Duration) *loadReport {
	all := l.merged()
	x := &loadReport{Workload: l.o.Workload, Loop: "closed", Rate: l.o.Rate, Clients: l.o.Clients, Seed: l.o.Seed, Seconds: took.Seconds(),
		Requests: l.done.Load(), Failed: l.failed.Load(), Latency: latenciesOf(all),
		Operations: map[string]operationOf{}, Codes: map[string]uint64{}, Failures: map[string]uint64{}}
	if l.o.Rate > 0 {
		x.Loop = "open"
	}
	x.Succeeded = x.Requests - x.Failed
	x.PerSecond = float64(x.Succeeded) / took.Seconds()
	kinds := map[string]*hdrhistogram.Histogram{}
	for _, t := range l.tallys {
		t.mu.Lock()
		for kind, h := range t.kinds {
			if kinds[kind] == nil {
				kinds[kind] = newHistogram()
			}
			kinds[kind].Merge(h)
		}
		for code, n := range t.codes {
			x.Codes[code] += n
		}
		for code, n := range t.fails {
			x.Failures[code] += n
		}
		t.mu.Unlock()
	}
	for kind, h := range kinds {
		x.Operations[kind] = operationOf{h.TotalCount(), latenciesOf(h)}
	}
	return x
}

func (x *loadReport) text(w io.Writer) {
	table(w, func(row func(...any)) {
		loop := x.Loop + " loop"
		if x.Rate > 0 {
			loop += fmt.Sprintf(", %d a second wanted", x.Rate)
		}
		row("workload", fmt.Sprintf("%s, %s, %d clients, %.1f s, seed %d", x.Workload, loop, x.Clients, x.Seconds, x.Seed))
		row("throughput", fmt.Sprintf("%.0f requests a second: %d succeeded, %d failed", x.PerSecond, x.Succeeded, x.Failed))
	})
	table(w, func(row func(...any)) {
		row("operation", "count", "p50 ms", "p95 ms", "p99 ms", "max ms")
		line := func(name string, n any, l latencies) {
			row(name, n, fmt.Sprintf("%.1f", l.P50), fmt.Sprintf("%.1f", l.P95), fmt.Sprintf("%.1f", l.P99), fmt.Sprintf("%.1f", l.Max))
		}
		line("all", x.Succeeded, x.Latency)
		for _, kind := range slices.Sorted(maps.Keys(x.Operations)) {
			line(kind, x.Operations[kind].Count, x.Operations[kind].Latency)
		}
	})
	for _, code := range slices.Sorted(maps.Keys(x.Codes)) {
		fmt.Fprintf(w, "result %s: %d\n", code, x.Codes[code])
	}
	for _, code := range slices.Sorted(maps.Keys(x.Failures)) {
		fmt.Fprintf(w, "failure %s: %d\n", code, x.Failures[code])
	}
}

func milliseconds(micros int64) string { return fmt.Sprintf("%.1f ms", float64(micros)/1000) }
