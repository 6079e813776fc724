// Package machine serves machine.v1 from a plugin: it applies transactions to the plugin's
// namespace of the state, and answers queries.
//
// Call Serve once, from an init function; main is empty, because a module has no main program:
//
//	func main() {}
//
//	func init() { machine.Serve(registry{}) }
//
// A machine must depend on nothing but the request and the state that it is given. Its module
// needs the capabilities state and events.
package machine

import "quoin.dev/quoin/hook"

var served hook.MachinePlugin

// Serve makes p the module's machine.v1. It is called during initialisation, once; the last
// call counts.
func Serve(p hook.MachinePlugin) { served = p }

// Served returns what Serve was given, or nil: a test of the plugin's main package asks the
// very machine that the module serves.
func Served() hook.MachinePlugin { return served }
