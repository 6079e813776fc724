package quoin_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "quoin.dev/quoin"

// The rooms in their order: a room imports only rooms listed before it. Folders below a room belong
// to it.
var rooms = []string{
	"canonical", "", "mark", "signature", "hook", "disk", "store", "consensus", "ledger", "state", "plugin", "governance",
	"execution", "replica", "lab", "fault", "transport", "node", "observe", "api", "docs", "dashboard", "client", "report", "bench", "sdk", "plugins", "cmd",
}

// Quiet rooms decide things: no goroutine, clock, socket, file or randomness.
var quiet = []string{
	"canonical", "", "mark", "signature", "hook", "disk", "store", "consensus", "ledger", "state", "plugin", "governance",
	"execution", "replica", "lab",
}

// Arrows that are refused although the order would allow them: importing room, imported room.
var refused = [][2]string{
	{"consensus", "ledger"}, {"consensus", "state"}, {"consensus", "plugin"}, {"plugin", "consensus"}, {"governance", "consensus"},
	{"lab", "node"}, {"lab", "transport"}, {"lab", "api"},
}

// Exceptions, each with its reason.
var allowedImports = map[string]string{
	"plugin context":               "wazero's API wants one; it is always context.Background()",
	"plugin/hostile context":       "wazero's API wants one",
	"plugin/wasmtest math/rand":    "makes random modules for tests, from a seed",
	"plugin/wasmtest math/rand/v2": "makes random modules for tests, from a seed",
}

var noFloats = "plugin/wasmtest" // it encodes floating-point constants of test modules

// loudImports never stand in a quiet room.
var loudImports = []string{"context", "crypto/rand", "log", "log/slog", "math/rand", "math/rand/v2", "net", "os", "os/exec", "os/signal",
	"runtime", "sync", "sync/atomic", "syscall", "testing/synctest"}

// refusedNames are folders that say nothing.
var refusedNames = []string{"util", "utils", "common", "helper", "helpers", "misc", "types", "manager"}

// source is one package of the module, tests apart.
type source struct {
	dir   string // relative to the module's root, "" for the root
	fset  *token.FileSet
	files []*ast.File
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(dir string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		name := d.Name()
		if dir != "." && (strings.HasPrefix(name, ".") || name == "testdata") {
			return filepath.SkipDir
		}
		if dir != "." {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				return filepath.SkipDir
			}
		}
		if slices.Contains(refusedNames, name) {
			t.Errorf("%s: the name says nothing; call the folder after what it holds", dir)
		}
		s := source{dir: strings.TrimPrefix(filepath.ToSlash(dir), "."), fset: token.NewFileSet()}
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			f, err := parser.ParseFile(s.fset, filepath.Join(dir, e.Name()), nil, parser.ParseComments)
			if err != nil {
				return err
			}
			s.files = append(s.files, f)
		}
		if len(s.files) > 0 {
			all = append(all, s)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// room returns the room of a folder, and false for one outside all rooms, such as tools.
func room(dir string) (string, bool) {
	first, _, _ := strings.Cut(dir, "/")
	return first, slices.Contains(rooms, first)
}

// testSupport reports whether a folder only serves tests: conformance suites and the like.
func testSupport(dir string) bool {
	return strings.HasSuffix(path.Base(dir), "test") && dir != "plugin/wasmtest"
}

func TestRoomsImportOnlyEarlierRooms(t *testing.T) {
	for _, s := range sources(t) {
		from, ok := room(s.dir)
		if !ok {
			if s.dir != "" && !strings.HasPrefix(s.dir, "tools") {
				t.Errorf("%s: no such room; ARCHITECTURE.md lists them", s.dir)
			}
			continue
		}
		for _, f := range s.files {
			for _, i := range f.Imports {
				p, _ := strconv.Unquote(i.Path.Value)
				if p != module && !strings.HasPrefix(p, module+"/") {
					continue
				}
				to, _ := room(strings.TrimPrefix(strings.TrimPrefix(p, module), "/"))
				if slices.Index(rooms, to) > slices.Index(rooms, from) {
					t.Errorf("%s imports %s, a later room", s.fset.Position(i.Pos()), p)
				}
				if slices.Contains(refused, [2]string{from, to}) {
					t.Errorf("%s imports %s: %s must not know %s", s.fset.Position(i.Pos()), p, from, to)
				}
			}
		}
	}
}

// What a node is made of knows nothing of the laboratory: neither its worlds nor signatures that anybody
// can make.
func TestNodesDoNotKnowTheLab(t *testing.T) {
	imports := map[string][]string{}
	var from []string
	for _, s := range sources(t) {
		if r, ok := room(s.dir); ok && slices.Contains([]string{"transport", "node", "api", "client"}, r) && !testSupport(s.dir) {
			from = append(from, s.dir)
		}
		for _, f := range s.files {
			for _, i := range f.Imports {
				p, _ := strconv.Unquote(i.Path.Value)
				if dir, ok := strings.CutPrefix(p, module+"/"); ok {
					imports[s.dir] = append(imports[s.dir], dir)
				}
			}
		}
	}
	reached := map[string]bool{}
	for len(from) > 0 {
		dir := from[0]
		from = from[1:]
		if reached[dir] {
			continue
		}
		reached[dir] = true
		from = append(from, imports[dir]...)
		if r, _ := room(dir); slices.Contains([]string{"lab", "report", "bench"}, r) || dir == "consensus/model" {
			t.Errorf("a node is made of %s, among others", dir)
		}
	}
	if !reached["consensus/simplex"] {
		t.Error("a node is not made of its protocol: this test looks in the wrong places")
	}
}

func TestQuietRoomsAreQuiet(t *testing.T) {
	checker := newTypeChecker(t)
	for _, s := range sources(t) {
		if from, ok := room(s.dir); !ok || !slices.Contains(quiet, from) || testSupport(s.dir) {
			continue
		}
		for _, f := range s.files {
			if guestOnly(f) {
				continue
			}
			for _, i := range f.Imports {
				p, _ := strconv.Unquote(i.Path.Value)
				if slices.Contains(loudImports, p) && allowedImports[s.dir+" "+p] == "" {
					t.Errorf("%s: a quiet room imports %s", s.fset.Position(i.Pos()), p)
				}
			}
			for _, problem := range loudSyntax(s, f) {
				t.Error(problem)
			}
		}
		for _, problem := range checker.mapsAndFloats(s) {
			t.Error(problem)
		}
	}
}

// guestOnly reports whether a file is compiled for plugins only.
func guestOnly(f *ast.File) bool {
	for _, g := range f.Comments {
		for _, c := range g.List {
			if strings.HasPrefix(c.Text, "//go:build wasip1") {
				return true
			}
		}
	}
	return false
}

func loudSyntax(s source, f *ast.File) (problems []string) {
	ast.Inspect(f, func(n ast.Node) bool {
		what := ""
		switch n := n.(type) {
		case *ast.GoStmt:
			what = "a goroutine"
		case *ast.SelectStmt:
			what = "a select"
		case *ast.ChanType:
			what = "a channel"
		case *ast.FuncDecl:
			if n.Name.Name == "init" && n.Recv == nil {
				what = "an init function"
			}
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok {
				switch x.Name + "." + n.Sel.Name {
				case "time.Now", "time.Since", "time.Sleep", "time.After", "time.NewTimer", "time.Tick", "sort.Slice":
					what = x.Name + "." + n.Sel.Name
				}
			}
		}
		if what != "" {
			problems = append(problems, fmt.Sprintf("%s: %s in a quiet room", s.fset.Position(n.Pos()), what))
		}
		return true
	})
	return problems
}

// typeChecker checks packages against the compiler's export data.
type typeChecker struct {
	importer func(*token.FileSet) types.Importer
}

func newTypeChecker(t *testing.T) *typeChecker {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-json=ImportPath,Export", "."}
	for _, r := range quiet {
		if r != "" {
			args = append(args, "./"+r+"/...")
		}
	}
	cmd := exec.Command("go", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	exports := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ ImportPath, Export string }
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
	}
	return &typeChecker{func(fset *token.FileSet) types.Importer {
		return importer.ForCompiler(fset, "gc", func(p string) (io.ReadCloser, error) { return os.Open(exports[p]) })
	}}
}

// mapsAndFloats finds floating point, and loops over maps whose order could show. A loop whose order
// cannot show says so in a comment with the words "any order" on its line or the one before.
func (c *typeChecker) mapsAndFloats(s source) (problems []string) {
	var files []*ast.File
	for _, f := range s.files {
		if !guestOnly(f) {
			files = append(files, f)
		}
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	config := types.Config{Importer: c.importer(s.fset), Error: func(error) {}}
	_, _ = config.Check(module+"/"+s.dir, s.fset, files, info)
	for _, f := range files {
		excused := map[int]bool{}
		for _, g := range f.Comments {
			if strings.Contains(g.Text(), "any order") {
				line := s.fset.Position(g.End()).Line
				excused[line], excused[line+1] = true, true
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.RangeStmt:
				if t := info.Types[n.X].Type; t != nil {
					if _, ok := t.Underlying().(*types.Map); ok && !excused[s.fset.Position(n.Pos()).Line] {
						problems = append(problems, fmt.Sprintf("%s: a loop over a map; sort the keys, or say \"any order\" and why", s.fset.Position(n.Pos())))
					}
				}
			case ast.Expr:
				if t := info.Types[n].Type; t != nil && s.dir != noFloats {
					if b, ok := t.Underlying().(*types.Basic); ok && b.Info()&types.IsFloat != 0 && info.Types[n].Value == nil {
						problems = append(problems, fmt.Sprintf("%s: floating point in a quiet room", s.fset.Position(n.Pos())))
					}
				}
			}
			return true
		})
	}
	return problems
}
