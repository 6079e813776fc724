package lab

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/mark"
)

// Options choose a run. The zero value of a field means its default.
type Options struct {
	Seed         uint64
	Nodes        int    // validators; default 4, 4 to 64
	Blocks       uint64 // heights to certify; default 200, at most 100,000
	Transactions int    // of clients, to certify; default 1000, at most a million
	Epochs       uint64 // to see, at least; default 2, at most 100

	// Scenario is played, with the seed. Then what it says itself (Blocks, Transactions, Epochs,
	// Byzantine, Hostile, Network) may not be given, nor other Nodes. Default: Draw's.
	Scenario *Scenario
	Network  string // the kind, as a scenario's line says it after "network"; "wan" alone leaves the regions to the seed; default: as the seed chooses

	Byzantine Behaviour // of one validator; default: as the seed chooses
	Hostile   string    // name of a fixture of plugin/hostile that governance brings in; default: as the seed chooses, None for none
	Plant     Bug       // a bug to plant in every honest replica; default: none

	Candidate *Candidate          // an algorithm to try; default: none
	Calm      *Calm               // a world without adversity, to measure in; default: adversity
	Corpus    *Corpus             // compiled hostile plugins, shared by runs; default: what is needed is compiled
	Events    func(*events.Event) // gets every event, to keep; default: nobody
}

// None switches off what the seed would choose.
const None = "none"

// ErrOptions is wrapped by every refusal of options.
var ErrOptions = errors.New("lab: bad options")

func (o Options) withDefaults() (Options, error) {
	if s := o.Scenario; s != nil {
		if o.Nodes != 0 && o.Nodes != s.Nodes || o.Blocks != 0 || o.Transactions != 0 || o.Epochs != 0 || o.Byzantine != "" || o.Hostile != "" || o.Network != "" {
			return o, fmt.Errorf("%w: a scenario says itself what else is given", ErrOptions)
		}
		if err := s.check(); err != nil {
			return o, err
		}
		return o, errors.Join(s.tolerable(), o.Plant.check())
	}
	if o.Nodes == 0 {
		o.Nodes = 4
	}
	if o.Blocks == 0 {
		o.Blocks = 200
	}
	if o.Transactions == 0 {
		o.Transactions = 1000
	}
	if o.Epochs == 0 {
		o.Epochs = 2
	}
	if o.Nodes < nodesMin || o.Nodes > nodesMax {
		return o, fmt.Errorf("%w: %d nodes, want %d to %d", ErrOptions, o.Nodes, nodesMin, nodesMax)
	}
	if o.Blocks > heightMax || o.Transactions < 0 || o.Transactions > certifyMax || o.Epochs > epochsMax {
		return o, fmt.Errorf("%w: %d blocks, %d transactions and %d epochs, want at most %d, %d and %d", ErrOptions, o.Blocks, o.Transactions, o.Epochs,
			heightMax, certifyMax, epochsMax)
	}
	if err := o.Byzantine.check(); err != nil {
		return o, err
	}
	if err := o.Calm.check(o.Nodes); err != nil {
		return o, err
	}
	return o, o.Plant.check()
}

// Report is what became of a run.
type Report struct {
	Seed         uint64
	Nodes        int
	Digest       quoin.Hash // of everything that the replicas took in and asked for: the same for the same options
	Blocks       uint64     // certified heights
	Transactions int        // certified, of clients
	Refused      int        // of them, with a code other than 0
	Fuel         uint64     // of the certified results: machines and validations
	Asked        []Asked    // what became of the questions to the candidate, by binding
	Reported     []uint64   // calm worlds: from submission until reported as final, of each transaction, in microseconds
	Epochs       uint64
	Views        uint64 // entered by some honest replica first
	SimulatedUS  uint64
	Events       uint64
	Messages     uint64 // delivered
	Byzantine    Behaviour
	Hostile      string // the fixture that governance brought in, or None
	Faults       Faults
	Scenario     *Scenario   // that was played
	Marks        *mark.Set   // what honest replicas have reached, see Marks
	Violations   []Violation // at most one: the run ends there
}

// Violation is a broken invariant.
type Violation struct {
	Invariant string // "I1" to "I8", a rule "K1" to "K8" of which no invariant speaks, or "panic", "driver"
	Observer  string // that saw it
	Text      string
	AtUS      uint64
	Window    []string // the last events before it
}

// Failed reports whether an invariant was broken.
func (r *Report) Failed() bool { return len(r.Violations) > 0 }

// Replay returns the command that plays the scenario with the seed again and shows every event. It does not
// name what Options add to a scenario: a planted bug, a candidate, calm.
func (r *Report) Replay() string {
	return fmt.Sprintf("go run ./cmd/quoin lab replay --seed %d --scenario '%s'", r.Seed, strings.Join(r.Scenario.Lines(), "; "))
}

// Run runs one world to its end. It fails only on bad options; broken invariants are in the report.
func Run(o Options) (Report, error) { return runWithin(o, forever) }

// forever is longer than any world.
const forever = 2 * worldMax

// runWithin runs a world for so much simulated time: if it has not ended by then, nothing is broken.
func runWithin(o Options, limitUS uint64) (Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Report{}, err
	}
	w, err := newWorld(o, o.Calm.settle)
	if err != nil {
		return Report{}, err
	}
	w.guard(func() { w.run(limitUS) })
	return w.report(), nil
}

// play lets the world run to its end.
func (w *world) play() { w.guard(func() { w.run(forever) }) }

// guard lets something happen in the world, and turns a panic of the code under test into a violation.
func (w *world) guard(do func()) {
	defer func() {
		if p := recover(); p != nil {
			w.broken("panic/replica", "%v\n%s", p, debug.Stack())
		}
	}()
	do()
}
