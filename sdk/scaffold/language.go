package scaffold

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"quoin.dev/quoin/hook"
)

// Language is one in which plugins are written: what a new project of it holds, and how its
// compiler is run. plugin.json names it; a project that names none is in Go.
//
// A language is one value of this type and a folder of templates: any/ is in every project,
// leader/, machine/ and so on in those for that hook, at the paths that they have there, with
// ".tmpl" behind and "dot-" for a leading dot. A hook without a folder has no project.
type Language struct {
	Name   string // in plugin.json and on command lines: "go"
	Title  string // for people: "Go"
	Source string // the file of a project that its author edits first, with slashes
	Setup  string // the command that a new project needs once, in its folder; empty: none
	Test   string // the command that runs a project's own tests, in its folder
	// fill replaces names in templates: name, text, name, text.
	fill []string
	// sdk returns the files of the SDK by their paths in a project.
	sdk func() (map[string]string, error)
	// compile returns the module of the project in the folder, and the compiler's name and
	// version for people. compiler is Options.Compiler. Its errors are a *ToolchainError or a
	// *CompileError, as far as they are the user's to mend.
	compile func(ctx context.Context, dir, compiler string) (module []byte, toolchain string, err error)
}

// languages are what plugins can be written in; the first is the one of projects that name none.
var languages = []*Language{&golang, &assemblyScript, &clang}

// Languages returns the languages, the default one first.
func Languages() []*Language { return slices.Clone(languages) }

// FindLanguage returns the language with the name; empty is the default one. The error names
// those that there are.
func FindLanguage(name string) (*Language, error) {
	if name == "" {
		return languages[0], nil
	}
	var names []string
	for _, l := range languages {
		if l.Name == name {
			return l, nil
		}
		names = append(names, l.Name)
	}
	return nil, fmt.Errorf("scaffold: there is no language %q; choose one of %s", name, strings.Join(names, ", "))
}

// Hooks returns the hooks for which the language has a project, ascending.
func (l *Language) Hooks() []string {
	var list []string
	for _, h := range hook.All() {
		if _, err := fs.Stat(templates, l.folder(h.Name)); err == nil {
			list = append(list, h.Name)
		}
	}
	return list
}

// folder returns the folder of a hook's templates: that of leader.v1 is leader.
func (l *Language) folder(hookName string) string {
	short, _, _ := strings.Cut(hookName, ".")
	return path.Join("template", l.Name, short)
}

// project returns the files of a new project by their paths with slashes.
func (l *Language) project(name, hookName string) (map[string]string, error) {
	if hooks := l.Hooks(); !slices.Contains(hooks, hookName) {
		return nil, fmt.Errorf("scaffold: there is no project for the hook %q in %s; choose one of %s", hookName, l.Title, strings.Join(hooks, ", "))
	}
	files, err := l.sdk()
	if err != nil {
		return nil, fmt.Errorf("scaffold: the SDK's sources: %w", err)
	}
	fill := strings.NewReplacer(append([]string{"PLUGIN_NAME", name, "PLUGIN_HOOK", hookName}, l.fill...)...)
	for _, folder := range []string{path.Join("template", l.Name, "any"), l.folder(hookName)} {
		err := fs.WalkDir(templates, folder, func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := templates.ReadFile(file)
			name := strings.TrimSuffix(strings.TrimPrefix(file, folder+"/"), ".tmpl")
			if plain, ok := strings.CutPrefix(name, "dot-"); ok {
				name = "." + plain
			}
			files[name] = fill.Replace(string(b))
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("scaffold: %w", err)
		}
	}
	return files, nil
}

// Errors of Build that are not the plugin's own.
var (
	// ErrNoToolchain is wrapped when the language's compiler is not there or does not run.
	ErrNoToolchain = errors.New("scaffold: the toolchain is missing")
	// ErrToolchainVersion is wrapped when it is too old.
	ErrToolchainVersion = errors.New("scaffold: the toolchain is too old")
)

// ToolchainError says that a language's compiler cannot be used. It wraps ErrNoToolchain or
// ErrToolchainVersion.
type ToolchainError struct {
	Problem string // "there is no go command in PATH"
	Todo    string // how to get the compiler
	cause   error
}

func (e *ToolchainError) Error() string { return "scaffold: " + e.Problem + "; " + e.Todo }

// Unwrap returns the causes.
func (e *ToolchainError) Unwrap() error { return e.cause }

// CompileError is the error of a plugin that does not compile.
type CompileError struct {
	Output string // of the compiler, at most 16 KiB
	cause  error
}

func (e *CompileError) Error() string {
	return "scaffold: the plugin does not compile:\n" + e.Output
}

// Unwrap returns the error of the command.
func (e *CompileError) Unwrap() error { return e.cause }
