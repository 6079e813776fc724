package plugin

import (
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
)

// Report is what the static check learned of a module that it accepts.
type Report struct {
	Digest   quoin.Hash
	Manifest *Manifest

	FileBytes    int
	CodeBytes    int
	Imports      []string // "module.name", as they stand in the file
	Exports      []string // functions, as they stand in the file
	Initialises  bool     // exports _initialize
	PagesMin     uint32   // of memory at the start
	PagesMax     uint32   // the least of the module's, the manifest's and the host's maximum
	TableEntries uint32

	Functions      int
	Instructions   int
	LocalsMost     int
	NestingMost    int
	BodyMost       int // bytes
	BranchesAll    int
	ComplexityMost int // of one function, see Limits
	ComplexityAll  int
}

// Names of exports that the host knows.
const (
	memoryExport     = "memory"
	initializeExport = "_initialize"
	abiExport        = "quoin.abi.v1"
	reservedPrefix   = "quoin."
)

// Check decides in milliseconds whether a release file may be compiled: its form, manifest,
// imports, exports, limits, and the validity of every instruction. What it accepts, the
// compiler accepts. The error of a refusal is a *Refusal with a stable code.
func Check(file []byte, limits Limits) (*Report, error) {
	c, refusal := check(file, &limits)
	if refusal != nil {
		return nil, refusal
	}
	if _, refusal := c.bodies(nil); refusal != nil {
		return nil, refusal
	}
	return c.report, nil
}

// checked is a file whose everything but the bodies has been accepted.
type checked struct {
	module *module
	limits *Limits
	report *Report
}

func check(file []byte, l *Limits) (*checked, *Refusal) {
	sections, err := splitSections(file)
	if err != nil {
		return nil, asRefusal(err)
	}
	manifest, err := manifestOf(file, sections)
	if err != nil {
		return nil, asRefusal(err)
	}
	m, refusal := parseModule(file, sections, l)
	if refusal != nil {
		return nil, refusal
	}
	c := &checked{module: m, limits: l, report: &Report{
		Digest: Digest(file), Manifest: manifest, FileBytes: len(file),
		PagesMin: m.pagesMin, PagesMax: pagesMax(m, manifest, l), TableEntries: m.tableMin, Functions: len(m.funcs),
	}}
	for _, rule := range []func(*checked) *Refusal{
		(*checked).versions, (*checked).memory, (*checked).imports, (*checked).exports,
	} {
		if refusal := rule(c); refusal != nil {
			return nil, refusal
		}
	}
	return c, nil
}

// asRefusal turns the errors of functions that refuse nothing but files into what they are.
func asRefusal(err error) *Refusal {
	if r, ok := err.(*Refusal); ok {
		return r
	}
	return &Refusal{Code: CodeMalformed, Offset: -1, Problem: err.Error(), cause: err}
}

func pagesMax(m *module, manifest *Manifest, l *Limits) uint32 {
	most := min(l.PagesMax, manifest.PagesMax)
	if m.memoryHasMax {
		most = min(most, m.pagesMax)
	}
	return most
}

// bodies reads all functions; with an injector it returns the new code section's content.
func (c *checked) bodies(j *injector) ([]byte, *Refusal) {
	m := c.module
	p := &bodyPass{m: m, l: c.limits, inject: j, report: c.report}
	var out []byte
	if j != nil {
		size := 0
		if s := m.sections[10]; s != nil {
			size = len(s.content)
		}
		out = appendU32(make([]byte, 0, 2*size+64), uint32(len(m.bodies)))
	}
	for i, b := range m.bodies {
		c.report.BodyMost = max(c.report.BodyMost, b.end-b.start)
		c.report.CodeBytes += b.end - b.start
		var refusal *Refusal
		if out, refusal = p.run(i, out); refusal != nil {
			return nil, refusal
		}
	}
	return out, nil
}

func (c *checked) versions() *Refusal {
	m := c.report.Manifest
	if m.NodeMin > NodeVersion {
		return refuse(CodeVersion, -1, "it needs version %d of the node's interfaces, this node has %d; update the node", m.NodeMin, NodeVersion)
	}
	if m.EngineMin > EngineVersion {
		return refuse(CodeVersion, -1, "it needs version %d of the sandbox, this node has %d; update the node", m.EngineMin, EngineVersion)
	}
	if _, unknown := m.operations(); unknown != "" {
		return refuse(CodeHook, -1, "this node has no hook %q", unknown)
	}
	for _, s := range m.Capabilities {
		if !knownCapability(s) {
			return refuse(CodeCapability, -1, "this node knows no capability %q", s)
		}
	}
	return nil
}

func (c *checked) memory() *Refusal {
	if !c.module.hasMemory {
		return refuse(CodeMemory, -1, "the module has no memory; define one and export it as %q", memoryExport)
	}
	if r := c.report; r.PagesMin > r.PagesMax {
		return refuse(CodeMemory, -1, "the initial memory has %d pages, the manifest and this node allow %d", r.PagesMin, r.PagesMax)
	}
	return nil
}

func (c *checked) imports() *Refusal {
	for _, f := range c.module.imports {
		allowed := findHostFunction(f.module, f.name)
		name := f.module + "." + f.name
		if allowed == nil {
			return refuse(CodeImport, -1, "%q is no host function; the list is in the documentation of the sandbox", name)
		}
		if t := c.module.types[f.typ]; !t.equal(allowed.functionType()) {
			return refuse(CodeImport, -1, "%q has the type %v, it is %v", name, t, allowed.functionType())
		}
		if allowed.capability != "" && !c.report.Manifest.names(allowed.capability) {
			return refuse(CodeCapability, -1, "%q needs the capability %q; name it in the manifest", name, allowed.capability)
		}
		c.report.Imports = append(c.report.Imports, name)
	}
	return nil
}

func (c *checked) exports() *Refusal {
	m := c.module
	status := functionType{results: []valueType{typeI32}}
	needed := map[string]functionType{abiExport: {}}
	operations, _ := c.report.Manifest.operations()
	for _, o := range operations {
		needed[o.Name] = status
	}
	hasMemory := false
	for _, e := range m.exports {
		if e.kind == kindFunction {
			c.report.Exports = append(c.report.Exports, e.name)
		}
		if e.name == memoryExport && e.kind == kindMemory {
			hasMemory = true
		}
		want, isNeeded := needed[e.name]
		if e.name == initializeExport {
			want, isNeeded = functionType{}, true
			c.report.Initialises = true
		}
		if isNeeded {
			if e.kind != kindFunction {
				return refuse(CodeExport, -1, "the export %q is no function", e.name)
			}
			if t, _ := m.function(e.index); !t.equal(want) {
				return refuse(CodeExport, -1, "the export %q has the type %v, it must be %v", e.name, t, want)
			}
			delete(needed, e.name)
			continue
		}
		if strings.HasPrefix(e.name, reservedPrefix) {
			return refuse(CodeExport, -1, "the export %q has a reserved name; names that begin with %q are the host's", e.name, reservedPrefix)
		}
		if o, ok := hook.FindOperation(e.name); ok && !c.report.Manifest.Serves(o.Hook) {
			return refuse(CodeExport, -1, "the module exports %q, but its manifest does not name the hook %q", e.name, o.Hook)
		}
	}
	if !hasMemory {
		return refuse(CodeExport, -1, "the memory must be exported as %q", memoryExport)
	}
	if _, missing := needed[abiExport]; missing {
		return refuse(CodeExport, -1, "the marker %q is missing; export a function of that name without parameters and results", abiExport)
	}
	for _, o := range operations {
		if _, missing := needed[o.Name]; missing && !o.Optional {
			return refuse(CodeExport, -1, "the manifest names the hook %q, but the module does not export %q", o.Hook, o.Name)
		}
	}
	return nil
}
