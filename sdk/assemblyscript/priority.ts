// priority.v1: which pending transactions a node proposes first.
//
//     export function priority_v1(): i32 {
//       return priority.answer(prioritize(priority.request()));
//     }
//
// The answer orders this node's proposals alone.
import { Bytes } from "./bytes";
import * as call from "./call";

/** A transaction that enters the pool, read where the host wrote it. */
@unmanaged
@final
export class Request {
  private payloadLength: i32;
  private paramsLength: i32;
  private namespaceLength: i32;
  private submittedHere: i32;
  /** Transactions in the pool. */
  readonly pending: i32;
  /** Of the pool. */
  readonly capacity: i32;
  /** Of the next block. */
  readonly height: u64;
  /** The height of the last block that may hold the transaction. */
  readonly expiry: u64;

  /** Whether it was submitted to this node, not forwarded by another. */
  get local(): bool {
    return this.submittedHere == 1;
  }

  /** The transaction's id, 32 bytes. */
  get transaction(): Bytes {
    return new Bytes(changetype<usize>(this) + 40, 32);
  }

  /** The account's public key, 32 bytes; zero for an unsigned transaction. */
  get sender(): Bytes {
    return new Bytes(changetype<usize>(this) + 72, 32);
  }

  /** 0 to 65536 bytes. */
  get payload(): Bytes {
    return new Bytes(changetype<usize>(this) + header, this.payloadLength);
  }

  /** The binding's parameters, 0 to 4096 bytes. */
  get params(): Bytes {
    return new Bytes(changetype<usize>(this) + header + this.payloadLength, this.paramsLength);
  }

  /** The namespace's name, 0 to 32 bytes. */
  get namespace(): Bytes {
    return new Bytes(changetype<usize>(this) + header + this.payloadLength + this.paramsLength, this.namespaceLength);
  }
}

const header = 104;

/** The transaction of the call. */
export function request(): Request {
  return changetype<Request>(call.request(header));
}

/** Answers with the priority: higher ones first, equal ones with the senders in turn. */
export function answer(priority: u64): i32 {
  return call.respond64(priority);
}
