package plugin

import (
	"context"
	"runtime"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero"

	. "quoin.dev/quoin/plugin/wasmtest"
)

// The code generator of wazero 1.12 for amd64 has three known errors, which the instrumentation
// works around. For each the original must still go wrong under wazero alone, or the
// workaround can go (and EngineVersion with it), and must be right under instrumentation.

// raw calls the export "f" of a module without instrumentation.
func raw(t *testing.T, config wazero.RuntimeConfig, module []byte, args ...uint64) uint64 {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, config.WithCoreFeatures(features))
	defer r.Close(ctx)
	m, err := r.Instantiate(ctx, module)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.ExportedFunction("f").Call(ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	return got[0]
}

// instrumented calls the export "f" through the instrumentation.
func instrumented(t *testing.T, h *Host, module []byte, args ...uint64) uint64 {
	t.Helper()
	r, err := h.Compile(release(t, module, testManifest("machine.v1")))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	i, err := r.start()
	if err != nil {
		t.Fatal(err)
	}
	defer i.close()
	i.fuel.Set(1 << 40)
	i.stack.Set(StackBytesMax)
	got, err := i.module.ExportedFunction("f").Call(&i.call, args...)
	if err != nil {
		t.Fatal(err)
	}
	return got[0]
}

// reproduce checks one module on one input in all four ways.
func reproduce(t *testing.T, module []byte, want uint64, args ...uint64) {
	t.Helper()
	if got := raw(t, wazero.NewRuntimeConfigInterpreter(), module, args...); got != want {
		t.Fatalf("the interpreter gives %#x, want %#x", got, want)
	}
	for _, o := range []Options{{}, {Interpreter: true}} {
		if got := instrumented(t, newHost(t, o), module, args...); got != want {
			t.Errorf("instrumented (interpreter: %v) it gives %#x, want %#x", o.Interpreter, got, want)
		}
	}
	if runtime.GOARCH != "amd64" {
		return
	}
	if got := raw(t, wazero.NewRuntimeConfigCompiler(), module, args...); got == want {
		t.Error("this wazero compiles the original rightly: the workaround may go")
	}
}

func reproducer(build func(m *Module)) []byte {
	m := Guest(1)
	build(m)
	m.Func("machine.v1.apply", nil, status, nil, I32Const(0))
	return machine(m)
}

// 0 < (a & b), as a condition: the compiler swaps the operands.
func TestWazeroAndCompare(t *testing.T) {
	for _, c := range []struct {
		typ, and, compare byte
		want              uint64
	}{
		{I64, 0x83, 0x54, 1}, // i64.lt_u
		{I64, 0x83, 0x53, 1}, // i64.lt_s
		{I64, 0x83, 0x57, 1}, // i64.le_s
		{I64, 0x83, 0x55, 0}, // i64.gt_s
		{I64, 0x83, 0x59, 0}, // i64.ge_s
		{I32, 0x71, 0x48, 1}, // i32.lt_s
		{I32, 0x71, 0x49, 1}, // i32.lt_u
		{I32, 0x71, 0x4e, 0}, // i32.ge_s
	} {
		zero := I32Const(0)
		if c.typ == I64 {
			zero = I64Const(0)
		}
		for _, throughLocal := range []bool{false, true} {
			module := reproducer(func(m *Module) {
				and := slices.Concat(LocalGet(0), LocalGet(1), Op(c.and))
				operands := slices.Concat(zero, and)
				if throughLocal {
					operands = slices.Concat(and, LocalSet(2), zero, LocalSet(3), LocalGet(3), LocalGet(2))
				}
				m.Func("f", Types(c.typ, c.typ), Types(I64), Types(c.typ, c.typ),
					operands, Op(c.compare), If(I64, I64Const(1), Op(0x05), I64Const(0)))
			})
			reproduce(t, module, c.want, 0x0f, 0x06)
		}
	}
}

// select between a parameter and a constant that replaces it, beside a call that never happens.
func TestWazeroFloatSelect(t *testing.T) {
	module := reproducer(func(m *Module) {
		never := m.Func("", Types(I64), Types(I32), nil, Op(0x00))
		m.Func("f", Types(F64, F32), Types(F64), Types(F64),
			Block(0x40,
				Block(I64, LocalGet(0), LocalSet(2), I64Const(1)), Op(0xa7),
				I32Const(0), If(I32, I64Const(16), Call(never), Op(0x1a), I32Const(0), Op(0x05), I32Const(0)),
				Op(0xb7, 0x39, 0, 100),
				I32Const(0), If(I32, I32Const(0), Op(0x05),
					I32Const(0), LocalGet(0), F64Const(1), LocalTee(0), I32Const(0), Op(0x1b, 0x39, 0, 100),
					I32Const(0)),
				LocalGet(2), Op(0x39, 0, 0)),
			I32Const(16), LocalGet(0), Op(0x39, 0, 0),
			I32Const(0), Op(0x2b, 0, 100))
	})
	reproduce(t, module, 0x3ff0000000000000, 0x4034000000000000, 0x3f800000)
}

// copysign from a NaN, beside a bulk instruction and a use of its first operand afterwards.
func TestWazeroCopysign(t *testing.T) {
	module := reproducer(func(m *Module) {
		m.Func("f", Types(F64), Types(I64), Types(F64),
			I32Const(4095), I32Const(0), I32Const(60), Op(0xfc, 11, 0),
			Loop(0x40,
				I32Const(0), If(F32, F32Bits(0), Op(0x05),
					I32Const(4095), LocalGet(0), LocalTee(1),
					F64Const(0), F64Bits(0x7ff8000000000000), I32Const(0), Op(0x1b), Op(0xa6, 0x39, 0, 100),
					F32Bits(0)),
				Op(0xa8), LocalGet(1), Op(0xfc, 3), Op(0x1a), BrIf(0)),
			I32Const(4095), Op(0x29, 0, 100))
	})
	reproduce(t, module, 0x4034000000000000, 0xc034000000000000)
}
