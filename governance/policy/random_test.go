package policy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// expression is a random expression with its own way to evaluate it, which knows nothing of CEL.
// Integers are int64; a result without a value is nil.
type expression struct {
	text string
	eval func(f *Facts) any
}

// flaws are mistakes of an evaluator, for the controls.
type flaws struct {
	missingIsZero bool // no data counts as 0, false and ""
	strict        bool // || and && have no value unless both sides have one
	wraps         bool // integers wrap around
	notHolds      bool // !x is true if x has no value
}

// drawer draws expressions over the names.
type drawer struct {
	rng   *rand.Rand
	flaws flaws
}

func (d *drawer) bool(depth int) expression {
	if depth == 0 {
		return d.leaf("bool")
	}
	switch d.rng.IntN(10) {
	case 0:
		return d.leaf("bool")
	case 1:
		x := d.bool(depth - 1)
		return expression{"!(" + x.text + ")", func(f *Facts) any {
			v, ok := x.eval(f).(bool)
			if !ok && !d.flaws.notHolds {
				return nil
			}
			return !v
		}}
	case 2, 3, 4:
		return d.logical(d.bool(depth-1), d.bool(depth-1))
	case 5:
		return d.choice(d.bool(depth-1), d.bool(depth-1), d.bool(depth-1))
	case 6:
		return d.strings(depth - 1)
	case 7:
		return d.member(depth - 1)
	default:
		return d.compared(d.int(depth-1), d.int(depth-1))
	}
}

// logical is a chain of one operator, which the first side that decides decides.
func (d *drawer) logical(x, y expression) expression {
	deciding := d.rng.IntN(2) == 0
	operator := "&&"
	if deciding {
		operator = "||"
	}
	return expression{"(" + x.text + " " + operator + " " + y.text + ")", func(f *Facts) any {
		a, b := x.eval(f), y.eval(f)
		switch {
		case d.flaws.strict && (a == nil || b == nil):
			return nil
		case a == deciding || b == deciding:
			return deciding
		case a == nil || b == nil:
			return nil
		}
		return !deciding
	}}
}

func (d *drawer) choice(condition, x, y expression) expression {
	return expression{"(" + condition.text + " ? " + x.text + " : " + y.text + ")", func(f *Facts) any {
		switch condition.eval(f) {
		case true:
			return x.eval(f)
		case false:
			return y.eval(f)
		}
		return nil
	}}
}

// strict makes a call of what has a value only if both operands do.
func strict(text string, x, y expression, apply func(a, b any) any) expression {
	return expression{text, func(f *Facts) any {
		a, b := x.eval(f), y.eval(f)
		if a == nil || b == nil {
			return nil
		}
		return apply(a, b)
	}}
}

func (d *drawer) compared(x, y expression) expression {
	operator := []string{"==", "!=", "<", "<=", ">", ">="}[d.rng.IntN(6)]
	return strict("("+x.text+" "+operator+" "+y.text+")", x, y, func(a, b any) any {
		i, j := a.(int64), b.(int64)
		return map[string]bool{"==": i == j, "!=": i != j, "<": i < j, "<=": i <= j, ">": i > j, ">=": i >= j}[operator]
	})
}

func (d *drawer) strings(depth int) expression {
	x, y := d.string(depth), d.string(depth)
	switch d.rng.IntN(5) {
	case 0:
		return strict("("+x.text+" == "+y.text+")", x, y, func(a, b any) any { return a == b })
	case 1:
		return strict("("+x.text+" != "+y.text+")", x, y, func(a, b any) any { return a != b })
	case 2:
		return strict("("+x.text+").startsWith("+y.text+")", x, y, func(a, b any) any { return strings.HasPrefix(a.(string), b.(string)) })
	case 3:
		return strict("("+x.text+").endsWith("+y.text+")", x, y, func(a, b any) any { return strings.HasSuffix(a.(string), b.(string)) })
	default:
		return strict("("+x.text+").contains("+y.text+")", x, y, func(a, b any) any { return strings.Contains(a.(string), b.(string)) })
	}
}

// member asks for a place in a list, which has a value only if all its elements do.
func (d *drawer) member(depth int) expression {
	draw := d.int
	if d.rng.IntN(2) == 0 {
		draw = d.string
	}
	needle := draw(depth)
	list := make([]expression, d.rng.IntN(4))
	var texts []string
	for i := range list {
		list[i] = draw(depth)
		texts = append(texts, list[i].text)
	}
	return expression{"(" + needle.text + " in [" + strings.Join(texts, ", ") + "])", func(f *Facts) any {
		value := needle.eval(f)
		var values []any
		for _, e := range list {
			values = append(values, e.eval(f))
		}
		if value == nil || slices.Contains(values, nil) {
			return nil
		}
		return slices.Contains(values, value)
	}}
}

func (d *drawer) int(depth int) expression {
	if depth == 0 {
		return d.leaf("int")
	}
	switch d.rng.IntN(8) {
	case 0:
		x := d.int(depth - 1)
		return expression{"-(" + x.text + ")", func(f *Facts) any {
			v, ok := x.eval(f).(int64)
			if !ok || v == math.MinInt64 && !d.flaws.wraps {
				return nil
			}
			return -v
		}}
	case 1:
		x := d.string(depth - 1)
		return expression{"size(" + x.text + ")", func(f *Facts) any {
			if s, ok := x.eval(f).(string); ok {
				return int64(len(s)) // names are ASCII
			}
			return nil
		}}
	case 2:
		return d.choice(d.bool(depth-1), d.int(depth-1), d.int(depth-1))
	case 3, 4, 5:
		return d.arithmetic(d.int(depth-1), d.int(depth-1))
	default:
		return d.leaf("int")
	}
}

func (d *drawer) arithmetic(x, y expression) expression {
	operator := "+-*/%"[d.rng.IntN(5)]
	return strict("("+x.text+" "+string(operator)+" "+y.text+")", x, y, func(a, b any) any {
		i, j := a.(int64), b.(int64)
		divides := operator == '/' || operator == '%'
		if divides && (j == 0 || i == math.MinInt64 && j == -1) {
			return nil
		}
		var result int64
		exact := true
		switch operator {
		case '+':
			result = i + j
			exact = (result > i) == (j > 0)
		case '-':
			result = i - j
			exact = (result < i) == (j > 0)
		case '*':
			result = i * j
			exact = i == 0 || result/i == j && (i != -1 || j != math.MinInt64)
		case '/':
			result = i / j
		case '%':
			result = i % j
		}
		if !exact && !d.flaws.wraps {
			return nil
		}
		return result
	})
}

func (d *drawer) string(depth int) expression {
	if depth > 0 && d.rng.IntN(4) == 0 {
		return d.choice(d.bool(depth-1), d.string(depth-1), d.string(depth-1))
	}
	return d.leaf("string")
}

var someInts = []int64{0, 1, 2, 3, 20, 99, 100, 101, -1, math.MaxInt64, math.MinInt64}

var someTexts = []string{"", "D", "L", "release", "leader.v1", "machine.v1/kv", "kv", "a.b", strings.Repeat("x", FactBytesMax)}

// leaf is a literal or a name.
func (d *drawer) leaf(kind string) expression {
	if d.rng.IntN(3) == 0 {
		switch kind {
		case "bool":
			v := d.rng.IntN(2) == 0
			return expression{strconv.FormatBool(v), func(*Facts) any { return v }}
		case "int":
			v := someInts[d.rng.IntN(len(someInts))]
			return expression{strconv.FormatInt(v, 10), func(*Facts) any { return v }}
		default:
			v := someTexts[d.rng.IntN(len(someTexts))]
			return expression{strconv.Quote(v), func(*Facts) any { return v }}
		}
	}
	for {
		names := allNames()
		name := names[d.rng.IntN(len(names))]
		value := name.of(&fullFacts)
		if kindOf(value) != kind {
			continue
		}
		return expression{name.name, func(f *Facts) any {
			if v := name.of(f); v != nil {
				return v
			}
			if d.flaws.missingIsZero {
				return map[string]any{"bool": false, "int": int64(0), "string": ""}[kind]
			}
			return nil
		}}
	}
}

func kindOf(v any) string {
	switch v.(type) {
	case bool:
		return "bool"
	case int64:
		return "int"
	case string:
		return "string"
	}
	return fmt.Sprintf("%T", v)
}

// plainName is a name with its value, written down a second time: the table under test is not asked.
type plainName struct {
	name string
	of   func(f *Facts) any
}

// of has no value where the group is nil.
func of[G any](group *G, field func(*G) int64) any {
	if group == nil {
		return nil
	}
	return field(group)
}

func organisation(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func allNames() []plainName {
	return []plainName{
		{"class", func(f *Facts) any { return f.Class }},
		{"step", func(f *Facts) any { return f.Step }},
		{"subject", func(f *Facts) any { return f.Subject }},
		{"slot", func(f *Facts) any { return f.Slot }},
		{"hook", func(f *Facts) any { return f.Hook }},
		{"slot_namespace", func(f *Facts) any { return f.Namespace }},
		{"name", func(f *Facts) any { return f.Name }},
		{"version", func(f *Facts) any { return f.Version }},
		{"height", func(f *Facts) any { return f.Height }},
		{"proposed", func(f *Facts) any { return f.Proposed }},
		{"patch", func(f *Facts) any { return f.Patch }},
		{"incumbent", func(f *Facts) any { return f.Incumbent }},
		{"diverges", func(f *Facts) any { return f.Diverges }},
		{"shadow_heights", func(f *Facts) any { return f.ShadowHeights }},
		{"trial_heights", func(f *Facts) any { return f.TrialHeights }},
		{"proposer", func(f *Facts) any { return organisation(f.Proposer) }},
		{"author", func(f *Facts) any { return organisation(f.Author) }},
		{"approvals", func(f *Facts) any { return f.Approvals }},
		{"organisations", func(f *Facts) any { return f.Organisations }},
		{"rejections", func(f *Facts) any { return f.Rejections }},
		{"weight", func(f *Facts) any { return f.Weight }},
		{"prechecked", func(f *Facts) any { return f.Prechecked }},
		{"ready", func(f *Facts) any { return f.Ready }},
		{"assessed", func(f *Facts) any { return f.Security != nil }},
		{"security.passed", func(f *Facts) any { return of(f.Security, func(s *Security) int64 { return s.Passed }) }},
		{"security.failed", func(f *Facts) any { return of(f.Security, func(s *Security) int64 { return s.Failed }) }},
		{"measured", func(f *Facts) any { return f.Benchmark != nil }},
		{"benchmark.better", func(f *Facts) any { return of(f.Benchmark, func(b *Benchmark) int64 { return b.Better }) }},
		{"benchmark.same", func(f *Facts) any { return of(f.Benchmark, func(b *Benchmark) int64 { return b.Same }) }},
		{"benchmark.worse", func(f *Facts) any { return of(f.Benchmark, func(b *Benchmark) int64 { return b.Worse }) }},
		{"benchmark.inconclusive", func(f *Facts) any { return of(f.Benchmark, func(b *Benchmark) int64 { return b.Inconclusive }) }},
		{"shadow.heights", func(f *Facts) any { return of(f.Shadow, func(s *Shadow) int64 { return s.Heights }) }},
		{"shadow.compared", func(f *Facts) any { return of(f.Shadow, func(s *Shadow) int64 { return s.Compared }) }},
		{"shadow.diverged", func(f *Facts) any { return of(f.Shadow, func(s *Shadow) int64 { return s.Diverged }) }},
		{"shadow.faults", func(f *Facts) any { return of(f.Shadow, func(s *Shadow) int64 { return s.Faults }) }},
		{"shadow.skipped", func(f *Facts) any { return of(f.Shadow, func(s *Shadow) int64 { return s.Skipped }) }},
		{"trial.blocks", func(f *Facts) any { return of(f.Trial, func(t *Trial) int64 { return t.Blocks }) }},
		{"trial.good", func(f *Facts) any { return of(f.Trial, func(t *Trial) int64 { return t.Good }) }},
		{"trial.bad", func(f *Facts) any { return of(f.Trial, func(t *Trial) int64 { return t.Bad }) }},
	}
}

// fullFacts leave nothing out.
var fullFacts = Facts{Proposer: "p", Author: "a", Security: &Security{}, Benchmark: &Benchmark{}, Shadow: &Shadow{}, Trial: &Trial{}}

// randomFacts draws facts; every group is missing half of the time.
func randomFacts(rng *rand.Rand) *Facts {
	number := func() int64 { return someInts[rng.IntN(len(someInts))] }
	text := func() string { return someTexts[rng.IntN(len(someTexts))] }
	flip := func() bool { return rng.IntN(2) == 0 }
	f := &Facts{
		Class: text(), Step: text(), Subject: text(), Slot: text(), Hook: text(), Namespace: text(), Name: text(), Version: text(),
		Height: number(), Proposed: number(), Patch: flip(), Incumbent: flip(), Diverges: flip(),
		ShadowHeights: number(), TrialHeights: number(), Proposer: text(), Author: text(),
		Approvals: number(), Organisations: number(), Rejections: number(), Weight: number(), Prechecked: number(), Ready: number(),
	}
	if flip() {
		f.Security = &Security{number(), number()}
	}
	if flip() {
		f.Benchmark = &Benchmark{number(), number(), number(), number()}
	}
	if flip() {
		f.Shadow = &Shadow{number(), number(), number(), number(), number()}
	}
	if flip() {
		f.Trial = &Trial{number(), number(), number()}
	}
	return f
}
