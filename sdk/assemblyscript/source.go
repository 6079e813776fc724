// Package assemblyscript holds the SDK with which plugins are written in AssemblyScript, and
// hands its sources to the tools that put them beside a new plugin. There is a module for each
// hook (leader.ts, machine.ts and so on), which reads requests where the host wrote them, and
// state.ts and chain.ts for what the host offers beside them. docs/plugin-assemblyscript.md is
// its introduction.
package assemblyscript

import (
	"embed"
	"io/fs"
)

// Compiler is the version of the npm package assemblyscript that the SDK is written for and
// tested with.
const Compiler = "0.28.20"

//go:embed *.ts *.mjs
var files embed.FS

// Source returns the SDK's files by their names.
func Source() (map[string]string, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	all := make(map[string]string, len(entries))
	for _, e := range entries {
		b, err := fs.ReadFile(files, e.Name())
		if err != nil {
			return nil, err
		}
		all[e.Name()] = string(b)
	}
	return all, nil
}
