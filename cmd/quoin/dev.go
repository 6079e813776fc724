package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	"quoin.dev/quoin/transport"
)

const (
	devListen      = "127.0.0.1:26600"
	devDashboard   = "127.0.0.1:26680"
	noDashboard    = "none"
	devReadyWithin = 10 * time.Second
)

// devOptions are the flags of `quoin dev`.
type devOptions struct {
	nodes      int
	dir        string
	listen     string
	dashboard  string
	load       int
	faults     string
	unsigned   bool
	log        string
	parameters []string
}

func newDev(t *terminal) *cobra.Command {
	var o devOptions
	c := &cobra.Command{
		Use: "dev", Short: "Run a whole network of validators in this process, to try things out", Args: args(0, 0),
		Long: "Run N validators in one process, each with its own key, folder and TLS endpoint on loopback, and set\n" +
			"the context to them: other commands then need no flags. The folder is temporary and removed at the\n" +
			"end; with --data it stays, survives any crash, and the next `quoin dev --data` goes on from it.",
		RunE: func(c *cobra.Command, _ []string) error {
			return runDev(c.Context(), t, &o, c.Flags().Changed("nodes"))
		},
	}
	f := c.Flags()
	f.IntVar(&o.nodes, "nodes", 4, "how many validators: 1 to "+strconv.Itoa(devValidatorsMax))
	f.StringVar(&o.dir, "data", "", "the folder for keys, genesis and data (default: a temporary one)")
	f.StringVar(&o.listen, "listen", devListen, "where the API listens; if the port is taken, another is chosen")
	f.StringVar(&o.dashboard, "dashboard", devDashboard, "where browsers find the first validator's page; if the port is taken, another is chosen; none: nowhere")
	f.IntVar(&o.load, "load", 0, "send so many transactions a second")
	f.StringVar(&o.faults, "faults", "", "play faults and changes again and again, for people who look on: "+faultsDemo)
	f.BoolVar(&o.unsigned, "unsigned", false, "allow transactions without a sender (new networks only)")
	f.StringVar(&o.log, "log", "error", "what to log on standard error: debug, info, warn or error")
	f.StringArrayVar(&o.parameters, "parameter", nil, "a parameter of the chain, as NAME=NUMBER (new networks only)")
	return c
}

func runDev(ctx context.Context, t *terminal, o *devOptions, nodesGiven bool) (err error) {
	began := time.Now()
	log, err := t.logger(o.log)
	if err != nil {
		return err
	}
	if err := o.checkAddresses(); err != nil {
		return err
	}
	if err := o.checkFaults(); err != nil {
		return err
	}
	dir, temporary := o.dir, o.dir == ""
	if temporary {
		if dir, err = os.MkdirTemp("", "quoin-dev-"); err != nil {
			return failure("there is no place for a temporary folder", err, "name one with --data")
		}
		defer os.RemoveAll(dir)
	}
	g, members, err := devNetwork(dir, o, nodesGiven)
	if err != nil {
		return err
	}
	if err := o.checkStage(g, len(members)); err != nil {
		return err
	}
	d := &devNet{genesis: g, members: members}
	defer func() {
		if e := d.close(); err == nil {
			err = e
		}
	}()
	if err := d.start(ctx, t, o, dir, log); err != nil {
		return err
	}
	s, err := networkContext(dir, []apiNode{{d.stations[0].url(), d.stations[0].node.Key().String()}}, len(members))
	if err != nil {
		return err
	}
	if err := saveContext(s, g); err != nil {
		return err
	}
	if err := d.announce(t, dir, temporary, time.Since(began)); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.load > 0 {
		loaded := make(chan struct{})
		defer func() { cancel(); <-loaded }()
		go func() { defer close(loaded); d.load(ctx, t, o.load) }()
	}
	if o.faults != "" {
		played := make(chan struct{})
		defer func() { cancel(); <-played }()
		go func() { defer close(played); d.demo(ctx, t, dir) }()
	}
	return d.watch(ctx, t)
}

func (o *devOptions) checkAddresses() error {
	addresses := []string{o.listen}
	if o.dashboard != noDashboard {
		addresses = append(addresses, o.dashboard)
	}
	return checkAddresses(addresses)
}

// devWindowMinutes is the window of the error budgets of a network that lives for minutes: what stands for an hour
// of 28 days is two minutes of it, and what stands for five minutes ten seconds.
const devWindowMinutes = 28 * 24 * 2

// devNetwork makes a network's folder, or reads one that is there.
func devNetwork(dir string, o *devOptions, nodesGiven bool) (*quoin.Genesis, []member, error) {
	if _, err := os.Stat(filepath.Join(dir, anchorFile)); errors.Is(err, fs.ErrNotExist) {
		values, err := trialParameters(o.parameters, o.unsigned)
		if err != nil {
			return nil, nil, err
		}
		nodes := make([]nodeSettings, max(0, o.nodes))
		for i := range nodes {
			nodes[i] = nodeSettings{Name: validatorName(i), Listen: "127.0.0.1:0", API: "127.0.0.1:0"}
			nodes[i].Observe.Targets.WindowMinutes = devWindowMinutes
		}
		if _, err := makeNetwork(dir, "dev", nodes, values); err != nil {
			return nil, nil, err
		}
	} else if len(o.parameters) > 0 || o.unsigned {
		return nil, nil, usage("there is a network in "+dir+" already, and its parameters are fixed", "leave --parameter and --unsigned out, or choose another folder")
	}
	g, err := readGenesis(filepath.Join(dir, anchorFile))
	if err != nil {
		return nil, nil, err
	}
	var members []member
	if err := readJSON(filepath.Join(dir, peersFile), memberBytesMax, &members, "a folder that `quoin dev` made"); err != nil {
		return nil, nil, err
	}
	if nodesGiven && len(members) != o.nodes {
		return nil, nil, usage(fmt.Sprintf("the network in %s has %d validators, not %d", dir, len(members), o.nodes), "leave --nodes out, or choose another folder")
	}
	return g, members, nil
}

// devNet is a running network, whose first station has the API.
type devNet struct {
	*crew
	genesis *quoin.Genesis
	members []member
}

// start opens the nodes and connects them, and lets clients and browsers in at the first.
func (d *devNet) start(ctx context.Context, t *terminal, o *devOptions, dir string, log *slog.Logger) error {
	if err := d.open(dir, log); err != nil {
		return err
	}
	if err := d.connect(ctx); err != nil {
		return err
	}
	first := d.stations[0]
	if err := first.serveNear(t, d.plans[0], o.listen); err != nil {
		return err
	}
	if o.dashboard == noDashboard {
		return nil
	}
	return first.showNear(t, d.plans[0], o.dashboard)
}

// open opens all nodes at once.
func (d *devNet) open(dir string, log *slog.Logger) error {
	plans := make([]*nodePlan, len(d.members))
	for i, m := range d.members {
		p, err := loadNode(filepath.Join(dir, m.Name))
		if err != nil {
			return err
		}
		p.peers, p.settings.Listen = nil, "127.0.0.1:0"
		plans[i] = p.withLogger(log)
	}
	d.crew = newCrew(plans)
	errs := make([]error, len(plans))
	var wg sync.WaitGroup
	for i := range plans {
		wg.Go(func() { _, errs[i] = d.crew.open(i) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// connect tells the nodes of each other and waits until all links are up.
func (d *devNet) connect(ctx context.Context) error {
	var peers []transport.Peer
	for _, s := range d.stations {
		peers = append(peers, transport.Peer{Key: transport.Key(s.node.Key()), Address: s.node.Addr().String()})
	}
	for i, s := range d.stations {
		d.plans[i].peers = peers // for when it is opened again
		if err := s.node.SetPeers(peers); err != nil {
			return failure("the nodes cannot be connected", err, "")
		}
	}
	deadline := time.Now().Add(devReadyWithin)
	for !d.linked() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return failure("the nodes do not reach each other", nil, "check that this machine lets processes connect to 127.0.0.1")
		}
	}
	return nil
}

func (d *devNet) linked() bool {
	for _, s := range d.stations {
		for _, p := range s.node.Links().Peers {
			if !p.Up {
				return false
			}
		}
	}
	return true
}

func (d *devNet) close() error {
	if d.crew == nil {
		return nil
	}
	return d.crew.close()
}

func (d *devNet) announce(t *terminal, dir string, temporary bool, took time.Duration) error {
	type endpoint struct {
		Name    string `json:"name"`
		Key     string `json:"key"`
		Address string `json:"address"`
	}
	var endpoints []endpoint
	for i, s := range d.stations {
		endpoints = append(endpoints, endpoint{d.members[i].Name, s.node.Key().String(), s.node.Addr().String()})
	}
	api := d.stations[0].url()
	page := d.stations[0].pageURL()
	v := map[string]any{"api": api, "dashboard": page, "origin": d.genesis.Origin(), "folder": dir, "temporary": temporary,
		"ready_ms": took.Milliseconds(), "validators": endpoints}
	return t.data(v, func(w io.Writer) {
		fmt.Fprintf(w, "%d validators, ready in %d ms\n", len(endpoints), took.Milliseconds())
		if page != "" {
			fmt.Fprintf(w, "  page     %s\n", page)
		}
		fmt.Fprintf(w, "  API      %s\n  network  %s\n", api, d.genesis.Origin())
		if temporary {
			fmt.Fprintf(w, "  folder   %s (removed at the end; keep it with --data FOLDER)\n", dir)
		} else {
			fmt.Fprintf(w, "  folder   %s\n", dir)
		}
		fmt.Fprint(w, "\nIn another terminal:\n"+
			"  quoin tx put hello world --proof p.json\n"+
			"  quoin proof verify p.json\n"+
			"  quoin get hello --proof hello.json\n"+
			"  quoin tx load ycsb-a --rate 500\n"+
			"  quoin plugin new my-leader --hook leader.v1\n"+
			"  quoin status\n\n"+
			"Stop with Ctrl-C.\n")
	})
}

// load sends transactions until the context ends.
func (d *devNet) load(ctx context.Context, t *terminal, rate int) {
	n, err := t.connect(ctx)
	if err == nil {
		lane := n.newLane(context.WithoutCancel(ctx), false)
		defer lane.close()
		o := loadOptions{Workload: "updates", Rate: rate, Clients: 16, Seconds: 1 << 30, Records: 1000, Value: 100}
		quiet := *t
		quiet.err = io.Discard
		_, err = runLoad(ctx, &quiet, &o, lane)
	}
	if err != nil && ctx.Err() == nil {
		t.note("the load stopped: %v", err)
	}
}

// watch prints how the network does, as the first node tells, until the context or a node ends.
func (d *devNet) watch(ctx context.Context, t *terminal) error {
	var watched *station // that the meter is of
	var m *meter
	defer func() {
		if m != nil {
			m.close()
		}
	}()
	line := t.statusLine()
	defer line.end()
	tick := time.NewTicker(line.every())
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-d.failed:
			return err
		case <-tick.C:
			now := d.station(0)
			if now == nil {
				line.print("%s has crashed, and is opened again soon", d.members[0].Name)
				continue
			}
			if now != watched {
				if m != nil {
					m.close()
				}
				watched, m = now, newMeter(now.node)
			}
			s := watched.node.Status()
			r := m.take()
			line.print("height %d  epoch %d  view %d  %.0f tx/s  p50 %s  p99 %s  leader %s", s.Tip.Height, s.Consensus.Epoch, s.Consensus.View,
				r.perSecond, r.p50, r.p99, leaderName(&s.Configuration))
		}
	}
}

func leaderName(c *quoin.Configuration) string {
	b, ok := c.Binding("leader.v1")
	switch {
	case !ok:
		return "none"
	case b.Builtin != "":
		return b.Builtin
	}
	return b.Release.String()[:12]
}
