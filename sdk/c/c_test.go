package c_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/c/native"
	"quoin.dev/quoin/sdk/plugintest"
	"quoin.dev/quoin/sdk/sandboxtest"
)

var (
	seed  = flag.Uint64("seed", 0, "of the random requests; 0: another one each time")
	calls = flag.Int("calls", 1000, "random requests of each comparison")
)

// generator returns the source of a test's random requests and says how to replay them.
func generator(t *testing.T) *rand.Rand {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("replay: go test -run '^%s$' ./sdk/c -seed %d -calls %d", t.Name(), s, *calls)
	return rand.New(rand.NewPCG(s, 7))
}

// need skips a test on a machine without one of the commands, unless it is the one that checks
// changes.
func need(t testing.TB, commands ...string) {
	t.Helper()
	for _, c := range commands {
		if _, err := exec.LookPath(c); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("there is no %s, and CI must have it: install clang and lld", c)
			}
			t.Skipf("there is no %s; install clang and lld to run this test", c)
		}
	}
}

// open builds the plugin in C in the folder as module and as native code.
func open(t *testing.T, dir string) (sandboxed *sandboxtest.Bound, process *native.Process) {
	t.Helper()
	need(t, "clang", "wasm-ld", "cc")
	table, binding, _ := sandboxtest.Open(t, dir, plugin.Builtin{Name: "none"})
	program := filepath.Join(t.TempDir(), "plugin")
	if err := native.Compile(context.Background(), dir, program, ""); err != nil {
		t.Fatal(err)
	}
	process, err := native.Start(program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := process.Close(); err != nil {
			t.Error(err)
		}
	})
	return &sandboxtest.Bound{Table: table, Binding: binding}, process
}

// agree holds module and native code in C against a record.
func agree(t *testing.T, record *plugintest.Record, sandboxed *sandboxtest.Bound, process *native.Process) {
	t.Helper()
	if err := record.Verify(sandboxed); err != nil {
		t.Errorf("in the sandbox: %v", err)
	}
	if err := record.Verify(process); err != nil {
		t.Errorf("natively: %v", err)
	}
}

// encoded is a message's bytes.
func encoded(t *testing.T, m interface{ Append([]byte) ([]byte, error) }) []byte {
	t.Helper()
	b, err := m.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
