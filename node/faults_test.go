package node

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/fault"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/transport"
)

// slowness is how long what is slowed takes at least in these tests.
const slowness = 200 * time.Millisecond

// stopwatches are an observer that counts fsyncs, by file, and calls of guests by whether they took as long
// as slowness.
type stopwatches struct {
	*watcher
	mu    sync.Mutex
	count map[stopped]int
}

type stopped struct {
	what string
	slow bool
}

func (s *stopwatches) add(what string, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count[stopped{what, took >= slowness}]++
}

func (s *stopwatches) counted(what string, slow bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[stopped{what, slow}]
}

func (s *stopwatches) Synced(f File, took time.Duration) { s.add(string(f), took) }

func (s *stopwatches) Called(c Call) {
	if c.Operation != "" {
		s.add("call", c.Took)
	}
}

// faulty is a network whose nodes can be told of faults, and are looked on at.
type faulty struct {
	*testing.T
	*network
	seen   []*stopwatches
	number uint64 // of the newest fault
}

func newFaulty(t *testing.T, prepare func(w *network)) *faulty {
	x := &faulty{T: t}
	x.network = newNetworkOf(t, 4, func(w *network) {
		w.genesis.Configuration.Parameters.FaultInjectionFlag = 1
		w.faults = make([]*fault.Set, 4)
		for i := range w.faults {
			x.seen = append(x.seen, &stopwatches{watcher: newWatcher(), count: map[stopped]int{}})
			w.watch = append(w.watch, x.seen[i])
			w.faults[i] = newFaults(w, i)
		}
		prepare(w)
	})
	x.put(t, 0, "before", "any fault")
	return x
}

func newFaults(w *network, i int) *fault.Set {
	return fault.NewSet(fault.Config{Self: w.genesis.Configuration.Validators.At(w.place(i)).Key})
}

// place is the place of a node in the validator set.
func (w *network) place(i int) int {
	at, _ := w.genesis.Configuration.Validators.Index(quoin.PublicKey(w.keys[i][32:]))
	return at
}

func (x *faulty) keysOf(nodes ...int) (keys []quoin.PublicKey) {
	for _, i := range nodes {
		keys = append(keys, x.nodes[i].Key())
	}
	return keys
}

// inject tells all nodes of a fault that lasts until it is lifted.
func (x *faulty) inject(f fault.Fault) {
	x.Helper()
	x.number++
	f.ID, f.Until = x.number, time.Now().Add(5*time.Minute)
	for _, s := range x.faults {
		if err := s.Inject(f); err != nil {
			x.Fatal(err)
		}
	}
}

func (x *faulty) lift() {
	x.Helper()
	for i, s := range x.faults {
		if !s.Lift(x.number) {
			x.Fatalf("node %d has no fault", i)
		}
	}
}

// await waits for what only needs time.
func (x *faulty) await(what string, done func() bool) {
	x.Helper()
	for late := time.Now().Add(time.Minute); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(late) {
			x.Fatalf("gave up waiting: %s", what)
		}
	}
}

// putUntil writes until something is so.
func (x *faulty) putUntil(what string, done func() bool) {
	x.Helper()
	x.await(what, func() bool {
		x.put(x.T, 0, "key", "value")
		return done()
	})
}

// timeouts waits until each of some nodes has given up so many more views.
func (x *faulty) timeouts(more uint64, nodes ...int) {
	x.Helper()
	for _, i := range nodes {
		from := x.nodes[i].Status().Stats.Timeouts
		x.await(fmt.Sprint("time-outs of node ", i), func() bool { return x.nodes[i].Status().Stats.Timeouts >= from+more })
	}
}

// submit hands a transaction to a node and does not wait.
func (x *faulty) submit(i int) {
	x.Helper()
	admissions, err := x.nodes[i].Submit(x.Context(), []quoin.Transaction{x.transaction(i, "key", "value")})
	if err != nil || admissions[0].Code != replica.Admitted {
		x.Fatal(admissions, err)
	}
}

func (x *faulty) heights() string {
	var all []quoin.Height
	for _, n := range x.nodes {
		all = append(all, n.Status().Tip.Height)
	}
	return fmt.Sprint(all)
}

// recovered checks that the network goes on after a fault, and that all nodes have the same state.
func (x *faulty) recovered() {
	x.Helper()
	h := x.put(x.T, 2, "after", "the fault")
	x.await("all nodes with one state", func() bool {
		first := x.nodes[0].Status().Tip
		for _, n := range x.nodes {
			if s := n.Status(); s.Tip.Height < h || s.Tip.Height != first.Height || s.Tip.State != first.State {
				return false
			}
		}
		return true
	})
	for i, n := range x.nodes {
		if s := n.Status().Stats; s.Diverged+s.Splits != 0 {
			x.Errorf("node %d: %d diverged, %d splits", i, s.Diverged, s.Splits)
		}
	}
	for _, s := range x.seen {
		s.watcher.Lock()
		defer s.watcher.Unlock()
		if s.events[FaultInjected] != 1 || s.events[FaultLifted] != 1 {
			x.Errorf("the marks were seen %d and %d times", s.events[FaultInjected], s.events[FaultLifted])
		}
	}
}

// Halves without a quorum certify nothing, and go on when the partition is over. It is enough that one side
// is told.
func TestPartitionStallsAndHeals(t *testing.T) {
	x := newFaulty(t, func(*network) {})
	sub := x.nodes[3].Feed().SubscribeTo(8, func(i Item) bool { return i.Event != nil && i.Event.Kind == FaultInjected })
	defer sub.Close()
	x.inject(fault.Fault{Kind: fault.Partition, Targets: x.keysOf(0, 1), Peers: x.keysOf(2, 3), Note: "a drill"})
	if got := (<-sub.C).Event.Reason; !strings.HasSuffix(got, "cannot reach v2 and v3 (a drill), for 5m0s") {
		t.Errorf("the mark says %q", got)
	}
	for i := range x.nodes {
		x.submit(i)
	}
	x.timeouts(2, 0, 1, 2, 3) // what was on its way has arrived
	before := x.heights()
	x.timeouts(3, 0, 1, 2, 3)
	if after := x.heights(); after != before {
		t.Errorf("without a quorum heights went from %s to %s", before, after)
	}
	for _, i := range []int{0, 1} {
		for _, p := range x.nodes[i].Links().Peers {
			cut := p.Classes[transport.Consensus].Dropped[transport.DroppedFault] > 0
			if other := quoin.PublicKey(p.Key) == x.nodes[2].Key() || quoin.PublicKey(p.Key) == x.nodes[3].Key(); cut != other {
				t.Errorf("node %d lost messages: %v, on the other side: %v", i, cut, other)
			}
		}
	}
	x.lift()
	x.recovered()
}

// A node that is cut off alone stalls nobody but itself, and catches up.
func TestOneCutOffStallsItselfAlone(t *testing.T) {
	x := newFaulty(t, func(*network) {})
	x.inject(fault.Fault{Kind: fault.Partition, Targets: x.keysOf(3), Peers: x.keysOf(0, 1, 2)})
	at := x.nodes[3].Status().Tip.Height
	for i := range 3 {
		x.put(t, i, "while one is away", "the others go on")
	}
	x.await("the others to be ahead", func() bool { return x.nodes[0].Status().Tip.Height > at+2 })
	if now := x.nodes[3].Status().Tip.Height; now > at+1 { // one block may have been on its way
		t.Errorf("cut off it went from height %d to %d", at, now)
	}
	x.lift()
	x.recovered()
}

// A leader whose messages are late costs time-outs, and the chain goes on without it.
func TestLateLeaderCostsTimeouts(t *testing.T) {
	x := newFaulty(t, func(*network) {})
	x.inject(fault.Fault{Kind: fault.Delay, Targets: x.keysOf(1), Delay: 2 * time.Second})
	for _, i := range []int{0, 2, 3} {
		before := x.nodes[i].Status().Stats.Timeouts
		x.putUntil("a time-out", func() bool { return x.nodes[i].Status().Stats.Timeouts > before })
	}
	x.lift()
	x.recovered()
}

// A tenth of the messages lost costs messages and time, and nothing else.
func TestLostMessagesAreRepeated(t *testing.T) {
	x := newFaulty(t, func(*network) {})
	x.inject(fault.Fault{Kind: fault.Drop, Targets: x.keysOf(0, 1, 2, 3), Share: 100})
	for i := range 4 {
		x.put(t, i%4, fmt.Sprint("key", i), "value")
	}
	lost := uint64(0)
	for _, n := range x.nodes {
		for _, p := range n.Links().Peers {
			lost += p.Classes[transport.Consensus].Dropped[transport.DroppedFault]
		}
	}
	if lost == 0 {
		t.Error("nothing was lost")
	}
	x.lift()
	x.recovered()
}

// A slow disk is seen in each fsync of its own node, and the others go on.
func TestSlowDiskIsSeenInFsyncs(t *testing.T) {
	x := newFaulty(t, func(*network) {})
	x.inject(fault.Fault{Kind: fault.SlowDisk, Targets: x.keysOf(2), Delay: slowness})
	slow, other := x.seen[2], x.seen[0]
	for _, f := range []string{string(FileVotes), string(FileStore)} {
		x.putUntil("a slow fsync", func() bool { return slow.counted(f, true) > 0 }) // those before are over
		fast, slowOnes, others := slow.counted(f, false), slow.counted(f, true), other.counted(f, false)
		x.putUntil("more fsyncs", func() bool { return slow.counted(f, true) > slowOnes+1 && other.counted(f, false) > others })
		if n := slow.counted(f, false); n != fast {
			t.Errorf("%d fsyncs of %s were not slow", n-fast, f)
		}
	}
	x.lift()
	x.recovered()
}

// A slow plugin is slow in its own slot: each call of the leader takes as long as told, and the chain goes on.
func TestSlowPluginIsSeenInCalls(t *testing.T) {
	digest, file := leaderRelease(t)
	x := newFaulty(t, func(w *network) {
		w.bind(t, digest, file, "work")
		w.genesis.Configuration.Parameters.TimeoutBaseMS = 2_000
	})
	for i := range x.nodes {
		x.network.await(t, i, digest, "ready", isReady)
	}
	s := x.seen[0]
	x.inject(fault.Fault{Kind: fault.SlowPlugin, Targets: x.keysOf(0), Slot: "machine.v1/kv", Delay: slowness})
	calls := s.counted("call", false)
	x.putUntil("calls as ever", func() bool { return s.counted("call", false) > calls })
	x.lift()
	x.forgetMarks()
	x.inject(fault.Fault{Kind: fault.SlowPlugin, Targets: x.keysOf(0), Slot: "leader.v1", Delay: slowness})
	x.putUntil("a slow call", func() bool { return s.counted("call", true) > 0 }) // the one before is over
	calls, slow := s.counted("call", false), s.counted("call", true)
	x.putUntil("more calls", func() bool { return s.counted("call", true) > slow+1 })
	if n := s.counted("call", false); n != calls {
		t.Errorf("%d calls were not slow", n-calls)
	}
	x.lift()
	x.recovered()
}

func (x *faulty) forgetMarks() {
	for _, s := range x.seen {
		s.watcher.Lock()
		clear(s.events)
		s.watcher.Unlock()
	}
}

// A node that is closed while its disk is slow does not wait for the disk.
func TestClosingLiftsFaults(t *testing.T) {
	x := newFaulty(t, func(*network) {})
	x.inject(fault.Fault{Kind: fault.SlowDisk, Targets: x.keysOf(0), Delay: fault.DelayMax})
	for i := range 4 {
		x.submit(i)
	}
	if err := x.nodes[0].Close(); err != nil {
		t.Fatal(err)
	}
	if list := x.faults[0].List(); len(list) != 0 {
		t.Errorf("a closed node has faults: %v", list)
	}
}

func TestFaultsNeedTheGenesis(t *testing.T) {
	w := newNetwork(t, 1)
	_, err := Open(Config{Dir: t.TempDir(), Genesis: w.genesis, Identity: w.keys[0], Listen: "127.0.0.1:0", Faults: fault.NewSet(fault.Config{})})
	if err == nil {
		t.Error("a network that does not allow faults has a node that takes them")
	}
}
