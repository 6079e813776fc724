package plugin

// Limits are the bounds of the static check. They are part of what EngineVersion names:
// every node of a chain uses the same.
type Limits struct {
	Types         int // function types
	Params        int // of one function or block type
	Results       int
	Imports       int
	Functions     int    // defined in the module
	Globals       int    //
	Exports       int    //
	TableEntries  uint32 // of the one table
	Elements      int    // element segments
	Data          int    // data segments
	DataBytes     int    // of all data segments
	Locals        int    // of one function, parameters included
	Nesting       int    // of blocks
	BranchTargets int    // of one br_table
	BranchesAll   int    // br_table targets of the module
	BodyBytes     int    // of one function
	Complexity    int    // (8 + locals) × (1 + control operators) of one function; a loop counts 8, a bulk instruction 4, a store or a float operation 1
	ComplexityAll int    // of the module
	PagesMax      uint32 // of memory, 64 KiB each: the host's own cap
}

// Limit is one of the limits, for people.
type Limit struct {
	Name string
	Most int
}

// List returns the limits in their order.
func (l *Limits) List() []Limit {
	return []Limit{
		{"function types", l.Types},
		{"parameters of a type", l.Params},
		{"results of a type", l.Results},
		{"imports", l.Imports},
		{"functions", l.Functions},
		{"globals", l.Globals},
		{"exports", l.Exports},
		{"table entries", int(l.TableEntries)},
		{"element segments", l.Elements},
		{"data segments", l.Data},
		{"bytes of data", l.DataBytes},
		{"locals of a function", l.Locals},
		{"nesting of blocks", l.Nesting},
		{"targets of one br_table", l.BranchTargets},
		{"targets of all br_tables", l.BranchesAll},
		{"bytes of a function's body", l.BodyBytes},
		{"complexity of a function: (8 + locals) × (1 + control operators)", l.Complexity},
		{"complexity of the module", l.ComplexityAll},
		{"memory pages of 64 KiB", int(l.PagesMax)},
	}
}

// DefaultLimits returns the limits of EngineVersion. Measured on guests of the Go toolchain
// (the largest that is at hand: nesting 549, bodies of 29 KB, 21 locals, complexity 6,500),
// and far below what makes the compiler slow: 36 bytes that declare a hundred million locals
// take 5 seconds, 100,000 nested blocks 35. The worst module known to pass takes some 10
// seconds to compile, which belongs in another process, under a budget (package node/compile).
// The table's limit is that of the functions and the 4,096 entries that the Go toolchain leaves
// empty before them; it also writes some 32,000 data segments, which cost next to nothing here,
// since the engine never sees them.
func DefaultLimits() Limits {
	return Limits{
		Types:         2_048,
		Params:        64,
		Results:       16,
		Imports:       64,
		Functions:     16_384,
		Globals:       256,
		Exports:       256,
		TableEntries:  20_480,
		Elements:      1_024,
		Data:          65_536,
		DataBytes:     FileMax,
		Locals:        1_024,
		Nesting:       1_024,
		BranchTargets: 1_024,
		BranchesAll:   65_536,
		BodyBytes:     128 << 10,
		Complexity:    65_536,
		ComplexityAll: 4 << 20,
		PagesMax:      256,
	}
}
