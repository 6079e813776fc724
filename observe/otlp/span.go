// Package otlp brings spans to OpenTelemetry receivers: OTLP over HTTP, in the protobuf encoding, traces alone.
//
// An Encoder holds spans as the bytes of a request, so a span costs what its bytes cost and no object is left
// behind. A Client posts requests, and believes nothing of what is answered.
//
// Sources: https://opentelemetry.io/docs/specs/otlp/ and the definitions opentelemetry/proto/trace/v1/trace.proto,
// common/v1/common.proto and collector/trace/v1/trace_service.proto of version 1.
package otlp

import (
	"encoding/hex"
	"time"
)

// TraceID names a trace.
type TraceID [16]byte

func (id TraceID) String() string { return hex.EncodeToString(id[:]) }

// SpanID names a span within its trace. The zero SpanID is none.
type SpanID [8]byte

func (id SpanID) String() string { return hex.EncodeToString(id[:]) }

// Place is where a span stands.
type Place struct {
	Trace  TraceID
	ID     SpanID
	State  string // the tracestate
	Remote bool   // the span that is meant may be another process's
}

// Span is a span that is over. It was sampled, and its trace has a name that is as good as random.
type Span struct {
	Trace      TraceID
	ID         SpanID
	State      string // the tracestate
	Parent     SpanID // zero: it is a root
	Remote     bool   // the parent may be another process's
	Name       string
	Start, End time.Time
	Attributes []Attribute
	Events     []Event
	Link       *Place // nil: none
}

// Event is something that happened in a span.
type Event struct {
	At        time.Time
	Name      string
	Attribute Attribute
}

// Key names attributes.
type Key string

// Attribute says one thing.
type Attribute struct {
	key    Key
	kind   kind
	text   string
	number uint64
}

// kind is the number of the field of AnyValue that holds a value.
type kind uint8

const (
	kindString kind = 1
	kindBool   kind = 2
	kindInt    kind = 3
)

// ValueMax bounds the bytes of a string: what is longer is cut, at a character.
const ValueMax = 256

// String returns an attribute. Bytes that are no UTF-8 are replaced when it is encoded.
func (k Key) String(v string) Attribute { return Attribute{key: k, kind: kindString, text: v} }

// Int64 returns an attribute.
func (k Key) Int64(v int64) Attribute { return Attribute{key: k, kind: kindInt, number: uint64(v)} }

// Int returns an attribute.
func (k Key) Int(v int) Attribute { return k.Int64(int64(v)) }

// Bool returns an attribute.
func (k Key) Bool(v bool) Attribute {
	a := Attribute{key: k, kind: kindBool}
	if v {
		a.number = 1
	}
	return a
}
