// The probe of sdk/internal/probe, which tells what its programs are.
import { Bytes, Writer } from "../quoin/bytes";
import * as machine from "../quoin/machine";
import { State, log } from "../quoin/state";

export function machine_v1_apply(): i32 {
  return machine.answer(run(machine.apply().payload, true));
}

export function machine_v1_query(): i32 {
  return machine.answer(run(machine.query().payload, false));
}

function run(program: Bytes, writes: bool): machine.Response {
  const p = new Parser(program);
  let output = new Writer();
  while (p.at < program.length) {
    switch (p.byte()) {
      case 0: { // get
        const v = State.get(p.bytes());
        digest(output, v ? v : new Bytes(0, 0));
        if (!v) output.u8(0x6e);
        break;
      }
      case 1: { // put
        const key = p.bytes();
        const fill = p.byte();
        const n = p.number();
        const value = heap.alloc(n);
        memory.fill(value, fill, n);
        if (writes) State.put(key, new Bytes(value, n));
        break;
      }
      case 2: { // delete
        const key = p.bytes();
        if (writes) State.delete(key);
        break;
      }
      case 3: { // scan
        const start = p.bytes();
        const end = p.bytes();
        const scan = State.scan(start, p.byte() != 0 ? end : null);
        for (let most = p.number(); most > 0 && scan.next(); most--) {
          digest(output, scan.key);
          digest(output, scan.value);
        }
        break;
      }
      case 4: { // emit
        const event = p.bytes();
        if (writes) State.emit(event);
        break;
      }
      case 5: // log
        log(p.bytes().toString());
        break;
      case 6: // refuse
        return new machine.Response(p.number(), output.bytes());
      case 7: // panic
        throw new Error("probe");
      case 8: { // output
        const n = 2 * p.number();
        const zeros = heap.alloc(n);
        memory.fill(zeros, 0, n);
        return new machine.Response(0, new Bytes(zeros, n));
      }
      case 9: // loop
        for (let n: u32 = 1; n != 0; n *= 3) {}
    }
    if (output.length > 1 << 10) {
      const long = output.bytes();
      output = new Writer();
      digest(output, long);
    }
  }
  return new machine.Response(0, output.bytes());
}

function digest(output: Writer, b: Bytes): void {
  let sum: u32 = 2166136261;
  const ends = min(b.length, 16);
  for (let i = 0; i < ends; i++) sum = (sum ^ <u32>b[i]) * 16777619;
  for (let i = b.length - ends; i < b.length; i++) sum = (sum ^ <u32>b[i]) * 16777619;
  output.u32(b.length).u32(sum);
}

// Reads a program; at its end it reads zeros.
@unmanaged
class Parser {
  at: i32 = 0;

  constructor(private program: Bytes) {}

  byte(): u8 {
    return this.at < this.program.length ? <u8>this.program[this.at++] : 0;
  }

  number(): i32 {
    const high = <i32>this.byte();
    return (high << 8) | this.byte();
  }

  bytes(): Bytes {
    const b = new Writer();
    for (let n = this.number(); n > 0; n--) b.u8(this.byte());
    return b.bytes();
  }
}
