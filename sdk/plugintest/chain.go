package plugintest

import (
	"encoding/binary"

	"quoin.dev/quoin/hook"
)

// Chain plays the views of one epoch for a leader plugin and keeps the window that a real
// chain would show it. It plays with simple members: a validator either proposes and votes
// (it is up), or does neither.
type Chain struct {
	Seed    [32]byte
	Weights []uint64
	Params  []byte
	Down    func(view uint64, validator int) bool // nil: all are up

	// Quorums shows which of those that are up sign a block's certificate. Nil: all of them.
	Quorums func(view uint64, validator int) bool

	View    uint64 // the next one; 0 and 1 are both the first
	Leaders []int  // whom each view had, from view 1 on; rescue views included
	Blocks  []bool // whether that view made a block

	height uint64
	parent uint64
	window []hook.WindowBlock
}

// Rescue reports whether the kernel names the proposer of the view, and whom.
func Rescue(view uint64, validators int) (proposer int, yes bool) {
	return int(view / 4 % uint64(validators)), view%4 == 0
}

// Request returns what the plugin is asked in the next view. It does not change the chain.
func (c *Chain) Request() *hook.LeaderRequest {
	r := &hook.LeaderRequest{Seed: c.Seed, Epoch: 1, View: max(c.View, 1), ParentHeight: c.height, ParentView: c.parent, Params: c.Params}
	for i, w := range c.Weights {
		v := hook.Validator{Weight: w}
		binary.BigEndian.PutUint64(v.Key[:], uint64(i)+1)
		r.Validators = append(r.Validators, v)
	}
	r.Window = append(r.Window, c.window...)
	return r
}

// Step plays one view with the leader that the plugin, or the kernel in a rescue view, names.
func (c *Chain) Step(plugin hook.LeaderPlugin) {
	view := max(c.View, 1)
	leader, rescue := Rescue(view, len(c.Weights))
	if !rescue {
		leader = int(plugin.Lead(c.Request()).Proposer)
	}
	c.View = view + 1
	up := c.up(view, leader)
	c.Leaders, c.Blocks = append(c.Leaders, leader), append(c.Blocks, up)
	if !up {
		return
	}
	b := hook.WindowBlock{Height: c.height + 1, View: view, ViewGap: view - c.parent - 1, Proposer: uint32(leader), Voters: hook.NewBitmap(len(c.Weights))}
	for i := range c.Weights {
		if c.up(view, i) && (c.Quorums == nil || c.Quorums(view, i)) {
			b.Voters.Set(i)
		}
	}
	c.height, c.parent = b.Height, view
	c.window = append([]hook.WindowBlock{b}, c.window...)
	if len(c.window) > hook.WindowMax {
		c.window = c.window[:hook.WindowMax]
	}
}

// up reports whether a validator is up; one out of range never is.
func (c *Chain) up(view uint64, validator int) bool {
	return validator >= 0 && validator < len(c.Weights) && (c.Down == nil || !c.Down(view, validator))
}
