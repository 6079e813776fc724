// Package trial calls a release, or one of the node's own algorithms, as the tools of authors need
// it: by an operation's name and a request's bytes, on a namespace in memory, with everything in the
// answer that replicas compare. It also makes requests.
//
// Nothing here is safe for concurrent use. Different Guests may be used on different goroutines.
package trial

import (
	"fmt"
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/plugintest"
)

// Guest is what answers: a release compiled on a host of its own, or a built-in.
type Guest struct {
	Name    string
	Table   *plugin.Table
	Release *plugin.Release // nil: a built-in
	Builtin string

	// Grants are the capabilities of the binding. Open sets them to all that the manifest names.
	Grants []string

	host *plugin.Host
}

// Open compiles a release file. Its errors are those of plugin.Host.Compile.
func Open(file []byte, o plugin.Options) (*Guest, error) {
	host, err := plugin.NewHost(o)
	if err != nil {
		return nil, err
	}
	release, err := host.Compile(file)
	if err != nil {
		_ = host.Close()
		return nil, err
	}
	table, err := plugin.NewTable(nil)
	if err != nil {
		_ = host.Close()
		return nil, err
	}
	table.Add(release)
	m := release.Manifest()
	return &Guest{Name: m.Name + " " + m.Version, Table: table, Release: release, Grants: slices.Clone(m.Capabilities), host: host}, nil
}

// OpenBuiltin returns the node's algorithm of the name.
func OpenBuiltin(name string) (*Guest, error) {
	table, err := plugin.NewTable(plugin.Builtins())
	if err != nil {
		return nil, err
	}
	b := &quoin.Binding{Builtin: name}
	if err := table.Ready(b); err != nil {
		return nil, err
	}
	return &Guest{Name: name, Table: table, Builtin: name}, nil
}

// Close frees the release. A Guest of a built-in needs none.
func (g *Guest) Close() {
	if g.host != nil {
		g.Table.Remove(g.Release.Digest())
		_ = g.host.Close()
	}
}

// Renew drops the release's instance: the next call begins in a new one.
func (g *Guest) Renew() {
	if g.Release != nil {
		g.Table.Remove(g.Release.Digest())
		g.Table.Add(g.Release)
	}
}

// Binding binds the guest to a hook with the parameters.
func (g *Guest) Binding(hookName string, params []byte) *quoin.Binding {
	b := &quoin.Binding{Hook: hookName, Builtin: g.Builtin, Parameters: params}
	if g.Release != nil {
		b.Release, b.Grants = g.Release.Digest(), g.Grants
	}
	return b
}

// FuelMax returns the limit of one call of the hook.
func (g *Guest) FuelMax(hookName string) uint64 {
	h, _ := hook.Find(hookName)
	if g.Release == nil {
		return h.FuelMax
	}
	return min(h.FuelMax, g.Release.Manifest().FuelMax)
}

// Operations returns the operations of the hooks that the release serves, the optional ones left out.
func (g *Guest) Operations() (list []hook.Operation) {
	if g.Release == nil {
		return nil
	}
	for _, name := range g.Release.Manifest().Hooks {
		h, _ := hook.Find(name)
		for _, o := range h.Operations {
			if !o.Optional {
				list = append(list, o)
			}
		}
	}
	return list
}

// Answer is how a call ended. What plugintest.Answer holds and the fuel are equal on every replica.
type Answer struct {
	plugintest.Answer
	Fuel       uint64
	Log        []byte // what the guest logged
	LogDropped uint64
}

// Code returns the code of a response that begins with one: of machines and validations.
func (a *Answer) Code() uint32 {
	if len(a.Response) < 4 {
		return 0
	}
	return uint32(a.Response[0]) | uint32(a.Response[1])<<8 | uint32(a.Response[2])<<16 | uint32(a.Response[3])<<24
}

// Equal reports whether replicas would agree on the two answers.
func (a *Answer) Equal(b *Answer) bool { return a.Fuel == b.Fuel && a.Answer.Equal(&b.Answer) }

// String tells the answer for people.
func (a *Answer) String() string { return fmt.Sprintf("%v, %d fuel", &a.Answer, a.Fuel) }

// Ask puts a question, with the parameters of its request, and leaves what it wrote in the
// namespace: nothing after a fault or a refusal. An error is this host's alone.
func (g *Guest) Ask(q *Question, s *State) (Answer, error) {
	mark := s.Mark()
	s.height = q.Height
	o, err := q.Call(g.Table, g.Binding(q.Operation.Hook, q.Params), s)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Fuel: o.Fuel, Log: o.Log, LogDropped: o.LogDropped}
	if o.Fault != hook.FaultNone {
		a.Fault = o.Fault.String()
	} else if a.Response, a.Events, err = q.response(); err != nil {
		return Answer{}, err
	}
	if !q.Operation.ReadOnly && (a.Fault != "" || a.Code() != 0) {
		s.Rollback(mark)
	}
	a.Writes = s.Since(mark)
	return a, nil
}
