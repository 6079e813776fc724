package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"quoin.dev/quoin/sdk/sandboxtest"
)

// A page that tells a session has its commands indented by four spaces, each followed by lines that the
// command prints, indented by six: "…" stands for anything.
const (
	commandIndent = "    "
	outputIndent  = "      "
)

// step is a command of a session with what it must print.
type step struct {
	line string
	want []string
}

func session(t *testing.T, page string) (steps []step) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		if output, ok := strings.CutPrefix(line, outputIndent); ok && len(steps) > 0 {
			last := &steps[len(steps)-1]
			last.want = append(last.want, output)
		} else if command, ok := strings.CutPrefix(line, commandIndent); ok {
			command, _, _ = strings.Cut(command, " #")
			steps = append(steps, step{line: strings.TrimSpace(command)})
		}
	}
	return steps
}

// TestSessions runs what the newcomers' pages tell, from plugin new to a release that serves on a network.
func TestSessions(t *testing.T) {
	if os.Getenv("QUOIN_E2E") == "" {
		t.Skip("set QUOIN_E2E=1: takes a minute and a half")
	}
	for _, c := range []struct {
		page     string
		commands []string // that the page says to install
	}{
		{"plugin-go.md", []string{"go"}},
		{"plugin-c.md", []string{"clang", "wasm-ld", "cc"}},
		{"plugin-assemblyscript.md", []string{"node", "npm"}},
	} {
		t.Run(c.page, func(t *testing.T) {
			for _, name := range c.commands {
				if _, err := exec.LookPath(name); err == nil {
					continue
				}
				if os.Getenv("CI") == "true" {
					t.Fatalf("there is no %s, and CI must have it", name)
				}
				t.Skipf("there is no %s; install what docs/%s says to run this test", name, c.page)
			}
			if slices.Contains(c.commands, "npm") {
				sandboxtest.AssemblyScript(t) // so that npm has it
				t.Setenv("npm_config_prefer_offline", "true")
			}
			runSession(t, session(t, c.page))
		})
	}
}

// patience is how long one command of a session may take.
const patience = 2 * time.Minute

// runSession runs the commands in a shell each, in the folder that the ones before left. What the page says
// to install is there already; what it starts in another terminal runs until the end.
func runSession(t *testing.T, steps []step) {
	home := t.TempDir()
	t.Setenv("QUOIN_CONFIG_DIR", filepath.Join(home, "config"))
	dir, begun, ran := home, time.Now(), 0
	for _, s := range steps {
		words := strings.Fields(s.line)
		switch {
		case len(words) == 0 || words[0] == "apt-get":
			continue
		case words[0] == "cd" && len(words) == 2:
			dir = filepath.Join(dir, words[1])
			continue
		case len(words) > 1 && words[0] == "quoin" && words[1] == "dev":
			startDev(t, dir, words[2:])
			continue
		}
		output := runLine(t, dir, s.line)
		for _, want := range s.want {
			parts := strings.Split(want, "…")
			for i := range parts {
				parts[i] = regexp.QuoteMeta(strings.TrimSpace(parts[i]))
			}
			if !regexp.MustCompile(strings.Join(parts, ".*")).Match(output) {
				t.Errorf("%s: the page says that it prints %q, it prints:\n%s", s.line, want, output)
			}
		}
		ran++
	}
	if ran < 10 {
		t.Errorf("only %d commands: is the page still indented by four spaces?", ran)
	}
	t.Logf("%d commands, %s", ran, time.Since(begun).Round(time.Second))
}

func runLine(t *testing.T, dir, line string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, "sh", "-c", line)
	c.Dir = dir
	output, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, output)
	}
	return output
}

// startDev starts quoin dev and waits until its context is there.
func startDev(t *testing.T, dir string, arguments []string) {
	t.Helper()
	c := exec.Command("quoin", append([]string{"dev", "--listen", "127.0.0.1:0"}, arguments...)...)
	c.Dir = dir
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		<-ended
	})
	written := filepath.Join(os.Getenv("QUOIN_CONFIG_DIR"), contextFile)
	for end := time.Now().Add(tourPatience); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(written); err == nil {
			return
		}
		select {
		case <-ended:
			t.Fatalf("quoin dev ended:\n%s", output.Bytes())
		default:
		}
		if time.Now().After(end) {
			t.Fatal("quoin dev has written no context")
		}
	}
}
