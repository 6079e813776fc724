package lab

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
)

// model checks I4 end to end: the certified state holds what the certified transactions of key-value
// namespaces make of plain maps. It asks for proofs under the certified root, of what is there and of
// what is not, and in the end for everything.
type model struct {
	blind
	w      *world
	next   quoin.Height
	spaces map[string]map[string][]byte
	kept   map[string]map[string][]byte // of a trial that restores them unless it is confirmed: as they were before
}

// modelProofs is how many keys are proved at a height.
const modelProofs = 3

func newModel(w *world) *model { return &model{w: w, next: 1, kept: map[string]map[string][]byte{}} }

// namespaces are those that the genesis binds to the key-value machine.
func (x *model) namespaces() {
	x.spaces = map[string]map[string][]byte{}
	for _, b := range x.w.genesis.Configuration.Bindings {
		if b.Hook == hook.Machine.Name && (b.Builtin == "kv" || b.Builtin == warmKV) {
			x.spaces[b.Namespace] = map[string][]byte{}
		}
	}
}

func (x *model) finished(n *node, f *replica.Finished) {
	if f.Checkpoint.Height != x.next || n.rottenKey != nil {
		return // a rotten store cannot be asked without finding that out for the node
	}
	x.next++
	if x.spaces == nil {
		x.namespaces()
	}
	var touched []mapAccess
	for i := range f.Results {
		t, r := &f.Block.Transactions()[i], &f.Results[i]
		space, ok := x.spaces[t.Namespace]
		if !ok {
			continue
		}
		a := mapAccess{namespace: t.Namespace, space: space, written: map[string][]byte{}}
		code := plugin.KV{}.Apply(&hook.ApplyRequest{Payload: t.Payload}, &a).Code
		if r.Code < quoin.ResultFault && r.Code != code {
			x.w.broken("I4/model", "transaction %v of height %d has the code %d; by what is certified it should be %d", f.IDs[i], f.Checkpoint.Height, r.Code, code)
		}
		if touched = append(touched, a); r.Code == 0 {
			a.commit()
		}
	}
	x.changes(n.replica.Kernel(), f)
	if n.replica.Overview().Tip.Height == f.Checkpoint.Height {
		x.prove(n, f, touched)
	}
}

// changes follows what serves the namespaces after a block. A trial whose plan says so ends with what was there
// before it, unless it was confirmed, and a machine may bring a namespace over.
func (x *model) changes(k governance.State, f *replica.Finished) {
	for i, t := range f.Block.Transactions() {
		if c, err := governance.DecodeCommand(t.Payload); err == nil && t.Kernel() && f.Results[i].Code == 0 {
			if c, ok := c.(governance.Confirm); ok {
				p, _ := governance.ReadProposal(k, c.Proposal)
				delete(x.kept, p.Binding.Namespace)
			}
		}
	}
	for namespace, space := range x.spaces { // any order: they know nothing of each other
		for line := range governance.History(k, hook.Machine.Name+"/"+namespace) {
			if line.First != f.Checkpoint.Height+1 {
				continue
			}
			before, trial := x.kept[namespace]
			delete(x.kept, namespace)
			p, _ := governance.ReadProposal(k, line.Proposal)
			switch {
			case line.Cause != governance.CauseProposal && trial:
				x.spaces[namespace] = before
			case line.Cause == governance.CauseProposal && p.Plan.State != governance.StateKeep && p.Plan.Trial > 0:
				x.kept[namespace] = maps.Clone(space)
			}
			if line.Cause == governance.CauseProposal && p.Plan.State == governance.StateMigrate {
				space[movedKey] = movedAt(uint64(line.First))
			}
		}
	}
}

// movedKV is the key-value machine with a migration that leaves a trace.
const (
	movedKV  = "moved-kv"
	movedKey = "moved"
)

func movedAt(first uint64) []byte { return binary.BigEndian.AppendUint64(nil, first) }

type movedMachine struct{ plugin.KV }

// Migrate implements hook.Migrator.
func (movedMachine) Migrate(q *hook.MigrateRequest, s hook.Access) hook.MigrateResponse {
	s.Put([]byte(movedKey), movedAt(q.Height))
	return hook.MigrateResponse{}
}

// prove asks for proofs of some keys that a block's transactions wrote, or tried to.
func (x *model) prove(n *node, f *replica.Finished, touched []mapAccess) {
	left := modelProofs
	for i := range touched {
		a := &touched[len(touched)-1-i]
		for _, key := range slices.Sorted(maps.Keys(a.written)) {
			if left--; left < 0 {
				return
			}
			p, err := n.replica.Prove(a.namespace, []byte(key))
			if err != nil {
				return // this height has no certificate of its own
			}
			got, present, err := p.Proof.Verify(f.Checkpoint.State, a.namespace, []byte(key))
			want, there := x.spaces[a.namespace][key]
			if err != nil || present != there || !bytes.Equal(got, want) {
				x.w.broken("I4/model", "%s proves %s/%s at height %d to be %q (%v, %v); by the certified transactions it is %q (%v)", n.name, a.namespace, key,
					f.Checkpoint.Height, got, present, err, want, there)
				return
			}
		}
	}
}

// end compares whole namespaces.
func (x *model) end() {
	n := x.w.sound()
	if x.next <= n.replica.Overview().Tip.Height {
		return // not all of it was reported
	}
	for _, namespace := range slices.Sorted(maps.Keys(x.spaces)) {
		space, from, seen := x.spaces[namespace], []byte(nil), 0
		for {
			q, err := n.replica.Query(namespace, plugin.KVScanQuery(from, nil, 256))
			pairs, ok := plugin.KVPairs(q.Output)
			if err != nil || !ok {
				x.w.broken("I4/model", "%s does not list the keys of %s: %v", n.name, namespace, err)
				return
			}
			for _, p := range pairs {
				if want, ok := space[string(p.Key)]; !ok || !bytes.Equal(p.Value, want) {
					x.w.broken("I4/model", "%s has %s/%s as %q in the end; by the certified transactions it is %q (%v)", n.name, namespace, p.Key, p.Value, want, ok)
					return
				}
			}
			if seen += len(pairs); len(pairs) == 0 {
				break
			}
			from = append(bytes.Clone(pairs[len(pairs)-1].Key), 0)
		}
		if seen != len(space) {
			x.w.broken("I4/model", "%s has %d keys in %s in the end; by the certified transactions there are %d", n.name, seen, namespace, len(space))
		}
	}
}

// mapAccess is a map with the writes of one transaction over it.
type mapAccess struct {
	hook.Access // nothing else is asked of it
	namespace   string
	space       map[string][]byte
	written     map[string][]byte // nil: deleted
}

func (a *mapAccess) Get(key []byte) ([]byte, bool) {
	if v, ok := a.written[string(key)]; ok {
		return v, v != nil
	}
	v, ok := a.space[string(key)]
	return v, ok
}

func (a *mapAccess) Put(key, value []byte) { a.written[string(key)] = append([]byte{}, value...) }
func (a *mapAccess) Delete(key []byte)     { a.written[string(key)] = nil }

func (a *mapAccess) commit() {
	for key, v := range a.written { // any order: different keys
		if v == nil {
			delete(a.space, key)
		} else {
			a.space[key] = v
		}
	}
}
