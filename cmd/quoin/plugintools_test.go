package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
	"quoin.dev/quoin/sdk/conformance"
)

// fixtureFile writes a hostile plugin's release and returns its path.
func fixtureFile(t *testing.T, name string) string {
	t.Helper()
	f, ok := hostile.Find(name)
	if !ok {
		t.Fatalf("there is no fixture %q", name)
	}
	file, err := plugin.Embed(f.Module, f.Manifest([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name+".wasm")
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// runQuoin runs a command line and returns what it printed and its exit code.
func runQuoin(t *testing.T, words ...string) (stdout, stderr string, exit int) {
	t.Helper()
	var out, err bytes.Buffer
	to := &terminal{out: &out, err: &err}
	root := newRoot(to)
	root.SetArgs(words)
	root.SetOut(&out)
	root.SetErr(&err)
	if e := root.ExecuteContext(context.Background()); e != nil {
		f := faultOf(e, to.began)
		to.fail(f)
		exit = f.exit
	}
	return out.String(), err.String(), exit
}

// paths lists the paths of all values of a JSON text, each once; lists count as one step.
func paths(t *testing.T, text string) []string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	found := map[string]bool{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				walk(path+"."+k, x)
			}
		case []any:
			for _, x := range v {
				walk(path+"[]", x)
			}
		default:
			found[strings.TrimPrefix(path, ".")] = true
		}
	}
	walk("", v)
	list := make([]string, 0, len(found))
	for p := range found {
		list = append(list, p)
	}
	slices.Sort(list)
	return list
}

// What the tools print as JSON is an interface: names do not change. -rewrite is not offered on purpose.
func TestToolsJSONIsStable(t *testing.T) {
	loop, zero := fixtureFile(t, "leader-endless-loop"), fixtureFile(t, "leader-always-zero")
	release := "author capabilities code_bytes digest end_of_life engine_min exports file_bytes fuel_max functions hooks imports instructions name node_min pages_max pages_min sequence signed version"
	for _, c := range []struct {
		words []string
		exit  int
		want  string
	}{
		{[]string{"plugin", "test", loop, "--calls", "5", "--cases", t.TempDir()}, exitFailure,
			"checks[].cases[].file checks[].cases[].note checks[].cases[].number checks[].cases[].operation checks[].detail checks[].figure checks[].name checks[].unit checks[].verdict " +
				"digest name seconds.build seconds.conformance seconds.total seconds.unit seed verdict version"},
		{[]string{"plugin", "bench", zero, "--rounds", "6", "--calls", "2"}, exitOK,
			"confidence operations[].accepted operations[].allocations operations[].builtin operations[].calls_per_second.high operations[].calls_per_second.low operations[].calls_per_second.median " +
				"operations[].fuel.least operations[].fuel.median operations[].fuel.most operations[].ns.high operations[].ns.low operations[].ns.median " +
				"operations[].ns_per_fuel.high operations[].ns_per_fuel.low operations[].ns_per_fuel.median operations[].operation operations[].restored_bytes.least operations[].restored_bytes.median operations[].restored_bytes.most " +
				"operations[].ratio.high operations[].ratio.low operations[].ratio.median operations[].requests operations[].restore_ns.high operations[].restore_ns.low operations[].restore_ns.median operations[].subject " +
				"platform releases[].compile_ms releases[].digest releases[].file_bytes releases[].image_bytes releases[].image_pages " +
				"releases[].instantiate_us.high releases[].instantiate_us.low releases[].instantiate_us.median releases[].name rounds"},
		{[]string{"plugin", "diff", zero, loop, "--calls", "5"}, exitRefused,
			"differences[].blocks differences[].code differences[].detail differences[].new differences[].old " + prefixed("new.", release) + " " + prefixed("old.", release) + " " +
				"operations[].asked operations[].different operations[].examples[].new operations[].examples[].number operations[].examples[].old operations[].examples[].request " +
				"operations[].faults_new operations[].faults_old operations[].fuel_new operations[].fuel_old operations[].fuel_ratio operations[].fuel_ratio_most operations[].operation replaceable"},
	} {
		out, err, exit := runQuoin(t, append(c.words, "-o", "json")...)
		if exit != c.exit {
			t.Errorf("%v ends with %d, want %d: %s", c.words, exit, c.exit, err)
		}
		want := strings.Fields(c.want)
		got := slices.DeleteFunc(paths(t, out), func(p string) bool { return strings.HasSuffix(p, "capabilities[]") })
		for i, p := range got {
			got[i] = strings.TrimSuffix(p, "[]")
		}
		want = slices.DeleteFunc(want, func(p string) bool { return strings.HasSuffix(p, "capabilities") })
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("%v prints\n%q, want\n%q", c.words, got, want)
		}
	}
}

func prefixed(prefix, names string) string {
	list := strings.Fields(names)
	for i := range list {
		list[i] = prefix + list[i]
	}
	return strings.Join(list, " ")
}

// Whatever the file holds, the tools say what is wrong with it and end.
func TestToolsSurviveHostileFiles(t *testing.T) {
	dir := t.TempDir()
	giant, junk := filepath.Join(dir, "giant.wasm"), filepath.Join(dir, "junk.wasm")
	for path, b := range map[string][]byte{giant: make([]byte, plugin.FileMax+1000), junk: []byte("\x00asm\x01\x00\x00\x00junk")} {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	good := fixtureFile(t, "leader-always-zero")
	for _, c := range []struct {
		path string
		exit int
	}{{giant, exitRefused}, {junk, exitRefused}, {filepath.Join(dir, "nothing"), exitNotFound}} {
		for _, words := range [][]string{{"plugin", "test", c.path}, {"plugin", "bench", c.path}, {"plugin", "diff", good, c.path}, {"plugin", "diff", c.path, good}} {
			if out, err, exit := runQuoin(t, words...); exit != c.exit || out != "" || !strings.Contains(err, "why:") && !strings.Contains(err, "try:") {
				t.Errorf("%v ends with %d: %s%s", words, exit, out, err)
			}
		}
	}
	for _, name := range []string{"machine-log-flood", "machine-host-flood", "machine-memory-bomb", "machine-state-bloat", "machine-scan-flood"} {
		path := fixtureFile(t, name)
		if _, err, exit := runQuoin(t, "plugin", "test", path, "--calls", "5", "--cases", dir); exit != exitFailure || !strings.Contains(err, "machine.v1.apply/answers") {
			t.Errorf("plugin test of %s ends with %d: %s", name, exit, err)
		}
		if _, err, exit := runQuoin(t, "plugin", "diff", path, path, "--calls", "5"); exit != exitRefused {
			t.Errorf("plugin diff of %s ends with %d: %s", name, exit, err)
		}
	}
	if out, err, exit := runQuoin(t, "plugin", "bench", fixtureFile(t, "machine-log-flood"), fixtureFile(t, "leader-endless-loop"), "--calls", "1", "--rounds", "6"); exit != exitOK {
		t.Errorf("plugin bench of plugins that never end: %d %s%s", exit, out, err)
	}
}

// A failing request is written where the report says, as hexadecimal.
func TestCasesAreWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cases")
	out, _, _ := runQuoin(t, "plugin", "test", fixtureFile(t, "leader-trap"), "--calls", "5", "--cases", dir, "-o", "json")
	var v testReport
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatal(err)
	}
	r := conformance.Report{Checks: v.Checks}
	c := r.Find("leader.v1/answers")
	if c == nil || len(c.Cases) == 0 {
		t.Fatalf("%+v", c)
	}
	for _, k := range c.Cases {
		text, err := os.ReadFile(k.File)
		if err != nil {
			t.Fatal(err)
		}
		b, err := hex.DecodeString(regexp.MustCompile(`\s`).ReplaceAllString(string(text), ""))
		if err != nil || len(b) < 80 || filepath.Dir(k.File) != dir {
			t.Errorf("%s: %d bytes, %v", k.File, len(b), err)
		}
	}
}

// TestToolsSession runs what the tools' page tells.
func TestToolsSession(t *testing.T) {
	if testing.Short() {
		t.Skip("builds plugins")
	}
	runPage(t, "plugin-tools.md")
}
