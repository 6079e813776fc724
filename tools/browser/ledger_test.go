package browser

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// devNet is a running `quoin dev` with its page.
type devNet struct {
	t     *testing.T
	quoin string
	dir   string
	page  string

	process *os.Process
}

func startNetwork(t *testing.T, flags ...string) *devNet {
	t.Helper()
	dir := t.TempDir()
	n := &devNet{t: t, quoin: program(t), dir: dir}
	t.Setenv("QUOIN_CONFIG_DIR", filepath.Join(dir, "context"))
	dev := exec.Command(n.quoin, append([]string{"dev", "-o", "json", "--listen", "127.0.0.1:0", "--dashboard", "127.0.0.1:0", "--data", filepath.Join(dir, "net")}, flags...)...)
	out, err := dev.StdoutPipe()
	if err == nil {
		err = dev.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = dev.Process.Signal(os.Interrupt)
		_ = dev.Wait()
	})
	var said struct{ Dashboard string }
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&said); err != nil || said.Dashboard == "" {
		t.Fatalf("quoin dev does not say where its page is: %v", err)
	}
	n.page, n.process = said.Dashboard, dev.Process
	return n
}

// run runs a command, which ends with the code.
func (n *devNet) run(code int, args ...string) {
	n.t.Helper()
	c := exec.Command(n.quoin, args...)
	if out, _ := c.CombinedOutput(); c.ProcessState.ExitCode() != code {
		n.t.Fatalf("quoin %s: exit code %d, want %d\n%s", strings.Join(args, " "), c.ProcessState.ExitCode(), code, out)
	}
}

// file returns a file of the network's folder, written by a command before.
func (n *devNet) file(name string) string {
	n.t.Helper()
	b, err := os.ReadFile(filepath.Join(n.dir, name))
	if err != nil {
		n.t.Fatal(err)
	}
	return string(b)
}

// changed returns a proof file with one bit of a field changed, in its canonical form.
func (n *devNet) changed(name, field string) string {
	n.t.Helper()
	file := n.file(name)
	var fields map[string]any
	if err := json.Unmarshal([]byte(file), &fields); err != nil {
		n.t.Fatal(err)
	}
	old, ok := fields[field].(string)
	if list, isList := fields[field].([]any); isList {
		old, ok = list[0].(string)
	}
	bad := strings.Replace(old, "height ", "height 1", 1)
	if b, err := base64.StdEncoding.DecodeString(old); err == nil && ok {
		b[len(b)/2] ^= 4
		bad = base64.StdEncoding.EncodeToString(b)
	}
	quoted, _ := json.Marshal(old)
	other, _ := json.Marshal(bad)
	if strings.Count(file, string(quoted)) != 1 || old == bad {
		n.t.Fatalf("%s has no field %s that can be changed", name, field)
	}
	return strings.Replace(file, string(quoted), string(other), 1)
}

// TestLedgerIsVerifiedInABrowser has a real browser accept what is genuine, and refuse what was changed:
// proof files from disk, and a node's answers. Then it signs a command with a key.
func TestLedgerIsVerifiedInABrowser(t *testing.T) {
	browser := startBrowser(t)
	n := startNetwork(t)
	path := func(name string) string { return filepath.Join(n.dir, name) }
	n.run(0, "tx", "put", "hello", "world", "--proof", path("entry.json"))
	n.run(0, "get", "hello", "--proof", path("value.json"))
	n.run(3, "get", "nothing", "--proof", path("absent.json"))
	n.run(0, "release", "propose", "--builtin", "weighted-random", "--hook", "leader.v1")

	v := n.visit(browser)
	v.shows(".ledger-body .verified", "signed by validator-")
	v.shows(".trust", "Trusted on first use: this genesis came from this node")
	for _, name := range []string{"entry.json", "value.json", "absent.json"} {
		v.drop(name, n.file(name))
		v.shows(".drop .verified", name+" is genuine")
	}
	for _, name := range []string{"entry.json", "value.json"} {
		for _, field := range []string{"value", "checkpoint", "signatures", "signers"} {
			v.drop(name, n.changed(name, field))
			v.shows(".drop .refusal", name+" proves nothing. Refused (proof)")
		}
	}
	v.lies()
	v.endServed(n.page)
	for _, part := range []func(*visit){(*visit).looks, func(v *visit) { v.signs(n) }, func(v *visit) { v.returns(n) }} {
		v := n.visit(browser)
		part(v)
		v.endServed(n.page)
	}
}

// visit opens the ledger in a tab of its own, which has a while of its own.
func (n *devNet) visit(browser context.Context) *visit {
	n.t.Helper()
	v := newVisit(n.t, browser, "ledger_test.go")
	v.do(chromedp.Navigate(n.page+"/#/ledger"), chromedp.WaitReady(chromedp.CSS(".ledger")))
	v.shows(".ledger-body .verified", "signed by")
	return v
}

// shows waits until an element of the page says something.
func (v *visit) shows(selector, text string) {
	v.t.Helper()
	script := fmt.Sprintf(`[...document.querySelectorAll(%q)].some((e) => e.textContent.includes(%q))`, selector, text)
	if _, err := chromedp.Run(v.tab, chromedp.Poll[bool](script)); err != nil {
		v.t.Fatalf("%s does not show %q but %q (%v)", selector, text, evaluate[string](v, `document.querySelector("main").innerText`), err)
	}
}

// drop drops a file where proof files are taken.
func (v *visit) drop(name, text string) {
	v.t.Helper()
	evaluate[any](v, fmt.Sprintf(`(() => {
		const d = new DataTransfer();
		d.items.add(new File([%q], %q));
		document.querySelector(".drop [role=status]").replaceChildren();
		document.querySelector(".drop").dispatchEvent(new DragEvent("drop", { dataTransfer: d, bubbles: true, cancelable: true }));
	})()`, text, name))
}

// lies changes a node's answers on their way into the page.
func (v *visit) lies() {
	v.t.Helper()
	evaluate[any](v, `(() => {
		const ask = fetch;
		globalThis.other = (s) => { const b = [...atob(s)]; b[b.length >> 1] = String.fromCharCode(b[b.length >> 1].charCodeAt(0) ^ 4); return btoa(b.join("")); };
		globalThis.fetch = async (url, options) => {
			const answer = await ask(url, options);
			if (!globalThis.lie || !String(url).endsWith("/GetTransaction")) return answer;
			const m = await answer.json();
			globalThis.lie(m);
			return new Response(JSON.stringify(m), { headers: { "Content-Type": "application/json" } });
		};
	})()`)
	for place, lie := range map[string]string{
		"entry":      `m.receipt.entry = other(m.receipt.entry)`,
		"path":       `m.receipt.path = other(m.receipt.path || "A".repeat(43) + "=")`,
		"checkpoint": `m.certificate.checkpoint = m.certificate.checkpoint.replace("\nview ", "\nview 1")`,
		"signature":  `m.certificate.signatures[0] = other(m.certificate.signatures[0])`,
		"signers":    `m.certificate.signers = "Aw=="; m.certificate.signatures.length = 2`,
	} {
		v.turn("#/ledger")
		v.shows(".ledger-body .verified", "signed by")
		evaluate[any](v, fmt.Sprintf(`globalThis.lie = (m) => { %s; }, null`, lie))
		v.turn("#/ledger/entry/0")
		v.shows(".ledger-body .refusal", "Refused (proof)")
		if evaluate[bool](v, `document.querySelector(".ledger-body .verified") !== null`) {
			v.t.Errorf("another %s is shown as verified", place)
		}
		evaluate[any](v, `globalThis.lie = null`)
	}
	v.turn("#/ledger/transaction/0")
	v.turn("#/ledger/entry/0")
	v.shows(".ledger-body .verified", "signed by")
}

// looks inspects the views in both colour schemes and two widths, and keeps what they look like.
func (v *visit) looks() {
	v.t.Helper()
	for _, hash := range []string{"#/ledger", "#/ledger/block/1", "#/ledger/entry/0", "#/ledger/key/kv/hello", "#/ledger/sign/rollback/leader.v1"} {
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{1280, 390} {
				v.resize(scheme, width)
				v.turn(hash)
				if strings.Contains(hash, "sign") {
					v.shows(".sign", "Sign a command")
				} else {
					v.shows(".ledger-body .verified", "signed by")
				}
				name := strings.ReplaceAll(strings.TrimPrefix(hash, "#/"), "/", "-")
				for _, problem := range evaluate[[]string](v, inspect) {
					if problem != "no picture is shown" && !strings.HasPrefix(problem, "leads nowhere: ") { // routes are no places of the page
						v.t.Errorf("%s, %s, %d: %s", name, scheme, width, problem)
					}
				}
				if *screenshots != "" {
					v.screenshot(filepath.Join(*screenshots, fmt.Sprintf("%s-%s-%d.png", name, scheme, width)))
				}
			}
		}
	}
}

func (v *visit) resize(scheme string, width int64) {
	v.t.Helper()
	call(v, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 844, DeviceScaleFactor: 1, Mobile: width < 500})
	call(v, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}, // so that colours do not fade
	}})
}

// returns comes back to a ledger that grew, and to one that is said to have been another.
func (v *visit) returns(n *devNet) {
	v.t.Helper()
	n.run(0, "tx", "put", "more", "of-it")
	v.turn("#/ledger/")
	v.shows(".ledger-body .fine", "It extends the ledger that this browser verified")
	evaluate[any](v, `(() => {
		const seen = JSON.parse(localStorage.getItem("quoin-seen"));
		seen.ledger = "00" + seen.ledger.slice(2);
		localStorage.setItem("quoin-seen", JSON.stringify(seen));
	})()`)
	v.turn("#/ledger")
	v.shows(".ledger-body .refusal", "Refused (fork): It does not extend the ledger")
	evaluate[any](v, `[...document.querySelectorAll(".trust button")].find((b) => b.textContent === "Forget it").click()`)
	v.shows(".ledger-body .verified", "signed by")
}

// turn goes to another view of the page.
func (v *visit) turn(hash string) {
	v.t.Helper()
	evaluate[any](v, fmt.Sprintf(`location.hash = %q`, hash))
}

// signs vetoes a proposal as a validator, with its key file.
func (v *visit) signs(n *devNet) {
	v.t.Helper()
	v.turn("#/ledger/sign/veto/1")
	v.shows(".sign", "Sign a command")
	evaluate[any](v, fmt.Sprintf(`(() => {
		const d = new DataTransfer(), input = document.querySelector("#sign-key");
		d.items.add(new File([%q], "node.key"));
		input.files = d.files;
		input.dispatchEvent(new Event("change"));
	})()`, n.file("net/validator-2/node.key")))
	v.shows(".signing", "It signs as")
	evaluate[any](v, `document.querySelector("#sign-note").value = "not now", document.querySelector(".signing button[type=submit]").click()`)
	v.shows(".plan .words", "veto proposal 1")
	v.shows(".plan", "validator validator-2 of weight 1")
	evaluate[any](v, `document.querySelector(".plan .primary").click()`)
	v.shows(".plan", "Its receipt was verified here in your browser")
	n.run(0, "release", "show", "1")
}

// endServed is end for a page that asks its own server.
func (v *visit) endServed(page string) {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.complaints {
		if !strings.HasPrefix(c, "the page asks for "+page+"/") {
			v.t.Error(c)
		}
	}
}
