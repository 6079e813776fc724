import assert from "node:assert/strict";
import { test } from "node:test";
import * as quoin from "../quoin/testing.mjs";

const plugin = await quoin.load("build/module.wasm");
const validators = [{ weight: 1 }, { weight: 1 }, { weight: 1 }, { weight: 1 }];

test("the validators take turns until there is a window", () => {
  assert.deepEqual([1, 2, 3, 5].map((view) => plugin.lead({ validators, view })), [0, 1, 2, 3]);
});

test("of those who vote, all lead but the one who has just led", () => {
  const voters = [0, 1, 3]; // 2 is silent
  const led = new Set();
  for (let view = 20; view < 60; view++) {
    const window = Array.from({ length: 8 }, (_, j) => ({ height: 9 - j, view: view - 1 - j, viewGap: 0, proposer: j % 2, voters }));
    led.add(plugin.lead({ validators, view, parentHeight: 9, parentView: view - 1, window }));
  }
  assert.deepEqual([...led].sort(), [1, 3]); // 0 has just led
});
