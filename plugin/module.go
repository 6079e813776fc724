package plugin

import "encoding/binary"

// valueType is a number's type in its binary form. Zero stands for the unknown type of
// unreachable code.
type valueType byte

const (
	typeI32 valueType = 0x7f
	typeI64 valueType = 0x7e
	typeF32 valueType = 0x7d
	typeF64 valueType = 0x7c
)

func (t valueType) String() string {
	switch t {
	case typeI32:
		return "i32"
	case typeI64:
		return "i64"
	case typeF32:
		return "f32"
	case typeF64:
		return "f64"
	}
	return "any"
}

func isValueType(b byte) bool { return b >= byte(typeF64) && b <= byte(typeI32) }

type functionType struct{ params, results []valueType }

func (t functionType) equal(o functionType) bool {
	return string(asBytes(t.params)) == string(asBytes(o.params)) && string(asBytes(t.results)) == string(asBytes(o.results))
}

func asBytes(t []valueType) []byte {
	b := make([]byte, len(t))
	for i, v := range t {
		b[i] = byte(v)
	}
	return b
}

func (t functionType) String() string {
	s := "("
	for _, p := range t.params {
		s += " " + p.String()
	}
	s += " ) -> ("
	for _, p := range t.results {
		s += " " + p.String()
	}
	return s + " )"
}

type globalDef struct {
	typ     valueType
	mutable bool
	value   uint64 // bits of the initial value
}

type export struct {
	name  string
	kind  byte
	index uint32
}

const (
	kindFunction = 0
	kindTable    = 1
	kindMemory   = 2
	kindGlobal   = 3
)

type importedFunction struct {
	module, name string
	typ          uint32
}

type activeSegment struct {
	offset uint32
	data   []byte   // of a data segment
	funcs  []uint32 // of an element segment
}

// module is a decoded module, but for its functions' bodies.
type module struct {
	file     []byte
	sections [13]*section // by id; custom ones are left out
	types    []functionType
	imports  []importedFunction
	funcs    []uint32 // type of each defined function
	globals  []globalDef
	exports  []export
	elements []activeSegment
	data     []activeSegment
	bodies   []section // start to end is the body without its length

	hasTable           bool
	tableMin, tableMax uint32
	hasMemory          bool
	pagesMin, pagesMax uint32
	memoryHasMax       bool
	dataCount          int // -1: no such section
}

// function returns the type of a function by its index, imports first.
func (m *module) function(i uint32) (functionType, bool) {
	n := uint32(len(m.imports))
	switch {
	case i < n:
		return m.types[m.imports[i].typ], true
	case uint64(i) < uint64(n)+uint64(len(m.funcs)):
		return m.types[m.funcs[i-n]], true
	}
	return functionType{}, false
}

// sectionOrder is the place of each section; the data count's number is out of order.
var sectionOrder = [13]byte{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, 8: 8, 9: 9, 12: 10, 10: 11, 11: 12}

// parseModule decodes everything but the bodies and checks it against the limits.
func parseModule(file []byte, sections []section, l *Limits) (*module, *Refusal) {
	m := &module{file: file, dataCount: -1}
	place := byte(0)
	for i := range sections {
		s := &sections[i]
		if s.id == 0 {
			continue
		}
		if int(s.id) >= len(sectionOrder) {
			return nil, refuse(CodeFeature, s.start, "section %d belongs to a feature that is not accepted", s.id)
		}
		if sectionOrder[s.id] <= place {
			return nil, refuse(CodeMalformed, s.start, "section %d is doubled or out of order", s.id)
		}
		place = sectionOrder[s.id]
		m.sections[s.id] = s
	}
	for _, step := range []struct {
		id    byte
		parse func(*module, *reader, *Limits)
	}{
		{1, (*module).parseTypes}, {2, (*module).parseImports}, {3, (*module).parseFunctions},
		{4, (*module).parseTable}, {5, (*module).parseMemory}, {6, (*module).parseGlobals},
		{7, (*module).parseExports}, {8, (*module).parseStart}, {9, (*module).parseElements},
		{12, (*module).parseDataCount}, {10, (*module).parseCode}, {11, (*module).parseData},
	} {
		s := m.sections[step.id]
		if s == nil {
			continue
		}
		r := &reader{b: file, at: s.contentStart, end: s.end}
		step.parse(m, r, l)
		if r.more() {
			r.fail(CodeMalformed, "section %d has bytes left over", step.id)
		}
		if r.failed() {
			return nil, r.refuse
		}
	}
	return m, m.checkWhole()
}

// checkWhole checks what concerns several sections.
func (m *module) checkWhole() *Refusal {
	if len(m.bodies) != len(m.funcs) {
		return refuse(CodeMalformed, -1, "%d functions are declared and %d have a body", len(m.funcs), len(m.bodies))
	}
	if m.dataCount >= 0 && m.dataCount != len(m.data) {
		return refuse(CodeMalformed, -1, "%d data segments are announced and %d are there", m.dataCount, len(m.data))
	}
	if len(m.data) > 0 && !m.hasMemory {
		return refuse(CodeInvalid, -1, "data segments without a memory")
	}
	for _, d := range m.data {
		if uint64(d.offset)+uint64(len(d.data)) > uint64(m.pagesMin)<<16 {
			return refuse(CodeData, -1, "a data segment of %d bytes at %d lies beyond the initial memory of %d pages", len(d.data), d.offset, m.pagesMin)
		}
	}
	for _, e := range m.elements {
		if !m.hasTable || uint64(e.offset)+uint64(len(e.funcs)) > uint64(m.tableMin) {
			return refuse(CodeTable, -1, "an element segment of %d functions at %d lies beyond the table of %d", len(e.funcs), e.offset, m.tableMin)
		}
	}
	return nil
}

func (m *module) parseTypes(r *reader, l *Limits) {
	for n := r.count("types", l.Types); n > 0 && !r.failed(); n-- {
		if form := r.byte(); form != 0x60 && !r.failed() {
			r.fail(CodeFeature, "type form 0x%02x is no function type", form)
		}
		params := r.valueTypes("parameters", l.Params)
		results := r.valueTypes("results", l.Results)
		m.types = append(m.types, functionType{params, results})
	}
}

func (r *reader) valueType() valueType {
	b := r.byte()
	if !isValueType(b) && !r.failed() {
		r.fail(CodeFeature, "value type 0x%02x is not accepted, only i32, i64, f32, f64", b)
	}
	return valueType(b)
}

func (r *reader) valueTypes(what string, most int) []valueType {
	n := r.count(what, most)
	list := make([]valueType, 0, n)
	for ; n > 0 && !r.failed(); n-- {
		list = append(list, r.valueType())
	}
	return list
}

// typeIndex reads the index of a function type.
func (m *module) typeIndex(r *reader) uint32 {
	t := r.u32()
	if uint64(t) >= uint64(len(m.types)) {
		r.fail(CodeInvalid, "there is no type %d", t)
	}
	return t
}

func (m *module) parseImports(r *reader, l *Limits) {
	for n := r.count("imports", l.Imports); n > 0 && !r.failed(); n-- {
		f := importedFunction{module: r.name(), name: r.name()}
		if kind := r.byte(); kind != kindFunction && !r.failed() {
			r.fail(CodeImport, "%q.%q is no function; memory, tables and globals cannot be imported", f.module, f.name)
		}
		f.typ = m.typeIndex(r)
		m.imports = append(m.imports, f)
	}
}

func (m *module) parseFunctions(r *reader, l *Limits) {
	for n := r.count("functions", l.Functions); n > 0 && !r.failed(); n-- {
		m.funcs = append(m.funcs, m.typeIndex(r))
	}
}

// limits reads the size of a table or memory.
func (r *reader) limits() (least, most uint32, hasMost bool) {
	flag := r.byte()
	if flag > 1 {
		r.fail(CodeFeature, "shared and 64-bit memories are not accepted")
		return 0, 0, false
	}
	least = r.u32()
	if flag == 1 {
		most = r.u32()
		if most < least && !r.failed() {
			r.fail(CodeInvalid, "the maximum %d is below the minimum %d", most, least)
		}
	}
	return least, most, flag == 1
}

func (m *module) parseTable(r *reader, l *Limits) {
	if n := r.u32(); n != 1 && !r.failed() {
		r.fail(CodeTable, "%d tables, one is allowed", n)
	}
	if t := r.byte(); t != 0x70 && !r.failed() {
		r.fail(CodeFeature, "a table of type 0x%02x, only functions are allowed", t)
	}
	var hasMax bool
	m.tableMin, m.tableMax, hasMax = r.limits()
	if !hasMax {
		m.tableMax = m.tableMin
	}
	if m.tableMin > l.TableEntries {
		r.fail(CodeTable, "a table of %d entries, at most %d are allowed", m.tableMin, l.TableEntries)
	}
	m.hasTable = true
}

func (m *module) parseMemory(r *reader, l *Limits) {
	if n := r.u32(); n != 1 && !r.failed() {
		r.fail(CodeMemory, "%d memories, one is allowed", n)
	}
	m.pagesMin, m.pagesMax, m.memoryHasMax = r.limits()
	if m.pagesMin > 65536 || m.pagesMax > 65536 {
		r.fail(CodeInvalid, "a memory has at most 65536 pages")
	}
	if m.pagesMin > l.PagesMax {
		r.fail(CodeMemory, "the initial memory has %d pages, at most %d are allowed", m.pagesMin, l.PagesMax)
	}
	m.hasMemory = true
}

// constant reads an initialiser, which must be one constant.
func (r *reader) constant() (t valueType, bits uint64) {
	switch op := r.byte(); op {
	case 0x41:
		t, bits = typeI32, uint64(uint32(r.s32()))
	case 0x42:
		t, bits = typeI64, uint64(r.s64())
	case 0x43:
		t = typeF32
		if b := r.take(4); b != nil {
			bits = uint64(binary.LittleEndian.Uint32(b))
		}
	case 0x44:
		t = typeF64
		if b := r.take(8); b != nil {
			bits = binary.LittleEndian.Uint64(b)
		}
	default:
		if !r.failed() {
			r.fail(CodeFeature, "instruction 0x%02x in an initialiser; only constants are accepted", op)
		}
	}
	if end := r.byte(); end != 0x0b && !r.failed() {
		r.fail(CodeFeature, "an initialiser of several instructions; only constants are accepted")
	}
	return t, bits
}

func (m *module) parseGlobals(r *reader, l *Limits) {
	for n := r.count("globals", l.Globals); n > 0 && !r.failed(); n-- {
		g := globalDef{typ: r.valueType()}
		mutable := r.byte()
		if mutable > 1 {
			r.fail(CodeMalformed, "mutability is %d", mutable)
		}
		g.mutable = mutable == 1
		var t valueType
		if t, g.value = r.constant(); t != g.typ && !r.failed() {
			r.fail(CodeInvalid, "a global of type %v starts with a %v", g.typ, t)
		}
		m.globals = append(m.globals, g)
	}
}

func (m *module) parseExports(r *reader, l *Limits) {
	seen := map[string]bool{}
	for n := r.count("exports", l.Exports); n > 0 && !r.failed(); n-- {
		e := export{name: r.name(), kind: r.byte(), index: r.u32()}
		if seen[e.name] {
			r.fail(CodeInvalid, "two exports are named %q", e.name)
		}
		seen[e.name] = true
		var ok bool
		switch e.kind {
		case kindFunction:
			_, ok = m.function(e.index)
		case kindTable:
			ok = m.hasTable && e.index == 0
		case kindMemory:
			ok = m.hasMemory && e.index == 0
		case kindGlobal:
			ok = uint64(e.index) < uint64(len(m.globals))
		}
		if !ok && !r.failed() {
			r.fail(CodeInvalid, "export %q is of nothing: kind %d, index %d", e.name, e.kind, e.index)
		}
		m.exports = append(m.exports, e)
	}
}

func (m *module) parseStart(r *reader, _ *Limits) {
	r.fail(CodeStart, "the module has a start function; build it as a reactor, with _initialize")
}

func (m *module) parseElements(r *reader, l *Limits) {
	for n := r.count("element segments", l.Elements); n > 0 && !r.failed(); n-- {
		if flag := r.u32(); flag != 0 && !r.failed() {
			r.fail(CodeFeature, "an element segment of kind %d, only active ones of the first kind are accepted", flag)
		}
		t, offset := r.constant()
		if t != typeI32 && !r.failed() {
			r.fail(CodeInvalid, "an offset of type %v", t)
		}
		e := activeSegment{offset: uint32(offset)}
		for k := r.count("functions in a segment", int(l.TableEntries)); k > 0 && !r.failed(); k-- {
			f := r.u32()
			if _, ok := m.function(f); !ok && !r.failed() {
				r.fail(CodeInvalid, "there is no function %d", f)
			}
			e.funcs = append(e.funcs, f)
		}
		m.elements = append(m.elements, e)
	}
}

func (m *module) parseDataCount(r *reader, l *Limits) {
	m.dataCount = r.count("data segments", l.Data)
}

func (m *module) parseCode(r *reader, l *Limits) {
	n := r.count("bodies", l.Functions)
	m.bodies = make([]section, 0, min(n, r.end-r.at)) // each takes a byte at least
	for ; n > 0 && !r.failed(); n-- {
		size := r.u32()
		if uint64(size) > uint64(l.BodyBytes) {
			r.fail(CodeBody, "a function of %d bytes, at most %d are allowed", size, l.BodyBytes)
		}
		start := r.at
		r.take(size)
		m.bodies = append(m.bodies, section{start: start, end: r.at})
	}
}

func (m *module) parseData(r *reader, l *Limits) {
	total := 0
	n := r.count("data segments", l.Data)
	m.data = make([]activeSegment, 0, min(n, r.end-r.at)) // each takes a byte at least
	for ; n > 0 && !r.failed(); n-- {
		if flag := r.u32(); flag != 0 && !r.failed() {
			r.fail(CodeFeature, "a data segment of kind %d, only active ones are accepted", flag)
		}
		t, offset := r.constant()
		if t != typeI32 && !r.failed() {
			r.fail(CodeInvalid, "an offset of type %v", t)
		}
		d := activeSegment{offset: uint32(offset), data: r.take(r.u32())}
		if total += len(d.data); total > l.DataBytes {
			r.fail(CodeData, "the data segments have more than %d bytes", l.DataBytes)
		}
		m.data = append(m.data, d)
	}
}
