package plugin

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero/api"
)

// specCommand is a line of a script of the specification's tests, as wast2json writes it.
type specCommand struct {
	Type       string
	Line       int
	Name       string // of a module, within the file
	As         string // of a module, for the imports of others
	Filename   string
	Text       string // what a trap is called
	ModuleType string `json:"module_type"`
	Action     struct {
		Type, Module, Field string
		Args                []specValue
	}
	Expected []specValue
}

type specValue struct {
	Type  string
	Value any
}

// bits returns the bits of a number, which some scripts write with a sign; ok is false for references, vectors and patterns.
func (v specValue) bits() (n uint64, ok bool) {
	s, _ := v.Value.(string)
	n, err := strconv.ParseUint(s, 10, 64)
	if signed, e := strconv.ParseInt(s, 10, 64); e == nil && signed < 0 {
		n, err = uint64(signed), nil
		if v.Type == "i32" {
			n = uint64(uint32(signed))
		}
	}
	return n, err == nil && slices.Contains([]string{"i32", "i64", "f32", "f64"}, v.Type)
}

// matches compares a result. The specification leaves the payload of some NaNs open; the strict
// comparison wants the canonical one, of either sign, wherever it may be.
func (v specValue) matches(got uint64, strict bool) bool {
	quiet, mask := uint64(0x7ff8000000000000), uint64(math.MaxInt64)
	if v.Type == "i32" || v.Type == "f32" {
		quiet, mask, got = 0x7fc00000, math.MaxInt32, uint64(uint32(got))
	}
	switch v.Value {
	case "nan:canonical":
		return got&mask == quiet
	case "nan:arithmetic":
		return got&quiet == quiet && (!strict || got&mask == quiet)
	}
	want, ok := v.bits()
	return ok && want == got
}

// specTraps are wazero's names of the specification's traps, where they differ.
var specTraps = map[string]string{
	"indirect call":              "indirect call type mismatch",
	"undefined":                  "invalid table access",
	"undefined element":          "invalid table access",
	"uninitialized":              "invalid table access",
	"uninitialized element":      "invalid table access",
	"out of bounds table access": "invalid table access",
	"call stack exhausted":       stackOverflow,
}

const stackOverflow = "stack overflow"

// specOutcome is how an action ended: with values or with a trap.
type specOutcome struct {
	values []uint64
	trap   string
}

// passes reports whether an outcome is what the command asserts.
func (o specOutcome) passes(c *specCommand, strict bool) bool {
	switch c.Type {
	case "assert_trap", "assert_exhaustion":
		want, ok := specTraps[c.Text]
		if !ok {
			want = c.Text
		}
		return o.trap == want
	case "action":
		return o.trap == ""
	}
	return o.trap == "" && slices.EqualFunc(c.Expected, o.values, func(v specValue, got uint64) bool { return v.matches(got, strict) })
}

// act reads a global or calls a function.
func act(ctx context.Context, m api.Module, c *specCommand) (o specOutcome, err error) {
	if c.Action.Type == "get" {
		g := m.ExportedGlobal(c.Action.Field)
		if g == nil {
			return o, fmt.Errorf("no global %q", c.Action.Field)
		}
		return specOutcome{values: []uint64{g.Get()}}, nil
	}
	f := m.ExportedFunction(c.Action.Field)
	if f == nil {
		return o, fmt.Errorf("no function %q", c.Action.Field)
	}
	var args []uint64
	for _, a := range c.Action.Args {
		n, ok := a.bits()
		if !ok {
			return o, fmt.Errorf("an argument that is no number: %v", a)
		}
		args = append(args, n)
	}
	if o.values, err = f.Call(ctx, args...); err != nil {
		trap, isTrap := strings.CutPrefix(err.Error(), "wasm error: ")
		if !isTrap && trap != stackOverflow {
			return o, fmt.Errorf("%s fails: %w", c.Action.Field, err)
		}
		o.trap, _, _ = strings.Cut(trap, "\n")
	}
	return o, nil
}

// The judgement of outcomes is not blind: what is nearly right fails.
func TestSpecificationJudgement(t *testing.T) {
	const canonical, raw = 0x7ff8000000000000, 0x7ff8000000000001
	trap := func(text string) *specCommand { return &specCommand{Type: "assert_trap", Text: text} }
	gives := func(typ, value string) *specCommand {
		return &specCommand{Type: "assert_return", Expected: []specValue{{typ, value}}}
	}
	for _, c := range []struct {
		command       *specCommand
		outcome       specOutcome
		plain, strict bool
	}{
		{gives("i32", "4294967295"), specOutcome{values: []uint64{0xffffffff}}, true, true},
		{gives("i32", "-1"), specOutcome{values: []uint64{0xffffffff}}, true, true},
		{gives("i32", "1"), specOutcome{values: []uint64{2}}, false, false},
		{gives("i32", "1"), specOutcome{values: []uint64{1, 1}}, false, false},
		{gives("i32", "0"), specOutcome{trap: "unreachable"}, false, false},
		{gives("f64", "0"), specOutcome{values: []uint64{1 << 63}}, false, false},
		{gives("f64", "nan:canonical"), specOutcome{values: []uint64{canonical | 1<<63}}, true, true},
		{gives("f64", "nan:canonical"), specOutcome{values: []uint64{raw}}, false, false},
		{gives("f64", "nan:arithmetic"), specOutcome{values: []uint64{raw}}, true, false},
		{gives("f64", "nan:arithmetic"), specOutcome{values: []uint64{0x7ff0000000000001}}, false, false},
		{gives("f32", "nan:arithmetic"), specOutcome{values: []uint64{0x7fc00001}}, true, false},
		{gives("f32", "nan:canonical"), specOutcome{values: []uint64{0xffc00000}}, true, true},
		{trap("undefined element"), specOutcome{trap: "invalid table access"}, true, true},
		{trap("unreachable"), specOutcome{trap: "integer overflow"}, false, false},
		{trap("unreachable"), specOutcome{}, false, false},
	} {
		if plain, strict := c.outcome.passes(c.command, false), c.outcome.passes(c.command, true); plain != c.plain || strict != c.strict {
			t.Errorf("%+v for %s %v %s: %v, and strictly %v", c.outcome, c.command.Type, c.command.Expected, c.command.Text, plain, strict)
		}
	}
}
