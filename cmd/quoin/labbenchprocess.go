package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"quoin.dev/quoin/bench"
	"quoin.dev/quoin/bench/chaos"
	"quoin.dev/quoin/bench/relay"
	"quoin.dev/quoin/client"
)

const (
	fleetReady = time.Minute      // for all nodes to answer
	fleetStop  = 20 * time.Second // for a node to stop by itself
)

// fleet is a network of processes, with relays between them.
type fleet struct {
	chaosRun
	*chaos.Fleet
	mesh    *relay.Mesh
	clients []*client.Client
}

// superviseBench has another process measure, in namespaces with --netns, which cleans up after it
// however it ends. The network's folder is made in the folder place, and removed.
func superviseBench(ctx context.Context, place string, netns bool) error {
	dir, err := os.MkdirTemp(place, "quoin-bench-")
	if err != nil {
		return failure("there is no place for the network's folder", err, "name one with --dir")
	}
	inside := insidePlain
	if netns {
		inside = insideRoom
	}
	code, err := chaos.Room(ctx, slices.Concat(os.Args[1:], []string{"--folder", filepath.Join(dir, "net"), "--inside", inside}), netns)
	err = errors.Join(err, os.RemoveAll(dir))
	if errors.Is(err, chaos.ErrRoom) {
		return failure("no network namespaces can be made here", err, "run it as root on Linux, or without --netns")
	}
	if err != nil {
		return failure("the process that measures failed", err, "")
	}
	if code != exitOK {
		os.Exit(code) // it has said why
	}
	return nil
}

// newFleet makes the folders, starts the processes, and waits until all answer.
func newFleet(ctx context.Context, dir, inside string, nodes int, e *bench.Emulated) (f *fleet, err error) {
	f = &fleet{chaosRun: chaosRun{nodes: nodes, inside: inside}}
	if f.program, err = os.Executable(); err != nil {
		return nil, err
	}
	f.o.Host = fmt.Sprintf("127.%d.%d.1", 64+os.Getpid()%128, os.Getpid()/128%256)
	hub := func(int) string { return "127.0.0.1" }
	var spaces *chaos.Namespaces
	if inside == insideRoom {
		if err := errors.Join(chaos.EnterRoom(), chaos.ShowProcesses()); err != nil {
			return nil, err
		}
		if spaces, err = chaos.NewNamespaces(nodes, peerPort); err != nil {
			return nil, err
		}
		hub = func(from int) string { return fmt.Sprintf("10.100.%d.1", from) }
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := f.makeNodes(dir, spaces); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
			f = nil
		}
	}()
	if err := f.join(spaces, hub, e); err != nil {
		return f, err
	}
	if f.Fleet, err = chaos.Launch(f.o.Nodes); err != nil {
		return f, err
	}
	return f, f.await(ctx)
}

// join puts relays between the nodes.
func (f *fleet) join(spaces *chaos.Namespaces, hub func(int) string, e *bench.Emulated) (err error) {
	targets := make([]string, f.nodes)
	for i := range targets {
		targets[i] = f.o.Nodes[i].Listen
		if spaces != nil {
			targets[i] = net.JoinHostPort(spaces.Host(i), fmt.Sprint(peerPort))
		}
	}
	if f.mesh, err = e.Mesh(hub, targets); err != nil {
		return usage(err.Error(), "see `quoin lab bench --help`")
	}
	for i := range f.o.Nodes {
		n := &f.o.Nodes[i]
		addresses := slices.Clone(targets)
		for k := range addresses {
			if k != i {
				addresses[k] = f.mesh.Address(i, k)
			}
		}
		if err := n.SetPeers(addresses); err != nil {
			return err
		}
		// What users run: makeNodes names the node that obeys chaos.
		at := slices.Index(n.Command, "lab")
		n.Command = slices.Replace(slices.Clone(n.Command), at, at+2, "node", "start")
	}
	return nil
}

// await waits until every node answers.
func (f *fleet) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, fleetReady)
	defer cancel()
	for i := range f.o.Nodes {
		c, err := client.New(client.Options{Endpoints: []client.Endpoint{f.o.Nodes[i].API}, Trust: client.GenesisAnchor(f.o.Genesis)})
		if err != nil {
			return err
		}
		f.clients = append(f.clients, c)
		for {
			if _, err = c.Status(ctx); err == nil {
				break
			}
			if dead := f.Died(); dead != nil {
				return dead
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("node %s does not answer: %w", f.o.Nodes[i].Name, err)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

func (f *fleet) close() error {
	var errs []error
	for _, c := range f.clients {
		c.Close()
	}
	if f.Fleet != nil {
		errs = append(errs, f.Stop(fleetStop))
	}
	if f.mesh != nil {
		errs = append(errs, f.mesh.Close())
	}
	return errors.Join(errs...)
}

// allNodes is a target that gives each request to the next node.
type allNodes struct {
	lanes []target
	next  atomic.Uint64
}

var _ target = (*allNodes)(nil)

func (s *allNodes) take() target { return s.lanes[s.next.Add(1)%uint64(len(s.lanes))] }

func (s *allNodes) send(ctx context.Context, key ed25519.PrivateKey, salt uint64, namespace string, payload []byte) (uint32, error) {
	return s.take().send(ctx, key, salt, namespace, payload)
}

func (s *allNodes) query(ctx context.Context, namespace string, payload []byte) (uint32, error) {
	return s.take().query(ctx, namespace, payload)
}

// measure runs a load against all nodes. What the nodes use is counted apart from the clients.
func (f *fleet) measure(ctx context.Context, t *terminal, o loadOptions) (*bench.Result, *loadReport, error) {
	s := &allNodes{}
	for _, c := range f.clients {
		lane := (&conn{c, f.o.Genesis}).newLane(context.WithoutCancel(ctx), false)
		defer func() { lane.stop(); <-lane.ended }()
		s.lanes = append(s.lanes, lane)
	}
	l, err := newLoad(ctx, t, &o, s)
	if err != nil {
		return nil, nil, err
	}
	before, err := f.counters(ctx)
	if err != nil {
		return nil, nil, err
	}
	took := l.play(ctx, t)
	after, err := f.counters(ctx)
	if err := errors.Join(err, f.Died()); err != nil {
		return nil, nil, err
	}
	h := l.merged()
	r := &bench.Result{Transactions: h.TotalCount(), PerSecond: float64(h.TotalCount()) / took.Seconds(), Missing: int64(l.failed.Load()),
		P50: h.ValueAtQuantile(50), P95: h.ValueAtQuantile(95), P99: h.ValueAtQuantile(99), Max: h.Max(), Distribution: bench.Quantiles(h),
		Blocks: after.blocks - before.blocks, TimeoutsViews: after.timeouts - before.timeouts, MaxRSS: after.use.MaxRSS}
	if n := float64(r.Transactions); n > 0 {
		r.CPUPerTx = float64((after.use.CPU - before.use.CPU).Microseconds()) / n
		r.FsyncsPerTx = float64(after.fsyncs-before.fsyncs) / n
		r.WrittenPerTx = float64(after.use.Written-before.use.Written) / n
		r.SentPerTx = float64(after.sent-before.sent) / n
	}
	if n := float64(r.Blocks); n > 0 {
		r.CallsPerBlock = float64(after.calls-before.calls) / n
	}
	return r, l.report(took), nil
}

// fleetCounters are sums over all nodes, but blocks, time-outs and calls of the first node and the
// largest memory.
type fleetCounters struct {
	use                     bench.Use
	fsyncs, sent            uint64
	blocks, timeouts, calls uint64
}

func (f *fleet) counters(ctx context.Context) (x fleetCounters, err error) {
	for i, c := range f.clients {
		u := bench.ProcessUse(f.PID(i))
		x.use.CPU += u.CPU
		x.use.Written += u.Written
		x.use.MaxRSS = max(x.use.MaxRSS, u.MaxRSS)
		s, err := c.Status(ctx)
		if err != nil {
			return x, failure("node "+f.o.Nodes[i].Name+" does not answer", err, "")
		}
		x.fsyncs += s.GetFsyncs()
		if i == 0 {
			x.blocks, x.timeouts, x.calls = s.GetBlocks(), s.GetTimeouts(), s.GetGuestCalls()
		}
	}
	x.sent = uint64(f.mesh.Total().Bytes)
	return x, nil
}
