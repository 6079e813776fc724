package plugin

import (
	"fmt"
	"strings"

	"quoin.dev/quoin/hook"
)

// Compatibility is what a node of this version offers plugins: the data behind negotiation, the
// documentation's matrix and the API.
type Compatibility struct {
	NodeVersion     uint32
	EngineVersion   uint32
	ScheduleVersion uint32
	Hooks           []HookSupport // by name
	Capabilities    []string      // "foreign." stands for itself and a namespace
	HostFunctions   []HostFunction
	Limits          Limits
}

// HookSupport is one hook as this version serves it.
type HookSupport struct {
	Name        string
	Purpose     string
	Class       string // N, L or D
	Namespaced  bool
	SinceNode   uint32 // the least NodeVersion that has the hook
	SinceEngine uint32 // the least EngineVersion that has all of its operations and host functions
	FuelMax     uint64
	Fallback    string // built-in; empty: the binding before, or none
	Builtins    []string
	Operations  []OperationSupport
}

// OperationSupport is one operation of a hook.
type OperationSupport struct {
	Export      string
	Optional    bool   // a module need not export it
	State       string // none, read or write
	RequestMax  int    // bytes
	ResponseMax int
}

// HostFunction is a function that modules may import.
type HostFunction struct {
	Module, Name string
	Type         string // such as "(i32, i32) -> i32"
	Capability   string // that it needs; empty: none
}

// Compatible returns what this version offers. builtins are those of the node, see Builtins.
func Compatible(builtins []Builtin) Compatibility {
	c := Compatibility{NodeVersion: NodeVersion, EngineVersion: EngineVersion, ScheduleVersion: ScheduleVersion,
		Capabilities: append(Capabilities(), hook.CapabilityForeign), Limits: DefaultLimits()}
	for _, h := range hook.All() {
		s := HookSupport{Name: h.Name, Purpose: h.Purpose, Class: h.Class.String(), Namespaced: h.Namespaced, SinceNode: h.SinceNode,
			SinceEngine: h.SinceEngine, FuelMax: h.FuelMax, Fallback: h.Fallback}
		for i := range builtins {
			if builtins[i].Serves(h.Name) {
				s.Builtins = append(s.Builtins, builtins[i].Name)
			}
		}
		for _, o := range h.Operations {
			state := "none"
			switch {
			case o.Stateful && o.ReadOnly:
				state = "read"
			case o.Stateful:
				state = "write"
			}
			s.Operations = append(s.Operations, OperationSupport{o.Name, o.Optional, state, o.Request.Max, o.Response.Max})
		}
		c.Hooks = append(c.Hooks, s)
	}
	for i := range hostFunctions {
		f := &hostFunctions[i]
		c.HostFunctions = append(c.HostFunctions, HostFunction{f.module, f.name, f.functionType().String(), f.capability})
	}
	return c
}

// Markdown returns the matrix for people.
func (c *Compatibility) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Node version %d, engine version %d, fuel schedule version %d.\n\n", c.NodeVersion, c.EngineVersion, c.ScheduleVersion)
	b.WriteString("## Hooks\n\n| hook | class | what it decides | since node | since engine | most fuel a call | built-ins (fallback first) |\n|---|---|---|---|---|---|---|\n")
	for _, h := range c.Hooks {
		var names []string
		for _, n := range h.Builtins {
			if n == h.Fallback {
				names = append([]string{"**" + n + "**"}, names...)
			} else {
				names = append(names, n)
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %d | %d | %d | %s |\n", h.Name, h.Class, h.Purpose, h.SinceNode, h.SinceEngine, h.FuelMax, strings.Join(names, ", "))
	}
	b.WriteString("\n## Operations\n\n| export | of | must be exported | state | longest request | longest response |\n|---|---|---|---|---|---|\n")
	for _, h := range c.Hooks {
		for _, o := range h.Operations {
			must := "yes"
			if o.Optional {
				must = "no"
			}
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %d | %d |\n", o.Export, h.Name, must, o.State, o.RequestMax, o.ResponseMax)
		}
	}
	b.WriteString("\n## Capabilities\n\nA release names them in its manifest and the binding grants them: ")
	for i, s := range c.Capabilities {
		if i > 0 {
			b.WriteString(", ")
		}
		if s == hook.CapabilityForeign {
			s += "NAMESPACE"
		}
		b.WriteString("`" + s + "`")
	}
	b.WriteString(".\n\n## Host functions\n\n| module | function | type | capability |\n|---|---|---|---|\n")
	for _, f := range c.HostFunctions {
		fmt.Fprintf(&b, "| `%s` | `%s` | `%s` | %s |\n", f.Module, f.Name, f.Type, f.Capability)
	}
	b.WriteString("\n## Limits of a module\n\n| what | most |\n|---|---|\n")
	for _, l := range c.Limits.List() {
		fmt.Fprintf(&b, "| %s | %d |\n", l.Name, l.Most)
	}
	b.WriteString("\n## What is refused, and why\n\n| code | what is wrong | what to do |\n|---|---|---|\n")
	for _, m := range codeMeanings {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", m.Code, m.Meaning, m.Todo)
	}
	return b.String()
}
