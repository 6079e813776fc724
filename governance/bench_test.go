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

func mustApply(t testing.TB, env Environment, s State, h quoin.Height, who quoin.PublicKey, c Command) {
	t.Helper()
	if x := Apply(env, s, h, who, Encode(c)); x.Code != 0 {
		t.Fatalf("%T: %s", c, Code(x.Code))
	}
}

var roundRobin = NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin", FuelMax: 1})

// schedule brings a proposal to be scheduled at a height, with everybody ready.
func schedule(t testing.TB, env Environment, s State, n ProposalNumber, at quoin.Height, validators []quoin.Validator) {
	t.Helper()
	for _, v := range validators {
		if p, _ := ReadProposal(s, n); p.Status == StatusProposed {
			mustApply(t, env, s, 1, v.Key, Precheck{Proposal: n})
		}
	}
	mustApply(t, env, s, 1, key("bea"), Approve{Proposal: n})
	mustApply(t, env, s, 1, key("bob"), Approve{Proposal: n})
	mustApply(t, env, s, 1, key("ann"), Schedule{Proposal: n, Height: at})
	for _, v := range validators {
		mustApply(t, env, s, 1, v.Key, Ready{Proposal: n})
	}
}

func BenchmarkApply(b *testing.B) {
	for _, n := range []int{4, 100} {
		b.Run(fmt.Sprintf("ready/validators=%d", n), func(b *testing.B) {
			env, s, members := benchState(b, n)
			mustApply(b, env, s, 1, key("ann"), roundRobin)
			schedule(b, env, s, 1, 9, members)
			b.ReportAllocs()
			for b.Loop() {
				mustApply(b, env, s, 1, members[0].Key, Ready{Proposal: 1})
			}
		})
		b.Run(fmt.Sprintf("propose+cancel/validators=%d", n), func(b *testing.B) {
			env, s, _ := benchState(b, n)
			release := NewRelease(testRelease(&env, "aud", "fast", "1", 1), quoin.Binding{Hook: "leader.v1", FuelMax: 1000})
			b.ReportAllocs()
			i := ProposalNumber(0)
			for b.Loop() {
				i++
				mustApply(b, env, s, 1, key("ann"), release)
				mustApply(b, env, s, 1, key("ann"), Cancel{Proposal: i})
			}
		})
		b.Run(fmt.Sprintf("approve/validators=%d", n), func(b *testing.B) {
			env, s, members := benchState(b, n)
			mustApply(b, env, s, 1, key("ann"), roundRobin)
			schedule(b, env, s, 1, 9, members)
			p, _ := ReadProposal(s, 1)
			p.Status = StatusPrechecked
			b.ReportAllocs()
			for b.Loop() {
				putProposal(s, &p)
				s.Delete(ReviewKey(&p, key("bob")))
				mustApply(b, env, s, 1, key("bob"), Approve{Proposal: 1})
			}
		})
		b.Run(fmt.Sprintf("garbage/validators=%d", n), func(b *testing.B) {
			env, s, members := benchState(b, n)
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
				Enact(s, Decide(env, s, 7))
			}
		})
		mustApply(b, env, s, 1, key("ann"), roundRobin)
		schedule(b, env, s, 1, 9, members)
		b.Run(fmt.Sprintf("one/validators=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, changed := Boundary(env, s, 9); !changed {
					b.Fatal("nothing due")
				}
			}
		})
	}
}
