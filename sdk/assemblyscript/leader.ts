// leader.v1: who proposes in a view.
//
//     export function leader_v1(): i32 {
//       return leader.answer(lead(leader.request()));
//     }
//
// The answer must be a function of the request alone: every validator asks the same question about a
// proposal and must come to the same answer.
import { Bytes } from "./bytes";
import * as call from "./call";
import { sha256 } from "./sha256";

/** The request, read where the host wrote it. Its layout is that of the contract. */
@unmanaged
@final
export class Request {
  /** Validators, 1 to 1024. */
  readonly validators: i32;
  /** Blocks in the window, 0 to 64: the parent and its ancestors within the epoch, newest first. */
  readonly blocks: i32;
  private paramsLength: i32;
  private stride: i32;
  private seed0: u64;
  private seed1: u64;
  private seed2: u64;
  private seed3: u64;
  readonly epoch: u64;
  /** The view that needs a leader, at least 1. */
  readonly view: u64;
  /** The height of the block that the proposal extends. */
  readonly parentHeight: u64;
  /** Its view; 0 when it belongs to an earlier epoch. */
  readonly parentView: u64;

  /** The epoch's seed, 32 bytes. Who can bias it, and by how much, the contract says. */
  get seed(): Bytes {
    return new Bytes(changetype<usize>(this) + offsetof<Request>("seed0"), 32);
  }

  /** Validator i, below validators. */
  validator(i: i32): Validator {
    assert(<u32>i < <u32>this.validators, "no such validator");
    return changetype<Validator>(changetype<usize>(this) + header + validatorBytes * i);
  }

  /** Block j of the window, below blocks. */
  block(j: i32): Block {
    assert(<u32>j < <u32>this.blocks, "no such block");
    return changetype<Block>(this.window() + this.stride * j);
  }

  /** Whether validator i is seen to have voted for block j: the proposer of the next block chose
   *  which quorum to show. */
  voted(j: i32, i: i32): bool {
    assert(<u32>i < <u32>this.validators, "no such validator");
    return ((this.voters(j, i >> 6) >> (i & 63)) & 1) != 0;
  }

  /** 64 of the votes for block j: bit i of word k is validator 64·k+i. */
  voters(j: i32, k: i32): u64 {
    assert(<u32>k < <u32>words(this.validators), "no such validators");
    return load<u64>(changetype<usize>(this.block(j)) + blockHeader + 8 * k);
  }

  /** The binding's parameters, 0 to 4096 bytes. */
  get params(): Bytes {
    return new Bytes(this.window() + this.stride * this.blocks, this.paramsLength);
  }

  private window(): usize {
    return changetype<usize>(this) + header + validatorBytes * this.validators;
  }
}

@unmanaged
@final
export class Validator {
  /** At least 1; together at most 2^62. */
  readonly weight: u64;

  /** The Ed25519 public key, 32 bytes. */
  get key(): Bytes {
    return new Bytes(changetype<usize>(this) + 8, 32);
  }
}

/** A recent block as its descendants commit to it. */
@unmanaged
@final
export class Block {
  /** Never rising from newer to older: tail blocks repeat their parent's. */
  readonly height: u64;
  readonly view: u64;
  /** Views without a block just before it. */
  readonly viewGap: u64;
  /** The index of a validator. */
  readonly proposer: i32;
}

const header = 80;
const validatorBytes = 40;
const blockHeader = 32;

// @ts-ignore: decorator
@inline
function words(validators: i32): i32 {
  return (validators + 63) >> 6;
}

/** The request of the call. */
export function request(): Request {
  return changetype<Request>(call.request(header));
}

/** Answers with the index of the proposer; one out of range is the fault output. */
export function answer(proposer: i32): i32 {
  return call.respond32(proposer);
}

/** Counts the views for which a plugin is asked, from 0. Every fourth view is a rescue view, whose
 *  proposer the kernel names; who takes turns by the view's own number may leave somebody out. */
export function turn(r: Request): u64 {
  return r.view - r.view / 4 - 1;
}

/** The weight of all validators together. */
export function weight(r: Request): u64 {
  let total: u64 = 0;
  for (let i = 0; i < r.validators; i++) total += r.validator(i).weight;
  return total;
}

/** f, the most weight that may be faulty: ⌊(W−1)/3⌋. */
export function faulty(r: Request): u64 {
  return (weight(r) - 1) / 3;
}

/** A set of validators. */
@unmanaged
@final
export class Validators {
  private words: usize;

  /** An empty set for the request's validators. */
  constructor(private r: Request) {
    const n = 8 * words(r.validators);
    this.words = heap.alloc(n);
    memory.fill(this.words, 0, n);
  }

  has(i: i32): bool {
    assert(<u32>i < <u32>this.r.validators, "no such validator");
    return ((load<u64>(this.words + ((i >> 6) << 3)) >> (i & 63)) & 1) != 0;
  }

  add(i: i32): void {
    assert(<u32>i < <u32>this.r.validators, "no such validator");
    const at = this.words + ((i >> 6) << 3);
    store<u64>(at, load<u64>(at) | ((<u64>1) << (i & 63)));
  }

  /** Adds those who are seen to have voted for block j. */
  addVoters(j: i32): void {
    for (let k = 0; k < words(this.r.validators); k++) {
      const at = this.words + 8 * k;
      store<u64>(at, load<u64>(at) | this.r.voters(j, k));
    }
  }

  /** Takes out those that the other set has. */
  remove(other: Validators): void {
    for (let k = 0; k < words(this.r.validators); k++) {
      const at = this.words + 8 * k;
      store<u64>(at, load<u64>(at) & ~load<u64>(other.words + 8 * k));
    }
  }
}

/** Draws one of the set with a probability in proportion to its weight, or returns -1 if the set is
 *  empty. Draws of different labels are independent. */
export function choose(r: Request, label: string, candidates: Validators): i32 {
  let total: u64 = 0;
  for (let i = 0; i < r.validators; i++) {
    if (candidates.has(i)) total += r.validator(i).weight;
  }
  if (total == 0) return -1;
  let point = draw(r, label, total);
  for (let i = 0; i < r.validators; i++) {
    if (!candidates.has(i)) continue;
    const w = r.validator(i).weight;
    if (point < w) return i;
    point -= w;
  }
  return -1; // not reached: point is below the sum of the weights
}

/** A number below bound (which must not be 0), drawn for the view: all bits come from SHA-256 over
 *  the label, the epoch's seed, the epoch and the view. Numbers differ from evenly distributed ones by
 *  less than 2^-64. It is the draw of the Go SDK and gives the same numbers. */
export function draw(r: Request, label: string, bound: u64): u64 {
  const text = Bytes.text(label);
  const at = heap.alloc(text.length + 1 + 32 + 16);
  memory.copy(at, text.start, text.length);
  const rest = at + text.length;
  store<u8>(rest, 0x0a);
  memory.copy(rest + 1, r.seed.start, 32);
  store<u64>(rest + 33, bswap(r.epoch));
  store<u64>(rest + 41, bswap(r.view));
  const sum = sha256(new Bytes(at, text.length + 49));
  // (high·2^64 + low)·bound / 2^128
  const high = sum.u64(0);
  const low = high64(sum.u64(8), bound) + high * bound;
  const carry: u64 = low < high * bound ? 1 : 0;
  return high64(high, bound) + carry;
}

/** The upper 64 bits of a product of 128. */
function high64(x: u64, y: u64): u64 {
  const mask: u64 = 0xffffffff;
  const x0 = x & mask;
  const x1 = x >> 32;
  const y0 = y & mask;
  const y1 = y >> 32;
  const middle = x1 * y0 + ((x0 * y0) >> 32);
  return x1 * y1 + (middle >> 32) + ((x0 * y1 + (middle & mask)) >> 32);
}
