package logs

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the tables of docs/logs.md")

// TestPage: the tables of the page are those of the code.
func TestPage(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "logs.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, tables, ok := strings.Cut(string(page), PageMark)
	if !ok {
		t.Fatalf("%s has no line %q", path, PageMark)
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(head+PageMark+Page()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if tables != Page() {
		t.Errorf("%s differs from the table; run: go test ./observe/logs -run '^TestPage$' -rewrite", path)
	}
}

// rooms are those of which a node is made and that may log.
var rooms = []string{"node", "api", "transport", "dashboard", "fault", "observe", "cmd/quoin"}

// call is a log call in the sources.
type call struct {
	at     token.Position
	level  slog.Level
	event  string   // empty: it has none
	kinds  bool     // the event is the kind of a replica's event
	fields []string // beside the event
	odd    string   // what is wrong with its form
}

// TestEveryLogCallNamesAnEventOfTheTable reads the sources: each log call of a node names an event, at its level and
// with its attributes, and each event is logged somewhere.
func TestEveryLogCallNamesAnEventOfTheTable(t *testing.T) {
	table := map[string]Event{}
	for _, e := range Events() {
		if table[e.Name].Name != "" {
			t.Errorf("%s stands twice in the table", e.Name)
		}
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(e.Name) || !strings.HasSuffix(e.Meaning, ".") {
			t.Errorf("%s: %q", e.Name, e.Meaning)
		}
		table[e.Name] = e
	}
	logged := map[string]bool{eventMissing: true}
	calls := 0
	for _, room := range rooms {
		for _, c := range callsIn(t, filepath.Join("..", "..", filepath.FromSlash(room))) {
			calls++
			e, ok := table[c.event]
			switch {
			case c.odd != "":
				t.Errorf("%s: %s", c.at, c.odd)
			case c.kinds:
			case !ok:
				t.Errorf("%s: the event %q is not in the table of observe/logs", c.at, c.event)
			case e.Level != c.level:
				t.Errorf("%s: %s is logged as %s, the table says %s", c.at, c.event, c.level, e.Level)
			case strings.Join(e.Fields, " ") != strings.Join(c.fields, " "):
				t.Errorf("%s: %s has the attributes %v, the table says %v", c.at, c.event, c.fields, e.Fields)
			}
			logged[c.event] = true
		}
	}
	if calls < 30 {
		t.Errorf("%d log calls: this test looks in the wrong places", calls)
	}
	for _, kind := range kinds(t) {
		logged[kind] = true
		if _, ok := table[kind]; !ok {
			t.Errorf("the replica's event %s is not in the table of observe/logs", kind)
		}
	}
	for name := range table {
		if !logged[name] {
			t.Errorf("nothing logs %s", name)
		}
	}
}

// callsIn finds the log calls below a folder.
func callsIn(t *testing.T, dir string) (calls []call) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() == "testdata" {
			return err
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err == nil {
			calls = append(calls, callsOf(fset, file)...)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return calls
}

var levelOf = map[string]slog.Level{"Debug": slog.LevelDebug, "Info": slog.LevelInfo, "Warn": slog.LevelWarn, "Error": slog.LevelError}

func callsOf(fset *token.FileSet, file *ast.File) (calls []call) {
	imported := map[string]bool{}
	for _, i := range file.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		imported[path[strings.LastIndexByte(path, '/')+1:]] = true
	}
	ast.Inspect(file, func(n ast.Node) bool {
		x, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		f, ok := x.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		c := call{at: fset.Position(x.Pos())}
		on := lastName(f.X)
		level, ok := levelOf[f.Sel.Name]
		switch {
		case on == "slog" && f.Sel.Name == "NewLogLogger": // a server's own words: it has With("event", name)
			c.level, c.event = slog.LevelDebug, eventWith(x)
		case on == "slog" && (ok || f.Sel.Name == "Log" || f.Sel.Name == "LogAttrs" || strings.HasSuffix(f.Sel.Name, "Context")):
			c.odd = "the program's default logger is used, and not the node's"
		case isLog(on) && (f.Sel.Name == "Log" || f.Sel.Name == "LogAttrs" || strings.HasSuffix(f.Sel.Name, "Context")):
			c.odd = "this form of log calls is not read by the test: use Debug, Info, Warn or Error"
		case !ok, len(x.Args) == 0, imported[on], imported["testing"] && !isLog(on):
			return true
		default:
			c.level = level
			c.read(x.Args)
		}
		calls = append(calls, c)
		return true
	})
	return calls
}

func isLog(name string) bool {
	return strings.HasSuffix(strings.ToLower(name), "log") || strings.HasSuffix(name, "ogger")
}

// read reads the arguments of a log call: a message, then pairs.
func (c *call) read(args []ast.Expr) {
	for i := 1; i+1 < len(args); i += 2 {
		key, ok := literal(args[i])
		switch value, named := literal(args[i+1]); {
		case !ok:
			c.odd = "an attribute's name is no literal"
			return
		case key == "event" && i != 1:
			c.odd = "the event comes first"
		case key == "event" && named:
			c.event = value
		case key == "event":
			c.kinds = fmt.Sprint(lastName(args[i+1])) == "Kind"
		default:
			c.fields = append(c.fields, key)
		}
	}
	if len(args)%2 == 0 {
		c.odd = "an attribute has no value"
	}
}

func literal(x ast.Expr) (string, bool) {
	b, ok := x.(*ast.BasicLit)
	if !ok || b.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(b.Value)
	return s, err == nil
}

// lastName is the last identifier of an expression such as s.c.Logger, or of string(e.Kind).
func lastName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	case *ast.CallExpr:
		if len(x.Args) == 1 {
			return lastName(x.Args[0])
		}
	}
	return ""
}

// eventWith finds With("event", name) in an expression.
func eventWith(x ast.Expr) (event string) {
	ast.Inspect(x, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok && len(c.Args) == 2 {
			if key, _ := literal(c.Args[0]); key == "event" {
				event, _ = literal(c.Args[1])
			}
		}
		return true
	})
	return event
}

// kinds are those of the replica's events that node's loop logs, by their names in the sources.
func kinds(t *testing.T) (list []string) {
	t.Helper()
	faults := map[string]string{}
	for name, value := range constants(t, "execution", "FaultKind") {
		faults[name], _ = literal(value)
	}
	for name, value := range constants(t, "replica", "EventKind") {
		kind, ok := literal(value)
		if !ok {
			kind = faults[lastName(value)]
		}
		if kind == "" {
			t.Errorf("the value of replica.%s is not known", name)
		}
		if name != "EnteredView" && name != "BlockNotarized" {
			list = append(list, kind)
		}
	}
	if len(list) < 20 {
		t.Errorf("%d kinds of events: this test looks in the wrong places", len(list))
	}
	return slices.Sorted(slices.Values(list))
}

// constants are those of a type in a package.
func constants(t *testing.T, dir, of string) map[string]ast.Expr {
	t.Helper()
	found := map[string]ast.Expr{}
	files, err := filepath.Glob(filepath.Join("..", "..", dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Names) == 1 && len(v.Values) == 1 {
				if x, ok := v.Type.(*ast.Ident); ok && x.Name == of {
					found[v.Names[0].Name] = v.Values[0]
				}
			}
			return true
		})
	}
	return found
}

// The test above finds what is wrong.
func TestLogCallsThatAreWrongAreFound(t *testing.T) {
	const source = `package x
import ("log/slog"; "net/http")
func f() {
	s.log.Warn("m")
	s.c.Logger.Error("m", "event", "nonsense", "a", 1)
	l.n.log.Info("m", "a", 1, "event", "release-ready")
	slog.Info("m", "event", "release-ready")
	log.InfoContext(ctx, "m")
	logger.Debug("m", "event", "peer-lost", key, 1)
	logger.Debug("m", "event")
	slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug)
	err.Error()
	entry.Info()
	http.Error(w, "m", 1)
}`
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "x.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range callsOf(fset, file) {
		got = append(got, fmt.Sprintf("%d %s %v %v", c.at.Line, c.event, c.fields, c.odd != ""))
	}
	want := []string{"4  [] false", "5 nonsense [a] false", "6  [a] true", "7  [] true", "8  [] true", "9 peer-lost [] true", "10  [] true", "11  [] false"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}
