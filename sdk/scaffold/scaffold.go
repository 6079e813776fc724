// Package scaffold writes plugin projects and compiles them. It is for the host's tools: it
// runs compilers and writes files.
//
// A project needs nothing but its language's compiler: New puts the contracts and the SDK, as
// they are in this version, beside the plugin's own code, so that it compiles without a
// checkout of this repository. Build is reproducible: the same source and the same version of
// the compiler give the same bytes, wherever the project lies.
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
)

//go:embed template
var templates embed.FS

// ErrExists is wrapped by the error of a folder that is not empty.
var ErrExists = errors.New("scaffold: the folder is not empty")

// Project says what New writes.
type Project struct {
	Name     string // of the plugin: 1 to 32 characters of a-z, 0-9 and '-'
	Hook     string // that it serves: one of the language's Hooks
	Language string // the language's name; empty: Go
}

// New writes a plugin project into the folder, which must be empty or missing, and returns the
// files' paths inside it, ascending. The project holds a small working algorithm, its tests,
// and all that it needs to compile.
func New(dir string, p Project) ([]string, error) {
	if err := checkName(p.Name); err != nil {
		return nil, err
	}
	language, err := FindLanguage(p.Language)
	if err != nil {
		return nil, err
	}
	files, err := language.project(p.Name, p.Hook)
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
