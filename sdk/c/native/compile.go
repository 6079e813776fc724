// Package native runs plugins in C as native code, for tests: the same sources that become a module,
// compiled by the system's compiler and called in a process of their own. A Process answers what the
// sandbox answers, but for fuel and depth, and finds what the sandbox cannot: behaviour that C leaves
// undefined, and which two compilers may therefore decide differently, ends a call there as a trap.
package native

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"

	"quoin.dev/quoin/sdk/c"
)

// ErrNoCompiler is wrapped when there is no compiler of C.
var ErrNoCompiler = errors.New("native: there is no compiler of C; install gcc or clang, or name one")

// flags let undefined behaviour end the process. Both gcc and clang know them.
var flags = []string{"-std=c11", "-O1", "-g", "-Wall", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"}

// Compile compiles the project in the folder into a program for Start. compiler is a command; empty:
// cc.
func Compile(ctx context.Context, dir, program, compiler string) (err error) {
	if compiler == "" {
		compiler = "cc"
	}
	tool, err := exec.LookPath(compiler)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoCompiler, err)
	}
	if program, err = filepath.Abs(program); err != nil {
		return fmt.Errorf("native: %w", err)
	}
	include, sources, remove, err := c.Sources(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	sources = append(sources, filepath.Join(include, "quoin", "serve.c"))
	command := exec.CommandContext(ctx, tool, slices.Concat(flags, []string{"-I", include, "-o", program}, sources)...)
	command.Dir = dir
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		return fmt.Errorf("native: %s does not compile: %w\n%s", dir, err, output.Bytes())
	}
	return nil
}
