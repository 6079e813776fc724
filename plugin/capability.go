package plugin

import (
	"slices"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
)

// capabilities is a set of those that are no names of namespaces.
type capabilities uint8

// capabilityList is all of them; the bit is the place in the list.
var capabilityList = []string{hook.CapabilityState, hook.CapabilityEvents, hook.CapabilityHistory, hook.CapabilityProof, hook.CapabilityBeacon}

// Capabilities returns what a manifest may name, in the order of the host functions' documentation;
// beside them there is foreign. and a namespace.
func Capabilities() []string { return slices.Clone(capabilityList) }

// capability returns the set of one, or an empty one.
func capability(name string) capabilities {
	i := slices.Index(capabilityList, name)
	if i < 0 {
		return 0
	}
	return 1 << i
}

// knownCapability reports whether this node knows the capability.
func knownCapability(name string) bool {
	return capability(name) != 0 || foreignNamespace(name) != ""
}

// foreignNamespace returns the namespace of a capability that lets a plugin read it, or nothing.
func foreignNamespace(name string) string {
	namespace, ok := strings.CutPrefix(name, hook.CapabilityForeign)
	if !ok || !quoin.IsName(namespace, quoin.NamespaceMax) || namespace == quoin.KernelNamespace {
		return ""
	}
	return namespace
}

// rights are what a call may use: what the release's manifest names and the binding grants.
type rights struct {
	set      capabilities
	manifest *Manifest
	grants   []string
}

func rightsOf(m *Manifest, b *quoin.Binding) rights {
	r := rights{manifest: m, grants: b.Grants}
	for _, name := range b.Grants {
		if slices.Contains(m.Capabilities, name) {
			r.set |= capability(name)
		}
	}
	return r
}

// has reports whether the call may use a capability, given by its name.
func (r *rights) has(name string) bool {
	return knownCapability(name) && slices.Contains(r.grants, name) && slices.Contains(r.manifest.Capabilities, name)
}

// mayRead reports whether the call may read a foreign namespace.
func (r *rights) mayRead(namespace []byte) bool {
	for _, name := range r.grants {
		if n := foreignNamespace(name); n != "" && n == string(namespace) {
			return slices.Contains(r.manifest.Capabilities, name)
		}
	}
	return false
}
