// Package scaffold writes plugin projects and compiles them. It is for the host's tools: it
// runs the Go toolchain and writes files.
//
// A project needs nothing but Go: New puts the contracts and the SDK, as they are in this
// version, beside the plugin's own code, so that it compiles without a network and without a
// checkout of this repository. Build is reproducible: the same source and the same version
// of Go give the same bytes, wherever the project lies.
package scaffold

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/sdk"
)

//go:embed template
var templates embed.FS

// goVersion is the least version of Go that compiles a plugin: the first that can export
// functions from a module (go:wasmexport).
const goVersion = "1.24"

// ErrExists is wrapped by the error of a folder that is not empty.
var ErrExists = errors.New("scaffold: the folder is not empty")

// New writes a plugin project for the hook ("leader.v1" or "machine.v1") into the folder, which
// must be empty or missing, and returns the files' paths inside it, ascending. The project
// holds a small working algorithm, its tests, and all that it needs to compile.
func New(dir, name, hookName string) ([]string, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	files, err := project(name, hookName)
	if err != nil {
		return nil, err
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("%w: %s has %d entries, and a project must not overwrite them; choose a new folder", ErrExists, dir, len(entries))
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("scaffold: the folder cannot be read: %w", err)
	}
	paths := slices.Sorted(maps.Keys(files))
	for _, p := range paths {
		full := filepath.Join(dir, filepath.FromSlash(p))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return nil, fmt.Errorf("scaffold: %w", err)
		}
		if err := os.WriteFile(full, []byte(files[p]), 0o644); err != nil {
			return nil, fmt.Errorf("scaffold: %w", err)
		}
	}
	return paths, nil
}

// Hooks returns the hooks for which New has a project.
func Hooks() []string { return slices.Sorted(maps.Keys(algorithms)) }

// algorithms names the template of each hook.
var algorithms = map[string]string{
	hook.Leader.Name:  "leader",
	hook.Machine.Name: "machine",
}

// project returns the files of a new project by their slash-separated paths.
func project(name, hookName string) (map[string]string, error) {
	algorithm, ok := algorithms[hookName]
	if !ok {
		return nil, fmt.Errorf("scaffold: there is no project for the hook %q; choose one of %s", hookName, strings.Join(Hooks(), ", "))
	}
	fill := strings.NewReplacer("PLUGIN_NAME", name, "PLUGIN_HOOK", hookName, "GO_VERSION", goVersion)
	files := map[string]string{}
	for path, template := range map[string]string{
		"go.mod":       "any/go.mod",
		"quoin/go.mod": "any/quoin.mod",
		".gitignore":   "any/gitignore",
		"README.md":    "any/README.md",
		"main.go":      algorithm + "/main.go",
		"main_test.go": algorithm + "/main_test.go",
		ManifestFile:   algorithm + "/plugin.json",
	} {
		b, err := templates.ReadFile("template/" + template + ".tmpl")
		if err != nil {
			return nil, fmt.Errorf("scaffold: %w", err)
		}
		files[path] = fill.Replace(string(b))
	}
	sources, err := sdk.Source()
	if err != nil {
		return nil, fmt.Errorf("scaffold: the SDK's sources: %w", err)
	}
	for path, text := range sources {
		files["quoin/"+path] = text
	}
	return files, nil
}
