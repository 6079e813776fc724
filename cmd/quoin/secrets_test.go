package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"quoin.dev/quoin/observe/logs"
	"quoin.dev/quoin/plugin/hostile"
)

// secret is something that no log, trace or metric may say.
type secret struct {
	name  string
	bytes []byte
}

// marked returns a text that stands nowhere else.
func marked(name string) secret { return secret{name, []byte("Zq7" + name + "MarkedSecretX9")} }

func (s secret) text() string { return string(s.bytes) }

// forms are the ways in which programs write bytes: as they are, in hexadecimal, in base64 wherever they begin, and
// as Go prints them.
func (s secret) forms() [][]byte {
	digits := hex.EncodeToString(s.bytes)
	forms := [][]byte{s.bytes, []byte(digits), []byte(strings.ToUpper(digits))}
	for _, separator := range []string{" ", ",", ", "} {
		forms = append(forms, []byte(strings.Trim(strings.ReplaceAll(fmt.Sprint(s.bytes), " ", separator), "[]")))
	}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for begin := range 3 {
			whole := encoding.EncodeToString(append(make([]byte, begin), s.bytes...))
			// The first characters and the last depend on the bytes around.
			forms = append(forms, []byte(whole[(begin*8+5)/6:len(whole)-1]))
		}
	}
	return forms
}

// tellsOf lists the secrets that a text tells, and how.
func tellsOf(text []byte, secrets []secret) (list []string) {
	for _, s := range secrets {
		for i, form := range s.forms() {
			if at := bytes.Index(text, form); at >= 0 {
				list = append(list, fmt.Sprintf("%s, in form %d: %.200q", s.name, i, text[max(0, at-80):]))
			}
		}
	}
	return list
}

// TestNoSecretIsTold runs a network in which everything that somebody might not want to be known is marked, with all that
// looks on at it, and finds none of it in logs, traces and metrics.
func TestNoSecretIsTold(t *testing.T) {
	x := newMarkedNet(t)
	key, value, payload, note, parameters, visitor := marked("Key"), marked("Value"), marked("Payload"), marked("Note"), marked("Parameters"), marked("Visitor")
	secrets := append(x.keys(), key, value, payload, note, parameters, visitor)

	out := x.quoin("tx", "put", key.text(), value.text())
	x.quoin("get", key.text())
	x.fails("tx", "send", "kv", hex.EncodeToString(payload.bytes))
	x.fails("tx", "send", "kv", "ff"+hex.EncodeToString(payload.bytes))
	x.fails("tx", "send", "nobody", hex.EncodeToString(payload.bytes))
	x.fixture("leader-trap", "trap.wasm")
	x.quoin("plugin", "sign", "trap.wasm")
	x.quoin("release", "propose", "trap.wasm", "--params", parameters.text(), "--note", note.text())
	x.quoin("release", "propose", "--builtin", "adaptive", "--hook", "pacemaker.v1", "--params", parameters.text(), "--note", note.text())
	x.quoin("release", "approve", "2", "--as", "approver-1", "--note", note.text())
	x.quoin("release", "veto", "2", "--as", "validator-2", "--note", note.text())
	x.quoin("fault", "delay", "validator-3", "--by", "5ms", "--for", "2s", "--note", note.text())
	x.visit(visitor)
	x.quoin("tx", "put", "something", "else")
	x.await("precheck-failed") // for the plugin traps, with its parameters before it
	metrics := x.scrape()
	log := x.stop()
	traces := x.traces()

	// What was looked at is there: the transaction's spans, lines of every level, the metrics of its block.
	_, after, _ := strings.Cut(out, "transaction ")
	for what, where := range map[string][]byte{after[:64]: traces, `"event":"`: log, `"level":"DEBUG"`: log, "quoin_consensus": metrics} {
		if !bytes.Contains(where, []byte(what)) {
			t.Errorf("%q is not where it should be: this test looks in the wrong places", what)
		}
	}
	for name, text := range map[string][]byte{"the log": log, "a trace": traces, "a metric": metrics} {
		for _, s := range tellsOf(text, secrets) {
			t.Errorf("%s tells %s", name, s)
		}
	}
	if t.Failed() {
		t.Logf("again: go test ./cmd/quoin -run '^TestNoSecretIsTold$'")
	}
}

// A secret that somebody plants is found, whatever it looks like.
func TestSecretsAreFound(t *testing.T) {
	planted := marked("Planted")
	var log bytes.Buffer
	h := logs.New(&log, logs.Options{JSON: true})
	slog.New(h).Warn("a planted bug", "event", "none", "payload", planted.text())
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	texts := map[string][]byte{"log": log.Bytes(), "go": fmt.Append(nil, planted.bytes)}
	for begin := range 4 {
		whole := append(append(bytes.Repeat([]byte{0xa5}, begin), planted.bytes...), 0x5a, 0xff, 0x00)
		texts[fmt.Sprint("raw ", begin)] = whole
		texts[fmt.Sprint("hex ", begin)] = []byte(hex.EncodeToString(whole))
		texts[fmt.Sprint("base64 ", begin)] = []byte(base64.StdEncoding.EncodeToString(whole))
		texts[fmt.Sprint("base64url ", begin)] = []byte(base64.URLEncoding.EncodeToString(whole))
		texts[fmt.Sprint("json ", begin)], _ = json.Marshal(map[string]any{"a": whole})
	}
	for name, text := range texts {
		if len(tellsOf(text, []secret{marked("Other"), planted})) == 0 {
			t.Errorf("a secret is not found in %s: %s", name, text)
		}
		if list := tellsOf(text, []secret{marked("Other")}); len(list) > 0 {
			t.Errorf("a secret is found that is not there: %s", list)
		}
	}
}

// markedNet is a network in one process, with all logs, traces and metrics.
type markedNet struct {
	t                          *testing.T
	dir                        string
	process                    *exec.Cmd
	log                        *os.File
	api, dashboard, aValidator string

	mu       sync.Mutex
	received bytes.Buffer // by the collector
}

func newMarkedNet(t *testing.T) *markedNet {
	t.Helper()
	x := &markedNet{t: t, dir: t.TempDir()}
	collector := httptest.NewServer(http.HandlerFunc(x.collect))
	t.Cleanup(collector.Close)
	x.quoin("testnet", "--nodes", "4", "--dir", "net")
	settings, err := filepath.Glob(filepath.Join(x.dir, "net", "*", nodeFile))
	if err != nil || len(settings) != 4 {
		t.Fatal(settings, err)
	}
	for _, path := range settings {
		var s map[string]any
		b, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(b, &s)
		}
		s["observe"] = map[string]string{"traces": collector.URL, "trace_share": "1/1"}
		if b, _ = json.Marshal(s); err == nil {
			err = os.WriteFile(path, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	x.start()
	return x
}

// start starts the network and waits until it says where it is.
func (x *markedNet) start() {
	x.t.Helper()
	var err error
	if x.log, err = os.Create(filepath.Join(x.dir, "log")); err != nil {
		x.t.Fatal(err)
	}
	x.process = x.command("dev", "--data", "net", "--listen", "127.0.0.1:0", "--dashboard", "127.0.0.1:0", "--log", "debug", "-o", "json")
	x.process.Stderr = x.log
	stdout, err := x.process.StdoutPipe()
	if err == nil {
		err = x.process.Start()
	}
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() { x.stop() })
	var said struct {
		API, Dashboard string
		Validators     []struct{ Address string }
	}
	if err := json.NewDecoder(stdout).Decode(&said); err != nil || said.Dashboard == "" || len(said.Validators) != 4 {
		b, _ := os.ReadFile(x.log.Name())
		x.t.Fatalf("quoin dev says %+v, %v\n%s", said, err, b)
	}
	x.api, x.dashboard, x.aValidator = said.API, said.Dashboard, said.Validators[0].Address
}

// stop ends the network and returns its log.
func (x *markedNet) stop() []byte {
	if x.process != nil {
		_ = x.process.Process.Signal(os.Interrupt)
		_ = x.process.Wait() // what it has to say is in the log
		x.process = nil
		_ = x.log.Close()
	}
	b, err := os.ReadFile(x.log.Name())
	if err != nil {
		x.t.Error(err)
	}
	return b
}

func (x *markedNet) command(args ...string) *exec.Cmd {
	c := exec.Command("quoin", args...)
	c.Dir = x.dir
	c.Env = append(os.Environ(), "QUOIN_CONFIG_DIR="+filepath.Join(x.dir, "config"))
	return c
}

func (x *markedNet) quoin(args ...string) string {
	x.t.Helper()
	c := x.command(args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		x.t.Fatalf("quoin %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

func (x *markedNet) fails(args ...string) {
	x.t.Helper()
	if out, err := x.command(args...).CombinedOutput(); err == nil {
		x.t.Errorf("quoin %s succeeds: %s", strings.Join(args, " "), out)
	}
}

// keys are the private keys of everybody.
func (x *markedNet) keys() (secrets []secret) {
	x.t.Helper()
	for _, pattern := range []string{"net/*/" + nodeKeyFile, "net/keys/*.key"} {
		paths, _ := filepath.Glob(filepath.Join(x.dir, pattern))
		for _, path := range paths {
			key, err := readKey(path)
			if err != nil {
				x.t.Fatal(err)
			}
			secrets = append(secrets, secret{filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path), key.Seed()})
		}
	}
	if len(secrets) != 4+len(operatorRoles) {
		x.t.Fatalf("%d keys", len(secrets))
	}
	return secrets
}

// visit says a secret at every door of the network, in requests that are refused and in what is no request.
func (x *markedNet) visit(s secret) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), 30*time.Second)
	defer cancel()
	visitor := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // of the API: its own certificate
	defer visitor.CloseIdleConnections()
	for _, door := range []string{x.api, x.dashboard} {
		door = strings.TrimSuffix(door, "/")
		for _, path := range []string{"/" + s.text(), "/log/" + s.text(), "/quoin.v1.LedgerService/Submit", "/quoin.v1." + s.text() + "/Submit"} {
			for _, body := range []string{s.text(), `{"transactions":["` + base64.StdEncoding.EncodeToString(s.bytes) + `"]}`, `{"` + s.text() + `":1}`} {
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, door+path, strings.NewReader(body))
				if err != nil {
					x.t.Fatal(err)
				}
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Authorization", s.text())
				r.Header.Set("X-Quoin", s.text())
				if answer, err := visitor.Do(r); err == nil {
					_, _ = io.Copy(io.Discard, answer.Body)
					_ = answer.Body.Close()
				}
			}
		}
	}
	for _, address := range []string{strings.TrimPrefix(x.api, "https://"), strings.TrimSuffix(strings.TrimPrefix(x.dashboard, "http://"), "/"), x.aValidator} {
		for _, words := range []string{s.text() + "\r\n\r\n", "GET /" + s.text() + " HTTP/1.1\r\nHost: " + s.text() + "\r\nConnection: close\r\n\r\n"} {
			c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			if err != nil {
				x.t.Fatal(err)
			}
			_ = c.SetDeadline(time.Now().Add(2 * time.Second))
			_, _ = io.WriteString(c, words)
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}
}

// fixture writes the release of a hostile plugin.
func (x *markedNet) fixture(name, file string) {
	x.t.Helper()
	f, ok := hostile.Find(name)
	if !ok {
		x.t.Fatalf("no fixture %s", name)
	}
	author, err := readKey(keyPath(filepath.Join(x.dir, "net"), roleAuthor))
	if err == nil {
		err = os.WriteFile(filepath.Join(x.dir, file), f.Release(publicOf(author)), 0o600)
	}
	if err != nil {
		x.t.Fatal(err)
	}
}

// await waits until an event stands in the log.
func (x *markedNet) await(event string) {
	x.t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		b, err := os.ReadFile(x.log.Name())
		switch {
		case err != nil:
			x.t.Fatal(err)
		case bytes.Contains(b, []byte(event)):
			return
		case time.Now().After(end):
			x.t.Fatalf("nothing logs %s", event)
		}
	}
}

func (x *markedNet) scrape() []byte {
	x.t.Helper()
	answer, err := http.Get(strings.TrimSuffix(x.dashboard, "/") + "/metrics")
	if err != nil {
		x.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		x.t.Fatal(answer.Status, err)
	}
	return b
}

// collect is the collector: it keeps everything that it is sent.
func (x *markedNet) collect(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			x.t.Error(err)
			return
		}
		body = z
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	_ = r.Header.Write(&x.received)
	if _, err := io.Copy(&x.received, body); err != nil {
		x.t.Error(err)
	}
}

func (x *markedNet) traces() []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	return bytes.Clone(x.received.Bytes())
}
