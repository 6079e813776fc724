// A certificate as a C2SP signed note, which stock tools verify: package ledger's SignedNote.

import { base64, checkpointText, concat, fromHex, members, refuse, utf8, Writer } from "./canonical.js";
import { sha256 } from "./merkle.js";
import { importKey, pkcs8Head } from "./privatekey.js";

const ed25519Type = 0x01, cosignatureType = 0x04;

/**
 * signedNote renders a certificate by members of set as a signed note. Its first signature is by a
 * key that anybody can derive from the genesis: it names the log and proves nothing.
 */
export async function signedNote(certificate, set) {
  const c = certificate.checkpoint, text = checkpointText(c), network = c.origin.split("/")[0];
  const log = await logKey(c.origin);
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", log.key, utf8(text)));
  let note = `${text}\n${line(c.origin, await keyID(c.origin, ed25519Type, log.publicKey), signature)}`;
  const stamp = new Writer().uint64(c.time / 1000n).bytes();
  for (const [k, i] of members(certificate.signers).entries()) {
    const name = `${network}/${set[i].name}`;
    note += line(name, await keyID(name, cosignatureType, set[i].key), concat(stamp, certificate.signatures[k]));
  }
  return note;
}

const line = (name, id, signed) => `— ${name} ${base64(concat(id, signed))}\n`;

const keyID = async (name, type, key) => (await sha256(utf8(`${name}\n`), Uint8Array.of(type), key)).subarray(0, 4);

function logKey(origin) {
  const genesis = fromHex(origin.slice(-64), 32) ?? refuse("An origin without the genesis hash.");
  return sha256(utf8("quoin/log-key/v1\n"), genesis).then((seed) => importKey(concat(pkcs8Head, seed)));
}
