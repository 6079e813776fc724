package chaos

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const soon = 10 * time.Second

// shell is a node that is a shell script, started.
func shell(t *testing.T, script string) *process {
	t.Helper()
	n := newNursery()
	t.Cleanup(n.close)
	p := newProcess(&Node{Name: "n", Dir: t.TempDir(), Command: []string{"sh", "-c", script}}, n)
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.kill() })
	return p
}

func TestProcessThatEndsByItselfIsReported(t *testing.T) {
	p := shell(t, "echo the disk is on fire >&2; exit 3")
	if !p.wait(soon) {
		t.Fatal("it runs on")
	}
	if died := p.died(); !strings.Contains(died, "exit status 3") || !strings.Contains(died, "the disk is on fire") {
		t.Errorf("died: %q", died)
	}
	if p.exit() != 3 {
		t.Errorf("exit code %d", p.exit())
	}
}

func TestProcessThatIsKilledIsNot(t *testing.T) {
	p := shell(t, "exec sleep 60")
	if err := p.signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := p.kill(); err != nil { // a paused one, too
		t.Fatal(err)
	}
	if died := p.died(); died != "" {
		t.Errorf("died: %q", died)
	}
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	if p.wait(10*time.Millisecond) || p.died() != "" {
		t.Error("it does not run again")
	}
}

func TestProcessIsToldToStop(t *testing.T) {
	p := shell(t, "trap 'exit 0' TERM; echo ready >&2; while :; do sleep 0.01; done")
	for end := time.Now().Add(soon); !strings.Contains(p.lastWords(), "ready") && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if err := p.stop(soon); err != nil {
		t.Error(err)
	}
	stubborn := shell(t, "trap '' TERM; echo ready >&2; while :; do sleep 0.01; done")
	for end := time.Now().Add(soon); !strings.Contains(stubborn.lastWords(), "ready") && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if err := stubborn.stop(50 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "has not stopped") {
		t.Errorf("one that does not stop: %v", err)
	}
	if !stubborn.wait(soon) {
		t.Error("it was not killed either")
	}
}

// A node's clock and disk obey the files in its folder, and what is no number changes nothing.
func TestSeamsObeyFiles(t *testing.T) {
	dir := t.TempDir()
	lab := Seams(t.Context(), dir)
	ahead := func() time.Duration { return time.Until(lab.Clock()).Round(time.Minute) }
	await := func(want time.Duration) {
		t.Helper()
		for end := time.Now().Add(soon); ahead() != want; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the clock is ahead by %v, want %v", ahead(), want)
			}
		}
	}
	await(0)
	clock := filepath.Join(dir, ClockFile)
	if err := writeNumber(clock, time.Hour.Milliseconds()); err != nil {
		t.Fatal(err)
	}
	await(time.Hour)
	if err := os.WriteFile(clock, []byte("an hour"), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(3 * seamEvery)
	await(time.Hour)
	if err := writeNumber(clock, -time.Hour.Milliseconds()); err != nil {
		t.Fatal(err)
	}
	await(-time.Hour)
	if err := os.Remove(clock); err != nil {
		t.Fatal(err)
	}
	await(0)
}
