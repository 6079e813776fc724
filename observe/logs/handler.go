// Package logs writes a node's log without ever making the node wait, and lists the events that stand in it.
//
// A record is formatted where it is logged and put into a bounded queue; a goroutine of the handler's own
// writes. While the queue is full, because a pipe is not read or a disk hangs, records are dropped and
// counted, and the first one that is written again is preceded by a line that says how many are missing.
//
// # What may stand in a log
//
// Attributes are numbers, times, texts, errors, and values that name themselves (fmt.Stringer), such as keys'
// public parts and digests. Everything else, bytes above all, is replaced by "redacted": a payload, a private
// key or a value of the state cannot get into a log as a value, whoever logs it. Long texts are cut. That no
// text says what should not be said is what the table of events is for, see Events, and a test that looks for
// marked secrets in the logs of a whole network.
package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Limits of what waits to be written.
const (
	queueLines = 4096
	queueBytes = 4 << 20
	textMax    = 1024 // bytes of an attribute's text, and of a message
)

// Options say what is written, and how.
type Options struct {
	JSON  bool         // one JSON object a line; otherwise key=value
	Level slog.Leveler // nil: slog.LevelInfo
}

// Handler is a slog.Handler that never waits.
type Handler struct {
	level slog.Leveler
	of    [levels]slog.Handler // by the place of a record's level
	queue *queue
}

var _ slog.Handler = (*Handler)(nil)

// levels are those that records are counted by: debug, info, warn, error.
const levels = 4

var levelNames = [levels]string{"debug", "info", "warn", "error"}

// place returns the place of a level among those that are counted: of the next lower one.
func place(l slog.Level) int {
	return int(min(max(l, slog.LevelDebug), slog.LevelError)-slog.LevelDebug) / int(slog.LevelInfo-slog.LevelDebug)
}

// New returns a handler that writes to w, line by line, until it is closed.
func New(w io.Writer, o Options) *Handler {
	if o.Level == nil {
		o.Level = slog.LevelInfo
	}
	h := &Handler{level: o.Level, queue: newQueue(w)}
	options := &slog.HandlerOptions{Level: o.Level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr { return redact(a) }}
	newFormat := func(w io.Writer) slog.Handler {
		if o.JSON {
			return slog.NewJSONHandler(w, options)
		}
		return slog.NewTextHandler(w, options)
	}
	for i := range h.of {
		h.of[i] = newFormat(entrance{h.queue, i})
	}
	h.queue.gap = newFormat(directly{h.queue})
	go h.queue.run()
	return h
}

// Enabled implements slog.Handler.
func (h *Handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

// Handle implements slog.Handler. It does not wait, and a record that has no room is no error.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	r.Message = cut(r.Message)
	return h.of[place(r.Level)].Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(x slog.Handler) slog.Handler { return x.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	return h.with(func(x slog.Handler) slog.Handler { return x.WithGroup(name) })
}

func (h *Handler) with(f func(slog.Handler) slog.Handler) *Handler {
	c := *h
	for i := range c.of {
		c.of[i] = f(c.of[i])
	}
	return &c
}

// Stats counts what became of records.
type Stats struct {
	Written uint64         // lines
	Dropped [levels]uint64 // debug, info, warn, error: for want of room
	Failed  uint64         // lines that could not be written, such as to a full disk
}

// Stats returns what the handler, and all that came of it, have counted.
func (h *Handler) Stats() Stats {
	s := Stats{Written: h.queue.written.Load(), Failed: h.queue.failed.Load()}
	for i := range s.Dropped {
		s.Dropped[i] = h.queue.dropped[i].Load()
	}
	return s
}

// Dropped returns how many records are missing, for whatever reason.
func (h *Handler) Dropped() uint64 {
	s := h.Stats()
	n := s.Failed
	for _, d := range s.Dropped {
		n += d
	}
	return n
}

// ErrStuck is returned when a log could not be written to its end in time.
var ErrStuck = errors.New("logs: the log is not written to its end: what reads it does not")

// Close writes what waits, as long as ctx lasts, and ends the handler. Whoever logs afterwards is not heard.
func (h *Handler) Close(ctx context.Context) error {
	h.queue.close()
	select {
	case <-h.queue.done:
		return nil
	case <-ctx.Done():
		return ErrStuck
	}
}

// queue holds lines until they are written.
type queue struct {
	w       io.Writer
	gap     slog.Handler // writes directly
	written atomic.Uint64
	failed  atomic.Uint64
	dropped [levels]atomic.Uint64
	bytes   atomic.Int64
	told    [levels]uint64 // of the dropped

	mu     sync.RWMutex // against lines that come while the queue is closed
	closed bool
	lines  chan []byte
	done   chan struct{}
}

func newQueue(w io.Writer) *queue {
	return &queue{w: w, lines: make(chan []byte, queueLines), done: make(chan struct{})}
}

// entrance is where lines of a level come in.
type entrance struct {
	*queue
	level int
}

// Write implements io.Writer.
func (e entrance) Write(line []byte) (int, error) {
	if !e.offer(line) {
		e.dropped[e.level].Add(1)
	}
	return len(line), nil
}

// offer takes a line if there is room.
func (q *queue) offer(line []byte) bool {
	q.mu.RLock()
	defer q.mu.RUnlock()
	n := int64(len(line))
	if q.closed {
		return false
	}
	if q.bytes.Add(n) <= queueBytes {
		select {
		case q.lines <- append([]byte(nil), line...): // the formatter uses its bytes again
			return true
		default:
		}
	}
	q.bytes.Add(-n)
	return false
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.lines)
	}
}

func (q *queue) run() {
	defer close(q.done)
	for line := range q.lines {
		q.bytes.Add(-int64(len(line)))
		q.missing()
		_, _ = directly{q}.Write(line) // counted
	}
	q.missing()
}

// directly writes at once, on the queue's goroutine.
type directly struct{ *queue }

func (d directly) Write(line []byte) (int, error) {
	if _, err := d.w.Write(line); err != nil {
		d.failed.Add(1)
		return 0, err
	}
	d.written.Add(1)
	return len(line), nil
}

// missing says how many records were dropped since it last said so.
func (q *queue) missing() {
	var new [levels]uint64
	for i := range q.dropped {
		n := q.dropped[i].Load()
		new[i], q.told[i] = n-q.told[i], n
	}
	if new == [levels]uint64{} {
		return
	}
	r := slog.NewRecord(time.Now(), slog.LevelWarn, "records are missing here: the log was not written fast enough, and nothing waited for it", 0)
	r.AddAttrs(slog.String("event", eventMissing))
	for i, n := range new {
		r.AddAttrs(slog.Uint64(levelNames[i], n))
	}
	_ = q.gap.Handle(context.Background(), r) // counted
}

const redacted = "redacted"

// redact lets numbers, times and what names itself pass, and nothing else.
func redact(a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(cut(a.Value.String()))
	case slog.KindAny:
		if _, ok := a.Value.Any().(slog.Level); !ok {
			a.Value = slog.StringValue(cut(textOf(a.Value.Any())))
		}
	}
	return a
}

// textOf is what a value says of itself, if it does.
func textOf(v any) (text string) {
	defer func() {
		if recover() != nil { // such as a nil pointer that should name itself
			text = redacted
		}
	}()
	switch v := v.(type) {
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	}
	return redacted
}

// cut shortens a text.
func cut(s string) string {
	if len(s) <= textMax {
		return s
	}
	n := textMax
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
