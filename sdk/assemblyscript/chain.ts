// What the host tells of the chain beyond a plugin's own namespace. Each function needs its
// capability, in plugin.json and granted by the binding; without it the call ends in the fault
// import. All answers are functions of the block's own ancestors.
import { Bytes } from "./bytes";
import * as host from "./host";

/** Whether the binding grants a capability and this host knows it. It needs none itself. */
export function granted(capability: string): bool {
  const b = Bytes.text(capability);
  return host.granted(b.start, b.length) != 0;
}

/** The value of a key of another namespace, or null. Capability: foreign. and the namespace. */
export function foreign(namespace: string, key: Bytes): Bytes | null {
  const b = Bytes.text(namespace);
  const capacity = 256;
  let value = heap.alloc(capacity);
  let n = host.foreign_get(b.start, b.length, key.start, key.length, value, capacity);
  if (n < 0) return null;
  if (n > capacity) {
    value = heap.alloc(n);
    n = host.foreign_get(b.start, b.length, key.start, key.length, value, n);
  }
  return new Bytes(value, n);
}

/** A block before the one that is executed: what its certificate, or that of a descendant, signs. */
@unmanaged
@final
export class Ancestor {
  readonly height: u64;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly time: u64;
  readonly epoch: u64;
  readonly view: u64;
  /** The size of the ledger after the block, in entries. */
  readonly size: u64;

  /** The block's id, 32 bytes. */
  get block(): Bytes {
    return new Bytes(changetype<usize>(this) + 40, 32);
  }

  /** The root of the state after the block, 32 bytes. */
  get state(): Bytes {
    return new Bytes(changetype<usize>(this) + 72, 32);
  }

  /** The root of the ledger after the block, 32 bytes. */
  get ledger(): Bytes {
    return new Bytes(changetype<usize>(this) + 104, 32);
  }
}

const ancestorBytes = 136;

/** The block at a height, or null if it is not among the 64 before the one that is executed.
 *  Capability: history. */
export function history(height: u64): Ancestor | null {
  const at = heap.alloc(ancestorBytes);
  if (host.history_get(height, at, ancestorBytes) < 0) return null;
  return changetype<Ancestor>(at);
}

/** The proof that the plugin's own key has the value that it had after the block before, or is absent
 *  there, under the state root of that block. Capability: proof. */
export function proof(key: Bytes): Bytes {
  const capacity: u32 = 2 << 10;
  let at = heap.alloc(capacity);
  let n = host.proof_get(key.start, key.length, at, capacity);
  if (n > capacity) {
    at = heap.alloc(n);
    n = host.proof_get(key.start, key.length, at, n);
  }
  return new Bytes(at, n);
}

/** 32 bytes that nobody knew before the block's parent was made: fit for spreading load, not for
 *  lotteries over money. Capability: beacon. */
export function beacon(): Bytes {
  const at = heap.alloc(32);
  host.beacon(at);
  return new Bytes(at, 32);
}
