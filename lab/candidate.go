package lab

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// Candidate is an algorithm to try: bindings that serve from the first block, and the release behind
// them. It may be shared by runs on several goroutines.
type Candidate struct {
	bindings []quoin.Binding
	release  *plugin.Release // nil for built-ins
	file     []byte          // the release's
	payloads [][]byte        // for a machine
}

// candidateNamespace is where a machine that is tried serves; a validation rule judges the
// transactions of kv.
const candidateNamespace = "candidate"

// NewCandidate compiles a release and binds it to each of its hooks, with parameters. payloads are what
// clients send to it if it is a machine; without any, nobody sends anything. An error says why the
// host refuses the release.
func NewCandidate(file, parameters []byte, payloads ...[]byte) (*Candidate, error) {
	host, err := plugin.NewHost(plugin.Options{})
	if err != nil {
		return nil, err
	}
	r, err := host.Compile(file)
	if err != nil {
		return nil, err
	}
	c := &Candidate{release: r, file: file, payloads: payloads}
	for _, h := range hook.All() {
		if !slices.Contains(r.Manifest().Hooks, h.Name) {
			continue
		}
		b := r.Binding(h.Name)
		b.Parameters = parameters
		if h.Namespaced {
			b.Namespace = "kv"
		}
		if h.Name == hook.Machine.Name {
			b.Namespace = candidateNamespace
		}
		c.bindings = append(c.bindings, *b)
	}
	return c, nil
}

// NewBuiltinCandidate binds a built-in.
func NewBuiltinCandidate(hookName, name string, parameters []byte) (*Candidate, error) {
	h, ok := hook.Find(hookName)
	if !ok {
		return nil, fmt.Errorf("%w: no hook %q", ErrOptions, hookName)
	}
	if !slices.ContainsFunc(plugin.Builtins(), func(b plugin.Builtin) bool { return b.Name == name && b.Serves(hookName) }) {
		return nil, fmt.Errorf("%w: no built-in %q serves %s", ErrOptions, name, hookName)
	}
	b := quoin.Binding{Hook: h.Name, Builtin: name, Parameters: parameters}
	if h.Namespaced {
		b.Namespace = "kv"
	}
	return &Candidate{bindings: []quoin.Binding{b}}, nil
}

// Bindings returns what the candidate serves.
func (c *Candidate) Bindings() []quoin.Binding {
	if c == nil {
		return nil
	}
	return c.bindings
}

// File returns the release file; nil for built-ins.
func (c *Candidate) File() []byte {
	if c == nil {
		return nil
	}
	return c.file
}

// add makes the candidate's release known to a node.
func (c *Candidate) add(t *plugin.Table) {
	if c != nil && c.release != nil {
		t.Add(c.release)
	}
}

// leads reports whether the candidate chooses leaders.
func (c *Candidate) leads() bool {
	for _, b := range c.Bindings() {
		if b.Hook == hook.Leader.Name {
			return true
		}
	}
	return false
}
