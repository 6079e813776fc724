package lab

// Faults counts what was injected, by kind.
type Faults struct {
	Lost, Duplicated, Reordered, Spikes, Overflowed uint64 // messages; a spike is a delay of many times the usual
	Partitions, PartialCuts, OneWayCuts, Flaps      uint64 // acts of cutting links
	Cut                                             uint64 // messages that a cut link swallowed
	Degraded, SlowNodes, SlowDisks, ClockJumps      uint64 // gray failures: nothing is down
	PowerCuts, TornWrites, Kills, Restarts          uint64 // crashes: between two demands; within a disk operation; of the process alone
	LostBatches, TornBytes                          uint64 // what crashes took: of the store; of vote logs, half
	BitFlips, Replaced                              uint64 // of disks; disks that were found rotten
	Changes                                         uint64 // of algorithms and validators, while the world was not healed
	Byzantine                                       uint64 // acts of faulty validators
}

// FaultRow is one kind of fault, in words.
type FaultRow struct {
	Name  string
	Count *uint64
}

// Rows returns all kinds, in an order for people. This is the one table of them.
func (f *Faults) Rows() []FaultRow {
	return []FaultRow{
		{"messages lost", &f.Lost},
		{"messages duplicated", &f.Duplicated},
		{"messages reordered", &f.Reordered},
		{"messages dropped by full links", &f.Overflowed},
		{"messages cut off", &f.Cut},
		{"delay spikes", &f.Spikes},
		{"partitions", &f.Partitions},
		{"partial partitions", &f.PartialCuts},
		{"one-way cuts", &f.OneWayCuts},
		{"flapping links", &f.Flaps},
		{"degraded links", &f.Degraded},
		{"slow nodes", &f.SlowNodes},
		{"slow disks", &f.SlowDisks},
		{"clock jumps", &f.ClockJumps},
		{"power cuts", &f.PowerCuts},
		{"torn writes", &f.TornWrites},
		{"processes killed", &f.Kills},
		{"restarts", &f.Restarts},
		{"store batches lost", &f.LostBatches},
		{"log bytes torn off", &f.TornBytes},
		{"bits flipped", &f.BitFlips},
		{"rotten disks found", &f.Replaced},
		{"changes under way", &f.Changes},
		{"byzantine acts", &f.Byzantine},
	}
}

// Add adds the counts of another world.
func (f *Faults) Add(o *Faults) {
	theirs := o.Rows()
	for i, r := range f.Rows() {
		*r.Count += *theirs[i].Count
	}
}

// count counts an act; what crashes and rot do is counted where it is done.
func (f *Faults) count(a *Act, nodes int) {
	switch a.Kind {
	case Cut:
		if len(a.Nodes)+len(a.Others) < nodes {
			f.PartialCuts++
		} else {
			f.Partitions++
		}
	case OneWay:
		f.OneWayCuts++
	case Flap:
		f.Flaps++
	case Degrade:
		f.Degraded++
	case SlowNode:
		f.SlowNodes++
	case SlowDisk:
		f.SlowDisks++
	case Jump:
		f.ClockJumps++
	}
}
