package canonical

import (
	"bytes"
	"errors"
	"testing"
)

// TestPinnedBytes pins the encoding of every kind of field.
func TestPinnedBytes(t *testing.T) {
	var b []byte
	b = AppendUint64(b, uint64(0x0102030405060708))
	b = AppendUint32(b, uint32(0x11121314))
	b = AppendUint16(b, uint16(0x2122))
	b = AppendBool(b, true)
	b = AppendBool(b, false)
	b = AppendBytes8(b, "ab")
	b = AppendBytes32(b, []byte{0xfe})
	b = append(b, 7, 9, 9)
	want := []byte{1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 1, 0, 2, 'a', 'b', 0, 0, 0, 1, 0xfe, 7, 9, 9}
	if !bytes.Equal(b, want) {
		t.Fatalf("%x, want %x", b, want)
	}
	r := NewReader(b)
	if x := r.Uint64(); x != 0x0102030405060708 {
		t.Errorf("Uint64 %x", x)
	}
	if x := r.Uint32(); x != 0x11121314 {
		t.Errorf("Uint32 %x", x)
	}
	if x := r.Uint16(); x != 0x2122 {
		t.Errorf("Uint16 %x", x)
	}
	if !r.Bool() || r.Bool() {
		t.Error("Bool")
	}
	if x := r.Bytes8(2); string(x) != "ab" {
		t.Errorf("Bytes8 %q", x)
	}
	if x := r.Bytes32(1); !bytes.Equal(x, []byte{0xfe}) {
		t.Errorf("Bytes32 %x", x)
	}
	if r.Byte() != 7 || r.Len() != 2 || r.Done() == nil {
		t.Error("two bytes are left, and Done is content")
	}
}

func TestRefusals(t *testing.T) {
	for name, read := range map[string]func(r *Reader){
		"uint64 of 7":              func(r *Reader) { r.Uint64() },
		"boolean of 2":             func(r *Reader) { r.Bool() },
		"bytes above the limit":    func(r *Reader) { r.Bytes8(1) },
		"bytes32 above the limit":  func(r *Reader) { r.Bytes32(1 << 20) },
		"count above the limit":    func(r *Reader) { r.Count16(100, 1) },
		"count above what is left": func(r *Reader) { r.Count16(1<<16, 1) },
		"count32 above the limit":  func(r *Reader) { r.Count32(100, 0) },
		"take of 8":                func(r *Reader) { r.Take(8) },
		"take of less than none":   func(r *Reader) { r.Take(-1) },
		"copy of 8":                func(r *Reader) { r.Copy(make([]byte, 8)) },
		"left over":                func(r *Reader) { r.Byte() },
		"the caller's own":         func(r *Reader) { r.Fail("no %s", "good") },
	} {
		r := NewReader([]byte{2, 3, 0, 0, 0, 0, 0})
		read(r)
		err := r.Done()
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if r.Len() > 0 && name != "left over" {
			t.Errorf("%s: %d bytes can still be read after an error", name, r.Len())
		}
		r.Fail("another")
		if r.Err() != err {
			t.Errorf("%s: a later error took the first one's place", name)
		}
	}
}

func TestAfterAnErrorEverythingIsZero(t *testing.T) {
	r := NewReader(bytes.Repeat([]byte{1}, 100))
	r.Fail("x")
	buf := []byte{5}
	r.Copy(buf)
	if r.Byte() != 0 || r.Bool() || r.Uint16() != 0 || r.Uint32() != 0 || r.Uint64() != 0 || r.Bytes8(9) != nil ||
		r.Bytes32(9) != nil || r.Count16(9, 1) != 0 || r.Count32(9, 1) != 0 || r.Take(1) != nil || buf[0] != 5 {
		t.Error("something was read after an error")
	}
	var zero Reader
	if zero.Done() != nil || zero.Len() != 0 {
		t.Error("the zero Reader is not at the end of nothing")
	}
}

func TestTakenBytesCannotGrowIntoTheRest(t *testing.T) {
	b := []byte{1, 2, 3}
	first := NewReader(b).Take(1)
	_ = append(first, 9)
	if b[1] != 2 {
		t.Error("appending to what was taken changed the input")
	}
}

// FuzzReader reads arbitrary bytes by an arbitrary plan: what was read and written again is the
// prefix that was consumed, nothing is larger than the input, and nothing panics.
func FuzzReader(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8}, bytes.Repeat([]byte{0, 1}, 40))
	f.Add([]byte{5, 6, 7, 8}, []byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, plan, input []byte) {
		r := NewReader(input)
		var again []byte
		for _, step := range plan {
			b := again
			switch step % 7 {
			case 0:
				b = append(b, r.Byte())
			case 1:
				b = AppendBool(b, r.Bool())
			case 2:
				b = AppendUint16(b, r.Uint16())
			case 3:
				b = AppendUint32(b, r.Uint32())
			case 4:
				b = AppendUint64(b, r.Uint64())
			case 5:
				b = AppendBytes8(b, r.Bytes8(int(step)))
			case 6:
				b = AppendBytes32(b, r.Bytes32(int(step)))
			}
			if r.Err() != nil {
				if !errors.Is(r.Err(), ErrMalformed) {
					t.Errorf("error %v", r.Err())
				}
				return
			}
			again = b
		}
		if !bytes.Equal(again, input[:len(input)-r.Len()]) {
			t.Errorf("read %x, wrote %x", input[:len(input)-r.Len()], again)
		}
	})
}
