// Proof files (quoin-proof/v1), which `quoin tx put --proof` and `quoin get --proof` write: checked
// here against a trust anchor alone, without asking anybody. Package client describes the format.

import { base64, checkpointText, equal, fromBase64, hex, newCertificate, refuse } from "./canonical.js";
import { verifyState } from "./merkle.js";
import { parseStrictly } from "./strictjson.js";
import { Verifier, signerNames, trim } from "./verify.js";

/** proofFileMax is the longest proof file, in bytes. */
export const proofFileMax = 16 << 20;

const format = "quoin-proof/v1";

/** parseProof reads exactly what a client writes; bytes is a Uint8Array. It verifies nothing. */
export function parseProof(bytes) {
  if (bytes.length > proofFileMax) refuse(`A file of ${bytes.length} bytes, limit ${proofFileMax}.`);
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    refuse("It is no proof file: it is not text.");
  }
  const f = parseStrictly(text);
  const p = f && typeof f === "object" && f.format === format ? proofOf(f) : refuse(`It is no proof file of the format ${format}.`);
  if (proofText(p) !== text) refuse("The file is not in its canonical form; leave it as it was written.");
  return p;
}

function proofOf(f) {
  const p = { kind: f.kind, value: bytesOf(f.value), ...certifiedOf(f) };
  if (p.kind === "entry" && typeof f.index === "bigint") p.index = f.index;
  else if (p.kind === "state" && typeof f.present === "boolean") {
    Object.assign(p, { namespace: f.namespace ?? "", key: bytesOf(f.key ?? ""), present: f.present });
  } else refuse("It is of no known kind, or lacks a field of its kind.");
  p.epochs = listOf(f.epochs).map((e) => certifiedOf(e ?? {}));
  return p;
}

function certifiedOf(f) {
  return { proof: bytesOf(f.proof), certificate: newCertificate(f.checkpoint, bytesOf(f.signers), listOf(f.signatures).map(bytesOf)) };
}

const bytesOf = (s) => fromBase64(s) ?? refuse("A field that should be in base64 is not.");
const listOf = (v) => (Array.isArray(v) ? v : refuse("A list is missing."));

/** proofText writes a proof file, as client.Proof.Marshal does. */
export function proofText(p) {
  const fields = { format, kind: p.kind };
  if (p.kind === "entry") fields.index = p.index;
  else {
    if (p.namespace !== "") fields.namespace = p.namespace;
    if (p.key.length > 0) fields.key = base64(p.key);
    fields.present = p.present;
  }
  const certified = (x) => ({
    proof: base64(x.proof), checkpoint: checkpointText(x.certificate.checkpoint), signers: base64(x.certificate.signers), signatures: x.certificate.signatures.map(base64),
  });
  Object.assign(fields, { value: base64(p.value) }, certified(p), { epochs: p.epochs.map(certified) });
  return `${indented(fields, "")}\n`;
}

/** indented writes JSON as Go's encoding/json does with an indent of two spaces. */
function indented(v, indent) {
  const inner = `${indent}  `;
  const block = (open, items, close) => (items.length === 0 ? open + close : `${open}\n${items.map((x) => inner + x).join(",\n")}\n${indent}${close}`);
  if (Array.isArray(v)) return block("[", v.map((x) => indented(x, inner)), "]");
  if (typeof v === "object") return block("{", Object.entries(v).map(([name, x]) => `"${name}": ${indented(x, inner)}`), "}");
  return typeof v === "string" ? goString(v) : String(v);
}

const goString = (s) => JSON.stringify(s).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

/**
 * verifyProof verifies a proof file against a trust anchor that the reader has from elsewhere, and
 * returns what it says: {kind, checkpoint, signers} and {index, id, entry} or {namespace, key,
 * present, value}.
 */
export async function verifyProof(bytes, anchor) {
  const p = parseProof(bytes);
  const v = new Verifier(anchor);
  for (const link of p.epochs) {
    exact(v, link.certificate);
    await v.extend(link);
  }
  const c = p.certificate.checkpoint;
  if (c.epoch !== v.epoch) refuse(`Its epoch proofs lead from your trust anchor to epoch ${v.epoch}, its checkpoint is of epoch ${c.epoch}; was it made for another anchor?`);
  exact(v, p.certificate);
  await v.verifyCertificate(p.certificate);
  const said = { kind: p.kind, checkpoint: c, signers: signerNames(p.certificate, v.configuration(c.epoch).validators) };
  if (p.kind === "entry") {
    const entry = await v.verifyEntry(c, p.index, p.value, p.proof);
    return { ...said, index: p.index, id: entry.id, entry };
  }
  const value = await verifyState(p.proof, c.state, p.namespace, p.key);
  if ((value !== null) !== p.present || !equal(value ?? new Uint8Array(), p.value)) refuse("The value is not the one that the state proof shows.");
  return { ...said, namespace: p.namespace, key: p.key, present: p.present, value };
}

/** exact refuses a certificate with more signatures than a quorum needs: a proof has one form. */
function exact(v, certificate) {
  const needed = trim(certificate, v.configuration(v.epoch).validators).signatures.length;
  if (needed !== certificate.signatures.length) refuse(`${certificate.signatures.length} signatures, a quorum needs ${needed}.`);
}

/** proofName suggests a name for a proof file. */
export const proofName = (p) => (p.kind === "entry" ? `entry-${p.index}.proof.json` : `state-${hex(p.key).slice(0, 16)}.proof.json`);
