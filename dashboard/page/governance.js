// Commands of governance as kernel transactions carry them: encoded exactly as package governance
// does, decoded strictly, and said in words before anybody signs them.

import { Refusal, Writer, decode, hex, isName, limits, refuse, utf8 } from "./canonical.js";

/** noteMax bounds a note, in bytes of UTF-8. */
export const noteMax = 200;

const slotMax = 2 * limits.name + 1;

// What a command holds after its kind, in the order of its bytes. Kinds without a list are shown by
// name only: validators and proposers send them with their programs.
const judged = ["proposal", "restarts"];
const kinds = [
  null, ["propose"], ["approve", ...judged, "note"], ["schedule", ...judged, "height"], ["ready", ...judged], ["veto", "proposal", "note"],
  ["rollback", "slot", "from", "note"], ["cancel", "proposal", "note"], ["lift", "namespace"], ["precheck", ...judged, "code"],
  ["reject", ...judged, "note"], ["attest"], ["shadow", "proposal"], ["report"], ["health"], ["confirm", ...judged, "note"],
  ["pause", "proposal", "note"], ["resume", "proposal", "note"], ["deprecate", "proposal", "endOfLife", "note"], ["retire", "proposal", "note"],
  ["rotate"], ["revoke", "key", "note"],
];

// Which fields say a height or a number; the others have a form of their own.
const isSlot = (s) => /^[^/]*(\/[^/]*)?$/.test(s) && s.split("/").every((part) => isName(part, limits.name));
const forms = {
  note: { write: (w, v) => w.text8(v), read: (r) => textOf(r.bytes8(noteMax)), good: (s) => isNote(s) },
  slot: { write: (w, v) => w.text8(v), read: (r) => r.text8(slotMax), good: isSlot },
  namespace: { write: (w, v) => w.text8(v), read: (r) => r.text8(limits.name), good: (s) => isName(s, limits.name) },
  key: { write: (w, v) => w.raw(v), read: (r) => r.hash(), good: (k) => k.length === 32 },
  code: { write: (w, v) => w.uint32(v), read: (r) => r.uint32(), good: () => true },
};
const numeric = { write: (w, v) => w.uint64(v), read: (r) => r.uint64(), good: (v) => typeof v === "bigint" && v >= 0n && v < 1n << 64n };
const form = (name) => forms[name] ?? numeric;

/** encodeCommand returns the canonical bytes of a command such as {kind: "veto", proposal: 7n, note: ""}. */
export function encodeCommand(command) {
  const number = kinds.findIndex((k) => k?.[0] === command.kind);
  if (number < 1 || kinds[number].length === 1) throw new Refusal("bad-command", `This page cannot write the command ${command.kind}.`);
  const w = new Writer().byte(number);
  for (const name of kinds[number].slice(1)) {
    if (!form(name).good(command[name])) throw new Refusal("bad-command", `The command's ${name} is not one.`);
    form(name).write(w, command[name]);
  }
  return w.bytes();
}

/** decodeCommand reads a command of the kinds that this page knows whole; of others it returns the kind alone. */
export function decodeCommand(payload) {
  const kind = kinds[payload[0]];
  if (!kind) refuse("no command of governance");
  if (kind.length === 1) return { kind: kind[0], whole: false };
  return decode(payload.subarray(1), (r) => {
    const command = { kind: kind[0], whole: true };
    for (const name of kind.slice(1)) {
      command[name] = form(name).read(r);
      if (!form(name).good(command[name])) refuse(`malformed bytes: the command's ${name}`);
    }
    return command;
  });
}

function textOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse("malformed bytes: a note that is not UTF-8");
  }
}

// Ranges of characters that show nothing, or something else than is there, as the protocol lists them.
const hidden = [
  [0x00, 0x1f], [0x7f, 0xa0], [0xad, 0xad], [0x34f, 0x34f], [0x61c, 0x61c], [0x115f, 0x1160], [0x1680, 0x1680], [0x17b4, 0x17b5], [0x180b, 0x180f],
  [0x2000, 0x200f], [0x2028, 0x202f], [0x205f, 0x206f], [0x2800, 0x2800], [0x3000, 0x3000], [0x3164, 0x3164], [0xd800, 0xdfff], [0xe000, 0xf8ff],
  [0xfdd0, 0xfdef], [0xfe00, 0xfe0f], [0xfeff, 0xfeff], [0xffa0, 0xffa0], [0xfff0, 0xffff], [0xe0000, 0x10ffff],
];

/** isPlain reports whether nothing in a text hides from who reads it. */
export const isPlain = (s) => [...s].every((c) => !hidden.some(([from, to]) => c.codePointAt(0) >= from && c.codePointAt(0) <= to));

/** isNote reports whether a text may be a note. */
export const isNote = (s) => typeof s === "string" && utf8(s).length <= noteMax && isPlain(s);

const codeBase = 65536 + 4096;

/** codeName names the result of a command. */
export const codeName = (code) => (code === 0 ? "ok" : (codeNames[code - codeBase - 1] ?? `code-${code}`));

// Names of the results of commands, from codeBase + 1 on.
const codeNames = [
  "malformed", "not-proposer", "not-approver", "not-validator", "bad-name", "not-owner", "bad-sequence", "digest-taken", "author-signature",
  "module-size", "unknown-hook", "unknown-builtin", "fuel-limit", "no-change", "invalid-configuration", "slot-busy", "name-busy", "too-many-open",
  "no-proposal", "proposal-closed", "proposal-expired", "own-proposal", "already-counted", "not-approved", "already-scheduled", "notice-too-short",
  "too-far-ahead", "not-yours", "no-slot", "not-serving", "nothing-before", "already-returning", "not-suspended", "end-of-life", "too-many-yours",
  "not-responder", "not-assessor", "not-member", "not-prechecked", "wrong-stage", "no-policy", "policy-refuses", "bad-policy", "would-lock",
  "bad-plan", "bad-nodes", "fixed-parameter", "evidence-expired", "bad-interval", "late-report", "still-bound", "retired-release", "no-key",
  "key-taken", "key-signature", "last-approver", "confusable-name", "stale-voice",
];

/** inWords says what a command asks for. */
export function inWords(c) {
  const n = `proposal ${c.proposal}`, round = `in its round ${(c.restarts ?? 0n) + 1n}`;
  const said = {
    approve: () => `approve ${n}, ${round}`,
    reject: () => `reject ${n}, ${round}`,
    schedule: () => `let ${n} take effect after height ${c.height}, ${round}`,
    veto: () => `veto ${n}: validators of more than a third of the weight stop it`,
    shadow: () => `run ${n} beside what serves, from the next block on`,
    confirm: () => `confirm the trial of ${n}, ${round}, so that it stays`,
    pause: () => `stop ${n}, or what it brought, until it is resumed`,
    resume: () => `bring the paused ${n} back to its beginning`,
    cancel: () => `withdraw ${n}`,
    rollback: () => `return the slot ${c.slot} from what serves it, line ${c.from} of its history, to what served before`,
    lift: () => `end the suspension of the namespace ${c.namespace}`,
    deprecate: () => `warn everybody off what ${n} brought from height ${c.endOfLife} on`,
    retire: () => `end what ${n} brought for good`,
    revoke: () => `take all rights from the key ${hex(c.key)}`,
    ready: () => `say that this validator is ready for ${n}, ${round}`,
    precheck: () => (c.code === 0 ? `say that this validator can run ${n}` : `say that this validator cannot run ${n}, code ${c.code}`),
  }[c.kind]?.() ?? `${c.kind}: see quoin audit log`;
  return c.note ? `${said} (note: ${c.note})` : said;
}
