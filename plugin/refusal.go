package plugin

import "fmt"

// Code says why a module is refused. Codes are stable strings; new ones may be added.
type Code string

// The codes of refusals.
const (
	CodeMalformed  Code = "malformed"  // not the binary format: truncated, bad length, bad order of sections
	CodeInvalid    Code = "invalid"    // does not validate: types, indexes, constants
	CodeSize       Code = "size"       // the file is too large
	CodeManifest   Code = "manifest"   // missing, doubled, misplaced, or not canonical
	CodeVersion    Code = "version"    // needs a newer node or engine
	CodeHook       Code = "hook"       // a hook that this node does not know
	CodeExport     Code = "export"     // a needed export is missing, of another type, or its name reserved
	CodeImport     Code = "import"     // not on the list of host functions, or of another type
	CodeCapability Code = "capability" // a host function without the capability, or an unknown capability
	CodeFuel       Code = "fuel"       // a binding that allows a call more fuel than its hook
	CodeStart      Code = "start"      // a start section
	CodeFeature    Code = "feature"    // an instruction or section beyond the accepted features
	CodeMemory     Code = "memory"     // none, several, or too large
	CodeTable      Code = "table"      // several, or too large
	CodeLocals     Code = "locals"     // too many locals in a function
	CodeNesting    Code = "nesting"    // blocks nested too deeply
	CodeBranches   Code = "branches"   // too many br_table targets
	CodeBody       Code = "body"       // a function's code is too long
	CodeComplexity Code = "complexity" // locals times control operators, or the frame they may need
	CodeCount      Code = "count"      // too many types, functions, globals, exports, segments, parameters
	CodeData       Code = "data"       // data segments beyond the memory or too many bytes
)

// codeMeanings explains the codes, for people.
var codeMeanings = []CodeMeaning{
	{CodeMalformed, "it is not the binary format of WebAssembly: truncated, a bad length, sections out of order", "build it anew; do not edit the file"},
	{CodeInvalid, "it does not validate: types, indexes, constants", "the compiler is at fault, or what changed the file after it"},
	{CodeSize, "the file is larger than 4 MiB", "strip it (`-ldflags='-s -w'`), import fewer packages"},
	{CodeManifest, "the manifest is missing, doubled, misplaced, or not the one encoding of what it says", "build with `quoin plugin build`"},
	{CodeVersion, "it needs a newer node, or a newer engine, than this one", "update the node, or build for the older version"},
	{CodeHook, "it names a hook that this node does not have, or a binding does not fit the hook", "see the table of hooks"},
	{CodeExport, "an export that a hook needs is missing or has another type, or a name is reserved for the host", "export every operation of each hook that the manifest names: `() -> i32`"},
	{CodeImport, "it imports something that is no host function, or with another type", "import nothing but the host functions: there are no files, no network, no clock"},
	{CodeCapability, "it imports a host function without naming its capability, or a capability is unknown or was not asked for", "name what it needs in plugin.json, and grant no more than that"},
	{CodeFuel, "a binding allows a call more fuel than its hook", "lower the fuel of the proposal"},
	{CodeStart, "it has a start section, which would run before anything is metered", "export `_initialize` instead"},
	{CodeFeature, "it uses an instruction or section beyond the accepted ones: SIMD, threads, tail calls, exceptions, reference types, several memories, passive segments", "compile for the plain feature set, see the guides"},
	{CodeMemory, "it has no memory, several, or wants more than the manifest and the host allow", "define one memory, export it as `memory`, and raise memory_pages in plugin.json"},
	{CodeTable, "it has several tables, or one with too many entries", "use fewer function pointers"},
	{CodeLocals, "a function has too many locals", "split the function"},
	{CodeNesting, "blocks are nested too deeply", "split the function"},
	{CodeBranches, "there are too many br_table targets", "use smaller switches"},
	{CodeBody, "a function's code is too long", "split the function"},
	{CodeComplexity, "a function has too many locals for its control flow, or needs too large a frame: it would take too long to compile", "split the function"},
	{CodeCount, "there are too many types, functions, globals, exports, segments or parameters", "import fewer packages"},
	{CodeData, "data segments lie beyond the initial memory, or hold too many bytes", "raise the initial memory"},
}

// CodeMeaning explains a code.
type CodeMeaning struct {
	Code    Code
	Meaning string // what is wrong
	Todo    string // what to do
}

// Codes returns every code with its explanation, in the order of the checks.
func Codes() []CodeMeaning { return append([]CodeMeaning(nil), codeMeanings...) }

// Refusal says why a module or release file is refused, and where.
type Refusal struct {
	Code    Code
	Offset  int // in the file, or -1
	Problem string
	cause   error
}

func (r *Refusal) Error() string {
	if r.Offset < 0 {
		return fmt.Sprintf("plugin: module refused (%s): %s", r.Code, r.Problem)
	}
	return fmt.Sprintf("plugin: module refused (%s) at byte %d: %s", r.Code, r.Offset, r.Problem)
}

// Unwrap returns what caused the refusal, if it was an error of its own.
func (r *Refusal) Unwrap() error { return r.cause }

func refuse(code Code, offset int, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Offset: offset, Problem: fmt.Sprintf(format, args...)}
}
