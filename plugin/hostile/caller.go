package hostile

import (
	"encoding/binary"

	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// HostFunctions returns every function that a module may import, with its type.
func HostFunctions() []Imported {
	wasi := func(name string, params ...byte) Imported {
		return Imported{Module: "wasi_snapshot_preview1", Name: name, Params: params, Results: status}
	}
	return []Imported{
		Input, Output, StateGet, StatePut, StateDelete, StateScan, Emit, Log, Granted, ForeignGet, HistoryGet, ProofGet, Beacon, BatchNext, Abort,
		ProcExit, ClockTime, RandomGet, FdWrite,
		wasi("sched_yield"), wasi("args_get", I32, I32), wasi("args_sizes_get", I32, I32), wasi("environ_get", I32, I32), wasi("environ_sizes_get", I32, I32),
		wasi("poll_oneoff", I32, I32, I32, I32), wasi("fd_close", I32), wasi("fd_fdstat_get", I32, I32), wasi("fd_fdstat_set_flags", I32, I32),
		wasi("fd_prestat_get", I32, I32), wasi("fd_prestat_dir_name", I32, I32, I32),
	}
}

// ForeignNamespace is the one that callers name in their manifests.
const ForeignNamespace = "bystander"

// Places in the memory of a caller, which has two pages.
const (
	CallerArguments = requestPayload // 8 bytes each, of the payload
	CallerBuffer    = 8_192          // whose first bytes are answered
	CallerAnswer    = 256            // bytes
	CallerMemory    = 2 << 16
)

// CallerName returns the name of the machine that calls a host function with the arguments that its
// payload gives: 8 bytes each, little-endian, and after them what the arguments may point to. It
// answers with what the function returned (4 bytes) and the CallerAnswer bytes at CallerBuffer.
func CallerName(f Imported) string {
	name := []byte("call-" + f.Name)
	for i, c := range name {
		if c == '_' {
			name[i] = '-'
		}
	}
	return string(name)
}

// CallerPayload makes the payload of a caller.
func CallerPayload(arguments []uint64, data []byte) []byte {
	var b []byte
	for _, a := range arguments {
		b = binary.LittleEndian.AppendUint64(b, a)
	}
	return append(b, data...)
}

func caller(f Imported) Fixture {
	m := Guest(2, Input, Output)
	called := uint32(0)
	if f.Name == Output.Name {
		called = 1
	} else if f.Name != Input.Name {
		m = Guest(2, Input, Output, f)
		called = 2
	}
	body := readRequest()
	if len(f.Results) > 0 {
		body = join(body, I32Const(CallerBuffer))
	}
	for i, t := range f.Params {
		at := CallerArguments + 8*uint32(i)
		load := I32Load(at)
		if t == I64 {
			load = I64Load(at)
		}
		body = join(body, I32Const(0), load)
	}
	body = join(body, Call(called))
	if len(f.Results) > 0 {
		body = join(body, Op(0x36, 0), U32(CallerAnswer)) // the result, behind the bytes
	}
	// The answer: code 0, the result, the bytes at the buffer.
	body = join(body,
		I32Const(answerAt), I32Const(0), I32Store(0),
		I32Const(answerAt), I32Const(CallerBuffer+CallerAnswer), I32Load(0), I32Store(4),
		I32Const(answerAt+8), I32Const(CallerBuffer), I32Const(CallerAnswer), Op(0xfc, 10, 0, 0),
		I32Const(answerAt), I32Const(8+CallerAnswer), Call(1), I32Const(0))
	x := probe(19, CallerName(f), "calls "+f.Name+" with hostile arguments", m, nil, body)
	x.Capabilities = []string{hook.CapabilityBeacon, hook.CapabilityEvents, hook.CapabilityForeign + ForeignNamespace, hook.CapabilityHistory, hook.CapabilityProof, hook.CapabilityState}
	return x
}
