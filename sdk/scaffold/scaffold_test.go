package scaffold_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/plugintest"
	"quoin.dev/quoin/sdk/scaffold"
)

// newProject writes a project and returns its folder.
func newProject(t *testing.T, name, hookName string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	files, err := scaffold.New(dir, scaffold.Project{Name: name, Hook: hookName})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") && f != "main_test.go" {
			t.Errorf("the project has %s, a test of ours", f)
		}
	}
	return dir
}

func build(t *testing.T, o scaffold.Options) (*scaffold.Built, []byte) {
	t.Helper()
	built, err := scaffold.Build(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(built.Path)
	if err != nil {
		t.Fatal(err)
	}
	return built, file
}

// run compiles a release and returns a table that has it, and the binding for the hook.
func run(t *testing.T, file []byte, hookName string) (*plugin.Table, *quoin.Binding) {
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
	return table, release.Binding(hookName)
}

// offline is an environment in which the go command reaches nothing.
func offline() []string {
	return append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=off", "GOTOOLCHAIN=local")
}

func TestLeaderProject(t *testing.T) {
	dir := newProject(t, "my-leader", hook.Leader.Name)
	test := exec.Command("go", "test", ".")
	test.Dir, test.Env = dir, offline()
	if output, err := test.CombinedOutput(); err != nil {
		t.Fatalf("the project's own tests: %v\n%s", err, output)
	}
	t.Setenv("GOPROXY", "off")
	built, file := build(t, scaffold.Options{Dir: dir})
	if want := filepath.Join(dir, "my-leader.wasm"); built.Path != want {
		t.Errorf("written to %s, want %s", built.Path, want)
	}
	if built.Report.Digest != plugin.Digest(file) || built.Report.Manifest.Name != "my-leader" || !strings.HasPrefix(built.Toolchain, "go") {
		t.Errorf("report: %+v", built)
	}
	table, binding := run(t, file, hook.Leader.Name)
	chain := plugintest.Chain{Weights: []uint64{1, 1, 1, 1}, Down: func(view uint64, validator int) bool { return validator == 1 }}
	led := make([]int, 4)
	for range 200 {
		chain.Step(hook.LeaderFunc(func(r *hook.LeaderRequest) hook.LeaderResponse {
			result, err := table.Lead(binding, r)
			if err != nil || result.Fault != hook.FaultNone {
				t.Fatalf("view %d: %v, %v (%s)", r.View, result.Fault, err, result.Log)
			}
			return hook.LeaderResponse{Proposer: result.Proposer}
		}))
	}
	for view, l := range chain.Leaders {
		if _, rescue := plugintest.Rescue(uint64(view)+1, 4); !rescue {
			led[l]++
		}
	}
	// The one that is down had its turn once, before there was a window.
	if led[1] > 1 || led[0] < 30 || led[2] < 30 || led[3] < 30 {
		t.Errorf("ordinary views by validator: %v", led)
	}
}

// TestMachineProject also shows that a build is reproducible: two projects in two folders
// give the same bytes, and the author's key is all that an option changes.
func TestMachineProject(t *testing.T) {
	dir := newProject(t, "names", hook.Machine.Name)
	test := exec.Command("go", "test", ".")
	test.Dir, test.Env = dir, offline()
	if output, err := test.CombinedOutput(); err != nil {
		t.Fatalf("the project's own tests: %v\n%s", err, output)
	}
	_, first := build(t, scaffold.Options{Dir: dir})
	t.Setenv("GOFLAGS", "-tags=unrelated")
	_, second := build(t, scaffold.Options{Dir: newProject(t, "names", hook.Machine.Name), Out: filepath.Join(t.TempDir(), "elsewhere.wasm")})
	if !bytes.Equal(first, second) {
		t.Errorf("two builds of one source differ: %v, %v", plugin.Digest(first), plugin.Digest(second))
	}
	third, _ := build(t, scaffold.Options{Dir: dir, Author: quoin.PublicKey{7}})
	if third.Report.Manifest.Author != (quoin.PublicKey{7}) || third.Report.Digest == plugin.Digest(first) {
		t.Errorf("author %v, digest %v", third.Report.Manifest.Author, third.Report.Digest)
	}
	table, binding := run(t, first, hook.Machine.Name)
	result, err := table.Query(binding, &hook.QueryRequest{Payload: []byte("nobody")}, emptyState{})
	if err != nil || result.Fault != hook.FaultNone || result.Code != 4 {
		t.Errorf("a query for a name that nobody owns: %+v, %v", result, err)
	}
}

type emptyState struct{}

func (emptyState) Get([]byte) ([]byte, bool, error) { return nil, false, nil }

func (emptyState) Scan(_, _ []byte, _ func(key, value []byte) bool) error { return nil }

func TestNewRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"", "Upper", "a_b", "a/b", "..", strings.Repeat("a", 33)} {
		if _, err := scaffold.New(filepath.Join(dir, "new"), scaffold.Project{Name: name, Hook: hook.Leader.Name}); err == nil {
			t.Errorf("the name %q was accepted", name)
		}
	}
	if _, err := scaffold.New(filepath.Join(dir, "new"), scaffold.Project{Name: "a", Hook: "leader.v9"}); err == nil || !strings.Contains(err.Error(), "machine.v1") {
		t.Errorf("an unknown hook: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mine"), []byte("keep"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := scaffold.New(dir, scaffold.Project{Name: "a", Hook: hook.Leader.Name}); !errors.Is(err, scaffold.ErrExists) {
		t.Errorf("a folder with a file in it: %v", err)
	}
}

func TestBuildRefuses(t *testing.T) {
	dir := newProject(t, "broken", hook.Leader.Name)
	background := context.Background()

	t.Run("no project", func(t *testing.T) {
		if _, err := scaffold.Build(background, scaffold.Options{Dir: t.TempDir()}); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v", err)
		}
	})
	t.Run("no toolchain", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if _, err := scaffold.Build(background, scaffold.Options{Dir: dir}); !errors.Is(err, scaffold.ErrNoToolchain) || !strings.Contains(err.Error(), "go.dev/dl") {
			t.Errorf("%v", err)
		}
	})
	t.Run("old toolchain", func(t *testing.T) {
		if _, err := scaffold.Build(background, scaffold.Options{Dir: dir, Compiler: fakeGo(t, "echo go1.21.13")}); !errors.Is(err, scaffold.ErrToolchainVersion) || !strings.Contains(err.Error(), "go1.21.13") {
			t.Errorf("%v", err)
		}
	})
	t.Run("broken toolchain", func(t *testing.T) {
		if _, err := scaffold.Build(background, scaffold.Options{Dir: dir, Compiler: fakeGo(t, "echo cannot find GOROOT >&2; exit 2")}); !errors.Is(err, scaffold.ErrNoToolchain) || !strings.Contains(err.Error(), "cannot find GOROOT") {
			t.Errorf("%v", err)
		}
	})
	t.Run("given up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(background)
		cancel()
		if _, err := scaffold.Build(ctx, scaffold.Options{Dir: dir}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	t.Run("manifest names a hook that the module lacks", func(t *testing.T) {
		edit(t, filepath.Join(dir, scaffold.ManifestFile), `["leader.v1"]`, `["leader.v1", "machine.v1"]`)
		out := filepath.Join(t.TempDir(), "x.wasm")
		_, err := scaffold.Build(background, scaffold.Options{Dir: dir, Out: out})
		var refusal *plugin.Refusal
		if !errors.As(err, &refusal) || refusal.Code != plugin.CodeExport {
			t.Errorf("%v", err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Error("a refused release was written")
		}
		edit(t, filepath.Join(dir, scaffold.ManifestFile), `["leader.v1", "machine.v1"]`, `["leader.v1"]`)
	})
	t.Run("compile error", func(t *testing.T) {
		edit(t, filepath.Join(dir, "main.go"), "func main() {}", "func main() { undefinedThing() }")
		_, err := scaffold.Build(background, scaffold.Options{Dir: dir})
		var compile *scaffold.CompileError
		if !errors.As(err, &compile) || !strings.Contains(compile.Output, "main.go:") || !strings.Contains(err.Error(), "undefinedThing") {
			t.Errorf("%v", err)
		}
	})
}

// fakeGo writes a go command that does what the script says.
func fakeGo(t *testing.T, script string) string {
	path := filepath.Join(t.TempDir(), "go")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
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

func TestParseManifest(t *testing.T) {
	const good = `{"name": "a", "version": "1", "sequence": 2, "hooks": ["machine.v1", "leader.v1"], "capabilities": ["state", "events"],
		"fuel_max": 5, "pages_max": 6, "parameters": {"x": [1, 2]}, "author": "0a00000000000000000000000000000000000000000000000000000000000000"}`
	m, err := scaffold.ParseManifest([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if m.Hooks[0] != "leader.v1" || m.Capabilities[0] != "events" || string(m.ParamsSchema) != `{"x":[1,2]}` || m.Author != (quoin.PublicKey{10}) {
		t.Errorf("%+v", m)
	}
	for _, bad := range []string{
		"", "{}", "[]", good + "x", good + good,
		strings.Replace(good, `"version"`, `"versoin"`, 1),
		strings.Replace(good, `"version"`, `"language": "pascal", "version"`, 1),
		strings.Replace(good, `"sequence": 2`, `"sequence": -2`, 1),
		strings.Replace(good, `"sequence": 2`, `"sequence": 0`, 1),
		strings.Replace(good, `"0a00`, `"0a0`, 1),
		strings.Replace(good, `"state", "events"`, `"state", "state"`, 1),
		strings.Replace(good, `"fuel_max": 5`, `"fuel_max": 99999999999`, 1),
		`{"name": "` + strings.Repeat("a", 70<<10) + `"}`,
	} {
		if _, err := scaffold.ParseManifest([]byte(bad)); !errors.Is(err, scaffold.ErrManifest) {
			t.Errorf("%.80q: %v", bad, err)
		}
	}
}

func TestLanguageOf(t *testing.T) {
	for _, l := range scaffold.Languages() {
		for _, h := range l.Hooks() {
			dir := filepath.Join(t.TempDir(), "project")
			files, err := scaffold.New(dir, scaffold.Project{Name: "project", Hook: h, Language: l.Name})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(files, l.Source) {
				t.Errorf("%s, %s: there is no %s to edit", l.Name, h, l.Source)
			}
			for _, f := range files {
				if b, err := os.ReadFile(filepath.Join(dir, f)); err != nil || bytes.Contains(b, []byte("PLUGIN_NAME")) || bytes.Contains(b, []byte("_VERSION\"")) {
					t.Errorf("%s, %s: %s has a place that was not filled in: %v", l.Name, h, f, err)
				}
			}
			if found, err := scaffold.LanguageOf(dir); err != nil || found != l {
				t.Errorf("%s, %s: %v, %v", l.Name, h, found, err)
			}
			if m, err := scaffold.ReadManifest(dir); err != nil || !m.Serves(h) {
				t.Errorf("%s, %s: %v, %v", l.Name, h, m, err)
			}
		}
	}
	unnamed, err := scaffold.FindLanguage("")
	if err != nil || unnamed.Name != "go" {
		t.Errorf("without a name: %v, %v", unnamed, err)
	}
	if _, err := scaffold.FindLanguage("pascal"); err == nil || !strings.Contains(err.Error(), "assemblyscript") {
		t.Errorf("an unknown language: %v", err)
	}
	if _, err := scaffold.New(filepath.Join(t.TempDir(), "new"), scaffold.Project{Name: "a", Hook: hook.Leader.Name, Language: "pascal"}); err == nil {
		t.Error("a project in an unknown language was written")
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"name": "a", "version": "1", "sequence": 1, "hooks": ["leader.v1"], "fuel_max": 5, "pages_max": 6}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := scaffold.ParseManifest(b)
		if err != nil {
			return
		}
		if _, err := m.Bytes(); err != nil {
			t.Fatalf("accepted, but has no bytes: %v", err)
		}
	})
}
