package plugin

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// worldState is a state with a world.
type worldState struct {
	*mapState
	fail error
}

func (w *worldState) Foreign(namespace string, key []byte) ([]byte, bool, error) {
	return []byte(namespace + "/" + string(key)), string(key) != "absent", w.fail
}

func (w *worldState) History(height uint64) (hook.Ancestor, bool, error) {
	return hook.Ancestor{Height: height, State: [32]byte{9}}, height == 5, w.fail
}

func (w *worldState) Proof(key []byte) ([]byte, error) {
	return append([]byte("proof of "), key...), w.fail
}

func (w *worldState) Beacon() [32]byte { return [32]byte{1, 2, 3} }

var (
	foreignGet = Imported{Module: "quoin.v1", Name: "foreign_get", Params: Types(I32, I32, I32, I32, I32, I32), Results: Types(I32)}
	historyGet = Imported{Module: "quoin.v1", Name: "history_get", Params: Types(I64, I32, I32), Results: Types(I32)}
	proofGet   = Imported{Module: "quoin.v1", Name: "proof_get", Params: Types(I32, I32, I32, I32), Results: Types(I32)}
	beaconGet  = Imported{Module: "quoin.v1", Name: "beacon", Params: Types(I32), Results: nil}
)

// asks is a machine that calls one function, whose result becomes the code, and gives what it wrote
// at 1000 as the output. The names "bank" and "key" lie at 16 and 32.
func asks(f Imported, arguments ...[]byte) []byte {
	m := Guest(1, f, Output)
	m.Data(16, []byte("bank"))
	m.Data(32, []byte("key"))
	call := slices.Concat(append(arguments, Call(0))...)
	if len(f.Results) > 0 {
		call = slices.Concat(I32Const(996), call, I32Store(0))
	}
	m.Func("machine.v1.apply", nil, status, nil, call, I32Const(996), I32Const(4+136), Call(1), I32Const(0))
	return machine(m)
}

func TestCapabilities(t *testing.T) {
	ancestor := hook.Ancestor{Height: 5, State: [32]byte{9}}
	for name, c := range map[string]struct {
		needs  string
		module []byte
		code   uint32
		want   []byte
	}{
		"foreign": {"foreign.bank", asks(foreignGet, I32Const(16), I32Const(4), I32Const(32), I32Const(3), I32Const(1000), I32Const(99)), 8, []byte("bank/key")},
		"history": {"history", asks(historyGet, I64Const(5), I32Const(1000), I32Const(200)), 136, ancestor.Append(nil)},
		"no such": {"history", asks(historyGet, I64Const(6), I32Const(1000), I32Const(200)), notFound, nil},
		"proof":   {"proof", asks(proofGet, I32Const(32), I32Const(3), I32Const(1000), I32Const(99)), 12, []byte("proof of key")},
		"beacon":  {"beacon", asks(beaconGet, I32Const(1000)), 0, []byte{1, 2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			manifest := testManifest("machine.v1")
			if _, err := Check(release(t, c.module, manifest), DefaultLimits()); !hasCode(err, CodeCapability) {
				t.Fatalf("without the capability in the manifest: %v", err)
			}
			manifest.Capabilities = []string{c.needs}
			e := newEngines(t)
			b := e.load(release(t, c.module, manifest))
			apply := func(b *quoin.Binding, s State) (first ApplyResult) {
				for i, table := range e.table {
					r, err := table.Apply(b, &hook.ApplyRequest{Height: 6}, s)
					if err != nil {
						t.Fatal(err)
					}
					if i == 0 {
						first = r
					} else if r.Fault != first.Fault || r.Fuel != first.Fuel || r.Code != first.Code || !bytes.Equal(r.Output, first.Output) {
						t.Fatalf("the engines differ: %+v, %+v", first, r)
					}
				}
				return first
			}
			world := &worldState{mapState: newState()}
			r := apply(b, world)
			code := r.Code
			if r.Fault != hook.FaultNone || code != c.code || !bytes.HasPrefix(r.Output, c.want) {
				t.Errorf("%+v, want code %d and %q", r, c.code, c.want)
			}
			ungranted := *b
			ungranted.Grants = nil
			if r := apply(&ungranted, world); r.Fault != hook.FaultImport {
				t.Errorf("not granted: %+v", r)
			}
			if r := apply(b, newState()); r.Fault != hook.FaultImport {
				t.Errorf("without a world: %+v", r)
			}
			world.fail = errors.New("disk")
			if _, err := e.table[0].Apply(b, &hook.ApplyRequest{}, world); name != "beacon" && !errors.Is(err, ErrLocal) {
				t.Errorf("a failing world: %v", err)
			}
		})
	}
}

// A grant is for one namespace, and the kernel's is nobody's.
func TestForeignNamespaces(t *testing.T) {
	module := asks(foreignGet, I32Const(16), I32Const(4), I32Const(32), I32Const(3), I32Const(1000), I32Const(99))
	for capability, want := range map[string]hook.Fault{"foreign.bank": hook.FaultNone, "foreign.ban": hook.FaultImport, "foreign.bank2": hook.FaultImport} {
		manifest := testManifest("machine.v1")
		manifest.Capabilities = []string{capability}
		e := newEngines(t)
		b := e.load(release(t, module, manifest))
		if r, err := e.table[0].Apply(b, &hook.ApplyRequest{}, &worldState{mapState: newState()}); err != nil || r.Fault != want {
			t.Errorf("%s: %+v, %v", capability, r, err)
		}
	}
	for _, capability := range []string{"foreign.", "foreign." + quoin.KernelNamespace, "foreign.BANK", "state.x", "time"} {
		manifest := testManifest("machine.v1")
		manifest.Capabilities = []string{capability}
		file, err := Embed(echo(), manifest)
		if err == nil {
			_, err = Check(file, DefaultLimits())
		}
		if err == nil {
			t.Errorf("%q is a capability", capability)
		}
	}
}

// A plugin can ask what it was granted.
func TestGranted(t *testing.T) {
	m := Guest(1, Granted, Output)
	m.Data(16, []byte("events"))
	m.Func("machine.v1.apply", nil, status, nil, I32Const(0), I32Const(16), I32Const(6), Call(0), I32Store(0), I32Const(0), I32Const(4), Call(1), I32Const(0))
	e := newEngines(t)
	b := e.load(release(t, machine(m), testManifest("machine.v1")))
	if r := e.apply(b, nil, nil); r.Code != 1 {
		t.Errorf("granted: %+v", r)
	}
	b.Grants = []string{"state"}
	if r := e.apply(b, nil, nil); r.Code != 0 || r.Fault != hook.FaultNone {
		t.Errorf("not granted: %+v", r)
	}
}

func TestFits(t *testing.T) {
	m := testManifest("machine.v1")
	good := quoin.Binding{Hook: "machine.v1", Namespace: "n", Release: quoin.Hash{1}, Grants: []string{"state"}}
	for name, c := range map[string]struct {
		change func(*quoin.Binding, *Manifest)
		want   Code
	}{
		"fits":               {func(*quoin.Binding, *Manifest) {}, ""},
		"unknown hook":       {func(b *quoin.Binding, _ *Manifest) { b.Hook = "machine.v9" }, CodeHook},
		"hook of others":     {func(b *quoin.Binding, _ *Manifest) { b.Hook, b.Namespace = "leader.v1", "" }, CodeHook},
		"no namespace":       {func(b *quoin.Binding, _ *Manifest) { b.Namespace = "" }, CodeHook},
		"too much fuel":      {func(b *quoin.Binding, _ *Manifest) { b.FuelMax = hook.Machine.FuelMax + 1 }, CodeFuel},
		"more than asked":    {func(b *quoin.Binding, _ *Manifest) { b.Grants = []string{"beacon"} }, CodeCapability},
		"unknown capability": {func(b *quoin.Binding, _ *Manifest) { b.Grants = []string{"network"} }, CodeCapability},
		"newer node":         {func(_ *quoin.Binding, m *Manifest) { m.NodeMin = NodeVersion + 1 }, CodeVersion},
	} {
		b, n := good, *m
		c.change(&b, &n)
		r := Fits(&n, &b)
		if (r == nil) != (c.want == "") || r != nil && r.Code != c.want {
			t.Errorf("%s: %v", name, r)
		}
	}
}

// What native code may ask of the world costs what it costs a guest's host functions.
func TestNativeWorld(t *testing.T) {
	asker := machineFunc(func(q *hook.ApplyRequest, s hook.Access) hook.ApplyResponse {
		v, _ := s.Foreign("bank", []byte("key"))
		a, _ := s.History(5)
		random := s.Beacon()
		out := append(append(bytes.Clone(v), s.Proof([]byte("k"))...), random[:3]...)
		return hook.ApplyResponse{Output: binary.BigEndian.AppendUint64(out, a.Height)}
	})
	table, err := NewTable([]Builtin{{Name: "asker", Machine: asker}})
	if err != nil {
		t.Fatal(err)
	}
	b := &quoin.Binding{Hook: "machine.v1", Builtin: "asker"}
	r, err := table.Apply(b, &hook.ApplyRequest{}, &worldState{mapState: newState()})
	if err != nil || r.Fault != hook.FaultNone || string(r.Output) != "bank/keyproof of k\x01\x02\x03\x00\x00\x00\x00\x00\x00\x00\x05" {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := table.Apply(b, &hook.ApplyRequest{}, newState()); err != nil || r.Fault != hook.FaultImport {
		t.Errorf("without a world: %+v, %v", r, err)
	}
}

// machineFunc is a machine that answers no query.
type machineFunc func(*hook.ApplyRequest, hook.Access) hook.ApplyResponse

func (f machineFunc) Apply(q *hook.ApplyRequest, s hook.Access) hook.ApplyResponse { return f(q, s) }

func (machineFunc) Query(*hook.QueryRequest, hook.Reader) hook.QueryResponse {
	return hook.QueryResponse{}
}

func hasCode(err error, code Code) bool {
	var r *Refusal
	return errors.As(err, &r) && r.Code == code
}
