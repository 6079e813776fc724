package attack

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the page's table anew instead of comparing with it")

// The page's table is the corpus.
func TestPage(t *testing.T) {
	const path, mark = "../../docs/attack-corpus.md", "<!-- generated: go test ./sdk/attack -run TestPage -rewrite -->\n"
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, table, found := strings.Cut(string(b), mark)
	if !found {
		t.Fatalf("%s has no line %q", path, mark)
	}
	want := "\n" + Page()
	switch {
	case *rewrite:
		if err := os.WriteFile(path, []byte(head+mark+want), 0o644); err != nil {
			t.Fatal(err)
		}
	case table != want:
		t.Errorf("%s is not the corpus; run go test ./sdk/attack -run TestPage -rewrite and look at the difference", path)
	}
}
