package check

import (
	"fmt"

	"quoin.dev/quoin"
	"quoin.dev/quoin/consensus/model"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
)

// Machine is an algorithm of machine.v1 that executes the blocks of a check, on an engine of its own on
// each member. Member i has the i-th engine, modulo their number.
type Machine struct {
	Payloads [][]byte // of the transactions; at least one
	Engines  []Engine // at least one
}

// Engine is a way to run a machine. What a table has served before is all that distinguishes it from a new
// one, and must not matter.
type Engine struct {
	Name    string
	Cold    bool                          // each block meets a table that has served nothing
	Table   func() (*plugin.Table, error) // a new one
	Binding *quoin.Binding
}

// PluginMachine returns a release of machine.v1 on three engines: compiled, interpreted, and compiled by
// another host and cold. An error says why a host refuses the release.
func PluginMachine(file, params []byte, payloads [][]byte) (*Machine, error) {
	m := &Machine{Payloads: payloads}
	for _, e := range []struct {
		name string
		o    plugin.Options
		cold bool
	}{{"compiled", plugin.Options{}, false}, {"interpreted", plugin.Options{Interpreter: true}, false}, {"compiled by another host, cold", plugin.Options{}, true}} {
		host, err := plugin.NewHost(e.o)
		if err != nil {
			return nil, err
		}
		r, err := host.Compile(file)
		if err != nil {
			return nil, err
		}
		if !r.Manifest().Serves(hook.Machine.Name) {
			return nil, fmt.Errorf("%w: the release serves no %s", ErrOptions, hook.Machine.Name)
		}
		binding := r.Binding(hook.Machine.Name)
		binding.Namespace, binding.Parameters = namespace, params
		m.Engines = append(m.Engines, Engine{Name: e.name, Cold: e.cold, Binding: binding, Table: func() (*plugin.Table, error) {
			t, err := plugin.NewTable(nil)
			if err == nil {
				t.Add(r)
			}
			return t, err
		}})
	}
	return m, nil
}

// CountingMachine is not deterministic on purpose: it answers with the number of its calls, which it keeps
// in memory of its own. It shows that a check would notice.
func CountingMachine(payloads [][]byte) *Machine {
	const name = "counting"
	e := Engine{Name: "native", Binding: &quoin.Binding{Hook: hook.Machine.Name, Namespace: namespace, Builtin: name},
		Table: func() (*plugin.Table, error) {
			return plugin.NewTable([]plugin.Builtin{{Name: name, Machine: new(counting)}})
		}}
	return &Machine{Payloads: payloads, Engines: []Engine{e}}
}

type counting struct{ calls byte }

func (c *counting) Apply(*hook.ApplyRequest, hook.Access) hook.ApplyResponse {
	c.calls++
	return hook.ApplyResponse{Output: []byte{c.calls}}
}

func (c *counting) Query(*hook.QueryRequest, hook.Reader) hook.QueryResponse {
	return hook.QueryResponse{}
}

// namespace is that of all transactions here.
const namespace = "kv"

// transactionsMax is how many transactions a block has; a machine's payloads take turns.
const transactionsMax = 8

// transactions are those of the block of a view with this letter.
func (m *Machine) transactions(v quoin.View, letter int) []quoin.Transaction {
	var all []quoin.Transaction
	first := uint64(v)*lettersMax + uint64(letter)
	for i := range uint64(min(len(m.Payloads), transactionsMax)) {
		t := model.Transaction(first | i<<32)
		t.Sender = quoin.PublicKey{1}
		t.Payload = m.Payloads[(first+i)%uint64(len(m.Payloads))]
		all = append(all, t)
	}
	return all
}
