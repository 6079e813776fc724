package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quoin.dev/quoin/sdk/conformance"
	"quoin.dev/quoin/sdk/scaffold"
)

// testFlags are the flags of plugin test.
type testFlags struct {
	questionFlags
	cases    string
	unitless bool
}

func newPluginTest(t *terminal) *cobra.Command {
	var f testFlags
	c := &cobra.Command{
		Use: "test [FOLDER|FILE]", Short: "Run a plugin's own tests, and judge its release by the contracts of its hooks", Args: args(0, 1),
		Long: "Build a plugin, run its own tests, and judge the release by the contracts of the hooks that it serves:\n" +
			"with random and extreme requests, compiled and interpreted. A release file can be judged as well. What\n" +
			"the checks are, and what may be done about a verdict, is in docs/plugin-tools.md.",
		RunE: func(c *cobra.Command, a []string) error {
			path := "."
			if len(a) == 1 {
				path = a[0]
			}
			v, err := testPlugin(c.Context(), path, &f)
			if err != nil {
				return err
			}
			if err := t.data(v, v.print); err != nil {
				return err
			}
			if v.Verdict == conformance.Fail {
				return &fault{exit: exitFailure, code: "tests-failed", what: "the plugin fails " + v.failures(),
					todo: "what a check wants is in docs/plugin-tools.md; --seed " + fmt.Sprint(f.seed) + " asks the same again"}
			}
			return nil
		},
	}
	f.add(c, conformance.CallsDefault)
	c.Flags().StringVar(&f.cases, "cases", "", "the folder for requests that show what is wrong (default: a new one)")
	c.Flags().BoolVar(&f.unitless, "no-unit", false, "do not run the project's own tests")
	return c
}

// testReport is what plugin test found.
type testReport struct {
	Verdict    conformance.Verdict `json:"verdict"`
	Name       string              `json:"name"`
	Version    string              `json:"version"`
	Digest     string              `json:"digest"`
	Seed       uint64              `json:"seed"`
	Checks     []conformance.Check `json:"checks"`
	UnitOutput string              `json:"unit_output,omitempty"` // of tests that failed
	Seconds    testSeconds         `json:"seconds"`
}

// testSeconds is what took how long. The project's own tests run beside the rest.
type testSeconds struct {
	Build       float64 `json:"build"`
	Unit        float64 `json:"unit"`
	Conformance float64 `json:"conformance"`
	Total       float64 `json:"total"`
}

// testPlugin runs a project's own tests while it builds the release and judges it.
func testPlugin(ctx context.Context, path string, f *testFlags) (*testReport, error) {
	start := time.Now()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	unit := make(chan unitResult, 1)
	go func() { unit <- runUnit(ctx, path, f.unitless) }()
	defer func() { stop(); <-unit }() // nothing is left behind

	s, err := openSubject(ctx, path)
	if err != nil {
		return nil, err
	}
	o, err := f.options(s.dir)
	if err != nil {
		return nil, err
	}
	v := &testReport{Name: s.report.Manifest.Name, Version: s.report.Manifest.Version, Digest: s.report.Digest.String(), Seed: o.Seed}
	v.Seconds.Build = seconds(start)
	judging := time.Now()
	r, err := conformance.Run(ctx, s.file, o)
	if err != nil {
		return nil, toolFault(ctx, "the release was not judged", err)
	}
	v.Seconds.Conformance = seconds(judging)
	if err := writeCases(r.Checks, f.cases); err != nil {
		return nil, err
	}
	own := <-unit
	unit <- own
	v.Verdict = r.Verdict
	if own.check != nil {
		v.Checks, v.UnitOutput, v.Seconds.Unit = append(v.Checks, *own.check), own.output, own.seconds
		if own.check.Verdict == conformance.Fail {
			v.Verdict = conformance.Fail
		}
	}
	v.Checks = append(v.Checks, r.Checks...)
	v.Seconds.Total = seconds(start)
	return v, nil
}

func seconds(since time.Time) float64 { return float64(time.Since(since).Milliseconds()) / 1000 }

// unitResult is what became of a project's own tests; without a check there are none.
type unitResult struct {
	check   *conformance.Check
	output  string
	seconds float64
}

// Bounds of a project's own tests.
const (
	unitTimeout   = 5 * time.Minute
	unitOutputMax = 16 << 10
)

// runUnit runs a project's own tests.
func runUnit(ctx context.Context, dir string, skip bool) (r unitResult) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() || skip {
		return r
	}
	l, err := scaffold.LanguageOf(dir)
	if err != nil || l.Test == "" {
		return r // what is wrong, the build says
	}
	ctx, stop := context.WithTimeout(ctx, unitTimeout)
	defer stop()
	start := time.Now()
	output := &tail{most: unitOutputMax}
	c := exec.CommandContext(ctx, "sh", "-c", l.Test)
	if runtime.GOOS == "windows" {
		c = exec.CommandContext(ctx, "cmd", "/C", l.Test)
	}
	c.Dir, c.Stdout, c.Stderr = dir, output, output
	c.Env = append(os.Environ(), "GOWORK=off") // the project is a module of its own
	c.WaitDelay = time.Second
	err = c.Run()
	r.seconds = seconds(start)
	r.check = &conformance.Check{Name: "unit/tests", Verdict: conformance.Pass, Unit: "failures", Detail: l.Test}
	if err != nil {
		r.check.Verdict, r.check.Figure, r.check.Detail = conformance.Fail, 1, l.Test+": "+err.Error()
		if l.Setup != "" {
			r.check.Detail += "; a new project needs `" + l.Setup + "` once"
		}
		r.output = output.String()
	}
	return r
}

// tail keeps the end of what is written to it.
type tail struct {
	most int
	kept []byte
	cut  bool
}

func (t *tail) Write(b []byte) (int, error) {
	t.kept = append(t.kept, b...)
	if extra := len(t.kept) - t.most; extra > 0 {
		t.kept, t.cut = append(t.kept[:0], t.kept[extra:]...), true
	}
	return len(b), nil
}

func (t *tail) String() string {
	if t.cut {
		return "(the beginning was left out)\n" + strings.ToValidUTF8(string(t.kept), "")
	}
	return strings.ToValidUTF8(string(t.kept), "")
}

// writeCases writes the requests that show what is wrong, and notes where.
func writeCases(checks []conformance.Check, dir string) error {
	for i := range checks {
		for k := range checks[i].Cases {
			c := &checks[i].Cases[k]
			var err error
			if dir == "" {
				dir, err = os.MkdirTemp("", "quoin-cases-")
			} else {
				err = os.MkdirAll(dir, 0o755)
			}
			if err != nil {
				return failure("there is no place for the requests that show what is wrong", err, "name a folder with --cases")
			}
			c.File = filepath.Join(dir, fmt.Sprintf("%s-%d.hex", strings.ReplaceAll(checks[i].Name, "/", "-"), c.Number))
			if err := writeFile(c.File, hexLines(c.Request), 0o644); err != nil {
				return failure("a request that shows what is wrong cannot be written", err, "name a folder with --cases")
			}
		}
	}
	return nil
}

// hexLines writes bytes as hexadecimal, 32 a line.
func hexLines(b []byte) []byte {
	var out []byte
	for len(b) > 0 {
		n := min(32, len(b))
		out = append(hex.AppendEncode(out, b[:n]), '\n')
		b = b[n:]
	}
	return out
}

// failures names the checks that failed.
func (v *testReport) failures() string {
	var names []string
	for _, c := range v.Checks {
		if c.Verdict == conformance.Fail {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", ")
}

// print writes the report for people.
func (v *testReport) print(w io.Writer) {
	table(w, func(row func(...any)) {
		for _, c := range v.Checks {
			row(c.Verdict, c.Name, fmt.Sprint(c.Figure)+" "+c.Unit, c.Detail)
		}
	})
	count := map[conformance.Verdict]int{}
	for _, c := range v.Checks {
		count[c.Verdict]++
		for _, k := range c.Cases {
			fmt.Fprintf(w, "%s: request %d of %s: %s\n  the request: %s\n", c.Name, k.Number, k.Operation, k.Note, k.File)
		}
	}
	if v.UnitOutput != "" {
		fmt.Fprintf(w, "\n%s\n", strings.TrimRight(v.UnitOutput, "\n"))
	}
	fmt.Fprintf(w, "%s: %s %s, seed %d: %d passed, %d to look at, %d failed, in %.1f s (build %.1f, own tests %.1f, contracts %.1f)\n", v.Verdict, v.Name, v.Version,
		v.Seed, count[conformance.Pass], count[conformance.Warn], count[conformance.Fail], v.Seconds.Total, v.Seconds.Build, v.Seconds.Unit, v.Seconds.Conformance)
}
