package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"google.golang.org/grpc/mem"
)

const testBytesMax = 100 << 10

// cut makes a frame arrive in pieces of at most n bytes.
func cut(frame []byte, n int) (pieces mem.BufferSlice) {
	for piece := range slices.Chunk(frame, n) {
		pieces = append(pieces, mem.SliceBuffer(piece))
	}
	return pieces
}

func decode(frame []byte, piece int) ([][]byte, error) {
	return Decode(nil, cut(frame, piece), testBytesMax)
}

func TestFrameGolden(t *testing.T) {
	for _, test := range []struct {
		name     string
		messages [][]byte
		frame    string
	}{
		{"one", [][]byte{[]byte("vote")}, "00000004" + "766f7465"},
		{"two", [][]byte{[]byte("a"), []byte("bc")}, "00000001" + "61" + "00000002" + "6263"},
	} {
		if got := hex.EncodeToString(Encode(test.messages).Materialize()); got != test.frame {
			t.Errorf("%s: encoded %s, want %s", test.name, got, test.frame)
		}
		frame, err := hex.DecodeString(test.frame)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(frame, len(frame))
		if err != nil || !slices.EqualFunc(got, test.messages, bytes.Equal) {
			t.Errorf("%s: decoded %q, %v", test.name, got, err)
		}
	}
}

func TestFrameRoundTrip(t *testing.T) {
	long := bytes.Repeat([]byte("long "), testBytesMax/5)
	many := slices.Repeat([][]byte{{7}}, BatchMessagesMax)
	for _, messages := range [][][]byte{{{1}}, {long}, many, {long[:copyBytesMax]}, {long[:copyBytesMax+1]}, {{1}, long[:BatchBytesMax-2*PrefixBytes-1]}} {
		frame := Encode(messages)
		if frame.Len() > FrameBytesMax(testBytesMax) {
			t.Errorf("frame of %d bytes, above the limit of %d", frame.Len(), FrameBytesMax(testBytesMax))
		}
		for _, piece := range []int{1, 3, 16 << 10, 1 << 20} {
			got, err := decode(frame.Materialize(), piece)
			if err != nil || !slices.EqualFunc(got, messages, bytes.Equal) {
				t.Errorf("%d messages in pieces of %d: got %d, %v", len(messages), piece, len(got), err)
			}
		}
	}
}

func TestFrameRefusals(t *testing.T) {
	frame := func(messages ...[]byte) []byte { return Encode(messages).Materialize() }
	for _, test := range []struct {
		name  string
		frame []byte
		want  error
	}{
		{"empty", nil, ErrMalformed},
		{"cut in the length", []byte{0, 0, 0}, ErrMalformed},
		{"cut in the message", []byte{0, 0, 0, 2, 1}, ErrMalformed},
		{"length only", []byte{0, 0, 0, 1}, ErrMalformed},
		{"trailing byte", append(frame([]byte("a")), 0), ErrMalformed},
		{"message without bytes", []byte{0, 0, 0, 0}, ErrMalformed},
		{"one without bytes after another", append(frame([]byte("a")), 0, 0, 0, 0), ErrMalformed},
		{"longer than its class allows", frame(make([]byte, testBytesMax+1)), ErrOversized},
		{"absurd length", []byte{0xff, 0xff, 0xff, 0xff, 1}, ErrOversized},
		{"too many messages", frame(slices.Repeat([][]byte{{7}}, BatchMessagesMax+1)...), ErrMalformed},
		{"too many bytes in several", frame(make([]byte, BatchBytesMax-1), []byte{1}), ErrMalformed},
	} {
		for _, piece := range []int{1, 1 << 20} {
			if _, err := decode(test.frame, piece); !errors.Is(err, test.want) {
				t.Errorf("%s: got %v, want %v", test.name, err, test.want)
			}
		}
	}
}

// A lone large message is shared, not copied: a broadcast to many peers holds it once.
func TestFrameSharesLargeMessages(t *testing.T) {
	message := make([]byte, copyBytesMax+1)
	frame := Encode([][]byte{message})
	if got := frame[len(frame)-1].ReadOnlyData(); &got[0] != &message[0] {
		t.Error("a large message was copied")
	}
}

// Decoded messages must not share memory: whoever keeps one would keep the others alive.
func TestFrameMessagesStandAlone(t *testing.T) {
	frame := Encode([][]byte{[]byte("first"), []byte("second")}).Materialize()
	messages, err := decode(frame, len(frame))
	if err != nil {
		t.Fatal(err)
	}
	clear(frame)
	if got := append(messages[0], "XXXXXX"...); !bytes.HasPrefix(got, []byte("first")) || string(messages[1]) != "second" {
		t.Errorf("messages share memory: %q, %q", messages[0], messages[1])
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 7}, uint8(1))
	f.Add([]byte{0, 0, 0, 1, 7, 0, 0, 0, 2, 8, 9}, uint8(3))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, uint8(200))
	f.Fuzz(func(t *testing.T, frame []byte, piece uint8) {
		messages, err := decode(frame, max(int(piece), 1))
		whole, wholeErr := decode(frame, max(len(frame), 1))
		if !slices.EqualFunc(messages, whole, bytes.Equal) || (err == nil) != (wholeErr == nil) {
			t.Fatalf("pieces of %d change the result: %v, %v", piece, err, wholeErr)
		}
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrOversized) {
				t.Fatalf("error without a kind: %v", err)
			}
			return
		}
		if again := Encode(messages).Materialize(); !bytes.Equal(again, frame) {
			t.Fatalf("%x decodes to what encodes to %x", frame, again)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	messages := slices.Repeat([][]byte{make([]byte, 128)}, 400)
	frame := cut(Encode(messages).Materialize(), 16<<10)
	into := make([][]byte, 0, len(messages))
	b.SetBytes(400 * 128)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(into, frame, testBytesMax); err != nil {
			b.Fatal(err)
		}
	}
}
