package trace

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Whatever stands in a span is explained.
func TestThePageHasEveryName(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "traces.md"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "attribute.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, v := range spec.Values {
			if x, ok := v.(*ast.BasicLit); ok && x.Kind == token.STRING {
				name, _ := strconv.Unquote(x.Value)
				names++
				if !strings.Contains(string(page), name) {
					t.Errorf("docs/traces.md does not say what %s is", name)
				}
			}
		}
		return true
	})
	if names < 40 {
		t.Errorf("%d names: this test looks in the wrong places", names)
	}
}
