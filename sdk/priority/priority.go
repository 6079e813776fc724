// Package priority serves priority.v1 from a plugin: it decides which pending transactions a node proposes first.
//
// Call Serve once, from an init function; main is empty, because a module has no main program:
//
//	func main() {}
//
//	func init() { priority.Serve(priority) }
//
// The answer orders one node's proposals alone.
package priority

import "quoin.dev/quoin/hook"

var served hook.PriorityFunc

// Serve makes f the module's priority.v1. It is called during initialisation, once; the last
// call counts.
func Serve(f hook.PriorityFunc) { served = f }

// Served returns what Serve was given, or nil: a test of the plugin's main package asks the
// very function that the module serves.
func Served() hook.PriorityPlugin {
	if served == nil {
		return nil
	}
	return served
}
