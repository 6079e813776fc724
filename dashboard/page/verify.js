// A light client's verifier, in the reader's browser: it believes a genesis, and from there nothing
// that a quorum of the chain's validators has not signed. It is package client's Verifier (KERNEL K8)
// with the same refusals by the same codes:
//
//   proof          what was shown does not verify: whoever told it lies, is broken, or is of another chain
//   epoch-unknown  a certificate of an epoch to which no proof has led yet
//   fork           two certificates that verify contradict each other: stop, keep both, tell others
//   anchor         the trust anchor is of no use here
//   bad-genesis    a file that should be a genesis is none
//   no-ed25519     this browser cannot verify Ed25519 signatures: nothing is verified
//
// Signatures are verified by WebCrypto. For keys and signatures that only a dishonest signer makes
// (points of small order, other encodings) a browser may refuse what a node accepts, never the
// other way round: the zero key, for which anybody can sign, verifies nothing.

import { Refusal, bitmapOf, cosignedBytes, decode, equal, fromHex, hex, isZero, members, readEntry, refuse, transactionBody, utf8 } from "./canonical.js";
import { parseGenesis, readConfiguration } from "./configuration.js";
import { leafHash, sha256, splitHashes, verifyInclusion, verifyState } from "./merkle.js";

/** epochsMax is the most epochs that a Verifier follows from one anchor. */
const epochsMax = 1 << 16;

const recentMax = 16;

/** kernelNamespace holds what the chain itself keeps in its state. */
export const kernelNamespace = "quoin";

/**
 * requireEd25519 refuses where this browser cannot verify: WebCrypto is there on https: and on this
 * machine's own addresses only, and knows Ed25519 since Chromium 137, Firefox 129 and Safari 17.
 * It asks for two verdicts, so that a browser that says yes to everything is found out.
 */
export async function requireEd25519() {
  const none = (why) => {
    throw new Refusal("no-ed25519", `Nothing can be verified in this browser: ${why}. Use \`quoin proof verify\`, or a newer browser.`);
  };
  if (!globalThis.crypto?.subtle) none("it has no WebCrypto on this page, which must come by https or from this machine");
  try {
    // RFC 8032, section 7.1, test 1.
    const key = fromHex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", 32);
    const signature = fromHex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b", 64);
    const [yes, no] = [await verifySignature(key, new Uint8Array(), signature), await verifySignature(key, Uint8Array.of(1), signature)];
    if (!yes || no) none("its Ed25519 gives wrong answers");
  } catch (e) {
    if (e instanceof Refusal) throw e;
    none("its WebCrypto does not know Ed25519 (Chromium 137, Firefox 129 and Safari 17 do)");
  }
}

const imported = new Map(); // keys by their hexadecimal form

/** verifySignature reports whether a signature by the rules for votes and checkpoints verifies. */
async function verifySignature(key, message, signature) {
  if (isZero(key)) return false;
  const name = hex(key);
  if (!imported.has(name)) {
    if (imported.size >= 1024) imported.clear();
    imported.set(name, crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]).catch((e) => e));
  }
  const known = await imported.get(name);
  if (known instanceof Error) {
    imported.delete(name);
    if (known.name === "NotSupportedError") throw known;
    return false; // no point of the curve
  }
  return crypto.subtle.verify("Ed25519", known, signature, message);
}

/** genesisAnchor reads a genesis file as a trust anchor: {origin, time, configuration, digest}. */
export async function genesisAnchor(text) {
  const g = parseGenesis(text);
  const digest = await sha256(g.bytes);
  return { origin: `${g.network}/${g.chain}/${hex(digest)}`, time: g.time, configuration: g.configuration, digest };
}

/** originID returns what stands for an origin in signed bytes. */
const originID = (origin) => sha256(utf8(origin));

/** transactionID returns a transaction's identity on the chain of an origin. */
export async function transactionID(t, origin) {
  return sha256(utf8("quoin/transaction/v1\n"), await originID(origin), transactionBody(t));
}

/** epochKey is the key of an epoch's configuration in the kernel's namespace. */
const epochKey = (epoch) => utf8(`epoch/${epoch}`);

/** total returns the weight of a validator set. */
export const total = (set) => set.reduce((sum, v) => sum + v.weight, 0n);

/** isQuorum reports whether weight is more than two thirds of the set's. */
const isQuorum = (set, weight) => weight <= total(set) && 3n * weight > 2n * total(set);

/** signerNames returns the names of who signed a certificate of the set's epoch. */
export const signerNames = (certificate, set) => members(certificate.signers).map((i) => set[i].name);

/** trim returns a certificate with only as many signatures as a quorum of set needs. */
export function trim(certificate, set) {
  const signers = members(certificate.signers);
  let weight = 0n;
  for (let k = 0; k < signers.length && signers[k] < set.length; k++) {
    weight += set[signers[k]].weight;
    if (isQuorum(set, weight)) {
      return { checkpoint: certificate.checkpoint, signers: bitmapOf(signers.slice(0, k + 1)), signatures: certificate.signatures.slice(0, k + 1) };
    }
  }
  return certificate;
}

/** verifyCertificate refuses unless a quorum of set, the validators of the checkpoint's epoch, signed. */
export async function verifyCertificate(certificate, origin, set) {
  const c = certificate.checkpoint;
  if (c.origin !== origin) refuse(`It is of chain ${c.origin}, want ${origin}.`);
  const signers = members(certificate.signers);
  if (signers.length !== certificate.signatures.length) refuse(`${signers.length} signers and ${certificate.signatures.length} signatures.`);
  if (signers.some((i) => i >= set.length)) refuse(`A signer beyond the ${set.length} validators of epoch ${c.epoch}.`);
  const weight = signers.reduce((sum, i) => sum + set[i].weight, 0n);
  if (!isQuorum(set, weight)) refuse(`Its signers weigh ${weight} of ${total(set)}, which is no quorum.`);
  const message = cosignedBytes(c);
  const verdicts = await Promise.all(signers.map((i, k) => verifySignature(set[i].key, message, certificate.signatures[k])));
  const bad = verdicts.indexOf(false);
  if (bad >= 0) refuse(`The signature of ${set[signers[bad]].name} does not verify.`);
}

/** contradicts reports whether two checkpoints of one height differ in what they say of the history. */
function contradicts(a, b) {
  return b !== null && a.height === b.height && b.height > 0n &&
    (a.size !== b.size || !equal(a.ledger, b.ledger) || !equal(a.state, b.state) || a.time !== b.time);
}

/**
 * Verifier follows a chain's validators from a trust anchor and verifies by them. A certificate of
 * epoch e counts only for the heights of e; e+1 is believed only under a certificate of e at the
 * height just before the first that it names.
 */
export class Verifier {
  newest = null; // the highest checkpoint that was verified
  #epochs;
  #recent = new Set(); // digests of certificates that verified: many answers carry the same

  constructor(anchor) {
    this.origin = anchor.origin;
    this.#epochs = [{ configuration: anchor.configuration, last: 0n, link: null }];
  }

  /** epoch is the newest epoch that is known. */
  get epoch() {
    return this.#last.configuration.epoch;
  }

  get #last() {
    return this.#epochs[this.#epochs.length - 1];
  }

  /** configuration returns the configuration of an epoch, or undefined if it is not known. */
  configuration(epoch) {
    return this.#at(epoch)?.configuration;
  }

  #at(epoch) {
    return this.#epochs[Number(epoch - this.#epochs[0].configuration.epoch)];
  }

  /** links returns the proofs that lead from the anchor to an epoch. */
  links(to) {
    return this.#epochs.slice(1).filter((e) => e.configuration.epoch <= to).map((e) => e.link);
  }

  /** verifyCertificate refuses a certificate that no quorum of its epoch made for a height of that epoch. */
  async verifyCertificate(certificate) {
    const known = this.#epochs.length;
    const digest = hex(await sha256(cosignedBytes(certificate.checkpoint), certificate.signers, ...certificate.signatures));
    if (this.#recent.has(digest)) return;
    await this.#verify(certificate);
    const c = certificate.checkpoint;
    if (contradicts(c, this.newest)) throw new Refusal("fork", `The chain is forked at height ${c.height}: two certificates that verify contradict each other. Keep both, and compare with others.`);
    if (c.height > (this.newest?.height ?? 0n)) this.newest = c;
    if (known !== this.#epochs.length) return; // what was good while the end was not known may not be any more
    if (this.#recent.size >= recentMax) this.#recent.clear();
    this.#recent.add(digest);
  }

  async #verify(certificate) {
    const c = certificate.checkpoint;
    if (c.origin !== this.origin) refuse(`It is of chain ${c.origin}, this is ${this.origin}.`);
    if (c.epoch > this.epoch) throw new Refusal("epoch-unknown", `The certificate is of epoch ${c.epoch}, known up to ${this.epoch}.`);
    const e = this.#at(c.epoch);
    if (e === undefined) refuse(`Its certificate is of epoch ${c.epoch}, before the trust anchor.`);
    if (c.height < e.configuration.first || (e.last !== 0n && c.height > e.last)) refuse(`A certificate of epoch ${c.epoch} for height ${c.height}, which is not of that epoch.`);
    await verifyCertificate(certificate, this.origin, e.configuration.validators);
  }

  /** extend takes the proof of the epoch after the newest known one: {certificate, proof}. */
  async extend({ certificate, proof }) {
    const now = this.#last, c = certificate.checkpoint;
    if (c.epoch !== this.epoch) refuse(`It leads on from epoch ${c.epoch}, known up to ${this.epoch}.`);
    if (this.#epochs.length >= epochsMax) throw new Refusal("anchor", `More than ${epochsMax} epochs from the trust anchor; use a newer one.`);
    const configuration = await this.#extension(certificate, proof);
    if (this.#last !== now) refuse("Two proofs of one epoch at once.");
    now.last = c.height;
    this.#recent.clear();
    this.#epochs.push({ configuration, last: 0n, link: { certificate: trim(certificate, now.configuration.validators), proof } });
    if (c.height > (this.newest?.height ?? 0n)) this.newest = c;
  }

  async #extension(certificate, proof) {
    const c = certificate.checkpoint, epoch = c.epoch + 1n;
    await this.#verify(certificate);
    const value = await verifyState(proof, c.state, kernelNamespace, epochKey(epoch));
    if (value === null) refuse(`Height ${c.height} does not end epoch ${c.epoch}.`);
    const next = decode(value, readConfiguration);
    if (next.epoch !== epoch || next.first !== c.height + 1n) refuse(`The configuration is of epoch ${next.epoch} from height ${next.first} on, its proof of epoch ${epoch} after height ${c.height}.`);
    return next;
  }

  /** verifyEntry verifies that an entry stands at its index of the ledger under a certificate that was verified. */
  async verifyEntry(checkpoint, index, bytes, path) {
    await verifyInclusion(await leafHash(bytes), index, checkpoint.size, checkpoint.ledger, splitHashes(path));
    const entry = decode(bytes, readEntry);
    return { ...entry, id: await transactionID(entry.transaction, this.origin) };
  }
}
