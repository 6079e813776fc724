// Package bench measures real nodes: a fresh network in this process, over loopback or an emulated
// network (Emulated) with mutual TLS, its files on disk, under a closed loop of clients. Saturate and
// ProcessUse also serve those who measure nodes that are processes.
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
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"quoin.dev/quoin"
	"quoin.dev/quoin/bench/relay"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/signature"
	"quoin.dev/quoin/transport"
)

// Options say what to measure. Zero values mean the defaults in brackets.
type Options struct {
	Nodes       int                  // [4]
	Payload     int                  // bytes of a value [128]
	Batch       int                  // transactions of a block at most [400]
	Outstanding int                  // transactions in flight, of all clients together [4 batches; with a Rate, what is due in 5 s]
	Rate        int                  // transactions per second; 0: closed loop
	Keys        int                  // keys of the state, written beforehand; load writes them uniformly [100000]
	Signed      bool                 // clients sign
	NoSync      bool                 // durability off
	Warmup      time.Duration        // [2 s]
	Duration    time.Duration        // [10 s]
	Emulated                         // what is between the nodes [loopback alone]
	Bindings    []quoin.Binding      // beside the leader's and the machine's, or in their place
	Releases    [][]byte             // release files, signed or not, that the bindings name
	Genesis     func(*quoin.Genesis) // changes parameters, if not nil
	Dir         string               // where the network's folder is made, which is removed afterwards [the system's]
	CPUProfile  io.Writer            // takes a CPU profile of the measured time, if not nil
	Observed    *Observed            // what looks on; nil: nothing
	drain       time.Duration        // [drainMax]
	Progress    func(format string, args ...any)
}

// The clients of a closed loop keep so many full blocks in flight. Those of an open loop submit what is due,
// as long as no more than some seconds of it are in flight.
const (
	outstandingBatches = 4
	outstandingSeconds = 5
	poolTransactions   = 1 << 17
)

func (o Options) withDefaults() Options {
	set := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	set(&o.Nodes, 4)
	set(&o.Payload, 128)
	set(&o.Batch, 400)
	if o.Rate > 0 {
		set(&o.Outstanding, min(max(outstandingSeconds*o.Rate, outstandingBatches*o.Batch), poolTransactions/2))
	}
	set(&o.Outstanding, outstandingBatches*o.Batch)
	set(&o.Keys, 100_000)
	if o.Warmup == 0 {
		o.Warmup = 2 * time.Second
	}
	if o.Duration == 0 {
		o.Duration = 10 * time.Second
	}
	if o.drain == 0 {
		o.drain = drainMax
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
	Missing       int64   `json:"missing"` // were due and are not certified when the time is up: in the latencies with the age that they have then
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

	WrittenPerTx   float64 `json:"bytes_written_per_transaction"` // to the disk, over all nodes; 0 where the system does not tell
	SentPerTx      float64 `json:"bytes_sent_per_transaction"`    // messages between nodes, over all nodes, without TLS and TCP
	FuelPerTx      float64 `json:"fuel_per_transaction"`          // of machines and validations
	CallsPerBlock  float64 `json:"plugin_calls_per_block"`        // of releases, on one node
	CallUSPerBlock float64 `json:"plugin_us_per_block"`           // time in them: an estimate
	MaxRSS         int64   `json:"max_rss_bytes"`                 // of the whole process, since it began

	BlocksPerS   float64 `json:"blocks_per_second"`
	AllocBytes   float64 `json:"allocated_bytes_per_transaction"` // of the whole process, clients included
	AllocObjects float64 `json:"allocations_per_transaction"`

	Distribution []Quantile   `json:"distribution"`          // of the latencies
	Windows      []Window     `json:"windows"`               // one a second
	Observation  *Observation `json:"observation,omitempty"` // if anything looked on
}

// Quantile is a place in a distribution of latencies.
type Quantile struct {
	Fraction float64 `json:"fraction"`
	US       int64   `json:"us"`
}

// Window is what one second brought.
type Window struct {
	Seconds   float64 `json:"seconds"` // when it ended, since the measured time began
	PerSecond float64 `json:"transactions_per_second"`
	P50       int64   `json:"p50_us"`
	P99       int64   `json:"p99_us"`
}

// Quantiles takes a distribution apart.
func Quantiles(h *hdrhistogram.Histogram) (all []Quantile) {
	for _, b := range h.CumulativeDistribution() {
		all = append(all, Quantile{b.Quantile / 100, b.ValueAt})
	}
	return all
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
	mesh  *relay.Mesh // nil: loopback alone
	looks *onlookers  // nil: nothing looks on
	made  uint64      // clients
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
	for _, b := range o.Bindings {
		*c = c.WithBinding(b)
	}
	if o.Genesis != nil {
		o.Genesis(g)
	}
	if err := w.openNodes(g); err != nil {
		w.close()
		return nil, err
	}
	if err := w.connect(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// openNodes starts the nodes, and what looks on at them.
func (w *network) openNodes(g *quoin.Genesis) (err error) {
	if w.o.Observed != nil {
		if w.looks, err = newOnlookers(w.o.Observed); err != nil {
			return err
		}
	}
	for i := range w.o.Nodes {
		c := node.Config{Dir: filepath.Join(w.dir, fmt.Sprint(i)), Genesis: g, Identity: w.keys[i], Listen: "127.0.0.1:0", NoSync: w.o.NoSync,
			Pool: replica.PoolLimits{Transactions: poolTransactions, PerSender: poolTransactions, Bytes: 512 << 20}}
		if err := putReleases(c.Dir, w.o.Releases); err != nil {
			return err
		}
		if w.looks != nil {
			if c.Observer, err = w.looks.open(fmt.Sprintf("v%d", i), c.Dir, g.Origin()); err != nil {
				return err
			}
		}
		n, err := node.Open(c)
		if err != nil {
			return err
		}
		w.nodes = append(w.nodes, n)
		if w.looks != nil {
			if err := w.looks.attach(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// connect tells each node where it reaches the others.
func (w *network) connect() (err error) {
	targets := make([]string, len(w.nodes))
	for i, n := range w.nodes {
		targets[i] = n.Addr().String()
	}
	if !w.o.Plain() {
		if w.mesh, err = w.o.Mesh(func(int) string { return "127.0.0.1" }, targets); err != nil {
			return err
		}
	}
	for i, n := range w.nodes {
		var peers []transport.Peer
		for k, to := range w.nodes {
			address := targets[k]
			if w.mesh != nil && k != i {
				address = w.mesh.Address(i, k)
			}
			peers = append(peers, transport.Peer{Key: transport.Key(to.Key()), Address: address})
		}
		if err := n.SetPeers(peers); err != nil {
			return err
		}
	}
	return nil
}

// putReleases lays release files where a node that is opened finds them.
func putReleases(home string, files [][]byte) error {
	for _, file := range files {
		if err := os.MkdirAll(filepath.Join(home, "releases"), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(home, "releases", plugin.Digest(file).String()), file, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (w *network) close() {
	if w.looks != nil {
		w.looks.hide()
		defer w.looks.close()
	}
	if w.mesh != nil {
		_ = w.mesh.Close()
	}
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
		if err := c.submit(ctx, [][]byte{payload}, now); err != nil {
			return err
		}
		if keys%20_000 == 0 {
			w.o.Progress("writing %d of %d keys", keys, w.o.Keys)
		}
	}
	return c.drain(ctx)
}
