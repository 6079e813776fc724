package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"quoin.dev/quoin/bench/chaos"
)

// chaosTest skips what needs real processes and time.
func chaosTest(t *testing.T) {
	t.Helper()
	if os.Getenv("QUOIN_E2E") == "" {
		t.Skip("set QUOIN_E2E=1: runs real processes for a minute and more")
	}
}

// needNamespaces skips what needs namespaces, unless CI must have them.
func needNamespaces(t *testing.T) {
	t.Helper()
	err := error(nil)
	if os.Geteuid() != 0 {
		err = errors.New("not root")
	} else if _, lookErr := exec.LookPath("ip"); lookErr != nil {
		err = lookErr
	}
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("namespaces cannot be made, and CI must have them: %v", err)
	}
	if err != nil {
		t.Skipf("needs root and ip: %v", err)
	}
}

// runChaos runs `lab chaos` as a process and returns its result.
func runChaos(t *testing.T, arguments ...string) (r chaos.Result) {
	t.Helper()
	c := exec.Command("quoin", append([]string{"lab", "chaos", "--output", "json"}, arguments...)...)
	var out, messages bytes.Buffer
	c.Stdout, c.Stderr = &out, &messages
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %v\n%s\n%s", c.Args, err, messages.Bytes(), out.Bytes())
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	for _, x := range r.Recovery {
		t.Logf("%-11s %d faults; others from its beginning p50 %v p99 %v, all from its end p50 %v p99 %v", x.Kind, x.Faults, x.Began.P50, x.Began.P99, x.Ended.P50, x.Ended.P99)
	}
	t.Logf("%d operations, %d unknown, %.1f %% available", r.Operations, r.Unknown, r.Availability.Percent())
	return r
}

// TestChaos: a minute of faults of every kind that is possible here, on real processes under load.
func TestChaos(t *testing.T) {
	chaosTest(t)
	dir := t.TempDir()
	r := runChaos(t, "--duration", "1m", "--seed", "7", "--save", dir)
	kinds := len(r.Kinds)
	if kinds < len(chaos.Kinds()) && os.Getenv("CI") == "true" {
		t.Errorf("only %v, and CI must be able to mount a disk that fills up", r.Kinds)
	}
	seen := map[chaos.Kind]bool{}
	for _, s := range r.Struck {
		seen[s.Kind] = true
	}
	if want := min(kinds, len(r.Struck)); len(seen) != want || want < kinds/2 { // a slow machine does not come through all of them
		t.Errorf("%d kinds in %d faults of %d kinds", len(seen), len(r.Struck), kinds)
	}
	for _, s := range r.Struck {
		if s.Whole == 0 {
			t.Errorf("after fault %s the nodes did not catch up", &s.Fault)
		}
	}
	if r.Acknowledged < 500 || r.StateReads == 0 || r.Proofs == 0 || r.Repeated == 0 || r.History.Operations != r.Operations {
		t.Errorf("%d acknowledged, %d state reads, %d proofs, %d repeated, %d checked: is there load?", r.Acknowledged, r.StateReads, r.Proofs, r.Repeated, r.History.Operations)
	}
	for _, name := range []string{"run.json", "report.html", "events.jsonl"} {
		if _, err := os.Stat(filepath.Join(dir, "chaos-seed-7", name)); err != nil {
			t.Error(err)
		}
	}
}

// TestChaosInNamespaces: the same with links of the kernel's, taken down.
func TestChaosInNamespaces(t *testing.T) {
	chaosTest(t)
	needNamespaces(t)
	r := runChaos(t, "--duration", "15s", "--seed", "3", "--netns", "--faults", "isolate,halves,kill,disk-full")
	if len(r.Struck) < 4 {
		t.Errorf("%d faults", len(r.Struck))
	}
}

// sabotaged breaks a network of this process's own making with a control planted, and wants findings.
func sabotaged(t *testing.T, seed uint64, controls chaos.Controls, faults ...chaos.Kind) []string {
	t.Helper()
	program, err := exec.LookPath("quoin")
	if err != nil {
		t.Fatal(err)
	}
	x := chaosRun{nodes: 4, dir: filepath.Join(t.TempDir(), "net"), inside: insidePlain, program: program}
	x.o = chaos.Options{Seed: seed, Duration: 6 * time.Second, Rate: 50, Kinds: faults, Controls: controls, Progress: t.Logf}
	r, err := x.play(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("findings: %q", r.Findings)
	return r.Findings
}

func mentions(findings []string, text string) bool {
	return slices.ContainsFunc(findings, func(f string) bool { return strings.Contains(f, text) })
}

// Clients that take a node's word that it has a transaction for a receipt see histories that are not
// linearizable, and lose what was acknowledged when all nodes are killed.
func TestChaosCatchesAcknowledgementsBeforeReceipts(t *testing.T) {
	chaosTest(t)
	findings := sabotaged(t, 1, chaos.Controls{Credulous: true}, chaos.KillAll)
	if !mentions(findings, "are not linearizable") || !mentions(findings, "acknowledged and lost") {
		t.Error("they were not noticed")
	}
}

// A node that comes back without its vote log must not vote any more, and that is noticed.
func TestChaosCatchesALostVoteLog(t *testing.T) {
	chaosTest(t)
	forget := func(dir string) error { return os.RemoveAll(filepath.Join(dir, "data", "log")) }
	if !mentions(sabotaged(t, 1, chaos.Controls{Tamper: forget}, chaos.Kill), "votes no more") {
		t.Error("it was not noticed")
	}
}

// Told to stop, or killed, `lab chaos` leaves no process and, told to, no folder.
func TestChaosLeavesNothing(t *testing.T) {
	chaosTest(t)
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		t.Skip("needs /proc")
	}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			dir := t.TempDir()
			c := exec.Command("quoin", "lab", "chaos", "--duration", "1m", "--seed", "1")
			c.Env = append(os.Environ(), "TMPDIR="+dir)
			var messages bytes.Buffer
			c.Stderr = &messages
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			awaitNodes(t, dir, 4)
			if err := c.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			err := c.Wait()
			awaitNodes(t, dir, 0)
			if signal == syscall.SIGKILL {
				return // the folder stays: nobody is left to remove it
			}
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
				t.Errorf("it ended with %v\n%s", err, messages.Bytes())
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("it leaves %v, %v", left, err)
			}
		})
	}
}

// awaitNodes waits until so many nodes run whose folders lie in dir.
func awaitNodes(t *testing.T, dir string, want int) {
	t.Helper()
	var n int
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			t.Fatal(err)
		}
		n = 0
		for _, path := range lines {
			line, _ := os.ReadFile(path)
			if bytes.Contains(line, []byte("\x00lab\x00node\x00--dir\x00"+dir)) {
				n++
			}
		}
		if n == want {
			return
		}
	}
	t.Fatalf("%d nodes run in %s, want %d", n, dir, want)
}

// A node whose clock and disk obey files is of the laboratory's own networks alone, and no other command
// starts one.
func TestLabNodeRefusesOtherNetworks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net")
	if _, err := makeNetwork(dir, "production", []nodeSettings{{Name: validatorName(0), Listen: "127.0.0.1:0", API: "127.0.0.1:0"}}, nil); err != nil {
		t.Fatal(err)
	}
	var out, messages bytes.Buffer
	root := newRoot(&terminal{out: &out, err: &messages})
	root.SetArgs([]string{"lab", "node", "--dir", filepath.Join(dir, validatorName(0))})
	err := root.ExecuteContext(t.Context())
	if f := faultOf(err, true); err == nil || f.code != "not-lab" {
		t.Errorf("it ended with %v", err)
	}
}
