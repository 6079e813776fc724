package hostile

import (
	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// Releases that pass the check and a first look. Networks try them in the stages of a release's life,
// and each is to be stopped at one of them.
const (
	// ReleaseKeeper is the good one: it keeps a transaction's payload under its id.
	ReleaseKeeper = "release-keeper"
	// ReleaseDiverging keeps nothing under the id, and says nothing of it.
	ReleaseDiverging = "release-diverging"
	// ReleaseWatched is the keeper below the height of its parameters (8 bytes, little-endian), and the
	// diverging one from there on.
	ReleaseWatched = "release-watched"
	// ReleaseTrapping traps at every transaction with a payload: a look at what it does with none finds nothing.
	ReleaseTrapping = "release-trapping"
	// ReleaseSlow is a leader that names the validator of its parameters (8 bytes, little-endian), after
	// nearly all of the work that its fuel buys.
	ReleaseSlow = "release-slow"
	// ReleaseSleeper is a leader that takes turns until an epoch's view reaches its parameters (8 bytes,
	// little-endian), and from then on never returns.
	ReleaseSleeper = "release-sleeper"
	// ReleaseTurns is a leader whose turns last as many views as its parameters say (8 bytes,
	// little-endian). It divides by them.
	ReleaseTurns = "release-turns"
)

// Releases returns them.
func Releases() []Fixture {
	height := join(I32Const(0), I64Load(requestHeight))
	since := join(I32Const(0), I32Load(requestPayloadLength), I64Load(requestPayload)) // the parameters follow the payload
	return []Fixture{
		machine(0, ReleaseKeeper, "keeps every payload", hook.FaultNone, keep(), result(0)),
		machine(0, ReleaseDiverging, "keeps nothing, and says that it did", hook.FaultNone, keep(), lose(), result(0)),
		machine(0, ReleaseWatched, "keeps every payload up to a height", hook.FaultNone,
			keep(), height, since, Op(0x5a), If(0x40, lose()), result(0)), // at least
		machine(0, ReleaseTrapping, "traps at every payload", hook.FaultNone,
			keep(), I32Const(0), I32Load(requestPayloadLength), If(0x40, trap()), result(0)),
		slowLeader(),
		leader(0, ReleaseSleeper, "takes turns up to a view, then never returns", hook.FaultNone, turnsUntil(requestView)...),
		leader(0, ReleaseTurns, "divides by its parameters", hook.FaultNone,
			readParameters(0),
			I32Const(0), I32Const(0), I64Load(requestView), LocalGet(0), I64Load(0), Op(0x80), I64Store(requestView), // divided
			answer(turn())),
	}
}

// keep reads the request to 0 and puts its payload under the transaction's id. A payload that does not
// fit the buffer leaves zeros.
func keep() []byte {
	return join(
		I32Const(0), I32Const(answerAt), Call(machineInput), drop(),
		I32Const(requestTransaction), I32Const(32), I32Const(requestPayload), I32Const(0), I32Load(requestPayloadLength), Call(machinePut))
}

// lose puts nothing under the transaction's id.
func lose() []byte {
	return join(I32Const(requestTransaction), I32Const(32), I32Const(0), I32Const(0), Call(machinePut))
}

// readParameters puts a leader's request to 0, and where its 8 bytes of parameters are into a local.
func readParameters(local uint32) []byte {
	return join(I32Const(0), I32Const(answerAt), Call(leaderInput), I32Const(8), Op(0x6b), LocalSet(local))
}

// slowSteps are as many as a call of a leader may take.
const slowSteps = 200_000

func slowLeader() Fixture {
	m := Guest(PagesMax, Input, Output)
	m.Func("leader.v1", nil, status, Types(I32, I32), wander(slowSteps),
		readParameters(0), answer(join(LocalGet(0), I32Load(0))))
	return Fixture{Name: ReleaseSlow, Hook: hook.Leader.Name, About: "works until its fuel is nearly gone", Module: m.Bytes(), Fuel: hook.Leader.FuelMax}
}
