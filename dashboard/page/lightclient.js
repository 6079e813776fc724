// A light client: it asks the node that serves this page, and returns only what it has verified with
// a Verifier. It is package client in the browser; what a node says without proof is marked as such.

import { base64, decimal, decode, equal, fromBase64, hex, newCertificate, readEntry, readHeader, refuse, utf8, transactionBytes } from "./canonical.js";
import { Edge, leafHash, sha256, verifyState } from "./merkle.js";
import { Verifier, signerNames, transactionID, trim } from "./verify.js";

// JSON of the API: 64-bit numbers are strings, bytes are base64, what is zero or empty is left out.
const number = (v) => decimal(v ?? "0") ?? refuse("A number of the answer is none.");
const bytes = (v) => fromBase64(v ?? "") ?? refuse("Bytes of the answer are not in base64.");
const list = (v) => (Array.isArray(v ?? []) ? (v ?? []) : refuse("A list of the answer is none."));
const certificateOf = (m) => newCertificate(m?.checkpoint ?? "", bytes(m?.signers), list(m?.signatures).map(bytes));

/** blocksMax bounds the blocks that wait for one certificate. */
const blocksMax = 1024;

/** LightClient verifies the answers of one node. ask(service, method, body) returns the answer's JSON. */
export class LightClient {
  #ask;
  #following = Promise.resolve();

  constructor(ask, anchor) {
    this.#ask = ask;
    this.anchor = anchor;
    this.verifier = new Verifier(anchor);
  }

  /** signers returns the names of who signed a certificate that was verified. */
  signers(certificate) {
    return signerNames(certificate, this.verifier.configuration(certificate.checkpoint.epoch).validators);
  }

  /** checkpoint returns the newest certificate, or the first from a height on. */
  async checkpoint(from = 0n) {
    const m = await this.#ask("LedgerService", "GetCheckpoint", { fromHeight: String(from) });
    return this.#certificate(m.certificate);
  }

  /** blocks returns certified blocks from a height on, and the height at which to go on. */
  blocks(from, limit) {
    return this.feed(from).more(limit);
  }

  /**
   * feed follows the ledger from a height on: each call of more brings the next certified blocks, each of
   * which stands on the one before, so that every checkpoint is shown to extend those before it.
   */
  feed(from) {
    const follower = new Follower(this.verifier, from);
    return { more: (limit) => this.#more(follower, limit) };
  }

  async #more(follower, limit) {
    const m = await this.#ask("LedgerService", "ListBlocks", { fromHeight: String(follower.next), limit });
    const blocks = [];
    for (const s of list(m.segments)) {
      follower.begin(decode(bytes(s.edge), Edge.read));
      for (const b of list(s.blocks)) await follower.add(b);
      const certificate = await this.#certificate(s.certificate);
      blocks.push(...(await follower.certify(certificate, list(s.tails).map(bytes))));
    }
    return { blocks, next: follower.next };
  }

  /** entry returns the receipt of an entry of the ledger. */
  async entry(index) {
    const r = await this.#receipt({ entry: String(index) });
    return r.index === index ? r : refuse("The receipt is of another entry.");
  }

  /** transaction returns the receipt of a transaction within the chain's expiry window. */
  async transaction(id) {
    const r = await this.#receipt({ id: base64(id) });
    return equal(r.id, id) ? r : refuse("The receipt is of another transaction.");
  }

  async #receipt(by) {
    const m = await this.#ask("LedgerService", "GetTransaction", by);
    return this.#verifyReceipt(m.receipt, await this.#certificate(m.certificate));
  }

  async #verifyReceipt(m, certificate) {
    const index = number(m?.place?.entry), path = bytes(m?.path), entry = bytes(m?.entry);
    const e = await this.verifier.verifyEntry(certificate.checkpoint, index, entry, path);
    const height = number(m.place?.height); // of the block: the node's word
    if (height > certificate.checkpoint.height) refuse(`A block of height ${height} under a certificate of ${certificate.checkpoint.height}.`);
    return { ...e, index, height, certificate, proof: { kind: "entry", index, value: entry, proof: path, ...this.#grounds(certificate) } };
  }

  /** value returns what the certified state says of a key: value is null if the key is not there. */
  async value(namespace, key) {
    const least = this.verifier.newest?.height ?? 0n;
    const m = await this.#ask("StateService", "Get", { namespace, keys: [base64(key)], minHeight: String(least) });
    const certificate = await this.#certificate(m.certificate);
    if (certificate.checkpoint.height < least) refuse(`The state of height ${certificate.checkpoint.height}; height ${least} was known already.`);
    const values = list(m.values), v = values[0];
    if (values.length !== 1) refuse(`${values.length} values of one key.`);
    const value = await verifyState(bytes(v.proof), certificate.checkpoint.state, namespace, key);
    if ((value !== null) !== (v.present ?? false) || !equal(value ?? new Uint8Array(), bytes(v.value)) || !equal(bytes(v.key), key)) refuse("A value other than its proof shows.");
    const proof = { kind: "state", namespace, key, present: value !== null, value: value ?? new Uint8Array(), proof: bytes(v.proof), ...this.#grounds(certificate) };
    return { namespace, key, value, certificate, proof };
  }

  /** submit hands over a signed transaction and waits until it is final: {stage, code} and, if it is, its receipt. */
  async submit(t) {
    const transaction = {
      sender: base64(t.sender), salt: String(t.salt), expiry: String(t.expiry), namespace: t.namespace, payload: base64(t.payload), signature: base64(t.signature),
    };
    const m = await this.#ask("LedgerService", "Submit", { transactions: [transaction], wait: "STAGE_CERTIFIED" });
    const outcome = list(m.outcomes)[0] ?? refuse("No outcome of the transaction.");
    const stage = outcome.stage;
    if (stage === "STAGE_REFUSED" || stage === "STAGE_EXPIRED") return { stage, code: String(outcome.code ?? "") };
    if (stage !== "STAGE_CERTIFIED") refuse(`STAGE_CERTIFIED was asked for, ${stage} answered.`);
    const certificates = [];
    for (const c of list(m.certificates)) certificates.push(await this.#certificate(c));
    const certificate = certificates[outcome.receipt?.certificate ?? 0] ?? refuse("A certified transaction without receipt or certificate.");
    const receipt = await this.#verifyReceipt(outcome.receipt, certificate);
    const sent = transactionBytes(t);
    if (!equal(receipt.id, await transactionID(t, this.verifier.origin)) || !equal(transactionBytes(receipt.transaction), sent)) refuse("The receipt is of another transaction.");
    return { stage, code: String(outcome.code ?? ""), receipt };
  }

  /** status returns how the node says that it is: its word, without proof. */
  status() {
    return this.#ask("StatusService", "GetStatus", {});
  }

  /** ask passes a request on: the answer is the node's word. */
  ask(service, method, body) {
    return this.#ask(service, method, body);
  }

  #grounds(certificate) {
    const epoch = certificate.checkpoint.epoch;
    return { certificate: trim(certificate, this.verifier.configuration(epoch).validators), epochs: this.verifier.links(epoch) };
  }

  async #certificate(m) {
    const certificate = certificateOf(m);
    if (certificate.checkpoint.origin !== this.verifier.origin) refuse(`This node serves chain ${certificate.checkpoint.origin}, you trust ${this.verifier.origin}.`);
    await this.follow(certificate.checkpoint.epoch);
    await this.verifier.verifyCertificate(certificate);
    return certificate;
  }

  /** follow brings the verifier to an epoch, one call after the other. */
  follow(epoch) {
    this.#following = this.#following.catch(() => {}).then(() => this.#follow(epoch));
    return this.#following;
  }

  async #follow(epoch) {
    while (this.verifier.epoch < epoch) {
      const from = this.verifier.epoch;
      const m = await this.#ask("LedgerService", "ListEpochProofs", { fromEpoch: String(from) });
      const proofs = list(m.proofs);
      for (const p of proofs) {
        const certificate = certificateOf(p.certificate);
        if (certificate.checkpoint.epoch < this.verifier.epoch) continue; // known already
        await this.verifier.extend({ certificate, proof: bytes(p.proof) });
      }
      if (this.verifier.epoch === from) refuse(`A certificate of epoch ${epoch} without proof of epoch ${from + 1n}.`);
    }
  }
}

/**
 * Follower verifies consecutive blocks: their ids by the links from the certified one back, their
 * entries by the certified root of the ledger.
 */
class Follower {
  #verifier;
  #parent = null; // id of the block before
  #edge = null; // after what is waiting
  #waiting = [];

  constructor(verifier, from) {
    this.#verifier = verifier;
    this.next = from;
  }

  /** begin takes the ledger's edge before the first block: a wrong one leads to another root than the certified one. */
  begin(edge) {
    if (this.#edge !== null && !this.#edge.same(edge)) refuse("The ledger does not go on where it was.");
    this.#edge = edge;
  }

  async add(m) {
    const raw = bytes(m.header), header = decode(raw, readHeader), sent = list(m.entries).map(bytes);
    if (header.height !== this.next) refuse(`Block ${header.height}, want ${this.next}.`);
    if (this.#waiting.length > 0 && header.epoch !== this.#waiting[0].header.epoch) refuse(`Epoch ${this.#waiting[0].header.epoch} ends without a certificate.`);
    if (this.#parent !== null && !equal(header.parent, this.#parent)) refuse(`Block ${header.height} does not stand on the one before.`);
    if (header.count !== sent.length) refuse(`${sent.length} entries of a block of ${header.count} transactions.`);
    const block = { header, id: await blockID(raw), firstEntry: this.#edge.size, entries: sent.map((b) => decode(b, readEntry)) };
    for (const b of sent) await this.#edge.append(await leafHash(b));
    const body = await sha256(...[new Uint8Array(), ...block.entries.map((e) => transactionBytes(e.transaction))]);
    const said = [number(m.height), number(m.epoch), number(m.view), number(m.timeMs), number(m.firstEntry), BigInt(m.proposer ?? 0)];
    const held = [header.height, header.epoch, header.view, header.time, block.firstEntry, BigInt(header.proposer)];
    if (!equal(body, header.bodyHash) || !equal(bytes(m.id), block.id) || said.some((v, i) => v !== held[i])) {
      refuse(`The fields of block ${header.height} are not those of its header and entries.`);
    }
    if (this.#waiting.push(block) > blocksMax) refuse(`${blocksMax} blocks without a certificate.`);
    [this.#parent, this.next] = [block.id, header.height + 1n];
  }

  /** certify takes the verified certificate of the last block, or of a tail block on it, and returns the blocks that it makes final. */
  async certify(certificate, tails) {
    if (this.#waiting.length === 0) refuse("A certificate without blocks.");
    const last = this.#waiting[this.#waiting.length - 1].header, c = certificate.checkpoint;
    if (c.height !== last.height || c.epoch !== last.epoch || c.time !== last.time) refuse(`The certificate is of height ${c.height}, the last block of ${last.height}.`);
    if (c.size !== this.#edge.size || !equal(c.ledger, await this.#edge.root())) refuse(`The entries up to height ${last.height} are not those of the certified ledger.`);
    await this.#reaches(c.block, last, tails);
    const set = this.#verifier.configuration(c.epoch).validators;
    const blocks = this.#waiting.map((b) => ({ ...b, certificate, proposer: set[b.header.proposer] ?? refuse(`Proposer ${b.header.proposer} of ${set.length} validators.`) }));
    this.#waiting = [];
    return blocks;
  }

  /** reaches checks that the certified block is the last one, or a tail block that stands on it. */
  async #reaches(certified, last, tails) {
    let at = this.#parent;
    for (const raw of tails) {
      if (equal(at, certified)) refuse("More tail blocks than the certificate needs.");
      const t = decode(raw, readHeader);
      if (!equal(t.parent, at) || t.epoch !== last.epoch || t.height !== last.height || t.time !== last.time || t.count !== 0) refuse(`A tail block that does not stand on block ${last.height}.`);
      at = await blockID(raw);
    }
    if (!equal(at, certified)) refuse(`The certificate is of another block than ${hex(at)}.`);
  }
}

/** blockID returns the id of a block from its header's canonical bytes. */
const blockID = (header) => sha256(utf8("quoin/block/v1\n"), header);
