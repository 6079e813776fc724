package assemblyscript_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/conformance"
	"quoin.dev/quoin/sdk/plugintest"
	"quoin.dev/quoin/sdk/sandboxtest"
	"quoin.dev/quoin/sdk/scaffold"
)

var (
	seed  = flag.Uint64("seed", 0, "of the random requests; 0: another one each time")
	calls = flag.Int("calls", 1000, "random requests of each comparison")
)

// newProject writes a project and returns its folder.
func newProject(t *testing.T, language, hookName string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "project")
	if _, err := scaffold.New(dir, scaffold.Project{Name: "project", Hook: hookName, Language: language}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestThereIsAProjectForEveryHook(t *testing.T) {
	l, err := scaffold.FindLanguage("assemblyscript")
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Hooks()) != len(hook.All()) {
		t.Errorf("%d of %d hooks: %v", len(l.Hooks()), len(hook.All()), l.Hooks())
	}
}

// TestTesting holds what testing.mjs writes against the contracts' golden files.
func TestTesting(t *testing.T) {
	sandboxtest.AssemblyScript(t)
	run(t, ".", "node", "--test", filepath.Join("testdata", "testing"))
}

// TestProjects builds the project of each hook, runs its own tests and those of its contract, and holds
// it against the built-in that has the same rule, or else the project in Go. A mistake in it is found.
func TestProjects(t *testing.T) {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("replay: go test -run TestProjects ./sdk/assemblyscript -seed %d -calls %d", s, *calls)
	for _, c := range projects(rand.New(rand.NewPCG(s, 11))) {
		t.Run(c.hook.Name, func(t *testing.T) {
			dir := newProject(t, "assemblyscript", c.hook.Name)
			module := sandboxtest.Build(t, dir)
			if err := os.MkdirAll(filepath.Join(dir, "build"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "build", "module.wasm"), module, 0o644); err != nil {
				t.Fatal(err)
			}
			run(t, dir, "node", "--test")
			report, err := conformance.Run(t.Context(), module, conformance.Options{Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			for _, check := range report.Checks {
				if check.Verdict == conformance.Fail {
					t.Errorf("the contract of its hook: %s: %s", check.Name, check.Detail)
				}
			}
			record := c.record(t)
			if err := record.Verify(bound(t, module, c.hook.Name)); err != nil {
				t.Error(err)
			}
			if c.file == "" {
				return
			}
			edit(t, filepath.Join(dir, c.file), c.right, c.wrong)
			if err := record.Verify(bound(t, sandboxtest.Build(t, dir), c.hook.Name)); !errors.Is(err, plugintest.ErrDiffers) {
				t.Errorf("%q instead of %q in %s was not found: %v", c.wrong, c.right, c.file, err)
			}
		})
	}
}

type message = interface{ Append([]byte) ([]byte, error) }

// project is what the project of a hook is held against.
type project struct {
	hook    *hook.Hook
	builtin plugintest.Answerer // with the same rule; nil: the project in Go
	request func() (operation string, m message)
	// A mistake that the requests find: in the file stands wrong instead of right. Not every project has
	// one, because compiling takes its time.
	file, right, wrong string
}

const index = "assembly/index.ts"

func projects(rng *rand.Rand) []project {
	return []project{
		{&hook.Leader, nil, func() (string, message) { return hook.Lead.Name, plugintest.RandomRequest(rng, 30) }, "quoin/leader.ts", "r.view / 4 - 1", "r.view / 4"},
		{&hook.Machine, nil, func() (string, message) {
			if rng.IntN(10) == 0 {
				return hook.Query.Name, &hook.QueryRequest{Payload: []byte(strings.Repeat("n", rng.IntN(4)))}
			}
			words := []string{"claim ", "release ", "claim", "", "steal "}
			return hook.Apply.Name, &hook.ApplyRequest{Sender: [32]byte{byte(rng.IntN(2))},
				Payload: []byte(words[rng.IntN(5)*rng.IntN(2)] + strings.Repeat("n", rng.IntN(4)) + strings.Repeat("l", rng.IntN(2)*rng.IntN(80)))}
		}, index, "State.delete(name);", ""},
		{&hook.Validation, plugintest.Native{Validation: hook.ValidationFunc(plugin.Signed)}, func() (string, message) {
			return hook.Validate.Name, &hook.ValidationRequest{Sender: [32]byte{31: byte(rng.IntN(2))}, Payload: make([]byte, rng.IntN(4)), Params: numbers(rng)}
		}, index, "r.payload.length > r.params", "r.payload.length >= r.params"},
		{&hook.Finality, plugintest.Native{Finality: hook.FinalityFunc(plugin.Deep)}, func() (string, message) {
			return hook.Delay.Name, &hook.FinalityRequest{Height: rng.Uint64(), Params: numbers(rng)}
		}, "", "", ""},
		{&hook.Pacemaker, plugintest.Native{Pacemaker: hook.PacemakerFunc(plugin.Adaptive)}, func() (string, message) {
			return hook.Timeout.Name, randomPacemaker(rng)
		}, "", "", ""},
		{&hook.Priority, plugintest.Native{Priority: hook.PriorityFunc(plugin.SmallFirst)}, func() (string, message) {
			return hook.Prioritize.Name, &hook.PriorityRequest{Namespace: []byte("bank"), Payload: make([]byte, rng.IntN(1000)), Params: numbers(rng)}
		}, "", "", ""},
	}
}

// record is what the requests' answers are.
func (c *project) record(t *testing.T) *plugintest.Record {
	t.Helper()
	by := c.builtin
	if by == nil {
		by = bound(t, sandboxtest.Build(t, newProject(t, "go", c.hook.Name)), c.hook.Name)
	}
	recorder := plugintest.NewRecorder(by, nil)
	answers := map[string]bool{}
	for range *calls {
		operation, m := c.request()
		request, err := m.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := recorder.Call(operation, request)
		if err != nil || a.Fault != "" {
			t.Fatalf("%v, the fault %q", err, a.Fault)
		}
		answers[a.String()] = true
	}
	if len(answers) < 3 {
		t.Errorf("only %d different answers: the requests are of little use", len(answers))
	}
	return &recorder.Record
}

func edit(t *testing.T, path, old, new string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(b), old) {
		t.Fatalf("%s: %v, or without %q", path, err, old)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(b), old, new)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// bound compiles a release.
func bound(t *testing.T, file []byte, hookName string) *sandboxtest.Bound {
	t.Helper()
	host, err := plugin.NewHost(plugin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Close() })
	release, err := host.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	table, err := plugin.NewTable(nil)
	if err != nil {
		t.Fatal(err)
	}
	table.Add(release)
	return &sandboxtest.Bound{Table: table, Binding: release.Binding(hookName)}
}

func run(t *testing.T, dir, name string, arguments ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, arguments...)
	c.Dir = dir
	if output, err := c.CombinedOutput(); err != nil || !strings.Contains(string(output), "# fail 0") || strings.Contains(string(output), "# pass 0") {
		t.Errorf("%s %v: %v\n%s", name, arguments, err, output)
	}
}

// numbers returns parameters: up to three numbers of 4 bytes, some cut.
func numbers(rng *rand.Rand) []byte {
	var b []byte
	for range rng.IntN(4) {
		b = binary.LittleEndian.AppendUint32(b, uint32(rng.IntN(4)))
	}
	return b[:max(0, len(b)-rng.IntN(3))]
}

func randomPacemaker(rng *rand.Rand) *hook.PacemakerRequest {
	r := &hook.PacemakerRequest{Validators: 4, CertifiedView: 100 + rng.Uint64N(100), BaseMS: 500, MaxMS: 1 << rng.IntN(64), BuiltinMS: rng.Uint64N(1 << 20)}
	r.View = r.CertifiedView + 1 + rng.Uint64N(1<<rng.IntN(8))
	for i := range uint64(rng.IntN(hook.PacemakerWindowMax)) {
		r.Window = append(r.Window, hook.PacemakerView{View: r.View - 1 - i, MS: rng.Uint32() >> rng.IntN(32), Notarized: rng.IntN(4) == 0})
	}
	return r
}

// TestBuildsAreReproducible builds one source in two folders, and by the script of package.json, whose
// module is the release's without its manifest.
func TestBuildsAreReproducible(t *testing.T) {
	compiler := sandboxtest.AssemblyScript(t)
	dir := newProject(t, "assemblyscript", hook.Machine.Name)
	first := sandboxtest.Build(t, dir)
	if second := sandboxtest.Build(t, newProject(t, "assemblyscript", hook.Machine.Name)); plugin.Digest(first) != plugin.Digest(second) {
		t.Errorf("one source gave %v and %v", plugin.Digest(first), plugin.Digest(second))
	}
	if err := os.Symlink(filepath.Join(filepath.Dir(compiler), "..", ".."), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "npm", "test", "--offline")
	module, err := os.ReadFile(filepath.Join(dir, "build", "module.wasm"))
	if err != nil || !bytes.HasPrefix(first, module) {
		t.Errorf("npm's module differs from the release's: %v", err)
	}
}

func TestBuildNamesWhatIsMissing(t *testing.T) {
	compiler := sandboxtest.AssemblyScript(t)
	dir := newProject(t, "assemblyscript", hook.Leader.Name)
	refuses := func(name, compiler, path string, want error, text string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			if path != "" {
				t.Setenv("PATH", path)
			}
			_, err := scaffold.Build(context.Background(), scaffold.Options{Dir: dir, Compiler: compiler})
			var toolchain *scaffold.ToolchainError
			if !errors.Is(err, want) || !errors.As(err, &toolchain) || !strings.Contains(toolchain.Todo, text) {
				t.Errorf("%v", err)
			}
		})
	}
	refuses("no package", "", "", scaffold.ErrNoToolchain, "npm install")
	refuses("no node", compiler, t.TempDir(), scaffold.ErrNoToolchain, "nodejs.org")
	old := t.TempDir()
	if err := os.WriteFile(filepath.Join(old, "node"), []byte("#!/bin/sh\necho v18.1.0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	refuses("old node", compiler, old, scaffold.ErrToolchainVersion, "nodejs.org")
	other := filepath.Join(t.TempDir(), "bin", "asc.js")
	for name, text := range map[string]string{other: "", filepath.Join(filepath.Dir(other), "..", "package.json"): `{"version": "0.27.1"}`} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	refuses("other compiler", other, "", scaffold.ErrToolchainVersion, "npm install")

	source := filepath.Join(dir, "assembly", "index.ts")
	if err := os.WriteFile(source, []byte("export function leader_v1(): i32 { return nonsense; }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := scaffold.Build(context.Background(), scaffold.Options{Dir: dir, Compiler: compiler})
	var compile *scaffold.CompileError
	if !errors.As(err, &compile) || !strings.Contains(compile.Output, "assembly/index.ts(1,") || !strings.Contains(compile.Output, "nonsense") {
		t.Errorf("%v", err)
	}
}
