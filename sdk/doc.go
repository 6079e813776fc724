// Package sdk is the way into the packages that authors of plugins import. A plugin is an
// ordinary Go program, compiled to WebAssembly by the Go toolchain alone:
//
//	package main
//
//	import (
//		"quoin.dev/quoin/hook"
//		"quoin.dev/quoin/sdk/leader"
//	)
//
//	func main() {}
//
//	func init() { leader.Serve(lead) }
//
//	func lead(r *hook.LeaderRequest) hook.LeaderResponse {
//		return hook.LeaderResponse{Proposer: uint32(leader.Turn(r) % uint64(len(r.Validators)))}
//	}
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags='-s -w'
//
// # Packages
//
// There is one package for each hook: sdk/leader for leader.v1, and in the same way machine,
// validation, finality, pacemaker and priority.
// Importing it adds the hook's exports to the module, so a module exports exactly the hooks
// that it serves, which its manifest names. The messages are package hook's. sdk/plugintest
// holds what an author's tests need: states in memory and requests of a simulated chain.
// sdk/scaffold writes and builds plugin projects, and sdk/conformance judges, measures and compares
// releases; both are for the host's tools, not for plugins.
// Plugins in AssemblyScript and in C have SDKs of their own: sdk/assemblyscript and sdk/c.
//
// # One source, two builds
//
// Serve keeps the implementation, and that is all it does on an ordinary platform: tests call
// it as native code. For GOOS=wasip1 the package also holds the exports, which move requests
// and responses between the host and that implementation. The algorithm's code is the same, so
// both builds agree as long as it keeps to what is the same everywhere: no map order, no
// clock, no randomness, no goroutine, no size of int (32 bits in a module is 64 elsewhere).
//
// # Memory, size, faults
//
// A module starts every call from the memory that it had after its initialisation: package
// variables and init are free, and nothing that a call leaves behind is seen by the next.
// The packages import neither fmt nor os nor crypto, and a plugin does well to do the same: each
// adds half a megabyte. A panic ends the call with the fault trap, a request that cannot be
// decoded or a hook that nobody serves with the fault status, a response beyond its limits
// with the fault output.
package sdk
