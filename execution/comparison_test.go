package execution

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// beforeKV is a machine that does something of its own and then what the machine kv does.
type beforeKV struct {
	plugin.KV
	first func(q *hook.ApplyRequest, s hook.Access)
}

func (m beforeKV) Apply(q *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
	m.first(q, s)
	return m.KV.Apply(q, s)
}

func machine(name string, first func(q *hook.ApplyRequest, s hook.Access)) plugin.Builtin {
	return plugin.Builtin{Name: name, Machine: beforeKV{first: first}}
}

// candidates are machines that may run beside kv, with what should come of four transactions a block.
var candidates = []struct {
	plugin.Builtin
	diverged, faults uint64
}{
	{machine("same", func(*hook.ApplyRequest, hook.Access) {}), 0, 0},
	{machine("rewrites", func(q *hook.ApplyRequest, s hook.Access) {
		s.Put([]byte("k1"), []byte("another"))
		s.Put([]byte("k2"), nil)
		s.Delete([]byte("k3"))
	}), 4, 0},
	{machine("traps", func(*hook.ApplyRequest, hook.Access) { panic("trap") }), 0, 4},
	{machine("loops", func(_ *hook.ApplyRequest, s hook.Access) {
		for {
			if _, ok := s.Get([]byte("k1")); !ok {
				return
			}
		}
	}), 0, 4},
	{machine("reads", func(_ *hook.ApplyRequest, s hook.Access) {
		s.Scan(nil, nil, func(_, _ []byte) bool { return true })
		s.Beacon()
		s.Foreign("kv", []byte("k1"))
		s.Proof([]byte("k1"))
	}), 0, 0},
	{machine("writes", func(_ *hook.ApplyRequest, s hook.Access) {
		value := make([]byte, 60<<10)
		for i := range byte(20) {
			s.Put([]byte{i}, value)
		}
	}), 4, 0},
	{machine("deletes", func(_ *hook.ApplyRequest, s hook.Access) {
		var keys [][]byte
		s.Scan(nil, nil, func(k, _ []byte) bool { keys = append(keys, bytes.Clone(k)); return true })
		for _, k := range keys {
			s.Delete(k)
		}
	}), 4, 0},
}

func candidateBuiltins() (list []plugin.Builtin) {
	for _, c := range candidates {
		list = append(list, c.Builtin)
	}
	return list
}

// watchedBlocks runs blocks of transactions with or without something beside the machine and returns
// their outcomes. The proposal is there in both.
func watchedBlocks(t *testing.T, f Flaws, candidate string, watch bool) (list []*Outcome) {
	t.Helper()
	g := newGoverned(t, asIs, candidateBuiltins()...)
	g.x.flaws = f
	n := g.approve(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: candidate}, governance.Plan{Shadow: 8, Diverges: true})
	g.command(proposer, governance.Shadow{Proposal: n})
	for range 6 {
		var txs []quoin.Transaction
		for _, key := range []string{"k1", "k2", "k1", "k3"} {
			txs = append(txs, g.put(key, candidate))
		}
		txs = append(txs, g.to("kv", []byte("no batch")), g.to("nowhere", nil))
		if !watch {
			g.x.flaws.Blind = true
		}
		list = append(list, g.certify(txs...))
	}
	return list
}

// Whatever runs beside what serves: roots, results, faults and fuel are as without it.
func TestComparisonsChangeNothing(t *testing.T) {
	for _, c := range candidates {
		with, without := watchedBlocks(t, Flaws{}, c.Name, true), watchedBlocks(t, Flaws{}, c.Name, false)
		for i := range with {
			a, b := with[i], without[i]
			if len(a.Comparisons) != 1 || b.Comparisons != nil {
				t.Fatalf("%s: comparisons %v and %v", c.Name, a.Comparisons, b.Comparisons)
			}
			if a.Checkpoint != b.Checkpoint || !slices.EqualFunc(a.Results, b.Results, equalResults) || !slices.Equal(a.Faults, b.Faults) || a.written != b.written {
				t.Fatalf("%s: block %d differs:\n%+v\n%+v", c.Name, i, a, b)
			}
		}
	}
}

func equalResults(a, b quoin.Result) bool {
	return bytes.Equal(a.AppendBinary(nil), b.AppendBinary(nil))
}

// The test above sees a comparison whose writes stay.
func TestLeakingComparisonIsSeen(t *testing.T) {
	with, without := watchedBlocks(t, Flaws{ComparisonLeaks: true}, "rewrites", true), watchedBlocks(t, Flaws{}, "rewrites", false)
	if with[0].Checkpoint == without[0].Checkpoint {
		t.Error("writes of a comparison stay, and nobody sees it")
	}
}

func TestComparisonsCount(t *testing.T) {
	for _, c := range candidates {
		outcomes := watchedBlocks(t, Flaws{}, c.Name, true)
		o := outcomes[len(outcomes)-1]
		got := o.Comparisons[0]
		// A payload that is no batch is refused by all, and writes nothing; but not by what faults.
		compared, faults := uint64(5), c.faults
		if c.faults > 0 {
			faults++
		}
		if got.Compared+got.Skipped != compared || got.Diverged != c.diverged || got.Faults != min(faults, got.Compared) || got.Trial {
			t.Errorf("%s: %+v", c.Name, got)
		}
		if differs := got.Diverged+got.Faults > 0; differs != (got.First == o.Checkpoint.Height) {
			t.Errorf("%s: first difference at %d", c.Name, got.First)
		}
		if again := watchedBlocks(t, Flaws{}, c.Name, true); again[len(again)-1].Comparisons[0] != got {
			t.Errorf("%s: once more it is %+v", c.Name, again[len(again)-1].Comparisons[0])
		}
	}
}

// Without an incumbent the candidate runs all the same, each time on the state as it is.
func TestComparisonWithoutIncumbent(t *testing.T) {
	g := newGoverned(t, asIs, candidateBuiltins()...)
	n := g.approve(quoin.Binding{Hook: "machine.v1", Namespace: "new", Builtin: "writes"}, governance.Plan{Shadow: 8})
	m := g.approve(quoin.Binding{Hook: "machine.v1", Namespace: "newer", Builtin: "traps"}, governance.Plan{Shadow: 8})
	g.command(proposer, governance.Shadow{Proposal: n})
	g.command(proposer, governance.Shadow{Proposal: m})
	o := g.certify(g.to("new", []byte("x")), g.to("newer", []byte("y")), g.to("new", []byte("z")))
	a, b := o.Comparisons[0], o.Comparisons[1]
	if a.Compared != 2 || a.Diverged+a.Faults != 0 || b.Compared != 1 || b.Faults != 1 || b.Diverged != 0 {
		t.Errorf("%+v, %+v", a, b)
	}
	for _, r := range o.Results {
		if r.Code != ResultNoMachine {
			t.Errorf("%+v", r)
		}
	}
}

// A node that has not compiled the candidate has no data, and the same block.
func TestComparisonOfWhatIsNotHere(t *testing.T) {
	outcomes := map[bool]*Outcome{}
	for _, here := range []bool{true, false} {
		g := newGoverned(t, asIs)
		g.anyAuthor()
		r := batchGuest(t)
		g.x.c.Table.Add(r)
		n := g.approve(*g.bindingOf(r, "machine.v1", "kv"), governance.Plan{Shadow: 8})
		g.command(proposer, governance.Shadow{Proposal: n})
		if !here {
			g.x.c.Table.Remove(r.Digest())
		}
		outcomes[here] = g.certify(g.put("a", "b"))
	}
	if len(outcomes[true].Comparisons) != 1 || outcomes[false].Comparisons != nil || outcomes[true].Checkpoint != outcomes[false].Checkpoint {
		t.Errorf("%+v, %+v", outcomes[true], outcomes[false])
	}
}

// A release beside itself: the two have instances of their own, in batches and one by one.
func TestReleaseBesideItself(t *testing.T) {
	g := newGoverned(t, asIs)
	g.anyAuthor()
	r := batchGuest(t)
	g.x.c.Table.Add(r)
	b := *g.bindingOf(r, "machine.v1", "kv")
	g.activate(g.approve(b, governance.Plan{}))
	b.FuelMax--
	n := g.approve(b, governance.Plan{Shadow: 8, Trial: 40})
	g.command(proposer, governance.Shadow{Proposal: n})
	block := func() *Outcome {
		return g.certify(g.to("kv", []byte("ax\x00\x00")), g.to("kv", []byte("bx\x05\x00")), g.to("kv", []byte("cx\x00\x01")), g.put("x", "y"),
			g.to("kv", []byte("ay\x00\x00")), g.to("kv", []byte("by\x00\x02")))
	}
	if c := block().Comparisons[0]; c.Compared != 6 || c.Diverged+c.Faults+c.Skipped != 0 || c.Trial {
		t.Errorf("%+v", c)
	}
}

// In a trial the candidate serves and what served before runs beside it.
func TestComparisonInATrial(t *testing.T) {
	g := newGoverned(t, asIs, candidateBuiltins()...)
	n := g.approve(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "rewrites"}, governance.Plan{Trial: 40, Diverges: true})
	g.activate(n)
	o := g.certify(g.put("k1", "v"), g.to("kv", []byte("no batch")))
	c := o.Comparisons[0]
	if v, _, _ := o.Overlay().Get("kv", []byte("k2")); v == nil {
		t.Error("the candidate does not serve")
	}
	if !c.Trial || c.Proposal != n || c.Compared != 2 || c.Diverged != 1 || c.Faults != 0 {
		t.Errorf("%+v", c)
	}
}

// A candidate that is not deterministic shows in the digest, whether its results differ or not.
func TestDigestShowsNonDeterminism(t *testing.T) {
	calls := byte(0)
	fickle := machine("fickle", func(_ *hook.ApplyRequest, s hook.Access) {
		calls++
		s.Put([]byte("k9"), []byte{calls})
	})
	digest := func() quoin.Hash {
		g := newGoverned(t, asIs, fickle)
		n := g.approve(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "fickle"}, governance.Plan{Shadow: 8})
		g.command(proposer, governance.Shadow{Proposal: n})
		c := g.certify(g.put("a", "b")).Comparisons[0]
		if c.Diverged != 1 {
			t.Errorf("%+v", c)
		}
		return c.Digest
	}
	if one, other := digest(), digest(); one == other {
		t.Error("two nodes report the same of what differed")
	}
}

// The questions that execution asks of others than machines are compared too.
func TestComparisonOfQuestions(t *testing.T) {
	g := newGoverned(t, func(c *quoin.Configuration) {
		*c = c.WithBinding(quoin.Binding{Hook: "finality.v1", Builtin: "immediate"})
		*c = c.WithBinding(quoin.Binding{Hook: "validation.v1", Namespace: "kv", Builtin: "lenient"})
	}, plugin.Builtin{Name: "lenient", Validation: hook.ValidationFunc(func(*hook.ValidationRequest, hook.Reader) hook.ValidationResponse {
		return hook.ValidationResponse{}
	})}, plugin.Builtin{Name: "strict", Validation: hook.ValidationFunc(func(q *hook.ValidationRequest, s hook.Reader) hook.ValidationResponse {
		if _, ok := s.Get([]byte("a")); ok {
			return hook.ValidationResponse{Code: 7}
		}
		return hook.ValidationResponse{}
	})}, plugin.Builtin{Name: "lost", Leader: hook.LeaderFunc(func(*hook.LeaderRequest) hook.LeaderResponse { panic("trap") })})
	for _, b := range []quoin.Binding{
		{Hook: "finality.v1", Builtin: "deep", Parameters: []byte{9, 0, 0, 0, 255, 255, 255, 255}},
		{Hook: "leader.v1", Builtin: "lost"},
		{Hook: "validation.v1", Namespace: "kv", Builtin: "strict"},
	} {
		g.command(proposer, governance.Shadow{Proposal: g.approve(b, governance.Plan{Shadow: 8, Diverges: true})})
	}
	g.certify(g.put("a", "b"))
	o := g.certify(g.put("a", "b"), g.put("c", "d"))
	want := []governance.Comparison{{Compared: 1, Diverged: 1}, {Compared: 1, Faults: 1}, {Compared: 2, Diverged: 2}}
	for i, c := range o.Comparisons {
		if c.Compared != want[i].Compared || c.Diverged != want[i].Diverged || c.Faults != want[i].Faults || c.First != o.Checkpoint.Height {
			t.Errorf("%d: %+v", i, c)
		}
	}
	if len(o.Comparisons) != len(want) || len(o.Faults) != 0 || o.Results[0].Code != 0 {
		t.Errorf("%+v", o)
	}
}

// The state that a call beside finds is that which the machine's call found, whatever either wrote
// before: counters give the same sums, in shadows and in trials.
func TestComparisonsFindTheSameState(t *testing.T) {
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 7))
		g := newGoverned(t, asIs, candidateBuiltins()...)
		plan := governance.Plan{Shadow: 8, Diverges: true}
		if seed%2 == 1 {
			plan = governance.Plan{Trial: 100, State: governance.StateRestore}
		}
		n := g.approve(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "same"}, plan)
		if plan.Trial > 0 {
			g.activate(n)
		} else {
			g.command(proposer, governance.Shadow{Proposal: n})
		}
		refused := 0
		for range 20 {
			var txs []quoin.Transaction
			for range random.IntN(8) {
				var b plugin.KVBatch
				for range 1 + random.IntN(4) {
					key := []byte{'a' + byte(random.IntN(6))}
					switch random.IntN(8) {
					case 0:
						b.Delete(key)
					case 1:
						b.Append(key, []byte("x")) // from here on it is no counter
					default:
						b.Add(key, random.Int64N(100))
					}
				}
				txs = append(txs, g.to("kv", b.Payload()))
			}
			o := g.certify(txs...)
			if c := o.Comparisons[0]; c.Compared != uint64(len(txs)) || c.Diverged+c.Faults+c.Skipped != 0 {
				t.Fatalf("seed %d: %+v", seed, c)
			}
			for _, r := range o.Results {
				if r.Code != 0 {
					refused++
				}
			}
		}
		if refused == 0 {
			t.Errorf("seed %d: nothing was refused", seed)
		}
	}
}

// The comparisons of some heights are their sum, and which came first matters.
func TestComparisonsAdd(t *testing.T) {
	part := func(n uint64, first quoin.Height, digest byte) Comparison {
		return Comparison{Proposal: 1, Comparison: governance.Comparison{Compared: 10 * n, Diverged: n, Faults: 2 * n, Skipped: 3 * n, First: first, Digest: quoin.Hash{digest}}}
	}
	a, b, c := part(1, 0, 1), part(2, 7, 2), part(3, 8, 3)
	sum, other := a, b
	sum.Add(&b)
	sum.Add(&c)
	other.Add(&a)
	other.Add(&c)
	if sum.Compared != 60 || sum.Diverged != 6 || sum.Faults != 12 || sum.Skipped != 18 || sum.First != 7 || sum.Proposal != 1 || sum.Digest == other.Digest {
		t.Errorf("%+v, %+v", sum, other)
	}
}
