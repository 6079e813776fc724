package policy

import (
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"quoin.dev/quoin"
)

// CompiledMax bounds the expressions that a Judge keeps compiled: all of a configuration, and as many
// on their way into the next.
const CompiledMax = 128

// Judge evaluates policies. It keeps what it compiled, the newest CompiledMax texts; a kept text and a
// fresh one give the same answer at the same cost. For one goroutine.
type Judge struct {
	env       *cel.Env
	names     map[string]Name
	functions map[string]bool
	compiled  map[string]*compiled
	order     []string // of compiled, oldest first
}

// compiled is an expression that was compiled, or refused.
type compiled struct {
	tree    *cel.Ast
	program cel.Program
	err     error
}

// NewJudge returns a judge, with nothing compiled yet.
func NewJudge() *Judge {
	j := &Judge{names: map[string]Name{}, functions: map[string]bool{}, compiled: map[string]*compiled{}}
	j.env = newEnvironment(Names())
	for _, n := range Names() {
		j.names[n.Name] = n
	}
	for _, f := range functions() {
		j.functions[f.name] = true
	}
	return j
}

// Check reports why an expression cannot be a policy. The error wraps ErrPolicy and is for people: its
// words are no part of the ledger.
func (j *Judge) Check(expression string) error { return j.get(expression).err }

// Holds reports whether an expression is true of the facts. Whatever keeps it from an answer is false:
// an expression that Check refuses, facts that it needs and that are not there, overflow, division by
// zero, cost.
func (j *Judge) Holds(expression string, f *Facts) bool {
	holds, _, _ := j.evaluate(j.get(expression), f)
	return holds
}

// evaluate returns the answer, what it cost, and why there is none.
func (j *Judge) evaluate(c *compiled, f *Facts) (holds bool, cost uint64, err error) {
	if c.err != nil {
		return false, 0, c.err
	}
	value, details, err := c.program.Eval(activation{j, f})
	if spent := details.ActualCost(); spent != nil {
		cost = *spent
	}
	if err != nil {
		return false, cost, err
	}
	answer, ok := value.(types.Bool)
	if !ok {
		return false, cost, fmt.Errorf("the answer is %v, not a bool", value)
	}
	return bool(answer), cost, nil
}

// get compiles an expression, or finds it compiled.
func (j *Judge) get(expression string) *compiled {
	if c, ok := j.compiled[expression]; ok {
		return c
	}
	c := &compiled{}
	c.tree, c.program, c.err = j.compile(expression)
	if len(expression) > quoin.PolicyBytesMax {
		return c
	}
	if len(j.order) == CompiledMax {
		delete(j.compiled, j.order[0])
		j.order = append(j.order[:0], j.order[1:]...)
	}
	j.compiled[expression] = c
	j.order = append(j.order, expression)
	return c
}

// activation gives an evaluation its facts.
type activation struct {
	judge *Judge
	facts *Facts
}

var _ cel.Activation = activation{}

// ResolveName finds the value of a name; false if there is no data.
func (a activation) ResolveName(name string) (any, bool) {
	n, ok := a.judge.names[name]
	if !ok {
		return nil, false
	}
	return n.value(a.facts)
}

// Parent returns nil: there are no other variables.
func (activation) Parent() cel.Activation { return nil }
