// Package otlptest reads what package otlp writes, by OpenTelemetry's own definitions, for tests.
package otlptest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"quoin.dev/quoin/observe/otlp"
)

// Span is a span as a receiver reads it.
type Span struct {
	*traces.Span
	Of map[string]string // what is said of the resource
}

// Trace returns the trace's name.
func (s Span) Trace() otlp.TraceID { return otlp.TraceID(s.TraceId) }

// ID returns the span's name.
func (s Span) ID() otlp.SpanID { return otlp.SpanID(s.SpanId) }

// Parent returns the name of the span that it is below; zero if it is a root.
func (s Span) Parent() (id otlp.SpanID) {
	copy(id[:], s.ParentSpanId)
	return id
}

// Start returns when it began.
func (s Span) Start() time.Time { return time.Unix(0, int64(s.StartTimeUnixNano)) }

// End returns when it ended.
func (s Span) End() time.Time { return time.Unix(0, int64(s.EndTimeUnixNano)) }

// About returns what its attributes say.
func (s Span) About() map[string]string { return values(s.Attributes) }

// Text returns everything that it says in words.
func (s Span) Text() string {
	text := fmt.Sprint(s.Name, s.About())
	for _, e := range s.Events {
		text += fmt.Sprint(e.Name, values(e.Attributes))
	}
	return text
}

func values(attributes []*common.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range attributes {
		switch v := a.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			all[a.Key] = v.StringValue
		case *common.AnyValue_BoolValue:
			all[a.Key] = fmt.Sprint(v.BoolValue)
		case *common.AnyValue_IntValue:
			all[a.Key] = fmt.Sprint(v.IntValue)
		}
	}
	return all
}

// Read reads a request.
func Read(request []byte) ([]Span, error) {
	m := &traces.TracesData{} // of the same form as the collector's request
	if err := proto.Unmarshal(request, m); err != nil {
		return nil, err
	}
	if len(m.ProtoReflect().GetUnknown()) > 0 {
		return nil, fmt.Errorf("fields that OpenTelemetry does not define")
	}
	var all []Span
	for _, r := range m.ResourceSpans {
		for _, s := range r.ScopeSpans {
			for _, x := range s.Spans {
				all = append(all, Span{x, values(r.Resource.Attributes)})
			}
		}
	}
	return all, nil
}

// Receiver keeps what is posted to it. It is safe for use by several goroutines.
type Receiver struct {
	T     testing.TB
	mu    sync.Mutex
	spans []Span
}

// Post takes a request.
func (r *Receiver) Post(_ context.Context, request []byte) error {
	spans, err := Read(request)
	if err != nil {
		r.T.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans = append(r.spans, spans...)
	return err
}

// Close does nothing: what came is kept.
func (*Receiver) Close() {}

// Spans returns what came.
func (r *Receiver) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spans
}
