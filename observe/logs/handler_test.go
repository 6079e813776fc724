package logs

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"quoin.dev/quoin"
)

func closed(t *testing.T, h *Handler) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := h.Close(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestLinesAreThoseOfSlog(t *testing.T) {
	for _, json := range []bool{false, true} {
		var got, want bytes.Buffer
		h := New(&got, Options{JSON: json, Level: slog.LevelDebug})
		noTime := func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
		var plain slog.Handler = slog.NewTextHandler(&want, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: noTime})
		if json {
			plain = slog.NewJSONHandler(&want, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: noTime})
		}
		for _, handler := range []slog.Handler{h, plain} {
			log := slog.New(handler).With("node", "v1")
			log.Debug("a", "n", 1, "took", time.Second)
			log.WithGroup("g").Info("b c", "error", errors.New("no"), "x", true)
			log.Warn("d", "u", uint64(7), "f", 1.5)
			log.Error("e", slog.Group("in", "k", "v"))
		}
		closed(t, h)
		lines := strings.Split(got.String(), "\n")
		for i, line := range strings.Split(want.String(), "\n") {
			if json && len(line) > 0 {
				line = line[1:]
			}
			if i >= len(lines) || !strings.HasSuffix(lines[i], line) {
				t.Errorf("line %d is %q, want %q", i, lines[i], line)
			}
		}
		if s := h.Stats(); s.Written != 4 || h.Dropped() != 0 {
			t.Errorf("%+v", s)
		}
	}
}

func TestLevels(t *testing.T) {
	var b bytes.Buffer
	level := new(slog.LevelVar)
	h := New(&b, Options{Level: level})
	log := slog.New(h)
	log.Debug("one")
	log.Info("two")
	level.Set(slog.LevelError)
	log.Warn("three")
	log.Error("four")
	closed(t, h)
	if got := b.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "two") || !strings.Contains(got, "four") {
		t.Error(got)
	}
	for l, want := range map[slog.Level]int{-100: 0, slog.LevelDebug: 0, slog.LevelDebug + 1: 0, slog.LevelInfo: 1, slog.LevelWarn + 1: 2, slog.LevelError: 3, 100: 3} {
		if got := place(l); got != want {
			t.Errorf("level %d counts as %d, want %d", l, got, want)
		}
	}
}

// Nobody waits for a pipe that is not read: this test ends although all that is logged is never read.
func TestAStuckLogStopsNobody(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	h := New(w, Options{Level: slog.LevelDebug})
	long := strings.Repeat("x", textMax)
	const each = 4 * queueLines
	var running sync.WaitGroup
	for g := range 4 {
		running.Go(func() {
			log := slog.New(h).With("g", g)
			for i := range each {
				log.Log(context.Background(), []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}[g], long, "i", i)
			}
		})
	}
	running.Wait()
	s := h.Stats()
	for i, n := range s.Dropped {
		if n == 0 || n > each {
			t.Errorf("%d of %d records of level %s are counted as dropped", n, each, levelNames[i])
		}
	}
	if waiting := 4*each - s.Dropped[0] - s.Dropped[1] - s.Dropped[2] - s.Dropped[3]; waiting > queueLines+queueBytes {
		t.Errorf("%d lines wait", waiting)
	}
	if b := h.queue.bytes.Load(); b > queueBytes {
		t.Errorf("%d bytes wait", b)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := h.Close(ctx); !errors.Is(err, ErrStuck) {
		t.Errorf("closing a log that is stuck: %v", err)
	}
	slog.New(h).Error("nobody hears this")

	// When it is read after all, it says how much is missing.
	read := make(chan string)
	go func() {
		b, _ := io.ReadAll(r)
		read <- string(b)
	}()
	<-h.queue.done
	w.Close()
	text := <-read
	missing, lines := uint64(0), strings.Count(text, "\n")
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "event="+eventMissing) {
			continue
		}
		var n [levels]uint64
		_, after, _ := strings.Cut(line, " debug=")
		if _, err := fmt.Sscanf("debug="+after, "debug=%d info=%d warn=%d error=%d", &n[0], &n[1], &n[2], &n[3]); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		missing += n[0] + n[1] + n[2] + n[3]
		lines--
	}
	if uint64(lines)+missing != 4*each+1 || missing != h.Dropped() {
		t.Errorf("%d lines and %d that are missing, of %d; counted are %d", lines, missing, 4*each+1, h.Dropped())
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestLinesThatCannotBeWrittenAreCounted(t *testing.T) {
	h := New(broken{}, Options{})
	slog.New(h).Info("one")
	slog.New(h).Info("two")
	closed(t, h)
	if s := h.Stats(); s.Failed != 2 || s.Written != 0 || h.Dropped() != 2 {
		t.Errorf("%+v", s)
	}
}

// Bytes and structures have no place in a log, and texts have an end.
func TestRedaction(t *testing.T) {
	for _, json := range []bool{false, true} {
		var b bytes.Buffer
		h := New(&b, Options{JSON: json})
		_, private, _ := ed25519.GenerateKey(nil)
		tx := quoin.Transaction{Namespace: "kv", Payload: []byte("a-secret")}
		log := slog.New(h).With("with", []byte("a-secret"))
		log.Info("m", "payload", []byte("a-secret"), "tx", tx, "pointer", &tx, "key", private, "map", map[string]string{"a": "a-secret"},
			slog.Group("g", "raw", json2("a-secret")), "list", []string{"a-secret"}, "nil", nil, "bad", (*quoin.Hash)(nil))
		log.Info("m", "public", quoin.PublicKey{1}, "error", fmt.Errorf("%w", io.EOF), "text", strings.Repeat("ä", 3*textMax))
		closed(t, h)
		got := b.String()
		if strings.Contains(got, "a-secret") || strings.Contains(got, fmt.Sprintf("%x", "a-secret")) || strings.Contains(got, "YS1zZWNyZXQ") {
			t.Error(got)
		}
		if n := strings.Count(got, redacted); n != 11 {
			t.Errorf("%d values are redacted: %s", n, got)
		}
		if !strings.Contains(got, "EOF") || !strings.Contains(got, quoin.PublicKey{1}.String()) || strings.Count(got, "ä") != textMax/2 {
			t.Error(got)
		}
	}
}

func json2(s string) json.RawMessage { return json.RawMessage(`"` + s + `"`) }

func TestEveryLineIsJSON(t *testing.T) {
	var b bytes.Buffer
	h := New(&b, Options{JSON: true})
	log := slog.New(h)
	for i := range 100 {
		log.Info(strings.Repeat("\"\n\xff", i*10), "a\nb", strings.Repeat("\\\x00", i*20))
	}
	closed(t, h)
	n := 0
	for line := range bytes.Lines(b.Bytes()) {
		if n++; !json.Valid(line) {
			t.Errorf("%q is no JSON", line)
		}
	}
	if n != 100 {
		t.Errorf("%d lines", n)
	}
}

func BenchmarkHandler(b *testing.B) {
	for _, x := range []struct {
		name    string
		handler func() (slog.Handler, func())
	}{
		{"slog", func() (slog.Handler, func()) { return slog.NewTextHandler(io.Discard, nil), func() {} }},
		{"logs", func() (slog.Handler, func()) {
			h := New(io.Discard, Options{})
			return h, func() { _ = h.Close(context.Background()) }
		}},
	} {
		b.Run(x.name, func(b *testing.B) {
			h, end := x.handler()
			defer end()
			log := slog.New(h)
			b.ReportAllocs()
			for b.Loop() {
				log.Warn("a release does not compile", "event", "release-not-compiled", "release", quoin.Hash{1}, "error", io.EOF)
			}
		})
	}
}
