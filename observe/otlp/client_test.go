package otlp

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func TestEndpoints(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://127.0.0.1:4318":            "http://127.0.0.1:4318/v1/traces",
		"http://[::1]:4318/":               "http://[::1]:4318/v1/traces",
		"https://collector.example":        "https://collector.example/v1/traces",
		"https://collector.example/a/path": "https://collector.example/a/path",
	} {
		if u, err := parseEndpoint(endpoint); err != nil || u.String() != want {
			t.Errorf("%s is %v, %v", endpoint, u, err)
		}
	}
	for _, endpoint := range []string{"", "127.0.0.1:4318", "localhost", "grpc://a:4317", "http://", "http:///v1/traces", "http://a:0", "http://a:99999", "http://a\n", "http://a?x=1", "http://a#b",
		"file:///etc/passwd", "unix:///run/a", "http://name:a-secret@a", "name:a-secret@a:4318", "http://a?token=a-secret", "http://a:a-secret", "http:///a-secret", "http://a#a-secret"} {
		_, err := NewClient(endpoint)
		if err == nil {
			t.Errorf("%q is an endpoint", endpoint)
			continue
		}
		if !strings.Contains(err.Error(), "write one such as") || strings.Contains(err.Error(), "a-secret") {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}

// serve returns a client of a receiver that answers so.
func serve(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	c, err := NewClient(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestHeaders(t *testing.T) {
	t.Setenv(headersVariable, "authorization=Bearer%20a-token%3D, X-Scope = one ,")
	var got http.Header
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header })
	if err := c.Post(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Authorization": "Bearer a-token=", "X-Scope": "one", "Content-Type": "application/x-protobuf", "User-Agent": "quoin", "Content-Encoding": ""} {
		if got.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.Get(name), want)
		}
	}
	t.Setenv(tracesHeadersVariable, "x-scope=two")
	c = serve(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header })
	if err := c.Post(context.Background(), nil); err != nil || got.Get("X-Scope") != "two" || got.Get("Authorization") != "" {
		t.Errorf("%v: %v", got, err)
	}
	t.Setenv(tracesHeadersVariable, "")
	for _, list := range []string{"a-secret", "=a-secret", "a b=a-secret", "a=a-secret%", "a=a-secret%0a", "a=a-secret%0d%0aX: y", "ü=a-secret"} {
		t.Setenv(headersVariable, list)
		_, err := NewClient("http://127.0.0.1:4318")
		if err == nil || strings.Contains(err.Error(), "a-secret") || !strings.Contains(err.Error(), headersVariable) {
			t.Errorf("%q: %v", list, err)
		}
	}
}

// What goes to another machine is packed.
func TestPacking(t *testing.T) {
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		packed, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		if b, err := io.ReadAll(packed); err != nil || string(b) != "spans" || r.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%q of %q: %v", b, r.Header, err)
		}
	})
	away, err := NewClient("http://collector.example")
	if err != nil || away.packer == nil {
		t.Fatal(err)
	}
	away.url = c.url
	for range 2 { // the packer is used again
		if err := away.Post(context.Background(), []byte("spans")); err != nil {
			t.Error(err)
		}
	}
}

// answered is an ExportTraceServiceResponse that refuses spans.
func answered(rejected uint64, why string) []byte {
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), rejected)
	b = protowire.AppendString(protowire.AppendTag(b, 2, protowire.BytesType), why)
	b = protowire.AppendFixed32(protowire.AppendTag(b, 9, protowire.Fixed32Type), 1) // of a later version
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), b)
}

func TestAnswers(t *testing.T) {
	kind := contentType
	for name, x := range map[string]struct {
		answer http.HandlerFunc
		want   string // part of the error; "" for none
	}{
		"nothing":      {func(http.ResponseWriter, *http.Request) {}, ""},
		"accepted":     {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) }, ""},
		"taken":        {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", kind) }, ""},
		"words":        {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("\xff thanks")) }, ""},
		"advice":       {says(answered(0, "send less")), ""},
		"refuses some": {says(answered(3, "too\nold")), `refused 3 spans: "too\nold"`},
		"garbage":      {says([]byte("\xff\xff\xff")), "answer is none"},
		"half":         {says(answered(3, "too old")[:5]), "answer is none"},
		"refuses":      {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, strings.Repeat("no\n", 10_000), 400) }, "400 Bad Request"},
		"floods":       {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, answerBytesMax+1)) }, "more than"},
		"redirects":    {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", "/"); w.WriteHeader(307) }, "307"},
		"switches": {func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = c.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"))
			_, _ = c.Read(make([]byte, 1)) // until the client has gone
			_ = c.Close()
		}, "101"},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		err := serve(t, x.answer).Post(context.Background(), []byte("spans"))
		if (err == nil) != (x.want == "") || err != nil && (!strings.Contains(err.Error(), x.want) || strings.Contains(err.Error(), "127.0.0.1")) {
			t.Errorf("%s: %v, want %q", name, err, x.want)
		}
	}
	for _, address := range []string{"http://a-secret.invalid:4318", "http://127.0.0.1:1"} {
		c, err := NewClient(address)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Post(context.Background(), nil); err == nil || strings.Contains(err.Error(), "a-secret") || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: %v", address, err)
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := serve(t, func(http.ResponseWriter, *http.Request) {}).Post(ended, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func says(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(b)
	}
}

// FuzzAnswer wants that no answer of a receiver does harm.
func FuzzAnswer(f *testing.F) {
	f.Add(answered(3, "too old"))
	f.Add(answered(0, "\xff"))
	f.Add([]byte("\x0b\x0c"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if err := refused(answer); err != nil && len(err.Error()) > 4*ValueMax+100 {
			t.Errorf("%d characters", len(err.Error()))
		}
	})
}
