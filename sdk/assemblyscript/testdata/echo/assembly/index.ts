// Echo serves every hook. It logs the request, put together anew from what the SDK reads of it, and
// answers with the response of the contracts' golden files.
import { Bytes, Writer } from "../quoin/bytes";
import * as chain from "../quoin/chain";
import * as finality from "../quoin/finality";
import * as host from "../quoin/host";
import * as leader from "../quoin/leader";
import * as machine from "../quoin/machine";
import * as pacemaker from "../quoin/pacemaker";
import * as priority from "../quoin/priority";
import { State } from "../quoin/state";
import * as validation from "../quoin/validation";

export function leader_v1(): i32 {
  const r = leader.request();
  const stride = 32 + 8 * ((r.validators + 63) / 64);
  const w = new Little().u32(r.validators).u32(r.blocks).u32(r.params.length).u32(stride).append(r.seed)
    .u64(r.epoch).u64(r.view).u64(r.parentHeight).u64(r.parentView);
  for (let i = 0; i < r.validators; i++) w.u64(r.validator(i).weight).append(r.validator(i).key);
  for (let j = 0; j < r.blocks; j++) {
    const b = r.block(j);
    w.u64(b.height).u64(b.view).u64(b.viewGap).u32(b.proposer).u32(0);
    for (let k = 0; k < (r.validators + 63) / 64; k++) {
      let word: u64 = 0;
      for (let i = 0; i < 64 && 64 * k + i < r.validators; i++) {
        if (r.voted(j, 64 * k + i)) word |= (<u64>1) << i;
      }
      w.u64(word);
    }
  }
  w.append(r.params).log();
  return leader.answer(0x01020304);
}

export function machine_v1_apply(): i32 {
  const r = machine.apply();
  new Little().u32(r.payload.length).u32(r.params.length).u32(r.index).u32(0).u64(r.height).u64(r.time)
    .append(r.transaction).append(r.sender).append(r.payload).append(r.params).log();
  return machine.answer(new machine.Response(9, Bytes.text("out")));
}

export function machine_v1_query(): i32 {
  const r = machine.query();
  new Little().u32(r.payload.length).u32(r.params.length).u64(r.height).u64(r.time).append(r.payload).append(r.params).log();
  return machine.answer(new machine.Response(1, Bytes.text("answer")));
}

export function validation_v1_validate(): i32 {
  const r = validation.request();
  new Little().u32(r.payload.length).u32(r.params.length).u64(r.height).u64(r.time)
    .append(r.transaction).append(r.sender).append(r.payload).append(r.params).log();
  return validation.answer(0x01020304);
}

export function finality_v1(): i32 {
  const r = finality.request();
  new Little().u32(r.params.length).u32(r.transactions).u32(r.bytes).u32(0).u32(r.proposer).u32(r.validators)
    .u64(r.height).u64(r.time).u64(r.parentTime).u64(r.epoch).u64(r.view).u64(r.viewGap).append(r.params).log();
  return finality.answer(new finality.Response(0x01020304, 5));
}

export function pacemaker_v1(): i32 {
  const r = pacemaker.request();
  const w = new Little().u32(r.params.length).u32(r.views).u32(r.validators).u32(r.self)
    .u64(r.view).u64(r.certifiedView).u64(r.baseMS).u64(r.maxMS).u64(r.builtinMS);
  for (let j = 0; j < r.views; j++) w.u64(r.left(j).view).u32(r.left(j).ms).u32(r.left(j).notarized ? 1 : 0);
  w.append(r.params).log();
  return pacemaker.answer(0x0102030405060708);
}

export function priority_v1(): i32 {
  const r = priority.request();
  new Little().u32(r.payload.length).u32(r.params.length).u32(r.namespace.length).u32(r.local ? 1 : 0).u32(r.pending).u32(r.capacity)
    .u64(r.height).u64(r.expiry).append(r.transaction).append(r.sender).append(r.payload).append(r.params).append(r.namespace).log();
  return priority.answer(0x0102030405060708);
}

// Logs what the host tells of the chain: 1 if foreign.bank is granted, the value of "k" there and
// the length of that of "none" (or -1), the ancestor of height 3, a proof, the beacon.
export function validation_v1_validate_batch(): i32 {
  let n = 0;
  while (validation.next()) {
    if (n++ > 0) { // after the first it only allocates: the memory must not grow with the batch
      heap.alloc(20 << 10);
      validation.answer(0);
      continue;
    }
    const w = new Little().u32(chain.granted("foreign.bank") ? 1 : 0);
    const k = chain.foreign("bank", Bytes.text("k"));
    if (k) w.append(k);
    const none = chain.foreign("bank", Bytes.text("none"));
    w.u32(none ? none.length : -1);
    const a = chain.history(3);
    if (a) w.u64(a.height).u64(a.time).u64(a.epoch).u64(a.view).u64(a.size).append(a.block).append(a.state).append(a.ledger);
    w.u32(chain.history(4) ? 1 : 0);
    w.append(chain.proof(Bytes.text("own"))).append(chain.beacon()).log();
    const long = State.get(Bytes.text("long")); // longer than the SDK's buffer
    if (long) new Little().append(long).log();
    validation.answer(n);
  }
  return validation.ok;
}

// Writes little-endian numbers, as requests hold them.
@unmanaged
@final
class Little {
  private w: Writer = new Writer();

  u32(v: u32): Little {
    this.w.u32(bswap(v));
    return this;
  }

  u64(v: u64): Little {
    this.w.u64(bswap(v));
    return this;
  }

  append(b: Bytes): Little {
    this.w.append(b);
    return this;
  }

  log(): void {
    const b = this.w.bytes();
    host.log(b.start, b.length);
  }
}
