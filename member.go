package quoin

import (
	"fmt"
	"slices"
	"strings"

	"quoin.dev/quoin/canonical"
)

// Role is a set of rights of a member. Vetoes and readiness are the validators'.
type Role uint16

// The rights.
const (
	RoleProposer  Role = 1 << iota // proposes and schedules changes
	RoleApprover                   // approves and rejects them
	RoleAssessor                   // attests what it found out about them
	RoleResponder                  // pauses them, brings back what served before, revokes keys

	rolesAll = RoleProposer | RoleApprover | RoleAssessor | RoleResponder
)

var roleNames = [...]string{"proposer", "approver", "assessor", "responder"} // by bit

// Has reports whether r holds every right of role, which has at least one.
func (r Role) Has(role Role) bool { return role != 0 && r&role == role }

// String returns the names of the rights, separated by commas.
func (r Role) String() string {
	var names []string
	for i, name := range roleNames {
		if r>>i&1 == 1 {
			names = append(names, name)
		}
	}
	if rest := r &^ rolesAll; rest != 0 {
		names = append(names, fmt.Sprintf("%#x", uint16(rest)))
	}
	return strings.Join(names, ",")
}

// ParseRole reads names of rights, separated by commas: at least one, in any order, none twice.
func ParseRole(s string) (Role, error) {
	var r Role
	for name := range strings.SplitSeq(s, ",") {
		i := slices.Index(roleNames[:], name)
		switch {
		case i < 0:
			return 0, fmt.Errorf("quoin: there is no role %q; the roles are %s", name, rolesAll)
		case r>>i&1 == 1:
			return 0, fmt.Errorf("quoin: role %q twice", name)
		}
		r |= 1 << i
	}
	return r, nil
}

// Member is somebody with a say in a chain's changes.
type Member struct {
	Name         string // for people: 1 to NamespaceMax of [a-z0-9.-]
	Key          PublicKey
	Organisation string // likewise; members of one organisation may count as one voice
	Roles        Role
}

// SortMembers brings members into their canonical order.
func SortMembers(members []Member) {
	slices.SortFunc(members, func(a, b Member) int { return a.Key.compare(b.Key) })
}

// AppendMembers appends the canonical bytes: count (2), then name, key, organisation and roles (2)
// of each.
func AppendMembers(b []byte, members []Member) []byte {
	b = canonical.AppendUint16(b, uint16(len(members)))
	for i := range members {
		m := &members[i]
		b = canonical.AppendBytes8(b, m.Name)
		b = append(b, m.Key[:]...)
		b = canonical.AppendBytes8(b, m.Organisation)
		b = canonical.AppendUint16(b, m.Roles)
	}
	return b
}

// ReadMembers reads what AppendMembers writes.
func ReadMembers(r *canonical.Reader) []Member {
	var members []Member
	for n := r.Count16(AccountsMax, 2+32+2+2); n > 0; n-- {
		var m Member
		m.Name = string(r.Bytes8(NamespaceMax))
		r.Copy(m.Key[:])
		m.Organisation = string(r.Bytes8(NamespaceMax))
		m.Roles = Role(r.Uint16())
		members = append(members, m)
	}
	if r.Err() == nil {
		if err := checkMembers(members); err != nil {
			r.Fail("%v", err)
		}
	}
	return members
}

func checkMembers(members []Member) error {
	if len(members) > AccountsMax {
		return fmt.Errorf("%w: %d members, limit %d", ErrConfiguration, len(members), AccountsMax)
	}
	names := make(map[string]bool, len(members))
	for i := range members {
		m := &members[i]
		switch {
		case !IsName(m.Name, NamespaceMax):
			return fmt.Errorf("%w: member %q, want 1 to %d of [a-z0-9.-]", ErrConfiguration, m.Name, NamespaceMax)
		case names[m.Name]:
			return fmt.Errorf("%w: member %q twice", ErrConfiguration, m.Name)
		case !IsName(m.Organisation, NamespaceMax):
			return fmt.Errorf("%w: organisation %q of member %s, want 1 to %d of [a-z0-9.-]", ErrConfiguration, m.Organisation, m.Name, NamespaceMax)
		case m.Roles == 0 || m.Roles&^rolesAll != 0:
			return fmt.Errorf("%w: member %s has the roles %#x, want some of %s", ErrConfiguration, m.Name, uint16(m.Roles), rolesAll)
		case m.Key.IsZero():
			return fmt.Errorf("%w: member %s has no key", ErrConfiguration, m.Name)
		case i > 0 && members[i-1].Key.compare(m.Key) >= 0:
			return fmt.Errorf("%w: key of member %s twice or out of order", ErrConfiguration, m.Name)
		}
		names[m.Name] = true
	}
	return nil
}
