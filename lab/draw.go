package lab

import (
	"fmt"
	"slices"

	"quoin.dev/quoin/hook"
)

// severity is how much happens beside what every world sees: chances of a thousand, in each quarter of
// a second.
type severity struct{ crashes, cuts, gray uint64 }

const drawTick = 250 // milliseconds

// Draw returns the scenario that the options' seed chooses, with what the options fix: every kind of
// adversity at least once, and more as it happens. Options.Scenario is ignored.
func Draw(o Options) (*Scenario, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if plant, ok := o.Plant.find(); ok {
		plant.choose(&o)
	}
	r := stream(o.Seed, "severity")
	s := severity{r.between(2, 30), r.between(2, 30), r.between(2, 20)}
	if o.Plant != "" {
		s.crashes, s.cuts = 60, 40 // planted bugs need adversity to show
	}
	return draw(o, s)
}

// draw draws each concern from a stream of its own, so that what is fixed of one changes no other.
func draw(o Options, how severity) (*Scenario, error) {
	s := &Scenario{Name: fmt.Sprintf("seed-%d", o.Seed), Nodes: o.Nodes}
	s.Until = Goal{Height: o.Blocks, Transactions: o.Transactions, Epochs: o.Epochs}
	d := drawing{s, o, stream(o.Seed, "setting")}
	d.network()
	if o.Network != "" {
		if err := s.setNetwork(o.Network); err != nil {
			return nil, err
		}
	}
	if o.Calm != nil {
		n := &s.Network
		n.Loss, n.Duplicate, n.Reorder, n.Spikes, n.Bandwidth, s.Links = 0, 0, 0, 0, 0, nil
		return s, nil
	}
	d.rand = stream(o.Seed, "faulty")
	d.faulty()
	d.rand = stream(o.Seed, "governance")
	d.governance()
	d.rand = stream(o.Seed, "acts")
	end := d.sure()
	s.Heal = Heal{end, chaosMax}
	d.perhaps(how, min(chaosMax, end+second*max(o.Blocks*3/5, uint64(o.Transactions)/10)))
	slices.SortStableFunc(s.Acts, func(a, b Act) int { return int(a.AtUS) - int(b.AtUS) })
	return s, nil
}

// setNetwork replaces the kind of network by what a line of a scenario would say after "network".
func (s *Scenario) setNetwork(words string) error {
	if words == string(WAN) && s.Network.Kind == WAN {
		return nil
	}
	if words == string(WAN) {
		r := stream(0, s.Name)
		for range s.Nodes {
			words += " " + Region(r.below(uint64(regions))).String()
		}
	}
	x, err := Parse("network", fmt.Appendf(nil, "scenario x\nnodes %d\nnetwork %s\n", s.Nodes, words))
	if err != nil {
		return err
	}
	s.Network.Kind, s.Network.Regions, s.Network.DelayUS = x.Network.Kind, x.Network.Regions, x.Network.DelayUS
	return nil
}

// drawing is a scenario under way.
type drawing struct {
	*Scenario
	o    Options
	rand random
}

// network draws what holds from the start.
func (d *drawing) network() {
	r, n := &d.rand, &d.Network
	switch kind := r.below(10); kind {
	case 0:
		n.Kind = LAN
	case 1:
		n.Kind, n.DelayUS = Fixed, r.between(1, 150)*1_000
	default:
		n.Kind = WAN
		for range d.Nodes {
			n.Regions = append(n.Regions, Region(r.below(uint64(regions))))
		}
	}
	n.Jitter, n.Loss = r.between(20, 400), 2
	if r.chance(700) {
		n.Loss = r.between(1, 60)
	}
	n.Duplicate, n.Reorder, n.Spikes = r.below(40), r.below(100), r.below(10)
	if r.chance(150) {
		n.Bandwidth = r.between(256, 10_000) * 1_000
	}
	for range r.below(4) * r.below(2) {
		a, b := d.pair()
		d.Links = append(d.Links, LinkChange{From: a, To: b, DelayUS: r.between(1, 300) * 1_000})
	}
	for i := range d.Nodes {
		d.Clocks = append(d.Clocks, Clock{Node: i, SkewMS: int64(r.below(1_600)) - 800, DriftPPM: int64(r.between(1, 400)) - 200})
	}
	d.Load.Rate = r.between(14, 25)
	if r.chance(100) {
		d.Load = Load{Closed: r.between(2, 5)}
	}
}

// faulty draws whether a validator is faulty (in one world of four), governance brings in a hostile
// plugin (in another), or weights differ; and what else governance changes.
func (d *drawing) faulty() {
	r := &d.rand
	byzantine, plugin := behaviours[r.index(len(behaviours))], chainFixtures[r.index(len(chainFixtures))]
	kind, node, weigh := r.below(4), r.index(d.Nodes), r.chance(200)
	if kind != 0 || d.o.Byzantine != "" {
		byzantine = d.o.Byzantine
	}
	if kind != 1 || d.o.Hostile != "" {
		plugin = d.o.Hostile
	}
	if byzantine != "" && byzantine != None {
		d.Faulty = []Faulty{{node, byzantine}}
	} else if weigh && d.o.Plant == "" {
		for range d.Nodes {
			d.Weights = append(d.Weights, r.between(1, 3))
		}
	}
	release := func(at uint64, a Act) {
		a.AtUS, a.Kind = at*second, Release
		d.Acts = append(d.Acts, a)
	}
	back, later := r.chance(500), r.between(3, 20)
	if d.o.Candidate.leads() { // it stays
		release(2, Act{Hook: hook.Machine.Name, Builtin: "kv", Space: "more"})
		return
	}
	release(2, Act{Hook: hook.Leader.Name, Builtin: "weighted-random"})
	switch {
	case plugin != "" && plugin != None:
		release(later, Act{Hostile: plugin})
	case back:
		release(later, Act{Hook: hook.Leader.Name, Builtin: "round-robin"})
	}
	if d.Nodes > nodesMin && d.Weights == nil && r.chance(300) { // one leaves and comes back
		all := d.all()
		leaves := r.index(d.Nodes)
		d.Acts = append(d.Acts, Act{AtUS: 5 * second, Kind: Validators, Nodes: slices.Delete(slices.Clone(all), leaves, leaves+1)},
			Act{AtUS: later * second, Kind: Validators, Nodes: all})
	}
}

// governance draws what else people change, and how they try it: one thing in every other world.
func (d *drawing) governance() {
	if d.o.Plant != "" || d.rand.chance(500) {
		return
	}
	machine := Act{Kind: Release, Hook: hook.Machine.Name, Builtin: "kv", Space: "kv"} // as it is, with another limit of fuel
	if d.rand.chance(300) {
		machine.Space = "tried"
	}
	slower := Act{Kind: Parameter, Parameter: "timeout_base_ms", Value: d.rand.between(900, 1_500)}
	trial, shadow := d.rand.between(8, 40), d.rand.between(4, 32)
	all := []Act{{Kind: Members}, {Kind: Policies}, slower}
	for _, a := range []Act{machine, slower} {
		for _, then := range append([]Then{""}, thens...) {
			a.Then, a.Trial, a.Restore = then, 0, false
			if then == "" || then == ThenConfirm {
				a.Trial, a.Restore = trial, a.Kind == Release && d.rand.chance(700)
			}
			all = append(all, a)
		}
	}
	machine.Shadow = shadow
	all = append(all, machine)
	a := all[d.rand.index(len(all))]
	a.AtUS = d.rand.between(3, 20) * second
	d.Acts = append(d.Acts, a)
}

// sure draws one act of every kind, in any order, and returns when the last has begun.
func (d *drawing) sure() uint64 {
	kinds := []func() Act{
		func() Act { return d.crash(Power) }, func() Act { return d.crash(Kill) }, func() Act { return d.crash(Torn) },
		d.partition, d.oneWay, d.partial, d.flap, d.slowNode, d.slowDisk, d.degrade, d.jump,
	}
	// A hostile leader may name nobody but the node whose log is refused: then a height takes four views, and
	// worlds do not end.
	if d.rand.chance(500) && len(d.Faulty) == 0 && len(d.hostile()) == 0 && d.o.Plant == "" {
		kinds = append(kinds, d.rot)
	}
	at := uint64(3_000)
	for len(kinds) > 0 {
		i := d.rand.index(len(kinds))
		d.add(at, kinds[i]())
		kinds = slices.Delete(kinds, i, i+1)
		at += d.rand.between(1_000, 3_500)
	}
	return at * 1_000
}

// perhaps draws acts as they happen, until a time in microseconds.
func (d *drawing) perhaps(how severity, end uint64) {
	r := &d.rand
	for at := uint64(3_000); at*1_000 < end && len(d.Acts) < actsMax-3; at += drawTick {
		if r.chance(how.crashes) {
			a := d.crash(crashKinds[r.index(len(crashKinds))])
			if r.chance(75) {
				a.Nodes, a.Crash = d.all(), Power
			}
			d.add(at, a)
		}
		if r.chance(how.cuts) {
			d.add(at, []func() Act{d.partition, d.partition, d.oneWay, d.oneWay, d.partial, d.flap}[r.below(6)]())
		}
		if r.chance(how.gray) {
			d.add(at, []func() Act{d.slowNode, d.slowDisk, d.degrade, d.jump}[r.below(4)]())
		}
	}
}

func (d *drawing) add(atMS uint64, a Act) {
	a.AtUS = atMS * 1_000
	d.Acts = append(d.Acts, a)
}

func (d *drawing) all() []int {
	var all []int
	for i := range d.Nodes {
		all = append(all, i)
	}
	return all
}

// some returns one node.
func (d *drawing) some() []int { return []int{d.rand.index(d.Nodes)} }

// pair returns two nodes, each a group of its own.
func (d *drawing) pair() (a, b []int) {
	i := d.rand.index(d.Nodes)
	return []int{i}, []int{(i + 1 + d.rand.index(d.Nodes-1)) % d.Nodes}
}

// others returns all nodes but those.
func (d *drawing) others(nodes []int) []int {
	return slices.DeleteFunc(d.all(), func(n int) bool { return slices.Contains(nodes, n) })
}

// within returns so many milliseconds, in microseconds.
func (d *drawing) within(lowMS, highMS uint64) uint64 { return d.rand.between(lowMS, highMS) * 1_000 }

func (d *drawing) crash(kind CrashKind) Act {
	return Act{Kind: Crash, Nodes: d.some(), Crash: kind, Demands: d.rand.below(60), ForUS: d.within(500, 8_000)}
}

func (d *drawing) rot() Act {
	a := Act{Kind: BitRot, Nodes: d.some(), Rot: RotVotes, ForUS: d.within(500, 8_000)}
	if d.rand.chance(500) {
		a.Rot, a.ForUS = RotStore, 0
	}
	for d.weight(a.Nodes[0]) > d.faultBound() {
		a.Nodes[0] = (a.Nodes[0] + 1) % d.Nodes
	}
	return a
}

func (d *drawing) partition() Act {
	side := d.some() // never empty, and never all
	for i := range d.Nodes {
		if i != side[0] && len(side) < d.Nodes-1 && d.rand.chance(500) {
			side = append(side, i)
		}
	}
	slices.Sort(side)
	return Act{Kind: Cut, Nodes: side, Others: d.others(side), ForUS: d.within(500, 10_000)}
}

func (d *drawing) partial() Act {
	a, b := d.pair()
	return Act{Kind: Cut, Nodes: a, Others: b, ForUS: d.within(500, 10_000)}
}

// oneWay cuts what some node sends, or what it hears, or one link.
func (d *drawing) oneWay() Act {
	a := Act{Kind: OneWay, ForUS: d.within(500, 10_000)}
	a.Nodes, a.Others = d.pair()
	switch d.rand.below(3) {
	case 0:
		a.Others = d.others(a.Nodes)
	case 1:
		a.Nodes = d.others(a.Others)
	}
	return a
}

func (d *drawing) flap() Act {
	a := Act{Kind: Flap, EveryUS: d.within(50, 2_000), ForUS: d.within(2_000, 10_000)}
	if a.Nodes, a.Others = d.pair(); d.rand.chance(300) {
		a.Others = d.others(a.Nodes)
	}
	return a
}

func (d *drawing) slowNode() Act {
	return Act{Kind: SlowNode, Nodes: d.some(), Factor: d.rand.between(20, 1_000), ForUS: d.within(1_000, 10_000)}
}

func (d *drawing) slowDisk() Act {
	return Act{Kind: SlowDisk, Nodes: d.some(), Factor: d.rand.between(10, 500), ForUS: d.within(1_000, 10_000)}
}

func (d *drawing) degrade() Act {
	a := Act{Kind: Degrade, ForUS: d.within(1_000, 10_000)}
	l := &a.Link
	if l.From, l.To = d.pair(); d.rand.chance(300) {
		l.To = d.others(l.From)
	}
	l.Both = d.rand.chance(500)
	switch d.rand.below(3) {
	case 0:
		l.DelayUS = d.within(50, 1_500)
	case 1:
		l.Loss = d.rand.between(50, 500)
	case 2:
		l.Bandwidth = d.rand.between(8, 500) * 1_000
	}
	return a
}

func (d *drawing) jump() Act {
	a := Act{Kind: Jump, Nodes: d.some(), ShiftMS: int64(d.rand.between(50, 30_000)), ForUS: d.within(1_000, 15_000)}
	if d.rand.chance(500) {
		a.ShiftMS = -a.ShiftMS
	}
	return a
}
