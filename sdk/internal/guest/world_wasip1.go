package guest

import (
	"unsafe"

	"quoin.dev/quoin/hook"
)

// A module imports only those of these functions that the plugin's code reaches: the linker leaves
// out methods that nobody calls. So only who asks for the beacon needs its capability.

// granted returns 1 if the binding grants the capability.
//
//go:wasmimport quoin.v1 granted
func granted(name unsafe.Pointer, length uint32) (yes int32)

// foreign_get is state_get for another namespace.
//
//go:wasmimport quoin.v1 foreign_get
func foreignGet(namespace unsafe.Pointer, namespaceLength uint32, key unsafe.Pointer, keyLength uint32, buffer unsafe.Pointer, capacity uint32) (length int32)

// history_get returns the length of an ancestor's bytes, or absent.
//
//go:wasmimport quoin.v1 history_get
func historyGet(height uint64, buffer unsafe.Pointer, capacity uint32) (length int32)

// proof_get returns the proof's length.
//
//go:wasmimport quoin.v1 proof_get
func proofGet(key unsafe.Pointer, keyLength uint32, buffer unsafe.Pointer, capacity uint32) (length int32)

// beacon writes 32 bytes.
//
//go:wasmimport quoin.v1 beacon
func beacon(buffer unsafe.Pointer)

// batch_next hands over the response to the last request of a batch and returns 1 if there is
// another one.
//
//go:wasmimport quoin.v1 batch_next
func batchNext() (more int32)

// Next reports whether a batch has another request, which Input then returns.
func Next() bool { return batchNext() != 0 }

// Granted implements hook.World.
func (State) Granted(capability string) bool {
	return granted(unsafe.Pointer(unsafe.StringData(capability)), uint32(len(capability))) != 0
}

// Foreign implements hook.World.
func (State) Foreign(namespace string, key []byte) ([]byte, bool) {
	name := unsafe.Pointer(unsafe.StringData(namespace))
	n := foreignGet(name, uint32(len(namespace)), at(key), size(key), at(value), size(value))
	if int(n) > len(value) {
		value = make([]byte, n)
		n = foreignGet(name, uint32(len(namespace)), at(key), size(key), at(value), size(value))
	}
	if n == absent {
		return nil, false
	}
	return value[:n:n], true
}

var ancestor [hook.AncestorBytes]byte

// History implements hook.World.
func (State) History(height uint64) (a hook.Ancestor, ok bool) {
	n := historyGet(height, unsafe.Pointer(&ancestor), uint32(len(ancestor)))
	return a, n != absent && a.Decode(ancestor[:]) == nil
}

// Proof implements hook.World.
func (State) Proof(key []byte) []byte {
	n := proofGet(at(key), size(key), at(value), size(value))
	if int(n) > len(value) {
		value = make([]byte, n)
		n = proofGet(at(key), size(key), at(value), size(value))
	}
	return value[:n:n]
}

var random [32]byte

// Beacon implements hook.World.
func (State) Beacon() [32]byte {
	beacon(unsafe.Pointer(&random))
	return random
}
