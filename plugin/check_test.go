package plugin

import (
	"bytes"
	"errors"
	"math/rand"
	"slices"
	"strings"
	"testing"

	. "quoin.dev/quoin/plugin/wasmtest"
)

// plainMachine is a machine that passes the check; change spoils it.
func plainMachine(change func(m *Module), imports ...Imported) []byte {
	m := Guest(1, imports...)
	if change != nil {
		change(m)
	}
	m.Func("machine.v1.apply", nil, status, nil, I32Const(0))
	return machine(m)
}

func repeat(n int, b ...byte) []byte { return bytes.Repeat(b, n) }

// Each refusal has its code, and none takes time: these are the bombs that would make the
// compiler take seconds and gigabytes.
func TestRefusals(t *testing.T) {
	wide := func(n int) []byte { return repeat(n, I32) }
	for _, c := range []struct {
		name   string
		want   Code
		module []byte
	}{
		{"start section", CodeStart, plainMachine(func(m *Module) { m.Raw = map[byte][]byte{8: {0}} })},
		{"huge memory", CodeMemory, plainMachine(func(m *Module) { m.Memory(65536, -1) })},
		{"memory beyond the manifest's", CodeMemory, plainMachine(func(m *Module) { m.Memory(65, -1) })},
		{"two memories", CodeMemory, plainMachine(func(m *Module) { m.Raw = map[byte][]byte{5: {2, 0, 1, 0, 1}} })},
		{"no memory", CodeMemory, plainMachine(func(m *Module) { m.Raw = map[byte][]byte{5: {0}} })},
		{"shared memory", CodeFeature, plainMachine(func(m *Module) { m.Raw = map[byte][]byte{5: {1, 3, 1, 2}} })},
		{"64-bit memory", CodeFeature, plainMachine(func(m *Module) { m.Raw = map[byte][]byte{5: {1, 4, 1}} })},
		{"memory upside down", CodeInvalid, plainMachine(func(m *Module) { m.Memory(3, 2) })},
		{"table bomb", CodeTable, plainMachine(func(m *Module) { m.Table(1<<24, -1) })},
		{"two tables", CodeTable, plainMachine(func(m *Module) { m.Raw = map[byte][]byte{4: {2, 0x70, 0, 1, 0x70, 0, 1}} })},
		{"table of externs", CodeFeature, plainMachine(func(m *Module) { m.Raw = map[byte][]byte{4: {1, 0x6f, 0, 1}} })},
		{"locals bomb", CodeLocals, plainMachine(func(m *Module) {
			m.RawFunc("", nil, nil, slices.Concat([]byte{1}, U32(100_000_000), []byte{I32, 0x0b}))
		})},
		{"locals overflow", CodeLocals, plainMachine(func(m *Module) {
			m.RawFunc("", nil, nil, slices.Concat([]byte{2}, U32(1<<32-1), []byte{I32}, U32(1<<32-1), []byte{I32, 0x0b}))
		})},
		{"nesting bomb", CodeNesting, plainMachine(func(m *Module) {
			m.RawFunc("", nil, nil, slices.Concat([]byte{0}, repeat(30_000, 0x02, 0x40), repeat(30_001, 0x0b)))
		})},
		{"br_table bomb", CodeBranches, plainMachine(func(m *Module) {
			m.RawFunc("", nil, nil, slices.Concat([]byte{0}, I32Const(0), []byte{0x0e}, U32(50_000), repeat(50_001, 0), []byte{0x0b}))
		})},
		{"many br_tables", CodeBranches, plainMachine(func(m *Module) {
			one := slices.Concat(I32Const(0), []byte{0x0e}, U32(1000), repeat(1001, 0))
			for range 2 {
				m.Func("", nil, nil, nil, repeat(40, one...))
			}
		})},
		{"long body", CodeBody, plainMachine(func(m *Module) { m.Func("", nil, nil, nil, repeat(200_000, 0x01)) })},
		{"locals times blocks", CodeComplexity, plainMachine(func(m *Module) {
			m.Func("", nil, nil, repeat(1000, I32), repeat(1000, 0x02, 0x40, 0x0b))
		})},
		{"many complex functions", CodeComplexity, plainMachine(func(m *Module) {
			for range 300 {
				m.Func("", nil, nil, repeat(1000, I32), repeat(60, 0x02, 0x40, 0x0b))
			}
		})},
		{"many parameters", CodeCount, plainMachine(func(m *Module) { m.Type(wide(1000), nil) })},
		{"many results", CodeCount, plainMachine(func(m *Module) { m.Type(nil, wide(100)) })},
		{"many types", CodeCount, plainMachine(func(m *Module) {
			for i := range 3000 {
				m.Type(wide(i%60), repeat(i/60%16, F32))
				m.Type(repeat(i%60, I64), repeat(i/60%16, F64))
				m.Type(repeat(i%60, F64), repeat(i/60%16, F64))
			}
		})},
		{"many functions", CodeCount, plainMachine(func(m *Module) { m.Raw = map[byte][]byte{3: append(U32(100_000), repeat(100_000, 0)...)} })},
		{"data beyond the memory", CodeData, plainMachine(func(m *Module) { m.Data(65530, make([]byte, 10)) })},
		{"data at a huge offset", CodeData, plainMachine(func(m *Module) { m.Data(-1, []byte{1}) })},
		{"passive data", CodeFeature, plainMachine(func(m *Module) { m.Raw = map[byte][]byte{11: {1, 1, 1, 7}} })},
		{"passive elements", CodeFeature, plainMachine(func(m *Module) { m.Raw = map[byte][]byte{9: {1, 1, 0, 1, 0}} })},
		{"elements without a table", CodeTable, plainMachine(func(m *Module) { m.Element(0, 0) })},
		{"elements beyond the table", CodeTable, plainMachine(func(m *Module) { m.Table(2, 2); m.Element(1, 0, 0) })},
		{"element of no function", CodeInvalid, plainMachine(func(m *Module) { m.Table(2, 2); m.Element(0, 99) })},
		{"initialiser from a global", CodeFeature, plainMachine(func(m *Module) { m.Global(I32, false, I32Const(1)); m.Global(I32, false, GlobalGet(0)) })},
		{"global of another type", CodeInvalid, plainMachine(func(m *Module) { m.Global(I32, false, I64Const(1)) })},
		{"vector type", CodeFeature, plainMachine(func(m *Module) { m.Type(Types(0x7b), nil) })},
		{"reference type", CodeFeature, plainMachine(func(m *Module) { m.Type(Types(0x70), nil) })},
		{"unknown section", CodeFeature, append(plainMachine(nil), 13, 1, 0)},
		{"import of a memory", CodeImport, plainMachine(func(m *Module) {
			m.Raw = map[byte][]byte{2: slices.Concat([]byte{1}, Name("env"), Name("memory"), []byte{2, 0, 1})}
		})},
		{"import of a file function", CodeImport, plainMachine(nil, Imported{Module: "wasi_snapshot_preview1", Name: "path_open", Params: nil, Results: nil})},
		{"import of something near", CodeImport, plainMachine(nil, Imported{Module: "quoin.v1", Name: "input ", Params: Types(I32, I32), Results: Types(I32)})},
		{"import from a later version", CodeImport, plainMachine(nil, Imported{Module: "quoin.v2", Name: "input", Params: Types(I32, I32), Results: Types(I32)})},
		{"import of another type", CodeImport, plainMachine(nil, Imported{Module: "quoin.v1", Name: "input", Params: Types(I32, I64), Results: Types(I32)})},
		{"reserved export", CodeExport, plainMachine(func(m *Module) { m.Global(I64, true, I64Const(9)); m.Export("quoin.fuel", KindGlobal, 0) })},
		{"another reserved export", CodeExport, plainMachine(func(m *Module) { m.Func("quoin.anything", nil, nil, nil) })},
		{"marker of another type", CodeExport, func() []byte {
			m := &Module{}
			m.Memory(1, -1)
			m.Export("memory", KindMemory, 0)
			m.Func("quoin.abi.v1", nil, status, nil, I32Const(1))
			m.Func("machine.v1.apply", nil, status, nil, I32Const(0))
			return machine(m)
		}()},
		{"operation of another type", CodeExport, func() []byte {
			m := Guest(1)
			m.Func("machine.v1.apply", nil, nil, nil)
			return machine(m)
		}()},
		{"missing operation", CodeExport, func() []byte {
			m := Guest(1)
			m.Func("machine.v1.apply", nil, status, nil, I32Const(0))
			return m.Bytes()
		}()},
		{"operation of an unnamed hook", CodeExport, plainMachine(func(m *Module) { m.Func("leader.v1", nil, status, nil, I32Const(0)) })},
		{"memory not exported", CodeExport, func() []byte {
			m := &Module{}
			m.Memory(1, -1)
			m.Func("quoin.abi.v1", nil, nil, nil)
			m.Func("machine.v1.apply", nil, status, nil, I32Const(0))
			return machine(m)
		}()},
		{"doubled export", CodeInvalid, plainMachine(func(m *Module) { m.Export("memory", KindMemory, 0) })},
		{"simd", CodeFeature, plainMachine(func(m *Module) { m.Func("", nil, nil, nil, Op(0xfd, 12), repeat(16, 0), Op(0x1a)) })},
		{"threads", CodeFeature, plainMachine(func(m *Module) { m.Func("", nil, nil, nil, Op(0xfe, 3, 0)) })},
		{"tail call", CodeFeature, plainMachine(func(m *Module) { m.Func("", nil, nil, nil, Op(0x12, 0)) })},
		{"exceptions", CodeFeature, plainMachine(func(m *Module) { m.Func("", nil, nil, nil, Op(0x06, 0x40, 0x0b)) })},
		{"table.set", CodeFeature, plainMachine(func(m *Module) { m.Table(1, 1); m.Func("", nil, nil, nil, I32Const(0), Op(0xd0, 0x70, 0x26, 0)) })},
		{"table.grow", CodeFeature, plainMachine(func(m *Module) { m.Table(1, 1); m.Func("", nil, nil, nil, Op(0xfc, 15, 0)) })},
		{"memory.init", CodeFeature, plainMachine(func(m *Module) { m.Func("", nil, nil, nil, Op(0xfc, 8, 0, 0)) })},
		{"unknown instruction", CodeFeature, plainMachine(func(m *Module) { m.Func("", nil, nil, nil, Op(0xff)) })},
		{"local beyond", CodeInvalid, plainMachine(func(m *Module) { m.Func("", nil, nil, Types(I64), LocalGet(1), Op(0x1a)) })},
		{"global beyond, the fuel's", CodeInvalid, plainMachine(func(m *Module) { m.Func("", nil, nil, nil, I64Const(1<<40), GlobalSet(0)) })},
		{"constant global set", CodeInvalid, plainMachine(func(m *Module) {
			m.Global(I32, false, I32Const(0))
			m.Func("", nil, nil, nil, I32Const(1), GlobalSet(0))
		})},
		{"branch beyond, to the outer block", CodeInvalid, plainMachine(func(m *Module) { m.Func("", nil, nil, nil, Br(1)) })},
		{"call of nothing", CodeInvalid, plainMachine(func(m *Module) { m.Func("", nil, nil, nil, Call(99)) })},
		{"wrong type", CodeInvalid, plainMachine(func(m *Module) { m.Func("", nil, nil, nil, I64Const(1), I32Const(1), Op(0x6a, 0x1a)) })},
		{"empty stack", CodeInvalid, plainMachine(func(m *Module) { m.Func("", nil, nil, nil, Op(0x1a)) })},
		{"left over", CodeInvalid, plainMachine(func(m *Module) { m.Func("", nil, nil, nil, I32Const(1)) })},
		{"misaligned", CodeInvalid, plainMachine(func(m *Module) { m.Func("", nil, nil, nil, I32Const(0), Op(0x28, 3, 0, 0x1a)) })},
		{"if without else", CodeInvalid, plainMachine(func(m *Module) { m.Func("", nil, status, nil, I32Const(1), If(I32, I32Const(1))) })},
		{"else without if", CodeInvalid, plainMachine(func(m *Module) { m.Func("", nil, nil, nil, Op(0x05)) })},
		{"body without end", CodeMalformed, plainMachine(func(m *Module) { m.RawFunc("", nil, nil, []byte{0, 0x01}) })},
		{"code after the end", CodeMalformed, plainMachine(func(m *Module) { m.RawFunc("", nil, nil, []byte{0, 0x0b, 0x01, 0x0b}) })},
		{"functions without bodies", CodeMalformed, plainMachine(func(m *Module) { m.Raw = map[byte][]byte{10: {0}} })},
		{"long number", CodeMalformed, plainMachine(func(m *Module) { m.Func("", nil, nil, nil, Op(0x41, 0xff, 0xff, 0xff, 0xff, 0x1f, 0x1a)) })},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Check(release(t, c.module, testManifest("machine.v1")), DefaultLimits())
			var r *Refusal
			if !errors.As(err, &r) {
				t.Fatalf("accepted: %v", err)
			}
			if r.Code != c.want {
				t.Errorf("refused as %v, want %s", r, c.want)
			}
		})
	}
	if _, err := Check(release(t, plainMachine(nil), testManifest("machine.v1")), DefaultLimits()); err != nil {
		t.Errorf("the plain machine is refused: %v", err)
	}
}

func TestManifestRefusals(t *testing.T) {
	withState := plainMachine(nil, StateGet)
	for _, c := range []struct {
		name   string
		want   Code
		change func(m *Manifest)
	}{
		{"capability not named", CodeCapability, func(m *Manifest) { m.Capabilities = nil }},
		{"capability unknown", CodeCapability, func(m *Manifest) { m.Capabilities = []string{"state", "time-travel"} }},
		{"hook unknown", CodeHook, func(m *Manifest) { m.Hooks = []string{"machine.v1", "machine.v9"} }},
		{"hook not exported", CodeExport, func(m *Manifest) { m.Hooks = []string{"leader.v1", "machine.v1"} }},
		{"newer node", CodeVersion, func(m *Manifest) { m.NodeMin = NodeVersion + 1 }},
		{"newer engine", CodeVersion, func(m *Manifest) { m.EngineMin = EngineVersion + 1 }},
	} {
		m := testManifest("machine.v1")
		c.change(m)
		_, err := Check(release(t, withState, m), DefaultLimits())
		var r *Refusal
		if !errors.As(err, &r) || r.Code != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := Check(plainMachine(nil), DefaultLimits()); !strings.Contains(err.Error(), "embed a manifest") {
		t.Errorf("without a manifest: %v", err)
	}
	if _, err := Check(make([]byte, FileMax+1), DefaultLimits()); err == nil {
		t.Error("a file of five megabytes was accepted")
	}
}

// Whatever the check accepts, the engine compiles and starts.
func FuzzCheck(f *testing.F) {
	f.Add(release(f, plainMachine(nil), testManifest("machine.v1")))
	f.Add(release(f, echo(), testManifest("machine.v1")))
	for seed := range int64(3) {
		f.Add(release(f, randomMachine(rand.New(rand.NewSource(seed)), Shape{Floats: true, Traps: true, Locals: 9}), testManifest("machine.v1")))
	}
	h := newHost(f, Options{})
	f.Fuzz(func(t *testing.T, file []byte) {
		_, err := Check(file, DefaultLimits())
		if err != nil {
			var r *Refusal
			if !errors.As(err, &r) {
				t.Fatalf("an error that is no refusal: %v", err)
			}
			return
		}
		r, err := h.Compile(file)
		if err != nil {
			if !errors.Is(err, ErrInit) {
				t.Fatalf("the check accepts what the engine does not: %v", err)
			}
			return
		}
		_ = r.Close()
	})
}

// FuzzBody keeps the wrapping and lets the fuzzer write a function's code.
func FuzzBody(f *testing.F) {
	f.Add(byte(0), slices.Concat([]byte{0}, I32Const(1), Op(0x0b)))
	f.Add(byte(1), slices.Concat([]byte{1, 2, F64}, LocalGet(1), LocalGet(2), Op(0xa0, 0x22, 1, 0xaa, 0x0b)))
	f.Add(byte(2), slices.Concat([]byte{0}, Loop(I32, I32Const(0), Call(1), BrIf(0), I32Const(2), Op(0x40, 0)), Op(0x0b)))
	h, interpreter := newHost(f, Options{}), newHost(f, Options{Interpreter: true})
	f.Fuzz(func(t *testing.T, typ byte, code []byte) {
		m := Guest(1, Input, Output, Log)
		m.Table(4, 4)
		m.Element(0, 0, 1, 2, 3)
		m.Global(I32, true, I32Const(1))
		m.Global(F32, true, F32Bits(0x7fc00001))
		params := [][]byte{nil, {I32}, {I64, F64}, {F32, I32, I32}}[typ%4]
		n := m.RawFunc("", params, []byte{I32}, code)
		call := []byte{}
		for _, p := range params {
			call = append(call, Constant(rand.New(rand.NewSource(1)), p)...)
		}
		m.Func("machine.v1.apply", nil, status, nil, I32Const(0), call, Call(n), I32Store(0), respond(1, 0, 64))
		file := release(t, machine(m), testManifest("machine.v1"))
		if _, err := Check(file, DefaultLimits()); err == nil {
			differentialApply(t, h, interpreter, file)
		}
	})
}
