// finality.v1: when a certified block is reported as final to those who ask for it.
//
//     export function finality_v1(): i32 {
//       return finality.answer(delay(finality.request()));
//     }
//
// The answer must be a function of the request alone.
import { Bytes } from "./bytes";
import * as call from "./call";

/** A block, by facts that every replica shares; read where the host wrote it. */
@unmanaged
@final
export class Request {
  private paramsLength: i32;
  /** Of the block, the kernel's included. */
  readonly transactions: i32;
  /** Of the block's body. */
  readonly bytes: i32;
  private zero: i32;
  /** The index of a validator. */
  readonly proposer: i32;
  /** Validators of the epoch. */
  readonly validators: i32;
  readonly height: u64;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly time: u64;
  /** Of the block before. */
  readonly parentTime: u64;
  readonly epoch: u64;
  readonly view: u64;
  /** Views without a block just before it. */
  readonly viewGap: u64;

  /** The binding's parameters, 0 to 4096 bytes. */
  get params(): Bytes {
    return new Bytes(changetype<usize>(this) + header, this.paramsLength);
  }
}

const header = 72;

/** The block of the call. */
export function request(): Request {
  return changetype<Request>(call.request(header));
}

/** How long to wait: until so many further blocks are certified or so many milliseconds have passed,
 *  whichever comes first. Both 0 is at once; 0 milliseconds beside some blocks are 60000. The host
 *  takes at most 64 and 60000. */
@unmanaged
@final
export class Response {
  constructor(readonly blocks: u32, readonly milliseconds: u32) {}
}

/** Answers the call. */
export function answer(r: Response): i32 {
  return call.respond64(<u64>r.blocks | ((<u64>r.milliseconds) << 32));
}
