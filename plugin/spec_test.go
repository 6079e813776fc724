package plugin

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
)

// The specification's tests come with wazero. The check must accept the valid modules (but for
// features and shapes that it refuses on purpose) and refuse the invalid ones; and what the
// functions of the accepted ones give must not change by instrumentation.

type specCommand struct {
	Type       string
	Line       int
	Filename   string
	Text       string
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

// bits returns a number's bits; ok is false for references and patterns.
func (v specValue) bits() (n uint64, ok bool) {
	s, _ := v.Value.(string)
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && v.Type != "externref" && v.Type != "funcref" && v.Type != "v128"
}

// matches compares a result; every NaN must be the canonical one, unless bits are asked for.
func (v specValue) matches(got uint64) bool {
	if v.Type == "i32" || v.Type == "f32" {
		got = uint64(uint32(got))
	}
	if s, _ := v.Value.(string); strings.HasPrefix(s, "nan:") {
		if v.Type == "f32" {
			return got&0x7fffffff == 0x7fc00000
		}
		return got&(1<<63-1) == 0x7ff8000000000000
	}
	want, ok := v.bits()
	return ok && want == got
}

func specFiles(t *testing.T) []string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Skip("the Go toolchain is not on the path")
	}
	var files []string
	for _, version := range []string{"v1", "v2"} {
		list, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "internal/integration_test/spectest", version, "testdata", "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			if !strings.HasPrefix(filepath.Base(f), "simd") {
				files = append(files, f)
			}
		}
	}
	if len(files) == 0 {
		t.Skip("this wazero comes without the specification's tests")
	}
	return files
}

// specLimits allow the memory that the tests grow to.
func specLimits() Limits {
	l := DefaultLimits()
	l.PagesMax = 1_000
	return l
}

// specCheck is check without what only plugins need: manifest, imports and exports.
func specCheck(file []byte) (*checked, *Refusal) {
	l := specLimits()
	sections, err := splitSections(file)
	if err != nil {
		return nil, asRefusal(err)
	}
	m, refusal := parseModule(file, sections, &l)
	if refusal != nil {
		return nil, refusal
	}
	return &checked{module: m, limits: &l, report: &Report{PagesMax: pagesMax(m, &Manifest{PagesMax: 1 << 16}, &l)}}, nil
}

func TestSpecification(t *testing.T) {
	count := map[string]int{}
	l := specLimits()
	for _, h := range []*Host{newHost(t, Options{Limits: &l}), newHost(t, Options{Limits: &l, Interpreter: true})} {
		for _, f := range specFiles(t) {
			specFile(t, h, f, count)
		}
	}
	t.Logf("%v", count)
	for what, least := range map[string]int{"accepted": 300, "refused rightly": 2000, "results": 30_000, "traps": 500} {
		if count[what] < least {
			t.Errorf("only %d %s", count[what], what)
		}
	}
}

func specFile(t *testing.T, h *Host, file string, count map[string]int) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Commands []specCommand }
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(file)
	var i *instance
	for _, c := range doc.Commands {
		var module []byte
		if c.Filename != "" && c.ModuleType != "text" {
			if module, err = os.ReadFile(filepath.Join(filepath.Dir(file), c.Filename)); err != nil {
				continue
			}
		}
		switch c.Type {
		case "module":
			i = specModule(t, h, name, c, module, count)
		case "assert_invalid", "assert_malformed":
			if module == nil {
				continue
			}
			if checked, refusal := specCheck(module); refusal == nil {
				if _, refusal = checked.bodies(nil); refusal == nil && !validSince(h, module) {
					t.Errorf("%s:%d: an invalid module is accepted", name, c.Line)
				}
			}
			count["refused rightly"]++
		case "assert_return", "assert_trap", "assert_exhaustion", "action":
			if i != nil && c.Action.Type == "invoke" && c.Action.Module == "" {
				specInvoke(t, i, name, c, count)
			}
		}
	}
}

// validSince reports whether the engine accepts a module that an older edition of the
// specification calls invalid, for example a function with two results.
func validSince(h *Host, module []byte) bool {
	compiled, err := h.runtime.CompileModule(context.Background(), module)
	if err == nil {
		_ = compiled.Close(context.Background())
	}
	return err == nil
}

// specModule checks and starts a valid module; nil if it is refused on purpose.
func specModule(t *testing.T, h *Host, name string, c specCommand, file []byte, count map[string]int) *instance {
	ctx := context.Background()
	checked, refusal := specCheck(file)
	var code []byte
	if refusal == nil {
		code, _, refusal = checked.instrument()
	}
	if refusal != nil {
		switch {
		case refusal.Code == CodeInvalid || refusal.Code == CodeMalformed:
			t.Errorf("%s:%d: a valid module is refused: %v", name, c.Line, refusal)
		default:
			count["refused on purpose: "+string(refusal.Code)]++
		}
		return nil
	}
	if len(checked.module.imports) > 0 {
		count["with imports"]++
		return nil
	}
	paged := &pagedMemory{most: uint64(checked.report.PagesMax) * pageBytes}
	compiled, err := h.runtime.CompileModule(ctx, code)
	if err != nil {
		t.Errorf("%s:%d: %v", name, c.Line, err)
		return nil
	}
	t.Cleanup(func() { _ = compiled.Close(ctx) })
	m, err := h.runtime.InstantiateModule(experimental.WithMemoryAllocator(ctx, paged), compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		t.Errorf("%s:%d: %v", name, c.Line, err)
		return nil
	}
	for _, d := range checked.module.data {
		copy(paged.bytes[d.offset:], d.data)
	}
	count["accepted"]++
	i := &instance{module: m, memory: m.Memory(), paged: paged}
	i.fuel, i.stack = i.global(fuelExport), i.global(stackExport)
	i.call = call{Context: ctx, fuelGlobal: i.fuel, memory: i.memory}
	return i
}

func specInvoke(t *testing.T, i *instance, name string, c specCommand, count map[string]int) {
	f := i.module.ExportedFunction(c.Action.Field)
	if f == nil {
		t.Errorf("%s:%d: no function %q", name, c.Line, c.Action.Field)
		return
	}
	var args []uint64
	for _, a := range c.Action.Args {
		n, ok := a.bits()
		if !ok {
			return
		}
		args = append(args, n)
	}
	i.fuel.Set(1 << 40)
	i.stack.Set(StackBytesMax)
	got, err := f.Call(&i.call, args...)
	if c.Type == "action" && err == nil {
		return
	}
	if c.Type == "assert_trap" || c.Type == "assert_exhaustion" {
		count["traps"]++
		if err == nil {
			t.Errorf("%s:%d: %s does not trap", name, c.Line, c.Action.Field)
		}
		return
	}
	count["results"]++
	if err != nil || len(got) != len(c.Expected) {
		t.Errorf("%s:%d: %s%v: %v %v", name, c.Line, c.Action.Field, c.Action.Args, got, err)
		return
	}
	for k, want := range c.Expected {
		if !want.matches(got[k]) {
			t.Errorf("%s:%d: %s%v is %#x, want %v", name, c.Line, c.Action.Field, c.Action.Args, got, want)
		}
	}
}
