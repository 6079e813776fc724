// Bytes and what writes them. Nothing here copies what it need not: a request, a value and a key
// are read where they lie.

/** A view of bytes: a part of the request, a value, what a Writer wrote. It is valid until the
 *  call ends (in a batch: until the next request) and must not be kept longer. */
@unmanaged
@final
export class Bytes {
  [key: number]: i32; // tells editors of the operator below

  constructor(
    /** The address of the first byte. */
    readonly start: usize,
    readonly length: i32,
  ) {}

  /** The UTF-8 bytes of a text. */
  static text(s: string): Bytes {
    const b = String.UTF8.encode(s);
    return new Bytes(changetype<usize>(b), b.byteLength);
  }

  /** The byte at a place below length. */
  @operator("[]")
  at(i: i32): i32 {
    assert(<u32>i < <u32>this.length, "beyond the bytes");
    return load<u8>(this.start + i);
  }

  /** The bytes from a place on, up to another or the end. */
  slice(from: i32, to: i32 = this.length): Bytes {
    assert(0 <= from && from <= to && to <= this.length, "beyond the bytes");
    return new Bytes(this.start + from, to - from);
  }

  /** The place of the first byte of the value, or -1. */
  indexOf(value: u8): i32 {
    for (let i = 0; i < this.length; i++) {
      if (load<u8>(this.start + i) == value) return i;
    }
    return -1;
  }

  /** Big-endian numbers, as keys and payloads hold them so that their order is that of bytes. */
  u16(i: i32): u16 {
    return bswap(load<u16>(this.room(i, 2)));
  }

  u32(i: i32): u32 {
    return bswap(load<u32>(this.room(i, 4)));
  }

  u64(i: i32): u64 {
    return bswap(load<u64>(this.room(i, 8)));
  }

  /** Little-endian numbers, as the built-ins' parameters hold them. */
  u16le(i: i32): u16 {
    return load<u16>(this.room(i, 2));
  }

  u32le(i: i32): u32 {
    return load<u32>(this.room(i, 4));
  }

  u64le(i: i32): u64 {
    return load<u64>(this.room(i, 8));
  }

  equals(other: Bytes): bool {
    return this.length == other.length && memory.compare(this.start, other.start, this.length) == 0;
  }

  /** Whether all bytes are 0: the sender of an unsigned transaction. */
  isZero(): bool {
    for (let i = 0; i < this.length; i++) {
      if (load<u8>(this.start + i) != 0) return false;
    }
    return true;
  }

  /** The text whose UTF-8 bytes these are. */
  toString(): string {
    return String.UTF8.decodeUnsafe(this.start, this.length);
  }

  private room(i: i32, n: i32): usize {
    assert(0 <= i && i <= this.length - n, "beyond the bytes");
    return this.start + i;
  }
}

/** No bytes. */
export const nothing = new Bytes(0, 0);

/** Puts bytes together: `new Writer().u8(1).u64(account).bytes()`. Numbers are big-endian. */
@unmanaged
@final
export class Writer {
  private start: usize;
  private size: i32 = 0;

  constructor(private capacity: i32 = 64) {
    this.start = heap.alloc(capacity);
  }

  u8(v: u8): Writer {
    store<u8>(this.room(1), v);
    return this;
  }

  u16(v: u16): Writer {
    store<u16>(this.room(2), bswap(v));
    return this;
  }

  u32(v: u32): Writer {
    store<u32>(this.room(4), bswap(v));
    return this;
  }

  u64(v: u64): Writer {
    store<u64>(this.room(8), bswap(v));
    return this;
  }

  append(b: Bytes): Writer {
    memory.copy(this.room(b.length), b.start, b.length);
    return this;
  }

  text(s: string): Writer {
    return this.append(Bytes.text(s));
  }

  /** How many bytes were written so far. */
  get length(): i32 {
    return this.size;
  }

  /** What was written so far. What is written later may move it away: ask last. */
  bytes(): Bytes {
    return new Bytes(this.start, this.size);
  }

  /** The address of n new bytes. */
  private room(n: i32): usize {
    const at = this.size;
    const length = at + n;
    if (length > this.capacity) {
      this.capacity = max(length, 2 * this.capacity);
      this.start = heap.realloc(this.start, this.capacity);
    }
    this.size = length;
    return this.start + at;
  }
}
