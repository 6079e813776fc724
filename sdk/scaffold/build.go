package scaffold

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin"
)

// Options say what to build.
type Options struct {
	Dir string // the project: a folder with a plugin.json
	Out string // the file to write; empty: the plugin's name with .wasm, in Dir
	// Author is the key that will sign the release; zero: the one of plugin.json. It is
	// part of the release, and so of its digest.
	Author quoin.PublicKey
	// Compiler is the language's compiler: the go command, for AssemblyScript the file
	// asc.js. Empty: the one in PATH or, for AssemblyScript, in the project's node_modules.
	Compiler string
}

// Built is a release that was written.
type Built struct {
	Path      string
	Language  *Language
	Toolchain string // the compiler and its version, such as "go1.26.8"
	Report    *plugin.Report
}

// Build compiles the project with its language's compiler, embeds its manifest, checks the
// release as every node will, and writes it. It takes a second or two, more when a toolchain's
// packages are compiled for the first time. A release that nodes would refuse is not written:
// the error is then a *plugin.Refusal.
func Build(ctx context.Context, o Options) (*Built, error) {
	manifest, err := ReadManifest(o.Dir)
	if err != nil {
		return nil, err
	}
	language, err := LanguageOf(o.Dir)
	if err != nil {
		return nil, err
	}
	if o.Author != (quoin.PublicKey{}) {
		manifest.Author = o.Author
	}
	module, toolchain, err := language.compile(ctx, o.Dir, o.Compiler)
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
	return &Built{Path: out, Language: language, Toolchain: toolchain, Report: report}, nil
}

// compiled runs the command that writes a module to the file that it is given, and returns the
// module. What the command prints is the error of a plugin that does not compile.
func compiled(ctx context.Context, command func(file string) *exec.Cmd) ([]byte, error) {
	temporary, err := os.MkdirTemp("", "quoin-build-")
	if err != nil {
		return nil, fmt.Errorf("scaffold: %w", err)
	}
	defer os.RemoveAll(temporary)
	file := filepath.Join(temporary, "module.wasm")
	c := command(file)
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	if err := c.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, givenUp(ctx)
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

// findTool returns the absolute path of a command.
func findTool(tool, todo string) (string, error) {
	path, err := exec.LookPath(tool)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", &ToolchainError{fmt.Sprintf("there is no command %q (%v)", tool, err), todo, ErrNoToolchain}
	}
	return path, nil
}

// brokenTool is the error of a toolchain's command that failed although it was asked nothing
// about the plugin.
func brokenTool(ctx context.Context, command string, err error, todo string) error {
	if ctx.Err() != nil {
		return givenUp(ctx)
	}
	return &ToolchainError{fmt.Sprintf("%s failed: %v%s", command, err, standardError(err)), todo, ErrNoToolchain}
}

func givenUp(ctx context.Context) error {
	return fmt.Errorf("scaffold: compiling was given up: %w", context.Cause(ctx))
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
