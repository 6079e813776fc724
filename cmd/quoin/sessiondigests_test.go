package main

import (
	"maps"
	"regexp"
	"strings"
	"testing"
)

// digests are those that a page names, each with the one that this session prints in its place. They cover
// the bytes of a genesis, so that no page could name them for long: the first line that names one says only that
// some digest stands there, and every later one that it is the same.
type digests map[string]string

var digest = regexp.MustCompile(`\b[0-9a-f]{8}\b`)

// match reports whether an output has what a page says, and learns from the first place of each digest.
func (d digests) match(want string, output []byte) bool {
	var fresh []string
	pattern := ""
	for i, part := range strings.Split(want, "…") {
		if i > 0 {
			pattern += ".*"
		}
		part, from := strings.TrimSpace(part), 0
		for _, at := range digest.FindAllStringIndex(part, -1) {
			name := part[at[0]:at[1]]
			pattern += regexp.QuoteMeta(part[from:at[0]])
			from = at[1]
			if known, ok := d[name]; ok {
				pattern += known
				continue
			}
			pattern += "([0-9a-f]{8})"
			fresh = append(fresh, name)
		}
		pattern += regexp.QuoteMeta(part[from:])
	}
	for _, found := range regexp.MustCompile(pattern).FindAllSubmatch(output, -1) {
		if d.learn(fresh, found[1:]) {
			return true
		}
	}
	return false
}

// learn takes what stands for new names, unless it stands for another already.
func (d digests) learn(names []string, found [][]byte) bool {
	learnt := maps.Clone(d)
	for i, name := range names {
		for other, known := range learnt {
			if (known == string(found[i])) != (other == name) {
				return false
			}
		}
		learnt[name] = string(found[i])
	}
	maps.Copy(d, learnt)
	return true
}

func TestDigestsOfAPage(t *testing.T) {
	d := digests{}
	for _, c := range []struct {
		want, output string
		match        bool
	}{
		{"block aaaaaaaa … of 1", "block 12345678 and more of 1", true},
		{"block bbbbbbbb", "block 12345678", false}, // that is aaaaaaaa
		{"block bbbbbbbb", "block 12345678\nblock 87654321", true},
		{"aaaaaaaa after bbbbbbbb", "12345678 after 87654321", true},
		{"aaaaaaaa after bbbbbbbb", "87654321 after 12345678", false},
		{"cccccccc, cccccccc", "11111111, 22222222", false},
		{"cccccccc, cccccccc", "11111111, 11111111", true},
		{"no digest", "no digest", true},
	} {
		if got := d.match(c.want, []byte(c.output)); got != c.match {
			t.Errorf("%q in %q: %v, want %v", c.want, c.output, got, c.match)
		}
	}
}
