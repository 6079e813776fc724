package check

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/lab/protocol"
)

// wants reports whether an invariant is to be checked. I2 goes with I1: both are about what is certified.
func (c *checker) wants(invariant string) bool {
	return c.o.Invariant == "" || c.o.Invariant == invariant
}

// contradiction checks what has been said, and the aggregates that can be made of it: I8, that a view
// has one aggregate of a kind at most, and none that excludes it; I1, that certified blocks lie on one
// chain. It does not matter whether anybody has got those messages.
func (c *checker) contradiction(known []Said) *protocol.Violation {
	s, p, a := c.setting, &c.o.Protocol, c.o.Adversary
	var certified []quoin.Hash
	var claims []consensus.Claim
	for _, k := range known {
		if a.Sort(k.Message) != Aggregate {
			continue
		}
		if block, ok := a.Certifies(k.Message); ok && c.wants("I1") {
			certified = append(certified, block)
		}
		for _, x := range p.Claims(k.Message) {
			if x.All && c.wants("I8") {
				claims = append(claims, x)
			}
		}
	}
	for i, x := range certified {
		for _, y := range certified[:i] {
			if !s.descends(x, y) && !s.descends(y, x) {
				return &protocol.Violation{Invariant: "I1", Text: fmt.Sprintf("blocks %s and %s are both certified, and neither descends from the other", s.Name(y), s.Name(x))}
			}
		}
	}
	for i, x := range claims {
		for _, y := range claims[:i] {
			if x.View != y.View || x.Kind == y.Kind && x.Content == y.Content {
				continue
			}
			pair := [2]string{y.Kind, x.Kind}
			if x.Kind == y.Kind || slices.Contains(p.Exclusive, pair) || slices.Contains(p.Exclusive, [2]string{x.Kind, y.Kind}) {
				return &protocol.Violation{Invariant: "I8", Text: fmt.Sprintf("view %d has a %s and another %s", x.View, y.Kind, x.Kind)}
			}
		}
	}
	return nil
}

// descends reports whether a block is, or descends from, another.
func (s *Setting) descends(block, ancestor quoin.Hash) bool {
	for o := s.outcomes[block]; o != nil; o = o.Parent {
		if o.Checkpoint.Block == ancestor {
			return true
		}
	}
	return false
}
