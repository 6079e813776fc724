package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api"
	"quoin.dev/quoin/dashboard"
	injected "quoin.dev/quoin/fault"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/observe"
	"quoin.dev/quoin/observe/health"
	"quoin.dev/quoin/transport"
)

// station is a running node with its API, if it has one.
type station struct {
	node   *node.Node
	watch  *observe.Observer // nil: nothing looks on
	faults *injected.Set     // nil: the genesis allows none
	api    atomic.Pointer[api.Server]
	page   atomic.Pointer[dashboard.Server]
}

// open starts the node of a folder, without its API.
func (p *nodePlan) open() (*station, error) {
	key, err := readKey(filepath.Join(p.dir, nodeKeyFile))
	if err != nil {
		return nil, err
	}
	s := &station{faults: p.faultSet(key)}
	watch, err := p.observer(s)
	if err != nil {
		return nil, err
	}
	var looks node.Observer
	if watch != nil {
		looks = watch
	}
	n, err := node.Open(node.Config{Observer: looks, Dir: p.data(), Genesis: p.genesis, Identity: key, Listen: p.settings.Listen,
		Peers: p.peers, Builtins: extraBuiltins(), Plugins: p.settings.Plugins.options(), CacheBytes: p.settings.CacheMiB << 20,
		Health: p.settings.Observe.Targets.Limits(), Lab: p.lab, Faults: s.faults, Logger: p.log})
	if err != nil {
		if watch != nil {
			watch.Close()
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, failure("the address "+p.settings.Listen+" is taken", err, "is the node running already? If not, change listen in "+filepath.Join(p.dir, nodeFile))
		}
		return nil, failure("the node in "+p.dir+" cannot start", err, "is it running already? A data folder belongs to one process")
	}
	if watch != nil {
		watch.Attach(n)
	}
	s.node, s.watch = n, watch
	return s, nil
}

// serve starts the node's API. Beside the proposers of the chain, whoever holds the node's own key may upload
// releases. The certificate is of the node's own key, which clients know from the genesis.
func (s *station) serve(p *nodePlan, address string) error {
	key, err := readKey(filepath.Join(p.dir, nodeKeyFile))
	if err != nil {
		return err
	}
	c := api.Config{Node: s.node, Listen: address, Key: key, Admins: []quoin.PublicKey{publicOf(key)}, Logger: p.log, Ready: s.ready,
		Program: programVersion(), Name: p.settings.Name, Dashboard: s.pageURL}
	if s.watch != nil {
		c.Health = func() health.Report { return s.watch.Health.Report(time.Now()) }
	}
	switch {
	case s.faults == nil: // the genesis allows none
	case p.crew != nil:
		c.Faults = p.crew
	default:
		c.Faults = api.FaultsOf(s.node.Key(), s.faults)
	}
	served, err := api.Listen(c)
	if err == nil {
		s.api.Store(served)
	}
	return err
}

// show starts the node's dashboard, after its API.
func (s *station) show(p *nodePlan, address string) error {
	if address == "" || s.watch == nil {
		return nil
	}
	c := dashboard.Config{Listen: address, Certificate: p.settings.DashboardCertificate, Key: p.settings.DashboardKey, Hosts: p.settings.DashboardHosts,
		Node: s.node, Timeline: s.watch.Timeline, Health: s.watch.Health.Report, Changes: api.NewGovernance(s.node).Changes, API: s.api.Load().Handler(),
		Metrics: s.watch.Metrics.Handler(), Ready: s.ready, Runs: p.settings.Runs, Version: programVersion(), Logger: p.log}
	page, err := dashboard.Listen(c)
	if err == nil {
		s.page.Store(page)
	}
	return err
}

// ready says why the node does not take part.
func (s *station) ready() error {
	x := s.node.Status()
	if behind := x.Newest - min(x.Newest, x.Tip.Height); behind > readyBehindMax {
		return fmt.Errorf("catching up: %d heights behind", behind)
	}
	return nil
}

// readyBehindMax is how many heights a node that takes part may lack: as many as may be on their way.
const readyBehindMax = 64

func (s *station) url() string { return s.api.Load().URL() }

// pageURL is where the dashboard is; empty without.
func (s *station) pageURL() string {
	if page := s.page.Load(); page != nil {
		return page.URL()
	}
	return ""
}

func (s *station) close() error {
	var err error
	if page := s.page.Load(); page != nil {
		err = page.Close()
	}
	if served := s.api.Load(); served != nil {
		err = errors.Join(err, served.Close())
	}
	err = errors.Join(err, s.node.Close())
	if s.watch != nil {
		s.watch.Close()
	}
	return err
}

// serveNear starts the API at an address, or on another port if that one is taken.
func (s *station) serveNear(t *terminal, p *nodePlan, address string) error {
	if err := near(t, address, func(a string) error { return s.serve(p, a) }); err != nil {
		return failure("the API cannot listen on "+address, err, "choose another address with --listen")
	}
	return nil
}

// showNear is serveNear for the dashboard.
func (s *station) showNear(t *terminal, p *nodePlan, address string) error {
	if err := near(t, address, func(a string) error { return s.show(p, a) }); err != nil {
		return failure("the dashboard cannot listen on "+address, err, "choose another address with --dashboard, or none")
	}
	return nil
}

// near starts something at an address, or on another port if that one is taken.
func near(t *terminal, address string, start func(address string) error) error {
	err := start(address)
	if errors.Is(err, syscall.EADDRINUSE) {
		host, _, _ := net.SplitHostPort(address)
		t.note("%s is taken by another program; choosing another port", address)
		err = start(net.JoinHostPort(host, "0"))
	}
	return err
}

// withLogger is the plan with a node's own name in its log.
func (p *nodePlan) withLogger(log *slog.Logger) *nodePlan {
	p.log = log.With("node", p.settings.Name)
	return p
}

// peersOf reads the addresses of a network's nodes.
func peersOf(members []member) ([]transport.Peer, error) {
	var peers []transport.Peer
	for _, m := range members {
		keys, err := publicKeys([]string{m.Key})
		if err != nil {
			return nil, err
		}
		peers = append(peers, transport.Peer{Key: transport.Key(keys[0]), Address: m.Address})
	}
	return peers, nil
}
