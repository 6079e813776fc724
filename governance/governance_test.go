package governance

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
)

// TestCodesArePinned keeps numbers, names and meanings as testdata/codes.golden has them.
func TestCodesArePinned(t *testing.T) {
	var b strings.Builder
	names := map[string]bool{}
	for _, c := range Codes() {
		if !c.Valid() || c.String() == "" || c.Meaning() == "" || names[c.String()] {
			t.Errorf("code %d: %q, %q", c, c, c.Meaning())
		}
		names[c.String()] = true
		fmt.Fprintf(&b, "%d %s: %s\n", c, c, c.Meaning())
	}
	if len(codeTable) != len(Codes())-1 {
		t.Errorf("%d rows for %d codes", len(codeTable), len(Codes())-1)
	}
	if Code(1).Valid() || codeEnd.Valid() || Code(CodeBase).Valid() || CodeBase < quoin.ResultFault {
		t.Error("a code outside the table is valid, or the table lies outside the kernel's results")
	}
	golden(t, "testdata/codes.golden", "TestCodesArePinned", b.String()) // codes are for ever; new ones go to the end
}

func sampleCommands(t testing.TB) []Command {
	env := testEnvironment()
	binding := quoin.Binding{Hook: "leader.v1", FuelMax: 1000, Parameters: []byte("x")}
	genesis := testGenesis(t)
	parameters := genesis.Parameters
	parameters.DriftMS++
	comparison := Comparison{5, 1, 1, 2, 9, quoin.Hash{7}}
	planned := NewRelease(testRelease(&env, "aud", "fast", "1.0.0", 1), binding)
	planned.Plan, planned.Note = Plan{Shadow: 8, Trial: 16, Diverges: true, PatchUntil: 99}, "why, für wen"
	return []Command{
		planned,
		NewBuiltin(quoin.Binding{Hook: "machine.v1", Namespace: "bank", Builtin: "kv"}),
		NewValidators(testSet(t, "v1", "v2", "v5")),
		NewParameters(parameters), NewMembers(genesis.Members[1:]), NewPolicies(genesis.Policies[1:]), NewUnbind("machine.v1", "kv"),
		Approve{1, "good", 2}, Reject{1, "", 2}, Schedule{1, 10, 2}, Ready{1, 2}, Veto{1, ""}, Rollback{"leader.v1", 1, "slow"}, Cancel{1, ""}, Lift{"bank"},
		Precheck{1, PrecheckFit, 2}, Attest{1, EvidenceSecurity, SecurityFailed, quoin.Hash{1}, 50, "", 2}, Shadow{1}, Report{1, 16, comparison, 2},
		Health{1, 16, HealthSlow, 1, 2, 3, comparison, 2}, Confirm{1, "", 2}, Pause{1, ""}, Resume{1, ""}, Deprecate{1, 99, ""}, Retire{1, ""},
		Rotate{key("new"), quoin.Signature{1}}, Revoke{key("bob"), ""},
	}
}

func TestCommandsHaveOneEncoding(t *testing.T) {
	for _, c := range sampleCommands(t) {
		b := Encode(c)
		back, err := DecodeCommand(b)
		if err != nil || !bytes.Equal(Encode(back), b) {
			t.Errorf("%T: %v", c, err)
		}
		for _, bad := range [][]byte{b[:len(b)-1], append(slices.Clone(b), 0)} {
			if _, err := DecodeCommand(bad); !errors.Is(err, canonical.ErrMalformed) {
				t.Errorf("%T with %d bytes for %d: %v", c, len(bad), len(b), err)
			}
		}
	}
	unprintable := Encode(Veto{1, "x"})
	unprintable[len(unprintable)-1] = 7
	for _, bad := range [][]byte{nil, {0}, {byte(KindRevoke) + 1}, {byte(KindReserved)}, {byte(KindPropose), 9}, Encode(Rollback{"a/b/c", 1, ""}),
		Encode(Rollback{"a/", 1, ""}), Encode(Rollback{"", 1, ""}), Encode(Lift{"A"}), unprintable, Encode(Precheck{Proposal: 1, Code: precheckEnd}),
		Encode(Health{Proposal: 1, Reason: healthEnd}), Encode(Report{Proposal: 1, Through: 4, Comparison: Comparison{Compared: 1, Diverged: 2}}),
		Encode(Attest{Proposal: 1, Evidence: EvidenceSecurity, Result: 3}), Encode(Propose{Subject: SubjectUnbind, Binding: quoin.Binding{Hook: "a"}, Plan: Plan{State: 3}}),
		Encode(Propose{Subject: SubjectUnbind, Binding: quoin.Binding{Hook: "a"}, Plan: Plan{Trial: PlanHeightsMax + 1}})} {
		if _, err := DecodeCommand(bad); !errors.Is(err, canonical.ErrMalformed) {
			t.Errorf("%x: %v", bad, err)
		}
	}
	if !IsCommand(nil) || !IsCommand([]byte{99}) || IsCommand([]byte{0x80}) {
		t.Error("IsCommand")
	}
}

// TestNotes takes texts in any script and refuses what hides. The ranges are written here once more: what
// a network accepts must not follow the tables of a Go version.
func TestNotes(t *testing.T) {
	for _, note := range []string{"", "slower than before", "für alle, ключ, 鍵, 🙂", strings.Repeat("a", NoteMax)} {
		if !IsNote(note) {
			t.Errorf("%q is refused", note)
		}
	}
	for _, note := range []string{strings.Repeat("a", NoteMax+1), "a\nb", "a\x7f", "\xff", "a\u00a0b", "a\u200bb", "a\u202eb", "a\u2066b", "\ufeffa", "\ue000",
		"a\U000e0041", "a\u00adb", "\ufffd", "\U0010ffff", "\u3000"} {
		if IsNote(note) {
			t.Errorf("%q is accepted", note)
		}
	}
	for i, r := range hidden {
		if r[0] > r[1] || i > 0 && hidden[i-1][1] >= r[0] {
			t.Errorf("range %d of hidden characters is out of order", i)
		}
	}
}

// TestSubjectAndBindingFit refuses a release's bytes under a built-in's subject and the reverse.
func TestSubjectAndBindingFit(t *testing.T) {
	samples := sampleCommands(t)
	for i, subject := range []Subject{SubjectBuiltin, SubjectRelease} {
		b := Encode(samples[i])
		b[1] = byte(subject)
		if _, err := DecodeCommand(b); !errors.Is(err, canonical.ErrMalformed) {
			t.Errorf("subject %d with the other's binding: %v", subject, err)
		}
	}
}

// weighted is a chain of three validators of weights 5, 1 and 1: W = 7, f = 2, a quorum is 5.
func weighted(t *testing.T) (Environment, memory) {
	set, err := quoin.NewValidatorSet([]quoin.Validator{{Name: "v1", Key: key("v1"), Weight: 5}, {Name: "v2", Key: key("v2"), Weight: 1}, {Name: "v3", Key: key("v3"), Weight: 1}})
	if err != nil {
		t.Fatal(err)
	}
	genesis := testGenesis(t)
	genesis.Validators = set
	s := memory{}
	Init(s, genesis)
	return testEnvironment(), s
}

// TestWeights counts vetoes and readiness by weight, not by heads.
func TestWeights(t *testing.T) {
	for _, c := range []struct {
		ready, veto []string
		want        Fate
	}{
		{[]string{"v2", "v3"}, nil, FateMove},
		{[]string{"v1"}, nil, FateActivate},
		{[]string{"v1"}, []string{"v2", "v3"}, FateActivate},
	} {
		env, s := weighted(t)
		run := func(who string, command Command) { t.Helper(); mustApply(t, env, s, 1, key(who), command) }
		run("ann", roundRobin)
		run("v2", Precheck{Proposal: 1})
		run("v1", Precheck{Proposal: 1})
		run("bea", Approve{Proposal: 1})
		run("bob", Approve{Proposal: 1})
		run("ann", Schedule{Proposal: 1, Height: 4})
		for _, v := range c.ready {
			run(v, Ready{Proposal: 1})
		}
		for _, v := range c.veto {
			run(v, Veto{Proposal: 1})
		}
		if d := Decide(env, s, 4); len(d.Outcomes) != 1 || d.Outcomes[0].Fate != c.want {
			t.Errorf("ready %v, vetoed %v: %+v, want fate %d", c.ready, c.veto, d.Outcomes, c.want)
		}
		if next, changed := Boundary(env, s, 4); changed != (c.want == FateActivate) || changed && next.First != 5 {
			t.Errorf("ready %v: boundary %v", c.ready, changed)
		}
	}
	env, s := weighted(t)
	mustApply(t, env, s, 1, key("ann"), roundRobin)
	mustApply(t, env, s, 1, key("v1"), Veto{Proposal: 1})
	if p, _ := ReadProposal(s, 1); p.Status != StatusVetoed {
		t.Errorf("vetoed by 5 of 7, f = 2: %s", p.Status)
	}
	mustApply(t, env, s, 1, key("ann"), roundRobin)
	for _, v := range []string{"v2", "v3"} {
		mustApply(t, env, s, 1, key(v), Precheck{Proposal: 2, Code: PrecheckCompile})
	}
	if p, _ := ReadProposal(s, 2); p.Status != StatusProposed {
		t.Errorf("failed by 2 of 7: %s", p.Status)
	}
	mustApply(t, env, s, 1, key("v1"), Precheck{Proposal: 2, Code: PrecheckCompile})
	if p, _ := ReadProposal(s, 2); p.Status != StatusRejected || p.Ending != (Ending{WhyPrecheck, uint32(PrecheckCompile), 1, ""}) {
		t.Errorf("failed by 7 of 7: %s, %+v", p.Status, p.Ending)
	}
}

// TestVetoCountsInTheSetOfTheDay: vetoes that weighed f when they were sent may weigh more after the
// validators changed, and then stop the proposal at its activation.
func TestVetoCountsInTheSetOfTheDay(t *testing.T) {
	env, s := testEnvironment(), memory{}
	Init(s, testGenesis(t))
	heavy, _ := quoin.NewValidatorSet([]quoin.Validator{{Name: "v1", Key: key("v1"), Weight: 5}, {Name: "v2", Key: key("v2"), Weight: 1}, {Name: "v3", Key: key("v3"), Weight: 1}})
	mustApply(t, env, s, 1, key("ann"), NewValidators(heavy))
	mustApply(t, env, s, 1, key("ann"), roundRobin)
	schedule(t, env, s, 1, 5, heavy.All())
	schedule(t, env, s, 2, 6, heavy.All())
	mustApply(t, env, s, 1, key("v1"), Veto{Proposal: 2})
	for h := quoin.Height(5); h <= 6; h++ {
		Enact(s, Decide(env, s, h))
	}
	c := CurrentConfiguration(s)
	p, _ := ReadProposal(s, 2)
	if c.Epoch != 2 || c.Validators.Len() != 3 || p.Status != StatusVetoed || p.Closed != 6 {
		t.Errorf("epoch %d with %d validators, proposal %s at %d", c.Epoch, c.Validators.Len(), p.Status, p.Closed)
	}
}

// TestNoApproversNoChange: a chain without approvers keeps its algorithms.
func TestNoApproversNoChange(t *testing.T) {
	genesis := testGenesis(t)
	genesis.Members = slices.DeleteFunc(genesis.Members, func(m quoin.Member) bool { return m.Roles.Has(quoin.RoleApprover) })
	env, s := testEnvironment(), memory{}
	Init(s, genesis)
	mustApply(t, env, s, 1, key("ann"), roundRobin)
	for _, v := range validatorNames[:3] {
		mustApply(t, env, s, 1, key(v), Precheck{Proposal: 1})
	}
	if x := Apply(env, s, 1, key("ann"), Encode(Schedule{Proposal: 1, Height: 10})); Code(x.Code) != NotApproved {
		t.Errorf("scheduled without approvers: %s", Code(x.Code))
	}
}

// TestUnsignedHasNoRole: the sender of an unsigned transaction, nobody, may do nothing.
func TestUnsignedHasNoRole(t *testing.T) {
	s := memory{}
	Init(s, testGenesis(t))
	for _, c := range sampleCommands(t) {
		if x := Apply(testEnvironment(), s, 1, quoin.PublicKey{}, Encode(c)); x.Code == 0 {
			t.Errorf("%T by nobody succeeded", c)
		}
	}
}

func TestFoldRefusesAnotherLedger(t *testing.T) {
	env, genesis := testEnvironment(), testGenesis(t)
	entry := func(who string, c Command, code Code) quoin.Entry {
		return quoin.Entry{Transaction: quoin.Transaction{Sender: key(who), Namespace: quoin.KernelNamespace, Payload: Encode(c)},
			Result: quoin.Result{Code: uint32(code)}}
	}
	other := quoin.Entry{Transaction: quoin.Transaction{Namespace: "kv", Payload: []byte{1}}}
	reserved := quoin.Entry{Transaction: quoin.Transaction{Namespace: quoin.KernelNamespace, Payload: []byte{0x80}}}
	for name, c := range map[string]struct {
		blocks []Block
		ok     bool
	}{
		"nothing":        {nil, true},
		"others' alone":  {[]Block{{Height: 2, Entries: []quoin.Entry{other, reserved}}}, true},
		"a true refusal": {[]Block{{Height: 2, Entries: []quoin.Entry{entry("bea", Approve{Proposal: 1}, NoProposal)}}}, true},
		"a false result": {[]Block{{Height: 2, Entries: []quoin.Entry{entry("bea", Approve{Proposal: 1}, OK)}}}, false},
		"out of order":   {[]Block{{Height: 3}, {Height: 3}}, false},
		"beyond the end": {[]Block{{Height: 11}}, false},
		"from height 0":  {[]Block{{Height: 0}}, false},
	} {
		epochs, err := Fold(env, genesis, slices.Values(c.blocks), 10)
		if (err == nil) != c.ok || len(epochs) != 1 {
			t.Errorf("%s: %d epochs, %v", name, len(epochs), err)
		}
	}
}

// FuzzApply: whatever is sent, by whomever and whenever, the result is a code of the table, and a
// refusal writes nothing.
func FuzzApply(f *testing.F) {
	for i, c := range sampleCommands(f) {
		f.Add(Encode(c), byte(i), uint64(i))
	}
	env, base := testEnvironment(), memory{}
	Init(base, testGenesis(f))
	names := append(slices.Clone(validatorNames), "aud")
	for _, m := range testMembers() {
		names = append(names, m.Name)
	}
	for i, c := range sampleCommands(f)[:3] {
		Apply(env, base, 1, key("ann"), Encode(c))
		for _, v := range validatorNames[:3] {
			Apply(env, base, 1, key(v), Encode(Precheck{Proposal: ProposalNumber(i + 1)}))
		}
		Apply(env, base, 1, key("bea"), Encode(Approve{Proposal: ProposalNumber(i + 1)}))
	}
	f.Fuzz(func(t *testing.T, payload []byte, who byte, height uint64) {
		s := maps.Clone(base)
		h := 1 + quoin.Height(height%200_000)
		Enact(s, Decide(env, s, h))
		before := maps.Clone(s)
		x := Apply(env, s, h, key(names[int(who)%len(names)]), payload)
		same := maps.EqualFunc(before, s, bytes.Equal)
		if !Code(x.Code).Valid() || same != (x.Code != 0) {
			t.Fatalf("%s, and the state is the same: %v", Code(x.Code), same)
		}
		for i := range quoin.Height(12) {
			Enact(s, Decide(env, s, h+i+1))
		}
	})
}

// FuzzDecodeCommand: what decodes encodes to the same bytes.
func FuzzDecodeCommand(f *testing.F) {
	for _, c := range sampleCommands(f) {
		f.Add(Encode(c))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeCommand(b)
		if err != nil {
			if !errors.Is(err, canonical.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(Encode(c), b) {
			t.Fatalf("%x encodes to %x", b, Encode(c))
		}
	})
}
