// Package validation serves validation.v1 from a plugin: it decides which transactions of a namespace
// reach the namespace's machine.
//
// Call Serve once, from an init function; main is empty, because a module has no main program:
//
//	func main() {}
//
//	func init() { validation.Serve(hook.ValidationFunc(validate)) }
//
// A rule must depend on nothing but the request and the state that it is given, which is the
// namespace after the block before. Who reads it needs the capability state.
package validation

import "quoin.dev/quoin/hook"

var served hook.ValidationPlugin

// Serve makes p the module's validation.v1. It is called during initialisation, once; the last
// call counts.
func Serve(p hook.ValidationPlugin) { served = p }

// Served returns what Serve was given, or nil: a test of the plugin's main package asks the
// very rule that the module serves.
func Served() hook.ValidationPlugin { return served }
