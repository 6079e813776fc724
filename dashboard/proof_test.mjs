// Runs what the page verifies and signs with under Node.js, for proof_test.go: one JSON request a
// line on standard input, one JSON answer a line on standard output. An answer holds "said", a text
// that the Go side makes too, or the code of a refusal.

import { createInterface } from "node:readline";
import { fromBase64, base64, decode, hex, Refusal, transactionBytes } from "./page/canonical.js";
import { configurationBytes, parameters, readConfiguration } from "./page/configuration.js";
import { codeName, decodeCommand, encodeCommand, inWords } from "./page/governance.js";
import { LightClient } from "./page/lightclient.js";
import { splitHashes, verifyConsistency, verifyInclusion } from "./page/merkle.js";
import { signedNote } from "./page/note.js";
import { parseProof, proofText, verifyProof } from "./page/prooffile.js";
import { kernelTransaction, readKeyFile, signTransaction } from "./page/signing.js";
import { verifyGrowth } from "./page/tiles.js";
import { genesisAnchor, requireEd25519, Verifier } from "./page/verify.js";

const missing = (path) => Promise.reject(new Error(`no tile ${path}`));

const big = (v) => BigInt(v);

async function anchorOf(q) {
  const anchor = await genesisAnchor(q.genesis);
  return q.origin ? { ...anchor, origin: q.origin } : anchor;
}

const entryText = (e) => `${hex(e.id)} ${e.result.code} ${hex(e.result.output)} ${hex(transactionBytes(e.transaction))}`;

const operations = {
  async ready() {
    await requireEd25519();
    return "ready";
  },
  async proof(q) {
    const x = await verifyProof(fromBase64(q.file), await anchorOf(q));
    const what = x.kind === "entry" ? `${x.index} ${entryText({ ...x.entry, id: x.id })}` : `${x.namespace} ${hex(x.key)} ${x.present} ${hex(x.value ?? [])}`;
    return `${x.kind} ${x.checkpoint.height} ${x.signers.join(",")} ${what}`;
  },
  async rewrite(q) {
    return proofText(parseProof(fromBase64(q.file)));
  },
  // steps on one verifier: what each said.
  async steps(q) {
    const v = new Verifier(await anchorOf(q));
    const said = [];
    for (const step of q.steps) {
      const p = parseProof(fromBase64(step.file)); // a carrier of a certificate and a proof
      try {
        if (step.extend) await v.extend({ certificate: p.certificate, proof: p.proof });
        else await v.verifyCertificate(p.certificate);
        said.push(`ok ${v.epoch} ${v.newest?.height ?? 0n}`);
      } catch (e) {
        if (!(e instanceof Refusal)) throw e;
        said.push(e.code);
      }
    }
    return said.join(";");
  },
  async genesis(q) {
    return (await genesisAnchor(q.genesis)).origin;
  },
  async configuration(q) {
    return base64(configurationBytes(decode(fromBase64(q.bytes), readConfiguration)));
  },
  async parameters() {
    return parameters.map((p) => p.join(" ")).join("\n");
  },
  async inclusion(q) {
    await verifyInclusion(fromBase64(q.leaf), big(q.index), big(q.size), fromBase64(q.root), splitHashes(fromBase64(q.path)));
    return "ok";
  },
  async consistency(q) {
    await verifyConsistency(big(q.from), fromBase64(q.fromRoot), big(q.to), fromBase64(q.toRoot), splitHashes(fromBase64(q.path)));
    return "ok";
  },
  // whether a ledger begins with another, by the tiles {path: bytes}.
  async growth(q) {
    const read = async (path) => fromBase64(q.tiles[path] ?? (await missing(path)));
    await verifyGrowth({ size: big(q.from), ledger: fromBase64(q.fromRoot) }, { size: big(q.to), ledger: fromBase64(q.toRoot) }, read);
    return "ok";
  },
  // answers of a node, canned: {method: JSON}.
  async ask(q) {
    const c = new LightClient(async (_, method) => q.answers[method] ?? {}, await anchorOf(q));
    if (q.newest) await c.checkpoint();
    switch (q.call) {
      case "checkpoint":
        return `${(await c.checkpoint()).checkpoint.height}`;
      case "blocks": {
        const { blocks, next } = await c.blocks(big(q.from), 0);
        const text = blocks.map((b) => `${hex(b.id)} ${b.proposer.name} ${b.firstEntry} ${b.certificate.checkpoint.height} ${b.entries.map((e) => `${e.result.code} ${hex(transactionBytes(e.transaction))}`).join(",")}`);
        return `${next};${text.join(";")}`;
      }
      case "entry":
        return entryText(await c.entry(big(q.index)));
      case "transaction":
        return entryText(await c.transaction(fromBase64(q.id)));
      case "value": {
        const v = await c.value(q.namespace, fromBase64(q.key));
        return `${v.value === null ? "absent" : hex(v.value)}`;
      }
      case "proof":
        return proofText((await c.entry(big(q.index))).proof);
      case "note": {
        const certificate = await c.checkpoint();
        return signedNote(certificate, c.verifier.configuration(certificate.checkpoint.epoch).validators);
      }
    }
    throw new Error(q.call);
  },
  async sign(q) {
    const keys = await readKeyFile(fromBase64(q.key));
    const command = Object.fromEntries(Object.entries(q.command).map(([name, v]) => [name, /^[0-9]+n$/.test(v) ? BigInt(v.slice(0, -1)) : v]));
    if (command.kind === "revoke") command.key = fromBase64(command.key);
    const payload = encodeCommand(command);
    const { transaction, id } = await kernelTransaction(keys.publicKey, q.origin, { salt: big(q.salt), expiry: big(q.expiry), payload });
    const read = decodeCommand(payload);
    if (base64(encodeCommand(read)) !== base64(payload) || inWords(read) === "") throw new Error("the command reads otherwise than it was written");
    const exported = await crypto.subtle.exportKey("jwk", keys.key).then(() => true, () => false);
    if (exported) throw new Error("the key can be exported");
    return base64(transactionBytes(await signTransaction(keys.key, transaction, id)));
  },
  async codes(q) {
    return q.codes.map(codeName).join(" ");
  },
  async command(q) {
    const c = decodeCommand(fromBase64(q.bytes));
    return c.whole ? base64(encodeCommand(c)) : `part ${c.kind}`;
  },
};

for await (const text of createInterface({ input: process.stdin })) {
  const q = JSON.parse(text);
  let answer;
  try {
    answer = { said: await operations[q.op](q) };
  } catch (e) {
    answer = e instanceof Refusal ? { code: e.code, sentence: e.message } : { code: "broken", sentence: e.stack };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
