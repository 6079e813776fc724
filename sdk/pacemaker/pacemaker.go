// Package pacemaker serves pacemaker.v1 from a plugin: it decides how long a node waits before it gives up a view.
//
// Call Serve once, from an init function; main is empty, because a module has no main program:
//
//	func main() {}
//
//	func init() { pacemaker.Serve(timeout) }
//
// The answer binds one node alone, and the host keeps it within bounds.
package pacemaker

import "quoin.dev/quoin/hook"

var served hook.PacemakerFunc

// Serve makes f the module's pacemaker.v1. It is called during initialisation, once; the last
// call counts.
func Serve(f hook.PacemakerFunc) { served = f }

// Served returns what Serve was given, or nil: a test of the plugin's main package asks the
// very function that the module serves.
func Served() hook.PacemakerPlugin {
	if served == nil {
		return nil
	}
	return served
}
