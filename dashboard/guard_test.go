package dashboard

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestOnlyItsOwnNamesAreAnswered(t *testing.T) {
	s, _ := serve(t, func(c *Config) { c.Hosts = []string{"Quoin.Example:443"} })
	port := s.Addr().(*net.TCPAddr).Port
	for host, want := range map[string]int{
		"":                             http.StatusOK,
		fmt.Sprint("localhost:", port): http.StatusOK,
		"LOCALHOST.":                   http.StatusOK,
		"quoin.localhost":              http.StatusOK,
		"[::1]:1":                      http.StatusOK,
		"quoin.example":                http.StatusOK,
		"evil.example":                 http.StatusMisdirectedRequest,
		"127.0.0.1.evil.example":       http.StatusMisdirectedRequest,
		"localhost.evil.example":       http.StatusMisdirectedRequest,
		"10.0.0.1":                     http.StatusMisdirectedRequest,
		"0.0.0.0":                      http.StatusMisdirectedRequest,
	} {
		for _, path := range []string{"/", "/live/frame", "/genesis", "/healthz", "/runs"} {
			if r := ask(t, s, "GET", path, host, nil, ""); r.StatusCode != want {
				t.Errorf("%s of host %q: %s, want %d", path, host, r.Status, want)
			}
		}
	}
}

func TestEveryAnswerHasItsFences(t *testing.T) {
	s, _ := serve(t, nil)
	for _, path := range []string{"/", "/app.js", "/live/frame", "/genesis", "/runs", "/nowhere"} {
		h := ask(t, s, "GET", path, "", nil, "").Header
		for name, want := range map[string]string{"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Access-Control-Allow-Origin": ""} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
	page := text(t, ask(t, s, "GET", "/", "", nil, ""))
	for _, never := range []string{"<style", "style=", "onclick", "javascript:", "http://", "https://", "<script>"} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %q, which its policy forbids or which asks elsewhere", never)
		}
	}
}

// The page builds everything out of text.
func TestThePageNeverReadsMarkup(t *testing.T) {
	files, err := newPage()
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range files {
		if !strings.HasSuffix(name, ".js") {
			continue
		}
		for _, never := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser", "srcdoc", "http:" + "//", "https:" + "//"} {
			if strings.Contains(strings.ReplaceAll(strings.ReplaceAll(string(f.bytes), "http:"+"//www.w3.org/2000/svg", ""), "https:"+"//HOST", ""), never) {
				t.Errorf("%s has %q", name, never)
			}
		}
	}
	if len(files) < 15 {
		t.Errorf("%d files", len(files))
	}
}

func TestFilesAreSentOnce(t *testing.T) {
	s, _ := serve(t, nil)
	for _, path := range []string{"/", "/style.css", "/app.js", "/icon.svg"} {
		first := ask(t, s, "GET", path, "", nil, "")
		tag := first.Header.Get("ETag")
		if first.StatusCode != http.StatusOK || tag == "" || first.Header.Get("Cache-Control") != "no-cache" {
			t.Fatalf("%s: %s, tag %q", path, first.Status, tag)
		}
		if again := ask(t, s, "GET", path, "", map[string]string{"If-None-Match": tag}, ""); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s again: %s", path, again.Status)
		}
	}
}

func TestWhoAsksTooOftenWaits(t *testing.T) {
	s, _ := serve(t, func(c *Config) { c.Limits.RequestsPerSecond = 5 })
	began := time.Now()
	var refused atomic.Int64
	var all sync.WaitGroup
	for range 60 {
		all.Go(func() {
			if r := ask(t, s, "GET", "/healthz", "", nil, ""); r.StatusCode == http.StatusTooManyRequests && r.Header.Get("Retry-After") != "" {
				refused.Add(1)
			}
		})
	}
	all.Wait()
	if refused.Load() < 20 {
		t.Errorf("%d of 60 requests were refused at 5 a second", refused.Load())
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("refused after %v: who does not wait must be made to", took)
	}
}

func TestAddressesThatAreToldApartAreBounded(t *testing.T) {
	g := newGuard(Limits{}.withDefaults(), nil, func(*http.Request) bool { return false })
	now := time.Now()
	for i := range 3 * addressesMax {
		g.take(&http.Request{RemoteAddr: fmt.Sprintf("[2001:db8:%x:%x::1]:9", i>>16, i&0xffff)}, now)
	}
	if n := len(g.buckets); n > addressesMax+1 {
		t.Errorf("%d addresses are remembered", n)
	}
}

// Only what a page needs of the API is here.
func TestCallsOfThePage(t *testing.T) {
	var asked []string
	s, _ := serve(t, func(c *Config) {
		c.API = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = append(asked, r.URL.Path) })
	})
	for path, want := range map[string]int{
		"/quoin.v1.StatusService/GetStatus": 200, "/quoin.v1.LedgerService/ListBlocks": 200, "/quoin.v1.LedgerService/Submit": 200, "/quoin.v1.ReleaseService/Explain": 200, "/quoin.v1.StateService/Query": 200,
		"/quoin.v1.ReleaseService/Upload": 404, "/quoin.v1.FaultService/Inject": 404, "/quoin.v1.FaultService/Lift": 404, "/quoin.v1.FeedService/Subscribe": 404, "/quoin.v1.LedgerService/SubmitStream": 404, "/debug/GetAll": 404,
	} {
		if r := ask(t, s, "POST", path, "", nil, "{}"); r.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, r.Status, want)
		}
	}
	if len(asked) != 5 {
		t.Errorf("the API was asked %v", asked)
	}
	for _, header := range []map[string]string{{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}} {
		if r := ask(t, s, "POST", "/quoin.v1.LedgerService/Submit", "", header, "{}"); r.StatusCode != http.StatusForbidden {
			t.Errorf("with %v: %s", header, r.Status)
		}
	}
}

func TestWithoutACertificateOnlyLoopbackIsServed(t *testing.T) {
	stage := newStage(t, 4, time.Now())
	c := stage.config()
	c.Listen = "0.0.0.0:0"
	if s, err := Listen(c); err == nil {
		_ = s.Close()
		t.Error("plain text for everybody")
	}
	c.Certificate, c.Key = filepath.Join(t.TempDir(), "none.pem"), "none"
	if s, err := Listen(c); err == nil {
		_ = s.Close()
		t.Error("it serves without its certificate")
	}
}

func TestReportsOfRunsAreShutIn(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("sim-1/run.json", `{"format":1,"kind":"sim","title":"a run","verdict":"all is well","seed":7}`)
	write("sim-1/report.html", "<p>a report")
	write("broken/run.json", `{`)
	write("secret.txt", "secret")
	if err := os.Symlink("/etc", filepath.Join(folder, "leads-out")); err != nil {
		t.Fatal(err)
	}
	s, _ := serve(t, func(c *Config) { c.Runs = folder })
	var list struct {
		Served bool
		Runs   []Run
	}
	if err := json.Unmarshal([]byte(text(t, ask(t, s, "GET", "/runs", "", nil, ""))), &list); err != nil || !list.Served || len(list.Runs) != 1 || list.Runs[0].Folder != "sim-1" || list.Runs[0].Seed != 7 || !list.Runs[0].Report {
		t.Errorf("the list is %+v, %v", list, err)
	}
	r := ask(t, s, "GET", "/runs/sim-1/report.html", "", nil, "")
	if body := text(t, r); body != "<p>a report" || !strings.HasPrefix(r.Header.Get("Content-Security-Policy"), "sandbox allow-scripts; default-src 'none'") {
		t.Errorf("%q with %q", body, r.Header.Get("Content-Security-Policy"))
	}
	for _, path := range []string{"/runs/sim-1/run.json", "/runs/../secret.txt", "/runs/%2e%2e/report.html", "/runs/sim-1%2f..%2f../report.html", "/runs/leads-out/report.html", "/runs/none/report.html"} {
		if r := ask(t, s, "GET", path, "", nil, ""); r.StatusCode == http.StatusOK && strings.Contains(text(t, r), "secret") || r.StatusCode == http.StatusOK && strings.HasSuffix(path, "json") {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
}

// Who announces a body and never sends it holds a connection for as long as any request may take, and no longer:
// whether it is refused, or served.
func TestABodyThatDoesNotComeEndsTheConnection(t *testing.T) {
	s, _ := serve(t, func(c *Config) {
		c.Limits.RequestTime, c.Limits.Viewers = 300*time.Millisecond, -1
	})
	for _, request := range []string{
		"POST / HTTP/1.1\r\nHost: evil.example",                     // another's name
		"POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil", // another's page
		"POST /live HTTP/1.1\r\nHost: localhost",                    // not to be posted to
		"GET /live HTTP/1.1\r\nHost: localhost",                     // as many viewers as there is room for
		"GET /healthz HTTP/1.1\r\nHost: localhost",
	} {
		t.Run(request, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			fmt.Fprintf(conn, "%s\r\nContent-Length: 1000\r\n\r\n", request)
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Errorf("the connection is held: %v", err)
			}
		})
	}
}

// Many who open the page behind one address, such as a proxy's, all get all of it.
func TestThePageCostsNoAllowance(t *testing.T) {
	s, _ := serve(t, func(c *Config) { c.Limits.RequestsPerSecond = 1 })
	for range 20 {
		for _, path := range []string{"/", "/app.js", "/style.css"} {
			if r := ask(t, s, "GET", path, "", nil, ""); r.StatusCode != http.StatusOK {
				t.Fatalf("%s: %s", path, r.Status)
			}
		}
	}
}
