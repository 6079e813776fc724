// The plugin's namespace, behind the capability state, and its events and log.
import { Bytes } from "./bytes";
import * as host from "./host";

/** The namespace. Keys have 1 to 256 bytes, values at most 65536. What breaks a limit ends the call
 *  in a fault, and so does a write where none is allowed: in a query or a validation. */
export abstract class State {
  /** The value of a key, or null. */
  static get(key: Bytes): Bytes | null {
    const n = host.state_get(key.start, key.length, scratch, scratchBytes);
    if (n < 0) return null;
    const value = heap.alloc(n);
    if (n <= scratchBytes) memory.copy(value, scratch, n);
    else host.state_get(key.start, key.length, value, n);
    return new Bytes(value, n);
  }

  static put(key: Bytes, value: Bytes): void {
    host.state_put(key.start, key.length, value.start, value.length);
  }

  /** Removes a key, if it is there. */
  static delete(key: Bytes): void {
    host.state_delete(key.start, key.length);
  }

  /** The keys from start (inclusive) to end (exclusive; null: to the last key), ascending:
   *  `for (const s = State.scan(a, b); s.next(); ) use(s.key, s.value)`. */
  static scan(start: Bytes, end: Bytes | null = null): Scan {
    return new Scan(start, end);
  }

  /** Adds an event to the transaction's result: at most 64 of at most 4096 bytes. It needs the
   *  capability events. */
  static emit(event: Bytes): void {
    host.emit(event.start, event.length);
  }
}

/** Writes to the log, for people: it is never part of a result. */
export function log(text: string): void {
  const b = String.UTF8.encode(text);
  host.log(changetype<usize>(b), b.byteLength);
}

const scratchBytes = 1 << 10;
// @ts-ignore: decorator
@lazy
const scratch = memory.data(1 << 10, 8);

// Entries of one call of the host: few at first, because it charges for each that it gives.
const entriesFirst = 8;
const entriesMost = 256;
const keyMost = 256;

/** A walk through keys. Keys and values are valid until next is called. */
@unmanaged
@final
export class Scan {
  key: Bytes = changetype<Bytes>(0);
  value: Bytes = changetype<Bytes>(0);

  private from: usize = heap.alloc(keyMost);
  private fromLength: i32;
  private end: usize;
  private endLength: i32;
  private limit: i32 = entriesFirst;
  private page: usize = 0;
  private pageBytes: i32 = 4 << 10;
  private at: usize = 0;
  private until: usize = 0;

  constructor(start: Bytes, end: Bytes | null) {
    assert(start.length <= keyMost, "a key of more than 256 bytes");
    memory.copy(this.from, start.start, start.length);
    this.fromLength = start.length;
    this.end = end ? end.start : 0;
    this.endLength = end ? end.length : 0;
    if (end && end.length == 0) this.limit = 0; // nothing lies before the empty key
  }

  /** Goes to the next key and returns true, or false at the end. */
  next(): bool {
    if (this.at == this.until && !this.fill()) return false;
    const k = load<u32>(this.at);
    const v = load<u32>(this.at, 4);
    this.key = new Bytes(this.at + 8, k);
    this.value = new Bytes(this.at + 8 + k, v);
    this.at += 8 + k + v;
    return true;
  }

  // fill fetches the next page: whole entries, length of the key, length of the value, key, value.
  private fill(): bool {
    if (this.page == 0) {
      this.page = heap.alloc(this.pageBytes);
    } else if (!this.goOn()) {
      return false;
    }
    if (this.limit == 0) return false;
    let n = host.state_scan(this.from, this.fromLength, this.end, this.endLength, this.limit, this.page, this.pageBytes);
    if (n < 0) {
      this.pageBytes = -n;
      this.page = heap.alloc(this.pageBytes);
      n = host.state_scan(this.from, this.fromLength, this.end, this.endLength, this.limit, this.page, this.pageBytes);
    }
    this.at = this.page;
    this.until = this.page + n;
    this.limit = min(2 * this.limit, entriesMost);
    return n > 0;
  }

  // goOn moves from behind the last key: a zero byte more, or the least longer key behind one of the
  // greatest length. It returns false behind the last possible key.
  private goOn(): bool {
    let n = this.key.length;
    memory.copy(this.from, this.key.start, n);
    if (n < keyMost) {
      store<u8>(this.from + n, 0);
      this.fromLength = n + 1;
      return true;
    }
    while (n > 0) {
      const last = load<u8>(this.from + n - 1);
      if (last < 0xff) {
        store<u8>(this.from + n - 1, last + 1);
        this.fromLength = n;
        return true;
      }
      n--;
    }
    return false;
  }
}
