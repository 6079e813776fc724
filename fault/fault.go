// Package fault holds the faults that administrators inject into a running node of a network for
// development or tests: slow and lossy links, partitions, crashes, a slow disk, slow plugins. A network's
// genesis says whether it allows them (parameter fault_injection), and nothing can change that later.
//
// # What a fault does
//
// A Set is one node's. It is told of every fault of the network, so that the node can mark it in its feed,
// and applies those that name the node among their targets. The seams ask the Set: the transport for each
// message (Link), the node before each fsync (BeforeSync) and before each call of a plugin (BeforeCall).
// Faults delay and lose; they alter no message, no file and no result, so that no fault and no number of
// them can make two honest nodes certify different histories.
//
// # Limits
//
// A Set holds FaultsMax faults, each of which ends by itself within LongestMax. Delays are at most DelayMax,
// and an fsync or a call that is being delayed goes on as soon as the fault is over; a message that is late by
// then stays late. When no fault applies, a seam costs one atomic load.
package fault

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"quoin.dev/quoin"
)

// Kind is what a fault does to its targets.
type Kind string

// The kinds.
const (
	Delay      Kind = "delay"       // messages to and from Peers take Delay longer, each way
	Drop       Kind = "drop"        // Share of 1,000 messages to and from Peers are lost
	Partition  Kind = "partition"   // all messages to and from Peers are lost
	Crash      Kind = "crash"       // the process ends at once; what is not on disk is gone
	SlowDisk   Kind = "slow-disk"   // each fsync takes Delay longer
	SlowPlugin Kind = "slow-plugin" // each call of the plugin in Slot takes Delay longer
)

// Kinds returns all kinds.
func Kinds() []Kind { return []Kind{Delay, Drop, Partition, Crash, SlowDisk, SlowPlugin} }

// Limits.
const (
	FaultsMax  = 64               // of a Set at once
	LongestMax = 10 * time.Minute // from now to Until
	DelayMax   = 10 * time.Second
	NodesMax   = quoin.ValidatorsMax // targets, and peers
	IDMax      = 1 << 53             // so that JavaScript counts on
	SlotMax    = 2*quoin.NamespaceMax + 1
	NoteMax    = 200 // bytes
	ShareAll   = 1000
)

// Errors, wrapped with what was found.
var (
	ErrInvalid = errors.New("invalid fault") // it breaks a rule or a limit of its kind
	ErrFull    = errors.New("too many faults")
	ErrTaken   = errors.New("there is, or was, another fault of this number")
	ErrClosed  = errors.New("the node takes no more faults")
)

// Fault is one fault, the same for all nodes that are told of it. Fields that its kind does not use are
// zero. A Set's faults are shared: do not modify them.
type Fault struct {
	ID      uint64            // 1 to IDMax, chosen by whoever injects it, one for the network
	Kind    Kind              //
	Targets []quoin.PublicKey // the nodes that it happens to, at least one, each once
	Peers   []quoin.PublicKey // of Delay, Drop, Partition: at the other ends of the targets' links; none: all
	Delay   time.Duration     // of Delay, SlowDisk, SlowPlugin
	Share   uint16            // of Drop: in 1/1000, 1 to 1000
	Slot    string            // of SlowPlugin, such as "leader.v1" or "machine.v1/kv"
	Until   time.Time         // of Crash: when whoever runs the node may start it again
	Note    string            // for people, shown with the mark
}

// Targeted reports whether the fault happens to a node.
func (f *Fault) Targeted(node quoin.PublicKey) bool { return slices.Contains(f.Targets, node) }

// Check reports the first thing that is wrong with a fault that is injected now.
func (f *Fault) Check(now time.Time) error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
	}
	links := f.Kind == Delay || f.Kind == Drop || f.Kind == Partition
	slow := f.Kind == Delay || f.Kind == SlowDisk || f.Kind == SlowPlugin
	lasts := f.Until.Sub(now)
	switch {
	case !slices.Contains(Kinds(), f.Kind):
		return wrong("there is no kind %.40q; the kinds are %v", f.Kind, Kinds())
	case f.ID == 0 || f.ID > IDMax:
		return wrong("the number %d, want 1 to %d", f.ID, uint64(IDMax))
	case len(f.Targets) == 0 || len(f.Targets) > NodesMax || len(f.Peers) > NodesMax:
		return wrong("%d targets and %d peers, want 1 to %d and at most %d", len(f.Targets), len(f.Peers), NodesMax, NodesMax)
	case twice(f.Targets) || twice(f.Peers):
		return wrong("a node is named twice")
	case len(f.Peers) > 0 && !links:
		return wrong("%s has no peers", f.Kind)
	case len(f.Peers) == 0 && f.Kind == Partition:
		return wrong("a partition needs the peers on the other side")
	case slices.ContainsFunc(f.Peers, f.Targeted) && f.Kind == Partition:
		return wrong("a node is on both sides of the partition")
	case slow && (f.Delay < time.Millisecond || f.Delay > DelayMax), !slow && f.Delay != 0:
		return wrong("a delay of %v; kind %s wants %s", f.Delay, f.Kind, want(slow, "1ms to "+DelayMax.String()))
	case f.Kind == Drop && (f.Share < 1 || f.Share > ShareAll), f.Kind != Drop && f.Share != 0:
		return wrong("a share of %d in 1000; kind %s wants %s", f.Share, f.Kind, want(f.Kind == Drop, "1 to 1000"))
	case f.Kind == SlowPlugin && (f.Slot == "" || len(f.Slot) > SlotMax), f.Kind != SlowPlugin && f.Slot != "":
		return wrong("a slot %.80q; kind %s wants %s", f.Slot, f.Kind, want(f.Kind == SlowPlugin, "one such as leader.v1"))
	case f.Kind == Crash && lasts <= CrashAfter:
		return wrong("it would last %v, and a node that crashes lives on for %v", lasts.Round(time.Millisecond), CrashAfter)
	case lasts <= 0 || lasts > LongestMax:
		return wrong("it would last %v; want more than nothing and at most %v", lasts.Round(time.Millisecond), LongestMax)
	case !printable(f.Note) || !printable(f.Slot):
		return wrong("the note or the slot is not printable text, or longer than %d bytes", NoteMax)
	}
	return nil
}

func want(used bool, what string) string {
	if used {
		return what
	}
	return "none"
}

func twice(keys []quoin.PublicKey) bool {
	seen := make(map[quoin.PublicKey]bool, len(keys))
	for _, k := range keys {
		if seen[k] {
			return true
		}
		seen[k] = true
	}
	return false
}

func printable(s string) bool {
	return len(s) <= NoteMax && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// Equal reports whether f and g say the same, but for when they end: nodes that are told of one fault
// one after the other end it at times of their own.
func (f *Fault) Equal(g *Fault) bool {
	return f.ID == g.ID && f.Kind == g.Kind && slices.Equal(f.Targets, g.Targets) && slices.Equal(f.Peers, g.Peers) &&
		f.Delay == g.Delay && f.Share == g.Share && f.Slot == g.Slot && f.Note == g.Note
}

// Sentence says what the fault does, for people. name gives a node's name.
func (f *Fault) Sentence(name func(quoin.PublicKey) string) string {
	targets, peers := names(f.Targets, name), "all others"
	if len(f.Peers) > 0 {
		peers = names(f.Peers, name)
	}
	what := ""
	switch f.Kind {
	case Delay:
		what = fmt.Sprintf("messages between %s and %s take %v longer", targets, peers, f.Delay)
	case Drop:
		what = fmt.Sprintf("%d.%d%% of the messages between %s and %s are lost", f.Share/10, f.Share%10, targets, peers)
	case Partition:
		what = fmt.Sprintf("%s cannot reach %s", targets, peers)
	case Crash:
		what = targets + " crashed"
	case SlowDisk:
		what = fmt.Sprintf("each fsync of %s takes %v longer", targets, f.Delay)
	case SlowPlugin:
		what = fmt.Sprintf("each call of the plugin in %s takes %v longer on %s", f.Slot, f.Delay, targets)
	}
	if f.Note != "" {
		what += " (" + f.Note + ")"
	}
	return fmt.Sprintf("fault %d: %s", f.ID, what)
}

func names(keys []quoin.PublicKey, name func(quoin.PublicKey) string) string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = name(k)
	}
	if n := len(list); n > 1 {
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
	return list[0]
}
