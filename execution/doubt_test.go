package execution

import (
	"errors"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
)

// TestForgottenBlockIsExecutedInDoubt: a block whose result others do not share is executed once more by
// the second engine, and the blocks after it by the first one.
func TestForgottenBlockIsExecutedInDoubt(t *testing.T) {
	fixture, ok := hostile.Find(hostile.LeaderParameter)
	if !ok {
		t.Fatal("no such fixture")
	}
	file := fixture.Release(quoin.PublicKey{})
	compile := func(o plugin.Options) (*plugin.Host, *plugin.Release) {
		h, err := plugin.NewHost(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() })
		r, err := h.Compile(file)
		if err != nil {
			t.Fatal(err)
		}
		return h, r
	}
	f := newFixture(t)
	_, first := compile(plugin.Options{})
	f.x.c.Table.Add(first)
	b := *first.Binding("leader.v1")
	b.Parameters = make([]byte, 4)
	f.bind(b)
	o, err := f.execute(put(1, "a", "b"))
	if err != nil || o.Leader.Fuel == 0 {
		t.Fatal(o, err)
	}
	want := o.Checkpoint

	again := func() (*Outcome, error) {
		if !f.x.Forget(want.Block) {
			t.Fatal("there is nothing to forget")
		}
		return f.execute(put(1, "a", "b"))
	}
	if o, err := again(); err != nil || o.Checkpoint != want {
		t.Errorf("without a second engine: %v, %v", o, err)
	}
	interpreter, second := compile(plugin.Options{Interpreter: true})
	f.x.c.Table.AddSecond(second)
	if o, err := again(); err != nil || o.Checkpoint != want {
		t.Errorf("by the second engine: %v, %v", o, err)
	}

	// That it was the second: one that is gone cannot serve.
	_ = interpreter.Close()
	interpreter, second = compile(plugin.Options{Interpreter: true})
	_ = interpreter.Close()
	f.x.c.Table.AddSecond(second)
	if o, err := again(); !errors.Is(err, ErrLocal) {
		t.Errorf("by a second engine that is gone: %v, %v", o, err)
	}
	if o, err := f.execute(put(1, "a", "b")); err != nil || o.Checkpoint != want {
		t.Errorf("the third time: %v, %v", o, err)
	}
}
