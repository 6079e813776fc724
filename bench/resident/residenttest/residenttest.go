// Package residenttest bounds the memory that a test's work may take, in a process of its own.
package residenttest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"quoin.dev/quoin/bench/resident"
)

// childEnv names the test whose work this process does.
const childEnv = "QUOIN_RESIDENT_TEST"

// Limit runs a test's work in a child process and fails the test if the child's resident memory
// grows by more than limit bytes, if the work fails, or if the child dies. It returns the growth.
//
// The child runs the same test up to the same call of Limit, so a test calls it once (subtests of
// their own may each call it), and must come there whatever its environment. setup, which may be
// nil, prepares what is not measured: toolchains that are run, hosts that are made. work is what is
// measured. Only the child calls the two; it never returns from Limit. Where the system does not tell
// (Linux does) the test is skipped, or, with CI=true in the environment, fails.
func Limit(t *testing.T, limit uint64, setup, work func()) (growth uint64) {
	t.Helper()
	growth = Growth(t, setup, work)
	if growth > limit {
		t.Errorf("resident memory grew by %d KiB, at most %d KiB are allowed", growth>>10, limit>>10)
	}
	return growth
}

// Growth is Limit without a limit.
func Growth(t *testing.T, setup, work func()) uint64 {
	t.Helper()
	if os.Getenv(childEnv) == t.Name() {
		child(t, setup, work)
	}
	c := exec.Command(os.Args[0], "-test.run="+pattern(t.Name()), "-test.v", "-test.count=1")
	c.Env = append(os.Environ(), childEnv+"="+t.Name())
	out, err := c.CombinedOutput()
	if found := skipped.FindSubmatch(out); found != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(string(found[1]))
		}
		t.Skip(string(found[1]))
	}
	found := grown.FindSubmatch(out)
	if found == nil || err != nil {
		t.Fatalf("the process that does the work failed: %v\n%s", err, out)
	}
	growth, err := strconv.ParseUint(string(found[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return growth
}

var (
	grown   = regexp.MustCompile(`(?m)^residenttest: grew by (\d+) bytes$`)
	skipped = regexp.MustCompile(`(?m)^residenttest: skipped: (.*)$`)
)

// pattern selects one test, or one subtest.
func pattern(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}

// child does the work, says what it took, and ends the test.
func child(t *testing.T, setup, work func()) {
	if setup != nil {
		setup()
	}
	m, err := resident.Start()
	if err == nil {
		work()
		var growth uint64
		if growth, err = m.Growth(); err == nil {
			fmt.Printf("\nresidenttest: grew by %d bytes\n", growth)
		}
	}
	switch {
	case errors.Is(err, resident.ErrUnsupported):
		fmt.Printf("\nresidenttest: skipped: %v\n", err)
	case err != nil:
		t.Fatal(err)
	}
	t.SkipNow() // the rest of the test is the parent's
}
