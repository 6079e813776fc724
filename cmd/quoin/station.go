package main

import (
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"syscall"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api"
	"quoin.dev/quoin/node"
	"quoin.dev/quoin/observe"
	"quoin.dev/quoin/transport"
)

// station is a running node with its API, if it has one.
type station struct {
	node  *node.Node
	watch *observe.Observer // nil: nothing looks on
	api   *api.Server
}

// open starts the node of a folder, without its API.
func (p *nodePlan) open() (*station, error) {
	key, err := readKey(filepath.Join(p.dir, nodeKeyFile))
	if err != nil {
		return nil, err
	}
	watch, err := p.observer()
	if err != nil {
		return nil, err
	}
	var looks node.Observer
	if watch != nil {
		looks = watch
	}
	n, err := node.Open(node.Config{Observer: looks, Dir: p.data(), Genesis: p.genesis, Identity: key, Listen: p.settings.Listen,
		Peers: p.peers, Builtins: extraBuiltins(), Plugins: p.settings.Plugins.options(), CacheBytes: p.settings.CacheMiB << 20, Lab: p.lab, Logger: p.log})
	if err != nil {
		if watch != nil {
			err = errors.Join(err, watch.Close())
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, failure("the address "+p.settings.Listen+" is taken", err, "is the node running already? If not, change listen in "+filepath.Join(p.dir, nodeFile))
		}
		return nil, failure("the node in "+p.dir+" cannot start", err, "is it running already? A data folder belongs to one process")
	}
	if watch != nil {
		watch.Attach(n)
	}
	return &station{node: n, watch: watch}, nil
}

// serve starts the node's API. Beside the proposers of the chain, whoever holds the node's own key may
// upload releases; the certificate is of
// the node's own key, which clients know from the genesis.
func (s *station) serve(p *nodePlan, address string) error {
	key, err := readKey(filepath.Join(p.dir, nodeKeyFile))
	if err != nil {
		return err
	}
	s.api, err = api.Listen(api.Config{Node: s.node, Listen: address, Key: key, Admins: []quoin.PublicKey{publicOf(key)}, Logger: p.log})
	return err
}

func (s *station) url() string { return s.api.URL() }

func (s *station) close() error {
	var err error
	if s.api != nil {
		err = s.api.Close()
	}
	err = errors.Join(err, s.node.Close())
	if s.watch != nil {
		err = errors.Join(err, s.watch.Close())
	}
	return err
}

// serveNear starts the API at an address, or on another port if that one is taken.
func (s *station) serveNear(t *terminal, p *nodePlan, address string) error {
	err := s.serve(p, address)
	if errors.Is(err, syscall.EADDRINUSE) {
		host, _, _ := net.SplitHostPort(address)
		t.note("%s is taken by another program; choosing another port", address)
		err = s.serve(p, net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return failure("the API cannot listen on "+address, err, "choose another address with --listen")
	}
	return nil
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
