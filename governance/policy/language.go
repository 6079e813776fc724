package policy

import (
	"errors"
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"

	"quoin.dev/quoin"
)

// Limits of an expression.
const (
	DepthMax     = 32   // of sub-expressions inside one another
	NodesMax     = 256  // names, literals and operators
	LiteralMax   = 128  // bytes of a string literal
	CostLimit    = 1000 // of an evaluation, by the cost model below
	costModel    = 1    // version of CEL's cost model; another is another language
	parseNesting = 64   // of brackets in the text
)

// ErrPolicy is wrapped by every refusal of an expression.
var ErrPolicy = errors.New("invalid policy")

// function is one that remains of CEL's standard library, with the overloads that do.
type function struct {
	name      string
	overloads []string // nil: all
}

// functions is the whole of the language besides names, literals and the list after "in".
func functions() []function {
	return []function{
		{operators.LogicalAnd, nil},
		{operators.LogicalOr, nil},
		{operators.LogicalNot, nil},
		{operators.Conditional, nil},
		{operators.Equals, nil},
		{operators.NotEquals, nil},
		{operators.Less, []string{overloads.LessInt64}},
		{operators.LessEquals, []string{overloads.LessEqualsInt64}},
		{operators.Greater, []string{overloads.GreaterInt64}},
		{operators.GreaterEquals, []string{overloads.GreaterEqualsInt64}},
		{operators.Add, []string{overloads.AddInt64}},
		{operators.Subtract, []string{overloads.SubtractInt64}},
		{operators.Multiply, []string{overloads.MultiplyInt64}},
		{operators.Divide, []string{overloads.DivideInt64}},
		{operators.Modulo, []string{overloads.ModuloInt64}},
		{operators.Negate, []string{overloads.NegateInt64}},
		{operators.In, []string{overloads.InList}},
		{overloads.Size, []string{overloads.SizeString, overloads.SizeStringInst}},
		{overloads.StartsWith, []string{overloads.StartsWithString}},
		{overloads.EndsWith, []string{overloads.EndsWithString}},
		{overloads.Contains, []string{overloads.ContainsString}},
	}
}

// newEnvironment declares the names and the functions. It panics if the library refuses declarations
// that never vary.
func newEnvironment(names []Name) *cel.Env {
	var remaining []*env.Function
	for _, f := range functions() {
		var kept []*env.Overload
		for _, id := range f.overloads {
			kept = append(kept, &env.Overload{ID: id})
		}
		remaining = append(remaining, env.NewFunction(f.name, kept...))
	}
	options := []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(env.NewLibrarySubset().SetDisableMacros(true).AddIncludedFunctions(remaining...))),
		cel.CostModelVersion(costModel),
		cel.ASTValidators(cel.ValidateHomogeneousAggregateLiterals()),
		cel.ParserExpressionSizeLimit(quoin.PolicyBytesMax),
		cel.ParserRecursionLimit(parseNesting),
		cel.ExpressionNodeLimit(NodesMax),
		cel.ParserErrorRecoveryLimit(1),
		cel.EagerlyValidateDeclarations(true),
	}
	for _, n := range names {
		options = append(options, cel.Variable(n.Name, celType(n.Type)))
	}
	e, err := cel.NewCustomEnv(options...)
	if err != nil {
		panic(fmt.Sprintf("policy: the language cannot be declared: %v", err))
	}
	return e
}

func celType(name string) *types.Type {
	switch name {
	case "int":
		return types.IntType
	case "bool":
		return types.BoolType
	case "string":
		return types.StringType
	}
	panic("policy: no type " + name)
}

// compile parses, checks and plans an expression.
func (j *Judge) compile(expression string) (*cel.Ast, cel.Program, error) {
	if err := checkText(expression); err != nil {
		return nil, nil, err
	}
	checked, issues := j.env.Compile(expression)
	if errs := issues.Errors(); len(errs) > 0 {
		return nil, nil, fmt.Errorf("%w: %s%s", ErrPolicy, position(errs[0].Location), errs[0].Message)
	}
	tree := checked.NativeRep()
	if err := j.admit(tree, tree.Expr(), 1); err != nil {
		return nil, nil, err
	}
	if checked.OutputType() != types.BoolType {
		return nil, nil, fmt.Errorf("%w: it is of type %s; a policy is a bool, for example approvals >= 2", ErrPolicy, checked.OutputType())
	}
	estimate, err := j.env.EstimateCost(checked, sizes{})
	if err != nil {
		return nil, nil, fmt.Errorf("%w: its cost cannot be estimated: %v", ErrPolicy, err)
	}
	if estimate.Max > CostLimit {
		return nil, nil, fmt.Errorf("%w: it may cost %d, limit %d; compare with == or use shorter literals", ErrPolicy, estimate.Max, CostLimit)
	}
	program, err := j.env.Program(checked, cel.CostLimit(CostLimit))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %v", ErrPolicy, err)
	}
	return checked, program, nil
}

func checkText(expression string) error {
	if len(expression) == 0 || len(expression) > quoin.PolicyBytesMax {
		return fmt.Errorf("%w: %d bytes of text, allowed are 1 to %d", ErrPolicy, len(expression), quoin.PolicyBytesMax)
	}
	for i, b := range []byte(expression) {
		if (b < ' ' || b > '~') && b != '\t' && b != '\n' {
			return fmt.Errorf("%w: byte %d is %#02x; allowed are printable ASCII, tabs and newlines", ErrPolicy, i+1, b)
		}
	}
	return nil
}

// position writes a place in a text, counted from 1.
func position(l common.Location) string {
	if l.Line() < 1 {
		return ""
	}
	return fmt.Sprintf("line %d, column %d: ", l.Line(), l.Column()+1)
}

// admit walks a checked expression and refuses what is not of the language. It repeats what the
// environment already refuses, so that a function which slips in with another version of the library
// is refused all the same.
func (j *Judge) admit(tree *ast.AST, e ast.Expr, depth int) error {
	refuse := func(format string, a ...any) error {
		at := position(tree.SourceInfo().GetStartLocation(e.ID()))
		return fmt.Errorf("%w: %s%s", ErrPolicy, at, fmt.Sprintf(format, a...))
	}
	if depth > DepthMax {
		return refuse("more than %d sub-expressions inside one another", DepthMax)
	}
	switch t := tree.GetType(e.ID()); t.Kind() {
	case types.IntKind, types.BoolKind, types.StringKind:
	default:
		return refuse("a value of type %s; only int, bool and string are allowed, and a list right after in", t)
	}
	switch e.Kind() {
	case ast.LiteralKind:
		if s, ok := e.AsLiteral().(types.String); ok && len(s) > LiteralMax {
			return refuse("a text of %d bytes, limit %d", len(s), LiteralMax)
		}
	case ast.IdentKind:
		if _, ok := j.names[e.AsIdent()]; !ok {
			return refuse("no name %s", e.AsIdent())
		}
	case ast.CallKind:
		call := e.AsCall()
		if !j.functions[call.FunctionName()] {
			return refuse("no function %s", call.FunctionName())
		}
		operands := call.Args()
		if call.IsMemberFunction() {
			operands = append([]ast.Expr{call.Target()}, operands...)
		}
		if call.FunctionName() == operators.In {
			if operands[1].Kind() != ast.ListKind {
				return refuse("a list is written right after in, for example class in [\"N\", \"L\"]")
			}
			operands = append([]ast.Expr{operands[0]}, operands[1].AsList().Elements()...)
		}
		for _, o := range operands {
			if err := j.admit(tree, o, depth+1); err != nil {
				return err
			}
		}
	default:
		return refuse("only names, literals and calls are allowed")
	}
	return nil
}

// sizes tells the cost estimate how long the facts are.
type sizes struct{}

var _ cost.Estimator = sizes{}

// EstimateSize bounds the strings among the facts.
func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	if node.ComputedSize() == nil && node.Type().Kind() == types.StringKind {
		return &cost.SizeEstimate{Min: 0, Max: FactBytesMax}
	}
	return nil
}

// EstimateCallCost leaves the cost of functions to CEL's own model.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}
