package policy

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// Missing is a condition that keeps an expression from holding.
type Missing struct {
	Text  string `json:"text"`  // in CEL's normal spacing
	Value string `json:"value"` // false, NoData, or "error: " and what is wrong
	Facts []Fact `json:"facts"` // that it names
}

// addMissing appends the smallest conditions that all have to change for e to be true: the terms of &&
// that are not true, and of ? : the side that its condition chooses.
func (x *Explanation) addMissing(v *view, e ast.Expr) {
	if v.value(e) == "true" {
		return
	}
	if e.Kind() == ast.CallKind {
		call := e.AsCall()
		switch call.FunctionName() {
		case operators.LogicalAnd:
			for _, o := range operands(call) {
				x.addMissing(v, o)
			}
			return
		case operators.Conditional:
			switch v.value(call.Args()[0]) {
			case "true":
				x.addMissing(v, call.Args()[1])
				return
			case "false":
				x.addMissing(v, call.Args()[2])
				return
			}
		}
	}
	m := Explanation{}
	m.add(v, e, 0)
	x.Missing = append(x.Missing, Missing{m.Parts[0].Text, v.value(e), m.Facts})
}

// value returns what an expression is, as a literal.
func (v *view) value(e ast.Expr) string {
	switch e.Kind() {
	case ast.LiteralKind:
		return literal(e.AsLiteral())
	case ast.IdentKind:
		if fact, ok := v.facts.ResolveName(e.AsIdent()); ok {
			return literal(fact)
		}
		return NoData
	}
	if result, ok := v.state.Value(e.ID()); ok {
		return literal(result)
	}
	return notEvaluated
}
