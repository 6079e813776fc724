package quoin

import (
	"bytes"
	"fmt"
	"strings"

	"quoin.dev/quoin/canonical"
)

// Binding says which release with which parameters serves a hook.
type Binding struct {
	Hook       string // for example "leader.v1"
	Namespace  string // of a machine, or the label of a binding with Nodes; otherwise empty
	Builtin    string // name of a built-in algorithm; empty if Release is set
	Release    Hash   // digest of a release; zero if Builtin is set
	Parameters []byte // opaque to the kernel
	FuelMax    uint64 // of one call
	// Grants are the capabilities that the release may use, of those that its manifest names:
	// ascending. A built-in is the node's own and needs none.
	Grants []string
	// Nodes are those that use the binding instead of the hook's plain one: ascending, and only for
	// hooks of class N, on whose results nodes need not agree. Empty: all.
	Nodes []PublicKey
}

// Slot is what a binding serves: at most one binding of a configuration has it.
func (b *Binding) Slot() string {
	if b.Namespace == "" {
		return b.Hook
	}
	return b.Hook + "/" + b.Namespace
}

// SplitSlot returns the hook and the namespace of what Slot returned.
func SplitSlot(slot string) (hook, namespace string) {
	hook, namespace, _ = strings.Cut(slot, "/")
	return hook, namespace
}

// bindingBytesMin is what the shortest binding takes: a name of one character and empty lists.
const bindingBytesMin = 2 + 1 + 1 + 32 + 4 + 8 + 2 + 2

// AppendBinary appends the canonical bytes: the fields in their order.
func (b *Binding) AppendBinary(dst []byte) []byte {
	dst = canonical.AppendBytes8(dst, b.Hook)
	dst = canonical.AppendBytes8(dst, b.Namespace)
	dst = canonical.AppendBytes8(dst, b.Builtin)
	dst = append(dst, b.Release[:]...)
	dst = canonical.AppendBytes32(dst, b.Parameters)
	dst = canonical.AppendUint64(dst, b.FuelMax)
	dst = canonical.AppendUint16(dst, uint16(len(b.Grants)))
	for _, g := range b.Grants {
		dst = canonical.AppendBytes8(dst, g)
	}
	dst = canonical.AppendUint16(dst, uint16(len(b.Nodes)))
	for i := range b.Nodes {
		dst = append(dst, b.Nodes[i][:]...)
	}
	return dst
}

// ReadBinding reads what AppendBinary writes.
func ReadBinding(r *canonical.Reader) Binding {
	var b Binding
	b.Hook = string(r.Bytes8(NamespaceMax))
	b.Namespace = string(r.Bytes8(NamespaceMax))
	b.Builtin = string(r.Bytes8(NamespaceMax))
	r.Copy(b.Release[:])
	if p := r.Bytes32(ParameterBytesMax); len(p) > 0 {
		b.Parameters = bytes.Clone(p)
	}
	b.FuelMax = r.Uint64()
	for n := r.Count16(GrantsMax, 2); n > 0; n-- {
		b.Grants = append(b.Grants, string(r.Bytes8(GrantMax)))
	}
	for n := r.Count16(ValidatorsMax, 32); n > 0; n-- {
		var k PublicKey
		r.Copy(k[:])
		b.Nodes = append(b.Nodes, k)
	}
	if r.Err() == nil {
		if err := b.check(); err != nil {
			r.Fail("%v", err)
		}
	}
	return b
}

func (b *Binding) check() error {
	switch {
	case !IsName(b.Hook, NamespaceMax):
		return fmt.Errorf("%w: hook %q, want 1 to %d of [a-z0-9.-]", ErrConfiguration, b.Hook, NamespaceMax)
	case b.Namespace != "" && !IsName(b.Namespace, NamespaceMax):
		return fmt.Errorf("%w: namespace %q, want at most %d of [a-z0-9.-]", ErrConfiguration, b.Namespace, NamespaceMax)
	case b.Namespace == KernelNamespace:
		return fmt.Errorf("%w: the namespace %q is the kernel's", ErrConfiguration, b.Namespace)
	case b.Builtin != "" && !IsName(b.Builtin, NamespaceMax):
		return fmt.Errorf("%w: built-in %q, want at most %d of [a-z0-9.-]", ErrConfiguration, b.Builtin, NamespaceMax)
	case (b.Builtin == "") == b.Release.IsZero():
		return fmt.Errorf("%w: binding of %s names both or neither of a built-in and a release", ErrConfiguration, b.Slot())
	case len(b.Parameters) > ParameterBytesMax:
		return fmt.Errorf("%w: binding of %s has %d bytes of parameters, limit %d", ErrConfiguration, b.Slot(), len(b.Parameters), ParameterBytesMax)
	}
	if err := b.checkGrants(); err != nil {
		return err
	}
	return b.checkNodes()
}

func (b *Binding) checkGrants() error {
	switch {
	case len(b.Grants) > GrantsMax:
		return fmt.Errorf("%w: binding of %s grants %d capabilities, limit %d", ErrConfiguration, b.Slot(), len(b.Grants), GrantsMax)
	case len(b.Grants) > 0 && b.Release.IsZero():
		return fmt.Errorf("%w: binding of %s grants capabilities to a built-in, which needs none", ErrConfiguration, b.Slot())
	}
	for i, g := range b.Grants {
		if !IsName(g, GrantMax) || i > 0 && b.Grants[i-1] >= g {
			return fmt.Errorf("%w: binding of %s grants %q, want ascending names of [a-z0-9.-]", ErrConfiguration, b.Slot(), g)
		}
	}
	return nil
}

func (b *Binding) checkNodes() error {
	switch {
	case len(b.Nodes) > ValidatorsMax:
		return fmt.Errorf("%w: binding of %s names %d nodes, limit %d", ErrConfiguration, b.Slot(), len(b.Nodes), ValidatorsMax)
	case len(b.Nodes) > 0 && b.Namespace == "":
		return fmt.Errorf("%w: binding of %s names nodes and has no label, which would leave the others without one", ErrConfiguration, b.Slot())
	}
	for i, k := range b.Nodes {
		if k.IsZero() || i > 0 && b.Nodes[i-1].compare(k) >= 0 {
			return fmt.Errorf("%w: binding of %s names the node %s, want ascending keys that are not zero", ErrConfiguration, b.Slot(), k)
		}
	}
	return nil
}
