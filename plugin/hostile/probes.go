package hostile

import (
	"bytes"

	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// Machines that behave, and answer with what they see.
const (
	// ProbeDepth calls itself as often as the payload says (4 bytes, little-endian).
	ProbeDepth = "probe-depth"
	// ProbeGrow takes pages until there are no more and answers with how many it got, then asks for
	// as many again at once and answers with what that gave, 4 bytes each.
	ProbeGrow = "probe-grow"
	// ProbeLog logs 64 KiB sixteen times.
	ProbeLog = "probe-log"
	// ProbeNaN answers with the bits of not-a-numbers that came about in many ways.
	ProbeNaN = "probe-nan"
	// ProbeAmbient answers with all that is around it: the clock, random bytes, arguments,
	// environment, the size of its memory, its own globals, and the end of its request.
	ProbeAmbient = "probe-ambient"
	// ProbeMemory counts its calls in a global, in memory and in the last page that it can get, and
	// answers with the three counts. It serves batches, too.
	ProbeMemory = "probe-memory"
	// ProbeBatch serves batches. It traps where a payload begins with BatchTrap, and with
	// BatchOnlyTrap if the transaction is one of a batch.
	ProbeBatch = "probe-batch"
	// ProbeAbort aborts with a message.
	ProbeAbort = "probe-abort"
	// ProbeHostCalls calls the host more often than is allowed, cheaply.
	ProbeHostCalls = "probe-host-calls"
	// ProbeCopy and ProbeFill move all of their memory in one instruction, again and again.
	ProbeCopy = "probe-copy"
	ProbeFill = "probe-fill"
	// ProbeOverlap has data segments that overlap, and answers with what they left.
	ProbeOverlap = "probe-overlap"
	// ProbeBloat writes as many new keys with values of 1 KiB as the payload says (4 bytes), under
	// the payload's next 4 bytes.
	ProbeBloat = "probe-bloat"
	// ProbeSlow does what costs the most time for its fuel of all that is known; see the benchmark
	// of the schedule.
	ProbeSlow = "probe-slow"
)

// What makes ProbeBatch trap.
const (
	BatchTrap     = 1
	BatchOnlyTrap = 2
)

// AbortMessage is what ProbeAbort says.
const AbortMessage = "the secret of one node"

// Probes returns the probes, the callers of all host functions included.
func Probes() []Fixture {
	list := []Fixture{
		probeDepth(), probeGrow(), probeLog(), probeNaN(), probeAmbient(), probeMemory(), probeBatch(), probeAbort(), probeHostCalls(),
		machine(15, ProbeCopy, "moves its memory to and fro", hook.FaultFuel, Loop(0x40, I32Const(0), I32Const(8), I32Const(131_000), Op(0xfc, 10, 0, 0), Br(0)), trap()),
		machine(15, ProbeFill, "fills its memory again and again", hook.FaultFuel, Loop(0x40, I32Const(0), I32Const(7), I32Const(131_072), Op(0xfc, 11, 0), Br(0)), trap()),
		machine(6, "probe-grow-at-once", "asks for 65,535 pages at once", hook.FaultFuel, I32Const(65_535), Op(0x40, 0), drop(), result(0)),
		probeOverlap(), probeBloat(), probeSlow(),
	}
	list = append(list, batchers()...)
	for _, f := range HostFunctions() {
		list = append(list, caller(f))
	}
	return list
}

const (
	answered  = answerAt + 4 // where the output of an answer lies
	operation = "machine.v1.apply"
)

// give answers with code 0 and n bytes from answered.
func give(output uint32, n int32) []byte {
	return join(I32Const(answerAt), I32Const(0), I32Store(0), I32Const(answerAt), I32Const(4+n), Call(output), I32Const(0))
}

// probe is a machine whose first imports are input and output; its query answers nothing.
func probe(row int, name, about string, m *Module, locals []byte, body ...[]byte) Fixture {
	m.Func(operation, nil, status, locals, body...)
	m.Func("machine.v1.query", nil, status, nil, give(1, 0))
	return Fixture{Row: row, Name: name, Hook: hook.Machine.Name, About: about, Module: m.Bytes()}
}

// payload32 pushes 4 bytes of the payload of a request that was read to 0.
func payload32(at uint32) []byte { return join(I32Const(0), I32Load(requestPayload+at)) }

// readRequest puts the request to 0.
func readRequest() []byte { return join(I32Const(0), I32Const(answerAt), Call(0), drop()) }

func probeDepth() Fixture {
	m := Guest(1, Input, Output)
	const self = 3 // after two imports and the marker
	m.Func("", Types(I32), nil, nil, LocalGet(0), If(0x40, LocalGet(0), I32Const(1), Op(0x6b), Call(self)))
	return probe(4, ProbeDepth, "calls itself as often as it is told", m, nil, readRequest(), payload32(0), Call(self), give(1, 0))
}

func probeGrow() Fixture {
	m := Guest(1, Input, Output)
	return probe(22, ProbeGrow, "takes all memory that it can get, and tells how much that was", m, Types(I32),
		Loop(0x40, I32Const(1), Op(0x40, 0), I32Const(-1), Op(0x47), If(0x40, LocalGet(0), I32Const(1), Op(0x6a), LocalSet(0), Br(1))),
		I32Const(answered), LocalGet(0), I32Store(0),
		I32Const(answered), I32Const(PagesMax), Op(0x40, 0), I32Store(4), give(1, 8))
}

func probeLog() Fixture {
	m := Guest(2, Input, Output, Log)
	return probe(17, ProbeLog, "logs a megabyte", m, nil, bytes.Repeat(join(I32Const(0), I32Const(65_536), Call(2)), 16), give(1, 0))
}

func probeNaN() Fixture {
	m := Guest(1, Input, Output)
	const quiet, signalling = 0x7ff8_dead_beef_0001, 0xfff0_0000_dead_beef
	nan := func(bits uint64) []byte { return F64Bits(bits) }
	zero := F64Bits(0)
	values := [][]byte{
		join(zero, zero, Op(0xa3)),                                                     // 0/0
		join(nan(quiet), nan(signalling), Op(0xa0)),                                    // which payload wins
		join(nan(signalling), nan(quiet), Op(0xa0)),                                    //
		join(nan(quiet), F64Bits(0x3ff0_0000_0000_0000), Op(0xa2)),                     // a payload through a product
		join(F64Bits(0xbff0_0000_0000_0000), Op(0x9f)),                                 // √-1
		join(nan(signalling), Op(0x9b)),                                                // ceil
		join(nan(quiet), zero, Op(0xa4)),                                               // min
		join(zero, nan(signalling), Op(0xa5)),                                          // max
		join(nan(signalling), Op(0xb6), Op(0xbb)),                                      // demoted and promoted
		join(F64Bits(0x7ff0_0000_0000_0000), F64Bits(0x7ff0_0000_0000_0000), Op(0xa1)), // ∞ - ∞
	}
	var body []byte
	for i, v := range values {
		body = join(body, I32Const(answered), v, Op(0x39, 0), U32(uint32(8*i))) // f64.store
	}
	return probe(20, ProbeNaN, "tells the bits of its NaNs", m, nil, body, give(1, int32(8*len(values))))
}

// NaNs is how many values ProbeNaN answers with, 8 bytes each.
const NaNs = 10

func probeAmbient() Fixture {
	wasi := func(name string, params ...byte) Imported {
		return Imported{Module: "wasi_snapshot_preview1", Name: name, Params: params, Results: status}
	}
	m := Guest(1, Input, Output, ClockTime, RandomGet, wasi("args_sizes_get", I32, I32), wasi("environ_sizes_get", I32, I32), Granted)
	counter := m.Global(I64, true, I64Const(5))
	name := func(at int32, s string) []byte {
		m.Data(at, []byte(s))
		return join(I32Const(at), I32Const(int32(len(s))), Call(6))
	}
	const names = 40_000 // in memory
	return probe(23, ProbeAmbient, "tells all that is around it", m, nil,
		I32Const(0), I64Const(0), I32Const(answered), Call(2), drop(),
		I32Const(1), I64Const(0), I32Const(answered+8), Call(2), drop(),
		I32Const(answered+16), I32Const(32), Call(3), drop(),
		I32Const(answered+48), I32Const(answered+52), Call(4), drop(),
		I32Const(answered+56), I32Const(answered+60), Call(5), drop(),
		I32Const(answered), Op(0x3f, 0), I32Store(64), // memory.size
		I32Const(answered), GlobalGet(counter), I64Store(72),
		I32Const(answered), name(names, hook.CapabilityState), I32Store(80),
		I32Const(answered), name(names+16, hook.CapabilityHistory), I32Store(84),
		I32Const(answered), name(names+32, "foreign.bystander"), I32Store(88),
		// The request's length, then its first bytes.
		I32Const(answered), I32Const(0), I32Const(answerAt), Call(0), I32Store(92),
		I32Const(answered+96), I32Const(0), I32Const(200), Op(0xfc, 10, 0, 0),
		give(1, 296))
}

func probeMemory() Fixture {
	m := Guest(1, Input, Output, BatchNext)
	global := m.Global(I32, true, I32Const(0))
	const kept, lastPage = 30_000, (PagesMax - 1) << 16
	count := join(
		I32Const(PagesMax-1), Op(0x40, 0), drop(), // all pages, the first time in a call
		GlobalGet(global), I32Const(1), Op(0x6a), GlobalSet(global),
		I32Const(kept), I32Const(kept), I32Load(0), I32Const(1), Op(0x6a), I32Store(0),
		I32Const(lastPage), I32Const(lastPage), I32Load(0), I32Const(1), Op(0x6a), I32Store(0),
		I32Const(answered), GlobalGet(global), I32Store(0),
		I32Const(answered), I32Const(kept), I32Load(0), I32Store(4),
		I32Const(answered), I32Const(lastPage), I32Load(0), I32Store(8),
		give(1, 12))
	m.Func("machine.v1.apply_batch", nil, status, nil, Loop(0x40, Call(2), If(0x40, count, drop(), Br(1))), I32Const(0))
	return probe(25, ProbeMemory, "counts its calls wherever it can", m, nil, count)
}

func probeBatch() Fixture {
	m := Guest(1, Input, Output, BatchNext)
	trapAt := func(first int32) []byte {
		return join(I32Const(0), Op(0x2d, 0), U32(requestPayload), I32Const(first), Op(0x46), If(0x40, trap()))
	}
	one := join(readRequest(), trapAt(BatchTrap))
	m.Func("machine.v1.apply_batch", nil, status, nil,
		Loop(0x40, Call(2), If(0x40, one, trapAt(BatchOnlyTrap), give(1, 0), drop(), Br(1))), I32Const(0))
	return probe(27, ProbeBatch, "faults in a batch, to make others pay", m, nil, one, give(1, 0))
}

// Machines that misuse the road of a batch; what they do alone is right.
const (
	BatchUnanswered = "batch-unanswered"
	BatchBeyond     = "batch-beyond"
	BatchEarly      = "batch-early"
	BatchTwice      = "batch-twice"
)

// batchers return the machines that misuse batches: Want is the fault of a batch.
func batchers() []Fixture {
	batcher := func(name, about string, want hook.Fault, body ...[]byte) Fixture {
		m := Guest(1, Input, Output, BatchNext)
		m.Func("machine.v1.apply_batch", nil, status, nil, body...)
		f := probe(19, name, about, m, nil, give(1, 0))
		f.Want = want
		return f
	}
	serve := Loop(0x40, Call(2), If(0x40, give(1, 0), drop(), Br(1)))
	return []Fixture{
		batcher(BatchUnanswered, "asks for the next transaction of a batch without an answer to the last", hook.FaultOutput, Loop(0x40, Call(2), BrIf(0)), I32Const(0)),
		batcher(BatchBeyond, "asks for another transaction when it was told that there is none", hook.FaultImport, serve, Call(2)),
		batcher(BatchEarly, "returns before the batch is at its end", hook.FaultOutput, Call(2), drop(), give(1, 0)),
		batcher(BatchTwice, "answers a transaction of a batch twice", hook.FaultOutput, Call(2), drop(), give(1, 0), drop(), give(1, 0)),
	}
}

func probeAbort() Fixture {
	m := Guest(1, Input, Output, Abort, Log)
	m.Data(1_000, []byte(AbortMessage))
	f := probe(26, ProbeAbort, "aborts with a message", m, nil,
		I32Const(1_000), I32Const(int32(len(AbortMessage))), Call(3),
		I32Const(1_000), I32Const(1_000), I32Const(7), I32Const(9), Call(2), I32Const(0))
	f.Want = hook.FaultAbort
	return f
}

func probeHostCalls() Fixture {
	m := Guest(1, Input, Output)
	f := probe(16, ProbeHostCalls, "calls the host 65,537 times, cheaply", m, nil,
		Loop(0x40, I32Const(0), I32Const(0), Call(0), drop(), Br(0)), trap())
	f.Want, f.Fuel = hook.FaultHostCount, 10_000_000
	return f
}

func probeOverlap() Fixture {
	m := Guest(1, Input, Output)
	for i := range int32(1_000) {
		m.Data(answered+i%8, bytes.Repeat([]byte{byte(i)}, 8))
	}
	return probe(10, ProbeOverlap, "writes its data segments over one another", m, nil, give(1, 16))
}

func probeBloat() Fixture {
	m := Guest(2, Input, Output, StatePut)
	const key = 50_000
	f := probe(31, ProbeBloat, "writes new keys", m, Types(I32), readRequest(),
		I32Const(key), payload32(4), I32Store(0),
		Block(0x40, Loop(0x40,
			LocalGet(0), payload32(0), Op(0x4f), BrIf(1), // all are written
			I32Const(key), LocalGet(0), I32Store(4),
			I32Const(key), I32Const(8), I32Const(65_536), I32Const(1_024), Call(2),
			LocalGet(0), I32Const(1), Op(0x6a), LocalSet(0), Br(0))),
		give(1, 0))
	f.Fuel = 10_000_000
	return f
}

func probeSlow() Fixture {
	m := Guest(PagesMax, Input, Output)
	f := probe(53, ProbeSlow, "waits for memory as long as it can", m, Types(I32, I32), wander(100_000), give(1, 0))
	f.Fuel = 10_000_000
	return f
}

// wander waits for one load after the other, each from a place that the one before gives, so that
// neither caches nor the processor's foresight help. It uses the locals 0 and 1, and PagesMax pages.
func wander(steps int32) []byte {
	const mask = PagesMax<<16 - 8
	return Loop(0x40,
		LocalGet(0), I32Load(0), LocalGet(0), Op(0x6a), I32Const(1_664_525), Op(0x6c), I32Const(1_013_904_223), Op(0x6a), I32Const(mask), Op(0x71), LocalSet(0),
		LocalGet(1), I32Const(1), Op(0x6a), LocalTee(1), I32Const(steps), Op(0x49), BrIf(0))
}
