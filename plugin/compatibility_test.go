package plugin

import (
	"flag"
	"os"
	"strings"
	"testing"

	"quoin.dev/quoin/hook"
)

var rewrite = flag.Bool("rewrite", false, "write the generated documentation anew")

// The matrix in the documentation is what the code says.
func TestCompatibilityPage(t *testing.T) {
	const path, mark = "../docs/compatibility.md", "<!-- generated: go test ./plugin -run TestCompatibilityPage -rewrite -->\n"
	c := Compatible(Builtins())
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(page), mark)
	if !ok {
		t.Fatalf("%s has no line %q", path, mark)
	}
	want := head + mark + "\n" + c.Markdown()
	if *rewrite {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(page) != want {
		t.Errorf("%s is not what the code says; run: go test ./plugin -run TestCompatibilityPage -rewrite", path)
	}
}

func TestCompatible(t *testing.T) {
	c := Compatible(Builtins())
	if len(c.Hooks) != len(hook.All()) || len(c.HostFunctions) != len(hostFunctions) {
		t.Fatalf("%d hooks, %d functions", len(c.Hooks), len(c.HostFunctions))
	}
	for _, h := range c.Hooks {
		if h.SinceNode == 0 || h.SinceNode > NodeVersion || h.SinceEngine == 0 || h.SinceEngine > EngineVersion {
			t.Errorf("%s is of node %d and engine %d", h.Name, h.SinceNode, h.SinceEngine)
		}
		if h.FuelMax == 0 || h.FuelMax > FuelMax || h.Purpose == "" || len(h.Builtins) == 0 {
			t.Errorf("%+v", h)
		}
		if h.Fallback != "" && !strings.Contains(strings.Join(h.Builtins, " "), h.Fallback) {
			t.Errorf("the fallback %q of %s is no built-in", h.Fallback, h.Name)
		}
	}
	for _, f := range hostFunctions {
		if f.capability != "" && f.capability != hook.CapabilityForeign && !knownCapability(f.capability) {
			t.Errorf("%s needs %q, which nobody can name", f.name, f.capability)
		}
	}
}

// Every code is explained once.
func TestCodes(t *testing.T) {
	seen := map[Code]bool{}
	for _, m := range Codes() {
		if seen[m.Code] || m.Meaning == "" || m.Todo == "" {
			t.Errorf("%+v", m)
		}
		seen[m.Code] = true
	}
	for _, c := range []Code{CodeMalformed, CodeInvalid, CodeSize, CodeManifest, CodeVersion, CodeHook, CodeExport, CodeImport, CodeCapability, CodeFuel,
		CodeStart, CodeFeature, CodeMemory, CodeTable, CodeLocals, CodeNesting, CodeBranches, CodeBody, CodeComplexity, CodeCount, CodeData} {
		if !seen[c] {
			t.Errorf("%s is not explained", c)
		}
	}
}
