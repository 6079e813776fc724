// Package wasmtest writes small WebAssembly modules by hand, for tests that need one that no
// compiler would produce. It checks nothing: broken modules are part of what it is for.
package wasmtest

import (
	"encoding/binary"
	"math"
)

// Value types.
const (
	I32 = 0x7f
	I64 = 0x7e
	F32 = 0x7d
	F64 = 0x7c
)

// Kinds of exports.
const (
	KindFunction = 0
	KindTable    = 1
	KindMemory   = 2
	KindGlobal   = 3
)

// Module is a module in the making. Functions are numbered from 0, imports first, so imports
// must be added before functions.
type Module struct {
	types    [][]byte
	imports  [][]byte
	funcs    []uint32
	table    []byte
	memory   []byte
	globals  [][]byte
	exports  [][]byte
	elements [][]byte
	codes    [][]byte
	data     [][]byte
	// Raw sections by number replace the generated ones; Custom ones come last.
	Raw    map[byte][]byte
	Custom []byte
}

// Guest returns a module with what every plugin has: a memory of the given pages, exported,
// and the marker of the interface. The marker's function takes the first number after the
// imports, which are to be given as for Import.
func Guest(pages uint32, imports ...Imported) *Module {
	m := &Module{}
	for _, s := range imports {
		m.Import(s)
	}
	m.Memory(pages, -1)
	m.Export("memory", KindMemory, 0)
	m.Func("quoin.abi.v1", nil, nil, nil)
	return m
}

// Imported is an imported function with its type.
type Imported struct {
	Module, Name    string
	Params, Results []byte
}

// Type returns the number of a function type, which it adds if need be.
func (m *Module) Type(params, results []byte) uint32 {
	t := append(U32(uint32(len(params))), params...)
	t = append(append(t, U32(uint32(len(results)))...), results...)
	t = append([]byte{0x60}, t...)
	for i, have := range m.types {
		if string(have) == string(t) {
			return uint32(i)
		}
	}
	m.types = append(m.types, t)
	return uint32(len(m.types) - 1)
}

// Import adds an imported function and returns its number.
func (m *Module) Import(s Imported) uint32 {
	b := append(Name(s.Module), Name(s.Name)...)
	b = append(b, 0)
	m.imports = append(m.imports, append(b, U32(m.Type(s.Params, s.Results))...))
	return uint32(len(m.imports) - 1)
}

// Func adds a function and returns its number. The body gets its end; locals are the types
// of those beside the parameters. A function with a name is exported.
func (m *Module) Func(name string, params, results, locals []byte, body ...[]byte) uint32 {
	var code []byte
	code = append(code, U32(uint32(len(locals)))...)
	for _, t := range locals {
		code = append(code, 1, t)
	}
	for _, b := range body {
		code = append(code, b...)
	}
	return m.RawFunc(name, params, results, append(code, 0x0b))
}

// RawFunc adds a function whose locals and code are given as they stand in the file.
func (m *Module) RawFunc(name string, params, results []byte, code []byte) uint32 {
	m.funcs = append(m.funcs, m.Type(params, results))
	m.codes = append(m.codes, code)
	n := uint32(len(m.imports) + len(m.funcs) - 1)
	if name != "" {
		m.Export(name, KindFunction, n)
	}
	return n
}

// Memory defines the memory; a negative most is none.
func (m *Module) Memory(least uint32, most int64) { m.memory = limits(nil, least, most) }

// Table defines the table.
func (m *Module) Table(least uint32, most int64) { m.table = limits([]byte{0x70}, least, most) }

func limits(b []byte, least uint32, most int64) []byte {
	if most < 0 {
		return append(append(b, 0), U32(least)...)
	}
	return append(append(append(b, 1), U32(least)...), U32(uint32(most))...)
}

// Global adds a global and returns its number; init is one constant instruction.
func (m *Module) Global(typ byte, mutable bool, init []byte) uint32 {
	g := []byte{typ, 0}
	if mutable {
		g[1] = 1
	}
	m.globals = append(m.globals, append(append(g, init...), 0x0b))
	return uint32(len(m.globals) - 1)
}

// Globals returns the number of globals.
func (m *Module) Globals() int { return len(m.globals) }

// Export adds an export.
func (m *Module) Export(name string, kind byte, index uint32) {
	m.exports = append(m.exports, append(append(Name(name), kind), U32(index)...))
}

// Element fills the table from an offset.
func (m *Module) Element(offset int32, funcs ...uint32) {
	b := append(append([]byte{0}, I32Const(offset)...), 0x0b)
	b = append(b, U32(uint32(len(funcs)))...)
	for _, f := range funcs {
		b = append(b, U32(f)...)
	}
	m.elements = append(m.elements, b)
}

// Data fills the memory from an offset.
func (m *Module) Data(offset int32, bytes []byte) {
	b := append(append([]byte{0}, I32Const(offset)...), 0x0b)
	m.data = append(m.data, append(append(b, U32(uint32(len(bytes)))...), bytes...))
}

// Bytes returns the module's file.
func (m *Module) Bytes() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	var functions [][]byte
	for _, t := range m.funcs {
		functions = append(functions, U32(t))
	}
	var codes [][]byte
	for _, c := range m.codes {
		codes = append(codes, append(U32(uint32(len(c))), c...))
	}
	one := func(b []byte) [][]byte {
		if b == nil {
			return nil
		}
		return [][]byte{b}
	}
	for _, s := range []struct {
		id    byte
		items [][]byte
	}{
		{1, m.types}, {2, m.imports}, {3, functions}, {4, one(m.table)}, {5, one(m.memory)}, {6, m.globals},
		{7, m.exports}, {8, nil}, {9, m.elements}, {12, nil}, {10, codes}, {11, m.data},
	} {
		content, raw := m.Raw[s.id]
		if !raw {
			if len(s.items) == 0 {
				continue
			}
			content = U32(uint32(len(s.items)))
			for _, item := range s.items {
				content = append(content, item...)
			}
		}
		out = append(out, Section(s.id, content)...)
	}
	return append(out, m.Custom...)
}

// Section returns a section with its header.
func Section(id byte, content []byte) []byte {
	return append(append([]byte{id}, U32(uint32(len(content)))...), content...)
}

// Name returns a name with its length.
func Name(s string) []byte { return append(U32(uint32(len(s))), s...) }

// U32 returns an unsigned LEB128 number.
func U32(v uint32) []byte {
	var b []byte
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// S64 returns a signed LEB128 number.
func S64(v int64) []byte {
	var b []byte
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

// Types returns value types as bytes.
func Types(t ...byte) []byte { return t }

// Op returns instructions without immediates, or with those that are given as bytes.
func Op(b ...byte) []byte { return b }

// I32Const and its kin push a constant.
func I32Const(v int32) []byte { return append([]byte{0x41}, S64(int64(v))...) }

// I64Const pushes a constant.
func I64Const(v int64) []byte { return append([]byte{0x42}, S64(v)...) }

// F32Bits pushes a constant, given by its bits.
func F32Bits(v uint32) []byte { return binary.LittleEndian.AppendUint32([]byte{0x43}, v) }

// F64Bits pushes a constant, given by its bits.
func F64Bits(v uint64) []byte { return binary.LittleEndian.AppendUint64([]byte{0x44}, v) }

// F64Const pushes a constant.
func F64Const(v float64) []byte { return F64Bits(math.Float64bits(v)) }

// LocalGet pushes a local.
func LocalGet(i uint32) []byte { return append([]byte{0x20}, U32(i)...) }

// LocalSet pops into a local.
func LocalSet(i uint32) []byte { return append([]byte{0x21}, U32(i)...) }

// LocalTee copies into a local.
func LocalTee(i uint32) []byte { return append([]byte{0x22}, U32(i)...) }

// GlobalGet pushes a global.
func GlobalGet(i uint32) []byte { return append([]byte{0x23}, U32(i)...) }

// GlobalSet pops into a global.
func GlobalSet(i uint32) []byte { return append([]byte{0x24}, U32(i)...) }

// Call calls a function.
func Call(i uint32) []byte { return append([]byte{0x10}, U32(i)...) }

// Br branches to the n-th enclosing block.
func Br(n uint32) []byte { return append([]byte{0x0c}, U32(n)...) }

// BrIf branches if the i32 on the stack is not zero.
func BrIf(n uint32) []byte { return append([]byte{0x0d}, U32(n)...) }

// Memory accesses have an alignment of 1 and an offset.
func access(op byte, offset uint32) []byte { return append([]byte{op, 0}, U32(offset)...) }

// I32Load loads 4 bytes.
func I32Load(offset uint32) []byte { return access(0x28, offset) }

// I64Load loads 8 bytes.
func I64Load(offset uint32) []byte { return access(0x29, offset) }

// I32Store stores 4 bytes.
func I32Store(offset uint32) []byte { return access(0x36, offset) }

// I64Store stores 8 bytes.
func I64Store(offset uint32) []byte { return access(0x37, offset) }

// Block, Loop and If enclose code; a typ of 0x40 is none.
func Block(typ byte, body ...[]byte) []byte { return enclose(0x02, typ, body) }

// Loop is a block that branches repeat.
func Loop(typ byte, body ...[]byte) []byte { return enclose(0x03, typ, body) }

// If runs its code when the i32 on the stack is not zero.
func If(typ byte, body ...[]byte) []byte { return enclose(0x04, typ, body) }

func enclose(op, typ byte, body [][]byte) []byte {
	b := []byte{op, typ}
	for _, x := range body {
		b = append(b, x...)
	}
	return append(b, 0x0b)
}

// Host functions of the sandbox.
var (
	Input       = Imported{"quoin.v1", "input", Types(I32, I32), Types(I32)}
	Output      = Imported{"quoin.v1", "output", Types(I32, I32), nil}
	StateGet    = Imported{"quoin.v1", "state_get", Types(I32, I32, I32, I32), Types(I32)}
	StatePut    = Imported{"quoin.v1", "state_put", Types(I32, I32, I32, I32), nil}
	StateDelete = Imported{"quoin.v1", "state_delete", Types(I32, I32), nil}
	StateScan   = Imported{"quoin.v1", "state_scan", Types(I32, I32, I32, I32, I32, I32, I32), Types(I32)}
	Emit        = Imported{"quoin.v1", "emit", Types(I32, I32), nil}
	Log         = Imported{"quoin.v1", "log", Types(I32, I32), nil}
	Granted     = Imported{"quoin.v1", "granted", Types(I32, I32), Types(I32)}
	Abort       = Imported{"env", "abort", Types(I32, I32, I32, I32), nil}
	ProcExit    = Imported{"wasi_snapshot_preview1", "proc_exit", Types(I32), nil}
	ClockTime   = Imported{"wasi_snapshot_preview1", "clock_time_get", Types(I32, I64, I32), Types(I32)}
	RandomGet   = Imported{"wasi_snapshot_preview1", "random_get", Types(I32, I32), Types(I32)}
	FdWrite     = Imported{"wasi_snapshot_preview1", "fd_write", Types(I32, I32, I32, I32), Types(I32)}
)
