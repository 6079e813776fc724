package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"quoin.dev/quoin/observe/metric"
	"quoin.dev/quoin/plugin"
	"quoin.dev/quoin/plugin/hostile"
)

const (
	prometheusHost     = "127.31.7.7" // of the network, where no other one runs
	prometheusPatience = 40 * time.Second
	// blocksAsleep is the view of an epoch from which on the plugin of this test faults.
	blocksAsleep = 12
)

// TestPrometheus: a real Prometheus scrapes a real network under the rules of deploy/. While all is well no
// alert holds; each trouble raises its own, and when the trouble is over they end.
func TestPrometheus(t *testing.T) {
	if os.Getenv("QUOIN_E2E") == "" {
		t.Skip("set QUOIN_E2E=1: takes a minute")
	}
	w := watchNetwork(t)
	p := w.network

	w.await("all nodes are up, and Prometheus has looked twice", func() bool {
		return w.ask(`count(up == 1)`) == float64(len(p.nodes)) && w.ask(`min(count_over_time(up[1m]))`) >= 2 && w.ask(`max(quoin_mempool_inclusion_duration_seconds_count)`) > 0
	})
	w.checkNames()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if firing := w.firing(); len(firing) > 0 {
			t.Fatalf("the network is well, and there is an alarm: %v", firing)
		}
	}
	w.checkRules()

	p.quoin("fault", "slow-disk", validatorName(0), "--by", "300ms", "--for", "15s")
	w.awaitAlert("QuoinDiskSlow", "instance", w.target(0))

	w.fault()
	w.awaitAlert("QuoinPluginFaults", "slot", "leader.v1")

	p.kill(3)
	w.awaitAlert("QuoinNodeDown", "instance", w.target(3))
	w.awaitAlert("QuoinPeerUnreachable", "peer", validatorName(3))

	p.kill(2)
	w.awaitAlert("QuoinChainStalled", "job", "quoin")

	p.start(2)
	p.start(3)
	w.await("what was caused by their absence ends", func() bool {
		return !slices.ContainsFunc(w.firing(), func(a map[string]string) bool {
			return slices.Contains([]string{"QuoinNodeDown", "QuoinPeerUnreachable", "QuoinChainStalled"}, a["alertname"])
		})
	})
	w.checkRules()
}

// watched is a network under load that a Prometheus watches.
type watched struct {
	t       *testing.T
	network *processes
	url     string
}

func watchNetwork(t *testing.T) *watched {
	t.Helper()
	binary, err := exec.LookPath("prometheus")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no prometheus: install Debian's package prometheus")
		}
		t.Skip("there is no prometheus: install Debian's package prometheus")
	}
	w := &watched{t: t, network: startProcesses(t, prometheusHost, "--parameter", "heartbeat_ms=1000", "--parameter", "timeout_base_ms=250", "--parameter", "timeout_max_ms=1000")}
	for i := range w.network.nodes {
		w.network.await(i, 0, time.Minute)
	}
	w.background(w.network.command("tx", "load", "updates", "--rate", "20", "--clients", "4", "--records", "10", "--value-bytes", "10", "--seconds", "300"))

	dir, address := t.TempDir(), freeAddress(t)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("quoin.rules.yml", hasty(t))
	var targets []string
	for i := range w.network.nodes {
		targets = append(targets, w.target(i))
	}
	write("prometheus.yml", fmt.Sprintf("global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}\nrule_files: [quoin.rules.yml]\nscrape_configs:\n"+
		"  - job_name: quoin\n    static_configs: [{targets: [%s]}]\n", strings.Join(targets, ", ")))
	w.url = "http://" + address
	w.background(exec.Command(binary, "--config.file", filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", address, "--log.level", "error"))
	return w
}

// background runs a command until the test ends.
func (w *watched) background(cmd *exec.Cmd) {
	w.t.Helper()
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(prometheusHost, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// hasty returns the rules as they are, but that nothing has to hold for minutes before it is told.
func hasty(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "deploy", "prometheus", "quoin.rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(?m)^(\s+for): \S+$`).ReplaceAllString(string(b), "$1: 1s")
	return strings.ReplaceAll(text, "[30s]", "[3s]")
}

func (w *watched) target(i int) string { return fmt.Sprintf("%s:%d", prometheusHost, dashboardPort+i) }

// get asks Prometheus' API. It returns false if there is no answer.
func (w *watched) get(path string, answer any) bool {
	r, err := http.Get(w.url + path)
	if err != nil {
		return false
	}
	defer r.Body.Close()
	return r.StatusCode == http.StatusOK && json.NewDecoder(r.Body).Decode(answer) == nil
}

// ask returns the value of an expression; -1 if it has none.
func (w *watched) ask(expression string) float64 {
	var answer struct {
		Data struct {
			Result []struct{ Value [2]json.RawMessage }
		}
	}
	v := -1.0
	if w.get("/api/v1/query?query="+url.QueryEscape(expression), &answer) && len(answer.Data.Result) == 1 {
		_, _ = fmt.Sscanf(string(answer.Data.Result[0].Value[1]), `"%g"`, &v)
	}
	return v
}

// firing returns the labels of the alerts that fire.
func (w *watched) firing() (alerts []map[string]string) {
	var answer struct {
		Data struct {
			Alerts []struct {
				Labels map[string]string
				State  string
			}
		}
	}
	if !w.get("/api/v1/alerts", &answer) {
		w.t.Fatal("Prometheus does not say which alerts there are")
	}
	for _, a := range answer.Data.Alerts {
		if a.State == "firing" {
			alerts = append(alerts, a.Labels)
		}
	}
	return alerts
}

func (w *watched) await(what string, holds func() bool) {
	w.t.Helper()
	began := time.Now()
	for !holds() {
		if time.Since(began) > prometheusPatience {
			w.t.Fatalf("after %v: it is not so that %s; alerts: %v", prometheusPatience, what, w.firing())
		}
		time.Sleep(200 * time.Millisecond)
	}
	w.t.Logf("%s, after %v", what, time.Since(began).Round(100*time.Millisecond))
}

// awaitAlert waits until an alert fires that has a label.
func (w *watched) awaitAlert(name, label, value string) {
	w.t.Helper()
	w.await(name+" fires for "+value, func() bool {
		return slices.ContainsFunc(w.firing(), func(a map[string]string) bool { return a["alertname"] == name && a[label] == value })
	})
}

// checkNames: Prometheus took in what the table promises of a node to which nothing special has happened.
func (w *watched) checkNames() {
	w.t.Helper()
	var answer struct{ Data []string }
	if !w.get("/api/v1/label/__name__/values", &answer) {
		w.t.Fatal("Prometheus does not say what it knows")
	}
	missing := 0
	for _, f := range metric.Families() {
		name := f.Prometheus()
		if f.Kind == metric.Histogram {
			name += "_bucket"
		}
		if !slices.Contains(answer.Data, name) {
			missing++
			w.t.Logf("%s is not there (yet)", name)
		}
	}
	if missing > len(metric.Families())/4 {
		w.t.Errorf("%d of %d families are not there", missing, len(metric.Families()))
	}
}

// checkRules: every rule was evaluated without an error, and all targets are scraped without one.
func (w *watched) checkRules() {
	w.t.Helper()
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	if !w.get("/api/v1/rules", &rules) {
		w.t.Fatal("Prometheus does not say which rules it has")
	}
	n := 0
	for _, g := range rules.Data.Groups {
		for _, r := range g.Rules {
			if n++; r.Health != "ok" {
				w.t.Errorf("rule %s is %s: %s", r.Name, r.Health, r.LastError)
			}
		}
	}
	if n < 30 {
		w.t.Errorf("Prometheus has %d rules", n)
	}
}

// fault puts a leader on trial that faults after some views.
func (w *watched) fault() {
	w.t.Helper()
	f, ok := hostile.Find(hostile.ReleaseSleeper)
	if !ok {
		w.t.Fatal("there is no such plugin")
	}
	author, err := readKey(keyPath(w.network.dir, roleAuthor))
	if err != nil {
		w.t.Fatal(err)
	}
	file, err := plugin.Sign(f.Release(publicOf(author)), author)
	if err != nil {
		w.t.Fatal(err)
	}
	path := filepath.Join(w.t.TempDir(), "sleeper.wasm")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		w.t.Fatal(err)
	}
	p := w.network
	p.quoin("release", "propose", path, "--hook", "leader.v1", "--trial", "400", "--params", fmt.Sprintf("0x%02x00000000000000", blocksAsleep))
	p.quoin("release", "approve", "1", "--as", roleApprover)
	p.quoin("release", "approve", "1", "--as", roleApprover2)
	p.quoin("release", "schedule", "1")
}
