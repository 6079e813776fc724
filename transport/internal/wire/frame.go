// Package wire fixes what links between nodes look like on the wire: the frame that carries
// messages, the codec that hands frames to gRPC without another encoding, and the TLS settings
// that pin a peer by its Ed25519 key.
//
// # Frame
//
// A frame is the payload of one gRPC message, a list of messages without anything around it:
//
//	frame   = 1*message
//	message = length bytes          ; length: 4 bytes, big-endian, 1 ≤ length ≤ the class's limit
//
// A frame holds one message of any permitted length, or from two to BatchMessagesMax messages
// whose encodings together take at most BatchBytesMax. Every frame decodes to one list and every
// list has one encoding, so nothing can hide in a frame. Golden bytes are in frame_test.go.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"google.golang.org/grpc/mem"
)

const (
	// PrefixBytes is the size of the length before each message.
	PrefixBytes = 4
	// BatchBytesMax bounds a frame of several messages, prefixes included. It is small
	// enough that a frame never delays another class for long and large enough that the
	// system calls of small messages are shared by hundreds of them.
	BatchBytesMax = 64 << 10
	// BatchMessagesMax bounds the number of messages in a frame.
	BatchMessagesMax = 1024
	// copyBytesMax is the length above which a lone message is referred to, not copied.
	copyBytesMax = 4 << 10
)

// Faults of a frame. Both are the sender's fault.
var (
	// ErrOversized: a message is longer than its class allows.
	ErrOversized = errors.New("message longer than its class allows")
	// ErrMalformed: the bytes are not a frame.
	ErrMalformed = errors.New("malformed frame")
)

// FrameBytesMax returns the size of the largest frame of a class whose messages have at most
// messageBytesMax bytes.
func FrameBytesMax(messageBytesMax int) int {
	return max(messageBytesMax+PrefixBytes, BatchBytesMax)
}

// Encode returns the frame of messages, which the caller has chosen within the limits of a
// frame. Small messages are copied; a lone large one is shared and must never be modified.
func Encode(messages [][]byte) mem.BufferSlice {
	if len(messages) == 1 && len(messages[0]) > copyBytesMax {
		prefix := binary.BigEndian.AppendUint32(make([]byte, 0, PrefixBytes), uint32(len(messages[0])))
		return mem.BufferSlice{mem.SliceBuffer(prefix), mem.SliceBuffer(messages[0])}
	}
	total := 0
	for _, message := range messages {
		total += PrefixBytes + len(message)
	}
	pool := mem.DefaultBufferPool()
	buffer := pool.Get(total)
	frame := (*buffer)[:0]
	for _, message := range messages {
		frame = binary.BigEndian.AppendUint32(frame, uint32(len(message)))
		frame = append(frame, message...)
	}
	*buffer = frame
	return mem.BufferSlice{mem.NewBuffer(buffer, pool)}
}

// Decode appends the messages of a frame to into. Each message gets memory of its own, so that
// whoever keeps a small message does not keep its whole frame alive; nothing is allocated for a
// message before its length is known to be both permitted and present.
// It fails with ErrOversized or ErrMalformed, wrapped with what was found.
func Decode(into [][]byte, frame mem.BufferSlice, messageBytesMax int) ([][]byte, error) {
	reader := frame.Reader()
	defer reader.Close()
	total := reader.Remaining()
	if total == 0 {
		return into, fmt.Errorf("%w: empty", ErrMalformed)
	}
	var prefix [PrefixBytes]byte
	for count := 1; reader.Remaining() > 0; count++ {
		if count > BatchMessagesMax {
			return into, fmt.Errorf("%w: more than %d messages", ErrMalformed, BatchMessagesMax)
		}
		if count > 1 && total > BatchBytesMax {
			return into, fmt.Errorf("%w: several messages in %d bytes, at most %d", ErrMalformed, total, BatchBytesMax)
		}
		if reader.Remaining() < PrefixBytes {
			return into, fmt.Errorf("%w: %d bytes where a length was due", ErrMalformed, reader.Remaining())
		}
		// Read fills what it is given as long as that much remains, and never fails then.
		reader.Read(prefix[:])
		length := uint64(binary.BigEndian.Uint32(prefix[:]))
		switch {
		case length == 0:
			return into, fmt.Errorf("%w: message without bytes", ErrMalformed)
		case length > uint64(messageBytesMax):
			return into, fmt.Errorf("%w: %d bytes, at most %d", ErrOversized, length, messageBytesMax)
		case length > uint64(reader.Remaining()):
			return into, fmt.Errorf("%w: message of %d bytes cut at %d", ErrMalformed, length, reader.Remaining())
		}
		message := make([]byte, length)
		reader.Read(message)
		into = append(into, message)
	}
	return into, nil
}
