package bench

import (
	"context"
	"os"
	"path/filepath"
	"runtime/metrics"
	"runtime/pprof"
	"sync"
	"syscall"
	"time"

	"quoin.dev/quoin/bench/audience"
	"quoin.dev/quoin/transport"
)

// drainMax is how long an open loop waits, after the measured time, for what was due in it.
const drainMax = 5 * time.Second

// measure runs one client for each node.
func (w *network) measure(ctx context.Context) (*Result, error) {
	o := w.o
	crowd := w.load(ctx)
	defer crowd.close()
	leave := func() (audience.Report, error) { return audience.Report{}, nil }
	if w.looks != nil {
		var err error
		if leave, err = w.looks.seat(ctx); err != nil {
			return nil, err
		}
		leave = sync.OnceValues(leave)
		defer func() { _, _ = leave() }() // of a measurement that fails
	}
	sleep(crowd.ctx, o.Warmup)
	if o.CPUProfile != nil {
		if err := pprof.StartCPUProfile(o.CPUProfile); err != nil {
			return nil, err
		}
		defer pprof.StopCPUProfile()
	}
	for _, c := range crowd.clients {
		c.reset()
	}
	before, start := w.counters(), time.Now()
	r := &Result{Windows: crowd.windows(&o, start)}
	end := time.Now()
	after := w.counters()
	if o.CPUProfile != nil {
		pprof.StopCPUProfile()
	}
	done := crowd.recorded()
	seen, err := leave()
	if err != nil {
		return nil, err
	}
	crowd.stop()
	if o.Rate > 0 {
		r.Missing = crowd.drain(ctx, end.Add(o.drain), end)
	}
	if crowd.err != nil {
		return nil, crowd.err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	r.PerSecond = float64(done) / end.Sub(start).Seconds()
	r.add(crowd)
	r.spend(&before, &after, done)
	r.BytesOnDisk = size(w.dir)
	r.BlocksPerS = float64(r.Blocks) / end.Sub(start).Seconds()
	if w.looks != nil {
		r.Observation = w.looks.observation(seen)
	}
	return r, nil
}

// windows returns what the clients did in each second, until the time is over.
func (c *crowd) windows(o *Options, start time.Time) (all []Window) {
	h := newHistogram()
	for i := time.Duration(0); i < o.Duration && c.ctx.Err() == nil; i += time.Second {
		sleep(c.ctx, min(time.Second, o.Duration-i))
		h.Reset()
		for _, x := range c.clients {
			x.takeWindow(h)
		}
		length := min(time.Second, o.Duration-i).Seconds()
		all = append(all, Window{Seconds: time.Since(start).Seconds(), PerSecond: float64(h.TotalCount()) / length,
			P50: h.ValueAtQuantile(50), P99: h.ValueAtQuantile(99)})
		o.Progress("%.0f s of %.0f s", (i + time.Second).Seconds(), o.Duration.Seconds())
	}
	return all
}

// crowd is the clients at work.
type crowd struct {
	clients []*client
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	once    sync.Once
	failed  sync.Once
	err     error // read after stop
}

func (w *network) load(ctx context.Context) *crowd {
	x := &crowd{}
	x.ctx, x.cancel = context.WithCancel(ctx)
	for i := range w.nodes {
		x.clients = append(x.clients, newClient(w, i, max(1, w.o.Outstanding/len(w.nodes))))
	}
	for _, c := range x.clients {
		x.running.Go(func() {
			if err := c.run(x.ctx, c.number); err != nil && x.ctx.Err() == nil {
				x.failed.Do(func() { x.err = err })
				x.cancel()
			}
		})
	}
	return x
}

// stop ends submitting.
func (x *crowd) stop() {
	x.cancel()
	x.running.Wait()
}

func (x *crowd) close() {
	x.once.Do(func() {
		x.stop()
		for _, c := range x.clients {
			c.close()
		}
	})
}

// recorded is how many transactions were certified in the measured time.
func (x *crowd) recorded() (n int64) {
	for _, c := range x.clients {
		c.mu.Lock()
		n += c.latency.TotalCount()
		c.mu.Unlock()
	}
	return n
}

// drain waits for what an open loop that ended has outstanding, and gives the rest up at the limit.
func (x *crowd) drain(ctx context.Context, limit, end time.Time) (missing int64) {
	for ; time.Now().Before(limit) && ctx.Err() == nil; sleep(ctx, 10*time.Millisecond) {
		left := 0
		for _, c := range x.clients {
			left += c.outstanding()
		}
		if left == 0 {
			break
		}
	}
	for _, c := range x.clients {
		missing += c.giveUp(end, time.Now())
	}
	return missing
}

// add takes over what the clients have counted.
func (r *Result) add(x *crowd) {
	h := newHistogram()
	fuel := uint64(0)
	for _, c := range x.clients {
		c.mu.Lock()
		h.Merge(c.latency)
		r.Refused += c.refused
		fuel += c.fuel
		c.mu.Unlock()
	}
	r.Transactions = h.TotalCount() - r.Missing
	r.P50, r.P95, r.P99, r.Max = h.ValueAtQuantile(50), h.ValueAtQuantile(95), h.ValueAtQuantile(99), h.Max()
	r.Distribution = Quantiles(h)
	if r.Transactions > 0 {
		r.FuelPerTx = float64(fuel) / float64(r.Transactions)
	}
}

// spend divides what was spent in the measured time.
func (r *Result) spend(before, after *counters, transactions int64) {
	r.Blocks = after.blocks - before.blocks
	r.TimeoutsViews = after.timeouts - before.timeouts
	r.MaxRSS = after.maxRSS
	if n := float64(transactions); n > 0 {
		r.CPUPerTx = float64((after.cpu - before.cpu).Microseconds()) / n
		r.FsyncsPerTx = float64(after.fsyncs-before.fsyncs) / n
		r.WrittenPerTx = float64(after.written-before.written) / n
		r.SentPerTx = float64(after.sent-before.sent) / n
		r.AllocBytes = float64(after.allocated-before.allocated) / n
		r.AllocObjects = float64(after.objects-before.objects) / n
	}
	if n := float64(r.Blocks); n > 0 {
		r.CallsPerBlock = float64(after.calls-before.calls) / n
		r.CallUSPerBlock = float64((after.callTime - before.callTime).Microseconds()) / n
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// counters are what only grows. Those of releases are of the first node.
type counters struct {
	cpu, callTime            time.Duration
	fsyncs, blocks, timeouts uint64
	calls, sent, written     uint64
	allocated, objects       uint64 // bytes and pieces of memory
	maxRSS                   int64
}

func (w *network) counters() counters {
	var c counters
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		c.cpu = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	use := ProcessUse(os.Getpid())
	c.maxRSS, c.written = use.MaxRSS, use.Written
	memory := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/allocs:objects"}}
	metrics.Read(memory)
	c.allocated, c.objects = memory[0].Value.Uint64(), memory[1].Value.Uint64()
	for i, n := range w.nodes {
		s := n.Status()
		c.fsyncs += s.Fsyncs
		c.sent += sentBytes(n.Links())
		if i == 0 {
			c.blocks, c.timeouts = s.Stats.Blocks, s.Stats.Timeouts
			c.calls, c.callTime = s.Samples.Calls, s.Samples.CallTime
		}
	}
	return c
}

func sentBytes(s transport.Stats) (n uint64) {
	for _, p := range s.Peers {
		for _, c := range p.Classes {
			n += c.Sent.Bytes
		}
	}
	return n
}

func size(dir string) int64 {
	total := int64(0)
	_ = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil
	})
	return total
}
