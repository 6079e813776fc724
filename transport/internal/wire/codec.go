package wire

import (
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// Service is the gRPC service of a link. Each class of messages is one of its methods, a stream
// of frames from the caller; the other direction carries headers and a final status only.
const Service = "quoin.transport.v1.Link"

// Stream describes the method of the class with the given name.
func Stream(class string, handler grpc.StreamHandler) grpc.StreamDesc {
	return grpc.StreamDesc{StreamName: class, Handler: handler, ClientStreams: true, ServerStreams: true}
}

// Method is the full name of the method of the class with the given name.
func Method(class string) string { return "/" + Service + "/" + class }

// Outgoing is a frame to send: gRPC's message type on the calling side.
type Outgoing struct{ Messages [][]byte }

// Incoming is a frame received: gRPC's message type on the called side. The caller sets
// MessageBytesMax; after each receipt either Messages are the frame's (their slice is reused,
// the messages are not), or Err says why the frame is refused.
type Incoming struct {
	MessageBytesMax int
	Messages        [][]byte
	Err             error
}

// Codec passes frames to and from gRPC. It holds no state.
type Codec struct{}

var _ encoding.CodecV2 = Codec{}

// Name is part of the content type. It is never looked up in a registry.
func (Codec) Name() string { return "quoin-frame" }

// Marshal encodes an *Outgoing.
func (Codec) Marshal(v any) (mem.BufferSlice, error) {
	frame, ok := v.(*Outgoing)
	if !ok {
		return nil, fmt.Errorf("wire: cannot encode %T, only *wire.Outgoing", v)
	}
	return Encode(frame.Messages), nil
}

// Unmarshal decodes into an *Incoming. A refused frame is reported in Err, not as an error,
// because gRPC would turn that into text and lose which fault it was.
func (Codec) Unmarshal(data mem.BufferSlice, v any) error {
	frame, ok := v.(*Incoming)
	if !ok {
		return fmt.Errorf("wire: cannot decode into %T, only *wire.Incoming", v)
	}
	frame.Messages, frame.Err = Decode(frame.Messages[:0], data, frame.MessageBytesMax)
	return nil
}
