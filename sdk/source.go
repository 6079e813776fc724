//go:build !wasip1

package sdk

import (
	"embed"
	"io/fs"
	"path"
	"strings"

	"quoin.dev/quoin/hook"
)

//go:embed doc.go finality internal/guest internal/sha256 leader machine pacemaker plugintest priority validation
var files embed.FS

// Source returns the files that a plugin needs to be compiled, by their paths in this module:
// package hook and the packages of the SDK, without tests. Tools write them beside a new
// plugin, so that it compiles without a network and without a checkout. Each call returns
// a map of its own.
func Source() (map[string]string, error) {
	all := map[string]string{}
	for _, tree := range []struct {
		root  string
		files fs.FS
	}{{"hook", hook.Source()}, {"sdk", files}} {
		err := fs.WalkDir(tree.files, ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && d.Name() == "testdata" {
				return fs.SkipDir
			}
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || path.Base(name) == "source.go" {
				return err
			}
			b, err := fs.ReadFile(tree.files, name)
			all[path.Join(tree.root, name)] = string(b)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}
