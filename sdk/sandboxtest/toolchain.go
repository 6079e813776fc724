package sandboxtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"quoin.dev/quoin/sdk/assemblyscript"
	"quoin.dev/quoin/sdk/scaffold"
)

// Missing ends a test that needs a tool which is not there: it is skipped, or fails where the
// environment says CI=true, because there every tool has to be.
func Missing(t testing.TB, problem string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(problem)
	}
	t.Skip(problem)
}

// Build compiles the project in the folder and returns the release. It ends the test by Missing
// without the compiler of the project's language.
func Build(t testing.TB, dir string) []byte {
	t.Helper()
	language, err := scaffold.LanguageOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	o := scaffold.Options{Dir: dir, Out: filepath.Join(t.TempDir(), "release.wasm")}
	if language.Name == "assemblyscript" {
		o.Compiler = AssemblyScript(t)
	}
	built, err := scaffold.Build(t.Context(), o)
	if errors.Is(err, scaffold.ErrNoToolchain) || errors.Is(err, scaffold.ErrToolchainVersion) {
		Missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(built.Path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// AssemblyScript returns the file asc.js of the compiler that the SDK pins. npm installs it once into
// the user's cache. It ends the test by Missing if it cannot.
func AssemblyScript(t testing.TB) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			Missing(t, "plugins in AssemblyScript need "+tool+": "+err.Error())
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(cache, "quoin-test", "assemblyscript-"+assemblyscript.Compiler)
	compiler := filepath.Join(folder, "node_modules", "assemblyscript", "bin", "asc.js")
	if _, err := os.Stat(compiler); err == nil {
		return compiler
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		t.Fatal(err)
	}
	temporary, err := os.MkdirTemp(filepath.Dir(folder), ".install-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temporary)
	description := fmt.Sprintf(`{"private": true, "dependencies": {"assemblyscript": %q}}`, assemblyscript.Compiler)
	if err := os.WriteFile(filepath.Join(temporary, "package.json"), []byte(description), 0o644); err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(t.Context(), "npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=20000")
	install.Dir = temporary
	if output, err := install.CombinedOutput(); err != nil {
		Missing(t, fmt.Sprintf("npm cannot install the AssemblyScript compiler: %v\n%s", err, output))
	}
	// Another test may have been first; then its folder is as good.
	if err := os.Rename(temporary, folder); err != nil {
		if _, missing := os.Stat(compiler); missing != nil {
			t.Fatal(err)
		}
	}
	return compiler
}
