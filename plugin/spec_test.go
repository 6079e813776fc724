package plugin

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

var specUpdate = flag.Bool("spec.update", false, "write testdata/spec.golden anew")

// specPair is a module twice: as it is, and instrumented; or why there is none.
type specPair struct {
	refused string
	plain   api.Module
	guarded *instance
}

// specRun runs the commands of one file.
type specRun struct {
	t     *testing.T
	name  string
	host  *Host
	plain wazero.Runtime
	last  *specPair
	named map[string]*specPair
	all   []*specPair // for the fuel of those that call each other

	counts     map[string]int
	exceptions []string
}

// specLimits are no limits but that of memory, which is as much as the tests grow to.
func specLimits() Limits {
	const many = 1 << 20
	return Limits{Types: many, Params: many, Results: many, Imports: many, Functions: many, Globals: many, Exports: many,
		TableEntries: many, Elements: many, Data: many, DataBytes: many, Locals: many, Nesting: many, BranchTargets: many,
		BranchesAll: many, BodyBytes: many, Complexity: math.MaxInt, ComplexityAll: math.MaxInt, PagesMax: 1_000}
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

// specDirectory is where wazero keeps the specification's tests.
func specDirectory(t *testing.T) string {
	t.Helper()
	missing := t.Skip
	if os.Getenv("CI") == "true" {
		missing = t.Fatal
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		missing("the Go toolchain is not on the path: ", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "internal", "integration_test", "spectest")
	if _, err := os.Stat(dir); err != nil {
		missing("this wazero comes without the specification's tests: ", err)
	}
	return dir
}

// specEditions are the directories of the tests: two editions of the specification and what has
// been proposed since, of which nothing is accepted.
var specEditions = []string{"v1", "v2", "exception-handling", "extended-const", "tail-call", "threads", "typed-function-references"}

// The specification's tests come with wazero. Every module is accepted, or refused with its code;
// of imports there are the functions of the module spectest and of the script's own modules. Every
// assertion on an accepted module holds for it as it is and instrumented, with the same values or
// trap; a NaN whose payload the specification leaves open is the canonical one in the latter, and
// the trap of an exhausted stack comes from the depth limit. The golden file counts every command
// of each file, equal for both engines, and names the exceptions, of two kinds: modules that only
// an early edition calls invalid, and assertions that hold in neither form because a module that
// writes into another's table or memory, by its imports, is refused.
func TestSpecification(t *testing.T) {
	dir := specDirectory(t)
	const golden = "testdata/spec.golden"
	for _, interpreter := range []bool{false, true} {
		page := specPage(t, dir, interpreter)
		if *specUpdate && !interpreter {
			if err := os.WriteFile(golden, []byte(page), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if page != string(want) {
			t.Errorf("with the interpreter: %v: %s has - and the tests give +:\n%sIf the change is meant: go test ./plugin -run TestSpecification -spec.update",
				interpreter, golden, specDifference(string(want), page))
		}
	}
}

// specDifference lists the lines that only one of two pages has.
func specDifference(want, got string) string {
	var b strings.Builder
	list := func(mark string, lines, others string) {
		for line := range strings.Lines(lines) {
			if !strings.Contains("\n"+others, "\n"+line) {
				b.WriteString(mark + " " + line)
			}
		}
	}
	list("-", want, got)
	list("+", got, want)
	return b.String()
}

// specPage runs all files and returns what the golden file has.
func specPage(t *testing.T, dir string, interpreter bool) string {
	var page strings.Builder
	totals := map[string]int{}
	for _, edition := range specEditions {
		files, err := filepath.Glob(filepath.Join(dir, edition, "testdata", "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no tests of edition %s: %v", edition, err)
		}
		for _, file := range files {
			name := edition + "/" + strings.TrimSuffix(filepath.Base(file), ".json")
			r := runSpecFile(t, name, file, filepath.Join(dir, "testdata", "spectest.wasm"), interpreter)
			page.WriteString(specLine(name, r.counts))
			for _, e := range r.exceptions {
				page.WriteString(e + "\n")
			}
			for what, n := range r.counts {
				totals[what] += n
			}
		}
	}
	for _, what := range slices.Sorted(maps.Keys(totals)) {
		fmt.Fprintf(&page, "total: %d %s\n", totals[what], what)
	}
	return page.String()
}

func specLine(name string, counts map[string]int) string {
	var list []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%d %s", counts[what], what))
	}
	return name + ": " + strings.Join(list, ", ") + "\n"
}

// runSpecFile runs the commands of one file on new engines, which have the module spectest.
func runSpecFile(t *testing.T, name, file, spectest string, interpreter bool) *specRun {
	ctx, limits := context.Background(), specLimits()
	host, err := NewHost(Options{Limits: &limits, Interpreter: interpreter})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	config := wazero.NewRuntimeConfig()
	if interpreter {
		config = wazero.NewRuntimeConfigInterpreter()
	}
	plain := wazero.NewRuntimeWithConfig(ctx, config.WithCoreFeatures(features))
	defer plain.Close(ctx)
	for _, engine := range []wazero.Runtime{plain, host.runtime} {
		if _, err := engine.InstantiateWithConfig(ctx, readSpecFile(t, spectest), wazero.NewModuleConfig().WithName("spectest")); err != nil {
			t.Fatal(err)
		}
	}
	var script struct{ Commands []specCommand }
	if err := json.Unmarshal(readSpecFile(t, file), &script); err != nil {
		t.Fatal(err)
	}
	r := &specRun{t: t, name: name, host: host, plain: plain, named: map[string]*specPair{}, counts: map[string]int{}}
	for i := range script.Commands {
		c := &script.Commands[i]
		as := ""
		if i+1 < len(script.Commands) && script.Commands[i+1].Type == "register" {
			as = script.Commands[i+1].As
		}
		var module []byte
		if c.Filename != "" && c.ModuleType != "text" {
			module = readSpecFile(t, filepath.Join(filepath.Dir(file), c.Filename))
		}
		r.command(c, module, as)
	}
	return r
}

func readSpecFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// command runs a command and counts it. A module may be followed by its name for imports.
func (r *specRun) command(c *specCommand, module []byte, as string) {
	kind := strings.TrimPrefix(c.Type, "assert_")
	switch kind {
	case "register": // its module has it
	case "module":
		p, err := r.module(module, as)
		if err != nil {
			r.t.Errorf("%s:%d: a valid module: %v", r.name, c.Line, err)
		}
		r.last = p
		if c.Name != "" {
			r.named[c.Name] = p
		}
		if p.refused == "" {
			r.counts["accepted"]++
		} else {
			r.counts["refused ("+p.refused+")"]++
		}
	case "uninstantiable", "unlinkable":
		p, err := r.module(module, "")
		if p.refused != "" {
			r.counts[kind+" refused ("+p.refused+")"]++
		} else {
			r.t.Errorf("%s:%d: a module that is %s is instantiated: %v", r.name, c.Line, kind, err)
		}
	case "invalid", "malformed":
		r.invalid(kind, c, module)
	case "return", "trap", "exhaustion", "exception", "action":
		r.action(kind, c)
	default:
		r.t.Errorf("%s:%d: no command %q is known", r.name, c.Line, c.Type)
	}
}

// invalid has a module refused, unless the engine accepts it too: a later edition of the
// specification does, for example a function with two results.
func (r *specRun) invalid(kind string, c *specCommand, module []byte) {
	if c.ModuleType == "text" {
		r.counts[kind+" as text"]++
		return
	}
	checked, refusal := specCheck(module)
	if refusal == nil {
		_, refusal = checked.bodies(nil)
	}
	if refusal != nil {
		r.counts[fmt.Sprintf("%s refused (%s)", kind, refusal.Code)]++
		return
	}
	if _, err := r.plain.CompileModule(context.Background(), module); err != nil {
		r.t.Errorf("%s:%d: a module that is %s is accepted: %v", r.name, c.Line, kind, err)
	}
	r.counts[kind+" in this edition only"]++
	r.exceptions = append(r.exceptions, fmt.Sprintf("%s:%d: %s in this edition only: %s", r.name, c.Line, kind, c.Text))
}

// module checks a module, and makes a pair of instances of an accepted one. It gives an error if
// only one of them can be, or if the check takes a valid module for an invalid one.
func (r *specRun) module(file []byte, as string) (*specPair, error) {
	checked, refusal := specCheck(file)
	var code []byte
	if refusal == nil {
		code, _, refusal = checked.instrument()
	}
	if refusal != nil {
		p := &specPair{refused: string(refusal.Code)}
		if refusal.Code == CodeInvalid || refusal.Code == CodeMalformed {
			return p, refusal
		}
		return p, nil
	}
	ctx, config := context.Background(), wazero.NewModuleConfig().WithName(as)
	plain, plainErr := r.plain.InstantiateWithConfig(ctx, file, config)
	paged := &pagedMemory{most: uint64(checked.report.PagesMax) * pageBytes}
	guarded, err := r.host.runtime.InstantiateWithConfig(experimental.WithMemoryAllocator(ctx, paged), code, config)
	if (err == nil) != (plainErr == nil) {
		return &specPair{refused: "in one form"}, fmt.Errorf("plain: %v; instrumented: %v", plainErr, err)
	}
	if err != nil {
		return &specPair{refused: "not linked"}, nil
	}
	for _, d := range checked.module.data {
		copy(paged.bytes[d.offset:], d.data)
	}
	i := &instance{module: guarded, memory: guarded.Memory(), paged: paged}
	i.fuel, i.stack = i.global(fuelExport), i.global(stackExport)
	i.call = call{Context: ctx, fuelGlobal: i.fuel, memory: i.memory}
	p := &specPair{plain: plain, guarded: i}
	r.all = append(r.all, p)
	return p, nil
}

// action runs an action on both forms and compares.
func (r *specRun) action(kind string, c *specCommand) {
	p := r.last
	if c.Action.Module != "" {
		p = r.named[c.Action.Module]
	}
	if p.refused != "" {
		r.counts[kind+" on a refused module ("+p.refused+")"]++
		return
	}
	plain, err := act(context.Background(), p.plain, c)
	if err != nil {
		r.t.Errorf("%s:%d: %v", r.name, c.Line, err)
		return
	}
	guarded, err := r.guarded(p.guarded, c)
	if err != nil {
		r.t.Errorf("%s:%d: instrumented: %v", r.name, c.Line, err)
		return
	}
	switch {
	case plain.passes(c, false) && guarded.passes(c, true):
		r.counts[kind]++
	case !plain.passes(c, false) && guarded.trap == plain.trap && slices.Equal(guarded.values, plain.values):
		r.counts[kind+" that holds in neither form"]++
		r.exceptions = append(r.exceptions, fmt.Sprintf("%s:%d: holds in neither form: %s", r.name, c.Line, c.Action.Field))
	default:
		r.t.Errorf("%s:%d: %s%v: plain %v, instrumented %v, asserted %v %s", r.name, c.Line, c.Action.Field, c.Action.Args, plain, guarded, c.Expected, c.Text)
	}
}

// guarded runs an action on an instrumented module. The limits of a call end it by a trap: that of
// depth is the specification's stack overflow, which must not be left to the engine.
func (r *specRun) guarded(i *instance, c *specCommand) (specOutcome, error) {
	for _, p := range r.all {
		p.guarded.fuel.Set(1 << 40)
		p.guarded.stack.Set(StackBytesMax)
	}
	o, err := act(&i.call, i.module, c)
	if o.trap == stackOverflow {
		return o, fmt.Errorf("%s: the engine's stack ends before the depth limit", c.Action.Field)
	}
	for _, p := range r.all {
		if int64(p.guarded.fuel.Get()) < 0 {
			return o, fmt.Errorf("%s: out of fuel", c.Action.Field)
		}
		if int32(p.guarded.stack.Get()) < 0 {
			o.trap = stackOverflow
		}
	}
	return o, err
}
