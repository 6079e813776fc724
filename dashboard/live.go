package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// broadcaster hands frames to viewers. Each frame is built once; its bytes are shared.
type broadcaster struct {
	limits   Limits
	instance string // tells this process's numbers from those of the one before

	building sync.Mutex // of frames, in their order; taken before mu
	b        *builder
	have     sent // what the newest frame's readers have

	mu       sync.Mutex
	viewers  map[*viewer]bool
	frames   []*shared // the newest
	number   uint64    // of the newest
	snapshot *shared   // all that is remembered as of its number; nil: none yet
	polled   time.Time // when somebody asked last
	slot     time.Time // when the one who asked last may ask again
	refused  uint64
	dropped  uint64
}

// shared is a frame that many read.
type shared struct {
	number uint64
	data   []byte // JSON
	event  []byte // the same as a server-sent event
}

// viewer is one open stream.
type viewer struct {
	frames chan *shared // closed: it is too slow
}

const (
	framesKept   = 60 // for who comes back, or polls
	viewerFrames = 8  // that may wait for one viewer
	pollGrace    = 15 * time.Second
	pollEvery    = 3 * time.Second       // after which who polls asks again,
	pollGap      = 10 * time.Millisecond // but no sooner than so long after the one before,
	pollLast     = 12 * time.Second      // and no later than that: it would miss frames
	retryMS      = 2000                  // after which a browser comes back
)

func newBroadcaster(b *builder, l Limits) *broadcaster {
	return &broadcaster{limits: l, instance: strconv.FormatInt(time.Now().UnixMilli(), 36), b: b, viewers: map[*viewer]bool{}}
}

// run builds a frame now and then, as long as somebody looks.
func (x *broadcaster) run(ctx context.Context) {
	tick := time.NewTicker(x.limits.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			x.tick(ctx, now)
		}
	}
}

func (x *broadcaster) tick(ctx context.Context, now time.Time) {
	x.building.Lock()
	defer x.building.Unlock()
	x.mu.Lock()
	watched := len(x.viewers) > 0 || now.Sub(x.polled) < pollGrace
	x.mu.Unlock()
	x.b.look(ctx, now, watched)
	if !watched {
		return
	}
	if x.have == (sent{}) {
		x.whole(ctx, now)
	}
	data, after := x.b.frame(now, x.have)
	x.have = after
	x.mu.Lock()
	defer x.mu.Unlock()
	f := x.next(data)
	if x.frames = append(x.frames, f); len(x.frames) > framesKept {
		x.frames = append([]*shared(nil), x.frames[1:]...)
	}
	for v := range x.viewers { // in any order: each has its own
		select {
		case v.frames <- f:
		default:
			x.dropped++
			delete(x.viewers, v)
			close(v.frames)
		}
	}
}

// next numbers a frame.
func (x *broadcaster) next(data []byte) *shared {
	x.number++
	return x.as(x.number, data)
}

func (x *broadcaster) as(number uint64, data []byte) *shared {
	return &shared{number, data, fmt.Appendf(nil, "id: %s-%d\ndata: %s\n\n", x.instance, number, data)}
}

// whole returns a frame of all that is remembered. It is built once between two frames, however many ask.
// The caller holds building.
func (x *broadcaster) whole(ctx context.Context, now time.Time) *shared {
	x.mu.Lock()
	f, number := x.snapshot, x.number
	x.mu.Unlock()
	if f != nil && f.number == number && now.Sub(x.b.second) < time.Minute {
		return f
	}
	x.b.look(ctx, now, true)
	data, after := x.b.frame(now, sent{})
	if x.have == (sent{}) {
		x.have = after
	}
	f = x.as(number, data)
	x.mu.Lock()
	x.snapshot = f
	x.mu.Unlock()
	return f
}

// join makes a viewer of a request, and returns the frames that it lacks. There is no gap between these and
// what comes next, since no frame is built meanwhile.
func (x *broadcaster) join(ctx context.Context, after string) (*viewer, []*shared, bool) {
	x.building.Lock()
	defer x.building.Unlock()
	x.mu.Lock()
	if len(x.viewers) >= x.limits.Viewers {
		x.refused++
		x.mu.Unlock()
		return nil, nil, false
	}
	v := &viewer{frames: make(chan *shared, viewerFrames)}
	x.viewers[v] = true
	x.mu.Unlock()
	return v, x.since(ctx, after), true
}

// since returns the frames after one, or the whole. The caller holds building.
func (x *broadcaster) since(ctx context.Context, after string) []*shared {
	if instance, text, ok := strings.Cut(after, "-"); ok && instance == x.instance {
		number, err := strconv.ParseUint(text, 10, 64)
		x.mu.Lock()
		frames := x.frames
		newest := x.number
		x.mu.Unlock()
		if err == nil && number <= newest && len(frames) > 0 && frames[0].number <= number+1 {
			return frames[min(uint64(len(frames)), number+1-frames[0].number):]
		}
	}
	return []*shared{x.whole(ctx, time.Now())}
}

func (x *broadcaster) leave(v *viewer) {
	x.mu.Lock()
	delete(x.viewers, v)
	x.mu.Unlock()
}

func (x *broadcaster) counts() (open int, refused, dropped uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.viewers), x.refused, x.dropped
}

// stream serves /live.
func (x *broadcaster) stream(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 { // the stream would wait for it at its end
		refuse(w, http.StatusBadRequest, "body", "a stream is asked for without a body", 0)
		return
	}
	v, frames, ok := x.join(r.Context(), r.Header.Get("Last-Event-ID"))
	if !ok {
		refuse(w, http.StatusServiceUnavailable, "viewers", "as many people look at this node as it has room for; the page asks now and then instead", 5)
		return
	}
	defer x.leave(v)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no")
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // it lasts
	write := func(b []byte) bool {
		_ = c.SetWriteDeadline(time.Now().Add(x.limits.StallTime))
		_, err := w.Write(b)
		return err == nil && c.Flush() == nil
	}
	if !write(fmt.Appendf(nil, "retry: %d\n: quoin\n\n", retryMS)) {
		return
	}
	for _, f := range frames {
		if !write(f.event) {
			return
		}
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case f, open := <-v.frames:
			if !open {
				_ = write([]byte(": too slow\n\n")) // it comes back by itself
				return
			}
			if !write(f.event) {
				return
			}
		}
	}
}

// again returns how long one who polls waits before it asks again. Each gets a place of its own in time: what all
// of them ask for does not grow with their number. The caller holds mu.
func (x *broadcaster) again(now time.Time) time.Duration {
	at := now.Add(pollEvery)
	if next := x.slot.Add(pollGap); next.After(at) && !next.After(now.Add(pollLast)) {
		at = next // beyond it places are given out anew: there are more who poll than places
	}
	x.slot = at
	return at.Sub(now)
}

// poll serves /live/frame: the frames after an id, as {"id": ..., "again_ms": ..., "frames": [...]}.
func (x *broadcaster) poll(w http.ResponseWriter, r *http.Request) {
	x.building.Lock()
	frames := x.since(r.Context(), r.URL.Query().Get("after"))
	x.mu.Lock()
	x.polled = time.Now()
	again := x.again(x.polled)
	number := x.number
	x.mu.Unlock()
	x.building.Unlock()
	if n := len(frames); n > 0 {
		number = frames[n-1].number
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"id":"%s-%d","again_ms":%d,"frames":[`, x.instance, number, again.Milliseconds())
	for i, f := range frames { // not put together first: they are large, and many poll
		if i > 0 {
			_, _ = w.Write([]byte(","))
		}
		_, _ = w.Write(f.data)
	}
	_, _ = w.Write([]byte("]}"))
}
