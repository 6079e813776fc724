// Package bench measures real nodes: a fresh network in this process, over loopback with mutual TLS,
// its files on disk, under a closed loop of clients.
//
// A client has a fixed number of transactions outstanding and submits the next one when one of its
// own is certified and durable on the node that it submitted to; latency is from submission to that
// moment. With a Rate the loop is open: transactions are due at fixed times, and latency counts from
// when they were due, so that a stall is not left out (no coordinated omission).
package bench

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"quoin.dev/quoin"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/signature"
	"quoin.dev/quoin/transport"
)

// Options say what to measure. Zero values mean the defaults in brackets.
type Options struct {
	Nodes       int           // [4]
	Payload     int           // bytes of a value [128]
	Batch       int           // transactions of a block at most [400]
	Outstanding int           // transactions in flight, of all clients together [4 batches]
	Rate        int           // transactions per second; 0: closed loop
	Keys        int           // keys of the state, written beforehand; load writes them uniformly [100000]
	Signed      bool          // clients sign
	NoSync      bool          // durability off
	Warmup      time.Duration // [2 s]
	Duration    time.Duration // [10 s]
	Dir         string        // where the network's folder is made, which is removed afterwards [the system's]
	CPUProfile  io.Writer     // takes a CPU profile of the measured time, if not nil
	Progress    func(format string, args ...any)
}

// outstandingBatches is how many full blocks the clients keep in flight.
const outstandingBatches = 4

func (o Options) withDefaults() Options {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	set(&o.Nodes, 4)
	set(&o.Payload, 128)
	set(&o.Batch, 400)
	set(&o.Outstanding, outstandingBatches*o.Batch)
	set(&o.Keys, 100_000)
	if o.Warmup == 0 {
		o.Warmup = 2 * time.Second
	}
	if o.Duration == 0 {
		o.Duration = 10 * time.Second
	}
	if o.Progress == nil {
		o.Progress = func(string, ...any) {}
	}
	return o
}

// Result is what was measured. Latencies are in microseconds.
type Result struct {
	Transactions  int64   `json:"transactions"`
	PerSecond     float64 `json:"transactions_per_second"`
	P50           int64   `json:"p50_us"`
	P95           int64   `json:"p95_us"`
	P99           int64   `json:"p99_us"`
	Max           int64   `json:"max_us"`
	Blocks        uint64  `json:"blocks"`
	CPUPerTx      float64 `json:"cpu_us_per_transaction"` // of the whole process, clients included
	FsyncsPerTx   float64 `json:"fsyncs_per_transaction"` // over all nodes
	Refused       int64   `json:"refused"`
	BytesOnDisk   int64   `json:"bytes_on_disk"`
	TimeoutsViews uint64  `json:"timed_out_views"`
}

// Run makes a network, loads it, and takes it down.
func Run(ctx context.Context, o Options) (r *Result, err error) {
	err = with(ctx, o.withDefaults(), func(w *network) error {
		r, err = w.measure(ctx)
		return err
	})
	return r, err
}

// with makes a network, writes its keys, and takes it down after use.
func with(ctx context.Context, o Options, use func(*network) error) error {
	dir, err := os.MkdirTemp(o.Dir, "quoin-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := newNetwork(o, dir)
	if err != nil {
		return err
	}
	defer w.close()
	if err := w.preload(ctx); err != nil {
		return err
	}
	return use(w)
}

type network struct {
	o     Options
	dir   string
	nodes []*node.Node
	keys  []ed25519.PrivateKey
	made  uint64 // clients
}

func newNetwork(o Options, dir string) (*network, error) {
	w := &network{o: o, dir: dir}
	var members []quoin.Validator
	for i := range o.Nodes {
		key := ed25519.NewKeyFromSeed(binary.BigEndian.AppendUint64(make([]byte, 24), uint64(i+1)))
		w.keys = append(w.keys, key)
		members = append(members, quoin.Validator{Name: fmt.Sprintf("v%d", i), Key: signature.PublicOf(key), Weight: 1})
	}
	set, err := quoin.NewValidatorSet(members)
	if err != nil {
		return nil, err
	}
	g := &quoin.Genesis{Network: "bench", Chain: "main", Time: quoin.Time(time.Now().UnixMilli())}
	c := &g.Configuration
	*c = quoin.Configuration{Epoch: 1, First: 1, Validators: set, Parameters: quoin.DefaultParameters()}
	c.Parameters.BlockMaxTransactions = uint64(o.Batch)
	c.Parameters.BlockMaxBytes = quoin.BlockBodyBytesMax
	c.Parameters.TimeoutBaseMS, c.Parameters.TimeoutMaxMS = 2_000, 20_000
	if !o.Signed {
		c.Parameters.UnsignedTransactionsFlag = 1
	}
	*c = c.WithBinding(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin"})
	*c = c.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "kv"})
	for i := range o.Nodes {
		n, err := node.Open(node.Config{Dir: filepath.Join(dir, fmt.Sprint(i)), Genesis: g, Identity: w.keys[i], Listen: "127.0.0.1:0", NoSync: o.NoSync,
			Pool: replica.PoolLimits{Transactions: 1 << 17, PerSender: 1 << 17, Bytes: 512 << 20}})
		if err != nil {
			w.close()
			return nil, err
		}
		w.nodes = append(w.nodes, n)
	}
	var peers []transport.Peer
	for _, n := range w.nodes {
		peers = append(peers, transport.Peer{Key: transport.Key(n.Key()), Address: n.Addr().String()})
	}
	for _, n := range w.nodes {
		if err := n.SetPeers(peers); err != nil {
			w.close()
			return nil, err
		}
	}
	return w, nil
}

func (w *network) close() {
	for _, n := range w.nodes {
		_ = n.Close()
	}
}

func key(b []byte, i uint64) []byte { return fmt.Appendf(b, "user%012d", i) }

// preload writes all keys, many in a transaction.
func (w *network) preload(ctx context.Context) error {
	const perTx = 200
	value := make([]byte, w.o.Payload)
	keys := 0
	next := func() ([]byte, bool) {
		if keys >= w.o.Keys {
			return nil, false
		}
		var b plugin.KVBatch
		for i := 0; i < perTx && keys < w.o.Keys && (i == 0 || i*(w.o.Payload+40) < 32<<10); i++ {
			b.Put(key(nil, uint64(keys)), value)
			keys++
		}
		return b.Payload(), true
	}
	c := newClient(w, 0, 64)
	defer c.close()
	for {
		payload, ok := next()
		if !ok {
			break
		}
		if err := c.submit(ctx, [][]byte{payload}, time.Now()); err != nil {
			return err
		}
		if keys%20_000 == 0 {
			w.o.Progress("writing %d of %d keys", keys, w.o.Keys)
		}
	}
	return c.drain(ctx)
}

// measure runs one client for each node.
func (w *network) measure(ctx context.Context) (*Result, error) {
	o := w.o
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	clients := make([]*client, len(w.nodes))
	for i := range clients {
		clients[i] = newClient(w, i, max(1, o.Outstanding/len(w.nodes)))
	}
	var running sync.WaitGroup
	var failed atomic.Pointer[error]
	for _, c := range clients {
		running.Add(1)
		go func() {
			defer running.Done()
			if err := c.run(ctx, c.number); err != nil && ctx.Err() == nil {
				failed.Store(&err)
				cancel()
			}
		}()
	}
	sleep(ctx, o.Warmup)
	for _, c := range clients {
		c.reset()
	}
	if o.CPUProfile != nil {
		if err := pprof.StartCPUProfile(o.CPUProfile); err != nil {
			return nil, err
		}
		defer pprof.StopCPUProfile()
	}
	before := w.counters()
	start := time.Now()
	for i := time.Duration(0); i < o.Duration && ctx.Err() == nil; i += time.Second {
		sleep(ctx, min(time.Second, o.Duration-i))
		o.Progress("%.0f s of %.0f s", (i + time.Second).Seconds(), o.Duration.Seconds())
	}
	elapsed := time.Since(start)
	after := w.counters()
	if o.CPUProfile != nil {
		pprof.StopCPUProfile()
	}
	h := hdrhistogram.New(1, 600_000_000, 3)
	r := &Result{}
	for _, c := range clients {
		c.mu.Lock()
		h.Merge(c.latency)
		r.Refused += c.refused
		c.mu.Unlock()
	}
	cancel()
	for _, c := range clients {
		c.close()
	}
	running.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	r.Transactions = h.TotalCount()
	r.PerSecond = float64(r.Transactions) / elapsed.Seconds()
	r.P50, r.P95, r.P99, r.Max = h.ValueAtQuantile(50), h.ValueAtQuantile(95), h.ValueAtQuantile(99), h.Max()
	r.Blocks = after.blocks - before.blocks
	r.TimeoutsViews = after.timeouts - before.timeouts
	if r.Transactions > 0 {
		r.CPUPerTx = float64((after.cpu - before.cpu).Microseconds()) / float64(r.Transactions)
		r.FsyncsPerTx = float64(after.fsyncs-before.fsyncs) / float64(r.Transactions)
	}
	r.BytesOnDisk = size(w.dir)
	return r, nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

type counters struct {
	cpu                      time.Duration
	fsyncs, blocks, timeouts uint64
}

func (w *network) counters() counters {
	var c counters
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		c.cpu = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	for i, n := range w.nodes {
		s := n.Status()
		c.fsyncs += s.Fsyncs
		if i == 0 {
			c.blocks, c.timeouts = s.Stats.Blocks, s.Stats.Timeouts
		}
	}
	return c
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
