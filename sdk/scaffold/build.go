package scaffold

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	goversion "go/version"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin"
)

// Errors of Build that are not the plugin's own.
var (
	// ErrNoToolchain is wrapped when there is no Go toolchain to run.
	ErrNoToolchain = errors.New("scaffold: no Go toolchain")
	// ErrToolchainVersion is wrapped when the toolchain is too old.
	ErrToolchainVersion = errors.New("scaffold: the Go toolchain is too old")
)

// CompileError is the error of a plugin that does not compile.
type CompileError struct {
	Output string // of the compiler, at most 16 KiB
	cause  error
}

func (e *CompileError) Error() string {
	return "scaffold: the plugin does not compile:\n" + e.Output
}

// Unwrap returns the error of the command.
func (e *CompileError) Unwrap() error { return e.cause }

// Options say what to build.
type Options struct {
	Dir string // the project: a main package with a plugin.json
	Out string // the file to write; empty: the plugin's name with .wasm, in Dir
	// Author is the key that will sign the release; zero: the one of plugin.json. It is
	// part of the release, and so of its digest.
	Author quoin.PublicKey
	Go     string // the go command; empty: the one in PATH
}

// Built is a release that was written.
type Built struct {
	Path      string
	GoVersion string // of the toolchain, such as "go1.26.8"
	Report    *plugin.Report
}

// Build compiles the project, embeds its manifest, checks the release as every node will,
// and writes it. It takes a second or two, more when the toolchain's packages are compiled
// for the first time. A release that nodes would refuse is not written: the error is then a
// *plugin.Refusal.
func Build(ctx context.Context, o Options) (*Built, error) {
	manifest, err := ReadManifest(o.Dir)
	if err != nil {
		return nil, err
	}
	if o.Author != (quoin.PublicKey{}) {
		manifest.Author = o.Author
	}
	tool, version, err := toolchain(ctx, o.Go, o.Dir)
	if err != nil {
		return nil, err
	}
	module, err := compile(ctx, tool, o.Dir)
	if err != nil {
		return nil, err
	}
	release, err := plugin.Embed(module, manifest)
	if err != nil {
		return nil, err
	}
	report, err := plugin.Check(release, plugin.DefaultLimits())
	if err != nil {
		return nil, err
	}
	out := o.Out
	if out == "" {
		out = filepath.Join(o.Dir, manifest.Name+".wasm")
	}
	if err := replace(out, release); err != nil {
		return nil, err
	}
	return &Built{Path: out, GoVersion: version, Report: report}, nil
}

// toolchain finds the go command and its version.
func toolchain(ctx context.Context, tool, dir string) (path, version string, err error) {
	if tool == "" {
		tool = "go"
	}
	path, err = exec.LookPath(tool)
	if err != nil {
		return "", "", fmt.Errorf("%w: plugins are compiled with Go %s or later; install it from https://go.dev/dl and put it into PATH: %w", ErrNoToolchain, goVersion, err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrNoToolchain, err)
	}
	c := command(ctx, path, dir, "env", "GOVERSION")
	b, err := c.Output()
	if err != nil {
		return "", "", fmt.Errorf("%w: %s env GOVERSION failed: %w%s", ErrNoToolchain, path, err, standardError(err))
	}
	version = strings.TrimSpace(string(b))
	// A version that is none, such as that of a toolchain built from its repository, is new.
	if name, _, _ := strings.Cut(version, " "); goversion.IsValid(name) && goversion.Compare(name, "go"+goVersion) < 0 {
		return "", "", fmt.Errorf("%w: %s is %s, plugins need %s or later; install it from https://go.dev/dl", ErrToolchainVersion, path, version, goVersion)
	}
	return path, version, nil
}

// compile returns the module's bytes.
func compile(ctx context.Context, tool, dir string) ([]byte, error) {
	temporary, err := os.MkdirTemp("", "quoin-build-")
	if err != nil {
		return nil, fmt.Errorf("scaffold: %w", err)
	}
	defer os.RemoveAll(temporary)
	file := filepath.Join(temporary, "module.wasm")
	c := command(ctx, tool, dir, "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", file, ".")
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	if err := c.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("scaffold: compiling was given up: %w", context.Cause(ctx))
		}
		text := output.String()
		if text == "" {
			text = err.Error()
		}
		return nil, &CompileError{Output: shorten(text, 16<<10), cause: err}
	}
	module, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("scaffold: %w", err)
	}
	return module, nil
}

// command runs the toolchain in the folder with an environment in which nothing but the
// source and the toolchain decides the result: settings of the user that change code are
// taken out, and the toolchain does not fetch another one.
func command(ctx context.Context, tool, dir string, arguments ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, tool, arguments...)
	c.Dir = dir
	c.Env = append(os.Environ(),
		"GOOS=wasip1", "GOARCH=wasm", "GOWASM=", "CGO_ENABLED=0", "GOFLAGS=", "GOEXPERIMENT=", "GOFIPS140=off", "GODEBUG=",
		"GO111MODULE=on", "GOWORK=off", "GOTOOLCHAIN=local")
	return c
}

func standardError(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return ": " + shorten(strings.TrimSpace(string(exit.Stderr)), 4<<10)
	}
	return ""
}

func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "\n(more was left out)\n"
}

// replace writes a file whole or not at all.
func replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".quoin-build-*")
	if err != nil {
		return fmt.Errorf("scaffold: %w", err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("scaffold: %s cannot be written: %w", path, err)
	}
	return nil
}
