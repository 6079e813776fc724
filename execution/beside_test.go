package execution

import (
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// The fuel of a block's comparisons is bounded, and what exceeds it is skipped on every node alike.
func TestComparisonsAreBounded(t *testing.T) {
	const most = 30_000
	for _, name := range []string{"same", "loops"} {
		g := newGoverned(t, func(c *quoin.Configuration) { c.Parameters.ShadowMaxFuel = most }, candidateBuiltins()...)
		n := g.approve(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: name, FuelMax: 20_000}, governance.Plan{Shadow: 8})
		g.command(proposer, governance.Shadow{Proposal: n})
		var txs []quoin.Transaction
		for range 100 {
			txs = append(txs, g.put("k1", "v"))
		}
		o := g.certify(txs...)
		c := o.Comparisons[0]
		if c.Compared == 0 || c.Skipped == 0 || c.Compared+c.Skipped != 100 {
			t.Errorf("%s: %+v", name, c)
		}
		if name == "loops" && c.Faults != 1 { // the second has 10,000 left, of its 20,000
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// twoFaced is a machine that does nothing, and in a batch gives the code 7.
func twoFaced(t testing.TB) *plugin.Release {
	const input, output, next = 0, 1, 2
	m := Guest(1, Input, Output, Imported{Module: "quoin.v1", Name: "batch_next", Results: Types(I32)})
	answer := func(code int32) []byte {
		return slices.Concat(I32Const(1000), I32Const(60000), Call(input), Op(0x1a), I32Const(4), I32Const(code), I32Store(0), I32Const(4), I32Const(4), Call(output))
	}
	status := Types(I32)
	m.Func("machine.v1.apply", nil, status, nil, answer(0), I32Const(0))
	m.Func("machine.v1.apply_batch", nil, status, nil, Block(0x40, Loop(0x40, Call(next), Op(0x45), BrIf(1), answer(7), Br(0))), I32Const(0))
	m.Func("machine.v1.query", nil, status, nil, I32Const(0))
	return compiled(t, m.Bytes(), "two-faced")
}

// idle is a machine that does nothing.
type idle struct{ plugin.KV }

func (idle) Apply(*hook.ApplyRequest, hook.Access) hook.ApplyResponse { return hook.ApplyResponse{} }

// What runs beside a machine gets batches where the machine would: it cannot tell where it runs, and
// behave.
func TestNoFaceForTheShadow(t *testing.T) {
	g := newGoverned(t, func(c *quoin.Configuration) {
		*c = c.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "idle"})
	}, plugin.Builtin{Name: "idle", Machine: idle{}})
	g.anyAuthor()
	r := twoFaced(t)
	g.x.c.Table.Add(r)
	n := g.approve(*g.bindingOf(r, "machine.v1", "kv"), governance.Plan{Shadow: 8, Diverges: true})
	g.command(proposer, governance.Shadow{Proposal: n})
	if c := g.certify(g.put("a", "b")).Comparisons[0]; c.Compared != 1 || c.Diverged != 0 {
		t.Errorf("alone: %+v", c)
	}
	if c := g.certify(g.put("a", "b"), g.put("a", "c")).Comparisons[0]; c.Compared != 2 || c.Diverged != 2 {
		t.Errorf("two in a row: %+v", c)
	}
}

// In a batch the bound on fuel holds too.
func TestBatchesBesideAreBounded(t *testing.T) {
	used := func(most uint64) governance.Comparison {
		g := newGoverned(t, func(c *quoin.Configuration) { c.Parameters.ShadowMaxFuel = most })
		g.anyAuthor()
		r := twoFaced(t)
		g.x.c.Table.Add(r)
		b := g.bindingOf(r, "machine.v1", "kv")
		b.FuelMax = 10_000
		n := g.approve(*b, governance.Plan{Shadow: 8, Diverges: true})
		g.command(proposer, governance.Shadow{Proposal: n})
		var txs []quoin.Transaction
		for range 100 {
			txs = append(txs, g.put("k", "v"))
		}
		return g.certify(txs...).Comparisons[0].Comparison
	}
	if c := used(1 << 40); c.Compared != 100 || c.Diverged != 100 || c.Skipped != 0 {
		t.Errorf("without a bound: %+v", c)
	}
	if c := used(15_000); c.Compared == 0 || c.Skipped == 0 || c.Compared+c.Skipped != 100 || c.Faults != 0 {
		t.Errorf("with a bound: %+v", c)
	}
}
