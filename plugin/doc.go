// Package plugin runs algorithms: it reads and checks release files, rewrites and compiles
// them, and calls them and the built-in algorithms through one table.
package plugin
