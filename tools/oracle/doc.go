// Package oracle holds a test alone: it compares the sandbox with wasmtime, an engine that has
// nothing in common with ours, on random modules. Wasmtime runs each module as it is and must
// leave the same memory and globals. It must also use the same fuel: the sandbox is built with
// a schedule in which, as in wasmtime's, every instruction costs 1, but for nop, drop, block,
// loop, else, end, unreachable and return, which are free, and entering a function costs 1. What
// the sandbox charges for regions of memory that are written to is left out.
//
// It is a module of its own, so that wasmtime and cgo are not the product's dependencies.
//
//	go test                          some thousand modules; needs cgo and a C compiler
//	go test -runs 200000 -timeout 0  the longer run
package oracle
