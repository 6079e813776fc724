package policy

import (
	"fmt"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/interpreter"
)

// NoData is the value of what depends on evidence that nobody has given.
const NoData = "no data"

// notEvaluated is the value of what stands behind a list's element without a value.
const notEvaluated = "not evaluated"

// Explanation says why an expression holds of some facts, or does not.
type Explanation struct {
	Expression string `json:"expression"`
	Holds      bool   `json:"holds"`
	Error      string `json:"error,omitempty"` // why there is no answer; empty if there is one
	Cost       uint64 `json:"cost"`            // limit CostLimit
	Parts      []Part `json:"parts"`           // the expression and all it is made of, outermost first
	Facts      []Fact `json:"facts"`           // that it names, in the order of the text
	// Missing are the conditions that keep it from holding; empty if it holds.
	Missing []Missing `json:"missing"`
}

// Part is one sub-expression: a call or an operator. Each is evaluated, also one whose value does not
// matter to the answer.
type Part struct {
	Depth int    `json:"depth"` // 0 is the whole
	Text  string `json:"text"`  // in CEL's normal spacing
	Value string `json:"value"` // as a literal, NoData, or "error: " and what is wrong
}

// Fact is one fact that an expression names.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"` // as a literal, or NoData
}

// List returns every fact, in the order of Names.
func (f *Facts) List() []Fact {
	var list []Fact
	for _, n := range Names() {
		value := NoData
		if fact, ok := n.value(f); ok {
			value = literal(fact)
		}
		list = append(list, Fact{n.Name, value})
	}
	return list
}

// Explain judges as Holds does and says why.
func (j *Judge) Explain(expression string, f *Facts) Explanation {
	x := Explanation{Expression: expression, Parts: []Part{}, Facts: []Fact{}, Missing: []Missing{}}
	c := j.get(expression)
	holds, cost, err := j.evaluate(c, f)
	x.Holds, x.Cost = holds, cost
	if c.err == nil {
		v := view{facts: activation{j, f}, info: c.tree.NativeRep().SourceInfo(), state: j.evaluateAll(c.tree, f)}
		x.add(&v, c.tree.NativeRep().Expr(), 0)
		x.addMissing(&v, c.tree.NativeRep().Expr())
	}
	switch {
	case err == nil:
	case len(x.Parts) > 0 && x.Parts[0].Value == NoData:
		x.Error = NoData
	default:
		x.Error = err.Error()
	}
	return x
}

// evaluateAll evaluates every sub-expression. What there is no data for is unknown, which CEL carries
// through calls as it does errors, but tells apart from them.
func (j *Judge) evaluateAll(tree *cel.Ast, f *Facts) interpreter.EvalState {
	program, err := j.env.Program(tree, cel.EvalOptions(cel.OptExhaustiveEval, cel.OptPartialEval))
	if err != nil {
		return interpreter.NewEvalState()
	}
	var missing []*cel.AttributePatternType
	for _, n := range Names() {
		if _, ok := n.value(f); !ok {
			missing = append(missing, cel.AttributePattern(n.Name))
		}
	}
	facts, err := cel.PartialVars(activation{j, f}, missing...)
	if err != nil {
		return interpreter.NewEvalState()
	}
	_, details, _ := program.Eval(facts)
	return details.State()
}

// view is what an explanation is read from.
type view struct {
	facts activation
	info  *ast.SourceInfo
	state interpreter.EvalState
}

// add appends an expression and what it is made of.
func (x *Explanation) add(v *view, e ast.Expr, depth int) {
	if e.Kind() == ast.CallKind || depth == 0 {
		source, err := cel.ExprToString(e, v.info)
		if err != nil {
			source = err.Error()
		}
		x.Parts = append(x.Parts, Part{depth, source, v.value(e)})
	}
	switch e.Kind() {
	case ast.IdentKind:
		x.addFact(v.facts, e.AsIdent())
	case ast.CallKind:
		for _, o := range operands(e.AsCall()) {
			x.add(v, o, depth+1)
		}
	}
}

func (x *Explanation) addFact(facts activation, name string) {
	for _, f := range x.Facts {
		if f.Name == name {
			return
		}
	}
	value := NoData
	if fact, ok := facts.ResolveName(name); ok {
		value = literal(fact)
	}
	x.Facts = append(x.Facts, Fact{name, value})
}

// operands lists what a call applies to, as it reads: a chain of one logical operator has all its terms,
// and a list is its elements.
func operands(call ast.CallExpr) []ast.Expr {
	var all []ast.Expr
	if call.IsMemberFunction() {
		all = append(all, call.Target())
	}
	for _, arg := range call.Args() {
		switch name := call.FunctionName(); {
		case arg.Kind() == ast.ListKind:
			all = append(all, arg.AsList().Elements()...)
		case arg.Kind() == ast.CallKind && arg.AsCall().FunctionName() == name && (name == operators.LogicalAnd || name == operators.LogicalOr):
			all = append(all, operands(arg.AsCall())...)
		default:
			all = append(all, arg)
		}
	}
	return all
}

// literal writes a value as CEL would.
func literal(value any) string {
	switch v := value.(type) {
	case types.Bool:
		return strconv.FormatBool(bool(v))
	case types.Int:
		return strconv.FormatInt(int64(v), 10)
	case types.String:
		return strconv.Quote(string(v))
	case *types.Unknown:
		return NoData
	case *types.Err:
		return "error: " + v.Error()
	}
	return fmt.Sprint(value)
}

// String is the explanation for a terminal, several lines.
func (x Explanation) String() string {
	var b strings.Builder
	for _, p := range x.Parts {
		fmt.Fprintf(&b, "%s%s: %s\n", strings.Repeat("  ", p.Depth), p.Text, p.Value)
	}
	for i, f := range x.Facts {
		if i == 0 {
			b.WriteString("facts\n")
		}
		fmt.Fprintf(&b, "  %s = %s\n", f.Name, f.Value)
	}
	answer := "does not hold"
	if x.Holds {
		answer = "holds"
	}
	fmt.Fprintf(&b, "%s, cost %d of %d\n", answer, x.Cost, CostLimit)
	if x.Error != "" {
		fmt.Fprintf(&b, "because: %s\n", x.Error)
	}
	return b.String()
}
