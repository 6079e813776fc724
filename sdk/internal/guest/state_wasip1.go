package guest

import (
	"encoding/binary"
	"unsafe"

	"quoin.dev/quoin/hook"
)

// state_get returns the value's length, or absent. A buffer that is too short gets nothing.
//
//go:wasmimport quoin.v1 state_get
func stateGet(key unsafe.Pointer, keyLength uint32, buffer unsafe.Pointer, capacity uint32) (length int32)

//go:wasmimport quoin.v1 state_put
func statePut(key unsafe.Pointer, keyLength uint32, value unsafe.Pointer, valueLength uint32)

//go:wasmimport quoin.v1 state_delete
func stateDelete(key unsafe.Pointer, keyLength uint32)

// state_scan fills the buffer with whole entries: length of the key, length of the value (4 bytes
// each, little-endian), key, value. It returns the bytes filled, 0 at the range's end, and
// minus the bytes needed if not even the first entry fits. An empty end is the last key.
//
//go:wasmimport quoin.v1 state_scan
func stateScan(start unsafe.Pointer, startLength uint32, end unsafe.Pointer, endLength uint32, limit uint32, buffer unsafe.Pointer, capacity uint32) (length int32)

//go:wasmimport quoin.v1 emit
func emit(event unsafe.Pointer, length uint32)

//go:wasmimport quoin.v1 log
func log(message unsafe.Pointer, length uint32)

const absent = -1 // of state_get

var (
	value = make([]byte, 1<<10)
	page  = make([]byte, 4<<10)
)

// State is the plugin's namespace behind the host functions.
type State struct{}

var _ hook.Access = State{}

// Get implements hook.Reader.
func (State) Get(key []byte) ([]byte, bool) {
	n := stateGet(at(key), size(key), at(value), size(value))
	if int(n) > len(value) {
		value = make([]byte, n)
		n = stateGet(at(key), size(key), at(value), size(value))
	}
	if n == absent {
		return nil, false
	}
	return value[:n:n], true
}

// Log implements hook.Reader.
func (State) Log(message []byte) { log(at(message), size(message)) }

// Put implements hook.Access.
func (State) Put(key, value []byte) { statePut(at(key), size(key), at(value), size(value)) }

// Delete implements hook.Access.
func (State) Delete(key []byte) { stateDelete(at(key), size(key)) }

// Emit implements hook.Access.
func (State) Emit(event []byte) { emit(at(event), size(event)) }

func at(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

func size(b []byte) uint32 { return uint32(len(b)) }

// Entries of one call of state_scan: few at first, because the host charges for each that it
// delivers, visited or not.
const (
	scanFirst = 8
	scanMost  = 256
)

// Scan implements hook.Reader.
func (State) Scan(start, end []byte, visit func(key, value []byte) bool) {
	limit := uint32(scanFirst)
	if end != nil && len(end) == 0 {
		limit = 0 // nothing lies before the empty key; the host would take it for the last
	}
	next := append(make([]byte, 0, hook.KeyMax), start...)
	for {
		n := stateScan(at(next), size(next), at(end), size(end), limit, at(page), size(page))
		if n < 0 {
			page = make([]byte, -n)
			continue
		}
		if n == 0 {
			return
		}
		var key []byte
		for entries := page[:n]; len(entries) > 0; {
			k := binary.LittleEndian.Uint32(entries)
			v := binary.LittleEndian.Uint32(entries[4:])
			key = entries[8 : 8+k : 8+k]
			value := entries[8+k : 8+k+v : 8+k+v]
			if !visit(key, value) {
				return
			}
			entries = entries[8+k+v:]
		}
		next = append(next[:0], key...)
		if next = after(next); next == nil {
			return
		}
		limit = min(2*limit, scanMost)
	}
}
