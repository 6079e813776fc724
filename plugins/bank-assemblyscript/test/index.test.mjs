import assert from "node:assert/strict";
import { test } from "node:test";
import * as quoin from "../quoin/testing.mjs";

const plugin = await quoin.load("build/module.wasm");
const alice = new Uint8Array(32).fill(1);
const bob = new Uint8Array(32).fill(2);
const [createAccount, writeCheck, sendPayment] = [1, 5, 6];
const [done, noAccount, insufficient, notOwner] = [0, 2, 5, 7];

// An operation and its numbers, 8 bytes each, big-endian.
function payload(operation, ...numbers) {
  const b = Buffer.alloc(1 + 8 * numbers.length, operation);
  numbers.forEach((n, i) => b.writeBigInt64BE(BigInt(n), 1 + 8 * i));
  return b;
}

function balances(b) {
  return Array.from({ length: b.length / 8 }, (_, i) => Number(Buffer.from(b).readBigInt64BE(8 * i)));
}

test("money moves from its owner's account to another", () => {
  assert.equal(plugin.apply({ sender: alice, payload: payload(createAccount, 1, 10, 100) }).code, done);
  assert.equal(plugin.apply({ sender: bob, payload: payload(createAccount, 2, 0, 0) }).code, done);
  const payment = plugin.apply({ sender: alice, payload: payload(sendPayment, 1, 2, 30) });
  assert.equal(payment.code, done);
  assert.deepEqual(balances(payment.output), [10, 70, 0, 30]);
  assert.deepEqual(balances(payment.events[0]), [1, 2, 30]);
  assert.equal(plugin.apply({ sender: bob, payload: payload(sendPayment, 1, 2, 30) }).code, notOwner);
  assert.equal(plugin.apply({ sender: alice, payload: payload(sendPayment, 1, 2, 71) }).code, insufficient);
  assert.equal(plugin.apply({ sender: alice, payload: payload(sendPayment, 1, 3, 1) }).code, noAccount);
});

test("a check beyond the balance costs one more", () => {
  assert.deepEqual(balances(plugin.apply({ sender: bob, payload: payload(writeCheck, 2, 40) }).output), [0, -11]);
});

test("accounts are found by their number", () => {
  const answer = plugin.query({ payload: payload(1, 1) });
  assert.equal(answer.code, done);
  assert.deepEqual(answer.output.slice(0, 32), alice);
  assert.deepEqual(balances(answer.output.slice(32)), [10, 70]);
  assert.equal(plugin.query({ payload: payload(1, 9) }).code, noAccount);
  const all = plugin.query({ payload: Buffer.concat([payload(2, 0), Buffer.from([0, 9])]) });
  assert.equal(all.output.length, 2 * (8 + 48));
});
