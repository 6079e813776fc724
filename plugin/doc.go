// Package plugin runs algorithms. It reads, checks, rewrites and compiles release files, and
// calls them and the built-in algorithms through one Table. Everything is synchronous: the
// package starts no goroutine and reads no clock; when and where to compile is the caller's.
//
// # The trip of a release
//
//	Embed (module and manifest → file) → Sign → Check, in milliseconds → Host.Compile, in up to
//	a second: check, instrument, compile, initialise, take the image → Table.Add → calls
//
// # The interface of a guest, version 1
//
// A guest is a WebAssembly module (MVP, sign extension, saturating conversions, multi-value,
// memory.copy and memory.fill) without a start function. It exports
//
//	memory           its one memory
//	quoin.abi.v1     a function without parameters and results that is never called: the marker
//	_initialize      optional, called once when the release is compiled
//	leader.v1 ...    the operations of the hooks that its manifest names, batches apart, which are
//	                 optional: () -> i32, 0 is success
//
// An operation reads its request with input, writes its response with output (once), both
// flat bytes as package hook describes them, and returns 0. The host functions, all in the
// module "quoin.v1", take pointers and lengths in bytes as i32:
//
//	input(ptr, cap) -> len                    the request
//	output(ptr, len)                          the response
//	state_get(key, klen, ptr, cap) -> len     or -1 if there is no such key
//	state_put(key, klen, value, vlen)
//	state_delete(key, klen)
//	state_scan(start, slen, end, elen, limit, ptr, cap) -> len
//	emit(ptr, len)                            an event of the transaction
//	log(ptr, len)                             for people; never part of a result
//	granted(name, len) -> 1 or 0              may this call use the capability
//	foreign_get(ns, nlen, key, klen, ptr, cap) -> len   of another namespace, or -1
//	history_get(height i64, ptr, cap) -> len  an earlier block, see hook.Ancestor, or -1
//	proof_get(key, klen, ptr, cap) -> len     that the own key has its value, see hook.World
//	beacon(ptr)                               32 bytes
//	batch_next() -> 1 or 0                    of a batch operation: is there another request
//
// Where a buffer (ptr, cap) is too small nothing is written and the length that is needed is
// returned. state_scan writes as many of the pairs from start to end (exclusive; length 0: to
// the last key) as fit and as limit allows, each as u32 key length, u32 value length, key and
// value, and returns their bytes: 0 when there is none, and minus what is needed when not
// even the first fits; to go on, start at the last key with a zero byte appended. Keys have 1
// to 256 bytes, values at most 65,536.
//
// Stateless operations have no state and no world; machine.v1.query and validation.v1 must not write
// or emit: the fault is import. So it is for a host function whose capability the manifest does not
// name or the binding does not grant. What lies beyond the own namespace is seen as the block before
// left it.
//
// A batch operation calls batch_next, and after each 1 takes a request by input and gives its response
// by output; after 0 it returns. Fuel and host calls are counted for each request, and each has the
// whole limit. Memory is not restored in between. A fault makes the host drop the batch and ask one
// by one.
//
// Besides these a module may import env.abort (the fault abort) and the functions of
// wasi_snapshot_preview1 that the Go toolchain's runtime needs: no arguments, environment or files,
// a clock that stands at the block's time (1 ms after the epoch's start where there is no block),
// random bytes that are a function of the release's digest, output to the log, proc_exit as the
// fault exit. There is no other import, so no time, no randomness, no file and no network.
//
// # What makes a call deterministic
//
// The instrumentation, not the engine: fuel is counted by code in the module, once for each
// stretch of straight code, and checked at function entries, at loops and after host calls;
// the stack is counted by an over-estimate of each frame; every NaN is made canonical; memory
// grows up to the least of the module's, the manifest's and the host's maximum and no
// further. Known errors of the engine's code generator are written around. Compiler and
// interpreter give the same results, faults and fuel. Memory, globals and the stream of
// random bytes are what they were after initialisation before every call. All this, the
// static limits and the host functions are named by EngineVersion, the charges by
// ScheduleVersion.
//
// # Errors
//
// A hook.Fault is a result that all replicas share; it charges the whole limit of the call.
// An error that wraps ErrLocal is this host's alone and never a result. A *Refusal, with a
// stable Code, says why no node will compile a file; ErrInit that its initialisation faults.
//
// # Concurrency
//
// A Host's methods are safe on any goroutine at any time; Compile is meant for a background
// one, while others call guests. A Release does not change. A Table and the calls through it
// belong to one goroutine at a time; tables on different goroutines may share releases. A
// Host or Release must be closed after the tables that use it are done.
//
// # Doubt
//
// An Observer sees each call of a guest begin and end, and may have it recorded with all that it was
// given; a Recording is replayed by any other table, which says in what the two differ. And a table
// may have a release twice, by two engines: the second one serves while there is Doubt. Neither
// changes what a result is.
//
// # Native code
//
// Built-ins, and plugins that their authors run natively, get the same requests, limits and
// faults. Their fuel is 500, and one unit for each begun 4 bytes of request and response,
// and the charges of the state's functions as for guests; their own instructions are free,
// which is why only the node's own built-ins are bound on a chain.
package plugin
