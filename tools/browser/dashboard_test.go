package browser

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

var minute = flag.Bool("minute", false, "fail if the demo has not shown all acts within a minute: for machines that have nothing else to do")

// demoWithin is how long the demo may take where much else goes on.
const demoWithin = 4 * time.Minute

// acts are what the page explains of each act, in their order, and the marks that the page makes by itself.
var acts = [][]string{
	{"Fault injected", "A leader crashes", " is silent", " has recovered", " is back"},
	{"A bad plugin is approved", "The bad plugin serves", "Leader election faulted", "The bad plugin is contained", " is quarantined"},
	{"A candidate runs in the shadow", "The shadow is compared"},
	{"An activation is scheduled", "Activated at its height"},
	{"Rolled back"},
}

// TestDashboard opens the page of the network that the README tells newcomers to start. While it shows what
// happens, all views are looked at in both colour schemes and two widths.
func TestDashboard(t *testing.T) {
	browser := startBrowser(t)
	n := startNetwork(t, "--load", "500", "--faults", "demo")
	ready := time.Now()
	t.Run("while it plays", func(t *testing.T) {
		t.Run("acts", func(t *testing.T) {
			t.Parallel()
			n.acts(t, browser, ready)
		})
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{1280, 390} {
				t.Run(fmt.Sprintf("views/%s/%d", scheme, width), func(t *testing.T) {
					t.Parallel()
					n.views(t, browser, scheme, width)
				})
			}
		}
	})
	t.Run("approves", func(t *testing.T) { n.approves(t, browser) })
	t.Run("without script", func(t *testing.T) { n.withoutScript(t, browser) })
	t.Run("pauses and breaks", func(t *testing.T) {
		v := n.open(t, browser, "#/", "light", 1280)
		v.keys()
		v.pauses()
		v.endServed(n.page)
		v.breaks(n)
	})
}

// acts watches the overview until every act is marked and explained.
func (n *devNet) acts(t *testing.T, browser context.Context, ready time.Time) {
	v := n.open(t, browser, "#/", "light", 1280)
	for i, act := range acts {
		for _, title := range act {
			explained := fmt.Sprintf(`[...document.querySelectorAll(".marks li")].some(li => li.querySelector("b").textContent.includes(%q) && li.querySelector(".text").textContent.length > 20)`, title)
			for !evaluate[bool](v, explained) {
				if time.Since(ready) > demoWithin {
					t.Fatalf("%s after the network was ready the page does not explain %q, of act %d, but:\n%s", demoWithin, title, i+1, evaluate[string](v, `document.querySelector(".marks").innerText`))
				}
				time.Sleep(100 * time.Millisecond)
			}
		}
		t.Logf("act %d: explained %s after the network was ready", i+1, time.Since(ready).Round(100*time.Millisecond))
	}
	if took := time.Since(ready); *minute && took > time.Minute {
		t.Errorf("a newcomer waits %s for what the README promises within a minute", took.Round(time.Second))
	}
	if flags := evaluate[int](v, `document.querySelectorAll(".flag").length`); flags < 4*len(acts) {
		t.Errorf("%d marks on four charts", flags)
	}
	v.shot("acts", "light", 1280)
	v.endServed(n.page)
}

// routes are the views, each with a text that it has once it is whole.
var routes = []struct{ name, route, whole string }{
	{"overview", "#/", "A leader crashes"},
	{"consensus", "#/consensus", "validator-4"},
	{"plugins", "#/plugins", "leader.v1"},
	{"releases", "#/releases", "release-sleeper"},
	{"release", "#/releases/1", "release-sleeper"},
	{"ledger", "#/ledger", "Newest blocks"},
	{"block", "#/ledger/block/42", "Verified here in your browser"},
	{"entry", "#/ledger/entry/17", "Verified here in your browser"},
	{"key", "#/ledger/key/kv/nobody", "It is not there"},
	{"sign", "#/ledger/sign/approve/1", "Show what will be signed"},
	{"lab", "#/lab", "quoin lab"},
	{"alerts", "#/alerts", "Error budgets"},
}

// viewWithin is how long a view may take to be whole. The first release comes a while after the first view.
const viewWithin = 2 * time.Minute

// views walks through all views in one scheme at one width.
func (n *devNet) views(t *testing.T, browser context.Context, scheme string, width int64) {
	v := n.open(t, browser, "#/", scheme, width)
	for _, r := range routes {
		v.turn(r.route)
		if !v.says(r.whole, viewWithin) {
			t.Errorf("%s does not say %q but:\n%.2000s", r.name, r.whole, v.text())
		}
		v.inspect(r.name)
		v.names(r.name)
		if scheme == "light" {
			v.tabs(r.name)
			v.steady(r.name)
		}
		v.shot(r.name, scheme, width)
	}
	v.endServed(n.page)
}

// open opens a view of the page.
func (n *devNet) open(t *testing.T, browser context.Context, route, scheme string, width int64) *visit {
	t.Helper()
	v := newVisit(t, browser, "dashboard_test.go")
	v.resize(scheme, width)
	v.do(chromedp.Navigate(n.page+"/"+route), chromedp.WaitReady(chromedp.CSS("main h1")))
	return v
}

func (v *visit) text() string { return evaluate[string](v, `document.body.innerText`) }

// says waits until the page shows a text.
func (v *visit) says(text string, within time.Duration) bool {
	v.t.Helper()
	for end := time.Now().Add(within); !strings.Contains(v.text(), text); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// shot keeps what the page looks like, where that is asked for.
func (v *visit) shot(name, scheme string, width int64) {
	if *screenshots != "" {
		evaluate[any](v, `scrollTo(0, 0), null`)
		v.screenshot(filepath.Join(*screenshots, fmt.Sprintf("page-%s-%s-%d.png", name, scheme, width)))
	}
}

// named are the roles that nobody can use, or see, without a name.
var named = []string{"button", "link", "textbox", "searchbox", "combobox", "listbox", "option", "checkbox", "radio", "switch", "slider", "spinbutton", "tab", "menuitem",
	"DisclosureTriangle", "region", "img", "dialog", "navigation"}

// names checks the tree that screen readers get.
func (v *visit) names(where string) {
	v.t.Helper()
	text := func(x *accessibility.Value) string {
		if x == nil {
			return ""
		}
		return strings.TrimSpace(strings.Trim(string(x.Value), `"`))
	}
	found := 0
	for _, n := range call(v, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if role := text(n.Role); !n.Ignored && slices.Contains(named, role) {
			if found++; text(n.Name) == "" {
				v.t.Errorf("%s: a %s has no name", where, role)
			}
		}
	}
	if found < 8 {
		v.t.Errorf("%s: only %d things have a role: is that a page?", where, found)
	}
}

// tabsMax is more than the places that a view has.
const tabsMax = 300

// tabs walks through the page with the tabulator key. Everything that can be used must be met, and be seen to be.
func (v *visit) tabs(where string) {
	v.t.Helper()
	evaluate[any](v, `document.body.tabIndex = -1, document.body.focus(), document.body.removeAttribute("tabindex"), scrollTo(0, 0), globalThis.met = new Set(), globalThis.unseen = [], globalThis.first = null,
		globalThis.usable = () => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")].filter(e => e.tabIndex >= 0 && !e.disabled && e.checkVisibility({ visibilityProperty: true })),
		globalThis.before = new Set(usable()), null`)
	for range tabsMax {
		v.do(chromedp.KeyEvent(kb.Tab))
		if evaluate[bool](v, `(() => {
			const e = document.activeElement, s = getComputedStyle(e);
			if (met.size === 0 && e !== document.body) globalThis.first = e;
			if (e === document.body || met.has(e)) return met.size > 1 && e === first; // news may set the reader back
			met.add(e);
			const bold = e.ownerSVGElement && [...e.children].some(c => parseFloat(getComputedStyle(c).strokeWidth) >= 2);
			if ((s.outlineStyle === "none" || parseFloat(s.outlineWidth) === 0) && !bold) unseen.push(e.outerHTML.slice(0, 100));
			return false;
		})()`) {
			break
		}
	}
	// What came while the keyboard was elsewhere is not missed.
	for _, e := range evaluate[[]string](v, `usable().filter(e => before.has(e) && !met.has(e)).map(e => e.outerHTML.slice(0, 100))`) {
		v.t.Errorf("%s: the keyboard does not reach %s", where, e)
	}
	for _, e := range evaluate[[]string](v, `unseen`) {
		v.t.Errorf("%s: nothing shows that the keyboard is at %s", where, e)
	}
}

// steady checks that what the reader is at stays there while the page is told of news. Now and then what is shown
// changes altogether, such as a release's stage; not each time.
func (v *visit) steady(where string) {
	v.t.Helper()
	for range 3 {
		if v.staysPut() {
			return
		}
	}
	v.t.Errorf("%s: what the keyboard is at goes away when news come", where)
}

func (v *visit) staysPut() bool {
	evaluate[any](v, `globalThis.reader = ["summary", "button", "[tabindex]", "a"].flatMap(s => [...document.querySelectorAll("main " + s)]).find(e => e.checkVisibility()), reader.focus(), null`)
	time.Sleep(1200 * time.Millisecond)
	return evaluate[bool](v, `document.activeElement === reader`)
}

// approves signs an approval with a key that the page reads from a file, and asks the ledger.
func (n *devNet) approves(t *testing.T, browser context.Context) {
	ask := func(into any, args ...string) {
		t.Helper()
		out, err := exec.Command(n.quoin, append(args, "--output", "json")...).Output()
		if err == nil {
			err = json.Unmarshal(out, into)
		}
		if err != nil {
			t.Fatalf("quoin %s: %v", strings.Join(args, " "), err)
		}
	}
	var told struct{ Proposal int }
	ask(&told, "release", "propose", "--parameter", "heartbeat_ms=5000", "--note", "fewer empty blocks")
	number := fmt.Sprint(told.Proposal)
	approvals := func() int {
		var shown struct{ Tally struct{ Approvals int } }
		ask(&shown, "release", "show", number)
		return shown.Tally.Approvals
	}
	n.run(0, "release", "approve", number, "--as", "approver-2") // which waits until it is checked
	before := approvals()
	v := n.open(t, browser, "#/ledger/sign/approve/"+number, "light", 1280)
	v.do(chromedp.WaitReady(chromedp.CSS("#sign-key")), chromedp.SetUploadFiles(chromedp.CSS("#sign-key"), []string{filepath.Join(n.dir, "net", "keys", "approver-1.key")}))
	v.shows(".signing", "It signs as")
	v.do(chromedp.Click(chromedp.CSS(".signing button[type=submit]")))
	v.shows(".plan", "member approver-1 of org-1")
	v.shot("sign-plan", "light", 1280)
	v.do(chromedp.Click(chromedp.CSS(".plan .primary")))
	v.shows(".plan", "Done.")
	v.shot("sign-done", "light", 1280)
	if after := approvals(); before != 1 || after != 2 {
		t.Errorf("the ledger counts %d approvals before and %d after, want 1 and 2", before, after)
	}
	v.endServed(n.page)
}

// withoutScript checks that the page says what it needs.
func (n *devNet) withoutScript(t *testing.T, browser context.Context) {
	v := newVisit(t, browser, "dashboard_test.go")
	call(v, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	v.do(chromedp.Navigate(n.page + "/"))
	if text := v.text(); !strings.Contains(text, "needs JavaScript") || !strings.Contains(text, "quoin status") {
		t.Errorf("without scripts the page says %q", text)
	}
	v.endServed(n.page)
}

// keys uses what has keys of its own.
func (v *visit) keys() {
	v.t.Helper()
	v.do(chromedp.KeyEvent(kb.Tab))
	if first := evaluate[string](v, `document.activeElement.className`); first != "skip" {
		v.t.Errorf("the first stop is %q, want the skip link", first)
	}
	v.turn("#/consensus")
	v.shows(".lanes", "validator-1")
	evaluate[any](v, `document.querySelector(".lanes").focus(), null`)
	v.do(chromedp.KeyEvent(kb.End), chromedp.KeyEvent(kb.ArrowLeft))
	before := evaluate[string](v, `document.querySelector(".lanes").getAttribute("aria-valuetext")`)
	v.do(chromedp.KeyEvent(kb.ArrowLeft))
	if after := evaluate[string](v, `document.querySelector(".lanes").getAttribute("aria-valuetext")`); after == before || !strings.HasPrefix(after, "View ") {
		v.t.Errorf("the arrow keys choose %q, then %q", before, after)
	}
	v.turn("#/")
	v.shows(".overview", "Over time")
	run(v, chromedp.Poll[bool](`document.querySelector(".flag[tabindex='0']") !== null`))
	evaluate[any](v, `document.querySelector(".flag[tabindex='0']").focus(), null`)
	if !evaluate[bool](v, `[...document.querySelectorAll(".tip")].some((tip) => !tip.hidden && tip.textContent.length > 20)`) {
		v.t.Error("a mark that is reached by keyboard says nothing")
	}
}

// pauses wants nothing to move while the page is paused, and everything after.
func (v *visit) pauses() {
	v.t.Helper()
	const height = `document.querySelector(".tile .value").textContent`
	v.do(chromedp.Click(chromedp.CSS("#pause")))
	v.shows("#state", "Paused")
	before := evaluate[string](v, height)
	time.Sleep(2 * time.Second)
	if after := evaluate[string](v, height); after != before {
		v.t.Errorf("while paused the height goes from %s to %s", before, after)
	}
	v.do(chromedp.Click(chromedp.CSS("#pause")))
	run(v, chromedp.Poll[bool](fmt.Sprintf("%s !== %q", height, before)))
}

// breaks stops the node: the page says so, and keeps what it knows.
func (v *visit) breaks(n *devNet) {
	v.t.Helper()
	if err := n.process.Signal(os.Interrupt); err != nil {
		v.t.Fatal(err)
	}
	v.shows("#banner", "trying again")
	v.shows("#state", "Not connected")
	if evaluate[string](v, `document.querySelector(".tile .value").textContent`) == "–" {
		v.t.Error("the page forgets what it knew")
	}
}
