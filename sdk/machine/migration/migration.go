// Package migration serves machine.v1.migrate from a plugin that serves machine.v1: it brings the
// namespace over from what served it before.
//
// Call Serve once, beside machine.Serve; only modules that import this package export the operation:
//
//	func init() {
//		machine.Serve(registry{})
//		migration.Serve(registry{})
//	}
//
// A migration reads and writes the whole namespace, in one call with the fuel of hook.MigrateCalls. All
// of it counts, or nothing. It must depend on nothing but the request and the state.
package migration

import "quoin.dev/quoin/hook"

var served hook.Migrator

// Serve makes m the module's machine.v1.migrate. It is called during initialisation, once; the last
// call counts.
func Serve(m hook.Migrator) { served = m }

// Served returns what Serve was given, or nil: a test of the plugin's main package asks the very
// migration that the module serves.
func Served() hook.Migrator { return served }
