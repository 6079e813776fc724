package lab

import (
	"errors"
	"fmt"
	"slices"
)

// ScenarioBytesMax bounds the text of a scenario.
const ScenarioBytesMax = 256 << 10

// Limits of a scenario.
const (
	scenarioLinesMax = 2_000
	nodesMin         = 4
	nodesMax         = 64
	nameBytesMax     = 64
	actsMax          = 1_000
	linksMax         = 256 // that differ from the start
	weightMax        = 1_000
	delayMaxUS       = 30 * second
	clockMaxMS       = 100 * 366 * 86_400_000 // how far a clock may be wrong: a hundred years
	driftMaxPPM      = 100_000
	bandwidthMin     = 1_000 // bits per second
	bandwidthMax     = 1_000_000_000_000
	factorMax        = 10_000
	planMax          = 1_000 // heights of a shadow or a trial
	demandsMax       = 10_000
	rateMax          = 1_000 // transactions per second
	closedMax        = 1_000 // clients
	heightMax        = 100_000
	certifyMax       = 1_000_000 // transactions
	epochsMax        = 100
)

// ErrScenario is wrapped by every refusal of a scenario.
var ErrScenario = errors.New("lab: bad scenario")

// Scenario says what a world is made of and what happens in it. A run is a scenario and a seed: what
// the scenario leaves open (how late each message is, which of them are lost, what a crash takes, what
// clients send) the seed decides. Parse reads one and String prints it, each a directive a line;
// docs/lab-scenarios.md tells what each line means.
type Scenario struct {
	Name    string
	Nodes   int
	Weights []uint64 // by validator; nil for one each

	Network Network
	Links   []LinkChange // that differ from the rest, for good
	Clocks  []Clock      // that are wrong
	Faulty  []Faulty     // validators
	Load    Load
	Acts    []Act
	Heal    Heal
	Until   Goal
}

// Network is how messages travel unless a LinkChange says otherwise.
type Network struct {
	Kind      NetworkKind
	Regions   []Region // of a WAN: node i stands in the i-th of them, beginning again after the last
	DelayUS   uint64   // of a fixed network, one way
	Jitter    uint64   // thousandths of a link's delay that a message may take longer
	Loss      uint64   // of a thousand messages
	Duplicate uint64
	Reorder   uint64 // of a thousand messages that could be overtaken
	Spikes    uint64
	Bandwidth uint64 // of each link, bits per second; 0 for no limit
}

// NetworkKind says where delays come from.
type NetworkKind string

// The kinds of networks.
const (
	LAN   NetworkKind = "lan"   // all in one region
	WAN   NetworkKind = "wan"   // between regions
	Fixed NetworkKind = "fixed" // the same for every link
)

// LinkChange gives links another quality. What is 0 stays as it is.
type LinkChange struct {
	From, To  []int
	Both      bool   // directions
	DelayUS   uint64 // one way
	Loss      uint64 // of a thousand messages
	Bandwidth uint64 // bits per second
}

// Clock is wrong by a skew at the start, and gains or loses with time.
type Clock struct {
	Node     int
	SkewMS   int64
	DriftPPM int64 // of its timers too
}

// Faulty is a validator that does not follow the protocol.
type Faulty struct {
	Node      int
	Behaviour Behaviour
}

// Load is what clients send: Rate transactions per second whatever becomes of them, as long as not
// too many wait for a receipt, or Closed clients that each send one when they have the receipt for
// their last. None if both are 0.
type Load struct {
	Rate   uint64
	Closed uint64
}

// Heal says when all adversity ends but that of faulty validators: once nine tenths of the goal are
// reached, between the two times.
type Heal struct{ FromUS, ToUS uint64 }

// Goal is what is to be certified before the world may come to rest.
type Goal struct {
	Height       uint64
	Transactions int // of clients
	Epochs       uint64
}

// Act is something that happens at a time. Which of the optional fields are set depends on the kind.
type Act struct {
	AtUS  uint64
	Kind  ActKind
	ForUS uint64 // how long; 0: until the world heals, or for good

	Nodes   []int      // whom it befalls; the senders of a cut
	Others  []int      // the other side of a cut
	EveryUS uint64     // Flap: between two changes
	Factor  uint64     // SlowNode, SlowDisk
	ShiftMS int64      // Jump
	Crash   CrashKind  // Crash
	Demands uint64     // Crash: after so many of the replica's demands
	Rot     RotKind    // BitRot
	Link    LinkChange // Degrade
	Hook    string     // Release
	Space   string     // Release: the namespace, "" for the whole chain
	Builtin string     // Release
	Hostile string     // Release: a fixture of plugin/hostile, in place of a built-in

	Parameter string // Parameter: its name
	Value     uint64 // Parameter
	Shadow    uint64 // Release: heights beside what serves, before
	Trial     uint64 // Release, Parameter: heights to serve, and then no more unless it is confirmed
	Restore   bool   // Release of a machine with a Trial: if it goes, its namespace is as it was before
	Then      Then   // Release, Parameter: what becomes of it; "" for nothing
}

// ActKind is what happens.
type ActKind string

// The kinds of acts.
const (
	Cut        ActKind = "cut"        // no message between two groups
	OneWay     ActKind = "one-way"    // no message from one group to another
	Flap       ActKind = "flap"       // a cut that comes and goes
	Degrade    ActKind = "link"       // links become slow, lossy or narrow
	SlowNode   ActKind = "slow-node"  // its processor
	SlowDisk   ActKind = "slow-disk"  // its syncs
	Jump       ActKind = "clock"      // its clock is put forward or back
	Crash      ActKind = "crash"      // and back after a while
	BitRot     ActKind = "bit-rot"    // one bit of its disk flips
	Release    ActKind = "release"    // governance brings in an algorithm
	Validators ActKind = "validators" // governance brings in another validator set
	Parameter  ActKind = "parameter"  // governance sets a parameter of the chain
	Members    ActKind = "members"    // governance lets another member in, or out again
	Policies   ActKind = "policies"   // governance changes the policies while another change is open, which is judged anew
)

// CrashKind is how a node goes down.
type CrashKind string

// The kinds of crashes.
const (
	Power CrashKind = "power" // what was not synced is lost, or half of it
	Torn  CrashKind = "torn"  // the same, in the middle of an operation of the disk
	Kill  CrashKind = "kill"  // of the process: what was written stays
)

var crashKinds = []CrashKind{Power, Torn, Kill}

// RotKind is what rots.
type RotKind string

// What can rot.
const (
	RotVotes RotKind = "votes" // the vote log
	RotStore RotKind = "store" // a record of state or ledger
)

// check refuses a scenario that could be read from no file.
func (s *Scenario) check() error {
	if _, err := Parse(s.Name, []byte(s.String())); err != nil {
		return fmt.Errorf("%w: it does not read as it prints: %w", ErrScenario, err)
	}
	return nil
}

// spoiled returns the nodes that need not follow the protocol, or whose disks rot.
func (s *Scenario) spoiled() []int {
	var spoiled []int
	for _, f := range s.Faulty {
		spoiled = append(spoiled, f.Node)
	}
	for i := range s.Acts {
		if a := &s.Acts[i]; a.Kind == BitRot {
			spoiled = append(spoiled, a.Nodes...)
		}
	}
	slices.Sort(spoiled)
	return slices.Compact(spoiled)
}

// hostile returns the hostile plugins that governance brings in.
func (s *Scenario) hostile() []string {
	var names []string
	for i := range s.Acts {
		if h := s.Acts[i].Hostile; h != "" {
			names = append(names, h)
		}
	}
	return names
}

// behaviour returns that of a node.
func (s *Scenario) behaviour(node int) Behaviour {
	for _, f := range s.Faulty {
		if f.Node == node {
			return f.Behaviour
		}
	}
	return None
}

// weight returns that of a node.
func (s *Scenario) weight(node int) uint64 {
	if s.Weights == nil {
		return 1
	}
	return s.Weights[node]
}

// faultBound returns the most weight that may be faulty.
func (s *Scenario) faultBound() uint64 {
	total := uint64(0)
	for i := range s.Nodes {
		total += s.weight(i)
	}
	return (total - 1) / 3
}

// tolerable refuses a scenario that asks more than a network can stand: validators of more than a
// third of the weight that need not follow the protocol, or whose disks rot.
func (s *Scenario) tolerable() error {
	weight := uint64(0)
	for _, n := range s.spoiled() {
		weight += s.weight(n)
	}
	if weight > s.faultBound() {
		return fmt.Errorf("%w: byzantine and rotten validators have weight %d; at most %d may be faulty", ErrScenario, weight, s.faultBound())
	}
	return nil
}

// heal returns when the world heals: if nothing is said, when the last act is over.
func (s *Scenario) heal() Heal {
	if s.Heal != (Heal{}) {
		return s.Heal
	}
	end := uint64(0)
	for i := range s.Acts {
		end = max(end, s.Acts[i].AtUS+s.Acts[i].ForUS)
	}
	end = min(end, chaosMax)
	return Heal{end, end}
}
