package plugin

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

var differentialPlanted = flag.Bool("differential.planted", false, "run the differential tests against planted bugs, each built with its own")

// plantedBugs are mistakes that the differential tests must find, as edits of the source. The
// tests of each are built with an overlay, so that nothing of them is in the package.
var plantedBugs = []struct {
	name, file, old, new string
	test                 string // that finds it, if not TestRandomModules
	amd64                bool   // the engine goes wrong only there
}{
	{name: "a branch that does not end a stretch of straight code", file: "control.go",
		old: "	p.keep(at, dead, cost)\n	if p.inject != nil {\n		p.inject.flush(false)\n	}\n",
		new: "	p.keep(at, dead, cost)\n"},
	{name: "an else that is paid before it is entered", file: "control.go",
		old: "		p.inject.copy(p.m.file[at:p.r.at])\n		p.inject.flush(false)\n",
		new: "		p.inject.copy(p.m.file[at:p.r.at])\n"},
	{name: "a wrong arm of br_table", file: "control.go",
		old: "		p.branchOff(at, dead, costBranchTable)\n",
		new: "		if p.inject != nil && !p.r.failed() {\n			b := append([]byte(nil), p.m.file...)\n			b[p.r.at-1], b[p.r.at-2] = b[p.r.at-2], b[p.r.at-1]\n			p.m.file = b\n		}\n		p.branchOff(at, dead, costBranchTable)\n"},
	{name: "a NaN left raw", file: "body.go",
		old: "	if o.quirk == makesNaN32 || o.quirk == makesNaN64 {\n",
		new: "	if o.quirk == makesNaN64 {\n"},
	{name: "no barrier before a compare", file: "body.go", amd64: true,
		old: "		p.inject.barrier(o.quirk, p.last)\n"},
	{name: "the engine's select of floats", file: "body.go", amd64: true,
		old: "(t == typeF32 || t == typeF64) {\n",
		new: "false {\n"},
	{name: "the engine's copysign", file: "body.go", amd64: true,
		old: "	case o.quirk == signFromF32 || o.quirk == signFromF64:\n",
		new: "	case false:\n"},
	{name: "a store that is not noted as dirty", file: "body.go",
		old: "	case o.store:\n",
		new: "	case o.store && o.second != typeI64:\n"},
	{name: "a bulk instruction that is not noted as dirty", file: "body.go",
		old: "			p.inject.noteBulk()\n"},
	{name: "depth that a return does not give back", file: "inject.go",
		old: "append(b, opI32Add, opGlobalSet)",
		new: "append(b, opI32Sub, opGlobalSet)"},

	{name: "a buffer's capacity that is not asked", file: "call.go", test: "FuzzEscapeHostFunctions",
		old: "	if uint64(len(b)) > uint64(uint32(capacity)) {\n",
		new: "	if len(b) > 1<<16 {\n"},
	{name: "a host function's write that is not noted as dirty", file: "call.go", test: "FuzzEscapeHostFunctions",
		old: "	return b, c.touch(pointer, len(b))\n",
		new: "	return b, true\n"},
	{name: "a scan whose bounds its own output moves", file: "scan.go", test: "FuzzEscapeHostFunctions",
		old: "	start, end = append(x.bounds[0][:0], start...), append(x.bounds[1][:0], end...)\n"},
	{name: "a guest that is called while it is being called", file: "guest.go", test: "FuzzEscapeReentry",
		old: "	if i.busy {\n",
		new: "	if false {\n"},
	{name: "a host function that goes on after it has ended the call", file: "call.go", test: "FuzzEscapeHostFunctions",
		old: "	if c.stopped() {\n		return nil, false // an earlier",
		new: "	if false {\n		return nil, false // an earlier"},
}

// Each planted bug still has its one place in the source.
func TestPlantedBugsHaveAPlace(t *testing.T) {
	for _, p := range plantedBugs {
		source, err := os.ReadFile(p.file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(source), p.old); n != 1 {
			t.Errorf("%s: the text that is to be replaced is %d times in %s; plant it anew:\n%s", p.name, n, p.file, p.old)
		}
	}
}

// The differential tests find each planted bug within the seeds of a CI run.
func TestPlantedBugs(t *testing.T) {
	if !*differentialPlanted {
		t.Skip("a build for each bug takes a minute: go test ./plugin -run TestPlantedBugs -differential.planted")
	}
	for _, p := range plantedBugs {
		t.Run(p.name, func(t *testing.T) {
			if p.amd64 && runtime.GOARCH != "amd64" {
				t.Skip("the engine has no such error on " + runtime.GOARCH)
			}
			source, err := os.ReadFile(p.file)
			if err != nil {
				t.Fatal(err)
			}
			overlay := overlayFile(t, p.file, strings.Replace(string(source), p.old, p.new, 1))
			test := p.test
			if test == "" {
				test = "TestRandomModules"
			}
			out, err := exec.Command("go", "test", "-overlay", overlay, "-count=1", "-run", "^"+test+"$", ".", "-differential.runs", "20000").CombinedOutput()
			place := regexp.MustCompile(`(?m)^ +\w+_test\.go:\d+: (.*)$`).FindStringSubmatch(string(out))
			if err == nil || place == nil {
				t.Fatalf("%s does not find it: %v\n%s", test, err, out)
			}
			t.Log(place[1])
		})
	}
}

// overlayFile writes what go's -overlay wants: a file of the package with another content.
func overlayFile(t *testing.T, name, content string) string {
	t.Helper()
	dir := t.TempDir()
	replaced, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	by := filepath.Join(dir, filepath.Base(name))
	if err := os.WriteFile(by, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {replaced: by}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	return list
}
