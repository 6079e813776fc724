package governance

import (
	"quoin.dev/quoin"
	"quoin.dev/quoin/canonical"
)

// Who a key is. A configuration names its members with their keys. Between two configurations a member
// may rotate its key, and keys may be revoked; both act at once, and both only ever take rights from
// a key that had them: the new key of a rotation has those of the old one, no more.

// RotationBytes returns what a member's new key signs: that it takes over from the old one.
func RotationBytes(old, new quoin.PublicKey) []byte {
	b := append([]byte("quoin/rotation/v1\n"), old[:]...)
	return append(b, new[:]...)
}

// memberOf returns the member that holds a key now. Its Key is the configuration's, not the one that
// it may have rotated to.
func memberOf(s State, c *quoin.Configuration, key quoin.PublicKey) (*quoin.Member, bool) {
	if _, revoked := s.Get(RevokedKey(key)); revoked {
		return nil, false
	}
	if m, ok := c.Member(key); ok {
		return m, true
	}
	// A chain of rotations is kept as one step: from the newest key to the one in the configuration.
	base, ok := load(s, RotatedKey(key), readKey)
	if !ok {
		return nil, false
	}
	return c.Member(base)
}

func readKey(r *canonical.Reader) (k quoin.PublicKey) {
	r.Copy(k[:])
	return k
}

// organisationOf returns the organisation of whoever holds a key; "" for nobody.
func organisationOf(s State, c *quoin.Configuration, key quoin.PublicKey) string {
	if m, ok := memberOf(s, c, key); ok {
		return m.Organisation
	}
	return ""
}

// active calls visit for each member of a role whose rights were not revoked, in the order of the
// configuration.
func active(s State, c *quoin.Configuration, role quoin.Role, visit func(*quoin.Member)) {
	for i := range c.Members {
		m := &c.Members[i]
		if !m.Roles.Has(role) {
			continue
		}
		if _, gone := s.Get(DisabledKey(m.Name)); !gone {
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
	m, ok := memberOf(x.state, &x.configuration, x.signer)
	if !ok {
		return NotMember
	}
	_, revoked := x.state.Get(RevokedKey(c.New))
	_, rotated := x.state.Get(RotatedKey(c.New))
	_, named := x.configuration.Member(c.New)
	switch {
	case c.New.IsZero() || c.New == x.signer || revoked || rotated || named:
		return KeyTaken // a key that was given up never comes back
	case !x.env.Verify(c.New, RotationBytes(x.signer, c.New), c.Signature):
		return KeySignature
	}
	x.state.Put(RevokedKey(x.signer), canonical.AppendUint64(nil, x.height))
	x.state.Put(RotatedKey(c.New), append([]byte(nil), m.Key[:]...))
	return OK
}

// revoke takes a key's rights: at the word of the member itself, or of revokersMin others that are
// approvers or responders. It never leaves the chain without an approver.
func (x *execution) revoke(c Revoke) Code {
	by, ok := memberOf(x.state, &x.configuration, x.signer)
	if !ok {
		return NotMember
	}
	target, ok := memberOf(x.state, &x.configuration, c.Key)
	if !ok {
		return NoKey
	}
	own := by.Name == target.Name
	if !own && !by.Roles.Has(quoin.RoleApprover) && !by.Roles.Has(quoin.RoleResponder) {
		return NotResponder
	}
	others := 0
	active(x.state, &x.configuration, quoin.RoleApprover, func(m *quoin.Member) {
		if m.Name != target.Name {
			others++
		}
	})
	if others == 0 {
		return LastApprover
	}
	if !own {
		key := RevocationKey(c.Key, by.Name)
		if _, counted := x.state.Get(key); counted {
			return AlreadyCounted
		}
		x.state.Put(key, canonical.AppendUint64(nil, x.height))
		if x.revokers(c.Key, target.Name) < revokersMin {
			return OK
		}
	}
	x.state.Put(RevokedKey(c.Key), canonical.AppendUint64(nil, x.height))
	x.state.Put(DisabledKey(target.Name), canonical.AppendUint64(nil, x.height))
	return OK
}

// revokers counts the members whose voice for revoking a key counts now.
func (x *execution) revokers(key quoin.PublicKey, target string) int {
	count := 0
	for i := range x.configuration.Members {
		m := &x.configuration.Members[i]
		if m.Name == target || !m.Roles.Has(quoin.RoleApprover) && !m.Roles.Has(quoin.RoleResponder) {
			continue
		}
		_, disabled := x.state.Get(DisabledKey(m.Name))
		if _, voice := x.state.Get(RevocationKey(key, m.Name)); voice && !disabled {
			count++
		}
	}
	return count
}
