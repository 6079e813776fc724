package plugin

import (
	"encoding/binary"
	"strconv"
)

// Exports that the instrumentation adds.
const (
	fuelExport   = "quoin.fuel"
	stackExport  = "quoin.stack"
	dirtyExport  = "quoin.dirty"
	regionExport = "quoin.region"
	globalExport = "quoin.global." // and the number of a mutable global
)

// instrument returns the rewritten module and the numbers of the original's mutable globals,
// which it exports so that the host can restore them. Custom sections are left out, and so is
// the data, which the host copies into the memory itself.
func (c *checked) instrument() (out []byte, mutable []int, refusal *Refusal) {
	m := c.module
	globals := uint32(len(m.globals))
	j := &injector{fuelGlobal: globals, stackGlobal: globals + 1, dirtyGlobal: globals + 2, regionGlobal: globals + 3,
		memory: memoryChargesFor(c.report.PagesMax)}
	code, refusal := c.bodies(j)
	if refusal != nil {
		return nil, nil, refusal
	}
	for i, g := range m.globals {
		if g.mutable {
			mutable = append(mutable, i)
		}
	}
	out = append(make([]byte, 0, len(m.file)+len(code)), m.file[:8]...)
	out = appendSection(out, 1, m.typeSection(j.extra))
	out = m.copySection(out, 2)
	out = m.copySection(out, 3)
	if m.hasTable {
		t := appendU32([]byte{1, 0x70, 1}, m.tableMin)
		out = appendSection(out, 4, appendU32(t, m.tableMin))
	}
	// One page more than the guest may have: see pagedMemory.
	memory := appendU32([]byte{1, 1}, m.pagesMin)
	out = appendSection(out, 5, appendU32(memory, c.report.PagesMax+1))
	out = appendSection(out, 6, m.globalSection())
	out = appendSection(out, 7, m.exportSection(mutable))
	out = m.copySection(out, 9)
	if code != nil && m.sections[10] != nil {
		out = appendSection(out, 10, code)
	}
	return out, mutable, nil
}

func appendSection(out []byte, id byte, content []byte) []byte {
	out = appendU32(append(out, id), uint32(len(content)))
	return append(out, content...)
}

func (m *module) copySection(out []byte, id byte) []byte {
	if s := m.sections[id]; s != nil {
		out = appendSection(out, id, s.content)
	}
	return out
}

func (m *module) typeSection(extra []functionType) []byte {
	b := appendU32(nil, uint32(len(m.types)+len(extra)))
	for _, list := range [][]functionType{m.types, extra} {
		for _, t := range list {
			b = append(b, 0x60)
			for _, side := range [][]valueType{t.params, t.results} {
				b = appendU32(b, uint32(len(side)))
				b = append(b, asBytes(side)...)
			}
		}
	}
	return b
}

func (m *module) globalSection() []byte {
	b := appendU32(nil, uint32(len(m.globals)+4))
	for _, g := range m.globals {
		mutable := byte(0)
		if g.mutable {
			mutable = 1
		}
		b = append(b, byte(g.typ), mutable)
		switch g.typ {
		case typeI32:
			b = appendS64(append(b, opI32Const), int64(int32(g.value)))
		case typeI64:
			b = appendS64(append(b, opI64Const), int64(g.value))
		case typeF32:
			b = binary.LittleEndian.AppendUint32(append(b, opF32Const), uint32(g.value))
		case typeF64:
			b = binary.LittleEndian.AppendUint64(append(b, opF64Const), g.value)
		}
		b = append(b, opEnd)
	}
	b = append(b, byte(typeI64), 1, opI64Const, 0, opEnd)
	b = append(b, byte(typeI32), 1, opI32Const, 0, opEnd)
	b = append(b, byte(typeI64), 1, opI64Const, 0, opEnd)
	return append(b, byte(typeI32), 1, opI32Const, 0, opEnd)
}

func (m *module) exportSection(mutable []int) []byte {
	b := appendU32(nil, uint32(len(m.exports)+len(mutable)+4))
	add := func(name string, kind byte, index uint32) {
		b = appendU32(b, uint32(len(name)))
		b = append(b, name...)
		b = appendU32(append(b, kind), index)
	}
	for _, e := range m.exports {
		add(e.name, e.kind, e.index)
	}
	for _, i := range mutable {
		add(globalExport+strconv.Itoa(i), kindGlobal, uint32(i))
	}
	n := uint32(len(m.globals))
	add(fuelExport, kindGlobal, n)
	add(stackExport, kindGlobal, n+1)
	add(dirtyExport, kindGlobal, n+2)
	add(regionExport, kindGlobal, n+3)
	return b
}
