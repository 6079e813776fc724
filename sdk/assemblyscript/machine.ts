// machine.v1: what transactions of a namespace do to its state, and queries.
//
//     export function machine_v1_apply(): i32 {
//       return machine.answer(apply(machine.apply()));
//     }
//     export function machine_v1_query(): i32 {
//       return machine.answer(query(machine.query()));
//     }
//     export function machine_v1_apply_batch(): i32 { // may be missing: many transactions in one call
//       while (machine.next()) machine.answer(apply(machine.apply()));
//       return machine.ok;
//     }
//
// A machine must depend on nothing but the request and its state. It needs the capabilities state and
// events.
import { Bytes, nothing } from "./bytes";
import * as call from "./call";

export { next, ok } from "./call";

/** A transaction, read where the host wrote it. */
@unmanaged
@final
export class ApplyRequest {
  private payloadLength: i32;
  private paramsLength: i32;
  /** Of the transaction in its block. */
  readonly index: i32;
  private zero: u32;
  readonly height: u64;
  /** Of the block, milliseconds since 1970-01-01 UTC. */
  readonly time: u64;

  /** The transaction's id, 32 bytes. */
  get transaction(): Bytes {
    return new Bytes(changetype<usize>(this) + 32, 32);
  }

  /** The account's public key, 32 bytes; zero for an unsigned transaction. */
  get sender(): Bytes {
    return new Bytes(changetype<usize>(this) + 64, 32);
  }

  /** 0 to 65536 bytes. */
  get payload(): Bytes {
    return new Bytes(changetype<usize>(this) + applyHeader, this.payloadLength);
  }

  /** The binding's parameters, 0 to 4096 bytes. */
  get params(): Bytes {
    return new Bytes(changetype<usize>(this) + applyHeader + this.payloadLength, this.paramsLength);
  }
}

/** A question about the state after a block, read where the host wrote it. */
@unmanaged
@final
export class QueryRequest {
  private payloadLength: i32;
  private paramsLength: i32;
  /** Of the block after which the state is read. */
  readonly height: u64;
  /** Of that block, milliseconds since 1970-01-01 UTC. */
  readonly time: u64;

  /** 0 to 65536 bytes. */
  get payload(): Bytes {
    return new Bytes(changetype<usize>(this) + queryHeader, this.payloadLength);
  }

  /** The binding's parameters, 0 to 4096 bytes. */
  get params(): Bytes {
    return new Bytes(changetype<usize>(this) + queryHeader + this.payloadLength, this.paramsLength);
  }
}

const applyHeader = 96;
const queryHeader = 24;

/** The transaction of the call. */
export function apply(): ApplyRequest {
  return changetype<ApplyRequest>(call.request(applyHeader));
}

/** The question of the call. */
export function query(): QueryRequest {
  return changetype<QueryRequest>(call.request(queryHeader));
}

/** What goes to the ledger, or back to who asked. A code other than 0 is the machine's own refusal:
 *  the writes and events of the transaction are dropped, its output is kept. */
@unmanaged
@final
export class Response {
  constructor(
    readonly code: u32,
    /** Of a transaction at most 4096 bytes, of a query at most 65536; more is the fault output. */
    readonly output: Bytes = nothing,
  ) {}
}

/** Answers the call. */
export function answer(r: Response): i32 {
  return call.respondBytes(r.code, r.output);
}
