package quoin

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"quoin.dev/quoin/canonical"
)

// Limits of a configuration.
const (
	BindingsMax       = 64
	ParameterBytesMax = 4 << 10 // of a binding's parameters
	GrantsMax         = 16      // capabilities of a binding
	GrantMax          = 64      // bytes of a capability's name
	AccountsMax       = 64      // members
	PoliciesMax       = 64
	PolicyBytesMax    = 1 << 10 // of a policy's expression
)

// ErrConfiguration is wrapped by every refusal of a configuration.
var ErrConfiguration = errors.New("invalid configuration")

// Configuration is everything that may vary between epochs, frozen within one.
type Configuration struct {
	Epoch      Epoch
	First      Height // the first height of the epoch
	Validators ValidatorSet
	Bindings   []Binding // ascending by slot
	Parameters Parameters
	Members    []Member // ascending by key
	Policies   []Policy // ascending by class, then step
}

// Binding returns the binding of a slot.
func (c *Configuration) Binding(slot string) (*Binding, bool) {
	i, ok := slices.BinarySearchFunc(c.Bindings, slot, func(b Binding, s string) int {
		return compareSlots(b.Slot(), s)
	})
	if !ok {
		return nil, false
	}
	return &c.Bindings[i], true
}

// BindingFor returns the binding that a node uses for a hook of class N: the first, by slot, that
// names the node, else the one without a label.
func (c *Configuration) BindingFor(hook string, node PublicKey) (*Binding, bool) {
	for i := range c.Bindings {
		b := &c.Bindings[i]
		if _, named := slices.BinarySearchFunc(b.Nodes, node, PublicKey.compare); named && b.Hook == hook {
			return b, true
		}
	}
	return c.Binding(hook)
}

// WithBinding returns a copy of c in which b serves its slot.
func (c *Configuration) WithBinding(b Binding) Configuration {
	n := *c
	n.Bindings = slices.DeleteFunc(slices.Clone(c.Bindings), func(x Binding) bool { return x.Slot() == b.Slot() })
	n.Bindings = append(n.Bindings, b)
	n.sortBindings()
	return n
}

func (c *Configuration) sortBindings() {
	slices.SortFunc(c.Bindings, func(x, y Binding) int { return compareSlots(x.Slot(), y.Slot()) })
}

func compareSlots(a, b string) int { return bytes.Compare([]byte(a), []byte(b)) }

// Member returns the member with a key.
func (c *Configuration) Member(key PublicKey) (*Member, bool) {
	i, ok := slices.BinarySearchFunc(c.Members, key, func(m Member, k PublicKey) int { return m.Key.compare(k) })
	if !ok {
		return nil, false
	}
	return &c.Members[i], true
}

// Holds reports whether key is a member's that has every right of role.
func (c *Configuration) Holds(key PublicKey, role Role) bool {
	m, ok := c.Member(key)
	return ok && m.Roles.Has(role)
}

// Holders returns the keys of the members that have every right of role, ascending.
func (c *Configuration) Holders(role Role) []PublicKey {
	var keys []PublicKey
	for i := range c.Members {
		if c.Members[i].Roles.Has(role) {
			keys = append(keys, c.Members[i].Key)
		}
	}
	return keys
}

// Policy returns the expression that judges a step of a change of some class: the class's own, else
// that of every class.
func (c *Configuration) Policy(class byte, step string) (expression string, ok bool) {
	for _, x := range []byte{class, PolicyEveryClass} {
		i, ok := slices.BinarySearchFunc(c.Policies, Policy{Class: x, Step: step}, Policy.compare)
		if ok {
			return c.Policies[i].Expression, true
		}
	}
	return "", false
}

// Digest returns SHA-256 over "quoin/configuration/v1\n" and the canonical bytes.
func (c *Configuration) Digest() Hash {
	return sha256.Sum256(c.AppendBinary([]byte("quoin/configuration/v1\n")))
}

// AppendBinary appends the canonical bytes: the fields in their order, counts in two bytes.
func (c *Configuration) AppendBinary(b []byte) []byte {
	b = canonical.AppendUint64(b, c.Epoch)
	b = canonical.AppendUint64(b, c.First)
	b = c.Validators.AppendBinary(b)
	b = canonical.AppendUint16(b, uint16(len(c.Bindings)))
	for i := range c.Bindings {
		b = c.Bindings[i].AppendBinary(b)
	}
	b = c.Parameters.AppendBinary(b)
	b = AppendMembers(b, c.Members)
	return AppendPolicies(b, c.Policies)
}

// ReadConfiguration reads what AppendBinary writes.
func ReadConfiguration(r *canonical.Reader) Configuration {
	var c Configuration
	c.Epoch = Epoch(r.Uint64())
	c.First = Height(r.Uint64())
	c.Validators = ReadValidatorSet(r)
	n := r.Count16(BindingsMax, bindingBytesMin)
	for range n {
		c.Bindings = append(c.Bindings, ReadBinding(r))
	}
	c.Parameters = ReadParameters(r)
	c.Members = ReadMembers(r)
	c.Policies = ReadPolicies(r)
	if r.Err() == nil {
		if err := c.Check(); err != nil {
			r.Fail("%v", err)
		}
	}
	return c
}

// DecodeConfiguration decodes exactly one configuration.
func DecodeConfiguration(b []byte) (Configuration, error) {
	r := canonical.NewReader(b)
	c := ReadConfiguration(r)
	return c, r.Done()
}

// Check reports the first thing that is wrong with c.
func (c *Configuration) Check() error {
	if c.Validators.Len() == 0 {
		return fmt.Errorf("%w: no validators", ErrConfiguration)
	}
	if len(c.Bindings) > BindingsMax {
		return fmt.Errorf("%w: %d bindings, limit %d", ErrConfiguration, len(c.Bindings), BindingsMax)
	}
	for i := range c.Bindings {
		if err := c.Bindings[i].check(); err != nil {
			return err
		}
		if i > 0 && c.Bindings[i-1].Slot() >= c.Bindings[i].Slot() {
			return fmt.Errorf("%w: bindings out of order or twice at %q", ErrConfiguration, c.Bindings[i].Slot())
		}
	}
	if err := c.Parameters.check(); err != nil {
		return err
	}
	if err := checkMembers(c.Members); err != nil {
		return err
	}
	return checkPolicies(c.Policies)
}
