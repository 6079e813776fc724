// How what was verified is shown: bytes of strangers as text or digits, never as markup; and beside
// each thing the certificate that it rests on.

import { decode, hex } from "./canonical.js";
import { copyButton, h } from "./dom.js";
import { codeName, decodeCommand, inWords, isPlain } from "./governance.js";
import { whole } from "./format.js";
import { kernelNamespace, total } from "./verify.js";

const shownMax = 4096; // bytes of one field

/** textOf returns bytes as text in which nothing hides, or null. */
export function textOf(bytes) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return isPlain(text.replace(/[\n\t]/g, "")) ? text : null;
  } catch {
    return null;
  }
}

/** bytesShown shows a stranger's bytes. */
export function bytesShown(bytes, name) {
  if (bytes.length === 0) return h("span", { class: "none" }, "nothing");
  const part = bytes.subarray(0, shownMax), text = textOf(part);
  const more = bytes.length > shownMax ? ` … ${whole(bytes.length - shownMax)} bytes more` : "";
  const shown = text ?? hex(part).replace(/(.{8})(?=.)/g, "$1 ");
  return h("div", { class: "bytes" },
    h("pre", { tabindex: 0, "aria-label": `${name}, ${text === null ? "hexadecimal" : "text"}`, dir: "ltr" }, h("bdi", null, shown), more),
    h("p", { class: "fine" }, `${whole(bytes.length)} bytes, ${text === null ? "in hexadecimal" : "as text"}`));
}

/** hashShown shows a whole digest or key, with a button that copies it. */
export function hashShown(bytes, name) {
  const code = h("code", { class: "hash" }, hex(bytes));
  return h("span", { class: "copied" }, code, copyButton(() => code.textContent, name, code));
}

/** facts makes a list of names and values. */
export const facts = (...pairs) => h("dl", { class: "facts" }, pairs.filter(Boolean).map(([name, ...value]) => [h("dt", null, name), h("dd", null, ...value)]));

/** link makes a link to another view. */
export const link = (route, ...text) => h("a", { href: `#/${route}` }, ...text);

/** verified says what something rests on. */
export function verified(client, certificate, what = "Verified") {
  const c = certificate.checkpoint, names = client.signers(certificate);
  const set = client.verifier.configuration(c.epoch).validators;
  const weight = set.filter((v) => names.includes(v.name)).reduce((sum, v) => sum + v.weight, 0n);
  return h("p", { class: "verified" }, h("span", { class: "sign", "aria-hidden": "true" }, "✓"),
    h("span", null, `${what} here in your browser against the checkpoint of height `, link(`ledger/block/${c.height}`, whole(c.height)),
      `, signed by ${names.join(", ")} (weight ${weight} of ${total(set)}, a quorum of epoch ${c.epoch}).`));
}

/** refused says why something is not shown. */
export const refused = (text) => h("p", { class: "refusal", role: "alert" }, h("span", { class: "sign", "aria-hidden": "true" }, "✗"), h("span", null, text));

/** timeShown shows a block's time. */
export function timeShown(ms) {
  const date = new Date(Number(ms));
  if (Number.isNaN(date.getTime())) return `${ms} ms`;
  return h("time", { datetime: date.toISOString() }, date.toISOString().replace("T", " ").replace("Z", " UTC"));
}

/** said describes a transaction in a line: a command of governance in words, one key that is set, else its size. */
export function said(t) {
  if (t.namespace !== kernelNamespace) return (t.namespace === "kv" && singlePut(t.payload)) || `${whole(t.payload.length)} bytes`;
  try {
    return inWords(decodeCommand(t.payload));
  } catch {
    return `${whole(t.payload.length)} bytes of the kernel`;
  }
}

/** singlePut reads a payload of the key-value machine that sets one key to a text; else it returns null. */
function singlePut(payload) {
  try {
    return decode(payload, (r) => {
      if (r.uint16() !== 1 || r.byte() !== 1) return r.take(r.left) && null;
      const [name, value] = [textOf(r.take(r.uint16())), textOf(r.take(r.uint32()))];
      return name === null || value === null || value.length > 80 ? null : `put ${name} = ${value}`;
    });
  } catch {
    return null;
  }
}

/** resultShown names a result. */
export function resultShown(t, result) {
  if (result.code === 0) return h("span", { class: "good" }, "done");
  return h("span", { class: "bad" }, t.namespace === kernelNamespace ? codeName(result.code) : `code ${result.code}`);
}

/** download offers a text as a file. */
export function download(name, text, label) {
  return h("button", { type: "button", on: { click: () => {
    const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    h("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  } } }, label);
}
