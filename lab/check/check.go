package check

import (
	"errors"
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/model"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/lab/protocol"
)

// Options are the bounds of a check, and its reductions.
type Options struct {
	Protocol  consensus.Protocol
	Adversary Adversary
	Nodes     int      // of weight 1 each, 4 to NodesMax
	Faulty    int      // the last of them, at least 1
	CutOff    int      // of the honest, the last so many are cut off: nothing reaches them, and they say nothing
	Leaders   []int    // of the views 1, 2, ...: their number is that of the views
	Leader    Leader   // a function in place of the table; nil for none. Then no members are alike
	Machine   *Machine // executes blocks; nil for the model application alone. Then no members are alike
	Blocks    int      // that a faulty leader can make on one parent
	Invariant string   // check this one only, and I4 if there is a machine; "" for all
	Timeouts  int      // of honest members that make a difference, together; AnyTimeouts for any number

	Batch    bool // reduction: what asks for nothing has not happened yet
	Symmetry bool // reduction: honest members that never lead are alike

	StatesMax int                 // give up when there are more
	Progress  func(*Figures) bool // called now and then; false ends the check
}

// AnyTimeouts is no bound of time-outs.
const AnyTimeouts = -1

// ErrOptions is wrapped by the refusals of options.
var ErrOptions = errors.New("check: options")

// Limits.
const (
	NodesMax  = 7
	ViewsMax  = 4
	honestMax = 6
)

// In the fourth view both protocols have their first rescue leader, whatever the table says (KERNEL K5).
const (
	rescueView = 4
	rescuer    = 1
)

// Figures are what a check has counted.
type Figures struct {
	States       int `json:"states"`        // global states, up to symmetry if that is on
	Expanded     int `json:"expanded"`      // of them
	Transitions  int `json:"transitions"`   // between them
	Depth        int `json:"depth"`         // steps to the last of them
	Locals       int `json:"local_states"`  // of all honest members
	Tries        int `json:"machine_steps"` // steps of machines that were tried
	Messages     int `json:"messages"`      // that anybody could send
	Permutations int `json:"permutations"`  // under which states are alike
	Executions   int `json:"executions"`    // of blocks, by engines of a machine
}

// Result is what a check has found.
type Result struct {
	Figures
	Complete bool // the bounded space was exhausted
	Broken   *protocol.Violation
	Leads    []Lead         // what the leader function said, if there is one
	Trace    []Happening    // how it came to that; nil if nothing is broken
	Events   []events.Event // the same, as an event log
}

// checker is one check under way.
type checker struct {
	o       Options
	setting *Setting
	members []consensus.Member
	honest  []int // without those who are cut off

	messages     []message
	numbers      map[quoin.Hash]int32
	names        map[said]int32
	sets         []set
	setNumbers   map[string]int32
	blocks       map[quoin.Hash]int32
	locals       [][]*local // by member
	localNumbers []map[quoin.Hash]int32
	alive        struct {
		actor  *actor
		member int
		id     int32
	}
	availabilities      []*availability
	availabilityNumbers map[[honestMax]int32]int32

	visited      *table
	successors   map[place]span
	targets      []int32
	permutations []*permutation
	tried        int
	trouble      error
}

// Check explores every state within the bounds, breadth first, until an invariant breaks.
func Check(o Options) (*Result, error) {
	c, err := newChecker(o)
	if err != nil {
		return nil, err
	}
	return c.search()
}

func newChecker(o Options) (*checker, error) {
	switch {
	case o.Nodes < 4 || o.Nodes > NodesMax:
		return nil, fmt.Errorf("%w: %d nodes, want 4 to %d", ErrOptions, o.Nodes, NodesMax)
	case o.Faulty < 1 || o.CutOff < 0 || o.Faulty+o.CutOff >= o.Nodes:
		return nil, fmt.Errorf("%w: %d faulty and %d cut off of %d nodes", ErrOptions, o.Faulty, o.CutOff, o.Nodes)
	case len(o.Leaders) < 1 || len(o.Leaders) > ViewsMax:
		return nil, fmt.Errorf("%w: %d views, want 1 to %d", ErrOptions, len(o.Leaders), ViewsMax)
	case o.Timeouts < AnyTimeouts:
		return nil, fmt.Errorf("%w: %d time-outs, want 0 or more, or %d for any number", ErrOptions, o.Timeouts, AnyTimeouts)
	case o.Machine != nil && (len(o.Machine.Payloads) == 0 || len(o.Machine.Engines) == 0):
		return nil, fmt.Errorf("%w: a machine needs payloads and engines", ErrOptions)
	case o.Blocks < 1 || o.Blocks > lettersMax:
		return nil, fmt.Errorf("%w: %d blocks of a faulty leader, want 1 to %d", ErrOptions, o.Blocks, lettersMax)
	}
	if o.Invariant != "" && o.Invariant != "I1" && o.Invariant != "I8" {
		return nil, fmt.Errorf("%w: invariant %q, want I1 or I8", ErrOptions, o.Invariant)
	}
	if len(o.Leaders) == rescueView && o.Leaders[rescueView-1] != rescuer {
		return nil, fmt.Errorf("%w: member %d leads view %d, which is the rescue view of member %d", ErrOptions, o.Leaders[rescueView-1], rescueView, rescuer)
	}
	for i, l := range o.Leaders {
		if l < 0 || l >= o.Nodes {
			return nil, fmt.Errorf("%w: member %d of %d leads view %d", ErrOptions, l, o.Nodes, i+1)
		}
	}
	members := protocol.Members(o.Nodes, false)
	root := &model.Outcome{Checkpoint: members[0].Root.Checkpoint}
	genesis := root.Checkpoint.Block
	s := &Setting{Origin: members[0].Origin, Validators: members[0].Validators, Leaders: slices.Concat([]int{-1}, o.Leaders), Blocks: o.Blocks,
		root: root, outcomes: map[quoin.Hash]*model.Outcome{genesis: root}, names: map[quoin.Hash]string{genesis: "root"},
		leader: o.Leader, first: map[string]*model.Outcome{}, same: map[quoin.Hash]quoin.Hash{}}
	for i := range members {
		members[i].Leaders = s
	}
	if o.Machine != nil {
		var err error
		if s.fleet, err = newFleet(s.Origin.ID(), o.Machine); err != nil {
			return nil, fmt.Errorf("check: %w", err)
		}
	}
	c := &checker{o: o, setting: s, members: members, numbers: map[quoin.Hash]int32{}, names: map[said]int32{}, setNumbers: map[string]int32{}, blocks: map[quoin.Hash]int32{},
		availabilityNumbers: map[[honestMax]int32]int32{}, successors: map[place]span{}, visited: newTable()}
	for i := range o.Nodes {
		if i >= o.Nodes-o.Faulty {
			s.Faulty = append(s.Faulty, i)
		} else if i < o.Nodes-o.Faulty-o.CutOff {
			c.honest = append(c.honest, i)
		}
		c.locals = append(c.locals, nil)
		c.localNumbers = append(c.localNumbers, map[quoin.Hash]int32{})
	}
	if _, ok := o.Protocol.New(members[0]).(consensus.Inspected); !ok {
		return nil, fmt.Errorf("%w: machines of %s do not show their state", ErrOptions, o.Protocol.Name)
	}
	if o.Symmetry && o.Leader == nil && o.Machine == nil {
		c.permutations = c.permute()
	}
	return c, nil
}

// block returns the number of a block.
func (c *checker) block(id quoin.Hash) int32 {
	n, ok := c.blocks[id]
	if !ok {
		n = int32(len(c.blocks))
		c.blocks[id] = n
	}
	return n
}
