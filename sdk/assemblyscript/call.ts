// How a request comes in and a response goes out.
import { Bytes } from "./bytes";
import * as host from "./host";

// The request lies here, without an allocation, unless it is one of the few that are longer.
const capacity: u32 = 8 << 10;
const buffer = memory.data(8 << 10, 8);

/** The address of the request and its length: what the host gives has the form of its layout, which
 *  is checked there. The least length is that of the header. */
export function request(least: u32): usize {
  let at: usize = buffer;
  let n = host.input(at, capacity);
  if (n > capacity) {
    at = heap.alloc(n);
    n = host.input(at, n);
  }
  assert(n >= least, "no request of this hook");
  return at;
}

/** The status of an operation that has answered. */
export const ok: i32 = 0;

// @ts-ignore: decorator
@lazy
const answer = memory.data(8, 8);

/** Answers with a number of 4 bytes. */
export function respond32(v: u32): i32 {
  store<u32>(answer, v);
  host.output(answer, 4);
  return ok;
}

/** Answers with a number of 8 bytes. */
export function respond64(v: u64): i32 {
  store<u64>(answer, v);
  host.output(answer, 8);
  return ok;
}

/** Answers with a code and bytes. */
export function respondBytes(code: u32, b: Bytes): i32 {
  const at = heap.alloc(4 + b.length);
  store<u32>(at, code);
  memory.copy(at + 4, b.start, b.length);
  host.output(at, 4 + b.length);
  return ok;
}

let mark: usize = 0;

/** Goes on to the next request of a batch, or returns false: there is no other, and the operation
 *  returns. All that was allocated for the request before is let go. */
export function next(): bool {
  if (ASC_RUNTIME == 0) { // stub: it never frees by itself
    if (mark != 0) release(mark);
    mark = heap.alloc(1);
  }
  return host.batch_next() != 0;
}

// release makes the marked block reach to the last one. The runtime has one after the other, each
// behind its length, and frees the last.
function release(mark: usize): void {
  const last = heap.alloc(1);
  store<usize>(mark - sizeof<usize>(), last + load<usize>(last - sizeof<usize>()) - mark);
  heap.free(mark);
}
