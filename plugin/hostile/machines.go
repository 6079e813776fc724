package hostile

import (
	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// The imports of every machine, by their numbers in the module.
const (
	machineInput = iota
	machineOutput
	machinePut
	machineEmit
	machineLog
	machineScan
	_         // the marker of the interface
	recursion // calls itself without end
)

// MachineSelective does what the first byte of a transaction's payload says, one of the
// Selective constants: between such transactions it serves others.
const MachineSelective = "machine-selective"

// What MachineSelective does. Every transaction first puts its whole payload under the key of its
// own 32 bytes of id, so that a dropped write can be told from a kept one.
const (
	SelectiveKeep       = iota // keeps the write; also for all other bytes, and an empty payload
	SelectiveLoop              // never returns: fault fuel
	SelectiveTrap              // traps: fault trap
	SelectiveMemoryBomb        // takes all memory, then traps: fault trap
	SelectiveRefuse            // ends with the code SelectiveCode
	SelectiveRecursion         // calls itself without end: fault depth
)

// SelectiveCode is the code of a transaction that MachineSelective refuses.
const SelectiveCode = 66

// Offsets in a request; see hook.ApplyRequest.
const (
	requestPayloadLength = 0
	requestHeight        = 16
	requestTransaction   = 32
	requestPayload       = 96
)

// Machines returns the hostile machines.
func Machines() []Fixture {
	// A value of the longest allowed length, from a memory of two pages.
	big := join(I32Const(0), LocalGet(0), I32Store(0), I32Const(0), I32Const(4), I32Const(0), I32Const(hook.ValueMax), Call(machinePut))
	count := join(LocalGet(0), I32Const(1), Op(0x6a), LocalSet(0))
	return []Fixture{
		machine(1, "machine-endless-loop", "never returns", hook.FaultFuel, forever()),
		machine(1, "machine-loop-after-writes", "writes, then never returns", hook.FaultFuel, write(), forever()),
		machine(27, "machine-trap", "traps at once", hook.FaultTrap, trap()),
		machine(26, "machine-trap-after-writes", "writes and emits, then traps", hook.FaultTrap, write(), emitOne(), trap()),
		machine(6, "machine-memory-bomb", "takes all memory that it can get, then traps", hook.FaultTrap, bomb(0)),
		machine(4, "machine-recursion", "calls itself without end", hook.FaultDepth, write(), Call(recursion), result(0)),
		machine(16, "machine-host-flood", "calls the host without end", hook.FaultFuel, Loop(0x40, I32Const(0), I32Const(0), Call(machineInput), drop(), Br(0)), trap()),
		machine(31, "machine-state-bloat", "writes 64 KiB under one new key after the other", hook.FaultFuel, Loop(0x40, big, count, Br(0)), trap()),
		machine(16, "machine-scan-flood", "reads its whole namespace again and again", hook.FaultFuel,
			write(), Loop(0x40, I32Const(0), I32Const(0), I32Const(0), I32Const(0), I32Const(-1), I32Const(0), I32Const(answerAt), Call(machineScan), drop(), Br(0)), trap()),
		machine(18, "machine-event-flood", "emits without end", hook.FaultLimit, Loop(0x40, emitOne(), Br(0)), trap()),
		machine(17, "machine-log-flood", "logs without end", hook.FaultFuel, Loop(0x40, I32Const(0), I32Const(answerAt), Call(machineLog), Br(0)), trap()),
		machine(18, "machine-output-bomb", "answers with all of its memory", hook.FaultOutput, write(), I32Const(0), I32Const(131072), Call(machineOutput), I32Const(0)),
		machine(19, "machine-outside-memory", "writes from memory that it has not", hook.FaultBounds,
			I32Const(-1), I32Const(4), I32Const(0), I32Const(4), Call(machinePut), result(0)),
		machine(19, "machine-overflow", "a pointer and a length whose sum wraps round", hook.FaultBounds,
			I32Const(0), I32Const(4), I32Const(-16), I32Const(64), Call(machinePut), result(0)),
		machine(19, "machine-long-key", "writes under a key of 257 bytes", hook.FaultLimit,
			I32Const(0), I32Const(hook.KeyMax+1), I32Const(0), I32Const(0), Call(machinePut), result(0)),
		machine(18, "machine-silent", "writes, then returns without an answer", hook.FaultOutput, write(), I32Const(0)),
		machine(26, "machine-status", "writes, answers, then says that it failed", hook.FaultStatus, write(), result(0), drop(), I32Const(1)),
		machine(26, "machine-refuse-after-writes", "writes and emits, then refuses the transaction", hook.FaultNone, write(), emitOne(), result(1)),
		machine(1, MachineSelective, "does the harm that a transaction asks for", hook.FaultNone, selective()),
	}
}

// machine returns a machine whose apply has one local, 0, and the body; its query answers
// with nothing, without a fault.
func machine(row int, name, about string, want hook.Fault, body ...[]byte) Fixture {
	m := Guest(2, Input, Output, StatePut, Emit, Log, StateScan)
	m.Func("", nil, nil, nil, Call(recursion))
	m.Func("machine.v1.apply", nil, status, Types(I32), body...)
	m.Func("machine.v1.query", nil, status, nil, result(0))
	return Fixture{Row: row, Name: name, Hook: hook.Machine.Name, About: about, Module: m.Bytes(), Want: want}
}

// write puts 4 bytes of zeros under a key of the same.
func write() []byte {
	return join(I32Const(0), I32Const(4), I32Const(0), I32Const(4), Call(machinePut))
}

// emitOne emits 4 bytes.
func emitOne() []byte { return join(I32Const(0), I32Const(4), Call(machineEmit)) }

// result answers with a code and no output, and returns.
func result(code int32) []byte {
	return join(I32Const(answerAt), I32Const(code), I32Store(0), I32Const(answerAt), I32Const(4), Call(machineOutput), I32Const(0))
}

func selective() []byte {
	const readAt = 0
	when := func(action int32, body ...[]byte) []byte {
		return join(LocalGet(0), I32Const(action), Op(0x46), If(0x40, body...)) // equal
	}
	return join(
		keep(),
		I32Const(readAt), I32Load(requestPayloadLength),
		If(0x40, I32Const(readAt), Op(0x2d, 0), U32(requestPayload), LocalSet(0)), // the payload's first byte
		when(SelectiveLoop, Loop(0x40, Br(0))),
		when(SelectiveTrap, trap()),
		when(SelectiveMemoryBomb, bomb(0)),
		when(SelectiveRefuse, result(SelectiveCode), Op(0x0f)), // return
		when(SelectiveRecursion, Call(recursion)),
		result(0))
}
