package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin/hostile"
)

// The scripts run this test binary as the command quoin.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"quoin": main})
}

// TestScript runs the scripts of everything that needs no network.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: filepath.Join("testdata", "script"), Setup: setup, Cmds: commands()})
}

type scriptCommand = func(ts *testscript.TestScript, neg bool, args []string)

// commands are what scripts can do besides testscript's own commands.
func commands() map[string]scriptCommand {
	return map[string]scriptCommand{
		// exitcode N COMMAND... runs a command that must end with the exit code N.
		"exitcode": func(ts *testscript.TestScript, neg bool, args []string) {
			if neg || len(args) < 2 {
				ts.Fatalf("usage: exitcode N COMMAND...")
			}
			want, err := strconv.Atoi(args[0])
			ts.Check(err)
			exitCode(ts, want, args[1], args[2:]...)
		},
		// anyexit COMMAND... runs a command that may fail: whether it does depends on the machine.
		"anyexit": func(ts *testscript.TestScript, neg bool, args []string) {
			if neg || len(args) == 0 {
				ts.Fatalf("usage: anyexit COMMAND...")
			}
			_ = ts.Exec(args[0], args[1:]...)
		},
		// fixture NAME FILE writes the release of a hostile plugin.
		"fixture": func(ts *testscript.TestScript, neg bool, args []string) {
			if neg || len(args) != 2 {
				ts.Fatalf("usage: fixture NAME FILE")
			}
			f, ok := hostile.Find(args[0])
			if !ok {
				ts.Fatalf("no fixture %s", args[0])
			}
			ts.Check(os.WriteFile(ts.MkAbs(args[1]), f.Release(quoin.PublicKey{}), 0o600))
		},
	}
}

// setup gives a script a context of its own, and the Go toolchain its caches.
func setup(e *testscript.Env) error {
	e.Setenv("QUOIN_CONFIG_DIR", filepath.Join(e.WorkDir, "config"))
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOROOT"} {
		if v := os.Getenv(name); v != "" {
			e.Setenv(name, v)
		}
	}
	cache, err := os.UserCacheDir()
	if err == nil && os.Getenv("GOCACHE") == "" {
		e.Setenv("GOCACHE", filepath.Join(cache, "go-build"))
	}
	e.Setenv("GOFLAGS", "")
	e.Setenv("GOWORK", "off")
	return nil
}

// exitCode runs a command and checks its exit code.
func exitCode(ts *testscript.TestScript, want int, name string, args ...string) {
	got := 0
	if err := ts.Exec(name, args...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s %v ended with %d, want %d", name, args, got, want)
	}
}
