package scaffold

import (
	"context"
	"fmt"
	goversion "go/version"
	"os"
	"os/exec"
	"strings"

	"quoin.dev/quoin/sdk"
)

// goVersion is the least version of Go that compiles a plugin: the first that can export
// functions from a module (go:wasmexport).
const goVersion = "1.24"

// golang needs nothing but the Go toolchain: the contracts and the SDK lie in the project.
var golang = Language{
	Name: "go", Title: "Go", Source: "main.go", Test: "go test .",
	fill: []string{"GO_VERSION", goVersion},
	sdk: func() (map[string]string, error) {
		sources, err := sdk.Source()
		files := make(map[string]string, len(sources))
		for path, text := range sources {
			files["quoin/"+path] = text
		}
		return files, err
	},
	compile: compileGo,
}

func compileGo(ctx context.Context, dir, compiler string) (module []byte, toolchain string, err error) {
	tool, version, err := goToolchain(ctx, compiler, dir)
	if err != nil {
		return nil, "", err
	}
	module, err = compiled(ctx, func(file string) *exec.Cmd {
		return goCommand(ctx, tool, dir, "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", file, ".")
	})
	return module, version, err
}

const goTodo = "install Go " + goVersion + " or later from https://go.dev/dl and put it into PATH"

// goToolchain finds the go command and its version.
func goToolchain(ctx context.Context, tool, dir string) (path, version string, err error) {
	if tool == "" {
		tool = "go"
	}
	if path, err = findTool(tool, goTodo); err != nil {
		return "", "", err
	}
	b, err := goCommand(ctx, path, dir, "env", "GOVERSION").Output()
	if err != nil {
		return "", "", brokenTool(ctx, path+" env GOVERSION", err, goTodo)
	}
	version = strings.TrimSpace(string(b))
	// A version that is none, such as that of a toolchain built from its repository, is new.
	if name, _, _ := strings.Cut(version, " "); goversion.IsValid(name) && goversion.Compare(name, "go"+goVersion) < 0 {
		return "", "", &ToolchainError{fmt.Sprintf("%s is %s, and plugins need Go %s or later", path, version, goVersion), goTodo, ErrToolchainVersion}
	}
	return path, version, nil
}

// goCommand runs the toolchain in the folder with an environment in which nothing but the
// source and the toolchain decides the result: settings of the user that change code are
// taken out, and the toolchain does not fetch another one.
func goCommand(ctx context.Context, tool, dir string, arguments ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, tool, arguments...)
	c.Dir = dir
	c.Env = append(os.Environ(),
		"GOOS=wasip1", "GOARCH=wasm", "GOWASM=", "CGO_ENABLED=0", "GOFLAGS=", "GOEXPERIMENT=", "GOFIPS140=off", "GODEBUG=",
		"GO111MODULE=on", "GOWORK=off", "GOTOOLCHAIN=local")
	return c
}
