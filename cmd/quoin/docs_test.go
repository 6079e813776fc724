package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentedCommands checks every command line of the documentation against the program: that
// there is such a command, with such flags and as many arguments.
func TestDocumentedCommands(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join("..", "..", "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	hooks, err := filepath.Glob(filepath.Join("..", "..", "docs", "hooks", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, hooks...)
	pages = append(pages, filepath.Join("..", "..", "README.md"), filepath.Join("..", "..", "plugins", "README.md"))
	found := 0
	for _, page := range pages {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(strings.ReplaceAll(string(b), "\\\n", " "), "\n") {
			words, ok := documented(line)
			if !ok {
				continue
			}
			found++
			if err := parses(words); err != nil {
				t.Errorf("%s: %q: %v", page, strings.TrimSpace(line), err)
			}
		}
	}
	for _, wrong := range []string{"quoin nonsense", "quoin key nonsense", "quoin key new", "quoin status --nonsense", "quoin get"} {
		if parses(strings.Fields(wrong)) == nil {
			t.Errorf("this test would accept %q", wrong)
		}
	}
	if found < 40 {
		t.Errorf("found only %d command lines: is the documentation still indented by four spaces?", found)
	}
}

// documented returns the words of an indented line that runs quoin.
func documented(line string) ([]string, bool) {
	text, ok := strings.CutPrefix(line, "    ")
	if !ok || strings.HasPrefix(text, " ") {
		return nil, false
	}
	text, _, _ = strings.Cut(text, " #")
	text = redirection.ReplaceAllString(text, "")
	if _, after, ok := strings.Cut(text, "&& quoin "); ok {
		text = "quoin " + after
	}
	text = strings.Replace(text, "go run ./cmd/quoin", "quoin", 1)
	words := shellWord.FindAllString(text, -1)
	for i := range words {
		words[i] = strings.NewReplacer("'", "", `"`, "").Replace(words[i])
	}
	return words, len(words) > 1 && words[0] == "quoin"
}

// shellWord is a word as a shell sees it: spaces in quotes do not end it.
var shellWord = regexp.MustCompile(`(?:'[^']*'|"[^"]*"|[^\s'"])+`)

// redirection is where a line's output goes.
var redirection = regexp.MustCompile(` > [a-z0-9./-]+$`)

func parses(words []string) error {
	root := newRoot(&terminal{out: io.Discard, err: io.Discard})
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	c, rest, err := root.Find(words[1:])
	if err != nil {
		return err
	}
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	if c.HasSubCommands() && c.Flags().NArg() > 0 {
		return usage("there is no such command", "")
	}
	return c.ValidateArgs(c.Flags().Args())
}
