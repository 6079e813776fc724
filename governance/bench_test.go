package governance

import (
	"fmt"
	"testing"

	"quoin.dev/quoin"
)

func benchState(b *testing.B, validators int) (Environment, memory, []quoin.Validator) {
	b.Helper()
	genesis := testGenesis(b)
	var members []quoin.Validator
	for i := range validators {
		name := fmt.Sprintf("w%d", i)
		members = append(members, quoin.Validator{Name: name, Key: key(name), Weight: 1})
	}
	set, err := quoin.NewValidatorSet(members)
	if err != nil {
		b.Fatal(err)
	}
	genesis.Validators = set
	s := memory{}
	Init(s, genesis)
	return testEnvironment(), s, members
}

func mustApply(b *testing.B, env Environment, s State, h quoin.Height, who quoin.PublicKey, payload []byte) {
	if x := Apply(env, s, h, who, payload); x.Code != 0 {
		b.Fatalf("%s", Code(x.Code))
	}
}

func BenchmarkApply(b *testing.B) {
	for _, n := range []int{4, 100} {
		env, s, members := benchState(b, n)
		propose := Encode(NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin", FuelMax: 1}))
		mustApply(b, env, s, 1, key("ann"), propose)
		b.Run(fmt.Sprintf("ready/validators=%d", n), func(b *testing.B) {
			payload := Encode(Ready{1})
			b.ReportAllocs()
			for b.Loop() {
				mustApply(b, env, s, 1, members[0].Key, payload)
			}
		})
		b.Run(fmt.Sprintf("propose+cancel/validators=%d", n), func(b *testing.B) {
			env, s, _ := benchState(b, n)
			release := testRelease(&env, "aud", "fast", "1", 1)
			payload := Encode(NewRelease(release, quoin.Binding{Hook: "leader.v1", FuelMax: 1000}))
			b.ReportAllocs()
			i := ProposalNumber(0)
			for b.Loop() {
				i++
				mustApply(b, env, s, 1, key("ann"), payload)
				mustApply(b, env, s, 1, key("ann"), Encode(Cancel{i}))
			}
		})
		b.Run(fmt.Sprintf("garbage/validators=%d", n), func(b *testing.B) {
			payload := make([]byte, 1024)
			b.ReportAllocs()
			for b.Loop() {
				Apply(env, s, 1, members[0].Key, payload)
			}
		})
	}
}

// BenchmarkDecide is what every block costs: nothing is due, or one activation.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{4, 100} {
		env, s, members := benchState(b, n)
		b.Run(fmt.Sprintf("nothing/validators=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Enact(s, Decide(s, 7))
			}
		})
		mustApply(b, env, s, 1, key("ann"), Encode(NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin", FuelMax: 1})))
		mustApply(b, env, s, 1, key("bea"), Encode(Approve{1, 0}))
		mustApply(b, env, s, 1, key("bob"), Encode(Approve{1, 0}))
		mustApply(b, env, s, 1, key("ann"), Encode(Schedule{1, 9}))
		for _, m := range members {
			mustApply(b, env, s, 1, m.Key, Encode(Ready{1}))
		}
		b.Run(fmt.Sprintf("one/validators=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, changed := Boundary(s, 9); !changed {
					b.Fatal("nothing due")
				}
			}
		})
	}
}
