package lab

import (
	"fmt"
	"slices"

	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/simplex"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
)

// Bug is the name of a bug that can be planted in every honest replica, to show that the observers see
// it. The empty name is none.
type Bug string

// Plant is a bug, and what must find it. The tests run all of them, and a page of the documentation is
// made of them.
type Plant struct {
	Bug     Bug
	Says    string   // what is wrong
	Rule    string   // the rule of KERNEL that it violates, "K1" to "K8", if it is one of those
	Room    string   // where the mistake is
	Harness string   // which finds it
	Planted string   // "with the harness", or "blind": chosen without knowing the observers
	Finds   []string // an invariant and the observer that watches it; any of them is right
	Seed    uint64   // known to show it
	Seeds   uint64   // from 1, within which one shows it

	behaviour Behaviour                                   // of one validator; empty: none
	rules     simplex.Rules                               // of the machine
	flaws     replica.Flaws                               // of the replica
	host      plugin.Flaws                                // of its table of plugins
	config    func(c *simplex.Config)                     // changes what the machine is made of
	machine   func(m consensus.Machine) consensus.Machine // stands around the machine
	world     func(w *world)                              // in which it shows
	differing bool                                        // its machines differ between replicas, as they may
}

// Bugs returns the names of all that simulation finds.
func Bugs() []Bug {
	var bugs []Bug
	for _, p := range Plants() {
		bugs = append(bugs, p.Bug)
	}
	return bugs
}

func (b Bug) find() (Plant, bool) {
	plants := Plants()
	i := slices.IndexFunc(plants, func(p Plant) bool { return p.Bug == b })
	if i < 0 {
		return Plant{}, false
	}
	return plants[i], true
}

func (b Bug) check() error {
	if _, ok := b.find(); b != "" && !ok {
		return fmt.Errorf("%w: no bug %q to plant; there are %v", ErrOptions, b, Bugs())
	}
	return nil
}

// choose fills in what a world with the bug needs. It has nothing else to trip over.
func (p *Plant) choose(o *Options) {
	if p.Bug == "" {
		return
	}
	if o.Byzantine == "" {
		o.Byzantine = None
		if p.behaviour != "" {
			o.Byzantine = p.behaviour
		}
	}
	if o.Hostile == "" {
		o.Hostile = None
	}
}

// honest makes the machine of an honest replica, with the bug.
func (p *Plant) honest(c simplex.Config) consensus.Machine {
	c.Rules = p.rules
	if p.config != nil {
		p.config(&c)
	}
	var m consensus.Machine = simplex.New(c)
	if p.machine != nil {
		m = p.machine(m)
	}
	return m
}

// found reports whether a violation is what the bug must be found by.
func (p *Plant) found(v *Violation) bool {
	return slices.Contains(p.Finds, v.Invariant+" "+v.Observer)
}
