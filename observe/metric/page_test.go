package metric

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the tables of docs/metrics.md")

// TestPage: the tables of the page are those of the code.
func TestPage(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "metrics.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, tables, ok := strings.Cut(string(page), PageMark)
	if !ok {
		t.Fatalf("%s has no line %q", path, PageMark)
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(head+PageMark+Page()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if tables != Page() {
		t.Errorf("%s differs from the table; run: go test ./observe/metric -run '^TestPage$' -rewrite", path)
	}
}

// TestNames: by the rules of both worlds, and none twice.
func TestNames(t *testing.T) {
	form := regexp.MustCompile(`^quoin(\.[a-z_]+)+$`)
	seen := map[string]bool{}
	for _, f := range Families() {
		name := f.Prometheus()
		if !form.MatchString(f.Name) {
			t.Errorf("%q is no name", f.Name)
		}
		if seen[name] {
			t.Errorf("%s stands twice in the table", name)
		}
		seen[name] = true
		if (f.Kind == Histogram) != (len(f.Buckets) > 0) {
			t.Errorf("%s: a %s with %d buckets", name, f.Kind, len(f.Buckets))
		}
	}
	for name, f := range map[string]Family{
		"quoin_a_seconds":        {Name: "quoin.a", Kind: Gauge, Unit: "s"},
		"quoin_a_bytes_total":    {Name: "quoin.a", Kind: Counter, Unit: "By"},
		"quoin_a_total":          {Name: "quoin.a", Kind: Counter, Unit: "{block}"},
		"quoin_time_seconds":     {Name: "quoin.time.seconds", Kind: Histogram, Unit: "s"},
		"quoin_budget_ratio":     {Name: "quoin.budget", Kind: Gauge, Unit: "1"},
		"quoin_peer_up":          {Name: "quoin.peer.up", Kind: Gauge},
		"quoin_io_a_bytes_total": {Name: "quoin.io.a", Kind: Counter, Unit: "By"},
	} {
		if got := f.Prometheus(); got != name {
			t.Errorf("%+v is %s, want %s", f, got, name)
		}
	}
}
