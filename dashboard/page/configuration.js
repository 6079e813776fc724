// A chain's configuration in the browser: the frozen terms of an epoch, strictly decoded, and the
// genesis file with which everything begins. The rules are those of the root package of the nodes.

import { Refusal, Writer, compare, fromBase64, fromHex, isName, isZero, limits, refuse, utf8, zeroHash } from "./canonical.js";
import { parseStrictly } from "./strictjson.js";

const genesisBytesMax = 4 << 20;

const bindingsMax = 64, parameterBytesMax = 4 << 10, grantsMax = 16, grantMax = 64, membersMax = 64, policiesMax = 64, policyBytesMax = 1 << 10;
const policyClasses = "NLDG*";
const roleNames = ["proposer", "approver", "assessor", "responder"]; // by bit

const wrong = (sentence) => refuse(`invalid configuration: ${sentence}`);

// Name, default and bounds of every parameter, in the order of the canonical bytes.
export const parameters = [
  ["block_max_bytes", 2097152n, 1024n, 4194304n],
  ["block_max_transactions", 4000n, 1n, 9744n],
  ["kernel_max_transactions", 64n, 1n, 256n],
  ["expiry_window_heights", 4096n, 16n, 16384n],
  ["pipeline_max_blocks", 8n, 1n, 64n],
  ["timeout_base_ms", 500n, 10n, 60000n],
  ["timeout_max_ms", 20000n, 10n, 600000n],
  ["drift_ms", 2000n, 10n, 600000n],
  ["heartbeat_ms", 10000n, 0n, 86400000n],
  ["forced_inclusion_views", 64n, 4n, 65536n],
  ["notice_heights", 2n, 1n, 1048576n],
  ["activation_delay_heights", 16n, 1n, 1048576n],
  ["activation_retries", 8n, 0n, 1024n],
  ["sandbox_engine", 2n, 1n, 65536n],
  ["fuel_schedule", 2n, 1n, 65536n],
  ["unsigned_transactions", 0n, 0n, 1n],
  ["namespace_max_keys", 100000000n, 1n, 4294967295n],
  ["namespace_max_bytes", 68719476736n, 1024n, 1125899906842624n],
  ["report_heights", 16n, 4n, 65536n],
  ["shadow_max_fuel", 50000000n, 0n, 1099511627776n],
  ["undo_max_keys", 100000n, 0n, 16777216n],
  ["fault_injection", 0n, 0n, 1n],
];

/** readConfiguration reads a quoin.Configuration, and refuses any other form than the canonical one. */
export function readConfiguration(r) {
  const c = { epoch: r.uint64(), first: r.uint64(), validators: readValidators(r), bindings: [] };
  for (let n = r.count16(bindingsMax, 52); n > 0; n--) c.bindings.push(readBinding(r));
  c.parameters = Object.fromEntries(parameters.map(([name]) => [name, r.uint64()]));
  c.members = [];
  for (let n = r.count16(membersMax, 38); n > 0; n--) {
    c.members.push({ name: r.text8(limits.name), key: r.hash(), organisation: r.text8(limits.name), roles: r.uint16() });
  }
  c.policies = [];
  for (let n = r.count16(policiesMax, 8); n > 0; n--) {
    c.policies.push({ class: String.fromCharCode(r.byte()), step: r.text8(limits.name), expression: String.fromCharCode(...r.bytes32(policyBytesMax)) });
  }
  checkConfiguration(c);
  return c;
}

function readValidators(r) {
  const set = [];
  for (let n = r.count16(limits.validators, 41); n > 0; n--) {
    set.push({ name: r.text8(limits.validatorName), key: r.hash(), weight: r.uint64() });
  }
  return set;
}

function readBinding(r) {
  const b = {
    hook: r.text8(limits.name), namespace: r.text8(limits.name), builtin: r.text8(limits.name), release: r.hash(),
    parameters: r.bytes32(parameterBytesMax), fuelMax: r.uint64(), grants: [], nodes: [],
  };
  for (let n = r.count16(grantsMax, 2); n > 0; n--) b.grants.push(r.text8(grantMax));
  for (let n = r.count16(limits.validators, 32); n > 0; n--) b.nodes.push(r.hash());
  return b;
}

/** configurationBytes returns the canonical bytes of a configuration. */
export function configurationBytes(c) {
  const w = new Writer().uint64(c.epoch).uint64(c.first).uint16(c.validators.length);
  for (const v of c.validators) w.text8(v.name).raw(v.key).uint64(v.weight);
  w.uint16(c.bindings.length);
  for (const b of c.bindings) {
    w.text8(b.hook).text8(b.namespace).text8(b.builtin).raw(b.release).bytes32(b.parameters).uint64(b.fuelMax).uint16(b.grants.length);
    for (const g of b.grants) w.text8(g);
    w.uint16(b.nodes.length);
    for (const k of b.nodes) w.raw(k);
  }
  for (const [name] of parameters) w.uint64(c.parameters[name]);
  w.uint16(c.members.length);
  for (const m of c.members) w.text8(m.name).raw(m.key).text8(m.organisation).uint16(m.roles);
  w.uint16(c.policies.length);
  for (const p of c.policies) w.raw(utf8(p.class)).text8(p.step).bytes32(utf8(p.expression));
  return w.bytes();
}

/** slotOf returns what a binding serves. */
const slotOf = (b) => (b.namespace === "" ? b.hook : `${b.hook}/${b.namespace}`);

function checkConfiguration(c) {
  checkValidators(c.validators);
  if (c.bindings.length > bindingsMax) wrong(`${c.bindings.length} bindings`);
  c.bindings.forEach((b, i) => {
    checkBinding(b);
    if (i > 0 && slotOf(c.bindings[i - 1]) >= slotOf(b)) wrong(`bindings out of order or twice at ${slotOf(b)}`);
  });
  for (const [name, , min, max] of parameters) {
    const v = c.parameters[name];
    if (v < min || v > max) wrong(`parameter ${name} is ${v}, want ${min} to ${max}`);
  }
  if (c.parameters.timeout_max_ms < c.parameters.timeout_base_ms) wrong("timeout_max_ms is below timeout_base_ms");
  checkMembers(c.members);
  checkPolicies(c.policies);
}

function checkValidators(set) {
  if (set.length === 0 || set.length > limits.validators) wrong(`${set.length} validators, want 1 to ${limits.validators}`);
  const names = new Set();
  let total = 0n;
  set.forEach((v, i) => {
    if (!isName(v.name, limits.validatorName) || names.has(v.name)) wrong(`validator ${i} has no name of its own`);
    if (isZero(v.key)) wrong(`validator ${v.name} has no key`);
    if (i > 0 && compare(set[i - 1].key, v.key) >= 0) wrong(`the key of validator ${v.name} twice or out of order`);
    if (v.weight === 0n || v.weight > limits.totalWeight) wrong(`validator ${v.name} has weight ${v.weight}`);
    names.add(v.name);
    total += v.weight;
  });
  if (total > limits.totalWeight) wrong(`total weight ${total}`);
}

function checkBinding(b) {
  const named = (s) => s === "" || isName(s, limits.name);
  if (!isName(b.hook, limits.name) || !named(b.namespace) || !named(b.builtin)) wrong("a binding with a bad name");
  if (b.namespace === "quoin") wrong("the namespace quoin is the kernel's");
  if ((b.builtin === "") === isZero(b.release)) wrong(`the binding of ${slotOf(b)} names both or neither of a built-in and a release`);
  if (b.parameters.length > parameterBytesMax) wrong(`the binding of ${slotOf(b)} has ${b.parameters.length} bytes of parameters`);
  if (b.grants.length > grantsMax || (b.grants.length > 0 && isZero(b.release))) wrong(`the binding of ${slotOf(b)} grants what it must not`);
  b.grants.forEach((g, i) => {
    if (!isName(g, grantMax) || (i > 0 && b.grants[i - 1] >= g)) wrong(`the grants of ${slotOf(b)} are no ascending names`);
  });
  if (b.nodes.length > limits.validators || (b.nodes.length > 0 && b.namespace === "")) wrong(`the binding of ${slotOf(b)} names nodes that it must not`);
  b.nodes.forEach((k, i) => {
    if (isZero(k) || (i > 0 && compare(b.nodes[i - 1], k) >= 0)) wrong(`the nodes of ${slotOf(b)} are no ascending keys`);
  });
}

function checkMembers(list) {
  if (list.length > membersMax) wrong(`${list.length} members`);
  const names = new Set();
  list.forEach((m, i) => {
    if (!isName(m.name, limits.name) || names.has(m.name) || !isName(m.organisation, limits.name)) wrong(`member ${i} has no good name`);
    if (m.roles === 0 || m.roles >> roleNames.length !== 0) wrong(`member ${m.name} has the roles ${m.roles}`);
    if (isZero(m.key) || (i > 0 && compare(list[i - 1].key, m.key) >= 0)) wrong(`the key of member ${m.name} is none, twice or out of order`);
    names.add(m.name);
  });
}

function checkPolicies(list) {
  if (list.length > policiesMax) wrong(`${list.length} policies`);
  list.forEach((p, i) => {
    if (p.class.length !== 1 || !policyClasses.includes(p.class) || !isName(p.step, limits.name)) wrong(`policy ${i} has no class or step`);
    if (p.expression.length === 0 || p.expression.length > policyBytesMax || !/^[ -~\t\n]*$/.test(p.expression)) wrong(`policy ${i} has no expression`);
    const before = list[i - 1];
    if (i > 0 && (before.class > p.class || (before.class === p.class && before.step >= p.step))) wrong(`policies out of order at ${p.class} ${p.step}`);
  });
}

/**
 * parseGenesis reads a genesis file, and returns network, chain, time (ms), configuration, and the
 * canonical bytes whose digest is part of the chain's origin. It takes nothing that a node would not:
 * it is stricter about what a node overlooks, such as a field that stands twice.
 */
export function parseGenesis(text) {
  try {
    return readGenesis(text);
  } catch (e) {
    throw e instanceof Refusal ? new Refusal("bad-genesis", `This is no genesis file: ${e.message}.`) : e;
  }
}

function readGenesis(text) {
  if (utf8(text).length > genesisBytesMax) refuse(`it has more than ${genesisBytesMax} bytes`);
  const f = shape(parseStrictly(text), { network: "", chain: "", time_ms: 0n, validators: [], bindings: [], parameters: {}, members: [], policies: [] });
  if (!isName(f.network, limits.name) || !isName(f.chain, limits.name)) refuse("the network or the chain has no good name");
  const c = { epoch: 1n, first: 1n, parameters: Object.fromEntries(parameters.map(([name, v]) => [name, v])) };
  c.validators = f.validators.map((x) => shape(x, { name: "", key: "", weight: 0n })).map((v) => ({ ...v, key: keyOf(v.key) })).sort(byKey);
  c.bindings = f.bindings.map(bindingOf).sort((a, b) => (slotOf(a) < slotOf(b) ? -1 : 1));
  for (const [name, v] of Object.entries(f.parameters)) {
    if (!Object.hasOwn(c.parameters, name)) refuse(`there is no parameter ${name}`);
    if (typeof v !== "bigint") refuse(`the parameter ${name} is no number`);
    c.parameters[name] = v;
  }
  c.members = f.members.map((x) => shape(x, { name: "", key: "", organisation: "", roles: [] })).map((m) => ({ ...m, key: keyOf(m.key), roles: rolesOf(m.roles) })).sort(byKey);
  c.policies = f.policies.map((x) => shape(x, { class: "", step: "", expression: "" })).sort((a, b) => (a.class + a.step < b.class + b.step ? -1 : 1));
  checkConfiguration(c);
  const bytes = new Writer().raw(utf8("quoin/genesis/v1\n")).text8(f.network).text8(f.chain).uint64(f.time_ms).raw(configurationBytes(c)).bytes();
  return { network: f.network, chain: f.chain, time: f.time_ms, configuration: c, bytes };
}

const byKey = (a, b) => compare(a.key, b.key);

function keyOf(s) {
  return fromHex(s, 32) ?? refuse("a key is not 64 hexadecimal digits");
}

function bindingOf(x) {
  const b = shape(x, { hook: "", namespace: "", builtin: "", release: "", parameters: "", fuel_max: 0n, grants: [], nodes: [] });
  if (![...b.grants, ...b.nodes].every((s) => typeof s === "string")) refuse("a grant or a node is no text");
  return {
    hook: b.hook, namespace: b.namespace, builtin: b.builtin, release: b.release === "" ? zeroHash : keyOf(b.release), fuelMax: b.fuel_max,
    parameters: fromBase64(b.parameters) ?? refuse("a binding's parameters are not in base64"), grants: [...b.grants].sort(), nodes: b.nodes.map(keyOf).sort(compare),
  };
}

function rolesOf(names) {
  let roles = 0;
  for (const name of names) {
    const bit = roleNames.indexOf(name);
    if (bit < 0 || (roles >> bit) & 1) refuse("a role that there is not, or twice");
    roles |= 1 << bit;
  }
  return roles;
}

/** shape returns an object with exactly the fields of like; absent ones, and null, are as they are there. */
function shape(x, like) {
  const kind = (v) => (Array.isArray(v) ? "list" : v === null ? "null" : typeof v);
  if (kind(x) !== "object") refuse("something is no object that should be one");
  const shaped = { ...like };
  for (const [name, v] of Object.entries(x)) {
    if (!Object.hasOwn(like, name)) refuse(`unknown field ${name}`);
    if (v === null) continue;
    if (kind(v) !== kind(like[name])) refuse(`the field ${name} is a ${kind(v)}`);
    shaped[name] = v;
  }
  return shaped;
}
