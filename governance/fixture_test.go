package governance

import (
	"crypto/sha256"
	"testing"

	"quoin.dev/quoin"
	"quoin.dev/quoin/governance/policy"
)

// key gives a person of the tests a key. Signatures here are hashes: who verifies what matters, not
// the curve.
func key(name string) quoin.PublicKey { return sha256.Sum256([]byte("key of " + name)) }

func sign(k quoin.PublicKey, message []byte) quoin.Signature {
	h := sha256.Sum256(append(k[:], message...))
	var s quoin.Signature
	copy(s[:], h[:])
	copy(s[32:], h[:])
	return s
}

func testEnvironment() Environment {
	return Environment{
		Origin: quoin.OriginID{1},
		Hooks: []Hook{
			{Name: "leader.v1", Class: ClassLiveness, Builtins: []string{"round-robin", "weighted"}, Fallback: "round-robin", FuelMax: 1_000_000},
			{Name: "machine.v1", Class: ClassDeterministic, Namespaced: true, Stateful: true, Builtins: []string{"kv"}, FuelMax: 1_000_000},
			{Name: "pacemaker.v1", Class: ClassNode, Builtins: []string{"steady"}, Fallback: "steady", FuelMax: 1_000_000},
			{Name: "quorum.v1", Class: 'S', Builtins: []string{"majority"}, FuelMax: 1},
		},
		ModuleBytesMax: 4 << 20,
		AuthorBytes:    func(digest quoin.Hash) []byte { return append([]byte("author\n"), digest[:]...) },
		Judge:          policy.NewJudge(),
		Verify: func(k quoin.PublicKey, message []byte, s quoin.Signature) bool {
			return s == sign(k, message)
		},
	}
}

var validatorNames = []string{"v1", "v2", "v3", "v4"}

// testMembers are those of the genesis: pat holds two roles, each works for itself.
func testMembers() []quoin.Member {
	members := []quoin.Member{
		{Name: "ann", Roles: quoin.RoleProposer},
		{Name: "pat", Roles: quoin.RoleProposer | quoin.RoleApprover},
		{Name: "bea", Roles: quoin.RoleApprover},
		{Name: "bob", Roles: quoin.RoleApprover},
		{Name: "bil", Roles: quoin.RoleApprover},
		{Name: "sam", Roles: quoin.RoleAssessor},
		{Name: "sue", Roles: quoin.RoleAssessor},
		{Name: "rex", Roles: quoin.RoleResponder},
	}
	for i := range members {
		members[i].Key, members[i].Organisation = key(members[i].Name), members[i].Name+".example"
	}
	quoin.SortMembers(members)
	return members
}

func testSet(t testing.TB, names ...string) quoin.ValidatorSet {
	t.Helper()
	var members []quoin.Validator
	for _, n := range names {
		members = append(members, quoin.Validator{Name: n, Key: key(n), Weight: 1})
	}
	set, err := quoin.NewValidatorSet(members)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func testGenesis(t testing.TB) *quoin.Configuration {
	t.Helper()
	c := quoin.Configuration{Epoch: 1, First: 1, Validators: testSet(t, validatorNames...), Parameters: quoin.DefaultParameters()}
	p := &c.Parameters
	p.NoticeHeights, p.ActivationDelayHeights, p.ActivationRetries, p.ReportHeights = 3, 4, 2, 4
	c.Members, c.Policies = testMembers(), policy.Light(2)
	c = c.WithBinding(quoin.Binding{Hook: "leader.v1", Builtin: "weighted", FuelMax: 1000})
	c = c.WithBinding(quoin.Binding{Hook: "machine.v1", Namespace: "kv", Builtin: "kv", FuelMax: 1000})
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	return &c
}

func testRelease(env *Environment, author, name, version string, sequence uint64) Release {
	r := Release{Digest: sha256.Sum256([]byte(name + "/" + version)), Name: name, Version: version, Sequence: sequence, Size: 1000, Author: key(author)}
	r.Signature = sign(r.Author, env.AuthorBytes(r.Digest))
	return r
}

// readOnly is a state that fails the test when somebody writes.
type readOnly struct {
	t testing.TB
	State
}

func (r readOnly) Put(key, _ []byte) { r.t.Fatalf("%s was written", key) }
func (r readOnly) Delete(key []byte) { r.t.Fatalf("%s was deleted", key) }
