package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quoin.dev/quoin/api"
	"quoin.dev/quoin/replica"

	quoinv1 "quoin.dev/quoin/api/quoin/v1"
)

// serve starts a server of a stage that has played for a minute.
func serve(t testing.TB, change func(*Config)) (*Server, *stage) {
	t.Helper()
	s := newStage(t, 4, time.Now().Add(-time.Minute))
	s.play(time.Now())
	c := s.config()
	c.Limits.RequestsPerSecond = 1e6
	if change != nil {
		change(&c)
	}
	server, err := Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server, s
}

// ask makes a request with a Host of its own.
func ask(t testing.TB, s *Server, method, path, host string, header map[string]string, body string) *http.Response {
	t.Helper()
	r, err := http.NewRequest(method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if r.Host = s.Addr().String(); host != "" {
		r.Host = host
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func text(t testing.TB, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// watcher reads a stream of events.
type watcher struct {
	t       testing.TB
	body    io.ReadCloser
	scanner *bufio.Scanner
	id      string
}

func watch(t testing.TB, s *Server, after string) *watcher {
	t.Helper()
	r := ask(t, s, "GET", "/live", "", map[string]string{"Last-Event-ID": after}, "")
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s, %s", r.Status, r.Header.Get("Content-Type"))
	}
	w := &watcher{t: t, body: r.Body, scanner: bufio.NewScanner(r.Body)}
	w.scanner.Buffer(nil, 64<<20)
	return w
}

// next returns the next frame.
func (w *watcher) next() (f Frame) {
	w.t.Helper()
	for w.scanner.Scan() {
		line := w.scanner.Text()
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			w.id = id
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if err := json.Unmarshal([]byte(data), &f); err != nil {
				w.t.Fatal(err)
			}
			return f
		}
	}
	w.t.Fatalf("the stream ends: %v", w.scanner.Err())
	return f
}

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

func TestAStreamBeginsWithEverythingAndGoesOn(t *testing.T) {
	s, stage := serve(t, func(c *Config) { c.Limits.Every = 20 * time.Millisecond })
	w := watch(t, s, "")
	f := w.next()
	if !f.Full || f.Node == nil || len(f.Node.Validators) != 4 || f.Now.Height < 4001 || len(f.Views) < 100 || len(f.Points) < 50 || f.Governed == nil || f.Health == nil || len(f.Links) != 3 || len(f.Costs) == 0 {
		t.Fatalf("the first frame is full %v with %d views, %d points, governed %v, health %v", f.Full, len(f.Views), len(f.Points), f.Governed != nil, f.Health != nil)
	}
	height := f.Now.Height
	for range 3 {
		if f := w.next(); f.Full || f.Node != nil {
			t.Fatal("a later frame brings everything again")
		}
	}
	stage.play(time.Now().Add(5 * time.Second))
	deadline := time.Now().Add(20 * time.Second)
	for f.Now.Height <= height && time.Now().Before(deadline) {
		f = w.next()
	}
	if f.Now.Height <= height || len(f.Views) == 0 || len(f.Views) > 200 {
		t.Errorf("height %d after %d, with %d views", f.Now.Height, height, len(f.Views))
	}
}

func TestAStreamGoesOnWhereItBroke(t *testing.T) {
	s, _ := serve(t, func(c *Config) { c.Limits.Every = 20 * time.Millisecond })
	w := watch(t, s, "")
	for range 4 {
		w.next()
	}
	_ = w.body.Close()
	again := watch(t, s, w.id)
	if f := again.next(); f.Full {
		t.Error("who comes back at once gets everything again")
	}
	instance, number, _ := strings.Cut(w.id, "-")
	var was, is uint64
	fmt.Sscan(number, &was)
	fmt.Sscan(strings.TrimPrefix(again.id, instance+"-"), &is)
	if is != was+1 {
		t.Errorf("after %s comes %s", w.id, again.id)
	}
	for _, id := range []string{"other-3", "x", instance + "-99999999", instance + "-x", strings.Repeat("9", 5000)} {
		if f := watch(t, s, id).next(); !f.Full {
			t.Errorf("after %.20q comes a frame that nothing came before", id)
		}
	}
}

func TestNobodyLooksNothingIsBuilt(t *testing.T) {
	reads := 0
	s, _ := serve(t, func(c *Config) {
		c.Limits.Every = 10 * time.Millisecond
		read := c.Changes
		c.Changes = func(ctx context.Context, n int) (*api.Changes, error) { reads++; return read(ctx, n) }
	})
	time.Sleep(300 * time.Millisecond)
	s.live.building.Lock()
	defer s.live.building.Unlock()
	if s.live.number != 0 || s.live.snapshot != nil || reads > 1 {
		t.Errorf("%d frames were built and governance was read %d times, and nobody looked", s.live.number, reads)
	}
}

func TestFramesAreBuiltOnceForAll(t *testing.T) {
	s, _ := serve(t, func(c *Config) { c.Limits.Every = time.Hour })
	a, _, _ := s.live.join(t.Context(), "")
	b, _, _ := s.live.join(t.Context(), "")
	s.live.tick(t.Context(), time.Now())
	one, two := <-a.frames, <-b.frames
	if one != two {
		t.Error("two viewers have two frames")
	}
	s.live.building.Lock()
	defer s.live.building.Unlock()
	if x, y := s.live.whole(t.Context(), time.Now()), s.live.whole(t.Context(), time.Now()); x != y {
		t.Error("everything is built twice between two frames")
	}
}

func TestASlowViewerIsDroppedAndNobodyWaits(t *testing.T) {
	s, _ := serve(t, func(c *Config) { c.Limits.Every = time.Hour })
	slow, _, _ := s.live.join(t.Context(), "")
	for range viewerFrames + 1 {
		s.live.tick(t.Context(), time.Now())
	}
	n := 0
	for range slow.frames {
		n++
	}
	if open, _, dropped := s.Viewers(); n != viewerFrames || open != 0 || dropped != 1 {
		t.Errorf("it got %d frames; %d viewers are left, %d were dropped", n, open, dropped)
	}
}

// A viewer that opens the stream and never reads: its connection fills, its writes stall, and it goes.
func TestAViewerThatDoesNotReadGoes(t *testing.T) {
	s, stage := serve(t, func(c *Config) {
		c.Limits.Every, c.Limits.StallTime = 2*time.Millisecond, 100*time.Millisecond
	})
	small := httptest.NewUnstartedServer(http.HandlerFunc(s.live.stream))
	small.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		_ = c.(*net.TCPConn).SetWriteBuffer(4096)
		return ctx
	}
	small.Start()
	defer small.Close()
	conn, err := net.Dial("tcp", small.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.(*net.TCPConn).SetReadBuffer(4096)
	fmt.Fprintf(conn, "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
	deadline := time.Now().Add(30 * time.Second)
	for began := false; time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		stage.play(stage.Status().At.Add(500 * time.Millisecond))
		open, _, _ := s.Viewers()
		if began = began || open == 1; began && open == 0 {
			return
		}
	}
	t.Error("it is still there")
}

func TestThereAreOnlySoManyViewersAndTheOthersPoll(t *testing.T) {
	s, _ := serve(t, func(c *Config) { c.Limits.Viewers, c.Limits.Every = 2, 20*time.Millisecond })
	one := watch(t, s, "")
	watch(t, s, "")
	one.next()
	r := ask(t, s, "GET", "/live", "", nil, "")
	var why struct{ Code, Message string }
	if err := json.NewDecoder(r.Body).Decode(&why); err != nil || r.StatusCode != http.StatusServiceUnavailable || why.Code != "viewers" || r.Header.Get("Retry-After") == "" {
		t.Errorf("the third viewer gets %s, %+v, %v", r.Status, why, err)
	}
	if _, refused, _ := s.Viewers(); refused != 1 {
		t.Errorf("%d were refused", refused)
	}
	type answer struct {
		ID     string
		Frames []Frame
	}
	var polled answer
	poll := func(after string) {
		polled = answer{}
		if err := json.Unmarshal([]byte(text(t, ask(t, s, "GET", "/live/frame?after="+after, "", nil, ""))), &polled); err != nil {
			t.Fatal(err)
		}
	}
	poll("")
	if len(polled.Frames) != 1 || !polled.Frames[0].Full {
		t.Fatalf("%d frames", len(polled.Frames))
	}
	time.Sleep(200 * time.Millisecond)
	poll(polled.ID)
	if n := len(polled.Frames); n < 2 || n > framesKept || polled.Frames[0].Full {
		t.Errorf("then %d frames", n)
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
	g := newGuard(Limits{}.withDefaults(), nil)
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

// What people write comes as text that no browser takes for markup, whole and bounded.
func TestHostileNamesAreText(t *testing.T) {
	const evil = "</script><img src=x onerror=alert(1)>\u202e\u2028"
	s, stage := serve(t, func(c *Config) { c.Limits.Every = 20 * time.Millisecond })
	stage.mu.Lock()
	stage.event(replica.BlockRefused, 3, strings.Repeat(evil, 1000))
	stage.changes = stage.governed(9)
	p := stage.changes.Proposals[0].Proposal
	p.Note, p.Name, p.ProposerName = evil, evil, evil
	p.Reviews = append(p.Reviews, &quoinv1.Review{Member: evil, Note: evil})
	stage.mu.Unlock()
	w := watch(t, s, "")
	data := ""
	for w.scanner.Scan() {
		if line, ok := strings.CutPrefix(w.scanner.Text(), "data: "); ok {
			data = line
			break
		}
	}
	for _, never := range []string{"<", ">", "\u2028"} {
		if strings.Contains(data, never) {
			t.Errorf("the frame has %q", never)
		}
	}
	if len(data) > 1<<20 {
		t.Errorf("a frame of %d bytes", len(data))
	}
	var f Frame
	if err := json.Unmarshal([]byte(data), &f); err != nil {
		t.Fatal(err)
	}
	var whole struct{ Note string }
	if err := json.Unmarshal(f.Governed.Proposals[0].Whole, &whole); err != nil || whole.Note != evil {
		t.Errorf("the note is %q, %v", whole.Note, err)
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

// BenchmarkViewers is what a frame costs the node by how many look at it: the frame is built once.
func BenchmarkViewers(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, stage := serve(b, func(c *Config) { c.Limits.Viewers, c.Limits.Every = n, time.Hour })
			var viewers []*viewer
			for range n {
				v, _, ok := s.live.join(b.Context(), "")
				if !ok {
					b.Fatal("there is no room")
				}
				viewers = append(viewers, v)
			}
			now := time.Now()
			for b.Loop() {
				b.StopTimer()
				now = now.Add(500 * time.Millisecond)
				stage.play(now)
				b.StartTimer()
				s.live.tick(b.Context(), now)
				b.StopTimer()
				for _, v := range viewers {
					<-v.frames
				}
				b.StartTimer()
			}
		})
	}
}
