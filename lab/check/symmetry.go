package check

import (
	"fmt"
	"slices"
)

// permutation renames honest members, all by their places in checker.honest: place i becomes to[i].
type permutation struct {
	to       [honestMax]int
	images   [honestMax][]int32 // by place and state: the state of place to[i] that it becomes, plus one; 0 is not known yet
	messages []int32            // by number: the message that it becomes, plus one
}

// permute returns the permutations of the honest members that move nobody whose place matters: who
// leads a view. The identity is left out.
func (c *checker) permute() []*permutation {
	var free []int
	for i, member := range c.honest {
		leads := member == rescuer && len(c.o.Leaders)+1 >= rescueView
		for _, l := range c.o.Leaders {
			leads = leads || l == member
		}
		if !leads {
			free = append(free, i)
		}
	}
	var all []*permutation
	var to [honestMax]int
	for i := range to {
		to[i] = i
	}
	var choose func(k int)
	choose = func(k int) {
		if k == len(free) {
			all = append(all, &permutation{to: to})
			return
		}
		for j := k; j < len(free); j++ {
			a, b := free[k], free[j]
			to[a], to[b] = to[b], to[a]
			choose(k + 1)
			to[a], to[b] = to[b], to[a]
		}
	}
	choose(0)
	return all[1:] // the first choice of all is the identity
}

// canonical returns the least of the states that a state becomes under the permutations.
func (c *checker) canonical(ids [honestMax]int32) global {
	least := c.pack(ids)
	for _, p := range c.permutations {
		var image [honestMax]int32
		for i := range c.honest {
			image[p.to[i]] = c.image(p, i, ids[i])
		}
		least = min(least, c.pack(image))
	}
	return least
}

// image returns the state that a state becomes: what the permuted member is in after the permuted
// history.
func (c *checker) image(p *permutation, i int, id int32) int32 {
	if int(id) < len(p.images[i]) && p.images[i][id] != 0 {
		return p.images[i][id] - 1
	}
	l, member := c.locals[c.honest[i]][id], c.honest[p.to[i]]
	to := int32(0)
	if l.before >= 0 {
		before := c.image(p, i, l.before)
		by := step{timeout: l.by.timeout, fetched: l.by.fetched}
		for _, m := range l.by.said {
			by.said = append(by.said, c.renamed(p, m))
		}
		a := c.at(member, before)
		a.take(&by)
		to = c.settle(a, member, before, by)
	}
	if !c.alike(p, c.sets[l.sent], c.sets[c.locals[member][to].sent]) && c.trouble == nil {
		c.trouble = fmt.Errorf("members %d and %d are not alike: %w", c.honest[i], member, errSymmetry)
	}
	for int(id) >= len(p.images[i]) {
		p.images[i] = append(p.images[i], 0)
	}
	p.images[i][id] = to + 1
	return to
}

// renamed returns the message that a message becomes: the same vote by the renamed member. Proposals
// and aggregates stay what they are, because leaders do, and whose votes stand in an aggregate does
// not matter.
func (c *checker) renamed(p *permutation, id int32) int32 {
	for int(id) >= len(p.messages) {
		p.messages = append(p.messages, 0)
	}
	if p.messages[id] == 0 {
		p.messages[id] = id + 1
		m := c.messages[id]
		for i, member := range c.honest {
			if m.From == member && m.sort == Vote && p.to[i] != i {
				as := c.honest[p.to[i]]
				p.messages[id] = c.number(Said{as, c.o.Adversary.Resign(c.setting, m.Message, as)}) + 1
			}
		}
	}
	return p.messages[id] - 1
}

// alike reports whether the messages of a set become those of another, by their names.
func (c *checker) alike(p *permutation, s, other set) bool {
	var image, names set
	for id := range int32(len(c.messages)) {
		if s.has(id) {
			image.add(c.named(c.messages[c.renamed(p, id)].Said))
		}
		if other.has(id) {
			names.add(c.named(c.messages[id].Said))
		}
	}
	return slices.Equal(image.append(nil), names.append(nil))
}
