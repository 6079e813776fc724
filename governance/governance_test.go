package governance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	const file = "testdata/codes.golden"
	if *rewrite {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || string(want) != b.String() {
		t.Errorf("%s differs (%v): codes are for ever; new ones go to the end", file, err)
	}
}

// TestEveryCodeHasAScenario looks for each code among the scenarios' answers.
func TestEveryCodeHasAScenario(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	answers := map[string]bool{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(string(b), "\n") {
			if words := strings.Fields(line); strings.HasPrefix(line, "  ") && len(words) > 0 {
				answers[words[0]] = true
			}
		}
	}
	for _, c := range Codes() {
		if !answers[c.String()] {
			t.Errorf("no scenario gives %s", c)
		}
	}
}

func sampleCommands(t testing.TB) []Command {
	env := testEnvironment()
	binding := quoin.Binding{Hook: "leader.v1", FuelMax: 1000, Parameters: []byte("x")}
	return []Command{
		NewRelease(testRelease(&env, "aud", "fast", "1.0.0", 1), binding),
		NewBuiltin(quoin.Binding{Hook: "machine.v1", Namespace: "bank", Builtin: "kv"}),
		NewValidators(testSet(t, "v1", "v2", "v5")),
		Approve{1, 0}, Schedule{1, 10}, Ready{1}, Veto{1}, Rollback{"leader.v1", 1}, Cancel{1}, Lift{"bank"},
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
	for _, bad := range [][]byte{nil, {0}, {9}, {byte(KindReserved)}, {byte(KindPropose), 9}, Encode(Rollback{"a/b/c", 1}),
		Encode(Rollback{"a/", 1}), Encode(Rollback{"", 1}), Encode(Lift{"A"})} {
		if _, err := DecodeCommand(bad); !errors.Is(err, canonical.ErrMalformed) {
			t.Errorf("%x: %v", bad, err)
		}
	}
	if !IsCommand(nil) || !IsCommand([]byte{99}) || IsCommand([]byte{0x80}) {
		t.Error("IsCommand")
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

// TestWeights counts vetoes and readiness by weight, not by heads.
func TestWeights(t *testing.T) {
	set, err := quoin.NewValidatorSet([]quoin.Validator{{Name: "v1", Key: key("v1"), Weight: 5}, {Name: "v2", Key: key("v2"), Weight: 1}, {Name: "v3", Key: key("v3"), Weight: 1}})
	if err != nil {
		t.Fatal(err)
	}
	genesis := testGenesis(t)
	genesis.Validators = set // W = 7, f = 2, a quorum is 5
	for _, c := range []struct {
		ready, veto []string
		want        Fate
	}{
		{[]string{"v2", "v3"}, nil, FateMove},
		{[]string{"v1"}, nil, FateActivate},
		{[]string{"v1"}, []string{"v2", "v3"}, FateActivate},
	} {
		env, s := testEnvironment(), memory{}
		Init(s, genesis)
		run := func(who string, command Command) {
			t.Helper()
			if x := Apply(env, s, 1, key(who), Encode(command)); x.Code != 0 {
				t.Fatalf("%T by %s: %s", command, who, Code(x.Code))
			}
		}
		run("ann", NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin", FuelMax: 1}))
		run("bea", Approve{1, 0})
		run("bob", Approve{1, 0})
		run("ann", Schedule{1, 4})
		for _, v := range c.ready {
			run(v, Ready{1})
		}
		for _, v := range c.veto {
			run(v, Veto{1})
		}
		if d := Decide(s, 4); len(d.Outcomes) != 1 || d.Outcomes[0].Fate != c.want {
			t.Errorf("ready %v, vetoed %v: %+v, want fate %d", c.ready, c.veto, d.Outcomes, c.want)
		}
		if next, changed := Boundary(s, 4); changed != (c.want == FateActivate) || changed && next.First != 5 {
			t.Errorf("ready %v: boundary %v", c.ready, changed)
		}
	}
	s := memory{}
	Init(s, genesis)
	Apply(testEnvironment(), s, 1, key("ann"), Encode(NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin", FuelMax: 1})))
	Apply(testEnvironment(), s, 1, key("v1"), Encode(Veto{1}))
	if p, _ := ReadProposal(s, 1); p.Status != StatusVetoed {
		t.Errorf("vetoed by 5 of 7, f = 2: %s", p.Status)
	}
}

// TestVetoCountsInTheSetOfTheDay: vetoes that weighed f when they were sent may weigh more after the
// validators changed, and then stop the proposal at its activation.
func TestVetoCountsInTheSetOfTheDay(t *testing.T) {
	env, s := testEnvironment(), memory{}
	Init(s, testGenesis(t))
	h := quoin.Height(1)
	run := func(who string, command Command) {
		t.Helper()
		if x := Apply(env, s, h, key(who), Encode(command)); x.Code != 0 {
			t.Fatalf("%T by %s: %s", command, who, Code(x.Code))
		}
	}
	heavy, _ := quoin.NewValidatorSet([]quoin.Validator{{Name: "v1", Key: key("v1"), Weight: 5}, {Name: "v2", Key: key("v2"), Weight: 1}, {Name: "v3", Key: key("v3"), Weight: 1}})
	run("ann", NewValidators(heavy))
	run("ann", NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin", FuelMax: 1}))
	for n := ProposalNumber(1); n <= 2; n++ {
		run("bea", Approve{n, 0})
		run("bob", Approve{n, 0})
		for _, v := range []string{"v1", "v2", "v3"} {
			run(v, Ready{n})
		}
	}
	run("v1", Veto{2})
	run("ann", Schedule{1, 5})
	run("ann", Schedule{2, 6})
	for h = 5; h <= 6; h++ {
		Enact(s, Decide(s, h))
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
	Apply(env, s, 1, key("ann"), Encode(NewBuiltin(quoin.Binding{Hook: "leader.v1", Builtin: "round-robin", FuelMax: 1})))
	if x := Apply(env, s, 1, key("ann"), Encode(Schedule{1, 10})); Code(x.Code) != NotApproved {
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
		"a true refusal": {[]Block{{Height: 2, Entries: []quoin.Entry{entry("bea", Approve{1, 0}, NoProposal)}}}, true},
		"a false result": {[]Block{{Height: 2, Entries: []quoin.Entry{entry("bea", Approve{1, 0}, OK)}}}, false},
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
	env, genesis := testEnvironment(), testGenesis(f)
	names := slices.Concat(validatorNames, proposerNames, approverNames, []string{"aud"})
	base := memory{}
	Init(base, genesis)
	for i, c := range sampleCommands(f)[:3] {
		Apply(env, base, 1, key("ann"), Encode(c))
		Apply(env, base, 1, key("bea"), Encode(Approve{ProposalNumber(i + 1), 0}))
	}
	f.Fuzz(func(t *testing.T, payload []byte, who byte, height uint64) {
		s := &watched{memory: memory{}}
		for k, v := range base {
			s.memory[k] = v
		}
		h := 1 + quoin.Height(height%200_000)
		Enact(s, Decide(s, h))
		s.writes = 0
		x := Apply(env, s, h, key(names[int(who)%len(names)]), payload)
		if !Code(x.Code).Valid() || x.Code != 0 && s.writes > 0 {
			t.Fatalf("%s after %d writes", Code(x.Code), s.writes)
		}
		for i := range quoin.Height(12) {
			Enact(s, Decide(s, h+i+1))
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
