package scaffold

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	csdk "quoin.dev/quoin/sdk/c"
)

// clangVersion is the least major version of clang that plugins are compiled with.
const clangVersion = 14

// clang needs nothing but clang and the linker of its own project, lld: what a plugin has instead
// of a C library lies in the project.
var clang = Language{
	Name: "c", Title: "C", Source: "main.c",
	Test:    "cc -std=c11 -I. -o main_test main_test.c quoin/runtime.c quoin/draw.c && ./main_test",
	sdk:     csdk.Source,
	compile: compileC,
}

// clangFlags make a module of sources. Its code has only those features beyond the first version of
// WebAssembly that are named here, whatever this version of clang has by default. The stack lies
// below everything else, so that an overflow is a trap.
var clangFlags = []string{
	"--target=wasm32", "-mcpu=mvp", "-mbulk-memory", "-msign-ext", "-mnontrapping-fptoint",
	"-std=c11", "-Os", "-g0", "-Wall", "-fdiagnostics-color=never",
	"-nostdlib", "-nostdlibinc", "-fno-ident",
	"-Wl,--no-entry", "-Wl,--strip-all", "-Wl,--compress-relocations", "-Wl,--stack-first", "-Wl,-z,stack-size=16384",
}

func compileC(ctx context.Context, dir, compiler string) (module []byte, toolchain string, err error) {
	tool, version, err := clangToolchain(ctx, compiler)
	if err != nil {
		return nil, "", err
	}
	include, sources, remove, err := csdk.Sources(dir)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, remove()) }()
	module, err = compiled(ctx, func(file string) *exec.Cmd {
		return clangCommand(ctx, tool, dir, slices.Concat(clangFlags, []string{"-I", include, "-o", file}, sources)...)
	})
	return module, version, err
}

const clangTodo = "install clang 14 or later and lld (on Debian: apt-get install clang lld; on macOS: brew install llvm lld) and put them into PATH"

var clangVersionLine = regexp.MustCompile(`clang version (\d+)\.[0-9.]+`)

// clangToolchain finds clang, its version and its linker.
func clangToolchain(ctx context.Context, tool string) (path, version string, err error) {
	if tool == "" {
		tool = "clang"
	}
	if path, err = findTool(tool, clangTodo); err != nil {
		return "", "", err
	}
	ask := func(question string) (string, error) {
		b, err := clangCommand(ctx, path, "", question).Output()
		if err != nil {
			return "", brokenTool(ctx, path+" "+question, err, clangTodo)
		}
		return string(b), nil
	}
	text, err := ask("--version")
	if err != nil {
		return "", "", err
	}
	found := clangVersionLine.FindStringSubmatch(text)
	if found == nil {
		return "", "", &ToolchainError{path + " does not say that it is clang", clangTodo, ErrNoToolchain}
	}
	if major, err := strconv.Atoi(found[1]); err != nil || major < clangVersion {
		return "", "", &ToolchainError{fmt.Sprintf("%s is %s, and plugins need clang %d or later", path, found[0], clangVersion), clangTodo, ErrToolchainVersion}
	}
	if text, err = ask("--print-targets"); err != nil {
		return "", "", err
	}
	if !strings.Contains(text, "wasm32") {
		return "", "", &ToolchainError{path + " does not compile to WebAssembly", clangTodo, ErrNoToolchain}
	}
	if text, err = ask("--print-prog-name=wasm-ld"); err != nil {
		return "", "", err
	}
	if _, err := exec.LookPath(strings.TrimSpace(text)); err != nil {
		return "", "", &ToolchainError{path + " has no linker for WebAssembly, wasm-ld", clangTodo, ErrNoToolchain}
	}
	return path, found[0], nil
}

// clangVariables change what clang makes.
var clangVariables = []string{"CPATH", "C_INCLUDE_PATH", "CCC_OVERRIDE_OPTIONS", "COMPILER_PATH", "LC_ALL"}

// clangCommand runs clang in the folder with an environment in which nothing but the source and the
// compiler decides the result.
func clangCommand(ctx context.Context, tool, dir string, arguments ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, tool, arguments...)
	c.Dir = dir
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); !slices.Contains(clangVariables, name) {
			c.Env = append(c.Env, v)
		}
	}
	c.Env = append(c.Env, "LC_ALL=C")
	return c
}
