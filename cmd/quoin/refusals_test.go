package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quoin.dev/quoin/governance"
)

var rewrite = flag.Bool("rewrite", false, "write the generated documentation anew")

// TestEveryRefusalHasAdvice wants what to do of every code of governance.
func TestEveryRefusalHasAdvice(t *testing.T) {
	for _, c := range governance.Codes() {
		if _, ok := refusalAdvice[c]; !ok && c != governance.OK {
			t.Errorf("%v: %s: what is to be done?", c, c.Meaning())
		}
	}
}

// TestRefusalPage checks the table of codes in docs/release.md.
func TestRefusalPage(t *testing.T) {
	const mark = "<!-- generated: go test ./cmd/quoin -run TestRefusalPage -rewrite -->\n"
	path := filepath.Join("..", "..", "docs", "release.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, have, ok := strings.Cut(string(page), mark)
	if !ok {
		t.Fatalf("%s has no line %q", path, mark)
	}
	var b strings.Builder
	b.WriteString("\n| code | meaning | what to do |\n|---|---|---|\n")
	for _, c := range governance.Codes()[1:] {
		fmt.Fprintf(&b, "| `%v` | %s | %s |\n", c, c.Meaning(), advice(c))
	}
	if have == b.String() {
		return
	}
	if !*rewrite {
		t.Fatalf("%s is not what the code says; run: go test ./cmd/quoin -run TestRefusalPage -rewrite", path)
	}
	if err := os.WriteFile(path, []byte(head+mark+b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestReleasePage runs what docs/release.md tells.
func TestReleasePage(t *testing.T) { runPage(t, "release.md") }
