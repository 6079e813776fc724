// Package c holds the SDK for plugins in C: headers that lay structs over the messages of the
// hooks, the host functions, and what a plugin has instead of a C library. The sources lie in
// the folder quoin, which a plugin's project carries; quoin.h is where to begin to read.
// Package native runs the same plugins as native code.
package c

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

//go:embed quoin
var files embed.FS

// linked are the sources that every plugin is linked with; what it does not use is left out.
var linked = []string{"runtime.c", "draw.c"}

// Source returns the SDK's files by their paths in a project, such as "quoin/leader.h". Each
// call returns a map of its own.
func Source() (map[string]string, error) {
	entries, err := files.ReadDir("quoin")
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, e := range entries {
		name := path.Join("quoin", e.Name())
		b, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all[name] = string(b)
	}
	return all, nil
}

// Sources returns what a project in the folder is compiled from: its own files of C, those of tests
// apart, relative to the folder, and the SDK's, behind include, the folder in which quoin/quoin.h
// lies. That is the project itself or, for one that does not carry the SDK, a temporary folder with
// the SDK of this version. Call remove in the end.
func Sources(dir string) (include string, sources []string, remove func() error, err error) {
	own, err := filepath.Glob(filepath.Join(dir, "*.c"))
	if err != nil {
		return "", nil, nil, fmt.Errorf("c: %w", err)
	}
	for _, p := range own {
		if name := filepath.Base(p); !strings.HasSuffix(name, "_test.c") {
			sources = append(sources, name)
		}
	}
	if len(sources) == 0 {
		return "", nil, nil, fmt.Errorf("c: %s holds no file of C, such as main.c", dir)
	}
	include, remove = ".", func() error { return nil }
	if _, err := os.Stat(filepath.Join(dir, "quoin", "quoin.h")); errors.Is(err, fs.ErrNotExist) {
		if include, err = os.MkdirTemp("", "quoin-sdk-"); err != nil {
			return "", nil, nil, fmt.Errorf("c: %w", err)
		}
		remove = func() error { return os.RemoveAll(include) }
		if err := write(include); err != nil {
			return "", nil, nil, errors.Join(err, remove())
		}
	}
	for _, name := range linked {
		sources = append(sources, filepath.Join(include, "quoin", name))
	}
	return include, sources, remove, nil
}

// write writes the SDK's files into the folder quoin of a folder.
func write(dir string) error {
	all, err := Source()
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, "quoin"), 0o755)
	}
	for name, text := range all {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(text), 0o644)
		}
	}
	if err != nil {
		return fmt.Errorf("c: the SDK's sources: %w", err)
	}
	return nil
}
