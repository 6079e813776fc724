package otlp

import (
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Flags of spans and links.
const (
	flagsSampled   = 0x3   // sampled, of a trace whose name is as good as random
	flagsHasRemote = 0x100 // the next one means something
	flagsRemote    = 0x200 // the parent, or what is linked to, may be another process's
)

// kindInternal is SPAN_KIND_INTERNAL.
const kindInternal = 1

// Encoder gathers spans into a request. It is for one goroutine.
type Encoder struct {
	resource []byte // field resource of ResourceSpans
	scope    []byte // field scope of ScopeSpans
	spans    []byte // fields spans of ScopeSpans
	count    int
}

// NewEncoder returns an encoder of what a library of the name scope tells of a resource.
func NewEncoder(scope string, resource ...Attribute) *Encoder {
	e := &Encoder{scope: appendField(nil, 1, func(b []byte) []byte { return appendString(b, 1, scope) })}
	e.resource = appendField(nil, 1, func(b []byte) []byte { return appendAttributes(b, 1, resource) })
	return e
}

// Len returns how many spans there are.
func (e *Encoder) Len() int { return e.count }

// Size returns how many bytes they take.
func (e *Encoder) Size() int { return len(e.spans) }

// Reset leaves no spans.
func (e *Encoder) Reset() { e.spans, e.count = e.spans[:0], 0 }

// Request returns the ExportTraceServiceRequest with all spans. It shares nothing with the encoder.
func (e *Encoder) Request() []byte {
	const heads = 32 // of the two messages around the spans
	b := make([]byte, 0, heads+len(e.resource)+len(e.scope)+len(e.spans))
	return appendField(b, 1, func(b []byte) []byte {
		b = append(b, e.resource...)
		return appendField(b, 2, func(b []byte) []byte { return append(append(b, e.scope...), e.spans...) })
	})
}

// Add adds a span. The encoder keeps nothing of it.
func (e *Encoder) Add(s *Span) {
	start := len(e.spans)
	b := appendBytes(e.spans, 1, s.Trace[:])
	b = appendBytes(b, 2, s.ID[:])
	b = appendString(b, 3, s.State)
	if s.Parent != (SpanID{}) {
		b = appendBytes(b, 4, s.Parent[:])
	}
	b = appendString(b, 5, s.Name)
	b = protowire.AppendVarint(protowire.AppendTag(b, 6, protowire.VarintType), kindInternal)
	b = appendTime(b, 7, s.Start)
	b = appendTime(b, 8, s.End)
	b = appendAttributes(b, 9, s.Attributes)
	for i := range s.Events {
		at := len(b)
		b = appendTime(b, 1, s.Events[i].At)
		b = appendString(b, 2, s.Events[i].Name)
		b = appendAttributes(b, 3, []Attribute{s.Events[i].Attribute})
		b = seal(b, at, 11)
	}
	if s.Link != nil {
		at := len(b)
		b = appendBytes(b, 1, s.Link.Trace[:])
		b = appendBytes(b, 2, s.Link.ID[:])
		b = appendString(b, 3, s.Link.State)
		b = seal(appendFlags(b, 6, s.Link.Remote), at, 13)
	}
	e.spans = seal(appendFlags(b, 16, s.Remote), start, 2)
	e.count++
}

// appendAttributes appends a field with a KeyValue for each attribute.
func appendAttributes(b []byte, field protowire.Number, all []Attribute) []byte {
	for i := range all {
		a := &all[i]
		start := len(b)
		b = appendString(b, 1, string(a.key))
		value := len(b)
		if a.kind == kindString { // where there is a choice, what is empty was chosen too
			b = protowire.AppendString(protowire.AppendTag(b, protowire.Number(a.kind), protowire.BytesType), shown(a.text))
		} else {
			b = protowire.AppendVarint(protowire.AppendTag(b, protowire.Number(a.kind), protowire.VarintType), a.number)
		}
		b = seal(seal(b, value, 2), start, field)
	}
	return b
}

// shown returns a string as it may stand in a message.
func shown(s string) string {
	if len(s) > ValueMax {
		cut := ValueMax
		for cut > ValueMax-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "?")
}

// seal makes what was appended from start on a message in a field: the field's tag and its length go before it.
func seal(b []byte, start int, field protowire.Number) []byte {
	var room [2 * 10]byte
	head := protowire.AppendVarint(protowire.AppendTag(room[:0], field, protowire.BytesType), uint64(len(b)-start))
	b = append(b, head...)
	copy(b[start+len(head):], b[start:len(b)-len(head)])
	copy(b[start:], head)
	return b
}

// appendField appends a field with a message that f appends.
func appendField(b []byte, field protowire.Number, f func(b []byte) []byte) []byte {
	return seal(f(b), len(b), field)
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

// appendString appends a field with a string, unless it is empty.
func appendString(b []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func appendTime(b []byte, field protowire.Number, at time.Time) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), uint64(at.UnixNano()))
}

func appendFlags(b []byte, field protowire.Number, remote bool) []byte {
	flags := uint32(flagsSampled | flagsHasRemote)
	if remote {
		flags |= flagsRemote
	}
	return protowire.AppendFixed32(protowire.AppendTag(b, field, protowire.Fixed32Type), flags)
}
