package node

import (
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/replica"
)

// Observer looks on at what a node does, for metrics, traces, health and the dashboard. Nothing that the
// node decides depends on it. Its methods are called on the node's own goroutines, some of them on the
// loop: they must be quick, must never wait, and must not call the node but for Status. What they are given
// is shared: do not modify it, and keep only what the comments allow.
type Observer interface {
	// Happened tells of an event of the replica, or of the node itself. The event may be kept.
	Happened(at time.Time, e *replica.Event)
	// Progressed tells how a block gets on. The value may be kept.
	Progressed(at time.Time, p replica.Progress)
	// Executed tells that a block was executed on the loop. The value may be kept.
	Executed(x Execution)
	// Called tells of questions to a binding, whoever answered. It is called between the beginning and
	// the end of the step that asked, on the loop.
	Called(c Call)
	// Admitted tells what became of transactions of this node's clients. They must not be kept.
	Admitted(at time.Time, admissions []replica.Admission)
	// Finished tells of a certified and durable block. It may be kept.
	Finished(at time.Time, f *replica.Finished)
	// Synced tells of one fsync, of the file's own goroutine.
	Synced(f File, took time.Duration)
	// Compiled tells that a release was compiled, or why not, on the compiling goroutine.
	Compiled(release quoin.Hash, took time.Duration, err error)
	// Described tells of a new Status: after each block, and every 100 ms of a busy node.
	Described(s *Status)
}

// File is a file, or a group of files, that is synced.
type File string

// The files of a node.
const (
	FileVotes File = "votes" // the vote log
	FileStore File = "store" // certified state and ledger
)

// Execution is one execution of a block.
type Execution struct {
	replica.Progress
	Began time.Time
	Took  time.Duration
	Calls []Call // the first callsKept of guests that it took, in order
}

// callsKept bounds Execution.Calls.
const callsKept = 64

// Call is one call of a guest, or what a built-in was asked in a row without a fault. A batch operation's guest
// is called once for many requests.
type Call struct {
	Binding   quoin.Binding
	Operation string        // of guests, such as "machine.v1.apply"; empty for built-ins
	Began     time.Time     // zero for built-ins
	Took      time.Duration // zero for built-ins
	Requests  int
	Fuel      uint64
	Fault     hook.Fault
	Memory    uint64 // bytes of the guest's memory after the call
}

// tell publishes an event.
func (n *Node) tell(e *replica.Event) {
	n.feed.publish(Item{Event: e})
	if n.c.Observer != nil {
		c := *e // the loop reuses its output
		n.c.Observer.Happened(time.Now(), &c)
	}
}

// Announce publishes an event of the world around this node, such as a fault that somebody injects. reason is
// a sentence for people.
func (n *Node) Announce(kind replica.EventKind, reason string) {
	n.tell(&replica.Event{Kind: kind, Height: n.Status().Tip.Height, View: n.Status().Consensus.View, Reason: reason})
}

// synced tells of an fsync.
func (n *Node) synced(f File, began time.Time) {
	if n.c.Observer != nil {
		n.c.Observer.Synced(f, time.Since(began))
	}
}
