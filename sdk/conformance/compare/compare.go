// Package compare tells two releases apart: what they say of themselves, what the check finds in them,
// and what they do with the same questions. It says whether the new one can take the place of the old
// one under the same binding.
//
// # Codes
//
// Each difference has a stable code. These forbid that the new release takes the old one's place:
//
//	refused           no node accepts the new file; the detail has the refusal's own code
//	initialisation    the new release faults while it initialises
//	no-change         the two are the same release
//	name              another plugin
//	author            another author, who does not own the name; or none
//	sequence          the sequence must grow, by at most governance.SequenceIncreaseMax
//	hook-removed      a hook is no longer served
//	capability-unused the binding grants what the new release no longer asks for
//
// And these are for whoever approves it to judge:
//
//	hook-added, capability-added    the binding neither asks for it nor grants it
//	fuel-max, pages-max             the limits of a call
//	params-schema                   what the parameters mean
//	node-min, engine-min, end-of-life, version-text
//	batch-added, batch-removed      batches are answered, or no longer
//	exports, imports                of the module
//	size                            the file's bytes differ by more than a tenth
//	faults                          questions that had an answer end in a fault
//	results                         questions have another answer: response or events
//	state                           the namespace is another one in the end
//	fuel                            the median question's fuel differs by more than a tenth
package compare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/conformance/trial"
	"quoin.dev/quoin/sdk/plugintest"
)

// Options say what both are asked.
type Options struct {
	Seed     uint64
	Calls    int // random requests for each operation; 0: 400
	Params   []byte
	Payloads [][]byte             // examples
	Records  []*plugintest.Record // blocks to be asked instead of random requests
}

// Report is how two releases differ.
type Report struct {
	Replaceable bool         `json:"replaceable"` // no difference blocks
	Differences []Difference `json:"differences"`
	Operations  []Operation  `json:"operations"` // what both serve
}

// Difference is one thing in which they differ.
type Difference struct {
	Code   string `json:"code"` // stable, see the package's documentation
	Blocks bool   `json:"blocks"`
	Old    string `json:"old"`
	New    string `json:"new"`
	Detail string `json:"detail"` // for people
}

// Has reports whether there is a difference with the code.
func (r *Report) Has(code string) bool {
	return slices.ContainsFunc(r.Differences, func(d Difference) bool { return d.Code == code })
}

func (r *Report) add(code string, blocks bool, old, new any, detail string, args ...any) {
	r.Differences = append(r.Differences, Difference{code, blocks, fmt.Sprint(old), fmt.Sprint(new), fmt.Sprintf(detail, args...)})
	if blocks {
		r.Replaceable = false
	}
}

// Releases compares two release files. The error is that of an old file that cannot be compiled, of
// this host, or the context's; what is wrong with the new one is a difference.
func Releases(ctx context.Context, old, new []byte, o Options) (*Report, error) {
	if o.Calls == 0 {
		o.Calls = 400
	}
	r := &Report{Replaceable: true, Differences: []Difference{}, Operations: []Operation{}}
	before, err := trial.Open(old, plugin.Options{})
	if err != nil {
		return nil, fmt.Errorf("the old release: %w", err)
	}
	defer before.Close()
	after, err := trial.Open(new, plugin.Options{})
	var refusal *plugin.Refusal
	switch {
	case errors.As(err, &refusal):
		r.add("refused", true, "accepted", refusal.Code, "%s", refusal.Problem)
		return r, nil
	case errors.Is(err, plugin.ErrInit):
		r.add("initialisation", true, "initialises", "faults", "%s", err)
		return r, nil
	case err != nil:
		return nil, fmt.Errorf("the new release: %w", err)
	}
	defer after.Close()
	r.names(before.Release.Report(), after.Release.Report())
	r.bindings(before.Release.Manifest(), after.Release.Manifest())
	r.modules(before.Release.Report(), after.Release.Report())
	return r, r.behaviour(ctx, before, after, &o)
}

// names checks what governance checks of a release and its name.
func (r *Report) names(old, new *plugin.Report) {
	a, b := old.Manifest, new.Manifest
	if old.Digest == new.Digest {
		r.add("no-change", true, old.Digest, new.Digest, "the two are the same release")
		return
	}
	if a.Name != b.Name {
		r.add("name", true, a.Name, b.Name, "a binding keeps its plugin's history by name")
	}
	if a.Author != b.Author || b.Author.IsZero() {
		r.add("author", true, key(a.Author), key(b.Author), "a name belongs to the key that signed its first release")
	}
	if b.Sequence <= a.Sequence || b.Sequence-a.Sequence > governance.SequenceIncreaseMax {
		r.add("sequence", true, a.Sequence, b.Sequence, "it must grow by 1 to %d", governance.SequenceIncreaseMax)
	}
	if a.Version != b.Version {
		r.add("version-text", false, a.Version, b.Version, "for people")
	}
}

func key(k quoin.PublicKey) string {
	if k.IsZero() {
		return "nobody"
	}
	return k.String()
}

// bindings checks whether what binds the old release fits the new one.
func (r *Report) bindings(a, b *plugin.Manifest) {
	for _, name := range a.Hooks {
		if !b.Serves(name) {
			r.add("hook-removed", true, name, "", "nothing would serve the bindings of %s", name)
		}
	}
	for _, name := range without(b.Hooks, a.Hooks) {
		r.add("hook-added", false, "", name, "no binding asks it yet")
	}
	for _, name := range without(a.Capabilities, b.Capabilities) {
		r.add("capability-unused", true, name, "", "a binding may grant only what its release asks for: bind it anew, without %s", name)
	}
	for _, name := range without(b.Capabilities, a.Capabilities) {
		r.add("capability-added", false, "", name, "the old binding does not grant it; the release runs without, or is bound anew")
	}
	for _, f := range []struct {
		code     string
		old, new any
		differs  bool
		detail   string
	}{
		{"fuel-max", a.FuelMax, b.FuelMax, a.FuelMax != b.FuelMax, "of one call"},
		{"pages-max", a.PagesMax, b.PagesMax, a.PagesMax != b.PagesMax, "of memory, 64 KiB each"},
		{"params-schema", string(a.ParamsSchema), string(b.ParamsSchema), !bytes.Equal(a.ParamsSchema, b.ParamsSchema), "the binding's parameters may mean something else"},
		{"node-min", a.NodeMin, b.NodeMin, a.NodeMin != b.NodeMin, "the least version of a node"},
		{"engine-min", a.EngineMin, b.EngineMin, a.EngineMin != b.EngineMin, "the least version of the engine"},
		{"end-of-life", a.EndOfLife, b.EndOfLife, a.EndOfLife != b.EndOfLife, "the height from which on it cannot be scheduled; 0: never"},
	} {
		if f.differs {
			r.add(f.code, false, f.old, f.new, "%s", f.detail)
		}
	}
}

// modules compares what the check found.
func (r *Report) modules(a, b *plugin.Report) {
	for _, h := range hook.All() {
		for _, o := range h.Operations {
			had, has := slices.Contains(a.Exports, o.Name), slices.Contains(b.Exports, o.Name)
			if o.Batch && had != has {
				code, detail := "batch-added", "blocks are answered in one call; results stay the same, fuel may not"
				if had {
					code, detail = "batch-removed", "blocks are answered call by call; results stay the same, fuel may not"
				}
				r.add(code, false, had, has, "%s: %s", o.Name, detail)
			}
		}
	}
	for _, list := range []struct {
		code string
		a, b []string
	}{{"exports", a.Exports, b.Exports}, {"imports", a.Imports, b.Imports}} {
		if gone, come := without(list.a, list.b), without(list.b, list.a); len(gone)+len(come) > 0 {
			r.add(list.code, false, strings.Join(gone, " "), strings.Join(come, " "), "those that only one of them has")
		}
	}
	if differsByTenth(float64(a.FileBytes), float64(b.FileBytes)) {
		r.add("size", false, a.FileBytes, b.FileBytes, "bytes of the file")
	}
}

// without returns the names of a that b has not.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

func differsByTenth(a, b float64) bool { return b > a*1.1 || b < a/1.1 }
