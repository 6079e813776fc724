package plugintest

import (
	"fmt"
	"slices"

	"quoin.dev/quoin/hook"
)

// World answers what a plugin asks beyond its own namespace. The zero World grants nothing. It panics
// where the host would end a call in a fault: at a question whose capability is not granted.
type World struct {
	Grants     []string                     // capabilities
	Namespaces map[string]map[string][]byte // foreign ones
	Ancestors  []hook.Ancestor              // any order
	Proofs     map[string][]byte            // by key
	Random     [32]byte                     // the beacon
}

var _ hook.World = (*World)(nil)

// Granted implements hook.World.
func (w *World) Granted(capability string) bool { return slices.Contains(w.Grants, capability) }

func (w *World) need(capability string) {
	if !w.Granted(capability) {
		Fail(hook.FaultImport, fmt.Sprintf("the capability %q is not granted", capability))
	}
}

// Foreign implements hook.World.
func (w *World) Foreign(namespace string, key []byte) ([]byte, bool) {
	w.need(hook.CapabilityForeign + namespace)
	limit("key", len(key), 1, hook.KeyMax)
	v, ok := w.Namespaces[namespace][string(key)]
	return slices.Clone(v), ok
}

// History implements hook.World.
func (w *World) History(height uint64) (hook.Ancestor, bool) {
	w.need(hook.CapabilityHistory)
	for _, a := range w.Ancestors {
		if a.Height == height {
			return a, true
		}
	}
	return hook.Ancestor{}, false
}

// Proof implements hook.World.
func (w *World) Proof(key []byte) []byte {
	w.need(hook.CapabilityProof)
	limit("key", len(key), 1, hook.KeyMax)
	return slices.Clone(w.Proofs[string(key)])
}

// Beacon implements hook.World.
func (w *World) Beacon() [32]byte {
	w.need(hook.CapabilityBeacon)
	return w.Random
}
