// validation.v1: which transactions of a namespace reach its machine.
//
//     export function validation_v1_validate(): i32 {
//       return validation.answer(validate(validation.request()));
//     }
//     export function validation_v1_validate_batch(): i32 { // may be missing
//       while (validation.next()) validation.answer(validate(validation.request()));
//       return validation.ok;
//     }
//
// The answer must be a function of the request and the state after the block before.
import { Bytes } from "./bytes";
import * as call from "./call";

export { next, ok } from "./call";

/** A transaction, read where the host wrote it. */
@unmanaged
@final
export class Request {
  private payloadLength: i32;
  private paramsLength: i32;
  /** Of the block; in the pool: of the next one. */
  readonly height: u64;
  /** Of the block, milliseconds since 1970-01-01 UTC; in the pool: of the last one. */
  readonly time: u64;

  /** The transaction's id, 32 bytes. */
  get transaction(): Bytes {
    return new Bytes(changetype<usize>(this) + 24, 32);
  }

  /** The account's public key, 32 bytes; zero for an unsigned transaction. */
  get sender(): Bytes {
    return new Bytes(changetype<usize>(this) + 56, 32);
  }

  /** 0 to 65536 bytes. */
  get payload(): Bytes {
    return new Bytes(changetype<usize>(this) + header, this.payloadLength);
  }

  /** The binding's parameters, 0 to 4096 bytes. */
  get params(): Bytes {
    return new Bytes(changetype<usize>(this) + header + this.payloadLength, this.paramsLength);
  }
}

const header = 88;

/** The transaction of the call. */
export function request(): Request {
  return changetype<Request>(call.request(header));
}

/** Accepts with 0; another code is the plugin's reason to refuse. */
export function answer(code: u32): i32 {
  return call.respond32(code);
}
