package oracle

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

const pluginDir = "../../plugin"

// unitPrices are the edits that make the sandbox's schedule one of unit prices.
var unitPrices = []struct {
	file, old, new string // old is a regular expression
}{
	{"schedule.go", `(?m)^(\tcost[A-Z]\w* +=) [\d_]+`, "$1 1"},
	{"schedule.go", `(?m)^(\tcostLoop +=) 1`, "$1 0"},
	{"schedule.go", `(?m)^(\tcostBulkShift +=) 1`, "$1 63"}, // n >> 63 of a 32-bit size
	{"schedule.go", `(?m)(\{8, )6(\}, .*\})$`, "${1}1$2"},   // a load of the random modules, which have 8 pages
	{"inject.go", `costEntry\+locals/4`, "costEntry"},
	{"body.go", `2 \* p\.inject\.memory\.load`, "0"},
	{"body.go", `chargeBySize\(costPage, 0`, "chargeBySize(1, 63"},
	{"control.go", `p\.inject\.cost\(costJump, dead\)`, "p.inject.cost(0, dead)"}, // return
}

// buildWithUnitPrices builds the sandbox's tests with the edits, through an overlay.
func buildWithUnitPrices(t *testing.T) (binary string) {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	for _, e := range unitPrices {
		from, err := filepath.Abs(filepath.Join(pluginDir, e.file))
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, e.file)
		source, err := os.ReadFile(to)
		if replace[from] == "" {
			source, err = os.ReadFile(from)
		}
		if err != nil {
			t.Fatal(err)
		}
		pattern := regexp.MustCompile(e.old)
		if !pattern.Match(source) {
			t.Fatalf("%s has nothing that matches %s: has the schedule another form?", e.file, e.old)
		}
		if err := os.WriteFile(to, pattern.ReplaceAll(source, []byte(e.new)), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[from] = to
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(dir, "plugin.test")
	build := exec.Command("go", "test", "-c", "-overlay", list, "-o", binary, ".")
	build.Dir = pluginDir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}
