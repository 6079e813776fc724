// What testing.mjs writes, held against the bytes that the contracts have pinned.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { encode } from "../../testing.mjs";

// The files are as hexdump writes them.
function golden(name) {
  const lines = readFileSync(new URL(`../../../../hook/testdata/${name}.request.bytes`, import.meta.url), "utf8").trimEnd().split("\n");
  return Buffer.from(lines.map((l) => l.slice(10).split("|")[0].replace(/\s/g, "")).join(""), "hex");
}

function at(places) {
  const b = new Uint8Array(32);
  for (const [i, v] of Object.entries(places)) b[i] = v;
  return b;
}

function leader() {
  const r = { seed: Uint8Array.from({ length: 32 }, (_, i) => i), epoch: 3, view: 200, parentHeight: 1000, parentView: 198, params: "params" };
  r.validators = [0, 1, 2, 3].map((i) => ({ weight: 100 + i, key: at({ 0: i, 31: 0xee }) }));
  let view = 198;
  r.window = [0, 1, 2].map((j) => {
    const b = { height: 1000 - j, view, viewGap: j % 3, proposer: j % 4, voters: [0, 1, 2, 3].filter((k) => (k + j) % 3 !== 0) };
    view -= b.viewGap + 1;
    return b;
  });
  return r;
}

const transaction = { height: 7, time: 1_700_000_000_123n, transaction: at({ 0: 1, 1: 2 }), sender: at({ 0: 3, 31: 4 }), payload: "payload", params: "pp" };

for (const [name, bytes] of Object.entries({
  "leader.v1": encode.lead(leader()),
  "machine.v1.apply": encode.apply({ ...transaction, index: 2 }),
  "machine.v1.query": encode.query({ height: 8, time: 5, payload: "key", params: "p" }),
  "validation.v1.validate": encode.validate(transaction),
  "finality.v1": encode.delay({
    transactions: 2, bytes: 3, proposer: 4, validators: 5, height: 6, time: 1_700_000_000_123n, parentTime: 1_700_000_000_000n,
    epoch: 7, view: 8, viewGap: 9, params: "params",
  }),
  "pacemaker.v1": encode.timeout({
    validators: 4, self: 1, view: 100, certifiedView: 98, baseMS: 500, maxMS: 30_000, builtinMS: 1_000, params: "p",
    window: [0, 1, 2].map((i) => ({ view: 99 - 2 * i, ms: 10 + i, notarized: i % 2 === 0 })),
  }),
  "priority.v1": encode.priority({
    pending: 1, capacity: 2, local: true, height: 3, expiry: 4, transaction: at({ 0: 5 }), sender: at({ 31: 6 }), namespace: "bank",
    payload: "payload", params: "pp",
  }),
})) {
  test(name, () => assert.deepEqual(Buffer.from(bytes), golden(name)));
}
