package browser

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

var screenshots = flag.String("screenshots", "", "a folder for what the browser shows (default: a temporary one)")

// inspect.js returns a list of what is wrong with the page as it stands.
//
//go:embed inspect.js
var inspect string

const patience = 10 * time.Minute // for one page

// TestReportsInABrowser opens reports of runs in both colour schemes and two widths.
func TestReportsInABrowser(t *testing.T) {
	browser := startBrowser(t)
	folder := shots(t)
	for name, file := range reports(t) {
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{1280, 390} {
				t.Run(fmt.Sprintf("%s/%s/%d", name, scheme, width), func(t *testing.T) {
					v := openPage(t, browser, file, scheme, width)
					v.inspect("as it opens")
					v.screenshot(filepath.Join(folder, fmt.Sprintf("%s-%s-%d.png", name, scheme, width)))
					evaluate[any](v, `for (const d of document.querySelectorAll("details")) d.open = true`)
					v.inspect("with everything unfolded")
					v.keyboard()
					v.print()
					v.end()
				})
			}
		}
	}
}

// shots is the folder for screenshots.
func shots(t *testing.T) string {
	if *screenshots != "" {
		return *screenshots
	}
	return t.TempDir()
}

// TestReadableWithoutScript opens a report in a browser that runs no scripts.
func TestReadableWithoutScript(t *testing.T) {
	browser := startBrowser(t)
	v := newVisit(t, browser, filepath.Join("..", "..", "report", "testdata", "sample.html"))
	call(v, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	v.do(chromedp.Navigate(v.url))
	html := evaluate[string](v, `document.documentElement.outerHTML`)
	for _, want := range []string{"✕ Failed", "go run ./cmd/quoin lab replay", "<svg", "Percentiles"} {
		if !strings.Contains(html, want) {
			t.Errorf("without scripts the page does not have %q", want)
		}
	}
	if strings.Contains(html, "<button") {
		t.Error("without scripts there is a button that does nothing")
	}
	v.end()
}

// reports makes pages of a run that passed, of one that failed, of a comparison, and of one whose texts are hostile, beside
// the golden one.
func reports(t *testing.T) map[string]string {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	dir, quoin := t.TempDir(), program(t)
	command := func(failing bool, name string, args ...string) {
		c := exec.Command(name, args...)
		c.Dir = root
		out, err := c.CombinedOutput()
		if (err != nil) != failing {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
	}
	command(false, quoin, "lab", "replay", "--seed", "5", "--quiet", "--save", dir)
	command(true, quoin, "lab", "replay", "--seed", "1", "--plant", "small-quorum", "--quiet", "--save", dir)
	rule := filepath.Join(dir, "my-finality") // as docs/research.md makes one
	command(false, quoin, "plugin", "new", "my-finality", "--hook", "finality.v1", "--dir", rule)
	command(false, quoin, "lab", "ab", "--candidate", rule, "--base", "finality.v1=deep", "--pairs", "10", "--blocks", "20", "--transactions", "60", "--save", dir)
	compared, err := filepath.Glob(filepath.Join(dir, "ab-*", "report.html"))
	if err != nil || len(compared) != 1 {
		t.Fatalf("reports of comparisons: %v, %v", compared, err)
	}
	hostile := filepath.Join(dir, "sim-hostile")
	poison(t, filepath.Join(dir, "sim-seed-1-small-quorum"), hostile)
	command(false, quoin, "lab", "report", hostile)
	return map[string]string{
		"passed":   filepath.Join(dir, "sim-seed-5", "report.html"),
		"failed":   filepath.Join(dir, "sim-seed-1-small-quorum", "report.html"),
		"compared": compared[0],
		"hostile":  filepath.Join(hostile, "report.html"),
		"sample":   filepath.Join(root, "report", "testdata", "sample.html"),
	}
}

var workshop string // the folder for what is built

// TestMain gives the program a folder.
func TestMain(m *testing.M) {
	var err error
	if workshop, err = os.MkdirTemp("", "quoin-browser-"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(workshop)
	os.Exit(code)
}

// build makes the program, once for all tests.
var build = sync.OnceValues(func() (path string, err error) {
	c := exec.Command("go", "build", "-o", workshop, "./cmd/quoin")
	c.Dir = filepath.Join("..", "..")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return filepath.Join(workshop, "quoin"), nil
})

func program(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// poison copies a run's folder, with markup and endless words in its texts.
func poison(t *testing.T, from, to string) {
	t.Helper()
	const evil = `\"'><script>alert(1)</script><img src=https://example.invalid/x onerror=alert(2)></svg></title>`
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"run.json", "events.jsonl"} {
		b, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		for _, word := range []string{"client transactions", "small-quorum\"", "by weight", "notarize\"", "copies lost", "I1: "} {
			text = strings.ReplaceAll(text, word, strings.Repeat("endless", 40)+evil+word)
		}
		text = strings.Replace(text, `"name": "seed-1-`+strings.Repeat("endless", 40)+evil+`small-quorum"`, `"name": "hostile"`, 1)
		if err := os.WriteFile(filepath.Join(to, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// startBrowser starts a headless Chromium for a test.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no Chromium; on Debian: apt-get install chromium")
		}
		t.Skip("there is no Chromium; on Debian: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path))
	if os.Geteuid() == 0 { // Chromium refuses its sandbox to root; what is opened is this project's own
		options = append(options, chromedp.NoSandbox)
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	browser, cancelBrowser := chromedp.NewContext(allocator)
	t.Cleanup(cancelBrowser)
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	return browser
}

// visit is one page in a tab of its own, and what the browser complains about meanwhile.
type visit struct {
	t    *testing.T
	open context.Context // as long as the tab
	tab  context.Context // as long as somebody waits for it
	url  string

	mu         sync.Mutex
	complaints []string
}

func newVisit(t *testing.T, browser context.Context, file string) *visit {
	t.Helper()
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	v := &visit{t: t, url: (&url.URL{Scheme: "file", Path: path}).String()}
	tab, cancel := chromedp.NewContext(browser, chromedp.WithListener(v.hear))
	t.Cleanup(cancel)
	v.open, v.tab = tab, tab
	v.do() // the tab lives as long as the context of this call
	v.within(patience)
	call(v, network.Enable, network.EnableParams{})
	return v
}

// within bounds what comes on the page from now on.
func (v *visit) within(d time.Duration) {
	tab, cancel := context.WithTimeout(v.open, d)
	v.t.Cleanup(cancel)
	v.tab = tab
}

// hear takes what the browser reports. It may not ask anything back here.
func (v *visit) hear(event any) {
	complain := func(format string, a ...any) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.complaints = append(v.complaints, fmt.Sprintf(format, a...))
	}
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if e.Request.URL != v.url && !strings.HasPrefix(e.Request.URL, "data:,") {
			complain("the page asks for %s", e.Request.URL)
		}
	case *runtime.EventExceptionThrown:
		complain("exception: %v", e.ExceptionDetails)
	case *runtime.EventConsoleAPICalled:
		complain("the page writes to the console: %s", e.Type)
	case *log.EventEntryAdded:
		complain("%s: %s", e.Entry.Level, e.Entry.Text)
	case *page.EventJavascriptDialogOpening:
		complain("a dialog opens: %s", e.Message)
	}
}

func (v *visit) do(actions ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	if err := chromedp.Do(v.tab, actions...); err != nil {
		v.t.Fatal(err)
	}
}

func run[T any](v *visit, action chromedp.Action[T]) T {
	v.t.Helper()
	x, err := chromedp.Run(v.tab, action)
	if err != nil {
		v.t.Fatal(err)
	}
	return x
}

func evaluate[T any](v *visit, expression string) T {
	v.t.Helper()
	return run(v, chromedp.Evaluate[T](expression))
}

func call[P, R any](v *visit, command cdp.Command[P, R], params P) R {
	v.t.Helper()
	x, err := chromedp.Call(v.tab, command, params)
	if err != nil {
		v.t.Fatal(err)
	}
	return x
}

// openPage opens a page in a colour scheme and at a width.
func openPage(t *testing.T, browser context.Context, file, scheme string, width int64) *visit {
	t.Helper()
	v := newVisit(t, browser, file)
	call(v, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 844, DeviceScaleFactor: 1, Mobile: width < 500})
	call(v, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	v.do(chromedp.Navigate(v.url), chromedp.WaitReady(chromedp.CSS("main")))
	background := evaluate[string](v, `getComputedStyle(document.body).backgroundColor`)
	var r, g, b int
	if _, err := fmt.Sscanf(background, "rgb(%d, %d, %d)", &r, &g, &b); err != nil || (r+g+b < 384) != (scheme == "dark") {
		t.Errorf("the background is %s in the %s scheme", background, scheme)
	}
	return v
}

// inspect asks the page's own geometry and names.
func (v *visit) inspect(when string) {
	v.t.Helper()
	for _, p := range evaluate[[]string](v, inspect) {
		v.t.Errorf("%s: %s", when, p)
	}
}

// keyboard walks with the tabulator key: to the skip link, and on to everything else that can be used.
func (v *visit) keyboard() {
	v.t.Helper()
	evaluate[any](v, `document.activeElement.blur(), scrollTo(0, 0), null`)
	v.do(chromedp.KeyEvent(kb.Tab))
	first := evaluate[string](v, `document.activeElement.className`)
	stops := evaluate[int](v, `[...document.querySelectorAll("a, button, summary, [tabindex]")].filter(e => e.tabIndex === 0 && e.checkVisibility()).length`)
	if first != "skip" {
		v.t.Errorf("the first stop is %q, want the skip link", first)
	}
	if stops < 4 {
		v.t.Errorf("only %d places can be reached by keyboard", stops)
	}
	v.do(chromedp.Click(chromedp.CSS(".command button")))
	run(v, chromedp.Poll[bool](`["Copied", "Selected"].includes(document.querySelector(".command button").textContent)`))
}

// print makes the pages that a printer would get.
func (v *visit) print() {
	v.t.Helper()
	background := true
	if pdf := call(v, page.PrintToPDF, page.PrintToPDFParams{PrintBackground: &background}).Data; len(pdf) < 10_000 {
		v.t.Errorf("%d bytes are printed", len(pdf))
	}
}

func (v *visit) screenshot(path string) {
	v.t.Helper()
	png := run(v, chromedp.FullScreenshot(100))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		v.t.Fatal(err)
	}
	if err := os.WriteFile(path, png, 0o644); err != nil {
		v.t.Fatal(err)
	}
}

// end fails the test for everything that the browser complained about.
func (v *visit) end() {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.complaints {
		v.t.Error(c)
	}
}
