// Package leader serves leader.v1 from a plugin: it decides who proposes in a view.
//
// Call Serve once, from an init function; main is empty, because a module has no main program:
//
//	func main() {}
//
//	func init() { leader.Serve(lead) }
//
// The function must depend on nothing but its request: every validator asks the same
// question about a proposal and must come to the same answer.
package leader

import "quoin.dev/quoin/hook"

var served hook.LeaderFunc

// Serve makes f the module's leader.v1. It is called during initialisation, once; the last
// call counts.
func Serve(f hook.LeaderFunc) { served = f }

// Served returns what Serve was given, or nil: a test of the plugin's main package asks the
// very function that the module serves.
func Served() hook.LeaderPlugin {
	if served == nil {
		return nil
	}
	return served
}
