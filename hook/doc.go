// Package hook is the contract of the extension points: what a plugin is asked, what it
// answers, in which bytes, and what may go wrong. The host, the built-in plugins and the
// guests compiled to WebAssembly all import this one package.
//
// A hook is a name with a version, such as leader.v1, and one or more operations; an
// operation is a pair of messages and the name of the function that a module exports for it
// (leader.v1, machine.v1.apply, machine.v1.query). Two versions are two hooks: a layout
// never changes once it is published. To add a hook, write its messages and one Define, and
// list it in the table of table.go; nothing else in this package knows the hooks by name.
//
// # Bytes
//
// Messages are flat: a fixed header of little-endian integers and byte arrays, then the
// variable parts, each counted in the header, without gaps. A guest in C can lay a struct
// over the header. Every message has exactly one encoding: lengths must match to the byte,
// reserved bytes and unused bits are zero, and Decode refuses everything else with a
// *DecodeError. Layout describes each message (offsets, sizes, limits) and is what the
// documentation and the golden files of testdata are made from.
//
// # Concurrency, errors, memory
//
// All functions are synchronous and keep no state; a message belongs to its caller. Append
// refuses a message beyond its limits with an error that wraps ErrLimit. Decode reuses the
// slices of its receiver; byte slices of a decoded message alias the decoded bytes. The
// package imports the standard library alone and builds for GOOS=wasip1.
package hook
