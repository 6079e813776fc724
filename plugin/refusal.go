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
