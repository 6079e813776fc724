package lab

import (
	"fmt"

	"quoin.dev/quoin"
)

// Calm is a world to measure in: messages are neither lost nor doubled nor reordered, no node crashes,
// nobody governs, and nobody is faulty but those that never start. Where nodes stand, what clients send
// and by how much delays vary still come from the seed.
type Calm struct {
	Dead    int                  // validators that never start, the first ones; at most those that the network bears
	Genesis func(*quoin.Genesis) // may change the chain's parameters; nil for none
}

func (c *Calm) check(nodes int) error {
	if c != nil && (c.Dead < 0 || c.Dead > (nodes-1)/3) {
		return fmt.Errorf("%w: %d of %d validators dead, want at most %d", ErrOptions, c.Dead, nodes, (nodes-1)/3)
	}
	return nil
}

// settle makes a world that was planned a calm one; without a Calm it leaves it alone.
func (c *Calm) settle(w *world) {
	if c == nil {
		return
	}
	w.result.Byzantine, w.result.Hostile = None, None
	for i, n := range w.nodes {
		n.behaviour, n.dead = None, i < c.Dead
	}
	w.o.Epochs = 1
	w.reports = &reports{w: w}
	w.observers = append([]observer{w.reports}, w.observers...)
	w.chaos.off, w.governor.finished = true, true
	w.after(0, w.chaos.heal)
	if c.Genesis != nil {
		c.Genesis(w.genesis)
	}
}
