package plugin

import "unicode/utf8"

// reader reads the binary format. It remembers its first refusal; from then on it is at the
// end and every read gives zero, so that loops over counts must ask failed.
type reader struct {
	b      []byte // the whole file, so that offsets are the file's
	at     int
	end    int
	refuse *Refusal
}

func (r *reader) failed() bool { return r.refuse != nil }

// fail records a refusal at the current place, if none came before.
func (r *reader) fail(code Code, format string, args ...any) {
	if r.refuse == nil {
		r.refuse = refuse(code, r.at, format, args...)
	}
	r.at = r.end
}

func (r *reader) more() bool { return r.at < r.end }

func (r *reader) byte() byte {
	if r.at < r.end {
		r.at++
		return r.b[r.at-1]
	}
	return r.ended()
}

//go:noinline
func (r *reader) ended() byte {
	r.fail(CodeMalformed, "unexpected end")
	return 0
}

func (r *reader) take(n uint32) []byte {
	if uint64(n) > uint64(r.end-r.at) {
		r.fail(CodeMalformed, "unexpected end: %d bytes wanted, %d left", n, r.end-r.at)
		return nil
	}
	b := r.b[r.at : r.at+int(n)]
	r.at += int(n)
	return b
}

// u32 reads an unsigned LEB128 number of 32 bits. Most numbers have one byte.
func (r *reader) u32() uint32 {
	if r.at < r.end && r.b[r.at] < 0x80 {
		r.at++
		return uint32(r.b[r.at-1])
	}
	return r.longU32()
}

func (r *reader) longU32() uint32 {
	var v uint32
	for i := 0; i < 5; i++ {
		c := r.byte()
		if i == 4 && c > 0x0f {
			r.fail(CodeMalformed, "number of more than 32 bits")
			return 0
		}
		v |= uint32(c&0x7f) << (7 * i)
		if c < 0x80 {
			break
		}
	}
	if r.failed() {
		return 0
	}
	return v
}

// s32 reads a signed LEB128 number of 32 bits.
func (r *reader) s32() int32 { return int32(r.signed(32)) }

// s33 reads a block type.
func (r *reader) s33() int64 { return r.signed(33) }

// s64 reads a signed LEB128 number of 64 bits.
func (r *reader) s64() int64 { return r.signed(64) }

func (r *reader) signed(bits uint) int64 {
	if r.at < r.end && r.b[r.at] < 0x80 {
		r.at++
		return int64(int8(r.b[r.at-1]<<1) >> 1)
	}
	return r.longSigned(bits)
}

func (r *reader) longSigned(bits uint) int64 {
	var v int64
	var shift uint
	for {
		c := r.byte()
		if r.failed() {
			return 0
		}
		left := bits - shift
		if left < 7 {
			// The bits beyond the number must repeat its sign.
			sign := int8(c<<1) >> 1 >> (left - 1)
			if c >= 0x80 || sign != 0 && sign != -1 {
				r.fail(CodeMalformed, "number of more than %d bits", bits)
				return 0
			}
		}
		v |= int64(c&0x7f) << shift
		shift += 7
		if c < 0x80 {
			if shift < 64 {
				v = v << (64 - shift) >> (64 - shift)
			}
			return v
		}
		if left < 7 || shift >= 70 {
			r.fail(CodeMalformed, "number of more than %d bits", bits)
			return 0
		}
	}
}

// name reads a UTF-8 name of at most NameBytesMax bytes.
func (r *reader) name() string {
	n := r.u32()
	if n > nameBytesMax {
		r.fail(CodeCount, "a name of %d bytes, at most %d are allowed", n, nameBytesMax)
		return ""
	}
	b := r.take(n)
	if !utf8.Valid(b) {
		r.fail(CodeMalformed, "a name is not UTF-8")
		return ""
	}
	return string(b)
}

// count reads the length of a list and checks it.
func (r *reader) count(what string, most int) int {
	n := r.u32()
	if uint64(n) > uint64(most) {
		r.fail(CodeCount, "%d %s, at most %d are allowed", n, what, most)
		return 0
	}
	return int(n)
}

const nameBytesMax = 512

// section is one section of a module: bytes start to end of the file, of which content is
// what follows its length and, for custom sections, its name.
type section struct {
	id           byte
	name         string // of custom sections
	start, end   int
	content      []byte
	contentStart int
}

const sectionsMax = 256

// splitSections checks the magic number and cuts the file into its sections.
func splitSections(file []byte) ([]section, error) {
	if len(file) > FileMax {
		return nil, refuse(CodeSize, -1, "the file has %d bytes, at most %d are allowed", len(file), FileMax)
	}
	if len(file) < 8 || string(file[:8]) != "\x00asm\x01\x00\x00\x00" {
		return nil, refuse(CodeMalformed, 0, "not a WebAssembly module of version 1")
	}
	r := reader{b: file, at: 8, end: len(file)}
	var list []section
	for r.more() {
		if len(list) == sectionsMax {
			return nil, refuse(CodeCount, r.at, "more than %d sections", sectionsMax)
		}
		s := section{start: r.at}
		s.id = r.byte()
		n := r.u32()
		if uint64(n) > uint64(r.end-r.at) {
			r.fail(CodeMalformed, "a section of %d bytes, %d are left", n, r.end-r.at)
		}
		if r.failed() {
			return nil, r.refuse
		}
		s.end = r.at + int(n)
		if s.id == 0 {
			inner := reader{b: file, at: r.at, end: s.end}
			s.name = inner.name()
			if inner.failed() {
				return nil, inner.refuse
			}
			r.at = inner.at
		}
		s.contentStart, s.content = r.at, file[r.at:s.end]
		r.at = s.end
		list = append(list, s)
	}
	return list, nil
}

// appendU32 appends an unsigned LEB128 number in its shortest form.
func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func lenU32(v uint32) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// appendS64 appends a signed LEB128 number in its shortest form.
func appendS64(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}
