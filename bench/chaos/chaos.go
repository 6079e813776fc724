package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/client"
)

// NetworkName is the name of every network that is made to be broken. `quoin lab node`, whose clock
// and disk obey files, runs no other.
const NetworkName = "lab-chaos"

// Node is one node of the network to break.
type Node struct {
	Name     string
	Dir      string                         // its folder
	Command  []string                       // runs it until SIGTERM
	Listen   string                         // host:port for its peers
	API      client.Endpoint                // that its clients use
	SetPeers func(addresses []string) error // tells it where to reach each node, in their order
}

// Options say what to do. Zero values mean the defaults in brackets.
type Options struct {
	Nodes    []Node // at least four
	Genesis  *quoin.Genesis
	Host     string        // an address of this machine for relays
	Seed     uint64        // of the faults, the operations and the relays
	Duration time.Duration // of the faults [1 minute]
	Kinds    []Kind        // [all that are possible here]
	Clients  int           // [two for each node]
	Rate     int           // operations a second of each client at most [20]
	Check    time.Duration // that Porcupine may take [2 minutes]
	Progress func(format string, a ...any)

	Disk     *SmallDisk // for DiskFull; nil: that kind is not possible
	Networks Networks   // nil: relays

	Controls Controls
}

// Controls plant what the checks must find: positive controls, which tests set and nobody else.
type Controls struct {
	Credulous bool                   // clients take a node's word that it has the transaction for a receipt
	Tamper    func(dir string) error // done to a killed node's folder before it starts again
}

// DiskNode is the node whose data belongs on the small disk.
func DiskNode(seed uint64, nodes int) int { return newSchedule(seed, nodes, nil).small }

// Networks is what is between the nodes: relays, or namespaces.
type Networks interface {
	Address(from, to int) string              // where from reaches to
	Cut(from, to int) error                   // what from sends does not reach to, until Heal
	Slow(node int, delay time.Duration) error // all links of a node, until Heal
	Can(Kind) bool                            // whether it can do what the kind needs
	Heal() error
	Close() error
}

// operationsMax bounds the history, which stays in memory until it is checked: some hundred bytes an
// operation.
const operationsMax = 4_000_000

// ErrOptions is wrapped by every refusal of options.
var ErrOptions = errors.New("chaos: bad options")

func (o Options) withDefaults() (Options, error) {
	if o.Duration == 0 {
		o.Duration = time.Minute
	}
	if o.Clients == 0 {
		o.Clients = 2 * len(o.Nodes)
	}
	if o.Rate == 0 {
		o.Rate = 20
	}
	if o.Check == 0 {
		o.Check = 2 * time.Minute
	}
	if o.Progress == nil {
		o.Progress = func(string, ...any) {}
	}
	switch {
	case len(o.Nodes) < 4:
		return o, fmt.Errorf("%w: %d nodes, want 4 or more", ErrOptions, len(o.Nodes))
	case o.Clients < 1 || o.Clients > 256 || o.Rate < 1 || o.Rate > 1000:
		return o, fmt.Errorf("%w: %d clients and %d operations a second, want 1 to 256 and 1 to 1000", ErrOptions, o.Clients, o.Rate)
	case o.Duration < 0 || o.Duration.Seconds()*float64(o.Clients*o.Rate) > operationsMax:
		return o, fmt.Errorf("%w: %d clients with %d operations a second each for %v make more than %d operations", ErrOptions, o.Clients, o.Rate, o.Duration, operationsMax)
	case o.Genesis.Network != NetworkName:
		return o, fmt.Errorf("%w: the network is called %q, want %q", ErrOptions, o.Genesis.Network, NetworkName)
	}
	for _, k := range o.Kinds {
		if !slices.Contains(Kinds(), k) {
			return o, fmt.Errorf("%w: there is no fault %q; choose among %s", ErrOptions, k, KindNames(Kinds()))
		}
	}
	return o, nil
}

// Run breaks the network until the time is up or the context ends, checks, and takes everything down
// again, whatever happens. It fails if the world could not be made or mended; what is wrong with the
// network is in the result's findings.
func Run(ctx context.Context, o Options) (r *Result, err error) {
	o, err = o.withDefaults()
	if err != nil {
		return nil, err
	}
	w, err := newWorld(o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.boot(ctx); err != nil {
		return nil, err
	}
	if err := w.play(ctx); err != nil {
		return nil, err
	}
	ledger, err := w.audit(ctx)
	if err != nil {
		return nil, err
	}
	return w.judge(ledger), nil
}
