// Package probe is a machine that does what its transactions say, one call of the state after
// the other: tests use it to hold native code and modules against each other. A query passes over
// what writes.
package probe

import (
	"encoding/binary"

	"quoin.dev/quoin/hook"
)

// Operations. Each is a byte, then its arguments: bytes after their length in two bytes,
// numbers in two bytes, big-endian.
const (
	Get    = iota // key: appends found or not and the value's length and a checksum to the output
	Put           // key, byte, length: the value is the byte so many times
	Delete        // key
	Scan          // start, end, whether the end is given, number of entries to visit
	Emit          // bytes
	Log           // bytes
	Refuse        // number: ends with the code
	Panic         //
	Output        // number: ends with an output of so many bytes
	Loop          // for ever
	operations
)

// Operations is the number of different operations.
const Operations = operations

// Machine is the probe.
type Machine struct{}

var _ hook.MachinePlugin = Machine{}

// Apply implements hook.MachinePlugin.
func (Machine) Apply(r *hook.ApplyRequest, state hook.Access) hook.ApplyResponse {
	code, output := run(r.Payload, state, state)
	return hook.ApplyResponse{Code: code, Output: output}
}

// Query implements hook.MachinePlugin.
func (Machine) Query(r *hook.QueryRequest, state hook.Reader) hook.QueryResponse {
	code, output := run(r.Payload, state, nil)
	return hook.QueryResponse{Code: code, Output: output}
}

func run(program []byte, reader hook.Reader, access hook.Access) (code uint32, output []byte) {
	p := parser{program}
	for len(p.rest) > 0 {
		switch operation := p.take(1)[0]; operation {
		case Get:
			v, ok := reader.Get(p.bytes())
			output = digest(output, v)
			if !ok {
				output = append(output, 'n')
			}
		case Put:
			key, fill, n := p.bytes(), p.take(1)[0], p.number()
			value := make([]byte, n)
			for i := range value {
				value[i] = fill
			}
			if access != nil {
				access.Put(key, value)
			}
		case Delete:
			if key := p.bytes(); access != nil {
				access.Delete(key)
			}
		case Scan:
			start, end, hasEnd, most := p.bytes(), p.bytes(), p.take(1)[0] != 0, p.number()
			if !hasEnd {
				end = nil
			}
			reader.Scan(start, end, func(key, value []byte) bool {
				if most == 0 {
					return false
				}
				most--
				output = digest(digest(output, key), value)
				return true
			})
		case Emit:
			if event := p.bytes(); access != nil {
				access.Emit(event)
			}
		case Log:
			reader.Log(p.bytes())
		case Refuse:
			return uint32(p.number()), output
		case Panic:
			panic("probe")
		case Output:
			return 0, make([]byte, 2*p.number())
		case Loop:
			for n := uint32(1); ; n *= 3 {
				if n == 0 {
					return 9, nil // never: a power of 3 is odd
				}
			}
		}
		if len(output) > 1<<10 {
			output = append(output[:0], digest(nil, output)...)
		}
	}
	return 0, output
}

// digest appends b's length and a checksum of its ends, which is enough to tell the tests'
// values apart and costs little fuel.
func digest(output, b []byte) []byte {
	sum := uint32(2166136261)
	for _, c := range b[:min(len(b), 16)] {
		sum = (sum ^ uint32(c)) * 16777619
	}
	for _, c := range b[max(0, len(b)-16):] {
		sum = (sum ^ uint32(c)) * 16777619
	}
	output = binary.BigEndian.AppendUint32(output, uint32(len(b)))
	return binary.BigEndian.AppendUint32(output, sum)
}

// parser reads a program; at its end it reads zeros.
type parser struct{ rest []byte }

func (p *parser) take(n int) []byte {
	b := make([]byte, n)
	p.rest = p.rest[copy(b, p.rest):]
	return b
}

func (p *parser) number() int { return int(binary.BigEndian.Uint16(p.take(2))) }

func (p *parser) bytes() []byte { return p.take(p.number()) }

// Bytes appends an argument of bytes to a program.
func Bytes(program, b []byte) []byte {
	return append(Number(program, len(b)), b...)
}

// Number appends an argument that is a number.
func Number(program []byte, n int) []byte {
	return binary.BigEndian.AppendUint16(program, uint16(n))
}
