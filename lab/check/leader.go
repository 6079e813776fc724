package check

import (
	"cmp"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus"
	"quoin.dev/quoin/consensus/model"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// Leader names the leader of a view on a parent. It must be a pure function of the view, and of the
// parent's ancestors by their names.
type Leader func(v quoin.View, parent *model.Outcome) (int, error)

var _ consensus.Leaders = (*Setting)(nil)

// Leader returns the leader of a view on a parent; none behind the bounds, or for a parent that was not
// met.
func (s *Setting) Leader(v quoin.View, parent quoin.Hash) (int, bool) {
	if v < 1 || v > s.Views() {
		return 0, false
	}
	if s.leader == nil || v == rescueView {
		return s.Leaders[v], true
	}
	o := s.outcomes[parent]
	if o == nil {
		return 0, false
	}
	i, err := s.leader(v, o)
	if asked := (Lead{v, s.Name(parent), i}); err == nil && !slices.Contains(s.led, asked) {
		s.led = append(s.led, asked)
	}
	return i, err == nil
}

// leads returns what the leader function said, by view and parent.
func (s *Setting) leads() []Lead {
	slices.SortFunc(s.led, func(a, b Lead) int { return cmp.Or(cmp.Compare(a.View, b.View), cmp.Compare(a.Parent, b.Parent)) })
	return s.led
}

// Lead is what a leader function said: who leads a view on a parent, by its name. A member asks for the
// parent that it knows of itself, so two members can have different leaders in one view.
type Lead struct {
	View   quoin.View `json:"view"`
	Parent string     `json:"parent"`
	Leader int        `json:"leader"`
}

// PluginLeader returns the leader function that a binding of leader.v1 serves to a network of n
// members, as nodes ask it. A call that faults is replaced by the validators in turn. Every block is
// shown with the votes of all, because states are not told apart by whose votes a header holds.
func PluginLeader(t *plugin.Table, b *quoin.Binding, n int) Leader {
	var all hook.LeaderRequest
	voters := hook.NewBitmap(n)
	for i := range n {
		voters.Set(i)
		all.Validators = append(all.Validators, hook.Validator{Weight: 1, Key: [32]byte{0: 1, 1: byte(i)}})
	}
	type asked struct {
		view   quoin.View
		parent quoin.Hash
	}
	known := map[asked]int{}
	return func(v quoin.View, parent *model.Outcome) (int, error) {
		key := asked{v, parent.Checkpoint.Block}
		if i, ok := known[key]; ok {
			return i, nil
		}
		q := all
		q.Epoch, q.View = uint64(epoch), uint64(v)
		q.ParentHeight, q.ParentView = uint64(parent.Checkpoint.Height), uint64(parent.Checkpoint.View)
		for o := parent; o.Block != nil; o = o.Parent {
			h := o.Block.Header()
			q.Window = append(q.Window, hook.WindowBlock{Height: uint64(h.Height), View: uint64(h.View), ViewGap: h.Gap(), Proposer: uint32(h.Proposer), Voters: voters})
		}
		r, err := t.Lead(b, &q)
		if err != nil {
			return 0, err
		}
		known[key] = int(r.Proposer)
		if r.Fault != hook.FaultNone {
			known[key] = int(uint64(v) % uint64(n))
		}
		return known[key], nil
	}
}
