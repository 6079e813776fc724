package otlp_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"quoin.dev/quoin/observe/otlp"
	"quoin.dev/quoin/observe/otlp/otlptest"
)

var (
	at    = time.Unix(1_700_000_000, 123_456_789)
	whole = otlp.Span{Trace: otlp.TraceID{1, 15: 2}, ID: otlp.SpanID{3, 7: 4}, State: "ot=th:8", Parent: otlp.SpanID{5}, Remote: true, Name: "block",
		Start: at, End: at.Add(time.Second),
		Attributes: []otlp.Attribute{otlp.Key("text").String("a word"), otlp.Key("none").String(""), otlp.Key("number").Int(-7), otlp.Key("yes").Bool(true), otlp.Key("no").Bool(false)},
		Events:     []otlp.Event{{At: at.Add(1), Name: "vote", Attribute: otlp.Key("who").Int64(1 << 40)}, {At: at.Add(2), Name: "vote", Attribute: otlp.Key("who").Int(0)}},
		Link:       &otlp.Place{Trace: otlp.TraceID{6}, ID: otlp.SpanID{7}, State: "ot=th:0"}}
)

func text(key, value string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}}
}

func number(key string, value int64) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: value}}}
}

func truth(key string, value bool) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_BoolValue{BoolValue: value}}}
}

// What is written is what OpenTelemetry's own code writes of the same spans, byte for byte.
func TestRequestsAreOpenTelemetrys(t *testing.T) {
	e := otlp.NewEncoder("a library", otlp.Key("service.name").String("quoin"), otlp.Key("n").Int(1))
	root := otlp.Span{Trace: otlp.TraceID{1}, ID: otlp.SpanID{2}, Name: "transaction", Start: at, End: at}
	e.Add(&whole)
	e.Add(&root)
	want := &traces.TracesData{ResourceSpans: []*traces.ResourceSpans{{
		Resource: &resource.Resource{Attributes: []*common.KeyValue{text("service.name", "quoin"), number("n", 1)}},
		ScopeSpans: []*traces.ScopeSpans{{Scope: &common.InstrumentationScope{Name: "a library"}, Spans: []*traces.Span{
			{TraceId: whole.Trace[:], SpanId: whole.ID[:], TraceState: "ot=th:8", ParentSpanId: whole.Parent[:], Flags: 0x303, Name: "block", Kind: traces.Span_SPAN_KIND_INTERNAL,
				StartTimeUnixNano: uint64(at.UnixNano()), EndTimeUnixNano: uint64(at.Add(time.Second).UnixNano()),
				Attributes: []*common.KeyValue{text("text", "a word"), text("none", ""), number("number", -7), truth("yes", true), truth("no", false)},
				Events: []*traces.Span_Event{
					{TimeUnixNano: uint64(at.UnixNano() + 1), Name: "vote", Attributes: []*common.KeyValue{number("who", 1<<40)}},
					{TimeUnixNano: uint64(at.UnixNano() + 2), Name: "vote", Attributes: []*common.KeyValue{number("who", 0)}}},
				Links: []*traces.Span_Link{{TraceId: whole.Link.Trace[:], SpanId: whole.Link.ID[:], TraceState: "ot=th:0", Flags: 0x103}}},
			{TraceId: root.Trace[:], SpanId: root.ID[:], Flags: 0x103, Name: "transaction", Kind: traces.Span_SPAN_KIND_INTERNAL,
				StartTimeUnixNano: uint64(at.UnixNano()), EndTimeUnixNano: uint64(at.UnixNano())},
		}}}}}}
	got := &traces.TracesData{}
	if err := proto.Unmarshal(e.Request(), got); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(want)
	if err != nil || len(bytes) != len(e.Request()) {
		t.Errorf("%d bytes, OpenTelemetry's code writes %d: %v", len(e.Request()), len(bytes), err)
	}
	if e.Len() != 2 || e.Size() == 0 {
		t.Errorf("%d spans of %d bytes", e.Len(), e.Size())
	}
	e.Reset()
	if spans, err := otlptest.Read(e.Request()); err != nil || len(spans) != 0 || e.Len() != 0 || e.Size() != 0 {
		t.Errorf("after Reset: %d spans of %d bytes, %v, %v", e.Len(), e.Size(), spans, err)
	}
}

func TestValuesAreCut(t *testing.T) {
	for value, want := range map[string]string{
		strings.Repeat("a", 300):                strings.Repeat("a", otlp.ValueMax),
		strings.Repeat("a", 255) + "ä":          strings.Repeat("a", 255),
		strings.Repeat("a", 253) + "\U0001f600": strings.Repeat("a", 253),
		"a\xffb":                                "a?b",
		strings.Repeat("\xbf", 300):             "?",
	} {
		if got := read(t, &otlp.Span{Name: "x", Attributes: []otlp.Attribute{otlp.Key("k").String(value)}}).About()["k"]; got != want {
			t.Errorf("%.10q… is %q, want %q", value, got, want)
		}
	}
}

func read(t testing.TB, s *otlp.Span) otlptest.Span {
	t.Helper()
	e := otlp.NewEncoder("a library")
	e.Add(s)
	spans, err := otlptest.Read(e.Request())
	if err != nil || len(spans) != 1 {
		t.Fatalf("%d spans, %v", len(spans), err)
	}
	return spans[0]
}

// FuzzSpan wants that whatever a span says, a receiver reads it.
func FuzzSpan(f *testing.F) {
	f.Add("k", "v", int64(1), uint8(3), uint8(2))
	f.Add("", "\xff", int64(-1), uint8(0), uint8(0))
	f.Add("k", strings.Repeat("é", 300), int64(0), uint8(200), uint8(100))
	f.Fuzz(func(t *testing.T, key, value string, n int64, attributes, events uint8) {
		key = strings.ToValidUTF8(key, "?") // keys are constants
		s := otlp.Span{Trace: otlp.TraceID{1}, ID: otlp.SpanID{2}, Name: "x", Start: time.Unix(0, n), End: time.Unix(0, n)}
		want := map[string]string{}
		for i := range int(attributes) {
			k := otlp.Key(fmt.Sprint(key, i))
			s.Attributes = append(s.Attributes, k.Int64(n))
			want[string(k)] = fmt.Sprint(n)
		}
		for range events {
			s.Events = append(s.Events, otlp.Event{At: time.Unix(0, n), Name: "e", Attribute: otlp.Key(key + "e").Bool(true)})
		}
		s.Attributes = append(s.Attributes, otlp.Key("text").String(value))
		got := read(t, &s)
		about := got.About()
		if text := about["text"]; !utf8.ValidString(text) || len(text) > otlp.ValueMax || utf8.ValidString(value) && len(value) <= otlp.ValueMax && text != value {
			t.Errorf("%q is %q", value, text)
		}
		delete(about, "text")
		delete(want, "text")
		if !reflect.DeepEqual(about, want) || len(got.Events) != int(events) || !got.Start().Equal(s.Start) {
			t.Errorf("%v, want %v", got, s)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	e := otlp.NewEncoder("a library")
	b.ReportAllocs()
	for b.Loop() {
		if e.Add(&whole); e.Len() == 512 {
			e.Reset()
		}
	}
}
