package metric

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// alertNames are what rules, health model, dashboard and playbooks share.
var alertNames = strings.Fields(`QuoinChainStalled QuoinNodeBehind QuoinNodeDown QuoinViewChangesHigh QuoinCertificationSlow QuoinPluginFaults
	QuoinPluginSlow QuoinShadowDiverges QuoinResultDiverged QuoinSplit QuoinDiskSlow QuoinDiskFull QuoinPeerUnreachable QuoinMempoolFull
	QuoinErrorBudgetFastBurn QuoinErrorBudgetSlowBurn QuoinObserver QuoinLogsDropped QuoinClockSkew`)

func readDeploy(t *testing.T, elements ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, elements...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// promtool runs Debian's promtool in deploy/prometheus.
func promtool(t *testing.T, input string, args ...string) string {
	t.Helper()
	binary, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no promtool: install Debian's package prometheus")
		}
		t.Skip("there is no promtool: install Debian's package prometheus")
	}
	cmd := exec.Command(binary, args...)
	cmd.Dir = filepath.Join("..", "..", "deploy", "prometheus")
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestPromtool: the rules are rules, their tests pass, and what a node serves breaks no convention.
func TestPromtool(t *testing.T) {
	t.Run("config", func(t *testing.T) { promtool(t, "", "check", "config", "prometheus.yml") })
	t.Run("rules", func(t *testing.T) {
		promtool(t, "", "check", "rules", "--lint", "all", "--lint-fatal", "quoin.rules.yml")
	})
	t.Run("tests", func(t *testing.T) {
		if os.Getenv("CI") != "true" && os.Getenv("QUOIN_E2E") == "" {
			t.Skip("set QUOIN_E2E=1: evaluates all rules some thousand times, in about ten seconds")
		}
		promtool(t, "", "test", "rules", "quoin.rules.test.yml", "quoin.rules.days.test.yml")
	})
	t.Run("metrics", func(t *testing.T) {
		m, _ := full(t)
		page, err := m.Handler().(*handler).page(variant{})
		if err != nil {
			t.Fatal(err)
		}
		var own bytes.Buffer // promtool dislikes names of the Go runtime's
		for line := range bytes.Lines(page) {
			if bytes.Contains(line, []byte("quoin_")) {
				own.Write(line)
			}
		}
		if out := promtool(t, own.String(), "check", "metrics"); strings.TrimSpace(out) != "" {
			t.Errorf("promtool check metrics says:\n%s", out)
		}
	})
	t.Run("planted", func(t *testing.T) {
		binary, err := exec.LookPath("promtool")
		if err != nil {
			t.Skip("there is no promtool")
		}
		cmd := exec.Command(binary, "check", "metrics")
		cmd.Stdin = strings.NewReader("# HELP quoin_bad_milliseconds x\n# TYPE quoin_bad_milliseconds counter\nquoin_bad_milliseconds 1\n")
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Errorf("promtool accepts a bad name, so that this test tells nothing: %s", out)
		}
	})
}

// alertRule is a rule of the file, read by its form: two spaces of indent a level.
type alertRule struct{ name, text string }

func alertRules(t *testing.T) (rules []alertRule) {
	t.Helper()
	for _, part := range strings.Split(readDeploy(t, "deploy", "prometheus", "quoin.rules.yml"), "\n      - ")[1:] {
		if name, text, ok := strings.Cut(part, "\n"); ok && strings.HasPrefix(name, "alert: ") {
			rules = append(rules, alertRule{strings.TrimPrefix(name, "alert: "), text})
		}
	}
	return rules
}

// TestAlerts: there is a rule for each name, with all that its reader needs, a place in the playbooks, and tests that
// it fires and that it stays silent.
func TestAlerts(t *testing.T) {
	tests := readDeploy(t, "deploy", "prometheus", "quoin.rules.test.yml") + readDeploy(t, "deploy", "prometheus", "quoin.rules.days.test.yml")
	playbooks := readDeploy(t, "docs", "playbooks.md")
	var found []string
	for _, r := range alertRules(t) {
		found = append(found, r.name)
		anchor := "docs/playbooks.md#" + strings.ToLower(r.name)
		if !regexp.MustCompile(`severity: (critical|warning|info)\b`).MatchString(r.text) {
			t.Errorf("%s has no severity", r.name)
		}
		for _, want := range []string{"summary: ", "description: ", "playbook: " + anchor + "\n"} {
			if !strings.Contains(r.text+"\n", want) {
				t.Errorf("%s has no %q", r.name, want)
			}
		}
		if !strings.Contains(playbooks, "\n### "+r.name+"\n") {
			t.Errorf("docs/playbooks.md has no section %s", r.name)
		}
		fires := regexp.MustCompile(`alertname: ` + r.name + `\n\s+eval_time: \S+\n\s+exp_alerts:\n\s+- exp_labels`)
		silent := regexp.MustCompile(`alertname: ` + r.name + `, eval_time: \S+, exp_alerts: \[\]`)
		if !fires.MatchString(tests) || !silent.MatchString(tests) {
			t.Errorf("%s: tested that it fires: %v, that it is silent: %v", r.name, fires.MatchString(tests), silent.MatchString(tests))
		}
	}
	slices.Sort(found)
	if want := slices.Sorted(slices.Values(alertNames)); !slices.Equal(found, want) {
		t.Errorf("the rules have\n%v, want\n%v", found, want)
	}
}

// served returns every name that a node serves, with those of histograms' parts, and what the rules record.
func served(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, f := range Families() {
		name := f.Prometheus()
		if f.Kind != Histogram {
			names[name] = true
			continue
		}
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			names[name+part] = true
		}
	}
	for _, r := range regexp.MustCompile(`(?m)- record: (\S+)$`).FindAllStringSubmatch(readDeploy(t, "deploy", "prometheus", "quoin.rules.yml"), -1) {
		names[r[1]] = true
	}
	return names
}

var usedNames = regexp.MustCompile(`\bquoin[_:][a-z0-9_:]+`)

// TestOnlyWhatIsServedIsAsked: rules, their tests and the page ask for nothing that no node has.
func TestOnlyWhatIsServedIsAsked(t *testing.T) {
	names := served(t)
	for _, file := range [][]string{{"deploy", "prometheus", "quoin.rules.yml"}, {"deploy", "prometheus", "quoin.rules.test.yml"}, {"docs", "metrics.md"}, {"docs", "playbooks.md"}} {
		text := readDeploy(t, file...)
		if file[1] == "metrics.md" {
			text, _, _ = strings.Cut(text, PageMark)
		}
		for _, name := range usedNames.FindAllString(text, -1) {
			if !names[name] && !names[name+"_bucket"] {
				t.Errorf("%s asks for %s, which nobody serves", strings.Join(file, "/"), name)
			}
		}
	}
}

// TestGrafana: the dashboard is one, asks only for what there is, and each panel says what it shows.
func TestGrafana(t *testing.T) {
	type panel struct {
		ID                       int
		Type, Title, Description string
		GridPos                  struct{ H, W, X, Y int }
		FieldConfig              struct{ Defaults struct{ Unit string } }
		Targets                  []struct{ Expr string }
	}
	var dashboard struct {
		Title       string
		Panels      []panel
		Annotations struct {
			List []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readDeploy(t, "deploy", "grafana", "quoin.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	names := served(t)
	ask := func(where, expression string) {
		found := usedNames.FindAllString(expression, -1)
		if len(found) == 0 && !strings.Contains(expression, "ALERTS{") && !strings.Contains(expression, "process_") && !strings.Contains(expression, "up{") {
			t.Errorf("%s asks for nothing: %q", where, expression)
		}
		for _, name := range found {
			if !names[name] {
				t.Errorf("%s asks for %s, which nobody serves", where, name)
			}
		}
	}
	ids, asked := map[int]bool{}, 0
	for _, p := range dashboard.Panels {
		if ids[p.ID] || p.Title == "" || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d, %q: its number, title or place is wrong", p.ID, p.Title)
		}
		ids[p.ID] = true
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("panel %q has no description, unit or question", p.Title)
		}
		for _, x := range p.Targets {
			asked++
			ask("panel "+p.Title, x.Expr)
		}
	}
	for _, a := range dashboard.Annotations.List {
		ask("an annotation", a.Expr)
	}
	if asked < 40 {
		t.Errorf("the dashboard asks %d questions", asked)
	}
}
