package guest

import (
	"unsafe"
)

// Statuses that exports return. Any other than StatusOK is the fault status.
const (
	StatusOK       int32 = iota
	StatusUnserved       // the module exports a hook and serves it with nothing
	StatusRequest        // the host's request cannot be decoded
)

//go:wasmimport quoin.v1 input
func input(buffer unsafe.Pointer, capacity uint32) (length uint32)

//go:wasmimport quoin.v1 output
func output(buffer unsafe.Pointer, length uint32)

// abi marks the module as one for version 1 of the interface.
//
//go:wasmexport quoin.abi.v1
func abi() {}

var (
	request  = make([]byte, 12<<10)
	response = make([]byte, 0, 1<<10)
)

// Input returns the request's bytes, lent until the next call of Input.
func Input() []byte {
	n := input(unsafe.Pointer(unsafe.SliceData(request)), uint32(len(request)))
	if int(n) > len(request) {
		request = make([]byte, n)
		n = input(unsafe.Pointer(unsafe.SliceData(request)), uint32(len(request)))
	}
	return request[:n]
}

// Response returns an empty slice to append the response to.
func Response() []byte { return response[:0] }

// Output hands the response to the host.
func Output(b []byte) { output(unsafe.Pointer(unsafe.SliceData(b)), uint32(len(b))) }
