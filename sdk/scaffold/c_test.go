package scaffold_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk/scaffold"
)

// newProjectC writes a project in C and returns its folder.
func newProjectC(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "in-c")
	if _, err := scaffold.New(dir, scaffold.Project{Name: "in-c", Hook: hook.Leader.Name, Language: "c"}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// fakeClang writes a command that answers the questions that are asked of clang.
func fakeClang(t *testing.T, version, targets, linker string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clang")
	script := "#!/bin/sh\ncase $1 in\n--version) echo '" + version + "';;\n--print-targets) echo '" + targets + "';;\n--print-prog-name=wasm-ld) echo '" + linker + "';;\nesac\n"
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBuildRefusesAnotherClang(t *testing.T) {
	dir := newProjectC(t)
	for _, c := range []struct {
		name, compiler, says string
		wraps                error
	}{
		{"none", filepath.Join(dir, "nothing"), "there is no command", scaffold.ErrNoToolchain},
		{"old", fakeClang(t, "Debian clang version 11.0.1-2", "wasm32", "sh"), "clang version 11.0.1, and plugins need clang 14", scaffold.ErrToolchainVersion},
		{"another compiler", fakeClang(t, "gcc (GCC) 12.2.0", "wasm32", "sh"), "does not say that it is clang", scaffold.ErrNoToolchain},
		{"without WebAssembly", fakeClang(t, "Apple clang version 15.0.0 (clang-1500.3.9.4)", "x86", "sh"), "does not compile to WebAssembly", scaffold.ErrNoToolchain},
		{"without a linker", fakeClang(t, "clang version 22.1.8", "wasm32", "no-such-linker"), "has no linker", scaffold.ErrNoToolchain},
	} {
		_, err := scaffold.Build(context.Background(), scaffold.Options{Dir: dir, Compiler: c.compiler})
		if !errors.Is(err, c.wraps) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "lld") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestBuildOfC(t *testing.T) {
	if _, err := exec.LookPath("clang"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no clang, and CI must have it: install clang and lld")
		}
		t.Skip("there is no clang; install clang and lld to run this test")
	}
	dir := newProjectC(t)
	background := context.Background()
	first, file := build(t, scaffold.Options{Dir: dir})
	if len(file) > 1<<10 {
		t.Errorf("the first module has %d bytes", len(file))
	}
	// The user's settings do not change what is made, nor do tests beside the plugin.
	t.Setenv("CPATH", t.TempDir())
	t.Setenv("CCC_OVERRIDE_OPTIONS", "+-O0")
	if second, _ := build(t, scaffold.Options{Dir: dir}); first.Report.Digest != second.Report.Digest {
		t.Error("settings of the user change the module")
	}
	// A project without the SDK is compiled with that of this version.
	if err := os.RemoveAll(filepath.Join(dir, "quoin")); err != nil {
		t.Fatal(err)
	}
	if bare, _ := build(t, scaffold.Options{Dir: dir}); first.Report.Digest != bare.Report.Digest {
		t.Error("the SDK elsewhere changes the module")
	}
	edit(t, filepath.Join(dir, "main.c"), "return turn;", "return nonsense;")
	var compile *scaffold.CompileError
	if _, err := scaffold.Build(background, scaffold.Options{Dir: dir}); !errors.As(err, &compile) || !strings.Contains(compile.Output, "main.c:") {
		t.Errorf("a plugin that does not compile: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "main.c")); err != nil {
		t.Fatal(err)
	}
	if _, err := scaffold.Build(background, scaffold.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "main.c") {
		t.Errorf("a plugin without a source: %v", err)
	}
}
