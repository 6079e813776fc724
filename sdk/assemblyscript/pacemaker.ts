// pacemaker.v1: how long a node waits before it gives up a view.
//
//     export function pacemaker_v1(): i32 {
//       return pacemaker.answer(timeout(pacemaker.request()));
//     }
//
// The answer binds this node alone.
import { Bytes } from "./bytes";
import * as call from "./call";

/** The place of a node that is no validator. */
export const observer = -1;

/** What the node measured, read where the host wrote it. */
@unmanaged
@final
export class Request {
  private paramsLength: i32;
  /** Views in the window, 0 to 32: those in which this node has waited, newest first. */
  readonly views: i32;
  readonly validators: i32;
  /** The index of this node, or observer. */
  readonly self: i32;
  /** The view whose time-out is asked for. */
  readonly view: u64;
  /** The highest that has a certificate, below view. */
  readonly certifiedView: u64;
  /** Of the chain's parameters. */
  readonly baseMS: u64;
  /** Of the chain's parameters. */
  readonly maxMS: u64;
  /** What the built-in rule gives: base × 2^(views since the certified one), at most max. */
  readonly builtinMS: u64;

  /** View j of the window, below views. */
  left(j: i32): View {
    assert(<u32>j < <u32>this.views, "no such view");
    return changetype<View>(changetype<usize>(this) + header + viewBytes * j);
  }

  /** The binding's parameters, 0 to 4096 bytes. */
  get params(): Bytes {
    return new Bytes(changetype<usize>(this) + header + viewBytes * this.views, this.paramsLength);
  }
}

/** A view as this node saw it. */
@unmanaged
@final
export class View {
  readonly view: u64;
  /** From entering to leaving, milliseconds. */
  readonly ms: u32;
  private left: u32;

  /** Whether it was left by a block; otherwise it was given up. */
  get notarized(): bool {
    return this.left == 1;
  }
}

const header = 56;
const viewBytes = 16;

/** The request of the call. */
export function request(): Request {
  return changetype<Request>(call.request(header));
}

/** Answers with the time-out in milliseconds. The host keeps it within a quarter and four times of
 *  what the built-in rule gives, and below the chain's maximum. */
export function answer(timeoutMS: u64): i32 {
  return call.respond64(timeoutMS);
}
