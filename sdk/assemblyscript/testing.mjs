// Runs a plugin's module in Node.js, for its author's tests:
//
//     import * as quoin from "../quoin/testing.mjs";
//     const plugin = await quoin.load("build/module.wasm");
//     plugin.apply({ sender: alice, payload: "claim quoin" }); // { code: 0, output, events }
//
// It does what the host does but for two things: it counts no fuel, and it does not check a module.
// `quoin plugin build` does. Numbers of 64 bits are BigInt in answers; requests take either. Bytes are
// Uint8Array; requests take text too. What a request leaves out is 0 or empty.
import { readFile } from "node:fs/promises";

const limits = { key: 256, value: 65536, event: 4096, events: 64, log: 4096 };

/** Reads a module. Each plugin has a namespace of its own. */
export async function load(file) {
  return new Plugin(await WebAssembly.compile(await readFile(file)));
}

/** Ends a call: name is that of the host's fault, and log what the plugin wrote. */
export class Fault extends Error {
  constructor(name, log = "") {
    super(log ? `${name}: ${log}` : name);
    this.fault = name;
  }
}

/** The bytes of requests. */
export const encode = {
  /** { seed, epoch, view, parentHeight, parentView, validators, window, params }: validators are
   *  { weight, key }, the window's blocks { height, view, viewGap, proposer, voters: [index] }, newest
   *  first. */
  lead(r) {
    const [window, voterBytes] = [r.window ?? [], 8 * Math.ceil(r.validators.length / 64)];
    const w = new Writer().u32(r.validators.length).u32(window.length).u32(bytes(r.params).length).u32(32 + voterBytes);
    w.fixed(r.seed, 32).u64(r.epoch).u64(r.view).u64(r.parentHeight).u64(r.parentView);
    for (const v of r.validators) w.u64(v.weight ?? 1).fixed(v.key, 32);
    for (const b of window) {
      w.u64(b.height).u64(b.view).u64(b.viewGap).u32(b.proposer).u32(0);
      const set = new Uint8Array(voterBytes);
      for (const i of b.voters) set[i >> 3] |= 1 << (i & 7);
      w.append(set);
    }
    return w.append(r.params).bytes();
  },

  /** { payload, sender, height, time, index, transaction, params } */
  apply(r) {
    const w = new Writer().u32(bytes(r.payload).length).u32(bytes(r.params).length).u32(r.index).u32(0).u64(r.height).u64(r.time);
    return w.fixed(r.transaction, 32).fixed(r.sender, 32).append(r.payload).append(r.params).bytes();
  },

  /** { payload, height, time, params } */
  query(r) {
    const w = new Writer().u32(bytes(r.payload).length).u32(bytes(r.params).length).u64(r.height).u64(r.time);
    return w.append(r.payload).append(r.params).bytes();
  },

  /** { payload, sender, height, time, transaction, params } */
  validate(r) {
    const w = new Writer().u32(bytes(r.payload).length).u32(bytes(r.params).length).u64(r.height).u64(r.time);
    return w.fixed(r.transaction, 32).fixed(r.sender, 32).append(r.payload).append(r.params).bytes();
  },

  /** { transactions, bytes, proposer, validators, height, time, parentTime, epoch, view, viewGap, params } */
  delay(r) {
    const w = new Writer().u32(bytes(r.params).length).u32(r.transactions).u32(r.bytes).u32(0).u32(r.proposer).u32(r.validators);
    return w.u64(r.height).u64(r.time).u64(r.parentTime).u64(r.epoch).u64(r.view).u64(r.viewGap).append(r.params).bytes();
  },

  /** { validators, self, view, certifiedView, baseMS, maxMS, builtinMS, window, params }: the window's
   *  views are { view, ms, notarized }, newest first. */
  timeout(r) {
    const window = r.window ?? [];
    const w = new Writer().u32(bytes(r.params).length).u32(window.length).u32(r.validators).u32(r.self);
    w.u64(r.view).u64(r.certifiedView).u64(r.baseMS).u64(r.maxMS).u64(r.builtinMS);
    for (const v of window) w.u64(v.view).u32(v.ms).u32(v.notarized ? 1 : 0);
    return w.append(r.params).bytes();
  },

  /** { payload, sender, namespace, local, pending, capacity, height, expiry, transaction, params } */
  priority(r) {
    const w = new Writer().u32(bytes(r.payload).length).u32(bytes(r.params).length).u32(bytes(r.namespace).length).u32(r.local ? 1 : 0);
    w.u32(r.pending).u32(r.capacity).u64(r.height).u64(r.expiry).fixed(r.transaction, 32).fixed(r.sender, 32);
    return w.append(r.payload).append(r.params).append(r.namespace).bytes();
  },
};

export class Plugin {
  /** What the plugin is told of the chain; without an entry the call ends in the fault import. */
  world = { grants: ["state", "events"], foreign: {}, ancestors: [], proofs: {}, beacon: undefined };
  /** What the last call wrote to its log. */
  log = "";
  #module;
  #state = new Map(); // latin1 text of the key: bytes of the value

  constructor(module) {
    this.#module = module;
  }

  /** leader.v1: the index of the proposer. */
  lead(r) {
    return this.#call("leader.v1", encode.lead(r)).u32();
  }

  /** machine.v1: applies a transaction and returns { code, output, events }. With a code other than 0
   *  the writes and events are dropped. */
  apply(r) {
    const before = new Map(this.#state);
    const events = [];
    try {
      const answer = this.#call("machine.v1.apply", encode.apply(r), { writes: true, events });
      const code = answer.u32();
      if (code !== 0) this.#state = before;
      return { code, output: answer.rest(), events: code === 0 ? events : [] };
    } catch (fault) {
      this.#state = before;
      throw fault;
    }
  }

  /** machine.v1: answers a question with { code, output }. */
  query(r) {
    const answer = this.#call("machine.v1.query", encode.query(r), { reads: true });
    return { code: answer.u32(), output: answer.rest() };
  }

  /** validation.v1: 0, or the reason to refuse a transaction. */
  validate(r) {
    return this.#call("validation.v1.validate", encode.validate(r), { reads: true }).u32();
  }

  /** finality.v1: { blocks, milliseconds } for a block, before the host's bounds. */
  delay(r) {
    const answer = this.#call("finality.v1", encode.delay(r));
    return { blocks: answer.u32(), milliseconds: answer.u32() };
  }

  /** pacemaker.v1: the time-out in milliseconds, before the host's bounds. */
  timeout(r) {
    return this.#call("pacemaker.v1", encode.timeout(r)).u64();
  }

  /** priority.v1: the priority of a transaction. */
  priority(r) {
    return this.#call("priority.v1", encode.priority(r)).u64();
  }

  // Calls an operation on an instance of its own: nothing of an earlier call is left.
  #call(operation, request, scene = {}) {
    const call = new Call(request, this.#state, this.world, scene);
    const instance = new WebAssembly.Instance(this.#module, call.imports());
    call.memory = instance.exports.memory;
    instance.exports._initialize?.();
    const f = instance.exports[operation];
    if (!f) throw new Fault("missing", `the module does not export ${operation}`);
    try {
      const status = f();
      if (status !== 0) throw new Fault("status", `${operation} returned ${status}`);
    } catch (e) {
      if (e instanceof WebAssembly.RuntimeError) throw new Fault("trap", e.message);
      throw e;
    } finally {
      this.log = call.log;
    }
    if (!call.answer) throw new Fault("output", "there was no answer");
    return new Reader(call.answer);
  }
}

/** One call, as the host's functions see it. */
class Call {
  log = "";

  constructor(request, state, world, scene) {
    Object.assign(this, { request, state, world, scene });
  }

  imports() {
    const view = (at, n) => new Uint8Array(this.memory.buffer, at >>> 0, n >>> 0).slice();
    const give = (b, at, capacity) => {
      if (b.length <= capacity >>> 0) new Uint8Array(this.memory.buffer).set(b, at >>> 0);
      return b.length;
    };
    const need = (capability) => {
      if (!this.world.grants.includes(capability)) throw new Fault("import", `the capability ${capability} is not granted`);
    };
    const within = (what, n, least, most) => {
      if (n >>> 0 < least || n >>> 0 > most) throw new Fault("limit", `a ${what} of ${n} bytes`);
    };
    const stateful = (writes) => {
      need("state");
      if (writes ? !this.scene.writes : !this.scene.writes && !this.scene.reads) throw new Fault("import", "this operation must not do that");
    };
    const key = (at, n) => {
      within("key", n, 1, limits.key);
      return latin1(view(at, n));
    };
    const functions = {
      input: (at, capacity) => give(this.request, at, capacity),
      output: (at, n) => {
        if (this.answer) throw new Fault("output", "there were two answers");
        this.answer = view(at, n);
      },
      log: (at, n) => (this.log = (this.log + new TextDecoder().decode(view(at, n))).slice(0, limits.log)),
      granted: (at, n) => (this.world.grants.includes(latin1(view(at, n))) ? 1 : 0),
      state_get: (k, kn, at, capacity) => {
        stateful(false);
        const v = this.state.get(key(k, kn));
        return v ? give(v, at, capacity) : -1;
      },
      state_put: (k, kn, v, vn) => {
        stateful(true);
        within("value", vn, 0, limits.value);
        this.state.set(key(k, kn), view(v, vn));
      },
      state_delete: (k, kn) => {
        stateful(true);
        this.state.delete(key(k, kn));
      },
      state_scan: (s, sn, e, en, limit, at, capacity) => {
        stateful(false);
        within("key", sn, 0, limits.key);
        within("key", en, 0, limits.key);
        const [start, end] = [latin1(view(s, sn)), latin1(view(e, en))];
        const page = new Writer();
        for (const k of [...this.state.keys()].sort()) {
          if (k < start || (en > 0 && k >= end)) continue;
          if (limit-- === 0) break;
          const v = this.state.get(k);
          if (page.length + 8 + k.length + v.length > capacity >>> 0) return page.length || -(8 + k.length + v.length);
          page.u32(k.length).u32(v.length).append(Uint8Array.from(k, (c) => c.charCodeAt(0))).append(v);
          give(page.bytes(), at, capacity);
        }
        return page.length;
      },
      emit: (at, n) => {
        need("events");
        if (!this.scene.events) throw new Fault("import", "this operation must not do that");
        within("event", n, 0, limits.event);
        if (this.scene.events.push(view(at, n)) > limits.events) throw new Fault("limit", "too many events");
      },
      foreign_get: (s, sn, k, kn, at, capacity) => {
        const namespace = latin1(view(s, sn));
        need("foreign." + namespace);
        const v = this.world.foreign[namespace]?.[key(k, kn)];
        return v === undefined ? -1 : give(bytes(v), at, capacity);
      },
      history_get: (height, at, capacity) => {
        need("history");
        const a = this.world.ancestors.find((a) => BigInt(a.height) === BigInt.asUintN(64, height));
        if (!a) return -1;
        const w = new Writer().u64(a.height).u64(a.time).u64(a.epoch).u64(a.view).u64(a.size);
        return give(w.fixed(a.block, 32).fixed(a.state, 32).fixed(a.ledger, 32).bytes(), at, capacity);
      },
      proof_get: (k, kn, at, capacity) => {
        need("proof");
        return give(bytes(this.world.proofs[key(k, kn)]), at, capacity);
      },
      beacon: (at) => {
        need("beacon");
        give(new Writer().fixed(this.world.beacon, 32).bytes(), at, 32);
      },
      batch_next: () => {
        throw new Fault("import", "batches are the host's to call");
      },
    };
    const abort = () => {
      throw new Fault("abort", this.log);
    };
    return { "quoin.v1": functions, env: { abort } };
  }
}

/** Text as UTF-8, nothing as no bytes. */
function bytes(b) {
  return typeof b === "string" ? new TextEncoder().encode(b) : (b ?? new Uint8Array());
}

// A text with a character for each byte: such texts are ordered as their bytes are.
function latin1(b) {
  return Array.from(b, (c) => String.fromCharCode(c)).join("");
}

class Writer {
  #parts = [];
  length = 0;

  append(b) {
    this.#parts.push(bytes(b));
    this.length += bytes(b).length;
    return this;
  }

  fixed(b, n) {
    const padded = new Uint8Array(n);
    padded.set(bytes(b));
    return this.append(padded);
  }

  u32(v) {
    const b = new DataView(new ArrayBuffer(4));
    b.setUint32(0, v ?? 0, true);
    return this.append(new Uint8Array(b.buffer));
  }

  u64(v) {
    const b = new DataView(new ArrayBuffer(8));
    b.setBigUint64(0, BigInt(v ?? 0), true);
    return this.append(new Uint8Array(b.buffer));
  }

  bytes() {
    const all = new Uint8Array(this.length);
    let at = 0;
    for (const p of this.#parts) {
      all.set(p, at);
      at += p.length;
    }
    return all;
  }
}

class Reader {
  #at = 0;

  constructor(b) {
    this.b = b;
    this.view = new DataView(b.buffer, b.byteOffset, b.length);
  }

  #take(n) {
    if (this.#at + n > this.b.length) throw new Fault("output", `${this.b.length} bytes are no answer`);
    this.#at += n;
    return this.#at - n;
  }

  u32() {
    return this.view.getUint32(this.#take(4), true);
  }

  u64() {
    return this.view.getBigUint64(this.#take(8), true);
  }

  rest() {
    return this.b.slice(this.#at);
  }
}
