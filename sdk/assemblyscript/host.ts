// The functions of the host, module "quoin.v1". Pointers and lengths are in bytes. Where a buffer
// is too short nothing is written, and the length that is needed is returned.

// @ts-ignore: decorator
@external("quoin.v1", "input")
export declare function input(buffer: usize, capacity: u32): u32;

// @ts-ignore: decorator
@external("quoin.v1", "output")
export declare function output(bytes: usize, length: u32): void;

// @ts-ignore: decorator
@external("quoin.v1", "batch_next")
export declare function batch_next(): u32;

// @ts-ignore: decorator
@external("quoin.v1", "state_get")
export declare function state_get(key: usize, keyLength: u32, buffer: usize, capacity: u32): i32;

// @ts-ignore: decorator
@external("quoin.v1", "state_put")
export declare function state_put(key: usize, keyLength: u32, value: usize, valueLength: u32): void;

// @ts-ignore: decorator
@external("quoin.v1", "state_delete")
export declare function state_delete(key: usize, keyLength: u32): void;

// @ts-ignore: decorator
@external("quoin.v1", "state_scan")
export declare function state_scan(start: usize, startLength: u32, end: usize, endLength: u32, limit: u32, buffer: usize, capacity: u32): i32;

// @ts-ignore: decorator
@external("quoin.v1", "emit")
export declare function emit(event: usize, length: u32): void;

// @ts-ignore: decorator
@external("quoin.v1", "log")
export declare function log(text: usize, length: u32): void;

// @ts-ignore: decorator
@external("quoin.v1", "granted")
export declare function granted(capability: usize, length: u32): u32;

// @ts-ignore: decorator
@external("quoin.v1", "foreign_get")
export declare function foreign_get(namespace: usize, namespaceLength: u32, key: usize, keyLength: u32, buffer: usize, capacity: u32): i32;

// @ts-ignore: decorator
@external("quoin.v1", "history_get")
export declare function history_get(height: u64, buffer: usize, capacity: u32): i32;

// @ts-ignore: decorator
@external("quoin.v1", "proof_get")
export declare function proof_get(key: usize, keyLength: u32, buffer: usize, capacity: u32): u32;

// @ts-ignore: decorator
@external("quoin.v1", "beacon")
export declare function beacon(buffer: usize): void;
