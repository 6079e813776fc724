package compare

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	. "quoin.dev/quoin/plugin/wasmtest"
	"quoin.dev/quoin/sdk/plugintest"
)

const answerAt = 100_000

// variant says how a machine differs from the one that answers code 0 and keeps each request's first
// 8 bytes.
type variant struct {
	manifest func(m *plugin.Manifest)
	code     int32 // of apply
	silent   bool  // apply writes nothing
	trap     bool  // apply traps
	burn     int64 // times that apply goes round a loop
	init     bool  // _initialize traps
	batch    bool  // exports apply_batch
	padding  int   // bytes of data
}

func release(t *testing.T, v variant) []byte {
	t.Helper()
	m := Guest(4, Input, Output, StatePut, Imported{Module: "quoin.v1", Name: "batch_next", Results: Types(I32)})
	answer := func(code int32) []byte {
		return bytes.Join([][]byte{I32Const(answerAt), I32Const(code), I32Store(0), I32Const(answerAt), I32Const(4), Call(1)}, nil)
	}
	apply := bytes.Join([][]byte{I32Const(0), I32Const(answerAt), Call(0), Op(0x1a)}, nil)
	if !v.silent {
		apply = bytes.Join([][]byte{apply, I32Const(0), I32Const(8), I32Const(0), I32Const(8), Call(2)}, nil)
	}
	if v.burn > 0 {
		apply = bytes.Join([][]byte{apply, I64Const(v.burn), LocalSet(0),
			Loop(0x40, LocalGet(0), I64Const(1), Op(0x7d), LocalTee(0), I64Const(0), Op(0x52), BrIf(0))}, nil)
	}
	if v.trap {
		apply = append(apply, 0)
	}
	m.Func("machine.v1.apply", nil, Types(I32), Types(I64), apply, answer(v.code), I32Const(0))
	m.Func("machine.v1.query", nil, Types(I32), nil, answer(0), I32Const(0))
	if v.batch {
		m.Func("machine.v1.apply_batch", nil, Types(I32), nil, Block(0x40, Loop(0x40, Call(3), Op(0x45), BrIf(1), answer(0), Br(0))), I32Const(0))
	}
	if v.init {
		m.Func("_initialize", nil, nil, nil, Op(0))
	}
	m.Data(0, make([]byte, v.padding))
	manifest := &plugin.Manifest{Name: "variant", Version: "1", Sequence: 1, Author: [32]byte{1}, Hooks: []string{"machine.v1"},
		Capabilities: []string{"state"}, FuelMax: 1_000_000, PagesMax: 8}
	if v.manifest != nil {
		v.manifest(manifest)
	}
	file, err := plugin.Embed(m.Bytes(), manifest)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func next(m *plugin.Manifest) { m.Sequence++ }

func TestEachDifferenceHasItsCode(t *testing.T) {
	old := release(t, variant{})
	leader := Guest(1, Input, Output)
	leader.Func("leader.v1", nil, Types(I32), nil, I32Const(1))
	elsewhere, err := plugin.Embed(leader.Bytes(), &plugin.Manifest{Name: "variant", Version: "1", Sequence: 2, Author: [32]byte{1},
		Hooks: []string{"leader.v1"}, Capabilities: []string{"state"}, FuelMax: 1_000_000, PagesMax: 8})
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(m *plugin.Manifest)) []byte {
		return release(t, variant{manifest: func(m *plugin.Manifest) { next(m); change(m) }})
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "plugin-tools.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		file   []byte
		blocks []string // codes, in their order
		notes  []string
	}{
		{"the next release", with(func(*plugin.Manifest) {}), nil, nil},
		{"the same", old, []string{"no-change"}, nil},
		{"another name", with(func(m *plugin.Manifest) { m.Name = "other" }), []string{"name"}, nil},
		{"another author", with(func(m *plugin.Manifest) { m.Author[0]++ }), []string{"author"}, nil},
		{"nobody", with(func(m *plugin.Manifest) { m.Author = [32]byte{} }), []string{"author"}, nil},
		{"no progress", with(func(m *plugin.Manifest) { m.Sequence = 1; m.Version = "2" }), []string{"sequence"}, []string{"version-text"}},
		{"a leap", with(func(m *plugin.Manifest) { m.Sequence = 5_000 }), []string{"sequence"}, nil},
		{"one capability more", with(func(m *plugin.Manifest) { m.Capabilities = []string{"events", "state"} }), nil, []string{"capability-added"}},
		{"limits", with(func(m *plugin.Manifest) { m.FuelMax, m.PagesMax, m.EndOfLife = 2_000_000, 7, 70 }), nil, []string{"fuel-max", "pages-max", "end-of-life"}},
		{"parameters", with(func(m *plugin.Manifest) { m.ParamsSchema = []byte(`{"x":1}`) }), nil, []string{"params-schema"}},
		{"versions", with(func(m *plugin.Manifest) { m.NodeMin, m.EngineMin = 1, 1 }), nil, []string{"node-min", "engine-min"}},
		{"a newer node", with(func(m *plugin.Manifest) { m.NodeMin = 99 }), []string{"refused"}, nil},
		{"another hook", elsewhere, []string{"hook-removed"}, []string{"hook-added", "exports", "imports"}},
		{"junk", []byte("junk"), []string{"refused"}, nil},
		{"initialisation", release(t, variant{manifest: next, init: true}), []string{"initialisation"}, nil},
		{"a batch", release(t, variant{manifest: next, batch: true}), nil, []string{"batch-added", "exports"}},
		{"more bytes", release(t, variant{manifest: next, padding: 9_000}), nil, []string{"size"}},
		{"another code", release(t, variant{manifest: next, code: 3}), nil, []string{"results", "state"}},
		{"no writes", release(t, variant{manifest: next, silent: true}), nil, []string{"results", "fuel", "state"}},
		{"faults", release(t, variant{manifest: next, trap: true}), nil, []string{"faults", "results", "state"}},
		{"more fuel", release(t, variant{manifest: next, burn: 2_000}), nil, []string{"fuel"}},
	} {
		r, err := Releases(context.Background(), old, c.file, Options{Seed: 2, Calls: 20})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for _, code := range slices.Concat(c.blocks, c.notes) {
			if !strings.Contains(string(page), "`"+code+"`") {
				t.Errorf("%s is not in docs/plugin-tools.md", code)
			}
		}
		var blocks, notes []string
		for _, d := range r.Differences {
			if d.Blocks {
				blocks = append(blocks, d.Code)
			} else if d.Code != "size" || slices.Contains(c.notes, "size") {
				notes = append(notes, d.Code) // small modules grow by a tenth easily
			}
		}
		if !slices.Equal(blocks, c.blocks) || !slices.Equal(notes, c.notes) || r.Replaceable != (len(c.blocks) == 0) {
			t.Errorf("%s: blocks %q, notes %q, replaceable %t; want %q and %q\n%+v", c.name, blocks, notes, r.Replaceable, c.blocks, c.notes, r.Differences)
		}
	}
	if r, err := Releases(context.Background(), with(func(*plugin.Manifest) {}), release(t, variant{manifest: func(m *plugin.Manifest) { m.Sequence, m.Capabilities = 3, []string{"events", "state"} }}), Options{Calls: 5}); err != nil || !r.Replaceable {
		t.Errorf("%+v, %v", r, err)
	}
	wide := with(func(m *plugin.Manifest) { m.Sequence, m.Capabilities = 1, []string{"events", "state"} })
	if r, err := Releases(context.Background(), wide, with(func(*plugin.Manifest) {}), Options{Calls: 5}); err != nil || r.Replaceable || !r.Has("capability-unused") {
		t.Errorf("a capability less: %+v, %v", r, err)
	}
	if _, err := Releases(context.Background(), []byte("junk"), old, Options{}); err == nil {
		t.Error("an old release that is none was accepted")
	}
}

func TestRecordedBlocks(t *testing.T) {
	old, other := release(t, variant{}), release(t, variant{manifest: next, code: 3})
	request, err := hook.Apply.EncodeRequest(nil, &hook.ApplyRequest{Height: 3, Payload: []byte("hello")})
	if err != nil {
		t.Fatal(err)
	}
	record := &plugintest.Record{Calls: []plugintest.Call{{Operation: hook.Apply.Name, Request: request}, {Operation: hook.Lead.Name, Request: []byte{1}}}}
	r, err := Releases(context.Background(), old, other, Options{Records: []*plugintest.Record{record}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Operations) != 1 || r.Operations[0].Asked != 1 || r.Operations[0].Different != 1 || !r.Has("state") {
		t.Errorf("%+v", r)
	}
	record.Calls[0].Request = []byte("junk")
	if _, err := Releases(context.Background(), old, other, Options{Records: []*plugintest.Record{record}}); err == nil {
		t.Error("a request that is none was asked")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Releases(ctx, old, other, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

// The new release has no more than the old binding grants.
func TestTheNewReleaseGetsTheOldGrants(t *testing.T) {
	// The old one asks for nothing that it does not need: a machine without state.
	m := Guest(4, Input, Output)
	answer := [][]byte{I32Const(answerAt), I32Const(0), I32Store(0), I32Const(answerAt), I32Const(4), Call(1), I32Const(0)}
	m.Func("machine.v1.apply", nil, Types(I32), nil, answer...)
	m.Func("machine.v1.query", nil, Types(I32), nil, answer...)
	old, err := plugin.Embed(m.Bytes(), &plugin.Manifest{Name: "variant", Version: "1", Sequence: 1, Author: [32]byte{1}, Hooks: []string{"machine.v1"}, FuelMax: 1_000_000, PagesMax: 8})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Releases(context.Background(), old, release(t, variant{manifest: next}), Options{Calls: 10})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Has("capability-added") || !r.Has("faults") {
		t.Errorf("it wrote to a state that nobody granted: %+v", r)
	}
}
