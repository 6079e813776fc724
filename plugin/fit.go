package plugin

import (
	"slices"
	"strings"

	"quoin.dev/quoin"
	"quoin.dev/quoin/hook"
)

// Fits decides whether a release can serve a binding on a node of this version: the negotiation
// between what the release says of itself, what the binding gives it, and what this host offers. It
// returns nil or a refusal; a validator attests its readiness only for what fits.
func Fits(m *Manifest, b *quoin.Binding) *Refusal {
	h, known := hook.Find(b.Hook)
	switch {
	case !known:
		return refuse(CodeHook, -1, "this node has no hook %q; it has %s", b.Hook, strings.Join(hookNames(), ", "))
	case !m.Serves(b.Hook):
		return refuse(CodeHook, -1, "the release does not serve %q; it serves %s", b.Hook, strings.Join(m.Hooks, ", "))
	case h.Namespaced != (b.Namespace != "" && len(b.Nodes) == 0): // with nodes it is a label
		return refuse(CodeHook, -1, "a binding of %q needs a namespace if and only if each has one of its own: %t", b.Hook, h.Namespaced)
	case b.FuelMax > h.FuelMax:
		return refuse(CodeFuel, -1, "the binding allows a call %d fuel, %q allows at most %d", b.FuelMax, b.Hook, h.FuelMax)
	case m.NodeMin > NodeVersion || m.EngineMin > EngineVersion:
		return refuse(CodeVersion, -1, "it needs node %d and engine %d, this node has %d and %d; update the node", m.NodeMin, m.EngineMin, NodeVersion, EngineVersion)
	}
	for _, g := range b.Grants {
		switch {
		case !knownCapability(g):
			return refuse(CodeCapability, -1, "this node knows no capability %q", g)
		case !slices.Contains(m.Capabilities, g):
			return refuse(CodeCapability, -1, "the binding grants %q, which the release does not ask for; grant only what its manifest names: %s", g, strings.Join(m.Capabilities, ", "))
		}
	}
	return nil
}

func hookNames() []string {
	var names []string
	for _, h := range hook.All() {
		names = append(names, h.Name)
	}
	return names
}
