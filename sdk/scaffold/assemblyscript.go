package scaffold

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"quoin.dev/quoin/sdk/assemblyscript"
)

// nodeVersion is the least version of Node.js that runs the compiler.
const nodeVersion = 20

// assemblyScript needs Node.js and one npm package, the compiler, whose version the project's
// package.json pins. The SDK lies in the project.
var assemblyScript = Language{
	Name: "assemblyscript", Title: "AssemblyScript", Source: "assembly/index.ts", Setup: "npm install", Test: "npm test",
	fill: []string{"ASC_VERSION", assemblyscript.Compiler},
	sdk: func() (map[string]string, error) {
		sources, err := assemblyscript.Source()
		files := make(map[string]string, len(sources))
		for name, text := range sources {
			files["quoin/"+name] = text
		}
		return files, err
	},
	compile: compileAssemblyScript,
}

// compileAssemblyScript takes all options but two from the project's asconfig.json. The compiler
// does not find a transform that stands there with a path inside the project.
func compileAssemblyScript(ctx context.Context, dir, compiler string) (module []byte, toolchain string, err error) {
	node, err := findNode(ctx)
	if err != nil {
		return nil, "", err
	}
	compiler, version, err := findCompiler(dir, compiler)
	if err != nil {
		return nil, "", err
	}
	module, err = compiled(ctx, func(file string) *exec.Cmd {
		c := exec.CommandContext(ctx, node, compiler, "--noColors", "--transform", "./quoin/exports.mjs", "--outFile", file)
		c.Dir = dir
		c.Env = append(os.Environ(), "NODE_OPTIONS=", "NODE_PATH=")
		return c
	})
	return module, "asc " + version, err
}

var nodeTodo = fmt.Sprintf("install Node.js %d or later, with npm, from https://nodejs.org and put it into PATH", nodeVersion)

func findNode(ctx context.Context) (path string, err error) {
	if path, err = findTool("node", nodeTodo); err != nil {
		return "", err
	}
	b, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", brokenTool(ctx, path+" --version", err, nodeTodo)
	}
	version := strings.TrimSpace(string(b))
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if n, err := strconv.Atoi(major); err == nil && n < nodeVersion {
		return "", &ToolchainError{fmt.Sprintf("%s is %s, and the compiler needs %d or later", path, version, nodeVersion), nodeTodo, ErrToolchainVersion}
	}
	return path, nil
}

// findCompiler returns the compiler that npm has installed for the project, and its version.
func findCompiler(dir, compiler string) (path, version string, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return "", "", fmt.Errorf("scaffold: %w", err)
	}
	todo := "run `npm install` in " + dir + ": its package.json names assemblyscript " + assemblyscript.Compiler
	if compiler == "" {
		compiler = installed(dir)
	}
	if path, err = filepath.Abs(compiler); err != nil { // the compiler runs in the project's folder
		return "", "", fmt.Errorf("scaffold: %w", err)
	}
	b, err := os.ReadFile(filepath.Join(filepath.Dir(path), "..", "package.json"))
	var description struct{ Version string }
	if err == nil {
		err = json.Unmarshal(b, &description)
	}
	if err != nil || !isFile(path) {
		return "", "", &ToolchainError{"the AssemblyScript compiler is not installed", todo, ErrNoToolchain}
	}
	series := assemblyscript.Compiler[:strings.LastIndexByte(assemblyscript.Compiler, '.')+1]
	if !strings.HasPrefix(description.Version, series) {
		return "", "", &ToolchainError{fmt.Sprintf("%s is version %s, and the SDK is written for %s", path, description.Version, assemblyscript.Compiler), todo, ErrToolchainVersion}
	}
	return path, description.Version, nil
}

// installed returns where the compiler is, as Node.js looks for packages: beside the project or any
// folder above it.
func installed(dir string) string {
	for {
		path, up := filepath.Join(dir, "node_modules", "assemblyscript", "bin", "asc.js"), filepath.Dir(dir)
		if isFile(path) || up == dir {
			return path
		}
		dir = up
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
