package governance

import (
	"slices"

	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
)

// Who a key is. A configuration names its members with their keys. Between two configurations a member
// may rotate its key, and keys may be revoked; both act at once, and both only ever take rights from
// a key that had them: the new key of a rotation has those of the old one, no more.
//
// The keys of one person are those that rotations lead to from one root. A configuration may name any
// of them, also one that was rotated away since it was proposed; only the newest may sign. A
// revocation ends the root, and with it all of them: the person comes back with a key of another
// root, which is a change of the members.

// RotationBytes returns what a member's new key signs: that it takes over from the old one, on one chain.
func RotationBytes(origin quoin.OriginID, old, new quoin.PublicKey) []byte {
	b := append([]byte("quoin/rotation/v1\n"), origin[:]...)
	return append(append(b, old[:]...), new[:]...)
}

// memberOf returns the member that holds a key now. Its Key is the configuration's, not the one that
// it may have rotated to.
func memberOf(s State, c *quoin.Configuration, key quoin.PublicKey) (*quoin.Member, bool) {
	if _, gone := s.Get(RevokedKey(key)); gone || disabled(s, key) {
		return nil, false
	}
	return whose(s, c, key)
}

// whose returns the member whose key it is or was.
func whose(s State, c *quoin.Configuration, key quoin.PublicKey) (*quoin.Member, bool) {
	if m, ok := c.Member(key); ok {
		return m, true
	}
	root := rootOf(s, key)
	for i := range c.Members {
		if rootOf(s, c.Members[i].Key) == root {
			return &c.Members[i], true
		}
	}
	return nil, false
}

// rootOf returns the first key of all that were rotated into a key: itself if none was.
func rootOf(s State, key quoin.PublicKey) quoin.PublicKey {
	if root, ok := load(s, RotatedKey(key), readKey); ok {
		return root
	}
	return key
}

// disabled reports whether the rights of whoever holds a key were revoked.
func disabled(s State, key quoin.PublicKey) bool {
	_, ok := s.Get(DisabledKey(rootOf(s, key)))
	return ok
}

func readKey(r *canonical.Reader) (k quoin.PublicKey) {
	r.Copy(k[:])
	return k
}

// organisationOf returns the organisation of whoever holds a key; "" for nobody.
func organisationOf(s State, c *quoin.Configuration, key quoin.PublicKey) string {
	if m, ok := whose(s, c, key); ok {
		return m.Organisation
	}
	return ""
}

// active calls visit for each member of a role whose rights were not revoked, in the order of the
// configuration.
func active(s State, c *quoin.Configuration, role quoin.Role, visit func(*quoin.Member)) {
	for i := range c.Members {
		m := &c.Members[i]
		if m.Roles.Has(role) && !disabled(s, m.Key) {
			visit(m)
		}
	}
}

// sender returns the member that sends the command, if it holds the role.
func (x *execution) sender(role quoin.Role) (*quoin.Member, bool) {
	m, ok := memberOf(x.state, &x.configuration, x.signer)
	if !ok || !m.Roles.Has(role) {
		return nil, false
	}
	return m, true
}

func (x *execution) rotate(c Rotate) Code {
	if _, ok := memberOf(x.state, &x.configuration, x.signer); !ok {
		return NotMember
	}
	_, revoked := x.state.Get(RevokedKey(c.New))
	_, rotated := x.state.Get(RotatedKey(c.New))
	_, named := x.configuration.Member(c.New)
	switch {
	case c.New.IsZero() || c.New == x.signer || revoked || rotated || named || disabled(x.state, c.New):
		return KeyTaken // a key that was given up never comes back
	case !x.env.Verify(c.New, RotationBytes(x.env.Origin, x.signer, c.New), c.Signature):
		return KeySignature
	}
	x.state.Put(RevokedKey(x.signer), canonical.AppendUint64(nil, x.height))
	root := rootOf(x.state, x.signer)
	x.state.Put(RotatedKey(c.New), root[:])
	return OK
}

// revoke takes the rights of a key, and of all that were or will be rotated from its root, so that nobody
// rotates away from it: at the word of the member itself, or of revokersMin others that are approvers or
// responders. It never leaves the chain without somebody to propose the next change and enough others to
// approve it.
func (x *execution) revoke(c Revoke) Code {
	by, ok := memberOf(x.state, &x.configuration, x.signer)
	if !ok {
		return NotMember
	}
	root := rootOf(x.state, c.Key)
	target, ok := whose(x.state, &x.configuration, c.Key)
	if !ok || disabled(x.state, c.Key) {
		return NoKey
	}
	own := by.Name == target.Name
	if !own && !by.Roles.Has(quoin.RoleApprover) && !by.Roles.Has(quoin.RoleResponder) {
		return NotResponder
	}
	if !x.changeable(target) {
		return LastApprover
	}
	if !own {
		key := RevocationKey(root, rootOf(x.state, by.Key))
		if _, counted := x.state.Get(key); counted {
			return AlreadyCounted
		}
		x.state.Put(key, canonical.AppendUint64(nil, x.height))
		if x.revokers(root, target.Name) < revokersMin {
			return OK
		}
	}
	x.state.Put(DisabledKey(root), canonical.AppendUint64(nil, x.height))
	return OK
}

// changeable reports whether without a member there is a proposer and an approver that are not the same, and
// the policies can still be fulfilled by those who are left, if they could before. Else one key, its owner's
// or a thief's, could lock the chain for ever by giving itself up.
func (x *execution) changeable(without *quoin.Member) bool {
	left := x.configuration
	left.Members = slices.DeleteFunc(slices.Clone(left.Members), func(m quoin.Member) bool { return m.Name == without.Name })
	locks := func(c *quoin.Configuration) bool { return checkGovernable(x.env, x.state, c, x.height) != OK }
	if locks(&left) && !locks(&x.configuration) {
		return false
	}
	var proposers, approvers []string
	gather := func(names *[]string) func(*quoin.Member) {
		return func(m *quoin.Member) { *names = append(*names, m.Name) }
	}
	active(x.state, &left, quoin.RoleProposer, gather(&proposers))
	active(x.state, &left, quoin.RoleApprover, gather(&approvers))
	return len(proposers) > 0 && len(approvers) > 0 && (len(proposers)+len(approvers) > 2 || proposers[0] != approvers[0])
}

// revokers counts the members whose voice for revoking the keys of a root counts now.
func (x *execution) revokers(root quoin.PublicKey, target string) int {
	count := 0
	for i := range x.configuration.Members {
		m := &x.configuration.Members[i]
		if m.Name == target || !m.Roles.Has(quoin.RoleApprover) && !m.Roles.Has(quoin.RoleResponder) {
			continue
		}
		if _, voice := x.state.Get(RevocationKey(root, rootOf(x.state, m.Key))); voice && !disabled(x.state, m.Key) {
			count++
		}
	}
	return count
}
