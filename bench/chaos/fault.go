package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Kind is a kind of fault.
type Kind string

// The kinds.
const (
	Kill       Kind = "kill"        // SIGKILL; started again after a while
	KillLeader Kind = "kill-leader" // the same for whoever leads
	Pause      Kind = "pause"       // SIGSTOP, SIGCONT
	Isolate    Kind = "isolate"     // the minority, as many as the protocol tolerates, is cut off
	Mute       Kind = "mute"        // what one node sends reaches no other
	Deaf       Kind = "deaf"        // what others send does not reach one node
	SlowLinks  Kind = "slow-links"  // to and from one node
	Rolling    Kind = "rolling"     // each node in turn is told to stop, and started again
	SlowDisk   Kind = "slow-disk"   // one node's fsyncs take long
	ClockAhead Kind = "clock-ahead" // one node's clock jumps
	ClockBack  Kind = "clock-back"
	DiskFull   Kind = "disk-full" // one node's disk fills up: it must stop, and come back when there is space

	Halves   Kind = "halves"    // the network falls in two, and neither side has a quorum
	KillAll  Kind = "kill-all"  // every process, at once
	PauseAll Kind = "pause-all" // likewise
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{Kill, KillLeader, Pause, Isolate, Mute, Deaf, SlowLinks, Rolling, SlowDisk, ClockAhead, ClockBack, DiskFull, Halves, KillAll, PauseAll}
}

// Total reports whether more nodes are struck than the protocol tolerates.
func (k Kind) Total() bool { return k == Halves || k == KillAll || k == PauseAll }

// KindNames lists kinds for people.
func KindNames(kinds []Kind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

// Fault is one fault of a schedule.
type Fault struct {
	Number int
	Kind   Kind
	Nodes  []int         // that are struck, ascending; of KillLeader: if nobody says who leads
	Wait   time.Duration // of calm before it
	Lasts  time.Duration
	Amount time.Duration // of delay or of the clock's jump
}

func (f *Fault) String() string {
	s := fmt.Sprintf("%d %s %v for %v", f.Number, f.Kind, f.Nodes, f.Lasts)
	if f.Amount != 0 {
		s += fmt.Sprintf(" by %v", f.Amount)
	}
	return s
}

// schedule deals faults: every kind once in some order, then every kind once in another. It has no
// end; the seed decides everything.
type schedule struct {
	random *rand.Rand
	kinds  []Kind
	nodes  int
	small  int // the node whose disk can fill up
	deck   []Kind
	dealt  int
}

func newSchedule(seed uint64, nodes int, kinds []Kind) *schedule {
	s := &schedule{random: rand.New(rand.NewPCG(seed, 0xc4a05)), kinds: slices.Clone(kinds), nodes: nodes}
	s.small = s.random.IntN(nodes)
	return s
}

// tolerated is how many of n nodes of equal weight may fail.
func tolerated(n int) int { return (n - 1) / 3 }

func (s *schedule) next() Fault {
	if len(s.deck) == 0 {
		s.deck = slices.Clone(s.kinds)
		s.random.Shuffle(len(s.deck), func(i, j int) { s.deck[i], s.deck[j] = s.deck[j], s.deck[i] })
	}
	s.dealt++
	f := Fault{Number: s.dealt, Kind: s.deck[0], Wait: s.between(500, 1500), Lasts: s.between(500, 2500), Nodes: []int{s.random.IntN(s.nodes)}}
	s.deck = s.deck[1:]
	switch f.Kind {
	case Isolate:
		f.Nodes = s.some(tolerated(s.nodes))
	case Halves:
		f.Nodes = s.some(s.nodes / 2)
	case Rolling, KillAll, PauseAll:
		f.Nodes = s.some(s.nodes)
	case DiskFull:
		f.Nodes = []int{s.small}
	case SlowLinks:
		f.Amount = s.between(50, 400)
	case SlowDisk:
		f.Amount = s.between(20, 200)
	case ClockAhead:
		f.Amount = s.jump()
	case ClockBack:
		f.Amount = -s.jump()
	}
	return f
}

// between draws milliseconds.
func (s *schedule) between(least, most int) time.Duration {
	return time.Duration(least+s.random.IntN(most-least+1)) * time.Millisecond
}

// jump draws how far a clock jumps: beside what the protocol tolerates, and far out of it.
func (s *schedule) jump() time.Duration {
	jumps := []time.Duration{time.Second, 10 * time.Second, time.Hour, 24 * time.Hour, 20 * 365 * 24 * time.Hour}
	return jumps[s.random.IntN(len(jumps))]
}

func (s *schedule) some(n int) []int {
	nodes := s.random.Perm(s.nodes)[:n]
	slices.Sort(nodes)
	return nodes
}
