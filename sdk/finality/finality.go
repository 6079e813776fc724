// Package finality serves finality.v1 from a plugin: it decides when a certified block is reported as final to those who ask for reported finality.
//
// Call Serve once, from an init function; main is empty, because a module has no main program:
//
//	func main() {}
//
//	func init() { finality.Serve(delay) }
//
// The function must depend on nothing but its request: every replica must come to the same answer.
package finality

import "quoin.dev/quoin/hook"

var served hook.FinalityFunc

// Serve makes f the module's finality.v1. It is called during initialisation, once; the last
// call counts.
func Serve(f hook.FinalityFunc) { served = f }

// Served returns what Serve was given, or nil: a test of the plugin's main package asks the
// very function that the module serves.
func Served() hook.FinalityPlugin {
	if served == nil {
		return nil
	}
	return served
}
