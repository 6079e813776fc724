// The bank of plugins/bank, whose package smallbank tells its operations, their encoding and its
// codes. It gives every transaction and query the result that that one gives.
import { Bytes, Writer } from "../quoin/bytes";
import * as machine from "../quoin/machine";
import { State } from "../quoin/state";

export function machine_v1_apply(): i32 {
  return machine.answer(apply(machine.apply()));
}

export function machine_v1_apply_batch(): i32 {
  while (machine.next()) machine.answer(apply(machine.apply()));
  return machine.ok;
}

export function machine_v1_query(): i32 {
  return machine.answer(query(machine.query()));
}

// A code other than done changes nothing.
const done: u32 = 0;
const malformed: u32 = 1;
const noAccount: u32 = 2;
const exists: u32 = 3;
const negative: u32 = 4;
const insufficient: u32 = 5;
const overflow: u32 = 6;
const notOwner: u32 = 7;
const notIssuer: u32 = 8;
const sameAccount: u32 = 9;
const misconfigured: u32 = 10;

const ownerBytes = 32;
const accountBytes = 48;

function apply(r: machine.ApplyRequest): machine.Response {
  if (r.params.length != 0 && r.params.length != ownerBytes) return new machine.Response(misconfigured);
  const t = new Transaction(r);
  const p = r.payload;
  if (p.length < 1) return new machine.Response(malformed);
  const operation = p[0];
  if (operation < 1 || operation > 6 || p.length != 1 + 8 * arity(operation)) return new machine.Response(malformed);
  const x = p.u64(1);
  const y = p.u64(9);
  const z: u64 = p.length > 17 ? p.u64(17) : 0;
  switch (operation) {
    case 1: t.createAccount(x, y, z); break;
    case 2: t.depositChecking(x, y); break;
    case 3: t.transactSavings(x, y); break;
    case 4: t.amalgamate(x, y); break;
    case 5: t.writeCheck(x, y); break;
    case 6: t.sendPayment(x, y, z); break;
  }
  return t.code == done ? new machine.Response(done, t.output.bytes()) : new machine.Response(t.code);
}

// The number of an operation's arguments.
function arity(operation: i32): i32 {
  return operation == 1 || operation == 6 ? 3 : 2;
}

// An account's content. Without an owner it does not exist: the transaction is refused already.
@unmanaged
@final
class Account {
  constructor(readonly owner: Bytes | null, public savings: i64, public checking: i64) {}
}

// One call of apply. Its first refusal stays; the host then drops the writes.
@unmanaged
@final
class Transaction {
  code: u32 = done;
  output: Writer = new Writer(32);

  constructor(private r: machine.ApplyRequest) {}

  createAccount(number: u64, savings: i64, checking: i64): void {
    if (savings < 0 || checking < 0) this.refuse(negative);
    if (savings > 0 || checking > 0) this.issue();
    if (State.get(accountKey(number))) this.refuse(exists);
    this.store(number, new Account(this.r.sender, savings, checking));
  }

  depositChecking(number: u64, amount: i64): void {
    if (amount < 0) this.refuse(negative);
    this.issue();
    const a = this.load(number);
    a.checking = this.add(a.checking, amount);
    this.store(number, a);
  }

  transactSavings(number: u64, amount: i64): void {
    const a = this.load(number);
    if (amount < 0) this.own(a);
    else this.issue();
    a.savings = this.add(a.savings, amount);
    if (a.savings < 0) this.refuse(insufficient);
    this.store(number, a);
  }

  amalgamate(from: u64, to: u64): void {
    if (from == to) return this.refuse(sameAccount);
    const a = this.load(from);
    const b = this.load(to);
    this.own(a);
    // One sum after the other, so that an overflow on the way is refused, not wrapped.
    const amount = this.add(a.savings, a.checking);
    if (amount < 0) this.refuse(insufficient); // an overdraft is nobody's to give away
    a.savings = 0;
    a.checking = 0;
    b.checking = this.add(b.checking, amount);
    this.move(from, to, a, b, amount);
  }

  writeCheck(number: u64, amount: i64): void {
    if (amount < 0) return this.refuse(negative);
    const a = this.load(number);
    this.own(a);
    const covered = covers(a.savings, a.checking, amount);
    a.checking = this.subtract(a.checking, amount);
    if (!covered) a.checking = this.subtract(a.checking, 1);
    this.store(number, a);
  }

  sendPayment(from: u64, to: u64, amount: i64): void {
    if (amount < 0) return this.refuse(negative);
    if (from == to) return this.refuse(sameAccount);
    const a = this.load(from);
    const b = this.load(to);
    this.own(a);
    if (a.checking < amount) return this.refuse(insufficient);
    a.checking -= amount;
    b.checking = this.add(b.checking, amount);
    this.move(from, to, a, b, amount);
  }

  private move(from: u64, to: u64, a: Account, b: Account, amount: i64): void {
    this.store(from, a);
    this.store(to, b);
    if (this.code == done) State.emit(new Writer(24).u64(from).u64(to).u64(amount).bytes());
  }

  private refuse(code: u32): void {
    if (this.code == done) this.code = code;
  }

  // Refuses a sender who does not own the account.
  private own(a: Account): void {
    const owner = a.owner;
    if (!owner || !owner.equals(this.r.sender)) this.refuse(notOwner);
  }

  // Refuses a sender who may not bring money in.
  private issue(): void {
    if (this.r.params.length == ownerBytes && !this.r.params.equals(this.r.sender)) this.refuse(notIssuer);
  }

  private load(number: u64): Account {
    const b = this.code == done ? State.get(accountKey(number)) : null;
    if (!b) {
      this.refuse(noAccount);
      return new Account(null, 0, 0);
    }
    return new Account(b.slice(0, ownerBytes), b.u64(ownerBytes), b.u64(ownerBytes + 8));
  }

  private store(number: u64, a: Account): void {
    const owner = a.owner;
    if (this.code != done || !owner) return;
    const value = new Writer(accountBytes).append(owner).u64(a.savings).u64(a.checking).bytes();
    State.put(accountKey(number), value);
    this.output.append(value.slice(ownerBytes));
  }

  // x+y, or a refusal.
  private add(x: i64, y: i64): i64 {
    if ((y > 0 && x > i64.MAX_VALUE - y) || (y < 0 && x < i64.MIN_VALUE - y)) {
      this.refuse(overflow);
      return 0;
    }
    return x + y;
  }

  // x−y for y of at least 0, or a refusal.
  private subtract(x: i64, y: i64): i64 {
    if (x < i64.MIN_VALUE + y) {
      this.refuse(overflow);
      return 0;
    }
    return x - y;
  }
}

// Whether savings and checking together are at least the amount, of at least 0, without ever forming a
// sum that does not fit.
function covers(savings: i64, checking: i64, amount: i64): bool {
  if (checking >= amount) return true; // savings are never negative
  if (checking >= 0 || amount <= i64.MAX_VALUE + checking) return savings >= amount - checking;
  return false; // the shortfall is more than any savings
}

const queryOutputMax = 64 << 10;

function query(r: machine.QueryRequest): machine.Response {
  const p = r.payload;
  if (p.length == 9 && p[0] == 1) {
    const account = State.get(accountKey(p.u64(1)));
    return account ? new machine.Response(done, account) : new machine.Response(noAccount);
  }
  if (p.length == 11 && p[0] == 2) {
    let limit = p.u16(9);
    const output = new Writer();
    const accounts = State.scan(accountKey(p.u64(1)), Bytes.text("b"));
    while (limit-- > 0 && output.length + 8 + accountBytes <= queryOutputMax && accounts.next()) {
      output.append(accounts.key.slice(1)).append(accounts.value);
    }
    return new machine.Response(done, output.bytes());
  }
  return new machine.Response(malformed);
}

function accountKey(number: u64): Bytes {
  return new Writer(9).u8(0x61).u64(number).bytes();
}
