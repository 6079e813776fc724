package dashboard

import (
	"strings"
	"testing"

	"quoin.dev/quoin/docs"
	"quoin.dev/quoin/observe/health"
)

// Every playbook that an alert names can be read on the node itself.
func TestPlaybooksAreServed(t *testing.T) {
	s, _ := serve(t, nil)
	r := ask(t, s, "GET", "/playbooks", "", nil, "")
	page := text(t, r)
	if r.StatusCode != 200 || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("%s: %s", r.Status, page)
	}
	for _, alert := range []string{health.ChainStalled, health.PluginFaults, health.DiskFull, health.FastBurn, health.ClockSkew} {
		_, id, _ := strings.Cut(health.Playbook(alert), "#")
		if !strings.Contains(page, `id="`+id+`"`) {
			t.Errorf("%s has no playbook %q on the page", alert, id)
		}
	}
	for _, line := range strings.Split(docs.Playbooks, "\n") {
		if command, ok := strings.CutPrefix(line, "    quoin "); ok && !strings.Contains(page, strings.NewReplacer(`"`, "&#34;", "<", "&lt;", ">", "&gt;", "'", "&#39;", "&", "&amp;").Replace(command)) {
			t.Errorf("the page lacks the command %q", command)
		}
	}
}

func TestRenderedMarkdown(t *testing.T) {
	got := string(rendered("## A *b* `c`\n\none **two** <three>\n[four](five.md)\n\n- x\n- y\n  z\n\n    a <b>\n      c\n\n    d\n"))
	want := "<h2 id=\"a-b-c\">A *b* <code>c</code></h2>\n<p>one <strong>two</strong> &lt;three&gt;\nfour</p>\n<ul><li>x</li><li>y\n  z</li></ul>\n<pre tabindex=\"0\">a &lt;b&gt;\n  c</pre>\n<pre tabindex=\"0\">d</pre>\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
