// Package node is the world around a replica: the only loop that steps it, and the sockets, files,
// timers and keys that its demands need. It decides nothing.
//
// # The loop
//
// One goroutine owns the replica. It takes what has arrived (messages by urgency, timers, clients'
// transactions), steps the replica, and meets its demands in their order. A second goroutine appends
// to the vote log and syncs it: what the replica demands to be sent waits for that, the loop does
// not, so that blocks are executed meanwhile. All that was written while a sync ran shares the next
// one (group commit). A third goroutine syncs the store, so that consensus does not wait for the
// certified state to reach the disk; receipts do.
//
// # Files
//
//	LOCK                 held while the node runs: the same folder is never opened twice
//	log/                 the vote log (package disk)
//	store/               certified state and ledger (package pebblestore)
//	releases/<digest>    release files; the node deletes none but damaged ones, so that what is paused can come back
//	compiled/            machine code of releases (package compile): may be deleted while the node is stopped
//
// A node whose vote log is missing while its store says that there was one, or is damaged anywhere
// but in an unsynced tail, follows as an observer: it never votes again with this key (KERNEL K3).
// Restoring a vote log from a backup is forbidden.
//
// # Failure
//
// A failed write, a failed sync and a contradiction between log and chain stop the node: Done is
// closed and Err says why.
package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/disk"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/fault"
	"quoin.dev/quoin/node/osdisk"
	"quoin.dev/quoin/node/pebblestore"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/signature"
	"quoin.dev/quoin/state"
	"quoin.dev/quoin/store"
	"quoin.dev/quoin/transport"
)

// ErrClosed is returned by calls on a node that has stopped.
var ErrClosed = errors.New("node: stopped")

// ErrBusy is returned when the node has as many clients' requests waiting as it takes.
var ErrBusy = errors.New("node: too many requests are waiting; try again")

// Config is what a node is made of.
type Config struct {
	Dir        string // data folder; made if it is not there
	Genesis    *quoin.Genesis
	Identity   ed25519.PrivateKey // votes, and proves this node to its peers
	Listen     string             // host:port for peers; port 0 lets the system choose
	Peers      []transport.Peer
	NoSync     bool             // never fsync: for benchmarks only, a crash may make this node contradict itself
	Builtins   []plugin.Builtin // beside plugin.Builtins
	Plugins    PluginOptions
	Pool       replica.PoolLimits
	Health     replica.HealthLimits // when this validator calls something bad that was activated
	CacheBytes int64                // for the state's trie; 0 is its default
	Logger     *slog.Logger
	Observer   Observer // looks on; nil: nobody
	// NewMachine plants another machine in tests; nil is the protocol.
	Replica func(*replica.Config)
	Lab     Lab
	// Faults are injected into this node, and marked in its feed as FaultInjected and FaultLifted. The set is
	// the node's, which closes it. Open fails with ErrFaultsNotAllowed if there is one and the genesis does not
	// allow it. nil: no fault can be injected.
	Faults *fault.Set
}

// PluginOptions say how a node runs releases. None of them changes a result. The zero options are
// good ones, but for Compile.
type PluginOptions struct {
	// Compile starts a process of this program that calls compile.Child: the kernel holds it to the
	// budget. Without it releases are compiled in the node's own process, where nothing can stop them.
	Compile       []string
	CompileTime   time.Duration // of the processor, for one release; 0: compile.TimeDefault
	CompileMemory int64         // bytes, for one release; 0: compile.MemoryDefault
	// SampleEvery has one call of guests in so many replayed on the interpreter, beside the loop, and
	// differences reported: see SampleDiffered. 0: none.
	SampleEvery uint64
	SlowCall    time.Duration // a call that runs longer is reported; 0: a second
	// CallTime and, for each unit of fuel, CallTimePerFuel are how long a call may take without counting as
	// slow in this validator's health reports. 0: 20 ms and 10 ns.
	CallTime, CallTimePerFuel time.Duration
}

// Node is a running node. Its methods may be called by several goroutines.
type Node struct {
	c       Config
	origin  quoin.Origin
	key     quoin.PublicKey
	log     *slog.Logger
	fs      *osdisk.FS
	votes   *disk.Log
	store   *pebblestore.Store
	link    atomic.Pointer[transport.Transport]
	table   *plugin.Table
	loop    *loop
	feed    *Feed
	library *library
	sampler *sampler
	// interpreter runs releases that the compiler is not asked for, or fails at.
	interpreter *plugin.Host

	status  atomic.Pointer[Status]
	done    chan struct{}
	stop    context.CancelFunc
	running sync.WaitGroup
	failure struct {
		sync.Mutex
		err error
	}
	observer string // why this node does not vote, if it should
}

// logKey marks, in the store, that this node has had a vote log.
var logKey = []byte("n/log")

// Open starts a node: it opens its folder, recovers, listens and begins to take part.
func Open(c Config) (*Node, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := c.Genesis.Check(); err != nil {
		return nil, err
	}
	if err := c.installFaults(); err != nil {
		return nil, err
	}
	signer := signature.NewSigner(c.Identity)
	n := &Node{c: c, origin: c.Genesis.Origin(), key: signer.Public(), log: c.Logger, feed: newFeed(), done: make(chan struct{})}
	if err := n.open(signer); err != nil {
		n.closeFiles()
		return nil, err
	}
	return n, nil
}

func (n *Node) open(signer signature.Signer) (err error) {
	if n.fs, err = osdisk.Open(n.c.Dir); err != nil {
		return err
	}
	if n.store, err = pebblestore.Open(filepath.Join(n.c.Dir, "store"), pebblestore.Options{Fatal: n.fail}); err != nil {
		return err
	}
	records, err := n.openLog()
	if err != nil {
		return err
	}
	if n.table, err = plugin.NewTable(append(plugin.Builtins(), n.c.Builtins...)); err != nil {
		return err
	}
	if n.interpreter, err = plugin.NewHost(plugin.Options{Interpreter: true}); err != nil {
		return err
	}
	if n.library, err = openLibrary(n); err != nil {
		return err
	}
	n.sampler = newSampler(n)
	n.table.Observe(n.sampler)
	n.sampler.meter(n.table)
	rc := replica.Config{Genesis: n.c.Genesis, Signer: signer, Store: n.store, State: state.Options{CacheBytes: n.c.CacheBytes},
		Table: n.table, Environment: execution.Environment(n.c.Builtins...), Pool: n.c.Pool, DryCalls: true, Health: n.c.Health}
	if n.c.Replica != nil {
		n.c.Replica(&rc)
	}
	r, err := replica.New(rc, records, n.observer != "")
	if err != nil {
		return err
	}
	n.library.resume(r.Overview().Configuration.Bindings)
	n.loop = newLoop(n, r)
	n.loop.publish()
	link, err := transport.New(transport.Config{Identity: n.c.Identity, Network: string(n.origin), Listen: n.c.Listen, Peers: n.c.Peers,
		Classes: classLimits(), Impair: n.c.impairment(), Logger: n.c.Logger}, n.receive)
	if err != nil {
		return err
	}
	n.link.Store(link)
	if n.c.Faults != nil {
		n.c.Faults.Watch(n.mark)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	n.running.Add(7)
	go n.loop.run(ctx)
	go n.loop.votes.run(ctx)
	go n.loop.syncStore(ctx)
	go n.library.run(ctx)
	go n.library.compile(ctx)
	go n.sampler.run(ctx)
	go n.sampler.watchCalls(ctx)
	return nil
}

func classLimits() [transport.ClassCount]transport.ClassLimits {
	large := transport.ClassLimits{MessageBytesMax: replica.MessageBytesMax, QueueMessages: 4096, QueueBytes: 64 << 20}
	return [transport.ClassCount]transport.ClassLimits{large, {MessageBytesMax: replica.MessageBytesMax, QueueMessages: 256, QueueBytes: 32 << 20},
		{MessageBytesMax: 2 << 20, QueueMessages: 4096, QueueBytes: 16 << 20}}
}

// openLog opens the vote log and reads its records. A log that cannot be trusted makes the node an
// observer: the damaged log is left as it is.
func (n *Node) openLog() ([]replica.LogRecord, error) {
	_, had, err := n.store.Get(logKey)
	if err != nil {
		return nil, err
	}
	o := disk.Options{Identity: LogIdentity(n.origin, n.key), MustExist: had}
	var records []replica.LogRecord
	n.votes, err = disk.OpenLog(n.fs, "log", o)
	if err == nil {
		err = n.votes.Read(n.votes.First(), func(_ uint64, record []byte) bool {
			records = append(records, append(replica.LogRecord(nil), record...))
			return true
		})
	}
	var corrupt *disk.CorruptError
	if errors.Is(err, disk.ErrMissing) || errors.As(err, &corrupt) {
		n.observer = err.Error()
		n.log.Error("the vote log cannot be trusted: this node follows and never votes again with this key; give it a new key by governance", "event", "vote-log-untrusted", "error", err)
		n.votes = nil
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !had {
		var b store.Batch
		b.Set(logKey, o.Identity[:])
		return records, n.store.Apply(&b, true)
	}
	return records, nil
}

// Close stops the node and waits until everything of it has ended.
func (n *Node) Close() error {
	if n.c.Faults != nil {
		n.c.Faults.Close() // nobody waits for a slow disk or plugin any more
	}
	if n.stop != nil {
		n.stop()
	}
	if link := n.link.Load(); link != nil {
		_ = link.Close()
	}
	n.running.Wait()
	n.feed.close()
	return errors.Join(n.closeFiles(), n.Err())
}

func (n *Node) closeFiles() error {
	var errs []error
	if n.library != nil {
		errs = append(errs, n.library.cache.Close())
	}
	if n.interpreter != nil {
		errs = append(errs, n.interpreter.Close())
	}
	if n.votes != nil {
		errs = append(errs, n.votes.Close())
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	if n.fs != nil {
		errs = append(errs, n.fs.Close())
	}
	n.interpreter, n.votes, n.store, n.fs = nil, nil, nil, nil
	return errors.Join(errs...)
}

// fail stops the node for a reason that it cannot survive.
func (n *Node) fail(err error) {
	n.failure.Lock()
	defer n.failure.Unlock()
	if n.failure.err == nil {
		n.failure.err = err
		n.log.Error("the node stops", "event", "node-stopped", "error", err)
		if n.stop != nil {
			n.stop()
		}
	}
}

// Done is closed when the node has stopped.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err returns why the node stopped by itself, or nil.
func (n *Node) Err() error {
	n.failure.Lock()
	defer n.failure.Unlock()
	return n.failure.err
}

// Genesis returns the chain's genesis. Do not modify it.
func (n *Node) Genesis() *quoin.Genesis { return n.c.Genesis }

// Origin returns the chain's origin.
func (n *Node) Origin() quoin.Origin { return n.origin }

// Key returns the node's public key.
func (n *Node) Key() quoin.PublicKey { return n.key }

// Addr returns the address on which peers reach the node.
func (n *Node) Addr() net.Addr { return n.link.Load().Addr() }

// SetPeers replaces the peers.
func (n *Node) SetPeers(peers []transport.Peer) error { return n.link.Load().SetPeers(peers) }

// Links returns what the transport has counted.
func (n *Node) Links() transport.Stats { return n.link.Load().Stats() }

// Store returns the certified chain for reading, beside the loop.
func (n *Node) Store() store.Reader { return n.store }

// Feed returns what the node publishes.
func (n *Node) Feed() *Feed { return n.feed }

// Submit hands transactions to the replica and returns what became of each. It waits while the
// node is busy.
func (n *Node) Submit(ctx context.Context, txs []quoin.Transaction) ([]replica.Admission, error) {
	reply := make(chan []replica.Admission, 1)
	if err := n.loop.post(ctx, n.loop.clients, task{input: replica.Submit{Transactions: txs}, admissions: reply}); err != nil {
		return nil, err
	}
	select {
	case a := <-reply:
		return a, nil
	case <-n.done:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Do runs f on the loop and waits for it. f must be quick.
func (n *Node) Do(ctx context.Context, f func(*replica.Replica)) error {
	finished := make(chan struct{})
	if err := n.loop.post(ctx, n.loop.clients, task{do: func(r *replica.Replica) { f(r); close(finished) }}); err != nil {
		return err
	}
	select {
	case <-finished:
		return nil
	case <-n.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// receive takes a peer's message on the transport's goroutine of that peer and class. It waits when
// the loop is busy, which makes the peer wait.
func (n *Node) receive(from transport.Key, class transport.Class, message []byte) {
	if len(message) > 0 && (message[0] == kindAsk || message[0] == kindFile) {
		n.library.receive(from, message)
		return
	}
	queue := n.loop.bulk
	if class == transport.Consensus {
		queue = n.loop.urgent
	}
	_ = n.loop.post(context.Background(), queue, task{input: replica.Message{From: from, Bytes: message}})
}

// Compatibility returns what this node offers plugins.
func (n *Node) Compatibility() plugin.Compatibility {
	return plugin.Compatible(append(plugin.Builtins(), n.c.Builtins...))
}

func (n *Node) String() string { return fmt.Sprintf("node %s of %s", n.key, n.origin) }
