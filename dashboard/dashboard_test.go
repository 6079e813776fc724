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
	"strings"
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

// The limit of a request's time is not for streams.
func TestAStreamLasts(t *testing.T) {
	s, _ := serve(t, func(c *Config) { c.Limits.RequestTime, c.Limits.Every = 200*time.Millisecond, 20*time.Millisecond })
	w := watch(t, s, "")
	for began := time.Now(); time.Since(began) < time.Second; {
		w.next()
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
