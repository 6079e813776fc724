package quoin

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestRoleNames(t *testing.T) {
	for role := Role(1); role <= rolesAll; role++ {
		if back, err := ParseRole(role.String()); err != nil || back != role {
			t.Errorf("%q came back as %q, %v", role, back, err)
		}
	}
	if r, err := ParseRole("responder,proposer"); err != nil || r != RoleProposer|RoleResponder {
		t.Errorf("in another order: %q, %v", r, err)
	}
	if s := (RoleApprover | 1<<9).String(); s != "approver,0x200" {
		t.Errorf("an unknown role is written as %q", s)
	}
	for _, bad := range []string{"", "Proposer", "proposer,", "proposer, approver", "proposer,proposer", "0x200"} {
		if r, err := ParseRole(bad); err == nil || r != 0 {
			t.Errorf("%q is read as %q", bad, r)
		}
	}
	if _, err := ParseRole("auditor"); err == nil || !strings.Contains(err.Error(), "proposer,approver,assessor,responder") {
		t.Errorf("the refusal of an unknown role does not name those that are known: %v", err)
	}
}

func TestMembersHoldWhatTheirRolesSay(t *testing.T) {
	c := sampleConfiguration(t)
	if m, ok := c.Member(sampleKey(2)); !ok || m.Name != "bea" {
		t.Error("a member is not found by its key")
	}
	if _, ok := c.Member(sampleKey(9)); ok {
		t.Error("a stranger is a member")
	}
	for _, x := range []struct {
		key  PublicKey
		role Role
		want bool
	}{
		{sampleKey(1), RoleProposer, true}, {sampleKey(1), RoleProposer | RoleApprover, true},
		{sampleKey(3), RoleProposer | RoleApprover, false}, {sampleKey(3), RoleResponder, false},
		{sampleKey(9), RoleApprover, false}, {PublicKey{}, RoleApprover, false}, {sampleKey(1), 0, false},
	} {
		if c.Holds(x.key, x.role) != x.want {
			t.Errorf("%s holds %q: %v", x.key, x.role, !x.want)
		}
	}
	if keys := c.Holders(RoleApprover); !slices.Equal(keys, []PublicKey{sampleKey(1), sampleKey(2), sampleKey(3)}) {
		t.Errorf("the approvers are %v", keys)
	}
	if keys := c.Holders(RoleAssessor | RoleResponder); !slices.Equal(keys, []PublicKey{sampleKey(2)}) {
		t.Errorf("assessors and responders at once are %v", keys)
	}
}

func TestPolicyOfAClassComesBeforeThatOfAll(t *testing.T) {
	c := sampleConfiguration(t)
	for _, x := range []struct {
		class      byte
		step, want string
	}{
		{'D', "approve", "approvals >= 3"}, {'L', "approve", "approvals >= 2 &&\n\torganisations >= 2"}, {'D', "confirm", "trial.bad == 0"},
		{'D', "retire", ""}, {'D', "approv", ""},
	} {
		if got, ok := c.Policy(x.class, x.step); got != x.want || ok != (x.want != "") {
			t.Errorf("policy of class %c for %s: %q", x.class, x.step, got)
		}
	}
}

func TestBindingForNamedNodes(t *testing.T) {
	c := sampleConfiguration(t)
	if _, ok := c.BindingFor("pacemaker.v1", sampleKey(0x42)); ok {
		t.Error("a node that nobody names has a binding, and there is no plain one")
	}
	c = c.WithBinding(Binding{Hook: "pacemaker.v1", Builtin: "plain"})
	c = c.WithBinding(Binding{Hook: "pacemaker.v1", Namespace: "late", Builtin: "late", Nodes: []PublicKey{sampleKey(0x41), sampleKey(0x42)}})
	c = c.WithBinding(Binding{Hook: "priority.v1", Namespace: "canary", Builtin: "other", Nodes: []PublicKey{sampleKey(0x44)}})
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	for first, want := range map[byte]string{0x41: "pacemaker.v1/canary", 0x42: "pacemaker.v1/late", 0x43: "pacemaker.v1/canary", 0x44: "pacemaker.v1"} {
		if b, ok := c.BindingFor("pacemaker.v1", sampleKey(first)); !ok || b.Slot() != want {
			t.Errorf("node %#x uses %v, want %s", first, b, want)
		}
	}
	if b, ok := c.BindingFor("machine.v1", sampleKey(0x41)); ok {
		t.Errorf("a machine's namespace is taken for a label: %s", b.Slot())
	}
}

func TestParametersByName(t *testing.T) {
	names := ParameterNames()
	if distinct := slices.Compact(slices.Sorted(slices.Values(names))); len(distinct) != len(names) {
		t.Fatalf("a parameter's name is there twice: %v", names)
	}
	p := DefaultParameters()
	for i, f := range p.fields() {
		q := p
		v := *f.value - 1
		if v < f.min || v > f.max {
			v = f.min + 1
		}
		if err := q.Set(names[i], v); err != nil {
			t.Error(err)
		}
		want := []ParameterChange{{names[i], *f.value, v, f.class}}
		if got := p.Changes(&q); !slices.Equal(got, want) {
			t.Errorf("changes %v, want %v", got, want)
		}
		if !strings.ContainsRune("LDF", rune(f.class)) {
			t.Errorf("%s is of class %q", f.name, f.class)
		}
		before := q
		if err := q.Set(names[i], f.max+1); !errors.Is(err, ErrConfiguration) || q != before {
			t.Errorf("%s beyond its limit: %v", f.name, err)
		}
	}
	if p.Changes(&p) != nil {
		t.Error("parameters differ from themselves")
	}
	if err := p.Set("drift", 1); !errors.Is(err, ErrConfiguration) || !strings.Contains(err.Error(), "drift_ms") {
		t.Errorf("the refusal of an unknown parameter does not name those that are known: %v", err)
	}
}

// TestGenesisKeepsGrantsAndNodes: a file that forgot them would make another chain of the same text.
func TestGenesisKeepsGrantsAndNodes(t *testing.T) {
	b, err := json.Marshal(sampleGenesis(t))
	if err != nil {
		t.Fatal(err)
	}
	var back Genesis
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	bank, _ := back.Configuration.Binding("machine.v1/bank")
	canary, _ := back.Configuration.Binding("pacemaker.v1/canary")
	if !slices.Equal(bank.Grants, sampleBinding().Grants) || !slices.Equal(canary.Nodes, sampleCanary().Nodes) {
		t.Errorf("grants %v, nodes %v", bank.Grants, canary.Nodes)
	}
}

// TestGenesisWithoutMembers: nobody can change anything, which is a chain's right.
func TestGenesisWithoutMembers(t *testing.T) {
	var file map[string]any
	b, err := json.Marshal(sampleGenesis(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	delete(file, "members")
	delete(file, "policies")
	if b, err = json.Marshal(file); err != nil {
		t.Fatal(err)
	}
	var g Genesis
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Configuration.Members) != 0 || len(g.Configuration.Policies) != 0 {
		t.Error("members or policies out of nowhere")
	}
}

// TestLargestGenesisFits: what passes Check can be written to a file that is read again.
func TestLargestGenesisFits(t *testing.T) {
	g := sampleGenesis(t)
	c := &g.Configuration
	name := func(i int) string { return fmt.Sprintf("%0*d", NamespaceMax, i) }
	var validators []Validator
	var nodes []PublicKey
	for i := range ValidatorsMax {
		key := PublicKey{1, byte(i)}
		validators = append(validators, Validator{fmt.Sprintf("%0*d", ValidatorNameMax, i), key, TotalWeightMax / ValidatorsMax})
		nodes = append(nodes, key)
	}
	var err error
	if c.Validators, err = NewValidatorSet(validators); err != nil {
		t.Fatal(err)
	}
	var grants []string
	for i := range GrantsMax {
		grants = append(grants, fmt.Sprintf("%0*d", GrantMax, i))
	}
	c.Bindings, c.Members, c.Policies = nil, nil, nil
	for i := range BindingsMax {
		c.Bindings = append(c.Bindings, Binding{Hook: name(0), Namespace: name(i), Release: Hash{1}, Parameters: make([]byte, ParameterBytesMax),
			FuelMax: math.MaxUint64, Grants: grants, Nodes: nodes})
	}
	for i := range AccountsMax {
		c.Members = append(c.Members, Member{name(i), PublicKey{2, byte(i)}, name(i), rolesAll})
	}
	for i := range PoliciesMax {
		c.Policies = append(c.Policies, Policy{'*', name(i), strings.Repeat("<", PolicyBytesMax)}) // JSON escapes it in six bytes
	}
	file, err := json.MarshalIndent(g, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var back Genesis
	if err := json.Unmarshal(file, &back); err != nil || back.Hash() != g.Hash() {
		t.Errorf("the largest genesis, %d bytes: %v", len(file), err)
	}
	t.Logf("%d bytes of JSON, %d of canonical bytes", len(file), len(c.AppendBinary(nil)))
}
