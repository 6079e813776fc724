// The charts that several views share.

import { newChart } from "./chart.js";
import { compact, time } from "./format.js";

const kinds = {
  transactions: () => newChart({ title: "Throughput", unit: "transactions a second", lines: [{ name: "final", of: (p) => p.tx }], format: compact, least: 10 }),
  latency: () => newChart({ title: "Certification latency", unit: "from a block's start to its durable certificate", lines: [{ name: "median", of: (p) => p.p50 }, { name: "99th percentile", of: (p) => p.p99 }], format: time, least: 20 }),
  timeouts: () => newChart({ title: "Time-outs", unit: "views given up, a second", lines: [{ name: "timed out here", of: (p) => p.timeouts }], format: compact, least: 2 }),
  blocks: () => newChart({ title: "Blocks", unit: "final, a second", lines: [{ name: "blocks", of: (p) => p.blocks }], format: compact, least: 5 }),
  guest: () => newChart({ title: "Time in plugins", unit: "in each second", lines: [{ name: "calls of plugins", of: (p) => p.guest / 1000 }, { name: "executing blocks", of: (p) => p.exec / 1000 }], format: time, least: 5 }),
  fuel: () => newChart({ title: "Fuel", unit: "units a second", lines: [{ name: "burnt by all calls", of: (p) => p.fuel }], format: compact, least: 1000 }),
  fsync: () => newChart({ title: "Fsync", unit: "99th percentile", lines: [{ name: "vote log and store", of: (p) => (p.fsync < 0 ? -1 : p.fsync / 1000) }], format: time, least: 2 }),
  pending: () => newChart({ title: "Waiting", unit: "transactions in the pool", lines: [{ name: "pending", of: (p) => p.pending }], format: compact, least: 20 }),
  behind: () => newChart({ title: "Behind", unit: "heights", lines: [{ name: "lacking here", of: (p) => p.behind }], format: compact, least: 10 }),
};

/** charts makes charts by their names. */
export const charts = (names) => names.map((name) => kinds[name]());
