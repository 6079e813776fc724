package sdk_test

import (
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"quoin.dev/quoin/sdk"
)

// light lists what the packages that modules carry may import: each of fmt, os and crypto would
// add half a megabyte to every module, and more imports from the host.
var light = []string{"encoding/binary", "math/bits", "unsafe"}

func TestSource(t *testing.T) {
	files, err := sdk.Source()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"hook/leader.go", "hook/machine.go", "sdk/leader/export_wasip1.go", "sdk/machine/export_wasip1.go", "sdk/internal/guest/guest.go", "sdk/plugintest/state.go"} {
		if files[want] == "" {
			t.Errorf("%s is missing", want)
		}
	}
	for name, text := range files {
		if strings.HasSuffix(name, "_test.go") || strings.Contains(name, "scaffold") || strings.Contains(name, "testdata") || path.Base(name) == "source.go" {
			t.Errorf("%s does not belong into a plugin's folder", name)
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, s := range f.Imports {
			imported, _ := strconv.Unquote(s.Path.Value)
			if inner, ours := strings.CutPrefix(imported, "quoin.dev/quoin/"); ours {
				if !slices.ContainsFunc(keys(files), func(n string) bool { return path.Dir(n) == inner }) {
					t.Errorf("%s imports %s, which a plugin's folder does not have", name, imported)
				}
				continue
			}
			if strings.HasPrefix(name, "sdk/") && path.Dir(name) != "sdk/plugintest" && !slices.Contains(light, imported) {
				t.Errorf("%s imports %s; modules carry it", name, imported)
			}
		}
	}
}

func keys(m map[string]string) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	return list
}
