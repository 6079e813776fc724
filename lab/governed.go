package lab

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/replica"
)

// governed checks, by what the ledger has of who said what, that nothing comes into force or leaves that may
// not, and that every change is in the audit chain (I6, KERNEL K8). bindings folds the ledger with governance's
// own rules; this is a second opinion on the rules.
type governed struct {
	blind
	w        *world
	read     quoin.Height                                    // up to which the ledger was read
	said     []voice                                         // every command with result OK, in the order of the ledger
	stands   map[quoin.PublicKey]quoin.PublicKey             // what a rotated key stands for
	statuses map[governance.ProposalNumber]governance.Status // when last looked at
	served   []quoin.Configuration                           // by epoch - 1
	stacks   map[string][][]byte                             // of each slot, what serves and what served before it, the first at the bottom
	looked   quoin.Height                                    // the highest state that was looked at

	heads    []quoin.Hash // of the audit chain, after each event
	audits   map[quoin.Height]governance.Audit
	commands int // of said that the audit chain has
}

// voice is a command on the ledger.
type voice struct {
	by      quoin.PublicKey
	at      place
	command governance.Command
}

// place is a place on the ledger: a height, and how many commands of its block come before.
type place uint64

func placeOf(h quoin.Height, i int) place { return place(uint64(h)<<16 | uint64(i)) }

func (p place) height() quoin.Height { return quoin.Height(p >> 16) }

func newGoverned(w *world) *governed {
	return &governed{w: w, stands: map[quoin.PublicKey]quoin.PublicKey{}, statuses: map[governance.ProposalNumber]governance.Status{}, stacks: map[string][][]byte{},
		audits: map[quoin.Height]governance.Audit{}}
}

func (g *governed) finished(n *node, f *replica.Finished) {
	if slices.ContainsFunc(f.Block.Transactions(), func(t quoin.Transaction) bool { return t.Kernel() }) {
		g.look(n)
	}
}

// event checks the first height of what came into force with an epoch.
func (g *governed) event(n *node, e *replica.Event) {
	if e.Kind != replica.EpochBegan {
		return
	}
	if c := n.replica.Overview().Configuration; c.Epoch == e.Epoch && c.First != e.Height+1 { // else several epochs at once
		g.w.broken("K8/governed", "%s: epoch %d begins after height %d, and its configuration says with height %d", n.name, c.Epoch, e.Height, c.First)
	}
	g.look(n)
}

func (g *governed) end() {
	for _, n := range g.w.honest() {
		g.look(n)
	}
}

// look reads the ledger up to a replica's tip, and judges its state.
func (g *governed) look(n *node) {
	if !n.up() || n.rottenKey != nil {
		return // a rotten store cannot be asked without finding that out for the node
	}
	o := n.replica.Overview()
	for h := g.read + 1; h <= o.Tip.Height; h++ {
		b, results, err := replica.ReadBlock(n.store, h)
		if err != nil {
			return // this node began elsewhere; another has it
		}
		g.note(b, results)
	}
	k := n.replica.Kernel()
	g.audit(n, k, o.Tip.Height)
	if o.Tip.Height <= g.looked {
		return // the states of one height are the same, as others check
	}
	g.looked = o.Tip.Height
	if _, early := governance.ReadConfiguration(k, o.Configuration.Epoch+1); early {
		g.w.broken("K8/governed", "%s has a configuration of epoch %d in the state of epoch %d", n.name, o.Configuration.Epoch+1, o.Configuration.Epoch)
		return
	}
	before := len(g.served)
	for c, ok := governance.ReadConfiguration(k, 1+quoin.Epoch(before)); ok; c, ok = governance.ReadConfiguration(k, c.Epoch+1) {
		g.served = append(g.served, c)
	}
	var proposals []governance.Proposal
	for p := range governance.Proposals(k) {
		proposals = append(proposals, p)
	}
	for i := range proposals {
		if rule, why := g.judge(&proposals[i]); why != "" {
			g.w.broken(rule+"/governed", "%s at height %d: proposal %d is %v %s", n.name, o.Tip.Height, proposals[i].Number, proposals[i].Status, why)
			return
		}
	}
	for i := max(before, 1); i < len(g.served); i++ {
		if why := g.began(&g.served[i-1], &g.served[i], proposals); why != "" {
			g.w.broken("K8/governed", "%s: epoch %d begins with height %d %s", n.name, g.served[i].Epoch, g.served[i].First, why)
			return
		}
	}
}

// note takes the commands of a block that were executed.
func (g *governed) note(b *quoin.Block, results []quoin.Result) {
	g.read = b.Header().Height
	for i, t := range b.Transactions() {
		if !t.Kernel() || !governance.IsCommand(t.Payload) || results[i].Code != 0 {
			continue
		}
		c, err := governance.DecodeCommand(t.Payload)
		if err != nil {
			g.w.broken("I6/governed", "block %d has executed what is no command: %v", g.read, err)
			return
		}
		if x, ok := c.(governance.Rotate); ok {
			g.stands[x.New] = g.origin(t.Sender)
		}
		g.said = append(g.said, voice{t.Sender, placeOf(g.read, i+1), c})
	}
}

// origin returns the key of a configuration that a key stands for.
func (g *governed) origin(key quoin.PublicKey) quoin.PublicKey {
	if base, ok := g.stands[key]; ok {
		return base
	}
	return key
}

// audit checks that a replica's audit chain is whole, has all that was said, and is that of the others.
func (g *governed) audit(n *node, k governance.State, h quoin.Height) {
	a := governance.ReadAudit(k)
	for i := uint64(len(g.heads)); i < a.Count; i++ {
		e, ok := governance.ReadAuditEvent(k, i+1)
		if !ok {
			g.w.broken("I6/governed", "%s at height %d: event %d of %d is not there", n.name, h, i+1, a.Count)
			return
		}
		if e.Kind == governance.AuditCommand {
			if g.commands >= len(g.said) || g.said[g.commands].at.height() != e.Height || !bytes.HasPrefix(e.Body, g.said[g.commands].by[:]) {
				g.w.broken("I6/governed", "%s at height %d: event %d is no command of the ledger", n.name, h, i+1)
				return
			}
			g.commands++
		}
		g.heads = append(g.heads, nextHead(g.heads, &e))
	}
	if a.Count > 0 && g.heads[a.Count-1] != a.Head {
		g.w.broken("I6/governed", "%s at height %d: the audit chain ends with %v after %d events, which give %v", n.name, h, a.Head, a.Count, g.heads[a.Count-1])
		return
	}
	if other, ok := g.audits[h]; ok && other != a {
		g.w.broken("I6/governed", "%s at height %d has %d audit events, another replica %d", n.name, h, a.Count, other.Count)
	}
	g.audits[h] = a
	if said := slices.IndexFunc(g.said[g.commands:], func(v voice) bool { return v.at.height() <= h }); uint64(len(g.heads)) == a.Count && said >= 0 {
		g.w.broken("I6/governed", "%s at height %d: the audit chain lacks %T", n.name, h, g.said[g.commands+said].command)
	}
}

// nextHead hashes one more event onto the audit chain.
func nextHead(heads []quoin.Hash, e *governance.AuditEvent) quoin.Hash {
	var last quoin.Hash
	if len(heads) > 0 {
		last = heads[len(heads)-1]
	}
	b := append([]byte("quoin/audit/v1\n"), last[:]...)
	b = binary.BigEndian.AppendUint64(append(b, byte(e.Kind)), uint64(e.Height))
	return sha256.Sum256(append(b, e.Body...))
}
