package hostile

import (
	"bytes"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// Refused returns the fixtures that no node may compile, or that die of their initialisation.
func Refused() []Fixture {
	return []Fixture{
		refused(2, "start-loop", "loops in a start section, which runs when a module is instantiated", plugin.CodeStart, func(m *Module) {
			loop := m.Func("", nil, nil, nil, Loop(0x40, Br(0)))
			m.Raw = map[byte][]byte{8: U32(loop)}
		}),
		initialiser("init-trap", "traps in its initialisation", hook.FaultTrap, trap()),
		initialiser("init-loop", "never returns from its initialisation", hook.FaultFuel, Loop(0x40, Br(0))),
		initialiser("init-recursion", "calls itself without end in its initialisation", hook.FaultDepth, Call(1)),
		refused(7, "memory-minimum", "asks for 4 GiB of memory at once", plugin.CodeMemory, func(m *Module) { m.Memory(65_536, -1) }),
		refused(7, "memory-beyond-manifest", "asks for one page more than its manifest says", plugin.CodeMemory, func(m *Module) { m.Memory(PagesMax+1, -1) }),
		refused(8, "table-minimum", "asks for a table of 2^32 - 1 entries", plugin.CodeTable, func(m *Module) { m.Table(1<<32-1, -1) }),
		refused(8, "table-grow", "grows its table without end", plugin.CodeFeature, func(m *Module) {
			m.Table(1, -1)
			m.Func("", nil, nil, nil, Loop(0x40, Op(0xd0, 0x70), I32Const(10_000), Op(0xfc, 15, 0), drop(), Br(0)))
		}),
		refused(9, "locals-bomb", "declares a hundred million locals in six bytes", plugin.CodeLocals, func(m *Module) {
			m.RawFunc("", nil, nil, join([]byte{1}, U32(100_000_000), []byte{I32, 0x0b}))
		}),
		refused(9, "locals-overflow", "declares locals whose number wraps round at 2^32", plugin.CodeLocals, func(m *Module) {
			m.RawFunc("", nil, nil, join([]byte{2}, U32(1<<32-1), []byte{I32}, U32(1<<32-1), []byte{I32, 0x0b}))
		}),
		refused(10, "data-outside", "writes data behind the end of its memory", plugin.CodeData, func(m *Module) { m.Data(-1, []byte{1}) }),
		refused(10, "data-many", "overlaps 70,000 data segments", plugin.CodeCount, func(m *Module) {
			m.Raw = map[byte][]byte{11: join(U32(70_000), bytes.Repeat([]byte{0, 0x41, 0, 0x0b, 1, 7}, 70_000))}
		}),
		refused(11, "nesting-bomb", "nests 30,000 blocks", plugin.CodeNesting, func(m *Module) {
			m.RawFunc("", nil, nil, join([]byte{0}, bytes.Repeat([]byte{0x02, 0x40}, 30_000), bytes.Repeat([]byte{0x0b}, 30_001)))
		}),
		refused(12, "branch-table-bomb", "has a br_table of 50,000 targets", plugin.CodeBranches, func(m *Module) {
			m.RawFunc("", nil, nil, join([]byte{0}, branchTable(50_000), []byte{0x0b}))
		}),
		refused(12, "branch-tables", "has 80 br_tables of 1,000 targets", plugin.CodeBranches, func(m *Module) {
			for range 2 {
				m.Func("", nil, nil, nil, bytes.Repeat(branchTable(1_000), 40))
			}
		}),
		refused(13, "signature-bomb", "has functions of a thousand parameters", plugin.CodeCount, func(m *Module) {
			for range 1_000 {
				m.RawFunc("", bytes.Repeat(Types(I64), 1_000), nil, []byte{0, 0x0b})
			}
		}),
		refused(13, "function-bomb", "has 16,385 functions of the most parameters", plugin.CodeCount, func(m *Module) {
			for range plugin.DefaultLimits().Functions + 1 {
				m.RawFunc("", bytes.Repeat(Types(I64), 64), nil, []byte{0, 0x0b})
			}
		}),
		refused(14, "complexity-bomb", "has functions of many locals and many branches, which the compiler takes seconds for", plugin.CodeComplexity, func(m *Module) {
			for range 300 {
				m.Func("", nil, nil, bytes.Repeat(Types(I32), 1_000), bytes.Repeat([]byte{0x02, 0x40, 0x0b}, 60))
			}
		}),
		refused(21, "simd", "uses vectors", plugin.CodeFeature, func(m *Module) {
			m.Func("", nil, nil, nil, Op(0xfd, 12), make([]byte, 16), drop())
		}),
		refused(21, "relaxed-simd", "uses vectors whose results differ between machines", plugin.CodeFeature, func(m *Module) {
			m.Func("", nil, nil, nil, Op(0xfd, 0x80, 0x02))
		}),
		refused(21, "threads", "uses an atomic fence", plugin.CodeFeature, func(m *Module) { m.Func("", nil, nil, nil, Op(0xfe, 3, 0)) }),
		refused(21, "shared-memory", "shares its memory", plugin.CodeFeature, func(m *Module) { m.Raw = map[byte][]byte{5: {1, 3, 1, 2}} }),
		refused(21, "memory64", "has a memory of 64-bit addresses", plugin.CodeFeature, func(m *Module) { m.Raw = map[byte][]byte{5: {1, 4, 1}} }),
		refused(21, "two-memories", "has two memories", plugin.CodeMemory, func(m *Module) { m.Raw = map[byte][]byte{5: {2, 0, 1, 0, 1}} }),
		refused(21, "tail-call", "calls itself without a frame", plugin.CodeFeature, func(m *Module) { m.Func("", nil, nil, nil, Op(0x12, 0)) }),
		refused(21, "exceptions", "catches exceptions", plugin.CodeFeature, func(m *Module) { m.Func("", nil, nil, nil, Op(0x06, 0x40, 0x0b)) }),
		refused(21, "references", "puts references into its table", plugin.CodeFeature, func(m *Module) {
			m.Table(1, 1)
			m.Func("", nil, nil, nil, I32Const(0), Op(0xd0, 0x70, 0x26, 0))
		}),
		importer("import-file", "opens files", plugin.CodeImport, Imported{Module: "wasi_snapshot_preview1", Name: "path_open"}),
		importer("import-socket", "accepts connections", plugin.CodeImport, Imported{Module: "wasi_snapshot_preview1", Name: "sock_accept"}),
		importer("import-time", "asks for the host's own time", plugin.CodeImport, Imported{Module: "env", Name: "now", Results: Types(I64)}),
		importer("import-later", "asks for a later version of the interface", plugin.CodeImport, Imported{Module: "quoin.v2", Name: "input", Params: Types(I32, I32), Results: Types(I32)}),
		importer("import-near", "asks for a function that is almost one of the host's", plugin.CodeImport, Imported{Module: "quoin.v1", Name: "input\x00", Params: Types(I32, I32), Results: Types(I32)}),
		importer("import-type", "asks for a host function with another type", plugin.CodeImport, Imported{Module: "quoin.v1", Name: "input", Params: Types(I64, I32), Results: Types(I32)}),
		importer("import-fuel", "asks for the global that holds its fuel", plugin.CodeImport, Imported{Module: "quoin", Name: "fuel", Results: Types(I64)}),
		importer("import-ungranted", "reads a state that its manifest does not name", plugin.CodeCapability, StateGet),
		importer("import-foreign", "reads other namespaces without naming one", plugin.CodeCapability, ForeignGet),
		importer("import-history", "reads history that its manifest does not name", plugin.CodeCapability, HistoryGet),
		importer("import-proof", "asks for proofs that its manifest does not name", plugin.CodeCapability, ProofGet),
		importer("import-beacon", "asks for random bytes that its manifest does not name", plugin.CodeCapability, Beacon),
		refused(24, "export-reserved", "exports a name that the instrumentation uses", plugin.CodeExport, func(m *Module) {
			m.Global(I64, true, I64Const(1<<60))
			m.Export("quoin.fuel", KindGlobal, 0)
		}),
	}
}

// The host functions beyond a plugin's own namespace.
var (
	ForeignGet = Imported{Module: "quoin.v1", Name: "foreign_get", Params: Types(I32, I32, I32, I32, I32, I32), Results: Types(I32)}
	HistoryGet = Imported{Module: "quoin.v1", Name: "history_get", Params: Types(I64, I32, I32), Results: Types(I32)}
	ProofGet   = Imported{Module: "quoin.v1", Name: "proof_get", Params: Types(I32, I32, I32, I32), Results: Types(I32)}
	Beacon     = Imported{Module: "quoin.v1", Name: "beacon", Params: Types(I32)}
	BatchNext  = Imported{Module: "quoin.v1", Name: "batch_next", Results: Types(I32)}
)

func branchTable(targets uint32) []byte {
	return join(I32Const(0), []byte{0x0e}, U32(targets), make([]byte, targets+1))
}

// harmless is a machine that does nothing; spoil adds what is wrong with it.
func harmless(spoil func(m *Module), imports ...Imported) []byte {
	m := Guest(1, imports...)
	if spoil != nil {
		spoil(m)
	}
	m.Func("machine.v1.apply", nil, status, nil, I32Const(0))
	m.Func("machine.v1.query", nil, status, nil, I32Const(0))
	return m.Bytes()
}

func refused(row int, name, about string, code plugin.Code, spoil func(m *Module)) Fixture {
	return Fixture{Row: row, Name: name, Hook: hook.Machine.Name, About: about, Refused: code, Module: harmless(spoil)}
}

func importer(name, about string, code plugin.Code, wanted Imported) Fixture {
	return Fixture{Row: 24, Name: name, Hook: hook.Machine.Name, About: about, Refused: code, Module: harmless(nil, wanted), Capabilities: []string{}}
}

// initialiser faults when it is compiled; its first function is after the marker.
func initialiser(name, about string, want hook.Fault, body ...[]byte) Fixture {
	module := harmless(func(m *Module) { m.Func("_initialize", nil, nil, nil, body...) })
	return Fixture{Row: 3, Name: name, Hook: hook.Machine.Name, About: about, Want: want, Inits: true, Module: module}
}
