package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"quoin.dev/quoin"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/sdk/scaffold"
)

func newPlugin(t *terminal) *cobra.Command {
	return group(&cobra.Command{Use: "plugin", Short: "Write, build, check, sign and inspect plugins"},
		newPluginNew(t), newPluginBuild(t), newPluginCheck(t), newPluginSign(t), newPluginInspect(t), newPluginHooks(t), newPluginTest(t), newPluginBench(t), newPluginDiff(t), newPluginAttack(t))
}

func newPluginNew(t *terminal) *cobra.Command {
	var hook, language, dir string
	c := &cobra.Command{
		Use: "new NAME --hook HOOK --lang LANGUAGE", Short: "Write a plugin's project: a small working algorithm with its tests", Args: args(1, 1),
		RunE: func(_ *cobra.Command, a []string) error {
			if dir == "" {
				dir = a[0]
			}
			l, err := scaffold.FindLanguage(language)
			if err != nil {
				return &fault{exit: exitUsage, code: "usage", what: "no project was written", cause: err}
			}
			files, err := scaffold.New(dir, scaffold.Project{Name: a[0], Hook: hook, Language: language})
			if err != nil {
				return &fault{exit: exitUsage, code: "usage", what: "no project was written", cause: err,
					todo: "a name is [a-z0-9-], a hook one of " + strings.Join(l.Hooks(), ", ") + ", the folder new or empty"}
			}
			v := map[string]any{"name": a[0], "hook": hook, "language": l.Name, "folder": dir, "files": files}
			return t.data(v, func(w io.Writer) {
				fmt.Fprintf(w, "wrote %s: %d files, a plugin for %s in %s\n", dir, len(files), hook, l.Title)
				if l.Setup != "" {
					fmt.Fprintf(w, "next: in %s, once: %s\n", dir, l.Setup)
				}
				fmt.Fprintf(w, "next: edit %s, then: quoin plugin build %s\n", filepath.Join(dir, filepath.FromSlash(l.Source)), dir)
			})
		},
	}
	c.Flags().StringVar(&hook, "hook", "leader.v1", "the hook that it serves: "+strings.Join(scaffold.Languages()[0].Hooks(), ", "))
	c.Flags().StringVar(&language, "lang", scaffold.Languages()[0].Name, "the language: "+languageNames())
	c.Flags().StringVar(&dir, "dir", "", "the folder to write (default: the name)")
	return c
}

func languageNames() string {
	var names []string
	for _, l := range scaffold.Languages() {
		names = append(names, l.Name)
	}
	return strings.Join(names, ", ")
}

func newPluginBuild(t *terminal) *cobra.Command {
	var out, author string
	c := &cobra.Command{
		Use: "build [FOLDER]", Short: "Compile a project into a release file, with its language's toolchain alone", Args: args(0, 1),
		Long: "Compile a project into a release file. The author's public key becomes part of the release: that of\n" +
			"--author, else of plugin.json, else of the context's author. `quoin plugin sign` signs with it.",
		RunE: func(c *cobra.Command, a []string) error {
			o := scaffold.Options{Dir: ".", Out: out}
			if len(a) == 1 {
				o.Dir = a[0]
			}
			var err error
			if o.Author, err = buildAuthor(o.Dir, author); err != nil {
				return err
			}
			built, err := scaffold.Build(c.Context(), o)
			if err != nil {
				return buildFault(o.Dir, err)
			}
			v := struct {
				File      string `json:"file"`
				Language  string `json:"language"`
				Toolchain string `json:"toolchain"`
				releaseReport
			}{built.Path, built.Language.Name, built.Toolchain, reportOf(built.Report)}
			return t.data(v, func(w io.Writer) {
				fmt.Fprintf(w, "built %s (%d bytes, %s)\ndigest %s\n", built.Path, built.Report.FileBytes, built.Toolchain, built.Report.Digest)
				if v.Author.IsZero() {
					t.note("the release names no author, so nobody can sign it: build with --author KEY")
				}
			})
		},
	}
	c.Flags().StringVar(&out, "out", "", "the file to write (default: NAME.wasm in the folder)")
	c.Flags().StringVar(&author, "author", "", "the author: a key file, or a public key in hexadecimal")
	return c
}

// buildAuthor says who the author of a release is to be; zero leaves it to plugin.json.
func buildAuthor(dir, author string) (quoin.PublicKey, error) {
	if author != "" {
		if key, err := quoin.ParsePublicKey(author); err == nil {
			return key, nil
		}
		key, err := readKey(author)
		if err != nil {
			return quoin.PublicKey{}, err
		}
		return publicOf(key), nil
	}
	if m, err := scaffold.ReadManifest(dir); err != nil || !m.Author.IsZero() {
		return quoin.PublicKey{}, nil // what is wrong with the manifest, Build says
	}
	if key, err := signingKey("", roleAuthor); err == nil {
		return publicOf(key), nil
	}
	return quoin.PublicKey{}, nil // a release without an author can be tried, not proposed
}

func buildFault(dir string, err error) error {
	var refusal *plugin.Refusal
	var compile *scaffold.CompileError
	var toolchain *scaffold.ToolchainError
	switch {
	case errors.As(err, &refusal):
		return refusalFault("the release", refusal)
	case errors.Is(err, scaffold.ErrNoProject):
		return &fault{exit: exitUsage, code: "no-project", what: dir + " is no plugin's folder", cause: err, todo: "name a folder with a " + scaffold.ManifestFile + "; `quoin plugin new NAME` makes one"}
	case errors.As(err, &compile):
		todo := "correct it"
		if l, err := scaffold.LanguageOf(dir); err == nil && l.Test != "" {
			todo += "; `" + l.Test + "` in its folder runs its tests"
		}
		return &fault{exit: exitFailure, code: "compile", what: "the plugin does not compile", why: strings.TrimSpace(compile.Output), todo: todo}
	case errors.As(err, &toolchain):
		return &fault{exit: exitFailure, code: "toolchain", what: "the plugin was not compiled", why: toolchain.Problem, todo: toolchain.Todo}
	case errors.Is(err, scaffold.ErrManifest):
		return &fault{exit: exitUsage, code: "manifest", what: "the manifest is wrong", cause: err, todo: "correct " + scaffold.ManifestFile}
	}
	return failure("the plugin was not built", err, "")
}

func refusalFault(what string, r *plugin.Refusal) error {
	return &fault{exit: exitRefused, code: "refused-" + string(r.Code), what: what + " would be refused by every node", cause: r,
		todo: "what each code means, and what to do, is in docs/compatibility.md"}
}

func newPluginCheck(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "check FILE", Short: "Check a release as every node does before it accepts it", Args: args(1, 1),
		RunE: func(_ *cobra.Command, a []string) error {
			report, v, err := describeRelease(a[0])
			if err != nil {
				return err
			}
			return t.data(v, func(w io.Writer) {
				m := report.Manifest
				table(w, func(row func(...any)) {
					row("accepted", m.Name+" "+m.Version+", sequence "+fmt.Sprint(m.Sequence))
					row("digest", report.Digest)
					row("hooks", strings.Join(m.Hooks, " "))
					row("capabilities", orNone(m.Capabilities))
					row("fuel", fmt.Sprintf("at most %d a call", m.FuelMax))
					row("memory", fmt.Sprintf("%d to %d pages of 64 KiB", report.PagesMin, report.PagesMax))
					row("code", fmt.Sprintf("%d bytes, %d functions, %d instructions", report.CodeBytes, report.Functions, report.Instructions))
					row("signed", yesNo(v.Signed))
				})
			})
		},
	}
}

func newPluginInspect(t *terminal) *cobra.Command {
	return &cobra.Command{
		Use: "inspect FILE", Short: "Print all that a release says of itself and the check found", Args: args(1, 1),
		RunE: func(_ *cobra.Command, a []string) error {
			report, v, err := describeRelease(a[0])
			if err != nil {
				return err
			}
			return t.data(v, func(w io.Writer) {
				m := report.Manifest
				table(w, func(row func(...any)) {
					row("name", m.Name)
					row("version", m.Version)
					row("sequence", m.Sequence)
					row("digest", report.Digest)
					row("author", orNobody(m.Author))
					row("signed", yesNo(v.Signed))
					row("hooks", strings.Join(m.Hooks, " "))
					row("capabilities", orNone(m.Capabilities))
					row("fuel of a call", m.FuelMax)
					row("memory pages", fmt.Sprintf("%d to %d", report.PagesMin, report.PagesMax))
					row("needs", fmt.Sprintf("node %d, engine %d", m.NodeMin, m.EngineMin))
					row("end of life", orNever(m.EndOfLife))
					row("parameters", string(m.ParamsSchema))
					row("file bytes", report.FileBytes)
					row("code bytes", report.CodeBytes)
					row("functions", report.Functions)
					row("instructions", report.Instructions)
					row("deepest nesting", report.NestingMost)
					row("most locals", report.LocalsMost)
					row("longest body", report.BodyMost)
					row("imports", strings.Join(report.Imports, " "))
					row("exports", strings.Join(report.Exports, " "))
				})
			})
		},
	}
}

func newPluginSign(t *terminal) *cobra.Command {
	var out string
	c := &cobra.Command{Use: "sign FILE", Short: "Sign a release as its author; its digest stays", Args: args(1, 1)}
	key := roleFlags(c, roleAuthor)
	c.Flags().StringVar(&out, "out", "", "the file to write (default: the same)")
	c.RunE = func(_ *cobra.Command, a []string) error {
		report, file, err := checkRelease(a[0])
		if err != nil {
			return err
		}
		k, err := key()
		if err != nil {
			return err
		}
		signed, err := plugin.Sign(file, k)
		if err != nil {
			return refused("not-author", "the release was not signed", err.Error(), "build it with `quoin plugin build --author` and this key, or sign with its author's")
		}
		if out == "" {
			out = a[0]
		}
		if err := writeFile(out, signed, 0o644); err != nil {
			return failure("the signed release cannot be written", err, "")
		}
		v := map[string]any{"file": out, "digest": report.Digest.String(), "author": publicOf(k).String()}
		return t.data(v, func(w io.Writer) {
			fmt.Fprintf(w, "signed %s\ndigest %s\nauthor %s\n", out, report.Digest, publicOf(k))
		})
	}
	return c
}

// describeRelease checks a release file and says what there is to say of it.
func describeRelease(path string) (*plugin.Report, releaseReport, error) {
	report, file, err := checkRelease(path)
	if err != nil {
		return nil, releaseReport{}, err
	}
	v := reportOf(report)
	v.Signed = plugin.VerifySignature(file) == nil
	return report, v, nil
}

// checkRelease reads and checks a release file.
func checkRelease(path string) (*plugin.Report, []byte, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, nil, usage(path+" is a folder, not a release file", "build it first: quoin plugin build "+path)
	}
	if info, err := os.Stat(path); err == nil && info.Size() > plugin.FileMax { // as the check says it, without reading it
		return nil, nil, refusalFault(path, &plugin.Refusal{Code: plugin.CodeSize, Offset: -1,
			Problem: fmt.Sprintf("the file has %d bytes, at most %d are allowed", info.Size(), plugin.FileMax)})
	}
	file, err := readFile(path, plugin.FileMax)
	if err != nil {
		return nil, nil, err
	}
	report, err := plugin.Check(file, plugin.DefaultLimits())
	if err != nil {
		var refusal *plugin.Refusal
		if errors.As(err, &refusal) {
			return nil, nil, refusalFault(path, refusal)
		}
		return nil, nil, failure(path+" was not checked", err, "")
	}
	return report, file, nil
}

// releaseReport is a plugin.Report for scripts.
type releaseReport struct {
	Digest       string       `json:"digest"`
	Name         string       `json:"name"`
	Version      string       `json:"version"`
	Sequence     uint64       `json:"sequence"`
	Author       authorKey    `json:"author"`
	Signed       bool         `json:"signed"`
	Hooks        []string     `json:"hooks"`
	Capabilities []string     `json:"capabilities"`
	FuelMax      uint64       `json:"fuel_max"`
	PagesMin     uint32       `json:"pages_min"`
	PagesMax     uint32       `json:"pages_max"`
	NodeMin      uint32       `json:"node_min"`
	EngineMin    uint32       `json:"engine_min"`
	EndOfLife    quoin.Height `json:"end_of_life"`
	FileBytes    int          `json:"file_bytes"`
	CodeBytes    int          `json:"code_bytes"`
	Functions    int          `json:"functions"`
	Instructions int          `json:"instructions"`
	Imports      []string     `json:"imports"`
	Exports      []string     `json:"exports"`
}

// authorKey is empty in JSON when there is nobody.
type authorKey struct{ quoin.PublicKey }

func (k authorKey) MarshalText() ([]byte, error) {
	if k.IsZero() {
		return nil, nil
	}
	return []byte(k.String()), nil
}

func reportOf(r *plugin.Report) releaseReport {
	m := r.Manifest
	return releaseReport{Digest: r.Digest.String(), Name: m.Name, Version: m.Version, Sequence: m.Sequence, Author: authorKey{m.Author},
		Hooks: orEmpty(m.Hooks), Capabilities: orEmpty(m.Capabilities), FuelMax: m.FuelMax, PagesMin: r.PagesMin, PagesMax: r.PagesMax,
		NodeMin: m.NodeMin, EngineMin: m.EngineMin, EndOfLife: m.EndOfLife, FileBytes: r.FileBytes, CodeBytes: r.CodeBytes,
		Functions: r.Functions, Instructions: r.Instructions, Imports: orEmpty(r.Imports), Exports: orEmpty(r.Exports)}
}

func orEmpty(list []string) []string { return append([]string{}, list...) }

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, " ")
}

func orNobody(k quoin.PublicKey) string {
	if k.IsZero() {
		return "nobody"
	}
	return k.String()
}

func orNever(h quoin.Height) string {
	if h == 0 {
		return "never"
	}
	return fmt.Sprintf("height %d", h)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
