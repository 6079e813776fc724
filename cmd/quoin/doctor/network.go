package doctor

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/api"
	quoinv1 "quoin.dev/quoin/api/quoin/v1"
)

// Asker asks one node over its API, whose key was verified. What it answers is the node's word. Its methods
// may be called by several goroutines; a *client.Client is one.
type Asker interface {
	Status(context.Context) (*quoinv1.Status, error)
	Health(context.Context) (*quoinv1.Health, error)
	Compatibility(context.Context) (*quoinv1.Compatibility, error)
	Releases(context.Context) ([]*quoinv1.Release, error)
	Ready(context.Context) error
}

// Node is a node of a network.
type Node struct {
	Name string          // for people: its address, if nothing better is known
	Key  quoin.PublicKey // that it must have; zero: any
	Ask  Asker
}

// Network examines nodes over their APIs.
type Network struct {
	Genesis *quoin.Genesis       // that is trusted here
	Wanted  *quoin.Configuration // the newest on the ledger, verified; nil: the genesis'
	Nodes   []Node
	Now     func() time.Time // of this machine
	Within  time.Duration    // for one answer; 0: five seconds
}

// roundTrips is how often a node is asked for its time: the quickest answer says most.
const roundTrips = 3

// answer is what a node said.
type answer struct {
	list
	node   *Node
	status *quoinv1.Status // nil: it did not answer
	clock  reading
}

// Examine asks all nodes at once and compares what they say.
func (n *Network) Examine(ctx context.Context) []Finding {
	if n.Within == 0 {
		n.Within = 5 * time.Second
	}
	answers := make([]*answer, len(n.Nodes))
	var asking sync.WaitGroup
	for i := range n.Nodes {
		a := &answer{list: list{about: n.Nodes[i].Name}, node: &n.Nodes[i]}
		answers[i] = a
		asking.Go(func() { n.ask(ctx, a) })
	}
	asking.Wait()
	n.clocks(answers)
	n.agreement(answers)
	n.alike(answers)
	var found []Finding
	for _, a := range answers {
		found = append(found, a.found...)
	}
	return found
}

// ask asks one node for everything. A node that hangs costs one time limit: after a first answer that does not
// come it is asked nothing more.
func (n *Network) ask(ctx context.Context, a *answer) {
	for range roundTrips {
		began := n.Now()
		s, err := within(ctx, n.Within, a.node.Ask.Status)
		if err != nil {
			if a.status == nil {
				a.add("reachable", Problem, "is it running, and is the address right? Start it with `quoin node start --dir FOLDER`", "it does not answer: %s", why(err))
				return
			}
			break
		}
		a.clock.take(began, n.Now(), s.GetClockMs())
		a.status = s
	}
	a.ok("reachable", "it answers within %s", round(a.clock.trip))
	if !n.identity(a) {
		return
	}
	n.ready(ctx, a)
	n.health(ctx, a)
	n.versions(ctx, a)
	n.releases(ctx, a)
}

func within[T any](ctx context.Context, limit time.Duration, ask func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	type result struct {
		answer T
		err    error
	}
	done := make(chan result, 1)
	go func() {
		x, err := ask(ctx)
		done <- result{x, err}
	}()
	select {
	case r := <-done:
		return r.answer, r.err
	case <-ctx.Done(): // also if it does not heed the context
		var zero T
		return zero, ctx.Err()
	}
}

func why(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "there was no answer in time"
	}
	return short(err.Error())
}

// identity reports whether the node is of the network that is trusted here.
func (n *Network) identity(a *answer) bool {
	s := a.status
	want := n.Genesis.Hash()
	mend := "it is another network, or it was set up with another genesis: compare genesis.json with the other operators'"
	switch {
	case s.GetOrigin() != string(n.Genesis.Origin()):
		a.add("genesis", Problem, mend, "it serves the chain %q, and %s is trusted here", short(s.GetOrigin()), n.Genesis.Origin())
		return false
	case len(s.GetGenesis()) > 0 && hex.EncodeToString(s.GetGenesis()) != want.String():
		a.add("genesis", Problem, mend, "its genesis is %s, and %s is trusted here", short(hex.EncodeToString(s.GetGenesis())), want)
		return false
	case !a.node.Key.IsZero() && hex.EncodeToString(s.GetNode()) != a.node.Key.String():
		a.add("genesis", Problem, "two nodes may share an address; see listen and api in node.json", "it says that its key is %s, and it must be %s", short(hex.EncodeToString(s.GetNode())), a.node.Key)
		return false
	}
	a.ok("genesis", "the genesis is the one that is trusted here")
	return true
}

// behindMost is how many heights a node may lack while the others go on.
const behindMost = 64

func (n *Network) ready(ctx context.Context, a *answer) {
	s := a.status
	good := true
	bad := func(level Level, mend, format string, x ...any) {
		good = false
		a.add("ready", level, mend, format, x...)
	}
	if _, err := within(ctx, n.Within, func(ctx context.Context) (struct{}, error) { return struct{}{}, a.node.Ask.Ready(ctx) }); err != nil {
		bad(Problem, "read the node's log", "it says that it is not ready: %s", why(err))
	}
	if s.GetObserver() != "" {
		bad(Problem, "give its validator a new key: see docs/playbooks.md, \"A validator's key is lost\"", "it never votes with its key: %s", short(s.GetObserver()))
	}
	if s.GetDiverges() {
		bad(Problem, "stop it, keep its folder, and report it: its processor, memory or program is wrong", "its results differ from the certified ones, so that it does not vote")
	}
	member := slices.ContainsFunc(s.GetValidators(), func(v *quoinv1.Validator) bool { return slices.Equal(v.GetKey(), s.GetNode()) })
	if member && s.GetValidator() == "" && s.GetObserver() == "" {
		bad(Problem, "read its log; it says why", "it is a validator and does not vote")
	}
	if s.GetBehind() > behindMost {
		bad(Warning, "wait; if the number does not fall, see whether it reaches the other nodes and whether its disk is slow: `quoin doctor --dir FOLDER`", "it lacks %d heights that others have", s.GetBehind())
	}
	if !good {
		return
	}
	if member {
		a.ok("ready", "it takes part and votes, at height %d", s.GetHeight())
	} else {
		a.ok("ready", "it takes part as an observer, at height %d", s.GetHeight())
	}
}

func (n *Network) health(ctx context.Context, a *answer) {
	h, err := within(ctx, n.Within, a.node.Ask.Health)
	if err != nil {
		a.add("health", Unknown, "", "it does not say: %s", why(err))
		return
	}
	switch h.GetVerdict() {
	case "healthy":
		a.ok("health", "it is healthy")
		return
	case "degraded", "failing":
	default:
		a.add("health", Unknown, "", "it has no data yet")
		return
	}
	for i, r := range h.GetReasons() {
		if i == 16 {
			break
		}
		level := Warning
		switch r.GetSeverity() {
		case "grave":
			level = Problem
		case "notice":
			level = OK
		}
		a.add("health", level, "read "+short(r.GetPlaybook()), "%s", short(r.GetSentence()))
	}
}

// wanted is the configuration that the chain wants.
func (n *Network) wanted() *quoin.Configuration {
	if n.Wanted != nil {
		return n.Wanted
	}
	return &n.Genesis.Configuration
}

func (n *Network) versions(ctx context.Context, a *answer) {
	c, err := within(ctx, n.Within, a.node.Ask.Compatibility)
	if err != nil {
		a.add("versions", Unknown, "", "it does not say what it offers: %s", why(err))
		return
	}
	if v := a.status.GetVersion(); v != "" && v != api.Version {
		a.add("versions", Warning, "use the program of the node's version", "it speaks the API %s, and this program %s", short(v), api.Version)
		return
	}
	p := &n.wanted().Parameters
	if uint64(c.GetEngineVersion()) != p.SandboxEngine || uint64(c.GetScheduleVersion()) != p.FuelSchedule {
		a.add("versions", Problem, "install the version of quoin that has them, and start the node again",
			"its program has engine %d and fuel schedule %d; the chain wants %d and %d", c.GetEngineVersion(), c.GetScheduleVersion(), p.SandboxEngine, p.FuelSchedule)
		return
	}
	a.ok("versions", "engine %d and fuel schedule %d, as the chain wants; program %s", c.GetEngineVersion(), c.GetScheduleVersion(), short(a.status.GetProgram()))
}

func (n *Network) releases(ctx context.Context, a *answer) {
	list, err := within(ctx, n.Within, a.node.Ask.Releases)
	if err != nil {
		a.add("releases", Unknown, "", "it does not say which it has: %s", why(err))
		return
	}
	serves := map[string]bool{}
	for i := range n.wanted().Bindings {
		serves[string(n.wanted().Bindings[i].Release[:])] = true
	}
	ready, told := 0, 0
	for _, r := range list {
		digest := short(hex.EncodeToString(r.GetDigest()[:min(6, len(r.GetDigest()))]))
		level, mend := Warning, "it asks the other nodes for it, and compiles it: see in some minutes whether it is ready"
		if serves[string(r.GetDigest())] {
			level = Problem
		}
		switch r.GetState() {
		case "ready":
			ready++
			continue
		case "deferred":
			mend = "it tries again by itself; give it more memory or time in node.json (plugins), or make room on its disk"
		case "refused":
			if level != Problem { // as it should be
				continue
			}
			mend = "report it: no node should refuse what serves"
		}
		if told++; told <= 8 {
			a.add("releases", level, mend, "release %s is %s: %s", digest, short(r.GetState()), short(r.GetReason()))
		}
	}
	if told == 0 {
		a.ok("releases", "releases that are ready: %d; none is missing", ready)
	}
}

// agreement compares the states of nodes at one height.
func (n *Network) agreement(answers []*answer) {
	first := map[uint64]*answer{}
	for _, a := range answers {
		s := a.status
		if s == nil {
			continue
		}
		other := first[s.GetHeight()]
		if other == nil {
			first[s.GetHeight()] = a
			continue
		}
		if !slices.Equal(other.status.GetStateRoot(), s.GetStateRoot()) {
			a.add("agreement", Problem, "stop the one that is wrong: `quoin proof` and any third node tell which; keep its folder and report it",
				"at height %d its state is another than that of %s", s.GetHeight(), other.about)
		} else {
			a.ok("agreement", "at height %d it has the same state as %s", s.GetHeight(), other.about)
		}
	}
}

// alike compares programs, and the heights of nodes that should have the same.
func (n *Network) alike(answers []*answer) {
	programs := map[string][]string{}
	newest := uint64(0)
	var heights []uint64
	for _, a := range answers {
		if a.status == nil {
			continue
		}
		if p := a.status.GetProgram(); p != "" {
			programs[short(p)] = append(programs[short(p)], a.about)
		}
		heights = append(heights, a.status.GetHeight())
	}
	if len(programs) > 1 {
		var texts []string
		for p, nodes := range programs {
			slices.Sort(nodes)
			texts = append(texts, fmt.Sprintf("%s (%s)", p, strings.Join(nodes, ", ")))
		}
		slices.Sort(texts)
		l := list{about: "all nodes"}
		l.add("versions", Warning, "bring all to the same version, one after the other", "they run different programs: %s", strings.Join(texts, "; "))
		answers[0].found = append(answers[0].found, l.found...)
	}
	if len(heights) < 2 {
		return
	}
	// A node may lie about its height: what two say is taken for true.
	slices.Sort(heights)
	newest = heights[len(heights)-2]
	for _, a := range answers {
		if a.status == nil || a.status.GetHeight()+behindMost >= min(newest, math.MaxUint64-behindMost) || a.status.GetBehind() > behindMost {
			continue
		}
		a.add("ready", Warning, "see whether it reaches the other nodes: `quoin doctor --dir FOLDER`", "it is at height %d, and others are at %d", a.status.GetHeight(), newest)
	}
}
