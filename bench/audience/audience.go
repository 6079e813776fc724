// Package audience looks at dashboards as browsers and scrapers do, many at once: it measures what they
// may cost a node.
//
// A viewer does what the page does: it opens /live and reads, or asks /live/frame now and then when it is
// refused. A scraper reads /metrics of each node in turn. On Linux each comes from a loopback
// address of its own, so that what a server allows one address does not bound them all; elsewhere they
// share one.
package audience

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of Options.
const (
	ViewersMax  = 20_000
	ScrapersMax = 20_000
)

// Options say who looks at what.
type Options struct {
	Nodes    []string      `json:"nodes,omitempty"` // URLs of dashboards
	Viewers  int           `json:"viewers"`         // all of the first node
	Scrapers int           `json:"scrapers"`        // each of all nodes in turn
	Every    time.Duration `json:"every_ns"`        // a scraper begins a turn so often; 0: without pause
}

// Check says what is wrong with the options, if anything.
func (o *Options) Check() error {
	if o.Viewers < 0 || o.Viewers > ViewersMax || o.Scrapers < 0 || o.Scrapers > ScrapersMax || o.Every < 0 {
		return fmt.Errorf("audience: %d viewers, %d scrapers every %v; want 0 to %d, 0 to %d, and 0 or more", o.Viewers, o.Scrapers, o.Every, ViewersMax, ScrapersMax)
	}
	for _, node := range o.Nodes {
		if u, err := url.Parse(node); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("audience: %q is no address of a dashboard; want one such as http://127.0.0.1:26680", node)
		}
	}
	return nil
}

// Report counts what an audience met.
type Report struct {
	Streams        int64 `json:"streams"` // open at once, at the most
	StreamsRefused int64 `json:"streams_refused"`
	StreamsEnded   int64 `json:"streams_ended"` // by the server: the viewer read too slowly
	Frames         int64 `json:"frames"`        // that came by streams
	Polls          int64 `json:"polls"`         // answered
	PollsRefused   int64 `json:"polls_refused"`
	Scrapes        int64 `json:"scrapes"` // answered
	ScrapesRefused int64 `json:"scrapes_refused"`
	Failed         int64 `json:"failed"` // connections and requests without an answer
	Bytes          int64 `json:"bytes"`  // read
}

// Add adds what another audience met, at another time.
func (r *Report) Add(x *Report) {
	r.Streams = max(r.Streams, x.Streams)
	r.StreamsRefused, r.StreamsEnded, r.Frames = r.StreamsRefused+x.StreamsRefused, r.StreamsEnded+x.StreamsEnded, r.Frames+x.Frames
	r.Polls, r.PollsRefused = r.Polls+x.Polls, r.PollsRefused+x.PollsRefused
	r.Scrapes, r.ScrapesRefused = r.Scrapes+x.Scrapes, r.ScrapesRefused+x.ScrapesRefused
	r.Failed, r.Bytes = r.Failed+x.Failed, r.Bytes+x.Bytes
}

// The page's times: see dashboard/page/stream.js.
const (
	reconnect = 2 * time.Second
	pollFirst = time.Second     // after a poll that failed, and twice as long after each that follows
	pollLast  = 8 * time.Second // after which it tries for a stream again
	patience  = 30 * time.Second
)

// seats counts what the members of an audience meet.
type seats struct {
	o                                           Options
	open, most                                  atomic.Int64
	refused, ended, frames, polls, pollsRefused atomic.Int64
	scrapes, scrapesRefused, failed, bytes      atomic.Int64
}

// Run looks until ctx ends, and says what came of it. Options must pass Check and have a node.
func Run(ctx context.Context, o Options) Report {
	s := &seats{o: o}
	var running sync.WaitGroup
	for i := range o.Viewers {
		running.Go(func() { s.view(ctx, newMember(i)) })
	}
	for i := range o.Scrapers {
		running.Go(func() { s.scrape(ctx, newMember(o.Viewers+i)) })
	}
	running.Wait()
	<-ctx.Done() // nobody may be there
	return Report{Streams: s.most.Load(), StreamsRefused: s.refused.Load(), StreamsEnded: s.ended.Load(), Frames: s.frames.Load(),
		Polls: s.polls.Load(), PollsRefused: s.pollsRefused.Load(), Scrapes: s.scrapes.Load(), ScrapesRefused: s.scrapesRefused.Load(),
		Failed: s.failed.Load(), Bytes: s.bytes.Load()}
}

// newMember returns the client of one member, with its own connections.
func newMember(i int) *http.Client {
	d := &net.Dialer{Timeout: patience}
	if runtime.GOOS == "linux" { // where all of 127.0.0.0/8 is this machine
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 1, byte(i>>8), byte(i))}
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, _, err := net.SplitHostPort(address); err == nil && d.LocalAddr != nil && !net.ParseIP(host).IsLoopback() {
			return (&net.Dialer{Timeout: patience}).DialContext(ctx, network, address)
		}
		return d.DialContext(ctx, network, address)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 1, ResponseHeaderTimeout: patience}}
}

// view is the life of a viewer.
func (s *seats) view(ctx context.Context, c *http.Client) {
	defer c.CloseIdleConnections()
	last := ""
	for ctx.Err() == nil {
		switch r := s.ask(ctx, c, s.o.Nodes[0]+"/live", last); {
		case ctx.Err() != nil:
		case r == nil:
			s.failed.Add(1)
			pause(ctx, reconnect)
		case r.StatusCode == http.StatusOK:
			last = s.read(ctx, r.Body, last)
			pause(ctx, reconnect)
		default:
			s.refused.Add(1)
			s.discard(r)
			last = s.poll(ctx, c, last)
		}
	}
}

// read takes a stream's frames, and returns the id of the last one.
func (s *seats) read(ctx context.Context, body io.ReadCloser, last string) string {
	defer body.Close()
	n := s.open.Add(1)
	defer s.open.Add(-1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	lines := bufio.NewReader(body)
	for begins := true; ; {
		line, more, err := lines.ReadLine()
		if err != nil {
			if ctx.Err() == nil {
				s.ended.Add(1)
			}
			return last
		}
		s.bytes.Add(int64(len(line)))
		if id, ok := bytes.CutPrefix(line, []byte("id: ")); begins && ok {
			last = string(id)
		} else if begins && bytes.HasPrefix(line, []byte("data: ")) {
			s.frames.Add(1)
		}
		begins = !more
	}
}

// poll asks for frames until that has failed for too long, and returns the last id.
func (s *seats) poll(ctx context.Context, c *http.Client, last string) string {
	for wait := pollFirst; wait <= pollLast && ctx.Err() == nil; {
		r := s.ask(ctx, c, s.o.Nodes[0]+"/live/frame?after="+url.QueryEscape(last), "")
		if r != nil && r.StatusCode == http.StatusOK {
			s.polls.Add(1)
			var again time.Duration
			last, again = s.polled(r)
			wait = pollFirst
			pause(ctx, again)
			continue
		}
		if r == nil {
			s.failed.Add(1)
		} else {
			s.pollsRefused.Add(1)
			s.discard(r)
		}
		pause(ctx, wait)
		wait *= 2
	}
	return last
}

// polled reads a poll's answer, {"id":"…","again_ms":…,"frames":…, and returns the id, and when to ask again.
func (s *seats) polled(r *http.Response) (id string, again time.Duration) {
	const headBytesMax = 96
	head := make([]byte, headBytesMax)
	n, _ := io.ReadFull(r.Body, head)
	s.bytes.Add(int64(n))
	s.discard(r)
	var answer struct {
		ID    string `json:"id"`
		Again int64  `json:"again_ms"`
	}
	before, _, _ := bytes.Cut(head[:n], []byte(`,"frames":`))
	_ = json.Unmarshal(append(before, '}'), &answer) // what is no answer is asked for again
	return answer.ID, max(time.Second, time.Duration(answer.Again)*time.Millisecond)
}

// scrape is the life of a scraper.
func (s *seats) scrape(ctx context.Context, c *http.Client) {
	defer c.CloseIdleConnections()
	for ctx.Err() == nil {
		began := time.Now()
		for _, node := range s.o.Nodes {
			switch r := s.ask(ctx, c, node+"/metrics", ""); {
			case ctx.Err() != nil:
				return
			case r == nil:
				s.failed.Add(1)
			case r.StatusCode == http.StatusOK:
				s.scrapes.Add(1)
				s.discard(r)
			default: // it does not wait as it is asked to
				s.scrapesRefused.Add(1)
				s.discard(r)
			}
		}
		pause(ctx, s.o.Every-time.Since(began))
	}
}

// ask returns an answer, nil if there is none.
func (s *seats) ask(ctx context.Context, c *http.Client, address, last string) *http.Response {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil
	}
	if last != "" {
		q.Header.Set("Last-Event-ID", last)
	}
	r, err := c.Do(q)
	if err != nil {
		return nil
	}
	return r
}

// discard reads an answer to its end.
func (s *seats) discard(r *http.Response) {
	n, _ := io.Copy(io.Discard, r.Body)
	s.bytes.Add(n)
	_ = r.Body.Close()
}

// pause waits, for as long as the audience stays.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
