package hostile

import (
	"quoin.dev/quoin/hook"
	. "quoin.dev/quoin/plugin/wasmtest"
)

// Policies returns hostile plugins of the hooks beside leader and machine.
func Policies() []Fixture {
	forAll := func(n int64) []byte { return join(I32Const(answerAt), I64Const(n), I64Store(0)) }
	return []Fixture{
		policy(1, "validation-endless-loop", hook.Validate.Operation, "never returns", hook.FaultFuel, forever()),
		policy(1, "finality-endless-loop", hook.Delay.Operation, "never returns", hook.FaultFuel, forever()),
		policy(1, "pacemaker-endless-loop", hook.Timeout.Operation, "never returns", hook.FaultFuel, forever()),
		policy(1, "priority-endless-loop", hook.Prioritize.Operation, "never returns", hook.FaultFuel, forever()),
		policy(18, "validation-long-answer", hook.Validate.Operation, "answers with more bytes than an answer has", hook.FaultOutput, reply(8)),
		policy(18, "finality-short-answer", hook.Delay.Operation, "answers with too few bytes", hook.FaultOutput, reply(4)),
		policy(37, PacemakerNever, hook.Timeout.Operation, "asks for the longest time-out that there is", hook.FaultNone, forAll(-1), reply(8)),
		policy(37, PacemakerAtOnce, hook.Timeout.Operation, "asks for no time-out at all", hook.FaultNone, forAll(0), reply(8)),
		policy(37, FinalityNever, hook.Delay.Operation, "asks to report nothing for ever", hook.FaultNone, forAll(-1), reply(8)),
	}
}

// Policies that answer.
const (
	PacemakerNever  = "pacemaker-never"
	PacemakerAtOnce = "pacemaker-at-once"
	FinalityNever   = "finality-never"
)

func policy(row int, name string, o hook.Operation, about string, want hook.Fault, body ...[]byte) Fixture {
	m := Guest(1, Input, Output)
	m.Func(o.Name, nil, status, nil, body...)
	return Fixture{Row: row, Name: name, Hook: o.Hook, About: about, Module: m.Bytes(), Want: want}
}

// reply answers with bytes from answerAt, and returns. The module's second import is output.
func reply(n int32) []byte { return join(I32Const(answerAt), I32Const(n), Call(1), I32Const(0)) }
