package hostile

import (
	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// The imports of every leader, by their numbers in the module.
const (
	leaderInput = iota
	leaderOutput
)

// Offsets in a request; see hook.LeaderRequest.
const (
	requestValidators   = 0
	requestView         = 56
	requestParentHeight = 64
)

// The leaders that answer without a fault, by name, for those who bind them with parameters.
const (
	// LeaderParameter names whoever the binding's parameters name, in every view: an index in 4
	// bytes, little-endian. It is the leader that always chooses itself, or one that is down.
	LeaderParameter = "leader-parameter"
	// LeaderTimeBomb takes turns until the parent's height reaches the binding's parameters (8
	// bytes, little-endian), and from then on never returns.
	LeaderTimeBomb = "leader-time-bomb"
)

// Leaders returns the hostile leaders.
func Leaders() []Fixture {
	n := join(I32Const(0), I32Load(requestValidators))
	return []Fixture{
		leader(1, "leader-endless-loop", "never returns", hook.FaultFuel, forever()),
		leader(27, "leader-trap", "traps at once", hook.FaultTrap, trap()),
		leader(4, "leader-recursion", "calls itself without end", hook.FaultDepth, Call(selfLeader), drop(), I32Const(0)),
		leader(6, "leader-memory-bomb", "takes all memory that it can get, then traps", hook.FaultTrap, bomb(0)),
		leader(16, "leader-host-flood", "calls the host without end", hook.FaultFuel, Loop(0x40, I32Const(0), I32Const(0), Call(leaderInput), drop(), Br(0)), trap()),
		leader(18, "leader-one-beyond", "names the validator after the last", hook.FaultOutput, read(), answer(n)),
		leader(18, "leader-far-beyond", "names validator 4294967295", hook.FaultOutput, answer(I32Const(-1))),
		leader(18, "leader-silent", "returns without an answer", hook.FaultOutput, I32Const(0)),
		leader(18, "leader-two-answers", "answers twice", hook.FaultOutput, answer(I32Const(0)), drop(), answer(I32Const(0))),
		leader(18, "leader-long-answer", "answers with all of its memory", hook.FaultOutput, I32Const(0), I32Const(65536), Call(leaderOutput), I32Const(0)),
		leader(19, "leader-outside-memory", "hands over bytes that it has not", hook.FaultBounds, I32Const(-2), I32Const(4), Call(leaderOutput), I32Const(0)),
		leader(26, "leader-status", "says that it failed", hook.FaultStatus, I32Const(1)),
		leader(33, "leader-always-zero", "names validator 0 in every view", hook.FaultNone, answer(I32Const(0))),
		leader(33, LeaderParameter, "names the validator of its parameters in every view", hook.FaultNone,
			// The parameters are the last bytes of the request.
			I32Const(0), I32Const(answerAt), Call(leaderInput), I32Const(4), Op(0x6b), I32Const(4), Call(leaderOutput), I32Const(0)),
		leader(1, LeaderTimeBomb, "takes turns up to a height, then never returns", hook.FaultNone, turnsUntil(requestParentHeight)...),
	}
}

// selfLeader is the number of the leader's own function: after the imports and the marker.
const selfLeader = leaderOutput + 2

func leader(row int, name, about string, want hook.Fault, body ...[]byte) Fixture {
	m := Guest(1, Input, Output)
	m.Func("leader.v1", nil, status, Types(I32), body...)
	return Fixture{Row: row, Name: name, Hook: hook.Leader.Name, About: about, Module: m.Bytes(), Want: want}
}

// read puts the request to 0.
func read() []byte { return join(I32Const(0), I32Const(answerAt), Call(leaderInput), drop()) }

// turn pushes the view modulo the number of validators; the request is at 0.
func turn() []byte {
	return join(I32Const(0), I64Load(requestView), I32Const(0), Op(0x35, 0), U32(requestValidators), Op(0x82), Op(0xa7))
}

// turnsUntil takes turns until a number of the request reaches the binding's parameters, and from then on never
// returns.
func turnsUntil(number uint32) [][]byte {
	return [][]byte{
		I32Const(0), I32Const(answerAt), Call(leaderInput), I32Const(8), Op(0x6b), I64Load(0),
		I32Const(0), I64Load(number), Op(0x58), // parameters at most the number
		If(0x40, Loop(0x40, Br(0))),
		answer(turn())}
}

// answer names the validator that the instructions push, and returns.
func answer(proposer []byte) []byte {
	return join(I32Const(answerAt), proposer, I32Store(0), I32Const(answerAt), I32Const(4), Call(leaderOutput), I32Const(0))
}
