package attack

import (
	"fmt"
	"math/rand/v2"

	"quoin.dev/quoin/hook"
	"quoin.dev/quoin/plugin/hostile"
	"quoin.dev/quoin/plugin/wasmtest"
)

// callerCases call every host function with pointers and lengths that lie at, before and behind every
// edge that there is.
func callerCases() []Case {
	var list []Case
	for i, f := range hostile.HostFunctions() {
		list = append(list, Case{19, hostile.CallerName(f), "calls " + f.Name + " with hostile arguments", contained,
			func(s *stage) (string, error) { return callHostile(s, f, uint64(i)) }})
	}
	return list
}

// edges are arguments that have fooled somebody.
var edges = []uint64{0, 1, 2, 4, 7, 8, 32, 255, 256, 257, 4_096, 4_097, hostile.CallerBuffer, 65_535, 65_536, 65_537,
	hostile.CallerMemory - 8, hostile.CallerMemory - 1, hostile.CallerMemory, hostile.CallerMemory + 1, 1 << 20, 1<<20 + 1,
	1<<31 - 1, 1 << 31, 1<<32 - 65_536, 1<<32 - 16, 1<<32 - 8, 1<<32 - 2, 1<<32 - 1, 1 << 32, 1<<63 - 1, 1 << 63, 1<<64 - 1}

// callHostile draws calls from a fixed seed. A call may be answered or end in a fault that tells what is
// wrong with its arguments; nothing else.
func callHostile(s *stage, f wasmtest.Imported, seed uint64) (string, error) {
	b, err := s.caller(f.Name)
	if err != nil {
		return "", err
	}
	defer s.drop(b.Release)
	sp := crowded()
	rng := rand.New(rand.NewPCG(19, seed))
	rounds := 8 * len(f.Params)
	for range 1 + rounds {
		arguments := make([]uint64, len(f.Params))
		for i := range arguments {
			arguments[i] = edges[rng.IntN(len(edges))]
		}
		got, err := s.apply(b, transaction(hostile.CallerPayload(arguments, []byte("bystander/key"))), sp)
		if err != nil {
			return got.String(), fmt.Errorf("%s(%#x): %w", f.Name, arguments, err)
		}
		switch got.fault {
		case hook.FaultNone, hook.FaultBounds, hook.FaultLimit, hook.FaultOutput, hook.FaultImport, hook.FaultFuel, hook.FaultAbort, hook.FaultExit:
		default:
			return got.String(), fmt.Errorf("%s(%#x)", f.Name, arguments)
		}
	}
	return contained, nil
}

// crowded is a space in which every question has an answer.
func crowded() *space {
	sp := newSpace(map[string]string{"\x00": "", "\xff": string(make([]byte, hook.ValueMax)), "bystander/key": "value", "k": "v"})
	for i := range 200 {
		sp.values[fmt.Sprintf("key/%03d", i)] = fmt.Sprint(i)
	}
	sp.foreign = map[string]map[string]string{hostile.ForeignNamespace: {"k": "theirs", "\x00": string(make([]byte, hook.ValueMax))}}
	sp.ancestors = map[uint64]hook.Ancestor{0: {}, 1: {Height: 1}, 7: {Height: 7, Block: [32]byte{7}}}
	sp.proofs = map[string][]byte{"k": make([]byte, hook.ProofMax)}
	sp.beacon = [32]byte{1, 2, 3}
	return sp
}
