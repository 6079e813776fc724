package lab

import (
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/execution"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/replica"
)

// bindValidation binds a validation, which may differ between replicas, to the namespace "fickle" with a
// machine that accepts everything.
func bindValidation(w *world, judge func(n *node, r *hook.ValidationRequest) hook.ValidationResponse) {
	w.genesis.Configuration = w.genesis.Configuration.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: "fickle", Builtin: "fickle"})
	w.genesis.Configuration = w.genesis.Configuration.WithBinding(quoin.Binding{Hook: "validation.v1", Namespace: "fickle", Builtin: "judge"})
	accept := fickle{func(*hook.ApplyRequest, hook.Access) hook.ApplyResponse { return hook.ApplyResponse{} }}
	w.machines = func(n *node) []plugin.Builtin {
		return []plugin.Builtin{{Name: "fickle", Machine: accept}, {Name: "judge", Validation: hook.ValidationFunc(
			func(r *hook.ValidationRequest, _ hook.Reader) hook.ValidationResponse { return judge(n, r) })}}
	}
}

// A validation that lets transactions into the pool and then refuses them in blocks, or faults there,
// costs those transactions and nothing else: they stand in the ledger with the code.
func TestMoodyValidation(t *testing.T) {
	t.Parallel()
	w := play(t, Options{}, func(w *world) {
		bindValidation(w, func(_ *node, r *hook.ValidationRequest) hook.ValidationResponse {
			switch r.Height % 3 {
			case 0:
				panic("moody")
			case 1:
				return hook.ValidationResponse{Code: 7}
			}
			return hook.ValidationResponse{}
		})
		for i := range uint64(40) {
			w.after(2*second+i*second/4, func() { submitFickle(w, i) })
		}
		w.after(14*second, w.chaos.heal)
	})
	seen := map[uint32]int{}
	for i := range w.chain.blocks {
		b := &w.chain.blocks[i]
		for k, tx := range b.Block.Transactions() {
			if tx.Namespace != "fickle" {
				continue
			}
			code := b.Results[k].Code
			want := []uint32{execution.ResultValidationFault + uint32(hook.FaultTrap), execution.ResultValidation, 0}[b.Checkpoint.Height%3]
			if code != want {
				t.Errorf("height %d: code %d, want %d", b.Checkpoint.Height, code, want)
			}
			seen[code]++
		}
	}
	if len(seen) < 2 {
		t.Errorf("results by code: %v", seen)
	}
}

// A validation that judges differently on every replica splits nothing but its namespace, which is
// suspended.
func TestValidationThatDiffers(t *testing.T) {
	t.Parallel()
	var suspended int
	play(t, Options{}, func(w *world) {
		bindValidation(w, func(n *node, r *hook.ValidationRequest) hook.ValidationResponse {
			if r.Transaction[0]&1 == 0 && n.index == 0 {
				return hook.ValidationResponse{} // so that somebody's pool takes it
			}
			return hook.ValidationResponse{Code: uint32(n.index)}
		})
		w.observers = append(w.observers, &watch{on: func(_ *node, e *replica.Event) {
			if e.Kind == replica.Suspended {
				suspended++
			}
		}})
		w.after(3*second, func() { submitFickle(w, 1) })
		w.after(12*second, w.chaos.heal)
	})
	if suspended == 0 {
		t.Error("the namespace is not suspended")
	}
}

// A finality plugin that faults on some replicas and not on others keeps blocks of its views from being
// certified, and none of the rescue views': the chain goes on, and could remove it.
func TestFinalityThatDiffers(t *testing.T) {
	t.Parallel()
	w := play(t, Options{}, func(w *world) {
		w.genesis.Configuration = w.genesis.Configuration.WithBinding(quoin.Binding{Hook: "finality.v1", Builtin: "odd"})
		w.machines = func(n *node) []plugin.Builtin {
			return []plugin.Builtin{{Name: "odd", Finality: hook.FinalityFunc(func(*hook.FinalityRequest) hook.FinalityResponse {
				if n.index%2 == 1 {
					panic("odd")
				}
				return hook.FinalityResponse{Blocks: uint32(n.index)}
			})}}
		}
		w.after(10*second, w.chaos.heal)
	})
	if h := w.chain.height(); h < 3 {
		t.Errorf("height %d", h)
	}
	for i := range w.chain.blocks {
		if v := w.chain.blocks[i].Block.Header().View; v%4 != 0 {
			t.Errorf("view %d, which is no rescue view, gave a block that replicas see differently", v)
		}
	}
}
