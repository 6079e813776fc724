package lab

import (
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/lab/events"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
	"quoin.dev/quoin/store"
)

// cold checks I4: a replica that was never part of the world executes all certified blocks, got from
// one of the others, and ends with the same bytes.
type cold struct {
	blind
	w       *world
	faults  map[quoin.Height][]governance.SlotFault
	defects map[quoin.Height][]governance.SlotFault // of what is on trial
}

func (c *cold) end() {
	w := c.w
	peer := w.sound()
	table, err := plugin.NewTable(w.builtinsOf(peer))
	if err != nil {
		w.broken("driver", "%v", err)
		return
	}
	table.Plant(w.plant.host)
	w.o.Candidate.add(table)
	for _, r := range w.corpus.all() {
		table.Add(r)
	}
	s := store.NewMemory()
	r, err := replica.NewFlawed(replica.Config{Genesis: w.genesis, Store: s, Table: table, Environment: w.environment, Verify: w.verified.transactions}, nil, true, w.plant.flaws)
	if err != nil {
		w.broken("I4/cold", "a cold replica does not start: %v", err)
		return
	}
	steps := 0
	step := func(in replica.Input) *replica.Output {
		out := &replica.Output{}
		for {
			r.Step(peer.clock(), in, out)
			if steps++; !out.More || steps > 1_000_000 {
				return out
			}
			in = replica.Continue{}
		}
	}
	step(replica.Start{})
	for {
		h := r.Overview().Tip.Height
		if h >= w.chain.height() { // a peer may hold a block that it has not reported yet
			break
		}
		for _, b := range c.fetch(peer, h) {
			out := step(replica.Message{From: peer.key, Bytes: b})
			for i := range out.Events {
				c.note(&out.Events[i])
			}
		}
		if r.Overview().Tip.Height <= h {
			w.broken("I4/cold", "a cold replica that executes the certified blocks stops at height %d of %d", h, w.chain.height())
			return
		}
	}
	for h := quoin.Height(1); h <= w.chain.height(); h++ {
		want := w.chain.at(h)
		b, results, err := replica.ReadBlock(s, h)
		if err != nil || b.ID() != want.Checkpoint.Block || len(results) != len(want.Results) {
			w.broken("I4/cold", "a cold replica has another block %d: %v", h, err)
			return
		}
		for i := range results {
			if string(results[i].AppendBinary(nil)) != string(want.Results[i].AppendBinary(nil)) {
				w.broken("I4/cold", "a cold replica gives transaction %v of height %d another result", want.IDs[i], h)
				return
			}
		}
	}
	mine, theirs := r.Overview(), peer.replica.Overview()
	if mine.Tip != theirs.Tip || mine.Seen != theirs.Seen || !sameConfiguration(&mine.Configuration, &theirs.Configuration) {
		w.broken("I4/cold", "a cold replica ends with state %v, ledger %v, %d transactions in the window; the others with %v, %v, %d", mine.Tip.State, mine.Tip.Ledger,
			mine.Seen, theirs.Tip.State, theirs.Tip.Ledger, theirs.Seen)
	}
}

func (c *cold) note(e *replica.Event) {
	c.w.trace.note(c.w.now, events.World, events.Noted, "cold", "%s height %d %s", e.Kind, e.Height, e.Reason)
	slot, reason, faults := "", e.Reason, c.faults
	switch e.Kind {
	case replica.LeaderFaulted:
		slot = hook.Leader.Name
	case replica.FinalityFaulted:
		slot = hook.Finality.Name
	case replica.TrialFaulted, replica.UndoFaulted:
		slot, reason, _ = strings.Cut(e.Reason, ": ")
		faults = c.defects
	case replica.MigrateFaulted:
		slot, reason, _ = strings.Cut(e.Reason, ": ")
	default:
		return
	}
	for f := hook.Fault(0); f.Valid(); f++ {
		if f.String() == reason {
			x := execution.SlotFault{Kind: execution.FaultKind(e.Kind), Slot: slot, Fault: f}
			faults[e.Height] = append(faults[e.Height], governance.SlotFault{Slot: slot, Code: x.Code()})
		}
	}
}

// fetch asks a replica for the blocks after a height, past the network.
func (c *cold) fetch(peer *node, after quoin.Height) [][]byte {
	b := append([]byte{kindFetch}, make([]byte, 32)...)
	b = canonical.AppendUint64(b, after)
	out := &replica.Output{}
	peer.replica.Step(peer.clock(), replica.Message{From: c.w.nodes[len(c.w.nodes)-1].key, Bytes: b}, out)
	var answers [][]byte
	for _, s := range out.Send {
		if s.Bytes[0] == kindBlocks {
			answers = append(answers, append([]byte(nil), s.Bytes...))
		}
	}
	return answers
}
