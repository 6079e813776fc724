// Command goguest is a guest of the Go toolchain: a leader and a machine, written without an
// SDK, straight against the host functions.
package main

import (
	"strconv"
	"unsafe"

	"quoin.dev/quoin/hook"
)

//go:wasmimport quoin.v1 input
func input(p unsafe.Pointer, capacity uint32) uint32

//go:wasmimport quoin.v1 output
func output(p unsafe.Pointer, length uint32)

//go:wasmimport quoin.v1 state_get
func stateGet(key unsafe.Pointer, keyLength uint32, value unsafe.Pointer, capacity uint32) int32

//go:wasmimport quoin.v1 state_put
func statePut(key unsafe.Pointer, keyLength uint32, value unsafe.Pointer, valueLength uint32)

//go:wasmexport quoin.abi.v1
func abi() {}

var (
	buffer [72 << 10]byte
	leader hook.LeaderRequest
)

func request() []byte {
	n := input(unsafe.Pointer(&buffer[0]), uint32(len(buffer)))
	return buffer[:n]
}

func respond(b []byte) uint32 {
	output(unsafe.Pointer(unsafe.SliceData(b)), uint32(len(b)))
	return 0
}

// lead picks the heaviest validator, shifted by the view.
//
//go:wasmexport leader.v1
func lead() uint32 {
	if err := leader.Decode(request()); err != nil {
		return 1
	}
	best := 0
	for i, v := range leader.Validators {
		if v.Weight > leader.Validators[best].Weight {
			best = i
		}
	}
	s := hook.LeaderResponse{Proposer: uint32((uint64(best) + leader.View) % uint64(len(leader.Validators)))}
	b, _ := s.Append(nil)
	return respond(b)
}

// apply counts the calls of each payload under the payload as key, in decimal; a payload of
// "panic", "spin", "grow" or "map" does what it says.
//
//go:wasmexport machine.v1.apply
func apply() uint32 {
	var q hook.ApplyRequest
	if err := q.Decode(request()); err != nil {
		return 1
	}
	switch string(q.Payload) {
	case "panic":
		panic("as asked")
	case "spin":
		for {
		}
	case "grow":
		var all [][]byte
		for i := 1; ; i++ {
			all = append(all, make([]byte, 1<<20))
			all[len(all)-1][i] = 1
		}
	case "map":
		// The order of a map's keys is random in Go: here it must be the same everywhere.
		m := map[string]int{}
		for i := range 100 {
			m[strconv.Itoa(i)] = i
		}
		var text []byte
		for k := range m {
			text = append(append(text, k...), ' ')
		}
		return answer(text)
	case "goroutines":
		c := make(chan int)
		for i := range 10 {
			go func() { c <- i * i }()
		}
		sum := 0
		for range 10 {
			sum += <-c
		}
		return answer(strconv.AppendInt(nil, int64(sum), 10))
	}
	var value [20]byte
	key := unsafe.Pointer(unsafe.SliceData(q.Payload))
	n := stateGet(key, uint32(len(q.Payload)), unsafe.Pointer(&value[0]), 20)
	count := 0
	if n > 0 {
		count, _ = strconv.Atoi(string(value[:n]))
	}
	text := strconv.AppendInt(nil, int64(count+1), 10)
	statePut(key, uint32(len(q.Payload)), unsafe.Pointer(&text[0]), uint32(len(text)))
	return answer(text)
}

func answer(text []byte) uint32 {
	s := hook.ApplyResponse{Output: text}
	b, err := s.Append(nil)
	if err != nil {
		return 2
	}
	return respond(b)
}

//go:wasmexport machine.v1.query
func query() uint32 {
	s := hook.QueryResponse{}
	b, _ := s.Append(nil)
	return respond(b)
}

func main() {}
