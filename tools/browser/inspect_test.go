package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestInspectionSees opens pages that are wrong in one way each.
func TestInspectionSees(t *testing.T) {
	browser := startBrowser(t)
	const picture = `<svg viewBox="0 0 300 100" width="300" height="100" role="img" aria-labelledby="t d"><title id="t">a</title><desc id="d">b</desc>`
	good := `<!DOCTYPE html><html lang="en"><title>x</title><body><h1>one</h1>` + picture + `<text x="10" y="50">here</text></svg></body></html>`
	pages := map[string]struct{ old, new, want string }{
		"good":           {"", "", ""},
		"too wide":       {"</body>", `<p style="width:2000px">wide</p></body>`, "pixels wide"},
		"touching":       {"</svg>", `<text x="14" y="52">there</text></svg>`, "touch:"},
		"leaving":        {`x="10"`, `x="290"`, "leaves its picture"},
		"nameless":       {`aria-labelledby="t d"`, ``, "has no name"},
		"no picture":     {`<svg`, `<svg hidden style="display:none"`, "no picture"},
		"skipped level":  {"</h1>", "</h1><h3>three</h3>", "skips a level"},
		"pale":           {"</h1>", `</h1><p style="color:#999">pale</p>`, "contrast"},
		"pale picture":   {`<text `, `<text fill="#aaa" `, "contrast"},
		"twice the same": {"</h1>", `</h1><i id="t"></i>`, "two elements"},
		"no label":       {"</h1>", `</h1><input>`, "no label"},
		"leads nowhere":  {"</h1>", `</h1><a href="#nowhere">go</a>`, "leads nowhere"},
	}
	dir := t.TempDir()
	for name, p := range pages {
		file := filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".html")
		if err := os.WriteFile(file, []byte(strings.Replace(good, p.old, p.new, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		v := newVisit(t, browser, file)
		v.do(chromedp.Navigate(v.url))
		problems := strings.Join(evaluate[[]string](v, inspect), "\n")
		if p.want == "" && problems != "" || !strings.Contains(problems, p.want) {
			t.Errorf("%s: %q, want %q", name, problems, p.want)
		}
	}
}

// TestComplaintsAreHeard opens a page that asks for things and breaks.
func TestComplaintsAreHeard(t *testing.T) {
	browser := startBrowser(t)
	file := filepath.Join(t.TempDir(), "loud.html")
	if err := os.WriteFile(file, []byte(`<!DOCTYPE html><img src="other.png"><script>console.log("hello"); throw new Error("boom")</script>`), 0o644); err != nil {
		t.Fatal(err)
	}
	v := newVisit(t, browser, file)
	v.do(chromedp.Navigate(v.url))
	v.mu.Lock()
	defer v.mu.Unlock()
	heard := strings.Join(v.complaints, "\n")
	for _, want := range []string{"asks for file:", "console", "exception"} {
		if !strings.Contains(heard, want) {
			t.Errorf("heard %q, not %q", heard, want)
		}
	}
}
