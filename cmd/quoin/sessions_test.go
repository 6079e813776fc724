package main

import (
	"bytes"
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"quoin.dev/quoin/sdk/sandboxtest"
)

// A page that tells a session has its commands indented by four spaces, each followed by lines that the
// command prints, indented by six: "…" stands for anything, and digests of eight digits are those of the page, see
// digests. A command that must fail says so in its comment: # exit 1. A block that begins with ```go and the name of a
// file has functions that take the place of those of their names in the file.
const (
	commandIndent = "    "
	outputIndent  = "      "
)

// step is a command of a session with what it must print.
type step struct {
	line string
	want []string
	exit int
	file string // to change; there is no line then
	code string
}

const codeFence = "```go "

func readPage(t *testing.T, page string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// session returns the steps that a page, or a part of one, tells.
func session(t *testing.T, text string) (steps []step) {
	t.Helper()
	code := false
	for _, line := range strings.Split(text, "\n") {
		if file, ok := strings.CutPrefix(line, codeFence); ok {
			code, steps = true, append(steps, step{file: file})
		} else if code && line == "```" {
			code = false
		} else if code {
			steps[len(steps)-1].code += line + "\n"
		} else if output, ok := strings.CutPrefix(line, outputIndent); ok && len(steps) > 0 {
			last := &steps[len(steps)-1]
			last.want = append(last.want, output)
		} else if command, ok := strings.CutPrefix(line, commandIndent); ok {
			command, comment, _ := strings.Cut(command, " #")
			s := step{line: strings.TrimSpace(command)}
			if exit, ok := strings.CutPrefix(strings.TrimSpace(comment), "exit "); ok {
				var err error
				if s.exit, err = strconv.Atoi(exit); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
			}
			steps = append(steps, s)
		}
	}
	return steps
}

// TestSessions runs what the newcomers' pages tell, from plugin new to a release that serves on a network.
func TestSessions(t *testing.T) {
	if os.Getenv("QUOIN_E2E") == "" {
		t.Skip("set QUOIN_E2E=1: takes some minutes")
	}
	for _, c := range []struct {
		page     string
		commands []string // that the page says to install
	}{
		{"plugin-go.md", []string{"go"}},
		{"plugin-c.md", []string{"clang", "wasm-ld", "cc"}},
		{"plugin-assemblyscript.md", []string{"node", "npm"}},
		{"research.md", []string{"go"}},
		{"lab-debug.md", nil},
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
			runPage(t, c.page)
		})
	}
}

// runPage runs what a page tells.
func runPage(t *testing.T, page string) {
	if ran := runSession(t, session(t, readPage(t, page))); ran < 10 {
		t.Errorf("only %d commands: is the page still indented by four spaces?", ran)
	}
}

// patience is how long one command of a session may take.
const patience = 10 * time.Minute

// machineTime bounds the processor time of a session: what its page promises, on two cores.
const machineTime = 10 * time.Minute

// runSession runs the commands in a shell each, in the folder that the ones before left, and returns how many
// that were. What the page says to install is there already; what it starts in another terminal runs until
// the end, until it is started again, or until the line stop FOLDER kills it. A command that only looks is repeated until it
// prints what the page says.
func runSession(t *testing.T, steps []step) (ran int) {
	home := t.TempDir()
	t.Setenv("QUOIN_CONFIG_DIR", filepath.Join(home, "config"))
	dir, begun, spent := home, time.Now(), time.Duration(0)
	started, seen := map[string]func(){}, digests{}
	for _, s := range steps {
		words := strings.Fields(s.line)
		switch {
		case s.file != "":
			changeFunctions(t, filepath.Join(dir, s.file), s.code)
			continue
		case len(words) == 0 || words[0] == "apt-get":
			continue
		case words[0] == "cd" && len(words) == 2:
			dir = filepath.Join(dir, words[1])
			continue
		case words[0] == "stop":
			started[words[1]]()
			continue
		case len(words) > 1 && words[0] == "quoin" && words[1] == "dev":
			startDev(t, dir, words[2:])
			continue
		case strings.HasPrefix(s.line, "quoin node start"):
			folder := words[len(words)-1]
			if kill, runs := started[folder]; runs {
				kill()
			}
			started[folder] = startNode(t, dir, words[1:])
			continue
		}
		output, cost := runLine(t, dir, s)
		spent += cost
		for end := time.Now().Add(tourPatience); looks.MatchString(s.line) && len(seen.missing(&s, output)) > 0 && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
			output, cost = runLine(t, dir, s)
			spent += cost
		}
		for _, want := range seen.missing(&s, output) {
			t.Errorf("%s: the page says that it prints %q, it prints:\n%s", s.line, want, output)
		}
		ran++
	}
	if spent > machineTime {
		t.Errorf("%s of processor time, of at most %s", spent, machineTime)
	}
	t.Logf("%d commands, %s, %s of processor time", ran, time.Since(begun).Round(time.Second), spent.Round(time.Second))
	return ran
}

// looks matches commands that only look at a network, which takes its time to do what it was told.
var looks = regexp.MustCompile(`^quoin (get|status|release (show|list|history)|policy (show|explain)|audit log)\b`)

// missing returns the lines that a step must print and the output has not.
func (d digests) missing(s *step, output []byte) (lines []string) {
	for _, want := range s.want {
		if !d.match(want, output) {
			lines = append(lines, want)
		}
	}
	return lines
}

// changeFunctions puts functions in the place of those of their names in a file, with their comments.
func changeFunctions(t *testing.T, file, code string) {
	t.Helper()
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const clause = "package main\n"
	for name, text := range functions(t, clause+code) {
		was, ok := functions(t, string(old))[name]
		if !ok {
			t.Fatalf("%s has no function %s", file, name)
		}
		old = []byte(strings.Replace(string(old), was, text, 1))
	}
	if err := os.WriteFile(file, old, 0o644); err != nil {
		t.Fatal(err)
	}
}

// functions returns the text of each function, with its comment.
func functions(t *testing.T, source string) map[string]string {
	t.Helper()
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, "main.go", source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, d := range f.Decls {
		if x, ok := d.(*ast.FuncDecl); ok {
			begin := x.Pos()
			if x.Doc != nil {
				begin = x.Doc.Pos()
			}
			texts[x.Name.Name] = source[set.Position(begin).Offset:set.Position(x.End()).Offset]
		}
	}
	return texts
}

// runLine runs a command, and returns what it printed and the processor time that it took.
func runLine(t *testing.T, dir string, s step) ([]byte, time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, "sh", "-c", s.line)
	c.Dir = dir
	output, err := c.CombinedOutput()
	if c.ProcessState == nil || c.ProcessState.ExitCode() != s.exit {
		t.Fatalf("%s: %v, want exit %d\n%s", s.line, err, s.exit, output)
	}
	return output, c.ProcessState.UserTime() + c.ProcessState.SystemTime()
}

// startDev starts quoin dev and waits until its context is there.
func startDev(t *testing.T, dir string, arguments []string) {
	t.Helper()
	written := filepath.Join(os.Getenv("QUOIN_CONFIG_DIR"), contextFile)
	start(t, dir, append([]string{"dev", "--listen", "127.0.0.1:0"}, arguments...), func([]byte) bool {
		_, err := os.Stat(written)
		return err == nil
	})
}

// startNode starts a node, waits until it serves its API, and returns what kills it.
func startNode(t *testing.T, dir string, arguments []string) (kill func()) {
	t.Helper()
	return start(t, dir, arguments, func(output []byte) bool { return bytes.Contains(output, []byte("API:")) })
}

// start starts quoin, waits until it is ready, and returns what kills it. It is interrupted when the test ends.
func start(t *testing.T, dir string, arguments []string, ready func(output []byte) bool) (kill func()) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c := exec.Command("quoin", arguments...)
	c.Dir = dir
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = c.Wait() // its output says more
		close(ended)
	}()
	t.Cleanup(func() {
		_ = c.Process.Signal(os.Interrupt)
		<-ended
	})
	for end := time.Now().Add(tourPatience); ; time.Sleep(50 * time.Millisecond) {
		output, err := os.ReadFile(log.Name())
		if err != nil {
			t.Fatal(err)
		}
		if ready(output) {
			break
		}
		select {
		case <-ended:
			t.Fatalf("quoin %s ended:\n%s", arguments, output)
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("quoin %s is not ready:\n%s", arguments, output)
		}
	}
	return func() {
		_ = c.Process.Kill()
		<-ended
	}
}
