package c_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/plugintest"
	"quoin.dev/quoin/sdk/scaffold"
)

func language(t *testing.T) *scaffold.Language {
	t.Helper()
	l, err := scaffold.FindLanguage("c")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// newProject writes a project in C and returns its folder.
func newProject(t *testing.T, hookName string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "project")
	if _, err := scaffold.New(dir, scaffold.Project{Name: "project", Hook: hookName, Language: "c"}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestThereIsAProjectForEveryHook(t *testing.T) {
	if got := len(language(t).Hooks()); got != len(hook.All()) {
		t.Errorf("%d of %d hooks: %v", got, len(hook.All()), language(t).Hooks())
	}
}

// TestProjectsPassTheirOwnTests runs the command that the documentation names, with all warnings: in new
// projects with each compiler that is here, and in the examples.
func TestProjectsPassTheirOwnTests(t *testing.T) {
	need(t, "cc", "clang")
	for _, hookName := range language(t).Hooks() {
		dir := newProject(t, hookName)
		ownTests(t, dir, "cc")
		ownTests(t, dir, "clang")
	}
	examples, err := filepath.Glob("../../plugins/*-c")
	if err != nil || len(examples) != len(hook.All()) {
		t.Fatalf("the examples are %v, %v", examples, err)
	}
	for _, dir := range examples {
		ownTests(t, dir, "cc")
	}
}

func ownTests(t *testing.T, dir, compiler string) {
	t.Helper()
	line := compiler + " -Wall -Wextra -Werror -fsanitize=undefined -fsanitize-undefined-trap-on-error" + strings.TrimPrefix(language(t).Test, "cc")
	program := filepath.Join(t.TempDir(), "main_test")
	c := exec.Command("sh", "-c", strings.NewReplacer("-o main_test", "-o "+program, "./main_test", program).Replace(line))
	c.Dir = dir
	if output, err := c.CombinedOutput(); err != nil || string(output) != "ok\n" {
		t.Errorf("%s, %s: %v\n%s", dir, line, err, output)
	}
}

// TestProjectsAgreeWithTheBuiltins holds the projects, as module and natively, against the built-ins that
// have the same rule, and those without one against each other.
func TestProjectsAgreeWithTheBuiltins(t *testing.T) {
	rng := generator(t)
	for _, c := range []struct {
		hook      *hook.Hook
		operation string
		native    plugintest.Answerer // nil: the plugin itself, natively
		request   func() []byte
	}{
		{&hook.Leader, hook.Lead.Name, nil, func() []byte { return encoded(t, plugintest.RandomRequest(rng, 30)) }},
		{&hook.Machine, hook.Apply.Name, nil, func() []byte {
			words := []string{"claim ", "release ", "claim", "", "steal "}
			return encoded(t, &hook.ApplyRequest{Sender: [32]byte{byte(rng.IntN(2))},
				Payload: []byte(words[rng.IntN(5)*rng.IntN(2)] + strings.Repeat("n", rng.IntN(4)) + strings.Repeat("l", rng.IntN(2)*rng.IntN(80)))})
		}},
		{&hook.Validation, hook.Validate.Name, plugintest.Native{Validation: hook.ValidationFunc(plugin.Signed)}, func() []byte {
			return encoded(t, &hook.ValidationRequest{Sender: [32]byte{31: byte(rng.IntN(2))}, Payload: make([]byte, rng.IntN(4)), Params: numbers(rng)})
		}},
		{&hook.Finality, hook.Delay.Name, plugintest.Native{Finality: hook.FinalityFunc(plugin.Deep)}, func() []byte {
			return encoded(t, &hook.FinalityRequest{Height: rng.Uint64(), Params: numbers(rng)})
		}},
		{&hook.Pacemaker, hook.Timeout.Name, plugintest.Native{Pacemaker: hook.PacemakerFunc(plugin.Adaptive)}, func() []byte {
			return encoded(t, randomPacemaker(rng))
		}},
		{&hook.Priority, hook.Prioritize.Name, plugintest.Native{Priority: hook.PriorityFunc(plugin.SmallFirst)}, func() []byte {
			return encoded(t, &hook.PriorityRequest{Namespace: []byte("bank"), Payload: make([]byte, rng.IntN(1000)), Params: numbers(rng)})
		}},
	} {
		t.Run(c.hook.Name, func(t *testing.T) {
			sandboxed, process := open(t, newProject(t, c.hook.Name))
			if c.native == nil {
				c.native = process
			}
			recorder := plugintest.NewRecorder(c.native, nil)
			answers := map[string]bool{}
			for range *calls / 4 {
				a, err := recorder.Call(c.operation, c.request())
				if err != nil {
					t.Fatal(err)
				}
				if a.Fault != "" {
					t.Fatalf("the fault %s", a.Fault)
				}
				answers[a.String()] = true
			}
			if len(answers) < 3 {
				t.Errorf("only %d different answers: the requests are of little use", len(answers))
			}
			agree(t, &recorder.Record, sandboxed, process)
		})
	}
}

// numbers returns parameters: up to three numbers of 4 bytes, some cut.
func numbers(rng *rand.Rand) []byte {
	var b []byte
	for range rng.IntN(4) {
		b = binary.LittleEndian.AppendUint32(b, uint32(rng.IntN(4)))
	}
	return b[:max(0, len(b)-rng.IntN(3))]
}

func randomPacemaker(rng *rand.Rand) *hook.PacemakerRequest {
	r := &hook.PacemakerRequest{Validators: 4, CertifiedView: 100 + rng.Uint64N(100), BaseMS: 500, MaxMS: 1 << rng.IntN(64), BuiltinMS: rng.Uint64N(1 << 20)}
	r.View = r.CertifiedView + 1 + rng.Uint64N(1<<rng.IntN(8))
	for i := range uint64(rng.IntN(hook.PacemakerWindowMax)) {
		r.Window = append(r.Window, hook.PacemakerView{View: r.View - 1 - i, MS: rng.Uint32() >> rng.IntN(32), Notarized: rng.IntN(4) == 0})
	}
	return r
}

// TestBuildsAreReproducible builds one project in two folders.
func TestBuildsAreReproducible(t *testing.T) {
	need(t, "clang", "wasm-ld")
	var digests []string
	for range 2 {
		built, err := scaffold.Build(context.Background(), scaffold.Options{Dir: newProject(t, hook.Machine.Name)})
		if err != nil {
			t.Fatal(err)
		}
		if built.Language.Name != "c" || !strings.HasPrefix(built.Toolchain, "clang version ") {
			t.Errorf("built in %s with %s", built.Language.Name, built.Toolchain)
		}
		digests = append(digests, built.Report.Digest.String())
	}
	if digests[0] != digests[1] {
		t.Errorf("one source gave %s and %s", digests[0], digests[1])
	}
}
