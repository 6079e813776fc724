package main

import (
	"crypto/ed25519"
	"fmt"
	"os"

	injected "quoin.dev/quoin/fault"
)

// faultSet is the set of faults of the plan's node, nil where the genesis allows none.
func (p *nodePlan) faultSet(key ed25519.PrivateKey) *injected.Set {
	if !p.genesis.Configuration.Parameters.FaultInjection() {
		return nil
	}
	return injected.NewSet(injected.Config{Self: publicOf(key), Crash: p.crash})
}

// endProcess is the crash of a node that has its process to itself: nothing is flushed, and nobody is told.
func endProcess(f *injected.Fault) {
	fmt.Fprintf(os.Stderr, "crashed by fault %d\n", f.ID)
	os.Exit(exitCrashed)
}
